"""The class report's 2-D ResNet-18 on spectrograms, layer for layer.

Source: the DL4H class report of Team 1 (2024), as coded in myles-i/DLH_TransferLearning afba128
(`transplant/modules/resnet2d.py`, `finetuning/utils.py`); blocks from He et al., CVPR 2016 (arXiv:1512.03385).

========== ===================================================== ========================
part       layers                                                output
========== ===================================================== ========================
stem       conv 7x7, stride 2, 64; BN; ReLU; max-pool 2x2        (H/4, W/4, 64)
stage 1    2 blocks, 64 filters                                  (H/4, W/4, 64)
stage 2    2 blocks, 128 filters, first stride 2                 (H/8, W/8, 128)
stage 3    2 blocks, 256 filters, first stride 2                 (H/16, W/16, 256)
stage 4    2 blocks, 512 filters, first stride 2                 (H/32, W/32, 512)
head       global average pooling; dense                         (n_outputs,)
========== ===================================================== ========================

A block is conv-BN-ReLU-conv-BN, 3x3, plus the shortcut, ReLU. The shortcut is the identity, or in the first block of
stages 2 to 4 a 1x1 convolution with BN. Unlike the 1-D net's, convolutions have a bias, BN has Keras' defaults
(momentum .99, epsilon 1e-3) and kernels start He-normal: the report's comparison of 1-D and 2-D is between nets that
differ in more than the input. Inputs are magnitudes of 128 frequencies: 128 frames (4,096 samples) in pre-training,
512 (16,384 samples) in fine-tuning.

Parameters, moving statistics included: 11,187,205 with 5 outputs, as the report's model summary prints them.

``matched=True`` is this project's control: the 1-D net's BN constants (momentum .9, epsilon 1e-5) and start of kernels,
and no bias. At the width that `ecgrepro.models.catalogue.matched_width` finds it has as many parameters as the 1-D net,
so that 1-D against 2-D becomes a comparison of representations. What remains is what a representation brings along:
kernels of 3x3 (stem 7x7) in place of 7, 5, 5 and 3 (7), and a stem's pool of 2x2 in place of 3.

Departures: outputs are logits (the original fine-tuning head ends in a softmax; loss and argmax are the same), and
`width` scales every filter count for small runs (1.0 is the publication). BN's moving variance is that of the
population; the report's Keras 2 kept the unbiased one for images, larger by 1/n of n values in a batch and channel.
"""

from functools import partial

import keras

from ecgrepro.models.batch_normalization import BatchNormalization
from ecgrepro.models.resnet1d import BATCH_NORMALIZATION, HEAD, check_width, dtype_policy, kernel_start

BLOCKS = (2, 2, 2, 2)
FILTERS = (64, 128, 256, 512)


def resnet2d(shape, n_outputs, *, width=1.0, precision="float32", transform=None, matched=False):
    """Build the net.

    Parameters
    ----------
    shape : tuple
        Of one image, (frequencies, frames, channels), such as (128, 512, 1). With `transform` that of one raw signal,
        (length, n_leads).
    n_outputs : int
        Classes of the head; 0 leaves the head out and ends at the pooled features.
    width : float
        Multiplies every filter count; 64 * width must be a whole number.
    precision : {"float32", "mixed_bfloat16", "mixed_float16"}
        Keras dtype policy of the layers; weights and logits are float32 in all of them.
    transform : keras.Layer, optional
        Without weights, from (batch, length, n_leads) to (batch, frequencies, frames, channels), put before the stem.
    matched : bool
        Batch normalisation, bias and start as in the 1-D net, see above.

    Returns
    -------
    keras.Model
        From (batch, *shape) float32 to (batch, n_outputs) float32 logits.

    Raises
    ------
    SettingsError
        An unknown precision, or a width that gives no whole number of filters.
    """
    check_width(width, FILTERS[0])
    conv = partial(_conv, matched=matched)
    with dtype_policy(precision):
        inputs = keras.Input(shape, name="image" if transform is None else "signal")
        x = _stem(inputs if transform is None else transform(inputs), int(FILTERS[0] * width), conv)
        for stage, n_blocks in enumerate(BLOCKS):
            for block in range(n_blocks):
                stride = 2 if stage and not block else 1
                x = _block(x, int(FILTERS[stage] * width), stride, f"stage{stage + 1}_block{block + 1}", conv)
        x = keras.layers.GlobalAveragePooling2D(name="pool", dtype="float32")(x)
        if n_outputs:
            x = keras.layers.Dense(n_outputs, name=HEAD, dtype="float32")(x)
        # under the policy too: with float16 Keras scales the loss only if the model itself says so
        return keras.Model(inputs, x, name="resnet18_2d_matched" if matched else "resnet18_2d")


def _conv(x, filters, kernel, stride, name, matched):
    start, constants = (kernel_start(), BATCH_NORMALIZATION) if matched else ("he_normal", {})
    layer = keras.layers.Conv2D(
        filters, kernel, stride, "same", use_bias=not matched, kernel_initializer=start, name=f"{name}_conv"
    )
    return BatchNormalization(name=f"{name}_bn", **constants)(layer(x))


def _stem(x, filters, conv):
    x = keras.layers.ReLU(name="stem_relu")(conv(x, filters, 7, 2, "stem"))
    return keras.layers.MaxPooling2D(2, 2, "same", name="stem_pool")(x)


def _block(x, filters, stride, name, conv):
    shortcut = x
    if stride > 1:
        # samples are dropped before the 1x1 convolution, not by it: see `resnet1d._shortcut`
        shortcut = conv(x[:, ::stride, ::stride], filters, 1, 1, f"{name}_shortcut")
    x = keras.layers.ReLU(name=f"{name}_relu1")(conv(x, filters, 3, stride, f"{name}_first"))
    x = conv(x, filters, 3, 1, f"{name}_second")
    return keras.layers.ReLU(name=f"{name}_relu2")(keras.layers.Add(name=f"{name}_add")([x, shortcut]))
