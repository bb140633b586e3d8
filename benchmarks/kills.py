"""Many small trials on Dask's workers that are killed at random throughout: every result, each once, all the same.

    python benchmarks/kills.py --runner dask --trials 50      # about a quarter of an hour on two cores

Three times the same trials: left alone, in this process; on workers of which a random one (or the process that
trains for it) is killed every few seconds; and on workers whose driver is killed and started again. Workers have the
threads that this process has, for sums depend on their number in the last bit. Target: no result is missing, none is
written twice, none differs in a bit. Ends with status 1 where that is missed.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runner", choices=["dask"], default="dask")
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--every", type=float, default=10, help="mean seconds until the next kill of a worker"
    )
    parser.add_argument(
        "--drivers", type=float, default=20, help="mean seconds until the next kill of a driver"
    )
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**31)
    return parser.parse_args()


def make_corpora(folder):
    """Ingest a small Holter set and hand-held recordings, synthetic both."""
    from ecgrepro.corpora.ingest import ingest
    from ecgrepro.corpora.synthetic_cinc2017 import handheld_records, write_cinc2017
    from ecgrepro.corpora.synthetic_writers import write_demo_data

    write_demo_data(folder / "published", patients=6, segments=2, samples=16_384, records=80, seed=1)
    ingest("icentia11k", folder / "published" / "icentia11k_wfdb", folder / "icentia11k", progress=False)
    handheld = write_cinc2017(folder / "handheld", handheld_records(3, 240))
    ingest("cinc2017", handheld, folder / "cinc2017", progress=False)
    return folder


def run_alone(trials, store, workspace):
    from ecgrepro.training import runner
    from tests.training import kills

    runner.RUN = kills.functions()
    runner.run(trials, store, workspace)


def run_killed(given, corpora, folder, trials, store, rng, pause, drivers):
    """Run trials with a driver of their own, kill at random until they are finished; the number of kills.

    Three kills of four wait for a checkpoint first, or a slow machine would come no further.

    Parameters
    ----------
    given : argparse.Namespace
    corpora, folder : Path
    trials : list of Trial
    store : TrialStore
    rng : numpy.random.Generator
    pause : float
        Mean seconds until a kill, from there on.
    drivers : bool
        Kill drivers, and not workers.
    """
    from tests.training import kills

    count, driver = 0, kills.start_driver(corpora, folder, given.trials, workers=given.workers)
    while driver.poll() is None:
        if rng.random() < 0.75:
            kills.await_checkpoint(store, trials, lambda driver=driver: driver.poll() is None)
        try:
            driver.wait(pause * rng.uniform(0, 2))
        except subprocess.TimeoutExpired:
            if not drivers:
                count += kills.kill_one(driver.pid, rng.choice(list(kills.SIGNS)), rng)
                continue
            count += 1
            assert not kills.kill_driver(driver), "workers outlived their driver"
            driver = kills.start_driver(corpora, folder, given.trials, workers=given.workers)
    if driver.returncode:
        print((folder / "stderr").read_text()[-3000:], file=sys.stderr)
        raise SystemExit(f"the driver ended with status {driver.returncode}")
    return count


def compare(trials, alone, store, watch, kills_done, what):
    """Rows of the report, and whether all is as it should be."""
    import report

    from tests.training import kills

    there = [trial for trial in trials if store.has(trial)]
    other = kills.unlike(there, store, alone)
    resumed = sum(store.results_of(trial.key)["run"]["resumed"] > 0 for trial in there)
    print(f"{what}: {kills_done} killed, {len(there)} of {len(trials)} results, {len(watch.twice)} written twice, "
          f"{len(other)} unlike those left alone, {resumed} resumed")  # fmt: skip
    note = f"{kills_done} killed, {resumed} trials resumed"
    named = f"{len(trials)} trials, {what} killed at random"
    rows = [
        report.row(f"{named}: results", len(there), "results", len(trials), note=note),
        report.row(f"{named}: written twice", len(watch.twice), "results", 0, bound="at most"),
        report.row(f"{named}: unlike those left alone", len(other), "results", 0, bound="at most"),
    ]
    return rows, all(row["met"] for row in rows) and kills_done > 0


def main():
    given = parse()
    threads = str(max(1, os.cpu_count() // given.workers))
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):  # before TensorFlow is loaded
        os.environ.setdefault(name, threads)
    import report

    from tests.training import kills, tiny

    rng, rows, fine = np.random.default_rng(given.seed), [], True
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        corpora = make_corpora(folder / "corpora")
        workspace = tiny.open_workspace(corpora, folder / "work")
        trials = kills.trials_of(workspace, given.trials)
        alone = tiny.open_store(folder / "alone")
        run_alone(trials, alone, workspace)
        for what, pause in (("workers", given.every), ("drivers", given.drivers)):
            store = tiny.open_store(folder / what)
            with kills.Watch(store, trials) as watch:
                where = corpora, folder / what, trials, store
                count = run_killed(given, *where, rng, pause, what == "drivers")
            found, met = compare(trials, alone, store, watch, count, what)
            rows, fine = rows + found, fine and met
    print(f"seed {given.seed}")
    report.write("kills", rows)
    sys.exit(not fine)


if __name__ == "__main__":
    main()
