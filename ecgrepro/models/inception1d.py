"""The inception1d of the PTB-XL benchmark, as its code builds and starts it.

Source: Strodthoff N, Wagner P, Schaeffter T, Samek W, IEEE J Biomed Health Inform 25(5):1519 (2021),
arXiv:2004.13701, as coded in helme/ecg_ptbxl_benchmarking ff776de (`code/models/inception1d.py`, after InceptionTime,
Ismail Fawaz et al., Data Min Knowl Disc 34:1936 (2020), arXiv:1909.04939) and `code/models/fastai_model.py` 903cadc.

=========== ========================================================================= =============
part        layers                                                                    output
=========== ========================================================================= =============
block 1-6   bottleneck: conv 1, 32 filters                                            (T, 32)
            of the bottleneck: conv 39, conv 19, conv 9, 32 filters each              3 x (T, 32)
            of the block's input: max-pool 3, stride 1, then conv 1, 32 filters       (T, 32)
            the four side by side, in this order; BN; ReLU                            (T, 128)
block 3, 6  and plus the shortcut, ReLU                                               (T, 128)
head        see `concat_pooling_head`                                                 (n_outputs,)
=========== ========================================================================= =============

The shortcut is a convolution 1 with BN of the input of block 1, or of block 4: it projects also where channels agree.
No layer has a stride. Convolutions have no bias, and none but those of the shortcuts has a BN of its own: the
`blockN_bn` normalises the four parts together. BN has momentum .9 and epsilon 1e-5.

What the code does, and the names would not tell:

* `fastai_model` hands over eight times its `kernel_size=5`. Of 40, 20 and 10 the even ones lose 1, which is all three.
* The bottleneck is there in block 1 too, where it widens 12 leads to 32; it is linear.
* A block's ReLU comes before the addition, and another after it.
* `fastai_model.fit` starts kernels Kaiming normal and biases at 0 (`weight_init`).

Parameters that learn (what PyTorch counts): block 1 69,632, each other 77,056, shortcuts 1,792 and 16,640, head 33,664
+ 129 n_outputs. That is 512,684 with 44 and 516,167 with 71 outputs; 515,500 and 518,983 with moving statistics. The
learnable layers are 5 per block + 2: 32.

For gradual unfreezing `get_layer_groups` names blocks 4 to 6 (learnable layers from 15 on) and the whole head (the last
2) as its only groups. fastai 1.0.61 (`split_model`, `create_opt`) gives its optimiser no layer outside the groups: as
the code reads, fine-tuning an inception1d never trains blocks 1 to 3 there, not even when all is unfrozen.

Departures: the moving variance, see `concat_pooling_head`; and `width` scales the head's hidden layer too (1.0 is the
publication).
"""

import keras

from ecgrepro.models.concat_pooling_head import batch_normalization, concat_pooling_head, kaiming_normal
from ecgrepro.models.resnet1d import check_width, dtype_policy

BLOCKS = 6
#: A shortcut goes around so many blocks.
RESIDUAL = 3
KERNELS = (39, 19, 9)
FILTERS = 32


def inception1d(length, n_outputs, *, n_leads=12, width=1.0, precision="float32", transform=None):
    """Build the net.

    Parameters
    ----------
    length : int or None
        Samples of an input (the benchmark: 250, i.e. 2.5 s at 100 Hz); None leaves it open.
    n_outputs : int
        Classes of the head; 0 leaves out its last layer and ends at the 128 features that layer reads.
    n_leads : int
    width : float
        Multiplies every filter count and the head's hidden units; 32 * width must be a whole number.
    precision : {"float32", "mixed_bfloat16", "mixed_float16"}
        Keras dtype policy of the layers; weights and logits are float32 in all of them.
    transform : keras.Layer, optional
        Without weights, from (batch, length, n_leads) to (batch, time, channels), put before the first block.

    Returns
    -------
    keras.Model
        From (batch, length, n_leads) float32 to (batch, n_outputs) float32 logits.

    Raises
    ------
    SettingsError
        An unknown precision, or a width that gives no whole number of filters.
    """
    check_width(width, FILTERS)
    filters = int(FILTERS * width)
    with dtype_policy(precision):
        inputs = keras.Input((length, n_leads), name="signal")
        x = shortcut = inputs if transform is None else transform(inputs)
        for block in range(1, BLOCKS + 1):
            x = _block(x, filters, f"block{block}")
            if block % RESIDUAL == 0:
                x = shortcut = _add_shortcut(x, shortcut, f"block{block}")
        return keras.Model(inputs, concat_pooling_head(x, n_outputs, width), name="inception1d")


def _conv(x, filters, kernel, name):
    # odd kernels without stride: Keras' "same" is PyTorch's padding
    return keras.layers.Conv1D(
        filters, kernel, 1, "same", use_bias=False, kernel_initializer=kaiming_normal(), name=f"{name}_conv"
    )(x)


def _block(x, filters, name):
    narrow = _conv(x, filters, 1, f"{name}_bottleneck")
    parts = [_conv(narrow, filters, kernel, f"{name}_kernel{kernel}") for kernel in KERNELS]
    pooled = keras.layers.MaxPooling1D(3, 1, "same", name=f"{name}_pool")(x)
    parts.append(_conv(pooled, filters, 1, f"{name}_pool"))
    x = keras.layers.Concatenate(name=f"{name}_concatenate")(parts)
    return keras.layers.ReLU(name=f"{name}_relu")(batch_normalization(name)(x))


def _add_shortcut(x, shortcut, name):
    shortcut = _conv(shortcut, x.shape[-1], 1, f"{name}_shortcut")
    shortcut = batch_normalization(f"{name}_shortcut")(shortcut)
    x = keras.layers.Add(name=f"{name}_add")([x, shortcut])
    return keras.layers.ReLU(name=f"{name}_add_relu")(x)
