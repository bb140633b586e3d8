"""Log loss of multi-label and single-label probabilities, in nats, from logits or from probabilities.

Multi-label: the mean binary cross-entropy over records and classes. Single labels: the mean negative logarithm of the
right class's softmax probability (`metrics.cross_entropy`). From logits both are exact however large the logits are;
from probabilities a loss can be infinite, and the clip that bounds it decides how much a sure mistake costs.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from ecgrepro.evaluation.calibration_inputs import (
    CLIP,
    check_logits,
    check_probabilities,
    clip_probabilities,
    indicators,
    is_multi_class,
)


@dataclass(frozen=True, eq=False)
class LogLoss:
    """A log loss of probabilities.

    Attributes
    ----------
    value : float
        Mean over records, and over classes where multi-label; nats.
    per_class : float64 array, (n_classes,)
        Mean binary cross-entropy of each class against the rest. In single-label tasks their sum is not ``value``.
    clip : float
        Bound of the probabilities whose logarithm was taken.
    n_clipped : int
        How many probabilities were moved to it, of n_records * n_classes.
    """

    value: float
    per_class: np.ndarray
    clip: float
    n_clipped: int

    @property
    def notes(self):
        """One sentence where probabilities were clipped: a single one at 1e-7 can cost 16 nats."""
        text = (
            f"{self.n_clipped} probabilities were clipped at {self.clip:g} before their logarithm was taken"
        )
        return (text,) if self.n_clipped else ()


def losses_from_logits(logits, targets, *, multi_class):
    """Return the loss of each record, (n_records,), or multi-label of each record and class, (n_records, n_classes).

    Parameters
    ----------
    logits : float64 array, (n_records, n_classes)
    targets : array, (n_records, n_classes)
        One where a class is right; shares between 0 and 1 are allowed where multi-label.
    """
    if multi_class:
        return special.logsumexp(logits, axis=1) - (logits * targets).sum(axis=1)
    return np.logaddexp(0, logits) - targets * logits


def losses_from_probabilities(probabilities, targets, *, multi_class):
    """Return the losses as `losses_from_logits` does, without a clip: infinite for a sure mistake."""
    right = np.where(targets, probabilities, 1 - probabilities)
    if multi_class:
        right = probabilities[targets]
    with np.errstate(divide="ignore"):
        return -np.log(right)


def log_loss_from_logits(logits, labels, *, allow_probabilities=False):
    """Return the mean log loss in nats.

    Parameters
    ----------
    logits : array, (n_records, n_classes)
    labels : array, (n_records,) of class indices or (n_records, n_classes) of zeros and ones
    allow_probabilities : bool
        See `calibration_inputs.check_logits`.

    Returns
    -------
    float

    Raises
    ------
    InputError
        As `calibration_inputs.check_logits` and `calibration_inputs.indicators`.
    """
    logits = check_logits(logits, allow_probabilities=allow_probabilities)
    targets = indicators(labels, logits.shape)
    return float(losses_from_logits(logits, targets, multi_class=is_multi_class(labels)).mean())


def log_loss(probabilities, labels, *, clip=CLIP):
    """Return the mean log loss of probabilities, clipped at a stated bound.

    Parameters
    ----------
    probabilities : array, (n_records, n_classes)
    labels : array, (n_records,) of class indices or (n_records, n_classes) of zeros and ones
    clip : float

    Returns
    -------
    LogLoss

    Raises
    ------
    InputError
        As `calibration_inputs.check_probabilities` and `calibration_inputs.indicators`.
    SettingsError
        For an impossible clip.

    Notes
    -----
    Rows are not renormalised after the clip, which changes a row's sum by less than ``n_classes * clip``.
    """
    multi_class = is_multi_class(labels)
    clipped, n_clipped = clip_probabilities(check_probabilities(probabilities, multi_class=multi_class), clip)
    targets = indicators(labels, clipped.shape)
    value = losses_from_probabilities(clipped, targets, multi_class=multi_class).mean()
    per_class = losses_from_probabilities(clipped, targets, multi_class=False).mean(axis=0)
    return LogLoss(float(value), per_class, clip, n_clipped)
