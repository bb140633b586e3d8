"""Dask's workers against this process: 16 small trials, one thread of TensorFlow per worker in every arm.

    python benchmarks/runners.py       # some ten minutes on two quiet cores

Arms, in turns: `here`; one worker; two workers. A trial is one fine-tuning without early stopping that takes some
seconds. Each arm is a fresh process and runs one other trial first, so that loading TensorFlow, starting the cluster
and its workers' first look at the packages lie outside the figure; a second figure has them all inside.

Targets, written down before the measurement, for the figures without start: one worker at most 1.05 times the seconds
of `here`; two workers at least 1.7 times as fast as one, where there are two cores. With the start inside there is no
target: it costs some ten seconds once, whatever the number of trials.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
ARMS = {"here": None, "one worker": 1, "two workers": 2}
THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS", "NPROC")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--trials", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=30, help="of a trial; more make it longer")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--arm", choices=list(ARMS), help=argparse.SUPPRESS)  # what a process of ours is told
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def make_trials(workspace, n, epochs):
    from tests.training import tiny

    return [tiny.fine_tuning(workspace, seed=seed, epochs=epochs, patience=epochs) for seed in range(n)]


def run_arm(given):
    """Run one arm in this process, and print the seconds of its trials."""
    from ecgrepro.training import dask_cluster
    from ecgrepro.training.runner import run
    from tests.training import tiny

    workspace = tiny.open_workspace(given.folder / "corpora", given.folder / "work")
    first, *trials = make_trials(workspace, given.trials + 1, given.epochs)
    workers = ARMS[given.arm]
    with tempfile.TemporaryDirectory() as folder:
        store = tiny.open_store(Path(folder))
        if workers is None:
            run([first], store, workspace, progress=False)
            seconds = timed(run, trials, store, workspace, progress=False)
        else:
            with dask_cluster.connected(workers=workers) as client:
                there = {"runner": "dask", "scheduler": client.scheduler.address, "progress": False}
                # one for each worker: both have built a net before the clock starts
                warm = [tiny.fine_tuning(workspace, seed=1000 + i, epochs=1) for i in range(workers)]
                run([first, *warm], store, workspace, **there)
                seconds = timed(run, trials, store, workspace, **there)
    print(json.dumps(seconds))


def timed(function, *given, **named):
    began = time.perf_counter()
    function(*given, **named)
    return time.perf_counter() - began


def measure(arm, given, folder):
    """Seconds of an arm: (trials alone, the whole process)."""
    command = [sys.executable, __file__, "--arm", arm, "--folder", str(folder), "--trials", str(given.trials),
               "--epochs", str(given.epochs)]  # fmt: skip
    environment = os.environ | dict.fromkeys(THREADS, "1") | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    began = time.perf_counter()
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    whole = time.perf_counter() - began
    print(f"{arm}: {float(done.stdout):.1f} s, with start {whole:.1f} s", flush=True)
    return float(done.stdout), whole


def main():
    given = parse()
    if given.arm:
        run_arm(given)
        return
    import kills
    import report

    with tempfile.TemporaryDirectory() as folder:
        kills.make_corpora(Path(folder) / "corpora")
        rounds = [[measure(arm, given, folder) for arm in ARMS] for _ in range(given.rounds)]
    alone, whole = np.moveaxis(np.array(rounds), 2, 0)
    here, one, two = alone.T
    start = np.median(whole - alone, axis=0)
    each = f"{given.trials} trials of {np.median(here) / given.trials:.1f} s"
    cores = f"{each}; {os.cpu_count()} cores"
    report.write("runners", [
        report.row("seconds on one Dask worker against this process", np.median(one / here), "times", 1.05,
                   bound="at most", note=each),
        report.row("speed on two Dask workers against one", np.median(one / two), "times", 1.7, note=cores),
        report.row("the first, start included", np.median(whole[:, 1] / whole[:, 0]), "times", note=each),
        report.row("the second, start included", np.median(whole[:, 1] / whole[:, 2]), "times", note=cores),
        report.row("start of two Dask workers", start[2] - start[0], "seconds",
                   note="beyond that of this process, once per call"),
    ])  # fmt: skip


if __name__ == "__main__":
    main()
