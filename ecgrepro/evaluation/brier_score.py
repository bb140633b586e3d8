"""Brier score, its parts, and its skill against a predictor that knows nothing but prevalence.

Sources: Brier (1950), Monthly Weather Review 78:1; Murphy (1973), J. Applied Meteorology 12:595, for reliability,
resolution and uncertainty; Stephenson, Coelho & Jolliffe (2008), doi:10.1175/2007WAF2006116.1, for the two terms that
arise when different probabilities share a bin. With these the parts sum up exactly:

    score = reliability - resolution + uncertainty + within-bin variance - within-bin covariance
"""

from dataclasses import dataclass

import numpy as np

from ecgrepro.errors import InputError
from ecgrepro.evaluation.calibration_inputs import (
    MIN_PER_CLASS,
    check_binary,
    check_probabilities,
    class_scores,
    indicators,
    is_multi_class,
)
from ecgrepro.evaluation.probability_bins import bin_totals, equal_mass_bins


@dataclass(frozen=True)
class BrierDecomposition:
    """The parts of one class's Brier score.

    Attributes
    ----------
    reliability : float
        Mean squared distance of a bin's mean probability to its observed share; 0 is best. Biased upwards by about
        (number of bins) * share * (1 - share) / n_records.
    resolution : float
        Variance of the observed shares between bins; large is good.
    uncertainty : float
        share * (1 - share) over all records, the score of a predictor that always says the share.
    within_bin_variance : float
        Of the probabilities, the mean over records.
    within_bin_covariance : float
        Twice that of probabilities and outcomes.
    n_bins : int
        Bins that occur.
    """

    reliability: float
    resolution: float
    uncertainty: float
    within_bin_variance: float
    within_bin_covariance: float
    n_bins: int

    @property
    def score(self):
        """The Brier score, the sum of the parts."""
        within = self.within_bin_variance - self.within_bin_covariance
        return self.reliability - self.resolution + self.uncertainty + within

    @property
    def generalised_resolution(self):
        """Resolution less within-bin variance plus covariance (Stephenson et al. 2008)."""
        return self.resolution - self.within_bin_variance + self.within_bin_covariance


def brier_per_class(probabilities, labels):
    """Return each class's mean squared error of probability, float64 (n_classes,).

    Parameters
    ----------
    probabilities : array, (n_records, n_classes)
    labels : array, (n_records,) of class indices or (n_records, n_classes) of zeros and ones

    Raises
    ------
    InputError
        As `calibration_inputs.check_probabilities` and `calibration_inputs.indicators`.
    """
    probabilities = check_probabilities(probabilities, multi_class=is_multi_class(labels))
    return np.square(probabilities - indicators(labels, probabilities.shape)).mean(axis=0)


def brier_score(probabilities, labels):
    """Return one Brier score of all classes.

    Single labels: the sum over classes, from 0 to 2, as Brier defined it. Multi-label: the mean over classes, from
    0 to 1. Parameters and errors as `brier_per_class`.
    """
    per_class = brier_per_class(probabilities, labels)
    return float(per_class.sum() if is_multi_class(labels) else per_class.mean())


def brier_decomposition(probabilities, outcomes, n_bins=10):
    """Split one class's Brier score into its parts, over bins of equal mass.

    Parameters
    ----------
    probabilities : array, (n_records,)
    outcomes : array, (n_records,)
        Zeros and ones.
    n_bins : int
        Largest number of bins; equal probabilities share one (`probability_bins`).

    Returns
    -------
    BrierDecomposition

    Raises
    ------
    InputError
        As `calibration_inputs.check_binary`.
    SettingsError
        For fewer than one bin.
    """
    probabilities, outcomes = check_binary(probabilities, outcomes)
    bins = equal_mass_bins(probabilities, n_bins)
    n, positives, sums = bin_totals(bins, outcomes, probabilities)
    shares, means, share = positives / n, sums / n, outcomes.mean()
    spread = probabilities - means[bins]
    return BrierDecomposition(
        reliability=float(np.average(np.square(means - shares), weights=n)),
        resolution=float(np.average(np.square(shares - share), weights=n)),
        uncertainty=float(share * (1 - share)),
        within_bin_variance=float(np.square(spread).mean()),
        within_bin_covariance=float(2 * (spread * (outcomes - shares[bins])).mean()),
        n_bins=len(n),
    )


def brier_skill(probabilities, labels, *, prevalence=None, minimum=MIN_PER_CLASS):
    """Return each class's 1 - score / (score of the prevalence-only predictor).

    Parameters
    ----------
    probabilities : array, (n_records, n_classes)
    labels : array, (n_records,) of class indices or (n_records, n_classes) of zeros and ones
    prevalence : array, (n_classes,), optional
        What the reference predictor always says, from validation records. Without it the share among these very
        records, which makes the reference a little better than any that could have been known.
    minimum : int
        Fewest positives, and negatives, of a class.

    Returns
    -------
    ClassScores
        1 is perfect, 0 no better than prevalence, below 0 worse.

    Raises
    ------
    InputError
        As `brier_per_class`, for a prevalence of another shape or outside 0 .. 1, or when no class has enough.
    """
    scores = brier_per_class(probabilities, labels)
    targets = indicators(labels, np.shape(probabilities))
    prevalence = targets.mean(axis=0) if prevalence is None else np.asarray(prevalence, np.float64)
    if prevalence.shape != scores.shape or not ((prevalence >= 0) & (prevalence <= 1)).all():
        got = f"shape {prevalence.shape}, {prevalence.min():.3g} to {prevalence.max():.3g}"
        fix = "Pass each class's share among the validation records."
        raise InputError("prevalence", f"shape {scores.shape}, from 0 to 1", got, fix)
    reference = np.square(prevalence - targets).mean(axis=0)
    return class_scores(lambda index: 1 - scores[index] / reference[index], targets, minimum)
