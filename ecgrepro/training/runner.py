"""Running trials: what exists is skipped, what was interrupted goes on, one bar over all of them."""

import sys
import time

from tqdm import tqdm

from ecgrepro.errors import SettingsError
from ecgrepro.training.finetune import finetune
from ecgrepro.training.pretrain import pretrain

RUN = {"pretraining": pretrain, "fine-tuning": finetune}
#: Seconds to wait where every trial left is in the hands of another process.
WAIT = 5


def run(trials, store, workspace, *, progress=True, annotate=lambda trial: {}):
    """Run trials in this process, one after another, pre-training before what stems from it.

    Several processes may run the same list: a trial is locked while one of them works on it.

    Parameters
    ----------
    trials : list of Trial
    store : TrialStore
    workspace : Workspace
    progress : bool
        Show a bar with the estimated time left.
    annotate : callable
        Takes a trial, returns what else its run record shall hold (the hash of the rules it serves).

    Raises
    ------
    SettingsError
        A trial whose pre-training is not among the trials.
    """
    keys = {trial.key for trial in trials}
    orphans = [str(trial) for trial in trials if trial.parent and trial.parent not in keys]
    if orphans:
        raise SettingsError("trials", "every pre-training among them", f"none for {orphans[:2]}", "Add it.")
    waiting = [trial for trial in trials if not _done(trial, trials, store)]
    with tqdm(total=len(waiting), unit="trial", disable=not progress, file=sys.stderr) as bar:
        while waiting:
            ready = [trial for trial in waiting if _ready(trial, store)]
            if not any(_run_one(trial, store, workspace, bar, annotate) for trial in ready):
                time.sleep(WAIT)
            left = [trial for trial in waiting if not _done(trial, trials, store)]
            bar.update(len(waiting) - len(left))
            waiting = left


def _done(trial, trials, store):
    """Results are there, and so are the weights if an unfinished trial needs them."""
    if not store.has(trial):
        return False
    heirs = [other for other in trials if other.parent == trial.key and not store.has(other)]
    return all(store.weights(*_start(other)).exists() for other in heirs)


def _start(trial):
    key, share = trial.initialisation.split("@")
    return key, float(share)


def _ready(trial, store):
    return trial.parent is None or store.weights(*_start(trial)).exists()


def _run_one(trial, store, workspace, bar, annotate):
    with store.lock(trial) as mine:
        if not mine:
            return False
        workspace.check(trial)
        bar.set_description(str(trial))
        RUN[trial.stage](trial, store, workspace, bar.set_postfix_str, annotate(trial))
        return True
