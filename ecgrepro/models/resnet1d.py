"""The 1-D ResNets of Weimann & Conrad (2021), layer for layer: 18, 34 and 50 layers deep.

Source: Weimann K, Conrad TOF, Sci Rep 11:5251 (2021), as coded in kweimann/ecg-transfer-learning c255af5
(`transplant/modules/resnet1d.py`, `finetuning/utils.py`); blocks from He et al., CVPR 2016 (arXiv:1512.03385).

========== ===================================================== ==================
part       layers                                                output (ResNet-18)
========== ===================================================== ==================
stem       conv 7, stride 2, 64; BN; ReLU; max-pool 3, stride 2  (T/4, 64)
stage 1    2 blocks, kernel 7, 64 filters                        (T/4, 64)
stage 2    2 blocks, kernel 5, 128 filters, first stride 2       (T/8, 128)
stage 3    2 blocks, kernel 5, 256 filters, first stride 2       (T/16, 256)
stage 4    2 blocks, kernel 3, 512 filters, first stride 2       (T/32, 512)
head       global average pooling; dense                         (n_outputs,)
========== ===================================================== ==================

ResNet-34 and ResNet-50 have 3, 4, 6 and 3 blocks in their stages. A block of ResNet-18 and ResNet-34 is
conv-BN-ReLU-conv-BN, plus the shortcut, ReLU (post-activation, although the paper's name says v2). A block of ResNet-50
is a bottleneck: convolution 1, the stage's convolution (which carries the stride), convolution 1 with four times the
filters, each with BN, plus the shortcut, ReLU; its stages end in 256, 512, 1,024 and 2,048 channels. The shortcut is
the identity, or a 1x1 convolution with BN where channels or stride change. Convolutions have no bias; BN has momentum
.9 and epsilon 1e-5; kernels start as VarianceScaling(1, fan_in, truncated normal).

Parameters, moving statistics included: of ResNet-18 4,492,480 in the extractor; 4,494,532 with 4 and 4,495,045 with 5
outputs, as the class report's model summaries print them. For the deeper nets no count is published.

Two controls differ from this in one thing each, and start with the same kernels under the same seed:

* ``preactivation=True`` is the reading of the paper's name, "ResNet-18v2": He et al., ECCV 2016 (arXiv:1603.05027). A
  block is BN-ReLU-conv-BN-ReLU-conv plus the shortcut, with nothing behind the sum; a projection is a 1x1 convolution
  alone, of what the block's first BN and ReLU give; BN and ReLU close the last stage. Kernels, filters, strides and
  starts stay. The publication's first block has its activation "right after conv1": here that is the stem's, before the
  pool, so the first block begins with its convolution and its identity carries what is activated. It leaves room at
  the projection, which has no BN in the authors' repository (KaimingHe/resnet-1k-layers 8390a4a) and reads the raw sum
  through BN in facebookarchive/fb.resnet.torch 3beb17b, which also spares all blocks of stage 1 the first activation.
* ``masked_pooling=True`` averages over the steps of the recording alone, see `masked_pooling`. Its weights are those of
  the net without, in either direction.

Departures: outputs are logits (the original fine-tuning head ends in a softmax; loss and argmax are the same), and
`width` scales every filter count for small runs (1.0 is the publication).
"""

from contextlib import contextmanager

import keras

from ecgrepro.errors import SettingsError
from ecgrepro.models.batch_normalization import BatchNormalization
from ecgrepro.models.masked_pooling import MaskedAveragePooling1D

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}
#: Depths built of bottlenecks, and how many times the filters a bottleneck's last convolution has.
BOTTLENECKS, EXPANSION = (50,), 4
KERNELS = (7, 5, 5, 3)
FILTERS = (64, 128, 256, 512)
#: Of every batch normalisation.
BATCH_NORMALIZATION = {"momentum": 0.9, "epsilon": 1e-5}
#: The block whose input the stem has activated.
FIRST_BLOCK = "stage1_block1"
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
#: Name of the only layer that is not transferred.
HEAD = "head"


def resnet1d(length, n_outputs, *, depth=18, width=1.0, n_leads=1, precision="float32", transform=None,
             preactivation=False, masked_pooling=False):  # fmt: skip
    """Build the net.

    Parameters
    ----------
    length : int or None
        Samples of an input; None leaves it open.
    n_outputs : int
        Classes of the head; 0 leaves the head out and ends at the pooled features.
    depth : {18, 34, 50}
    width : float
        Multiplies every filter count; 64 * width must be a whole number.
    n_leads : int
    precision : {"float32", "mixed_bfloat16", "mixed_float16"}
        Keras dtype policy of the layers; weights and logits are float32 in all of them.
    transform : keras.Layer, optional
        Without weights, from (batch, length, n_leads) to (batch, time, channels), put before the stem.
    preactivation : bool
        Blocks that normalise and activate before they convolve, see above; not of bottlenecks.
    masked_pooling : bool
        Leave the zeros that pad a recording out of the average; not behind a transform, which may have no time axis.

    Returns
    -------
    keras.Model
        From (batch, length, n_leads) float32 to (batch, n_outputs) float32 logits.

    Raises
    ------
    SettingsError
        An unknown depth or precision, a width that gives no whole number of filters, or settings that exclude each
        other.
    """
    _check(depth, transform, preactivation, masked_pooling)
    check_width(width, FILTERS[0])
    with dtype_policy(precision):
        inputs = keras.Input((length, n_leads), name="signal")
        x = _stem(inputs if transform is None else transform(inputs), int(FILTERS[0] * width))
        add_block = _bottleneck if depth in BOTTLENECKS else _preactivation_block if preactivation else _block
        for stage, n_blocks in enumerate(BLOCKS[depth]):
            for block in range(n_blocks):
                stride = 2 if stage and not block else 1
                name = f"stage{stage + 1}_block{block + 1}"
                x = add_block(x, int(FILTERS[stage] * width), KERNELS[stage], stride, name)
        x = _activation(x, "final") if preactivation else x
        x = _pool(x, inputs if masked_pooling else None)
        if n_outputs:
            x = keras.layers.Dense(n_outputs, name=HEAD, dtype="float32")(x)
        # under the policy too: with float16 Keras scales the loss only if the model itself says so
        kind = "_preactivation" * preactivation + "_masked" * masked_pooling
        return keras.Model(inputs, x, name=f"resnet{depth}{kind}")


def _check(depth, transform, preactivation, masked_pooling):
    if depth not in BLOCKS:
        raise SettingsError("depth", f"one of {sorted(BLOCKS)}", str(depth), "Choose a published depth.")
    if preactivation and depth in BOTTLENECKS:
        fix = "Take 18 or 34: the name that this reads is ResNet-18v2."
        raise SettingsError("depth with preactivation", "a net without bottlenecks", str(depth), fix)
    if masked_pooling and transform is not None:
        fix = "Leave one of them out: what a transform makes of padding are no zeros in time."
        raise SettingsError("masked_pooling", "no transform", transform.name, fix)


def check_width(width, filters):
    """Raise SettingsError unless `filters` (a net's smallest filter count) * `width` is a whole number above 0."""
    if not (width > 0 and (filters * width) % 1 == 0):
        raise SettingsError(
            "width", f"{filters} * width a whole number above 0", str(width), "Try 0.125, 0.25, 0.5 or 1."
        )


@contextmanager
def dtype_policy(precision):
    """Make layers under a Keras dtype policy and put the policy before back; SettingsError for an unknown one."""
    if precision not in PRECISIONS:
        raise SettingsError(
            "precision", f"one of {', '.join(PRECISIONS)}", repr(precision), "Take float32 if in doubt."
        )
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def kernel_start():
    """Return a new initialiser of kernels: truncated normal, variance 1 / fan_in."""
    return keras.initializers.VarianceScaling(1.0, "fan_in", "truncated_normal")


def _convolution(x, filters, kernel, stride, name):
    layer = keras.layers.Conv1D(
        filters,
        kernel,
        stride,
        "same",
        use_bias=False,
        kernel_initializer=kernel_start(),
        name=f"{name}_conv",
    )
    return layer(x)


def _conv(x, filters, kernel, stride, name):
    x = _convolution(x, filters, kernel, stride, name)
    return BatchNormalization(name=f"{name}_bn", **BATCH_NORMALIZATION)(x)


def _activation(x, name):
    x = BatchNormalization(name=f"{name}_bn", **BATCH_NORMALIZATION)(x)
    return keras.layers.ReLU(name=f"{name}_relu")(x)


def _pool(x, signal):
    if signal is None:
        return keras.layers.GlobalAveragePooling1D(name="pool", dtype="float32")(x)
    return MaskedAveragePooling1D(name="pool")([signal, x])


def _stem(x, filters):
    x = keras.layers.ReLU(name="stem_relu")(_conv(x, filters, 7, 2, "stem"))
    return keras.layers.MaxPooling1D(3, 2, "same", name="stem_pool")(x)


def _shortcut(x, filters, stride, name, convolve=_conv):
    if stride == 1 and x.shape[-1] == filters:
        return x
    # a 1x1 convolution of stride s reads every s-th sample. Dropping the others first gives the same numbers
    # and keeps clear of oneDNN's strided 1x1 kernel, which in TensorFlow 2.21 writes past its memory for
    # some channel counts (8 to 16 on AVX-512: "malloc(): invalid size") or, worse, says nothing
    return convolve(x[:, ::stride] if stride > 1 else x, filters, 1, 1, f"{name}_shortcut")


def _block(x, filters, kernel, stride, name):
    shortcut = _shortcut(x, filters, stride, name)
    x = keras.layers.ReLU(name=f"{name}_relu1")(_conv(x, filters, kernel, stride, f"{name}_first"))
    x = _conv(x, filters, kernel, 1, f"{name}_second")
    return keras.layers.ReLU(name=f"{name}_relu2")(keras.layers.Add(name=f"{name}_add")([x, shortcut]))


def _preactivation_block(x, filters, kernel, stride, name):
    activated = x if name == FIRST_BLOCK else _activation(x, f"{name}_preactivation")
    changes = stride > 1 or x.shape[-1] != filters
    shortcut = _shortcut(activated, filters, stride, name, _convolution) if changes else x
    x = keras.layers.ReLU(name=f"{name}_relu1")(_conv(activated, filters, kernel, stride, f"{name}_first"))
    x = _convolution(x, filters, kernel, 1, f"{name}_second")
    return keras.layers.Add(name=f"{name}_add")([x, shortcut])


def _bottleneck(x, filters, kernel, stride, name):
    shortcut = _shortcut(x, filters * EXPANSION, stride, name)
    x = keras.layers.ReLU(name=f"{name}_relu1")(_conv(x, filters, 1, 1, f"{name}_first"))
    x = keras.layers.ReLU(name=f"{name}_relu2")(_conv(x, filters, kernel, stride, f"{name}_second"))
    x = _conv(x, filters * EXPANSION, 1, 1, f"{name}_third")
    return keras.layers.ReLU(name=f"{name}_relu3")(keras.layers.Add(name=f"{name}_add")([x, shortcut]))
