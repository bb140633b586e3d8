"""Which records and patients a trial trains on, validates on, tests on and holds out: nothing but its seed decides."""

from dataclasses import dataclass

import numpy as np

from ecgrepro.frames.splits import hold_out, stratified_folds
from ecgrepro.training.seeds import derive


@dataclass(frozen=True)
class Parts:
    """Positions of the training, validation and test records, ascending."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def split(trial, labels, groups):
    """Split the records of a trial; duplicates stay on one side. Returns `Parts`."""
    recipe = trial.recipe
    folds = stratified_folds(labels, groups, recipe.folds, recipe.fold_seed)
    rest, test = np.flatnonzero(folds != trial.fold), np.flatnonzero(folds == trial.fold)
    kept, held = hold_out(labels[rest], groups[rest], recipe.validation, derive(trial.seed, "split"))
    train, validation = rest[kept], rest[held]
    if recipe.labels < 1:
        _, chosen = hold_out(labels[train], groups[train], recipe.labels, derive(trial.seed, "labels"))
        train = train[chosen]
    return Parts(train, validation, test)


def split_patients(table, share, seed):
    """Hold out a share of the patients of each corpus, at least one: two sorted lists of groups."""
    rng = np.random.default_rng(seed)
    outside = []
    for _, part in table.groupby("corpus", sort=True):
        groups = np.array(sorted(part.group.unique()))
        outside += sorted(rng.permutation(groups)[: max(1, round(share * len(groups)))])
    return sorted(set(table.group) - set(outside)), outside
