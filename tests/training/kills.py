"""Killing workers and drivers at random moments while trials run, and comparing what they leave.

`benchmarks/kills.py` does it at length, `test_dask_runner.py` in short.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil

from tests.training import tiny

ROOT = Path(__file__).parents[2]
CODE = """
import sys
from tests.training.kills import drive
if __name__ == "__main__":
    drive(*sys.argv[1:])
"""
#: What a process is known by in its command line.
SIGNS = {"worker": "multiprocessing.spawn", "trial process": "ecgrepro.training.trial_process"}


def trials_of(workspace, n):
    """`n` trials in groups of five: a pre-training, three fine-tunings of it and one from random."""
    found = []
    for seed in range(-(-n // 5)):
        parent = tiny.pretraining(workspace, seed=seed)
        heirs = [tiny.fine_tuning(workspace, seed=seed, fold=fold, parent=parent) for fold in range(3)]
        found += [parent, *heirs, tiny.fine_tuning(workspace, seed=seed)]
    return found[:n]


def functions():
    """What trains, by kind of training, with a checkpoint every few steps."""
    from ecgrepro.training.finetune import finetune
    from tests.training.children import pretrain_in_blocks

    return {"frames": pretrain_in_blocks, "records": finetune}


def endless():
    """What never ends, by kind of training."""
    from tests.training.children import wait_for_ever

    return dict.fromkeys(("frames", "records"), wait_for_ever)


def drive(corpora, folder, n, train, workers, scheduler=None):
    """Run `n` trials on workers of this machine; `train` is the name of a function of this file."""
    from ecgrepro.training import runner

    folder = Path(folder)
    runner.RUN = globals()[train]()
    workspace = tiny.open_workspace(Path(corpora), folder / "work")
    runner.run(
        trials_of(workspace, int(n)), tiny.open_store(folder), workspace, runner="dask", scheduler=scheduler,
        workers=int(workers), progress=False,
    )  # fmt: skip


def start_driver(corpora, folder, n, *, train="functions", workers=2, scheduler=None):
    """Start a process that does `drive`."""
    folder.mkdir(parents=True, exist_ok=True)
    code = folder / "driver.py"  # a file, because Dask's workers import the main module of their driver
    code.write_text(CODE)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    given = [corpora, folder, n, train, workers, *([scheduler] if scheduler else [])]
    with (folder / "stderr").open("ab") as stderr:
        return subprocess.Popen([sys.executable, code, *map(str, given)], env=environment, stderr=stderr)


def offspring(driver, kind=None):
    """Processes that stem from the driver of this id, `kind` as in `SIGNS` or any."""
    sign = SIGNS.get(kind, "")
    found = []
    for process in psutil.Process(driver).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if sign in " ".join(process.cmdline()):
                found.append(process)
    return found


def kill_one(driver, kind, rng):
    """Kill a random process of a kind that stems from the driver of this id; whether there was one."""
    found = offspring(driver, kind)
    if not found:
        return False
    with suppress(psutil.NoSuchProcess):
        found[rng.integers(len(found))].send_signal(signal.SIGKILL)
    return True


def kill_driver(driver, seconds=30):
    """Kill a driver started with `start_driver`, and return those of its offspring that live on after `seconds`."""
    left = offspring(driver.pid)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    return psutil.wait_procs(left, timeout=seconds)[1]


def await_checkpoint(store, trials, wanted=lambda: True, seconds=120):
    """Wait, as long as that is `wanted`, until an unfinished trial writes a checkpoint; whether one has."""
    began, end = time.time(), time.monotonic() + seconds
    while wanted() and time.monotonic() < end:
        for trial in trials:
            with suppress(FileNotFoundError):
                if store.checkpoint(trial).stat().st_mtime > began and not store.has(trial):
                    return True
        time.sleep(0.01)
    return False


class Watch(threading.Thread):
    """Looks at results as they appear: one that is written twice is another file."""

    def __init__(self, store, trials):
        super().__init__(daemon=True)
        self.store, self.trials, self.first, self.twice, self._over = (
            store,
            trials,
            {},
            set(),
            threading.Event(),
        )

    def run(self):
        while not self._over.wait(0.05):
            self.look()

    def look(self):
        for trial in self.trials:
            path = self.store.results / trial.key / "run.json"
            try:
                found = (path.stat().st_ino, path.stat().st_mtime_ns)
            except FileNotFoundError:
                if trial in self.first:
                    self.twice.add(trial)
                continue
            if self.first.setdefault(trial, found) != found:
                self.twice.add(trial)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *error):
        self._over.set()
        self.join()
        self.look()


def unlike(trials, store, other):
    """Trials whose histories or logits are not the same, bit for bit, in two stores."""
    return [trial for trial in trials if _left(store, trial) != _left(other, trial)]


def _left(store, trial):
    table = store.results_of(trial.key)["predictions"]
    logits = table[[name for name in table if name.startswith("logit_")]].to_numpy().tobytes()
    rest = table[["part", "record_id", "label"]].to_csv()
    return logits, rest, (store.results / trial.key / "history.csv").read_bytes()
