"""What the layers that turn a signal into a picture of its frequencies have in common."""

import keras
from keras import ops

from ecgrepro.errors import SettingsError

#: A magnitude below this counts as 0: the square root's gradient there is infinite, and padded recordings are full of
#: zeros.
TINY = 1e-15


class SpectralLayer(keras.layers.Layer):
    """A layer without weights from signals (batch, length, n_leads) to float32 images or spectra.

    A subclass names its settings in `SETTINGS`, prepares its constants in `prepare(length, n_leads)` and computes in
    `transform(signal)`. It is float32 under every dtype policy: a spectrum's range is wider than what bfloat16
    resolves.

    On TensorFlow `transform` is compiled by XLA, once per batch size (a scalogram in one or two seconds): what stands
    before and after a Fourier transform, several passes over the memory, becomes one each, and independent transforms
    run side by side. The code is the same on every backend.
    """

    SETTINGS = ()

    def __init__(self, settings, **kwargs):
        super().__init__(**(kwargs | {"dtype": "float32"}))
        for name in self.SETTINGS:
            setattr(self, name, settings[name])

    def build(self, input_shape):
        _, length, n_leads = check_signal(self.name, input_shape)
        self.input_spec = keras.layers.InputSpec(shape=(None, length, n_leads))
        self.prepare(length, n_leads)
        self._compiled = compiled(self.transform)

    def call(self, inputs):
        return self._compiled(inputs)

    def get_config(self):
        return super().get_config() | {name: getattr(self, name) for name in self.SETTINGS}


def check_signal(name, shape):
    """Return the shape of a batch of signals, (batch, length, n_leads); `SettingsError` if it is none.

    The length must be known: it decides the size of the image.
    """
    if len(shape) != 3 or None in shape[1:]:
        raise SettingsError(f"input of {name}", "signals (batch, length, n_leads) of a known length", str(tuple(shape)),
                            "Build the net for a length, not for None.")  # fmt: skip
    return tuple(shape)


def require(holds, setting, expected, got, fix):
    """Raise `SettingsError` unless a setting is in order."""
    if not holds:
        raise SettingsError(setting, expected, repr(got), fix)


def compiled(function):
    """`function` compiled by XLA where the backend is TensorFlow; elsewhere the function itself."""
    if keras.backend.backend() != "tensorflow":
        return function
    import tensorflow as tf

    return tf.function(function, autograph=False, jit_compile=True, reduce_retracing=True)


def magnitude(real, imaginary):
    """Absolute value of a complex tensor given by its parts; its gradient is 0 where the value is below `TINY`."""
    power = ops.square(real) + ops.square(imaginary)
    return ops.where(power > TINY**2, ops.sqrt(ops.maximum(power, TINY**2)), 0.0)


def compress(values, floor):
    """Logarithm of a magnitude: ``log(1 + values / floor)``.

    Logarithmic above `floor`, linear below, 0 for silence: zeros that pad a recording stay zeros.
    """
    return ops.log1p(values * (1 / floor))
