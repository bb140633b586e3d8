"""Local response normalisation across channels, as Caffe computes it.

Source: Krizhevsky et al., NIPS 2012, section 3.3; Caffe's `LRN` layer (BVLC/caffe, `lrn_layer.cpp`), which divides
alpha by the size of the window. MATLAB's `crossChannelNormalizationLayer` and PyTorch's `LocalResponseNorm` do so too;
the paper's formula and `tf.nn.local_response_normalization` do not (there, the same alpha is `alpha / size`).
"""

import keras
import numpy as np
from keras import ops

from ecgrepro.errors import SettingsError


@keras.saving.register_keras_serializable("ecgrepro")
class LocalResponseNormalization(keras.layers.Layer):
    """Divide every value by a power of the sum of squares of its neighbours in the channels.

    ``y[c] = x[c] / (k + alpha / size * sum(x[c - size // 2 : c + size // 2 + 1] ** 2)) ** beta``; channels beyond the
    first and the last count as zeros.

    The sums are one matrix product with a band of ones: on a CPU, forward and backward together take about half the
    time of TensorFlow's own operation, and every backend has it.

    Parameters
    ----------
    size : int
        Channels of the window; odd.
    alpha, beta, k : float
        Defaults are those of AlexNet in Caffe and MATLAB; the paper's are, in these terms, 5e-4, .75 and 2.

    Call arguments
    --------------
    inputs : (batch, ..., channels)
        Any floating-point dtype; squares are summed in float32, which float16 could not hold.

    Returns
    -------
    tensor
        Of the inputs' shape, in the compute dtype.

    Raises
    ------
    SettingsError
        An even or non-positive size.
    """

    def __init__(self, size=5, alpha=1e-4, beta=0.75, k=1.0, **kwargs):
        super().__init__(**kwargs)
        if size < 1 or size % 2 == 0:
            raise SettingsError("size", "an odd number of channels", str(size), "AlexNet takes 5.")
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def call(self, inputs):
        x = ops.cast(inputs, "float32")
        channels = np.arange(inputs.shape[-1])
        band = np.abs(channels[:, None] - channels) <= self.size // 2
        sums = ops.matmul(ops.square(x), ops.convert_to_tensor(band.astype("float32")))
        return ops.cast(x * self._power(self.k + self.alpha / self.size * sums), self.compute_dtype)

    def _power(self, scale):
        if self.beta != 0.75:
            return ops.power(scale, -self.beta)
        root = ops.rsqrt(scale)  # two roots take a fraction of the time of a power
        return root * ops.sqrt(root)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        own = {"size": self.size, "alpha": self.alpha, "beta": self.beta, "k": self.k}
        return super().get_config() | own
