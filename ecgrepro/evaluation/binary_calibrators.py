"""Maps from one class's log-odds to a calibrated probability, each fitted on that class's validation records.

All start from the log-odds ``s = ln p - ln(1 - p)`` (`calibration_inputs.class_log_odds`), which exist for any finite
logits, so that no probability of exactly 0 or 1 has to be clipped on the way in.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy import special

from ecgrepro.evaluation.calibration_inputs import CLIP, clip_probabilities
from ecgrepro.evaluation.log_loss import losses_from_logits
from ecgrepro.evaluation.temperature_scaling import fit_temperature


@dataclass(frozen=True, eq=False)
class BinaryMap:
    """A fitted map.

    Attributes
    ----------
    function : callable
        Log-odds (n_records,) to probabilities (n_records,).
    parameters : dict of str to float
        Empty for isotonic regression.
    notes : tuple of str
        What was done other than usual.
    """

    function: Callable
    parameters: dict = field(default_factory=dict)
    notes: tuple = ()

    def __call__(self, scores):
        """Return probabilities, float64 (n_records,), of log-odds (n_records,)."""
        return self.function(scores)


def identity_map():
    """Return the map that leaves a class as the net has it."""
    return BinaryMap(special.expit)


def temperature_map(scores, targets):
    """Fit ``expit(s / temperature)`` by least log loss (`temperature_scaling.fit_temperature`)."""
    temperature, notes = fit_temperature(scores[:, None], targets[:, None], multi_class=False)
    return BinaryMap(lambda s: special.expit(s / temperature), {"temperature": temperature}, notes)


def platt_map(scores, targets):
    """Fit ``expit(slope * s + intercept)``, a logistic regression without penalty.

    Source: Platt (1999), "Probabilistic outputs for support vector machines", in Advances in Large Margin Classifiers.
    Targets are 0 and 1 where positives and negatives overlap, and where all scores are equal: the slope is then 0 and
    the curve the share of positives. Where they do not overlap, the slope would grow without end; then, and only then,
    Platt's own targets are used: (positives + 1) / (positives + 2) and 1 / (negatives + 2).

    Parameters
    ----------
    scores : float64 array, (n_records,)
    targets : bool array, (n_records,)

    Returns
    -------
    BinaryMap
        Noted are smoothed targets, and a slope not above 0, which reverses the order of the records.
    """
    apart = _is_apart(scores, targets) or _is_apart(scores, ~targets)
    goals = platt_targets(targets) if apart else targets.astype(np.float64)
    (slope,), intercept, notes = _logistic(scores[:, None], goals, -np.inf)
    notes += _smoothing_note(apart)
    if slope <= 0:
        notes += (f"slope {slope:.3g} is not above 0: the net's order of the records is lost",)
    parameters = {"slope": slope, "intercept": intercept}
    return BinaryMap(lambda s: special.expit(slope * s + intercept), parameters, notes)


def beta_map(scores, targets):
    """Fit ``expit(a ln p - b ln(1 - p) + c)`` with a, b >= 0.

    Source: Kull, Silva Filho & Flach (2017), doi:10.1214/17-EJS1338SI. The constrained maximum is sought
    directly, where the authors' program drops a feature of negative weight and fits again. Targets are smoothed as
    in `platt_map` where no positive lies below a negative and the scores differ.

    Parameters, returns
        As `platt_map`; noted is a map that is constant.
    """
    apart = _is_apart(scores, targets)
    goals = platt_targets(targets) if apart else targets.astype(np.float64)
    (a, b), c, notes = _logistic(_beta_features(scores), goals, 0.0)
    notes += _smoothing_note(apart)
    if a == b == 0:
        notes += ("a and b are 0: every record has the same probability",)
    parameters = {"a": a, "b": b, "c": c}
    return BinaryMap(lambda s: special.expit(_beta_features(s) @ [a, b] + c), parameters, notes)


def isotonic_map(scores, targets):
    """Fit a rising step function (`sklearn.isotonic.IsotonicRegression`, `out_of_bounds="clip"`).

    Between its knots it is interpolated linearly in the log-odds, beyond them it is constant. Its first and last step
    are usually 0 and 1, a certainty that no validation set can give: they are moved to `CLIP` and 1 - `CLIP`, noted.
    The log loss on other records depends on that limit, as one surprise there costs 16 nats; the Brier score hardly
    does.

    Source: Zadrozny & Elkan (2002), doi:10.1145/775047.775151. Parameters and returns as `platt_map`.
    """
    from sklearn.isotonic import IsotonicRegression  # takes a second to import

    model = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(scores, targets)
    n_sure = int(np.isin(model.y_thresholds_, (0, 1)).sum())
    note = f"{n_sure} knots at exactly 0 or 1 were moved to {CLIP:g} and 1 - {CLIP:g}"
    return BinaryMap(lambda s: clip_probabilities(model.predict(s))[0], {}, (note,) if n_sure else ())


def platt_targets(targets):
    """Return Platt's smoothed targets, float64 (n_records,), of bool targets (n_records,)."""
    positives = np.count_nonzero(targets)
    return np.where(targets, (positives + 1) / (positives + 2), 1 / (len(targets) - positives + 2))


def _is_apart(scores, targets):
    """Return whether no positive lies below a negative: a rising logistic curve then has no best slope.

    Equal scores are not apart: their curve is flat, at the share of positives.
    """
    differ = scores.min() < scores.max()
    return bool(differ and scores[targets].min() >= scores[~targets].max())


def _smoothing_note(apart):
    text = "no positive and negative overlap: the targets were smoothed as by Platt (1999)"
    return (text,) if apart else ()


def _beta_features(scores):
    return np.stack([special.log_expit(scores), -special.log_expit(-scores)], axis=1)


def _logistic(features, goals, lower):
    """Fit a logistic regression without penalty; return coefficients, intercept and notes.

    ``goals`` may be shares; no coefficient falls below ``lower``. Newton's method on standardised features, with
    coefficients at their bound held there as long as the slope presses them against it (Bertsekas 1982,
    doi:10.1137/0320018).
    """
    centre, scale = features.mean(axis=0), features.std(axis=0)
    scale[scale < 1e-12] = 1.0  # a constant feature keeps weight 0, where the search starts
    design = np.column_stack([(features - centre) / scale, np.ones(len(features))])
    weights = np.append(np.zeros(features.shape[1]), special.logit(goals.mean()))
    lower = np.append(np.full(features.shape[1], lower), -np.inf)
    for _ in range(100):
        slope, free = _slope(design, goals, weights, lower)
        if np.abs(slope[free]).max() < 1e-10:
            break
        weights = _newton_step(design, goals, weights, lower)
    slope, free = _slope(design, goals, weights, lower)
    # within rounding a step can no longer lower the loss long before the slope is zero to ten digits
    notes = () if np.abs(slope[free]).max() < 1e-6 else ("the search for the best curve did not settle",)
    coefficients = weights[:-1] / scale
    return coefficients.tolist(), float(weights[-1] - coefficients @ centre), notes


def _slope(design, goals, weights, lower):
    """Return the mean loss's derivatives, and which weights are free to follow them."""
    slope = design.T @ (special.expit(design @ weights) - goals) / len(goals)
    return slope, (weights > lower) | (slope < 0)


def _newton_step(design, goals, weights, lower):
    """Return the weights after one step, halved until the loss does not rise."""
    slope, free = _slope(design, goals, weights, lower)
    curve = special.expit(design @ weights)
    curvature = (design[:, free].T * (curve * (1 - curve))) @ design[:, free] / len(goals)
    step = np.zeros(len(weights))
    step[free] = np.linalg.lstsq(curvature, slope[free], rcond=None)[0]
    before = losses_from_logits(design @ weights, goals, multi_class=False).mean()
    for halvings in range(40):
        tried = np.maximum(weights - step / 2**halvings, lower)
        if losses_from_logits(design @ tried, goals, multi_class=False).mean() <= before:
            return tried
    return weights
