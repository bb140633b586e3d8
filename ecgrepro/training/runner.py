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
        A trial that cannot be run as described, or whose pre-training is not among the trials.
    """
    _check(trials)
    waiting = [trial for trial in trials if not _done(trial, trials, store)]
    # without `disable` the bar follows tqdm's own variable TQDM_DISABLE
    hidden = {} if progress else {"disable": True}
    with tqdm(total=len(waiting), unit="trial", file=sys.stderr, **hidden) as bar:
        while waiting:
            ready = [trial for trial in waiting if _ready(trial, store)]
            if not any(_run_one(trial, trials, store, workspace, bar, annotate) for trial in ready):
                time.sleep(WAIT)
            left = [trial for trial in waiting if not _done(trial, trials, store)]
            bar.update(len(waiting) - len(left))
            waiting = left


def _check(trials):
    """Refuse before anything runs what could not run later, or would wait for ever."""
    for trial in trials:
        trial.check()
    kept = {(trial.key, share) for trial in trials for share in getattr(trial.recipe, "checkpoints", ())}
    orphans = [str(trial) for trial in trials if trial.start and trial.start not in kept]
    if orphans:
        expected = "every pre-training among them, keeping the share that is started from"
        raise SettingsError("trials", expected, f"none for {orphans[:2]}", "Add it.")


def _done(trial, trials, store):
    """Results are there, and so are the weights if an unfinished trial needs them."""
    if not store.has(trial):
        return False
    heirs = [other for other in trials if other.parent == trial.key and not store.has(other)]
    return all(store.weights(*other.start).exists() for other in heirs)


def _ready(trial, store):
    return trial.start is None or store.weights(*trial.start).exists()


def _run_one(trial, trials, store, workspace, bar, annotate):
    """Run a trial unless another process has it; whether it is finished now."""
    with store.lock(trial) as mine:
        if not mine:
            return False
        if _done(trial, trials, store):  # by another process, since we last looked
            return True
        workspace.check(trial)
        bar.set_postfix_str("", refresh=False)
        bar.set_description(str(trial))
        RUN[trial.stage](trial, store, workspace, bar.set_postfix_str, annotate(trial))
        return True
