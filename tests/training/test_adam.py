import keras
import numpy as np
import pytest
import tensorflow as tf

from ecgrepro.training import adam
from ecgrepro.training.adam import Adam

SHAPES = ((3, 4), (4,), (2, 3, 5))
SETTINGS = {"learning_rate": 0.01, "beta_1": 0.9, "beta_2": 0.98, "epsilon": 1e-9}


@pytest.fixture(autouse=True)
def every_weight_is_large(monkeypatch):
    monkeypatch.setattr(adam, "LARGE", 1)


def walk(kind, steps=20, **settings):
    """Weights and moments after some steps along gradients that are the same for every kind."""
    rng = np.random.default_rng(1)
    variables = [keras.Variable(np.zeros(shape, "float32")) for shape in SHAPES]
    optimiser = kind(**(SETTINGS | settings))
    optimiser.build(variables)
    for _ in range(steps):
        optimiser.apply([tf.constant(rng.normal(size=shape), "float32") for shape in SHAPES], variables)
    return [np.asarray(one) for one in (*variables, *optimiser.variables)]


@pytest.mark.parametrize(
    "settings", [{}, {"epsilon": 1e-3}, {"amsgrad": True}, {"weight_decay": 0.1}, {"clipnorm": 0.5}]
)
def test_it_equals_keras_in_weights_and_moments(settings):
    for ours, reference in zip(walk(Adam, **settings), walk(keras.optimizers.Adam, **settings), strict=True):
        np.testing.assert_allclose(ours, reference, rtol=1e-5, atol=1e-7)


def test_weights_move():
    assert all(np.abs(one).min() > 0 for one in walk(Adam)[: len(SHAPES)])


def test_a_schedule_is_followed():
    schedule = keras.optimizers.schedules.PolynomialDecay(0.1, 10, 0.0)
    ours, reference = (walk(kind, learning_rate=schedule) for kind in (Adam, keras.optimizers.Adam))
    for a, b in zip(ours, reference, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("large", "fused"), [(3, True), (4, False)])
def test_one_kernel_updates_a_large_weight(monkeypatch, large, fused):
    monkeypatch.setattr(adam, "LARGE", large)
    variable = keras.Variable(np.ones(3, "float32"))
    optimiser = Adam()
    optimiser.build([variable])
    graph = tf.function(lambda gradient: optimiser.apply([gradient], [variable])).get_concrete_function(
        tf.TensorSpec([3])
    )
    assert ("ResourceApplyAdam" in {operation.type for operation in graph.graph.get_operations()}) is fused


def test_the_config_makes_the_same_optimiser_again():
    again = keras.optimizers.deserialize(keras.optimizers.serialize(Adam(0.5, beta_2=0.7)))
    assert type(again) is Adam
    assert (float(again.learning_rate), again.beta_2) == (0.5, 0.7)
