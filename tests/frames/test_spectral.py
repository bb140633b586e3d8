import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from ecgrepro.errors import SettingsError
from ecgrepro.frames.spectral import SpectralLayer, check_signal, compiled, compress, magnitude


class Doubling(SpectralLayer):
    """The smallest layer of its kind."""

    SETTINGS = ("offset",)

    def __init__(self, offset=0.0, **kwargs):
        super().__init__({"offset": offset}, **kwargs)

    def prepare(self, length, n_leads):
        self._prepared = (length, n_leads)

    def transform(self, signal):
        return 2 * signal + self.offset

    def compute_output_shape(self, input_shape):
        return input_shape


def test_a_layer_prepares_for_its_signals_and_transforms_them():
    layer = Doubling(offset=1.0)
    out = layer(np.ones((3, 4, 2), "float32"))
    assert layer._prepared == (4, 2)
    assert (np.asarray(out) == 3).all()


def test_another_length_than_it_was_built_for_is_refused():
    layer = Doubling()
    layer(np.ones((3, 4, 2), "float32"))
    with pytest.raises(ValueError, match="expected shape"):
        layer(np.ones((3, 5, 2), "float32"))


def test_any_batch_size_will_do():
    layer = Doubling()
    for n in (1, 2, 3):
        assert layer(np.ones((n, 4, 1), "float32")).shape == (n, 4, 1)


def test_settings_are_kept_in_the_configuration():
    assert Doubling.from_config(Doubling(offset=2.0).get_config()).offset == 2.0


def test_it_computes_in_float32_under_every_policy():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        out = Doubling(offset=1e-3)(np.ones((1, 2, 1), "float32"))
    finally:
        keras.config.set_dtype_policy("float32")
    assert keras.backend.standardize_dtype(out.dtype) == "float32"
    # bfloat16 has no number between 2 and 2.015
    np.testing.assert_allclose(out, 2.001, rtol=1e-6)


def test_on_tensorflow_xla_compiles_it():
    assert "_XlaMustCompile" in str(
        compiled(ops.square).get_concrete_function(tf.zeros(3)).function_def.attr.keys()
    )


def test_the_magnitude_is_that_of_the_complex_number():
    values = np.random.default_rng(0).normal(size=(2, 100)).astype("float32")
    np.testing.assert_allclose(magnitude(*values), np.abs(values[0] + 1j * values[1]), rtol=1e-6)


def test_the_gradient_of_silence_is_zero():
    parts = tf.zeros(3)
    with tf.GradientTape() as tape:
        tape.watch(parts)
        out = magnitude(parts, parts)
    assert (tape.gradient(out, parts).numpy() == 0).all()


def test_the_logarithm_is_zero_for_silence_linear_below_the_floor_and_logarithmic_above():
    out = np.asarray(compress(np.array([0.0, 1e-5, 10.0, 20.0], "float32"), 0.01))
    assert out[0] == 0
    np.testing.assert_allclose(out[1], 1e-3, rtol=1e-3)
    np.testing.assert_allclose(out[3] - out[2], np.log(2), rtol=2e-3)


@pytest.mark.parametrize("shape", [(None, None, 1), (None, 10), (None, 10, None), (2, 10, 1, 1)])
def test_what_is_no_batch_of_signals_of_known_length_is_refused(shape):
    with pytest.raises(SettingsError, match="input of x: expected signals"):
        check_signal("x", shape)
