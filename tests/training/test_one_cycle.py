import keras
import numpy as np
import pytest
from keras import ops

from ecgrepro.errors import SettingsError
from ecgrepro.training.one_cycle import (
    OneCycle,
    OneCycleAdamW,
    learning_rate_cycle,
    momentum_cycle,
    one_cycle,
)

RNG = np.random.default_rng(0)


def stepped(n, start, peak, end):
    """Values of n steps as a scheduler that is stepped after every batch sets them (fastai v1)."""
    first = int(n * 0.3)
    phases = [(start, peak, max(1, first)), (peak, end, max(1, n - first))]
    found, phase, done, value = [], 0, 0, start
    for _ in range(n):
        found.append(value)
        begin, finish, length = phases[phase]
        done += 1
        value = finish + (begin - finish) / 2 * (np.cos(np.pi * done / length) + 1)
        if done >= length:
            phase, done = min(phase + 1, 1), 0
    return found


@pytest.mark.parametrize("n", [1, 2, 3, 4, 10, 97])
def test_every_step_has_the_value_that_stepping_gives(n):
    expected = stepped(n, 4e-4, 1e-2, 4e-8)
    found = [float(one_cycle(step, n, 4e-4, 1e-2, 4e-8)) for step in range(n)]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-10)


def test_the_learning_rate_runs_as_published():
    rate = learning_rate_cycle(1e-2, 1000)
    values = np.asarray(rate(np.arange(1001)))
    np.testing.assert_allclose(values[[0, 150, 300, 1000]], [4e-4, 5.2e-3, 1e-2, 4e-8], rtol=1e-5)
    assert values.argmax() == 300
    assert (np.diff(values[:301]) > 0).all()
    assert (np.diff(values[300:]) < 0).all()


def test_the_momentum_runs_the_other_way():
    values = np.asarray(momentum_cycle(1000)(np.arange(1001)))
    np.testing.assert_allclose(values[[0, 150, 300, 650, 1000]], [0.95, 0.9, 0.85, 0.9, 0.95], rtol=1e-6)
    assert values.argmin() == 300


def test_after_the_cycle_the_value_stays():
    np.testing.assert_allclose(np.asarray(one_cycle(np.array([10, 11, 500]), 10, 1.0, 2.0, 0.5)), 0.5)


@pytest.mark.parametrize("settings", [{"total_steps": 0}, {"total_steps": 10, "warm_up": 1.0}])
def test_a_cycle_without_steps_or_without_fall_is_refused(settings):
    with pytest.raises(SettingsError, match="one-cycle: expected"):
        OneCycle(start=1.0, peak=2.0, end=0.5, **settings)


def reference(weights, gradients, rate, momentum, factor=1.0, decay=0.01):
    """AdamW in numpy, PyTorch's order: decay, moments, corrected step; one row per step."""
    first, second, rows = np.zeros_like(weights), np.zeros_like(weights), []
    weights = weights.astype(float)
    for step, gradient in enumerate(gradients):
        lr, beta = float(rate(step)) * factor, float(momentum(step))
        weights = weights * (1 - lr * decay)
        first = beta * first + (1 - beta) * gradient
        second = 0.99 * second + 0.01 * gradient**2
        corrected = first / (1 - beta ** (step + 1)), second / (1 - 0.99 ** (step + 1))
        weights = weights - lr * corrected[0] / (np.sqrt(corrected[1]) + 1e-8)
        rows.append(weights)
    return rows


def test_updates_equal_adamw_with_a_scheduled_momentum():
    start, gradients = RNG.normal(size=5).astype("float32"), RNG.normal(size=(12, 5)).astype("float32")
    rate, momentum = learning_rate_cycle(0.05, 12), momentum_cycle(12)
    variable = keras.Variable(start)
    optimiser = OneCycleAdamW(rate, momentum)
    for gradient, expected in zip(gradients, reference(start, gradients, rate, momentum), strict=True):
        optimiser.apply([ops.convert_to_tensor(gradient)], [variable])
        np.testing.assert_allclose(variable, expected, rtol=1e-4, atol=1e-6)


def test_a_factor_scales_update_and_decay_not_the_gradient():
    start, gradients = RNG.normal(size=5).astype("float32"), RNG.normal(size=(6, 5)).astype("float32")
    variables = [keras.Variable(start, name=name) for name in ("near", "far")]
    factors = {variable.path: factor for variable, factor in zip(variables, (1.0, 0.01), strict=True)}
    optimiser = OneCycleAdamW(0.05, decay=0.5, factors=factors)
    for gradient in gradients:
        optimiser.apply([ops.convert_to_tensor(gradient)] * 2, variables)
    for variable in variables:
        expected = reference(
            start, gradients, lambda step: 0.05, lambda step: 0.9, factors[variable.path], 0.5
        )
        np.testing.assert_allclose(variable, expected[-1], rtol=1e-4, atol=1e-6)


def test_a_weight_without_a_gradient_only_decays():
    variable = keras.Variable(np.ones(3, "float32"))
    optimiser = OneCycleAdamW(0.1, decay=0.2)
    optimiser.apply([ops.zeros(3)], [variable])
    np.testing.assert_allclose(variable, 1 - 0.1 * 0.2, rtol=1e-6)


def test_a_weight_that_no_factor_is_given_for_is_refused():
    variable = keras.Variable(np.ones(3, "float32"), name="forgotten")
    with pytest.raises(SettingsError, match="forgotten"):
        OneCycleAdamW(0.1, factors={"other": 1.0}).build([variable])


def net(optimiser):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Dense(3, activation="relu")(inputs)))
    model.compile(optimiser, "mse")
    model.optimizer.build(model.trainable_variables)
    return model


def test_a_resumed_run_goes_on_as_if_it_had_never_stopped():
    x, y = RNG.normal(size=(8, 4)).astype("float32"), RNG.normal(size=(8, 2)).astype("float32")
    whole, second = (net(OneCycleAdamW(learning_rate_cycle(0.1, 6), momentum_cycle(6))) for _ in range(2))
    for _ in range(3):
        whole.train_on_batch(x, y)
    for ours, theirs in ((second.variables, whole.variables),
                         (second.optimizer.variables, whole.optimizer.variables)):  # fmt: skip
        for variable, value in zip(ours, [np.array(one) for one in theirs], strict=True):
            variable.assign(value)
    for model in (whole, second):
        for _ in range(3):
            model.train_on_batch(x, y)
    for ours, theirs in zip(second.get_weights(), whole.get_weights(), strict=True):
        assert (ours == theirs).all()


def test_the_optimiser_is_described_and_made_again():
    made = OneCycleAdamW(learning_rate_cycle(0.1, 6), momentum_cycle(6), decay=0.3, factors={"kernel": 0.5})
    again = keras.optimizers.deserialize(keras.optimizers.serialize(made))
    assert again.get_config() == made.get_config()
    assert [float(again.beta_1(step)) for step in range(7)] == [float(made.beta_1(step)) for step in range(7)]
    assert again.decay == 0.3
    assert again.factors == {"kernel": 0.5}
