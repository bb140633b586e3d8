"""One trial of a list, tried by whoever comes first: this process, another one, or a worker of either runner."""


def is_done(trial, trials, store):
    """Results are there, and so are the weights if an unfinished trial needs them."""
    if not store.has(trial):
        return False
    heirs = [other for other in trials if other.parent == trial.key and not store.has(other)]
    return all(store.weights(*other.start).exists() for other in heirs)


def is_ready(trial, store):
    """Whether a trial starts from random weights, or those that it starts from are there."""
    return trial.start is None or store.weights(*trial.start).exists()


def attempt(train, trial, trials, store, workspace, report, notes):
    """Run a trial unless another process has it; whether it is finished now.

    Parameters
    ----------
    train : callable
        Takes `trial`, `store`, `workspace`, `report` and `notes`, as `pretrain` and `finetune` do.
    trial : Trial
    trials : list of Trial
        At least those that stem from `trial`.
    store : TrialStore
    workspace : Workspace
    report : callable
        Takes one line on where the run stands.
    notes : dict
        Further entries of the run record.
    """
    with store.lock(trial) as mine:
        if not mine:
            return False
        if not is_done(trial, trials, store):  # by another process, since we last looked
            workspace.check(trial)
            train(trial, store, workspace, report, notes)
        return True
