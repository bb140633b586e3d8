"""The Keras Inception net of the CSC2541 project, which joins the branches of its blocks along time.

Source: class `Inception` in xeon27/ecg-transfer-learning 4a17cbd, `ecg_g12ec_benchmarking/code/load_data_set.py` (500
Hz, 5,000 samples) and, with the same lines, `load_data_set_new.py` (100 Hz, 1,000 samples). The code names no
publication. Its blocks are those of GoogLeNet (Szegedy et al., CVPR 2015, arXiv:1409.4842) in one dimension, which is
inferred; it is not the InceptionTime of `inception1d`.

========= ================================================================= ==============
part      layers                                                            T = 5,000
========= ================================================================= ==============
stem      three zeros at either end; conv 7, 64 filters                     (5,006, 64)
          max-pool 3, stride 2                                              (2,503, 64)
          conv 1, 64                                                        (2,503, 64)
block 1   of the block's input, 64 filters each:                            4 x (2,503, 64)
          conv 1 | conv 1, conv 3 | conv 1, conv 5 | max-pool 3, conv 1
          the four **one after another in time**, in this order             (10,012, 64)
block 2   the same                                                          (40,048, 64)
head      max-pool 7, stride 2                                              (20,024, 64)
          mean over time; dense with bias: logits                           (n_outputs,)
========= ================================================================= ==============

Every convolution has a bias and is followed by BN and ReLU. Padding is Keras' "same". BN has Keras' defaults (momentum
.99, epsilon 1e-3), and kernels start as its Glorot uniform, biases at 0.

What the code does, and the names would not tell:

* `concatenate(..., axis=1)` joins along time, since axis 0 is the batch and axis 2 the channels. GoogLeNet joins
  channels. So a block does not widen the net but makes its signal four times as long: block 2 sees the four views of
  block 1 one after the other, at each joint the end of one beside the beginning of the next, and the mean at the end
  mixes all sixteen paths with equal weights. 64 features are left.
* Away from the joints, what the mean is taken over has seen 37 rows of the input at most: 74 ms at 500 Hz, 0.37 s at
  100 Hz. Nothing but the mean joins one heart beat to the next. (In the project's reading a row is 12 samples of one
  lead, so there it is 444 samples of a lead, 0.89 s at 500 Hz.)
* The biases do nothing that the beta of their BN does not.

Parameters: stem 10,112, each block 51,072, head 64 n_outputs + n_outputs. That is 113,426 with 18 outputs, moving
statistics included, and 111,634 that learn. None was found in print. The learnable layers are 2 + 6 per block + 1: 15.

The project trains it with binary cross-entropy, Adam 1e-4, batches of 10, 50 epochs of n/100 steps (a tenth of the
records each), on whole records in ADC units, read through the reshape that scrambles leads and time. Its learnable
layers are in Keras' order: of a block the two reductions, then kernels 1, 3, 5 and the pool's.

What was read and what is inferred: the net was read in the code. At that commit `load_data_set.py` calls the fastai
ResNet, and the call of this net is commented out. That it is the "InceptionNet" of the slides (macro AUC .685) is
inferred from the folder `results/inception` of the same commit, whose one row says .68506. The code leaves Keras'
version open; constants and starts that it does not set are today's defaults.

Departures: outputs are logits (the original ends in a sigmoid, and its loss clips that to 1e-7 from both ends), and
`width` scales every filter count for small runs (1.0 is the original).
"""

import keras

from ecgrepro.models.batch_normalization import BatchNormalization
from ecgrepro.models.resnet1d import HEAD, check_width, dtype_policy

BLOCKS = 2
FILTERS = 64
#: Of the branches that narrow with a convolution 1 first.
KERNELS = (3, 5)
#: Axis of (batch, time, channels) along which a block joins its branches.
TIME = 1


def inception_csc2541(length, n_outputs, *, n_leads=12, width=1.0, precision="float32", transform=None):
    """Build the net.

    Parameters
    ----------
    length : int or None
        Samples of an input (the project: 5,000, i.e. 10 s at 500 Hz); None leaves it open.
    n_outputs : int
        Classes of the head; 0 leaves the dense layer out and ends at the 64 means it would read.
    n_leads : int
    width : float
        Multiplies every filter count; 64 * width must be a whole number.
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
        for block in range(1, BLOCKS + 1):
            x = _block(x, filters, f"block{block}")
        x = keras.layers.MaxPooling1D(7, 2, "same", name="head_maximum_pool")(x)
        x = keras.layers.GlobalAveragePooling1D(name="pool", dtype="float32")(x)
        if n_outputs:
            x = keras.layers.Dense(n_outputs, name=HEAD, dtype="float32")(x)
        # under the policy too: with float16 Keras scales the loss only if the model itself says so
        return keras.Model(inputs, x, name="inception_csc2541")


def _conv(x, filters, kernel, name):
    x = keras.layers.Conv1D(filters, kernel, padding="same", name=f"{name}_conv")(x)
    return keras.layers.ReLU(name=f"{name}_relu")(BatchNormalization(name=f"{name}_bn")(x))


def _stem(x, filters):
    x = _conv(keras.layers.ZeroPadding1D(3, name="stem1_pad")(x), filters, 7, "stem1")
    x = keras.layers.MaxPooling1D(3, 2, "same", name="stem_pool")(x)
    return _conv(x, filters, 1, "stem2")


def _block(x, filters, name):
    parts = [_conv(x, filters, 1, f"{name}_kernel1")]
    for kernel in KERNELS:
        narrow = _conv(x, filters, 1, f"{name}_kernel{kernel}_reduction")
        parts.append(_conv(narrow, filters, kernel, f"{name}_kernel{kernel}"))
    pooled = keras.layers.MaxPooling1D(3, 1, "same", name=f"{name}_pool")(x)
    parts.append(_conv(pooled, filters, 1, f"{name}_pool"))
    return keras.layers.Concatenate(TIME, name=f"{name}_concatenate")(parts)
