"""The xresnet1d of the PTB-XL benchmark, 50 or 101 layers deep, as its code builds and starts it.

Source: Strodthoff N, Wagner P, Schaeffter T, Samek W, IEEE J Biomed Health Inform 25(5):1519 (2021),
arXiv:2004.13701, as coded in helme/ecg_ptbxl_benchmarking ff776de (`code/models/xresnet1d.py`, 1-D after fastai's
XResNet) and `code/models/fastai_model.py` 903cadc. The tweaks are those of He T et al., CVPR 2019 (arXiv:1812.01187):
stem of three convolutions (C), stride in the block's middle convolution (B), averaging shortcut (D).

========== ====================================================== ============= =========
part       layers                                                 output        T = 250
========== ====================================================== ============= =========
stem       3 convs, kernel 5, 32, 32, 64 filters, first stride 2; (T/2, 64)     (125, 64)
           max-pool 3, stride 2                                   (T/4, 64)     (63, 64)
stage 1    3 blocks, 64 filters                                   (T/4, 256)    (63, 256)
stage 2    4 blocks, 64 filters, first stride 2                   (T/8, 256)    (32, 256)
stage 3    23 blocks (xresnet1d50: 6), 64 filters, first stride 2 (T/16, 256)   (16, 256)
stage 4    3 blocks, 64 filters, first stride 2                   (T/32, 256)   (8, 256)
head       see `concat_pooling_head`                              (n_outputs,)
========== ====================================================== ============= =========

Every halving rounds up. A block is conv 1 - conv 5 (which carries the stride) - conv 1 with four times the filters,
plus the shortcut, ReLU. Every convolution is without bias and followed by BN (momentum .9, epsilon 1e-5), all but a
block's last and the shortcut's then by ReLU. Padding is PyTorch's: the same at both ends.

What the code does, and the names would not tell:

* All four stages have 64 filters (256 channels): the doubling to 512 stands there as a comment. So 101 layers are
  1.9 million parameters, where a ResNet-101 for images has 44.5 million.
* Only the very first block projects its shortcut (64 to 256 channels, convolution 1 with BN). The first blocks of
  stages 2 to 4 change the length alone, and their shortcut is the mean of two samples, without convolution or BN;
  where the length is odd, the last sample stands for itself (`ceil_mode`).
* XResNet starts the last gamma of each block at 0. Before training from random weights `fastai_model.fit` applies
  `weight_init`, which sets all gammas to 1 and all betas to 0; so the zero start took no part in the published
  results, nor does it here. (xeon27/ecg-transfer-learning 4a17cbd, the CSC2541 project, runs the same lines.)
* `kernel_size=5` is that of stem and blocks; `ps_head` and `lin_ftrs_head` go to the head.

Kernels start Kaiming normal, as `weight_init` does. Parameters that learn (what PyTorch counts): stem 17,536; the
first block 58,624, each of the 32 others (xresnet1d50: 15) 54,016; head 66,944 + 129 n_outputs.

============ ======= ==================== ======================
net          outputs parameters           with moving statistics
============ ======= ==================== ======================
xresnet1d50  44, 71  959,020; 962,503     973,356; 976,839
xresnet1d101 44, 71  1,877,292; 1,880,775 1,904,684; 1,908,167
============ ======= ==================== ======================

The learnable layers are 3 + 3 per block + 2: 53 and 104.

Departures: the moving variance, see `concat_pooling_head`; and `width` scales the head's hidden layer and the stem too
(the original's `widen` scales the blocks alone; 1.0 is the publication).
"""

import keras

from ecgrepro.errors import SettingsError
from ecgrepro.models.concat_pooling_head import concat_pooling_head
from ecgrepro.models.padded_convolution import conv, conv_relu, stem_pool
from ecgrepro.models.resnet1d import check_width, dtype_policy

BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
STEM = (32, 32, 64)
FILTERS, EXPANSION = 64, 4
KERNEL = 5


def xresnet1d(length, n_outputs, *, depth=101, n_leads=12, width=1.0, precision="float32", transform=None):
    """Build the net.

    Parameters
    ----------
    length : int or None
        Samples of an input (the benchmark: 250, i.e. 2.5 s at 100 Hz); None leaves it open.
    n_outputs : int
        Classes of the head; 0 leaves out its last layer and ends at the 128 features that layer reads.
    depth : {50, 101}
    n_leads : int
    width : float
        Multiplies every filter count and the head's hidden units; 32 * width must be a whole number.
    precision : {"float32", "mixed_bfloat16", "mixed_float16"}
        Keras dtype policy of the layers; weights and logits are float32 in all of them.
    transform : keras.Layer, optional
        Without weights, from (batch, length, n_leads) to (batch, time, channels), put before the stem.

    Returns
    -------
    keras.Model
        From (batch, length, n_leads) float32 to (batch, n_outputs) float32 logits.

    Raises
    ------
    SettingsError
        An unknown depth or precision, or a width that gives no whole number of filters.
    """
    if depth not in BLOCKS:
        raise SettingsError("depth", f"one of {sorted(BLOCKS)}", str(depth), "Choose a published depth.")
    check_width(width, STEM[0])
    with dtype_policy(precision):
        inputs = keras.Input((length, n_leads), name="signal")
        x = _stem(inputs if transform is None else transform(inputs), width)
        for stage, n_blocks in enumerate(BLOCKS[depth], 1):
            for block in range(1, n_blocks + 1):
                stride = 2 if stage > 1 and block == 1 else 1
                x = _block(x, int(FILTERS * width), stride, f"stage{stage}_block{block}")
        x = concat_pooling_head(x, n_outputs, width)
        return keras.Model(inputs, x, name=f"xresnet1d{depth}")


def _stem(x, width):
    for number, filters in enumerate(STEM, 1):
        x = conv_relu(x, int(filters * width), KERNEL, 2 if number == 1 else 1, f"stem{number}")
    return stem_pool(x)


def _block(x, filters, stride, name):
    shortcut = _shortcut(x, filters * EXPANSION, stride, name)
    x = conv_relu(x, filters, 1, 1, f"{name}_first")
    x = conv_relu(x, filters, KERNEL, stride, f"{name}_second")
    x = conv(x, filters * EXPANSION, 1, 1, f"{name}_third")
    return keras.layers.ReLU(name=f"{name}_relu")(keras.layers.Add(name=f"{name}_add")([x, shortcut]))


def _shortcut(x, filters, stride, name):
    if stride > 1:
        # "same" adds no sample to an odd length's last mean: what PyTorch calls ceil_mode
        x = keras.layers.AveragePooling1D(stride, stride, "same", name=f"{name}_shortcut_pool")(x)
    return x if x.shape[-1] == filters else conv(x, filters, 1, 1, f"{name}_shortcut")
