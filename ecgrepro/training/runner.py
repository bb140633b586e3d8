"""Running trials: what exists is skipped, what was interrupted goes on, one bar over all of them."""

import sys
import time

from tqdm import tqdm

from ecgrepro.errors import SettingsError
from ecgrepro.training.attempt import attempt, is_done, is_ready
from ecgrepro.training.feasibility import check_all
from ecgrepro.training.finetune import finetune
from ecgrepro.training.pretrain import pretrain

#: What runs a trial, by `Trial.training`.
RUN = {"frames": pretrain, "records": finetune}
RUNNERS = ("here", "dask")
#: Seconds to wait where every trial left is in the hands of another process.
WAIT = 5


def run(
    trials, store, workspace, *, runner="here", scheduler=None, workers=None, progress=True,
    annotate=lambda trial: {},
):  # fmt: skip
    """Run trials, pre-training before what stems from it; what is finished is never repeated.

    Several processes may run the same list, each with a runner of its own: a trial is locked while one of them works
    on it.

    Parameters
    ----------
    trials : list of Trial
    store : TrialStore
    workspace : Workspace
    runner : {"here", "dask"}
        In this process, one after another; or on the workers of a Dask cluster, see `ecgrepro.training.dask_runner`.
    scheduler : str, optional
        Address of a running Dask scheduler, such as ``tcp://host:8786``; without it Dask's workers are started on
        this machine and end with the call.
    workers : int, optional
        How many workers to start, or to wait for where `scheduler` is given.
    progress : bool
        Show a bar with the estimated time left.
    annotate : callable
        Takes a trial, returns what else its run record shall hold (the hash of the rules it serves).

    Raises
    ------
    SettingsError
        A trial that cannot be run as described, or whose pre-training is not among the trials; with Dask also a
        scheduler that does not answer and a worker that would give other numbers or cannot reach the folders.
    """
    _check(trials)
    _check_runner(runner, scheduler, workers)
    waiting = [trial for trial in dict.fromkeys(trials) if not is_done(trial, trials, store)]
    check_all(waiting, workspace)
    # without `disable` the bar follows tqdm's own variable TQDM_DISABLE
    hidden = {} if progress else {"disable": True}
    with tqdm(total=len(waiting), unit="trial", file=sys.stderr, **hidden) as bar:
        if runner == "dask" and waiting:
            _run_with_dask(waiting, trials, store, workspace, scheduler, workers, bar, annotate)
        else:
            _run_here(waiting, trials, store, workspace, bar, annotate)


def _check(trials):
    """Refuse before anything runs what could not run later, or would wait for ever."""
    for trial in trials:
        trial.check()
    kept = {(trial.key, share) for trial in trials for share in getattr(trial.recipe, "checkpoints", ())}
    orphans = [str(trial) for trial in trials if trial.start and trial.start not in kept]
    if orphans:
        expected = "every pre-training among them, keeping the share that is started from"
        raise SettingsError("trials", expected, f"none for {orphans[:2]}", "Add it.")

    _check_widths(trials)


def _check_widths(trials):
    """Refuse a net that is to take over the weights of one of another width."""
    widths = {trial.key: trial.width for trial in trials}
    for trial in trials:
        if trial.parent and trial.width != widths[trial.parent]:
            raise SettingsError(f"{trial}, width", f"{widths[trial.parent]}, that of its pre-training",
                                repr(trial.width), "Give the pre-training the same width.")  # fmt: skip


def _check_runner(runner, scheduler, workers):
    if runner not in RUNNERS:
        raise SettingsError("runner", f"one of {', '.join(RUNNERS)}", repr(runner), "Name one of them.")
    if runner == "here" and (scheduler is not None or workers is not None):
        got = f"scheduler {scheduler!r}, workers {workers!r}"
        raise SettingsError("runner here", "neither scheduler nor workers", got, "Ask for runner dask.")
    if workers is not None and not (isinstance(workers, int) and workers >= 1):
        raise SettingsError("workers", "a whole number of at least 1", repr(workers), "Give another.")


def _run_with_dask(waiting, trials, store, workspace, scheduler, workers, bar, annotate):
    try:
        from ecgrepro.training.dask_runner import run_on_workers
    except ModuleNotFoundError as error:
        if error.name not in ("dask", "distributed"):
            raise
        fix = "Install it: pip install 'distributed>=2024.8', or ask for runner here."
        raise SettingsError(
            "runner dask", "the package distributed", f"no module {error.name}", fix
        ) from error
    run_on_workers(waiting, trials, store, workspace, scheduler=scheduler, workers=workers, bar=bar,
                   annotate=annotate, train=RUN, wait=WAIT)  # fmt: skip


def _run_here(waiting, trials, store, workspace, bar, annotate):
    while waiting:
        ready = [trial for trial in waiting if is_ready(trial, store)]
        if not any(_run_one(trial, trials, store, workspace, bar, annotate) for trial in ready):
            time.sleep(WAIT)
        left = [trial for trial in waiting if not is_done(trial, trials, store)]
        bar.update(len(waiting) - len(left))
        waiting = left


def _run_one(trial, trials, store, workspace, bar, annotate):
    def train(*given):
        bar.set_postfix_str("", refresh=False)
        bar.set_description(str(trial))
        RUN[trial.training](*given)

    return attempt(train, trial, trials, store, workspace, bar.set_postfix_str, annotate(trial))
