"""Convolutions and pools that the PTB-XL benchmark's residual nets are made of, padded as PyTorch pads them.

Source: helme/ecg_ptbxl_benchmarking ff776de (`code/models/xresnet1d.py`, `resnet1d.py`): convolutions without bias,
each with batch normalisation behind it.
"""

import keras

from ecgrepro.models.concat_pooling_head import batch_normalization, kaiming_normal


def conv(x, filters, kernel, stride, name):
    """Convolution without bias and batch normalisation; (batch, time, channels) to (batch, time / stride, filters)."""
    padding = "same"
    if stride > 1:
        # PyTorch pads both ends; Keras' "same" gives an even length one sample less in front, which shifts the output
        x, padding = keras.layers.ZeroPadding1D(kernel // 2, name=f"{name}_pad")(x), "valid"
    layer = keras.layers.Conv1D(
        filters, kernel, stride, padding, use_bias=False, kernel_initializer=kaiming_normal(),
        name=f"{name}_conv",
    )  # fmt: skip
    return batch_normalization(name)(layer(x))


def conv_relu(x, filters, kernel, stride, name):
    """`conv` with a ReLU behind it."""
    return keras.layers.ReLU(name=f"{name}_relu")(conv(x, filters, kernel, stride, name))


def stem_pool(x):
    """Maximum of three samples, every second one, behind a ReLU."""
    # after a ReLU a padding of zeros is as good as PyTorch's of minus infinity
    x = keras.layers.ZeroPadding1D(1, name="stem_pool_pad")(x)
    return keras.layers.MaxPooling1D(3, 2, "valid", name="stem_pool")(x)
