"""Where trials leave what they found: appears in one rename, is never repeated, never overwritten.

``results/KEY/`` holds ``trial.json``, ``history.csv``, ``predictions.parquet`` and ``run.json``; these are small
and may be committed. ``work/KEY/`` holds weights and the checkpoint of an unfinished run; these are not.
"""

import fcntl
import json
import os
import shutil
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from ecgrepro.errors import DiskError
from ecgrepro.evaluation.predictions import read_predictions, write_predictions
from ecgrepro.training import checkpoint


class TrialStore:
    """Results and working files of the trials of a study at one scale.

    Parameters
    ----------
    results, work : str or Path
        Folders; made when first needed.
    """

    def __init__(self, results, work):
        self.results, self.work = Path(results), Path(work)

    def has(self, trial):
        """Whether the trial's results are there."""
        return (self.results / trial.key / "run.json").exists()

    def weights(self, key, share):
        """Path of the extractor's weights after a share of the pre-training trial `key`."""
        return self.work / key / f"extractor-{share:g}.npz"

    def checkpoint(self, trial):
        return self.work / trial.key / "checkpoint.npz"

    def commit(self, trial, history, predictions, run):
        """Make a trial's results appear, all at once, and drop its checkpoint.

        Parameters
        ----------
        history : list of dict
        predictions : DataFrame
            See `ecgrepro.evaluation.predictions`.
        run : dict

        Raises
        ------
        InputError
            Predictions that are none, such as logits of a diverged run; nothing is left behind.
        DiskError
            The disk is full; nothing is left behind, and the checkpoint stays.
        """
        if not self.has(trial):  # else re-run for its weights alone: the results first found stay
            self._write(trial, history, predictions, run)
        checkpoint.discard(self.checkpoint(trial))

    def _write(self, trial, history, predictions, run):
        place, partial = self.results / trial.key, self.results / f".{trial.key}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        try:
            partial.mkdir(parents=True)
            (partial / "trial.json").write_text(_json(trial.to_dict()))
            pd.DataFrame(history).to_csv(partial / "history.csv", index=False, float_format="%.6g")
            write_predictions(partial / "predictions.parquet", predictions)
            (partial / "run.json").write_text(_json(run))
            shutil.rmtree(place, ignore_errors=True)  # of a folder without run.json nothing can be said
            os.replace(partial, place)
        except OSError as error:
            fix = "Free some space and run again: the trial is finished from its checkpoint."
            raise DiskError(place, "a folder with room for the results", str(error), fix) from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def results_of(self, key):
        """Read the results of the trial `key`, see `read_result`."""
        return read_result(self.results / key)

    def lock(self, trial):
        """Hold a trial for this process; yields False where another process has it."""
        return locked(self.work / trial.key / "lock", wait=False)


@contextmanager
def locked(path, *, wait=True):
    """Hold the lock file `path` for this process, which the system takes back when the process dies.

    Yields whether it is ours; with `wait` it always is, in the end.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True


def _json(content):
    return json.dumps(content, indent=1, sort_keys=True) + "\n"


class Result(dict):
    """One trial's results: ``key``, ``trial``, ``run``, ``history``, ``predictions``.

    Predictions are read when they are first asked for: most of what a page or the ledger asks, such as which trials
    have finished, is answered without, and the tables of a pilot are some gigabytes in memory.
    """

    def __init__(self, folder, known):
        super().__init__(known)
        self.folder = folder

    def __missing__(self, name):
        if name != "predictions":
            raise KeyError(name)
        self[name] = read_predictions(self.folder / "predictions.parquet")
        return self[name]

    def __or__(self, other):
        return Result(self.folder, {**self, **other})


def read_result(folder):
    """Read one trial's results: `Result`."""
    folder = Path(folder)
    return Result(folder, {
        "key": folder.name,
        "trial": json.loads((folder / "trial.json").read_text()),
        "run": json.loads((folder / "run.json").read_text()),
        "history": pd.read_csv(folder / "history.csv"),
    })  # fmt: skip


def read_results(folder):
    """Read all trials of a results folder, sorted by key; an empty list where there are none."""
    return [read_result(path.parent) for path in sorted(Path(folder).glob("[0-9a-f]*/run.json"))]
