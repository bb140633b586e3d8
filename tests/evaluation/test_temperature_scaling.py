import numpy as np
import pytest
from scipy import optimize, special

from ecgrepro.errors import InputError
from ecgrepro.evaluation.temperature_scaling import BOUNDS, fit_temperature, project_temperature


def multi_label(temperature, n=2000, seed=0):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, 4)) * 3 - 1
    return logits, rng.random(logits.shape) < special.expit(logits / temperature)


def binary_loss(temperature, logits, targets):
    scaled = logits / temperature
    return (np.logaddexp(0, scaled) - targets * scaled).mean()


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_a_known_temperature_is_found_for_sigmoids(temperature):
    found, notes = fit_temperature(*multi_label(temperature), multi_class=False)
    assert found == pytest.approx(temperature, rel=0.05)
    assert notes == ()


def test_a_known_temperature_is_found_for_a_softmax():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(3000, 4)) * 4
    labels = [rng.choice(4, p=row) for row in special.softmax(logits / 1.7, axis=1)]
    found, _ = fit_temperature(logits, np.eye(4, dtype=bool)[labels], multi_class=True)
    assert found == pytest.approx(1.7, rel=0.05)


def test_the_minimum_is_that_of_an_unbounded_search_in_another_parameter():
    logits, targets = multi_label(2.0, n=100)
    inverse = optimize.minimize_scalar(lambda x: binary_loss(1 / x, logits, targets), bracket=(0.1, 1)).x
    assert fit_temperature(logits, targets, multi_class=False)[0] == pytest.approx(1 / inverse, rel=1e-5)


def test_separable_records_end_at_the_lower_bound_with_a_note():
    logits = np.array([[-1.0], [-2.0], [1.0]])
    found, notes = fit_temperature(logits, logits > 0, multi_class=False)
    assert found == pytest.approx(BOUNDS[0], rel=0.01)
    assert "lies at a bound of 0.01 .. 100" in notes[0]


def test_scores_against_the_labels_end_at_the_upper_bound_and_never_turn_round():
    logits = np.array([[-1.0], [-2.0], [1.0]])
    found, notes = fit_temperature(logits, logits < 0, multi_class=False)
    assert found == pytest.approx(BOUNDS[1], rel=0.01)
    assert len(notes) == 1


@pytest.mark.parametrize("multi_class", [True, False])
def test_constant_logits_keep_their_temperature_with_a_note(multi_class):
    found, notes = fit_temperature(
        np.zeros((6, 2)), np.eye(2, dtype=bool)[[0, 1] * 3], multi_class=multi_class
    )
    assert found == 1
    assert "the same at every temperature" in notes[0]


def torch_lbfgs(function, start, rate, n_iterations):
    """PyTorch's LBFGS of one parameter, its two-loop recursion over the whole history written out."""
    x, history, curvature = start, [], 1.0
    loss, gradient = function(x)
    for iteration in range(1, n_iterations + 1):
        if iteration > 1:
            y, s = gradient - previous, step  # noqa: F821
            if y * s > 1e-10:
                history.append((s, y))
                curvature = s / y
        q, alphas = -gradient, []
        for s, y in reversed(history):
            alphas.append(s * q / (s * y))
            q -= alphas[-1] * y
        direction = q * curvature
        for (s, y), alpha in zip(history, reversed(alphas), strict=True):
            direction += s * (alpha - y * direction / (s * y))
        length = rate * min(1.0, 1 / abs(gradient)) if iteration == 1 else rate
        if gradient * direction > -1e-9:
            break
        previous, step, before = gradient, length * direction, loss  # noqa: F841
        x += step
        if iteration == n_iterations:
            break
        loss, gradient = function(x)
        if abs(gradient) <= 1e-7 or abs(step) <= 1e-9 or abs(loss - before) < 1e-9:
            break
    return x


@pytest.mark.parametrize("temperature", [0.5, 1.4, 3.0])
def test_the_projects_optimiser_is_lbfgs_of_one_parameter(temperature):
    logits, targets = multi_label(temperature, n=50)

    def function(x):
        slope = ((targets - special.expit(logits / x)) * logits).mean() / x**2
        return binary_loss(x, logits, targets), slope

    found = project_temperature(logits, targets)
    assert found.temperature == pytest.approx(torch_lbfgs(function, 1.5, 0.02, 200), rel=1e-6)


def test_the_projects_slope_is_the_derivative_of_its_loss():
    logits, targets = multi_label(2.0, n=50)
    found = project_temperature(logits, targets, n_iterations=1)
    numeric = optimize.approx_fprime([1.5], lambda x: binary_loss(x[0], logits, targets))[0]
    # the first step of 200 is the rate against the slope, as long as that is below one
    assert found.temperature == pytest.approx(1.5 - 0.02 * numeric, abs=1e-8)


def test_the_projects_optimiser_stops_short_as_documented():
    data = multi_label(3.0)
    best, _ = fit_temperature(*data, multi_class=False)
    assert 1.5 < project_temperature(*data).temperature < best - 0.03
    data = multi_label(0.2)
    best, _ = fit_temperature(*data, multi_class=False)
    assert best < 0.25 < 0.8 < project_temperature(*data).temperature


def test_the_projects_temperature_can_turn_negative():
    logits, targets = np.array([[0.7], [-0.98], [-1.57]]), np.zeros((3, 1), bool)
    assert fit_temperature(logits, targets, multi_class=False)[0] == pytest.approx(0.9, abs=0.1)
    assert project_temperature(logits, targets).temperature < 0


def test_a_temperature_of_zero_is_refused():
    with pytest.raises(InputError, match="a finite one other than 0"):
        project_temperature(*multi_label(1.0), start=0)
