"""One temperature for a net's logits: the maximum-likelihood one, and the one that the CSC2541 project's program finds.

A temperature above 1 makes a net less sure. It keeps the order of each class's multi-label scores, and so their ROC
area; in a softmax it keeps the order of the classes within a record, but not that of the records within a class.
Source: Guo et al. (2017), "On calibration of modern neural networks", ICML, section 4.2.
"""

from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from ecgrepro.errors import InputError
from ecgrepro.evaluation.log_loss import losses_from_logits

#: Within these temperatures the best one is sought.
BOUNDS = (0.01, 100.0)
# A loss that varies by less than this between the bounds does not depend on the temperature.
_FLAT = 1e-12


@dataclass(frozen=True)
class ProjectTemperature:
    """Where the project's optimiser stopped.

    Attributes
    ----------
    temperature : float
        Of either sign.
    n_iterations : int
    gradient : float
        Of the mean loss with respect to the temperature, in the last point it was evaluated at.
    """

    temperature: float
    n_iterations: int
    gradient: float


def fit_temperature(logits, targets, *, multi_class):
    """Return the temperature of least log loss, and notes.

    The loss is convex in 1 / temperature, so that its only minimum is found by `scipy.optimize.minimize_scalar` on
    the logarithm of the temperature between `BOUNDS`.

    Parameters
    ----------
    logits : float64 array, (n_records, n_classes)
    targets : bool array, (n_records, n_classes)
    multi_class : bool
        Cross-entropy of a softmax; else binary cross-entropy of sigmoids, all classes in one mean.

    Returns
    -------
    tuple of float and tuple of str
        1 with a note where the loss does not depend on it; a note where it lies at a bound.
    """

    def loss(log_temperature):
        scaled = logits / np.exp(log_temperature)
        return losses_from_logits(scaled, targets, multi_class=multi_class).mean()

    bounds = np.log(BOUNDS)
    if np.ptp([loss(place) for place in (*bounds, 0.0)]) < _FLAT:
        return 1.0, ("the loss is the same at every temperature: 1 is kept",)
    found = optimize.minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-9})
    temperature = float(np.exp(found.x))
    at_bound = np.abs(found.x - bounds).min() < 1e-3
    note = f"temperature {temperature:.4g} lies at a bound of {BOUNDS[0]:g} .. {BOUNDS[1]:g}"
    return temperature, (note,) if at_bound else ()


def project_temperature(logits, targets, *, start=1.5, rate=0.02, n_iterations=200):
    """Return the temperature that the CSC2541 project's program would arrive at (X-27).

    PyTorch's LBFGS without line search, on one temperature and the mean binary cross-entropy. For one parameter the
    inverse Hessian of L-BFGS is the last secant's, step / change of gradient, whatever the length of its history.
    Each iteration goes ``rate`` of a secant step, so that even of a parabola .98 ** 200 = 1.8 % of the way would be
    left at the end. This loss is concave far above the best temperature, where such steps are shorter still: the
    search stops short of temperatures much above 1.5, and far short of those much below it.

    Nothing bounds the temperature. Where the net's scores run against the labels it grows as long as the iterations
    last, and with few records a secant may carry it across 0: a negative temperature, which reverses the order of all
    scores. The caller is told by the sign.

    Parameters
    ----------
    logits : float64 array, (n_records, n_classes)
    targets : bool array, (n_records, n_classes)
        Multi-label.
    start, rate : float
    n_iterations : int

    Returns
    -------
    ProjectTemperature

    Raises
    ------
    InputError
        When it arrives at 0 or at no finite temperature.

    Notes
    -----
    Tolerances are PyTorch's defaults: 1e-7 for the gradient, 1e-9 for steps and losses, curvatures above 1e-10.
    Computed in float64; the program used float32.
    """
    temperature, secant, step, previous = float(start), 1.0, 0.0, None
    loss, gradient = _loss_and_slope(temperature, logits, targets)
    iteration = 0
    while abs(gradient) > 1e-7 and iteration < n_iterations:
        iteration += 1
        if previous is not None and step * (gradient - previous) > 1e-10:
            secant = step / (gradient - previous)
        direction = -secant * gradient
        length = rate * min(1.0, 1 / abs(gradient)) if iteration == 1 else rate
        if gradient * direction > -1e-9:
            break
        step, previous, before = length * direction, gradient, loss
        temperature += step
        if iteration == n_iterations:
            break
        loss, gradient = _loss_and_slope(temperature, logits, targets)
        if abs(step) <= 1e-9 or abs(loss - before) < 1e-9:
            break
    return ProjectTemperature(temperature, iteration, gradient)


def _loss_and_slope(temperature, logits, targets):
    """Return the mean binary cross-entropy and its derivative with respect to the temperature."""
    if not np.isfinite(temperature) or temperature == 0:
        fix = "Use the bounded 'temperature', which cannot leave its limits."
        raise InputError("temperature", "a finite one other than 0", repr(temperature), fix)
    scaled = logits / temperature
    loss = losses_from_logits(scaled, targets, multi_class=False).mean()
    slope = ((targets - special.expit(scaled)) * scaled).mean() / temperature
    return float(loss), float(slope)
