"""What the length of a CinC 2017 recording gives away: a classifier that sees nothing else.

A recording padded with zeros to a fixed length shows its length to any net. A decision tree that knows the length
alone, trained and tested on the folds of study `resnet1d`, measures how much that is worth.
"""

import numpy as np
import pandas as pd
from sklearn.tree import DecisionTreeClassifier

from ecgrepro.corpora.cinc2017 import CLASSES
from ecgrepro.evaluation.intervals import record_bootstrap
from ecgrepro.evaluation.metrics import confusion_matrix, get_metric
from ecgrepro.frames.af import class_indices, recording_groups
from ecgrepro.frames.splits import stratified_folds
from ecgrepro.training.recipe import FineTuning

METRICS = ("balanced_accuracy", "macro_f1", "f1_N", "f1_A", "f1_O", "f1_noisy")
#: Fixed before the classifier was first run: a leaf of the tree holds at least so many recordings, classes count as
#: equally frequent, and the bootstrap draws so many times.
SMALLEST_LEAF, RESAMPLES, SEED = 50, 2000, 2017


def length_only(corpus, recipe=None):
    """Score a classifier that knows the length of a recording and nothing else.

    Parameters
    ----------
    corpus : Corpus
        CinC 2017.
    recipe : FineTuning, optional
        Its folds and their seed; the published defaults.

    Returns
    -------
    DataFrame
        ``metric``; ``length only`` with its 95 % record-bootstrap interval ``low``, ``high``; ``constant answer``:
        the best that one class for all recordings reaches.
    """
    recipe = recipe or FineTuning()
    labels, groups = class_indices(corpus), recording_groups(corpus)
    folds = stratified_folds(labels, groups, recipe.folds, recipe.fold_seed)
    seconds = (corpus.index.n_samples / corpus.index.fs).to_numpy()
    found = predict_from_length(seconds, labels, folds)
    return pd.DataFrame([_row(metric, labels, found, groups) for metric in METRICS])


def predict_from_length(seconds, labels, folds):
    """Predict each recording's class by a tree that saw other folds only: int array (n_records,).

    Parameters
    ----------
    seconds : float array, (n_records,)
    labels, folds : int arrays, (n_records,)
    """
    found, column = np.empty_like(labels), seconds[:, None]
    for fold in np.unique(folds):
        tree = DecisionTreeClassifier(min_samples_leaf=SMALLEST_LEAF, class_weight="balanced", random_state=0)
        tree.fit(column[folds != fold], labels[folds != fold])
        found[folds == fold] = tree.predict(column[folds == fold])
    return found


def _row(metric, labels, found, groups):
    settings = {"n_classes": len(CLASSES), "clusters": groups, "n_resamples": RESAMPLES, "seed": SEED}
    scored = record_bootstrap(labels, found, metric, **settings)
    constant = max(_score(metric, labels, np.full_like(labels, answer)) for answer in range(len(CLASSES)))
    return {"metric": get_metric(metric).label, "length only": scored.estimate, "low": scored.low,
            "high": scored.high, "constant answer": constant}  # fmt: skip


def _score(metric, labels, found):
    return float(get_metric(metric)(confusion_matrix(labels, found, len(CLASSES))))
