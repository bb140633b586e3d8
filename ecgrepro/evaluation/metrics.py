"""Classification metrics as functions of confusion matrices of shape (..., n_classes, n_classes).

Rows are the reference, columns the prediction, entries counts or weights. Because leading axes
are free, thousands of bootstrap replicates are scored in one call. scikit-learn, which scores one
set of predictions per call, is what the tests compare every metric with.

There is no metric called "f1" here. Two averages go by that name in the literature on
PhysioNet/CinC 2017 and differ by several points: `macro_f1` and `challenge_f1`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special

from ecgrepro.errors import InputError, SettingsError

#: Rhythm classes of PhysioNet/CinC 2017 in label order; the publisher writes the last one "~".
CINC2017_CLASSES = ("N", "A", "O", "noisy")


def _class_indices(name, values, n_classes):
    """Return values as int64 (n,); raise InputError unless integers in 0 .. n_classes - 1."""
    values = np.asarray(values)
    wanted = f"a one-dimensional array of integers from 0 to {n_classes - 1}"
    if values.ndim != 1 or values.dtype.kind not in "iu":
        got = f"dtype {values.dtype}, shape {values.shape}"
        raise InputError(name, wanted, got, "Pass class indices; take argmax of logits first.")
    if values.size and (values.min() < 0 or values.max() >= n_classes):
        got = f"values from {values.min()} to {values.max()}"
        raise InputError(name, wanted, got, "Check n_classes and the label revision.")
    return values.astype(np.int64)


def confusion_cells(labels, predictions, n_classes):
    """Return each record's cell in the flattened confusion matrix.

    Parameters
    ----------
    labels, predictions : integer arrays, (n_records,)
        Class indices.
    n_classes : int

    Returns
    -------
    int64 array, (n_records,)
        ``label * n_classes + prediction``.

    Raises
    ------
    InputError
        For indices out of range or of a non-integer type, unequal lengths, or no record at all.
    """
    labels = _class_indices("labels", labels, n_classes)
    predictions = _class_indices("predictions", predictions, n_classes)
    if len(labels) != len(predictions) or not len(labels):
        got = f"{len(labels)} labels and {len(predictions)} predictions"
        raise InputError(
            "predictions", "one prediction per label, at least one", got, "Align the two arrays."
        )
    return labels * n_classes + predictions


def confusion_matrix(labels, predictions, n_classes, weights=None):
    """Count records by reference (row) and predicted class (column).

    Parameters
    ----------
    labels, predictions : integer arrays, (n_records,)
        Class indices.
    n_classes : int
    weights : float array, (n_records,), optional
        Weight of each record; without it every record counts 1.

    Returns
    -------
    array, (n_classes, n_classes)
        int64 counts, or float64 sums of weights.

    Raises
    ------
    InputError
        As `confusion_cells`, or when there is not one weight per record.
    """
    cells = confusion_cells(labels, predictions, n_classes)
    if weights is not None and np.shape(weights) != cells.shape:
        got = f"shape {np.shape(weights)}"
        raise InputError("weights", f"shape {cells.shape}", got, "Pass one weight per record.")
    counts = np.bincount(cells, weights, minlength=n_classes**2)
    return counts.reshape(n_classes, n_classes)


def _diagonal(cm):
    return np.diagonal(cm, axis1=-2, axis2=-1)


def _ratio(numerator, denominator):
    """Return numerator / denominator in float64, 0 where the denominator is 0."""
    numerator, denominator = np.asarray(numerator, np.float64), np.asarray(denominator)
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)[()]


def f1_per_class(cm):
    """Return each class's F1, ``2 cm[i, i] / (row sum i + column sum i)``.

    A class neither present nor predicted scores 0, as scikit-learn's ``zero_division=0``: a NaN
    would drop the class from the mean and so raise the score of a sample that lacks a hard class.

    Parameters
    ----------
    cm : array, (..., n_classes, n_classes)

    Returns
    -------
    float64 array, (..., n_classes)
    """
    cm = np.asarray(cm)
    return _ratio(2 * _diagonal(cm), cm.sum(-1) + cm.sum(-2))


def macro_f1(cm):
    """Return the mean F1 of **all** classes: shape (...) from (..., n_classes, n_classes).

    On CinC 2017 the mean of four classes, noisy included, as Weimann & Conrad (2021,
    doi:10.1038/s41598-021-84374-8, Table 1) and the class report on it print.
    """
    return f1_per_class(cm).mean(-1)


def challenge_f1(cm):
    """Return the official CinC 2017 score, the mean F1 of N, A and O: (...) from (..., 4, 4).

    Noisy recordings have no term of their own in the mean; confusing them with another class
    still costs, through that class's row and column sums. Class order: `CINC2017_CLASSES`.
    Source: Clifford et al. (2017), doi:10.22489/CinC.2017.065-469, section on scoring.
    """
    return f1_per_class(cm)[..., : CINC2017_CLASSES.index("noisy")].mean(-1)


def accuracy(cm):
    """Return the share of records on the diagonal: (...) from (..., n_classes, n_classes)."""
    return _ratio(_diagonal(cm).sum(-1), np.asarray(cm).sum((-2, -1)))


def balanced_accuracy(cm):
    """Return the mean recall of the classes present: (...) from (..., n_classes, n_classes).

    A class without reference records has no recall and is left out, as in scikit-learn.
    """
    present = np.asarray(cm).sum(-1)
    return _ratio(_ratio(_diagonal(cm), present).sum(-1), (present > 0).sum(-1))


def majority_balanced_accuracy(cm):
    """Return what any constant answer present in the reference scores: 1 / classes present.

    The floor that `balanced_accuracy` of a trained net has to beat; (...) from (..., n_classes, n_classes).
    """
    present = (np.asarray(cm).sum(-1) > 0).sum(-1)
    return _ratio(np.ones(np.shape(present)), present)


def sensitivity(cm):
    """Return the recall of high quality, class 0, as Huerta et al. (2022) use the word: (...) from (..., 2, 2).

    Diagnostic tests usually call the recall of what is looked for, here low quality, the sensitivity. Like
    `specificity`, 0 where the reference lacks the class.
    """
    return _recall(cm, 0)


def specificity(cm):
    """Return the recall of low quality, class 1, as Huerta et al. (2022) use the word: (...) from (..., 2, 2)."""
    return _recall(cm, 1)


def _recall(cm, index):
    return _ratio(_diagonal(cm), np.asarray(cm).sum(-1))[..., index]


def matthews_correlation(cm):
    """Return the correlation of reference and prediction, both 0 or 1: (...) from (..., 2, 2).

    0 where either is constant, as in scikit-learn: a constant answer is correlated with nothing. Source: Matthews
    (1975), doi:10.1016/0005-2795(75)90109-9.
    """
    cm = np.asarray(cm, np.float64)
    determinant = cm[..., 0, 0] * cm[..., 1, 1] - cm[..., 0, 1] * cm[..., 1, 0]
    return _ratio(determinant, np.sqrt(cm.sum(-1).prod(-1)) * np.sqrt(cm.sum(-2).prod(-1)))


@dataclass(frozen=True)
class Metric:
    """A score of confusion matrices.

    Attributes
    ----------
    name : str
        Its key in `METRICS`.
    label : str
        For axes and table heads; says over which classes an average runs.
    function : callable
        Array (..., n_classes, n_classes) to array (...).
    n_classes : int or None
        The only number of classes it is defined for; None for any.
    """

    name: str
    label: str
    function: Callable
    n_classes: int | None = None

    def __call__(self, cm):
        """Score ``cm``, (..., n_classes, n_classes); raise InputError for the wrong number of classes."""
        shape = np.shape(cm)
        n_classes = self.n_classes or shape[-1]
        if len(shape) < 2 or shape[-2:] != (n_classes, n_classes):
            expected = f"a confusion matrix of shape (..., {n_classes}, {n_classes})"
            raise InputError(self.name, expected, f"shape {shape}", "Keep every class in the matrix.")
        return self.function(cm)


def _class_f1(index):
    name = CINC2017_CLASSES[index]
    return Metric(f"f1_{name}", f"F1 of class {name}", lambda cm: f1_per_class(cm)[..., index], 4)


#: Every metric by name.
METRICS = {
    metric.name: metric
    for metric in (
        Metric("macro_f1", "macro F1 (all classes)", macro_f1),
        Metric("challenge_f1", "CinC 2017 score (F1 of N, A, O)", challenge_f1, 4),
        *map(_class_f1, range(len(CINC2017_CLASSES))),
        Metric("accuracy", "accuracy", accuracy),
        Metric("balanced_accuracy", "balanced accuracy", balanced_accuracy),
        Metric(
            "majority_balanced_accuracy", "majority class's balanced accuracy", majority_balanced_accuracy
        ),
        Metric("sensitivity", "sensitivity (recall of high quality)", sensitivity, 2),
        Metric("specificity", "specificity (recall of low quality)", specificity, 2),
        Metric("f1_low", "F1 of low quality", lambda cm: f1_per_class(cm)[..., 1], 2),
        Metric("matthews_correlation", "Matthews correlation", matthews_correlation, 2),
    )
}


def get_metric(metric):
    """Return the `Metric` of that name, or the `Metric` itself; raise SettingsError for another name."""
    if isinstance(metric, Metric):
        return metric
    if metric not in METRICS:
        fix = "'macro_f1' averages all classes, 'challenge_f1' averages N, A and O: say which."
        raise SettingsError("metric", f"one of {', '.join(METRICS)}", repr(metric), fix)
    return METRICS[metric]


def softmax(logits):
    """Return class probabilities, float64 (..., n_classes), of logits of the same shape."""
    return special.softmax(np.asarray(logits, np.float64), axis=-1)


def cross_entropy(logits, labels):
    """Return the mean cross-entropy in nats.

    Parameters
    ----------
    logits : float array, (n_records, n_classes)
    labels : integer array, (n_records,)

    Returns
    -------
    float

    Raises
    ------
    InputError
        For labels out of range or not one label per row of logits.
    """
    logits = np.asarray(logits, np.float64)
    if logits.ndim != 2 or len(logits) != np.size(labels) or not len(logits):
        got = f"logits of shape {logits.shape} and {np.size(labels)} labels"
        raise InputError(
            "logits", "shape (n_records, n_classes), one row per label", got, "Align the two arrays."
        )
    labels = _class_indices("labels", labels, logits.shape[1])
    return float(-special.log_softmax(logits, axis=-1)[np.arange(len(labels)), labels].mean())
