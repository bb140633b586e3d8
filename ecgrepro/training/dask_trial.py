"""What a trial process does for the driver: say whether it is fit to run its trials, and run one."""

from dataclasses import dataclass
from functools import lru_cache

import keras

from ecgrepro.errors import EcgreproError, SettingsError
from ecgrepro.training.attempt import attempt, is_ready
from ecgrepro.training.run_record import git_commit, versions
from ecgrepro.training.workspace import Workspace


@dataclass(frozen=True)
class Failure:
    """An error of ours on its way to the driver: an exception made from several arguments does not survive pickling.

    Attributes
    ----------
    kind : type of EcgreproError
    where, expected, got, fix : str
    unfit : bool
        The worker is to blame, not the trial.
    """

    kind: type
    where: str
    expected: str
    got: str
    fix: str
    unfit: bool = False

    @classmethod
    def of(cls, error, **more):
        return cls(type(error), error.where, error.expected, error.got, error.fix, **more)

    def error(self, worker):
        """Return the error, naming the worker if that is to blame."""
        where = f"worker {worker}, {self.where}" if self.unfit else self.where
        return self.kind(where, self.expected, self.got, self.fix)


@dataclass(frozen=True)
class Demands:
    """What a worker must have: the driver's packages and its corpora.

    Attributes
    ----------
    packages : tuple of (name, version)
        See `packages`.
    workspace : Workspace
    corpora : tuple of (name, fingerprint)
        Those that the trials name.
    """

    packages: tuple
    workspace: Workspace
    corpora: tuple


def packages():
    """Keras' backend, names and versions of what numbers depend on, and the commit: tuple of (name, version)."""
    return tuple({"backend": keras.backend.backend(), **versions(), "commit": git_commit()}.items())


def examine(say, demands):
    """Return the `Failure` that keeps this process from running trials as the driver would, or None."""
    return _examine(demands)


@lru_cache
def _examine(demands):
    theirs = dict(packages())
    for name, ours in demands.packages:
        if theirs.get(name, "") != ours:
            expected, got = f"{name} {ours or 'unknown'}, as here", f"{name} {theirs.get(name) or 'unknown'}"
            fix = "Install the same there, or start it from the same checkout, and start it again."
            return Failure(SettingsError, "packages", expected, got, fix, unfit=True)
    try:
        demands.workspace.check(demands)
    except EcgreproError as error:
        return Failure.of(error, unfit=True)
    return None


def run_trial(say, train, trial, heirs, store, demands, notes):
    """Run one trial in this process.

    Parameters
    ----------
    say : callable
        Takes one line on where the run stands.
    train : callable
        `pretrain` or `finetune`.
    trial : Trial
    heirs : list of Trial
        Those that stem from it.
    store : TrialStore
    demands : Demands
    notes : dict
        Further entries of the run record.

    Returns
    -------
    bool or Failure
        Whether the trial is finished; if not, another process has it, or the weights that it starts from cannot be
        seen on this machine yet. Exceptions that are not ours are raised.
    """
    failure = _examine(demands)
    if failure or not is_ready(trial, store):
        return failure or False
    try:
        say("")
        return attempt(train, trial, heirs, store, _one(demands.workspace), say, notes)
    except EcgreproError as error:
        return Failure.of(error)


@lru_cache
def _one(workspace):
    """Return the first of equal workspaces: what it has opened stays open for the trials to come."""
    return workspace
