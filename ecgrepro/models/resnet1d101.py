"""The resnet1d101 of the PTB-XL benchmark, as its code builds and starts it: the CSC2541 project's "ResNet".

Source: Strodthoff N, Wagner P, Schaeffter T, Samek W, IEEE J Biomed Health Inform 25(5):1519 (2021), arXiv:2004.13701,
as coded in helme/ecg_ptbxl_benchmarking ff776de (`code/models/resnet1d.py`, a "1d adaptation of the torchvision
resnet") and `code/models/fastai_model.py` 903cadc, which builds it as `fastai_resnet1d101`. The CSC2541 project trains
it from random weights on Georgia (xeon27/ecg-transfer-learning 4a17cbd,
`ecg_g12ec_benchmarking/code/load_data_set.py`; its `models/fastai_model.py` hands over the same settings). Blocks are
the bottlenecks of He et al., CVPR 2016 (arXiv:1512.03385), with the stride in their middle convolution.

========== ====================================================== ============= ==========
part       layers                                                 output        T = 1250
========== ====================================================== ============= ==========
stem       conv 5, stride 2, 128; BN; ReLU                        (T/2, 128)    (625, 128)
           max-pool 3, stride 2                                   (T/4, 128)    (313, 128)
stage 1    3 blocks, 128 filters                                  (T/4, 512)    (313, 512)
stage 2    4 blocks, 128 filters, first stride 2                  (T/8, 512)    (157, 512)
stage 3    23 blocks, 128 filters, first stride 2                 (T/16, 512)   (79, 512)
stage 4    3 blocks, 128 filters, first stride 2                  (T/32, 512)   (40, 512)
head       see `concat_pooling_head`                              (n_outputs,)
========== ====================================================== ============= ==========

Every halving rounds up. A block is conv 1 - conv K (which carries the stride) - conv 1 with four times the filters,
plus the shortcut, ReLU. Every convolution is without bias and followed by BN (momentum .9, epsilon 1e-5), all but a
block's last and the shortcut's then by ReLU. Padding is PyTorch's: the same at both ends.

What the code does, and the names would not tell:

* K is 5 in the first block of each stage alone. `_make_layer` makes the others without handing the kernel over, so 29
  of 33 blocks have its default of 3.
* All four stages have 128 filters (512 channels): `fix_feature_dim` is on and `fastai_model` asks for `inplanes=128`.
  An xresnet1d101 has half of both, and 1.9 million parameters.
* Each stage's first block projects its shortcut (convolution 1 with the block's stride, BN), where an xresnet1d takes
  means; the stem is one convolution in place of three.
* No gamma starts at 0. `fastai_model.fit` applies `weight_init`: kernels Kaiming normal, gammas 1, betas 0.

Parameters that learn (what PyTorch counts): stem 7,936; first blocks 231,936 and three times 477,696, each of the
other 29 181,760; head 133,504 + 129 n_outputs. None was found in print.

======= ========== ======================
outputs parameters with moving statistics
======= ========== ======================
18      7,079,826  7,137,170
71      7,086,663  7,144,007
======= ========== ======================

The learnable layers are 1 + 3 per block + 2: 102.

For gradual unfreezing `get_layer_groups` names `self[6]` and the head. `self[6]` is stage 3, where the xresnet1d's
`self[3]` is the pool behind its stem. fastai (fastai/fastai 008e702, `split_model`) begins a group at each and makes
one more of what comes before: stem with stages 1 and 2 | stages 3 and 4 | head, whose first learnable layers are 0, 22
and -2. Stem | body | head would be 0, 1 and -2.

What was read and what is inferred: all of the above was read in the benchmark's code, and in the project's that this
net is called (`fastai_resnet1d101`) with these settings. The project's own copy of `resnet1d.py` could not be read; it
is taken to be the benchmark's. Its folder `results/resnet` has one row, macro AUC .78499: the .785 of the slides.

Departures: the moving variance, see `concat_pooling_head`; and `width` scales the head's hidden layer too (1.0 is the
publication).
"""

import keras

from ecgrepro.models.concat_pooling_head import concat_pooling_head
from ecgrepro.models.padded_convolution import conv, conv_relu, stem_pool
from ecgrepro.models.resnet1d import check_width, dtype_policy

BLOCKS = (3, 4, 23, 3)
FILTERS, EXPANSION = 128, 4
#: Of the stem and of each stage's first block; of all other blocks.
KERNEL, OTHER_KERNEL = 5, 3


def resnet1d101(length, n_outputs, *, n_leads=12, width=1.0, precision="float32", transform=None):
    """Build the net.

    Parameters
    ----------
    length : int or None
        Samples of an input (the project: 1,250, i.e. 2.5 s at 500 Hz); None leaves it open.
    n_outputs : int
        Classes of the head; 0 leaves out its last layer and ends at the 128 features that layer reads.
    n_leads : int
    width : float
        Multiplies every filter count and the head's hidden units; 128 * width must be a whole number.
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
        An unknown precision, or a width that gives no whole number of filters.
    """
    check_width(width, FILTERS)
    filters = int(FILTERS * width)
    with dtype_policy(precision):
        inputs = keras.Input((length, n_leads), name="signal")
        x = _stem(inputs if transform is None else transform(inputs), filters)
        for stage, n_blocks in enumerate(BLOCKS, 1):
            for block in range(1, n_blocks + 1):
                stride = 2 if stage > 1 and block == 1 else 1
                kernel = KERNEL if block == 1 else OTHER_KERNEL
                x = _block(x, filters, kernel, stride, f"stage{stage}_block{block}")
        return keras.Model(inputs, concat_pooling_head(x, n_outputs, width), name="resnet1d101")


def _stem(x, filters):
    return stem_pool(conv_relu(x, filters, KERNEL, 2, "stem"))


def _block(x, filters, kernel, stride, name):
    shortcut = _shortcut(x, filters * EXPANSION, stride, name)
    x = conv_relu(x, filters, 1, 1, f"{name}_first")
    x = conv_relu(x, filters, kernel, stride, f"{name}_second")
    x = conv(x, filters * EXPANSION, 1, 1, f"{name}_third")
    return keras.layers.ReLU(name=f"{name}_relu")(keras.layers.Add(name=f"{name}_add")([x, shortcut]))


def _shortcut(x, filters, stride, name):
    if stride == 1 and x.shape[-1] == filters:
        return x
    # samples are dropped before the 1x1 convolution, not by it: see `resnet1d._shortcut`
    return conv(x[:, ::stride] if stride > 1 else x, filters, 1, 1, f"{name}_shortcut")
