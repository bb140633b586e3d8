"""The head that the PTB-XL benchmark puts on its convolutional nets: maximum and mean, one hidden layer, logits.

Source: Strodthoff N, Wagner P, Schaeffter T, Samek W, IEEE J Biomed Health Inform 25(5):1519 (2021),
arXiv:2004.13701, as coded in helme/ecg_ptbxl_benchmarking ff776de (`code/models/basic_conv1d.py`, `create_head1d` with
the settings of `code/models/fastai_model.py` 903cadc: `lin_ftrs_head=[128]`, `ps_head=.5`) on fastai 1.0.61, whose
`bn_drop_lin` puts batch normalisation and dropout before each dense layer.

=================== =================================================== ==================
layer               what it does                                        output
=================== =================================================== ==================
head_maximum_pool   maximum over time                                   (C,)
head_average_pool   mean over time                                      (C,)
head_pool           the two side by side, the **maximum first**         (2C,)
head_pool_bn        batch normalisation                                 (2C,)
head_pool_dropout   dropout .25 (half of `ps_head`)                     (2C,)
head_hidden         dense with bias, ReLU                               (128,)
head_hidden_bn      batch normalisation, after the ReLU                 (128,)
head_hidden_dropout dropout .5                                          (128,)
head                dense with bias: logits                             (n_outputs,)
=================== =================================================== ==================

For transfer the benchmark replaces `head` alone (`set_output_layer`); everything before it is kept, the hidden layer
and both batch normalisations included. Each of the two belongs to the dense layer that reads it, as in `bn_drop_lin`.
Parameters that learn: 4C + 256 C + 128 + 256 + 129 n_outputs.

Kernels start Kaiming normal (He et al., arXiv:1502.01852): normal with variance 2 / fan_in, not truncated. Biases
start at 0, gamma at 1, beta at 0. BN has momentum .9 (PyTorch's .1) and epsilon 1e-5.

Departure: PyTorch's moving variance is unbiased, Keras' is that of the population: smaller by 1/n of n values in a
batch and channel. In a head that is 1/128 of the variance at batch 128, within the nets under 1/1,000.
"""

import keras
from keras import ops

from ecgrepro.models.batch_normalization import BatchNormalization
from ecgrepro.models.resnet1d import HEAD

#: Units of the hidden layer; dropout before it and before the logits.
HIDDEN = 128
DROPOUT = (0.25, 0.5)


def concat_pooling_head(x, n_outputs, width=1.0):
    """Put the head on a net, in float32 whatever the net computes in.

    Parameters
    ----------
    x : KerasTensor (batch, time, channels)
    n_outputs : int
        Classes; 0 leaves out the last dense layer and ends at the 128 features it would read.
    width : float
        Multiplies the hidden units.

    Returns
    -------
    KerasTensor (batch, n_outputs) float32
        Logits.
    """
    x = batch_normalization("head_pool", dtype="float32")(_pool(x))
    x = keras.layers.Dropout(DROPOUT[0], name="head_pool_dropout", dtype="float32")(x)
    x = _dense(int(HIDDEN * width), "head_hidden")(x)
    x = keras.layers.ReLU(name="head_hidden_relu", dtype="float32")(x)
    x = batch_normalization("head_hidden", dtype="float32")(x)
    x = keras.layers.Dropout(DROPOUT[1], name="head_hidden_dropout", dtype="float32")(x)
    return _dense(n_outputs, HEAD)(x) if n_outputs else x


def kaiming_normal():
    """Return a new initialiser: normal, variance 2 / fan_in, as PyTorch's `kaiming_normal_` (Keras' truncates)."""
    return keras.initializers.VarianceScaling(2.0, "fan_in", "untruncated_normal")


def batch_normalization(part, **settings):
    """Return a batch normalisation with PyTorch's defaults, named after its part of the net."""
    return BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{part}_bn", **settings)


@keras.saving.register_keras_serializable("ecgrepro")
class MaximumOverTime(keras.layers.Layer):
    """Maximum over the time axis of (batch, time, channels); of equal ones the first has the gradient.

    `keras.layers.GlobalMaxPooling1D` gives the same values. But JAX divides a maximum's gradient among all samples that
    equal it, and where XLA computes the samples a second time with another rounding none does: 0 / 0.
    """

    def call(self, inputs):
        places = ops.argmax(inputs, axis=1, keepdims=True)
        return ops.squeeze(ops.take_along_axis(inputs, places, axis=1), axis=1)


def _pool(x):
    maximum = MaximumOverTime(name="head_maximum_pool", dtype="float32")(x)
    average = keras.layers.GlobalAveragePooling1D(name="head_average_pool", dtype="float32")(x)
    return keras.layers.Concatenate(name="head_pool", dtype="float32")([maximum, average])


def _dense(units, name):
    return keras.layers.Dense(units, kernel_initializer=kaiming_normal(), name=name, dtype="float32")
