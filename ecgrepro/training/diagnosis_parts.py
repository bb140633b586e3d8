"""Which recordings a trial on diagnoses trains on, validates on and tests: labels, split and share of its recipe.

No signal is read here: a corpus' index says all of it.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ecgrepro.errors import SettingsError
from ecgrepro.evaluation.class_ranks import missing_side
from ecgrepro.frames.diagnosis_input import labelled_recordings
from ecgrepro.frames.diagnosis_splits import (
    Parts,
    fifth_split,
    nested_share,
    nine_tenths_split,
    official_split,
    project_split,
    validation_as_test,
)
from ecgrepro.frames.loader_artefacts import permuted_labels


class Split(NamedTuple):
    """How recordings are split: from their multi-hot labels, index, groups, fold and seed to `Parts`.

    ``folds``: how many test folds a trial can name; ``made``: by whom.
    """

    folds: int
    made: str
    parts: Callable


#: Name in a recipe to split.
SPLITS = {
    "official": Split(1, "PTB-XL's folds", lambda labels, index, *_: official_split(index.fold)),
    "project": Split(
        1, "PTB-XL's folds, as CSC2541 drew", lambda labels, index, *_: project_split(index.fold)
    ),
    "nine tenths": Split(
        10,
        "ten stratified folds, nine to train",
        lambda labels, index, *rest: nine_tenths_split(labels, *rest),
    ),
    "fifths": Split(5, "five stratified folds", lambda labels, index, *rest: fifth_split(labels, *rest)),
}


class Diagnosed(NamedTuple):
    """Recordings with a label of the task, and the parts of a trial.

    Attributes
    ----------
    positions : int64 array, (n,)
        In the corpus, ascending.
    labels : int8 array, (n, n_classes)
    classes : tuple of str
    groups : object array, (n,)
        Patients, see `Corpus.groups`.
    parts : Parts
        Rows of `positions`.
    """

    positions: np.ndarray
    labels: np.ndarray
    classes: tuple
    groups: np.ndarray
    parts: Parts

    @property
    def positives(self):
        """Recordings with each class, in the order of the classes: dict of part to list of int."""
        return {part: self.labels[rows].sum(axis=0).tolist() for part, rows in self.parts._asdict().items()}


def diagnosed(trial, corpus):
    """Label and split the recordings of a trial of a `DiagnosisTraining`: `Diagnosed`.

    Raises
    ------
    SettingsError
        A share of labels, or a split, that leaves no class with positives and negatives in a part.
    InputError
        A corpus without such labels or folds.
    """
    recipe = trial.recipe
    positions, labels, classes = labelled_recordings(corpus, recipe.input)
    groups = corpus.groups()[positions]
    if recipe.permuted_labels:
        labels = permuted_labels(labels, recipe.fold_seed)
    parts = SPLITS[recipe.split].parts(
        labels, corpus.index.iloc[positions], groups, trial.fold, recipe.fold_seed
    )
    if recipe.labels < 1:
        parts = parts._replace(train=nested_share(parts.train, recipe.labels, labels, recipe.fold_seed))
    if recipe.validate_on == "test":
        parts = validation_as_test(parts)
    _check_classes(trial, labels, parts)
    return Diagnosed(positions, labels.astype(np.int8), classes, groups, parts)


def _check_classes(trial, labels, parts):
    """Refuse a part in which no class can be told: nothing could be learnt from it, or judged by it."""
    for name, rows in parts._asdict().items():
        positives = labels[rows].sum(axis=0)
        if not ((positives > 0) & (positives < len(rows))).any():
            expected = f"a class with and without recordings among those of {name}"
            raise SettingsError(f"{trial}, split", expected, f"none of {labels.shape[1]} in {len(rows)} recordings",
                                "Take more labels, another task or another split.")  # fmt: skip


def untrained(results):
    """Find the classes that all or none of the training recordings have: nothing could be learnt about them.

    Parameters
    ----------
    results : sequence of dict
        Of trials of one task, as `ecgrepro.training.store.read_result` gives them. Those whose run records have no
        ``positives``, as the first ones, tell nothing and are passed over.

    Returns
    -------
    dict of int to str
        Index of each class that any of the trials lacks, to "no positives in training" or "no negatives in training".
    """
    known = [result["run"] for result in results if "positives" in result["run"]]
    if not known:
        return {}
    positives = np.array([record["positives"]["train"] for record in known])
    negatives = np.array([[record["records"]["train"]] for record in known]) - positives
    missing = missing_side(positives.min(axis=0), negatives.min(axis=0))
    return {index: f"{side} in training" for index, side in missing.items()}
