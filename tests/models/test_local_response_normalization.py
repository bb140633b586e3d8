import keras
import numpy as np
import pytest
import tensorflow as tf

from ecgrepro.errors import SettingsError
from ecgrepro.models.local_response_normalization import LocalResponseNormalization
from tests.models.caffe_reference import normalise

INPUTS = np.random.default_rng(0).normal(0, 80, (2, 4, 5, 12)).astype("float32")


@pytest.mark.parametrize(
    "settings",
    [{}, {"size": 3, "alpha": 1e-3}, {"beta": 0.5, "k": 2.0}, {"size": 1}, {"size": 25, "alpha": 1e-2}],
)
def test_it_equals_a_loop_over_channels(settings):
    expected = np.moveaxis(normalise(np.moveaxis(INPUTS, -1, 1), **settings), 1, -1)
    ours = np.asarray(LocalResponseNormalization(**settings)(INPUTS))
    assert np.abs(ours - INPUTS).max() > 1
    np.testing.assert_allclose(ours, expected, rtol=1e-5)


def test_it_equals_tensorflows_operation_with_alpha_divided_by_the_size_and_so_do_its_gradients():
    ours, reference = tf.Variable(INPUTS), tf.Variable(INPUTS)
    weights = np.random.default_rng(1).normal(size=INPUTS.shape).astype("float32")
    with tf.GradientTape(persistent=True) as tape:
        out = LocalResponseNormalization()(ours)
        expected = tf.nn.local_response_normalization(reference, 2, 1.0, 1e-4 / 5, 0.75)
        sums = tf.reduce_sum(out * weights), tf.reduce_sum(expected * weights)
    np.testing.assert_allclose(out, expected, rtol=1e-5)
    gradients = tape.gradient(sums[0], ours), tape.gradient(sums[1], reference)
    np.testing.assert_allclose(*gradients, rtol=1e-4, atol=1e-5)


def test_values_whose_squares_float16_cannot_hold_are_normalised():
    out = LocalResponseNormalization(dtype="float16")(INPUTS.astype("float16") * 10)
    assert keras.backend.standardize_dtype(out.dtype) == "float16"
    expected = LocalResponseNormalization()(INPUTS * 10)
    np.testing.assert_allclose(np.asarray(out, np.float32), expected, rtol=5e-3)


def test_the_config_makes_the_same_layer_again():
    layer = LocalResponseNormalization(3, 1e-3, 0.5, 2.0, name="named")
    again = keras.layers.deserialize(keras.layers.serialize(layer))
    assert type(again) is LocalResponseNormalization
    assert (again.size, again.alpha, again.beta, again.k, again.name) == (3, 1e-3, 0.5, 2.0, "named")


@pytest.mark.parametrize("size", [0, 4, -1])
def test_a_window_without_a_middle_is_refused(size):
    with pytest.raises(SettingsError, match="size: expected an odd number of channels"):
        LocalResponseNormalization(size)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_output_has_the_shape_of_the_input_and_the_compute_dtype(policy):
    dtype = "float32" if policy == "float32" else "bfloat16"
    out = LocalResponseNormalization(dtype=policy)(INPUTS)
    assert tuple(out.shape) == INPUTS.shape
    assert keras.backend.standardize_dtype(out.dtype) == dtype
