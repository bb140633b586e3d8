"""AlexNet with grouped convolutions, as Caffe and MATLAB publish it, layer for layer.

Source: Krizhevsky et al., NIPS 2012, in Caffe's replication `bvlc_alexnet` (BVLC/caffe, `models/bvlc_alexnet/
train_val.prototxt`; MATLAB's `alexnet` is that net), the net of Huerta et al., CinC 2022. torchvision's `alexnet` is
another one (64-192-384-256-256 filters, no groups, no normalisation, 224 pixels).

===== ======================================================= ============= ===========
layer what                                                    output        parameters
===== ======================================================= ============= ===========
conv1 96 filters 11x11, stride 4, no padding; ReLU; LRN       (55, 55, 96)       34,944
pool1 maximum of 3x3, stride 2                                (27, 27, 96)
conv2 256 filters 5x5 in 2 groups; ReLU; LRN                  (27, 27, 256)     307,456
pool2 maximum of 3x3, stride 2                                (13, 13, 256)
conv3 384 filters 3x3; ReLU                                   (13, 13, 384)     885,120
conv4 384 filters 3x3 in 2 groups; ReLU                       (13, 13, 384)     663,936
conv5 256 filters 3x3 in 2 groups; ReLU                       (13, 13, 256)     442,624
pool5 maximum of 3x3, stride 2                                (6, 6, 256)
fc6   4,096 units; ReLU                                       (4096,)        37,752,832
fc7   4,096 units; ReLU                                       (4096,)        16,781,312
head  1,000 units (2 in Huerta et al.)                        (1000,)         4,097,000
===== ======================================================= ============= ===========

60,965,224 parameters with 1,000 outputs. LRN is `LocalResponseNormalization` with its defaults. It comes before the
pooling in `bvlc_alexnet`, in MATLAB's `alexnet` and in the paper; Caffe's other net, `bvlc_reference_caffenet`, pools
first: its weights have the same shapes but belong to another net.

Dropout stands before fc6 and before fc7, as Huerta et al. draw it (before and after fc6) and torchvision has it. Caffe,
MATLAB and Krizhevsky et al. have it after fc6 and after fc7: ``dropout_before=("fc7", "head")``.

Random weights start as in Caffe: normal with deviation .01 (.005 in fc6 and fc7), biases .1 in conv2, conv4, conv5, fc6
and fc7 and 0 elsewhere.

Departures: outputs are logits; `width` scales every filter and unit count for small runs, and with them the deviation
of random weights (by 1 / sqrt(width), the first layer's excepted), so that a narrow net's signal is as large as a wide
one's; for the same reason that of fc6 grows where smaller images leave it fewer inputs. Caffe rounds the size after
pooling up, Keras down: the same for 227 x 227, not for every other shape. Parallel training on two GPUs, the reason for
the groups, has no part in this; nor that Caffe trains biases at twice the rate and without decay.
"""

import keras
from keras import ops

from ecgrepro.errors import SettingsError
from ecgrepro.models.local_response_normalization import LocalResponseNormalization
from ecgrepro.models.resnet1d import HEAD, check_width, dtype_policy

#: Convolutions: filters, kernel, stride, groups, first bias; all but conv1 keep height and width.
CONVOLUTIONS = {
    "conv1": (96, 11, 4, 1, 0.0),
    "conv2": (256, 5, 1, 2, 0.1),
    "conv3": (384, 3, 1, 1, 0.0),
    "conv4": (384, 3, 1, 2, 0.1),
    "conv5": (256, 3, 1, 2, 0.1),
}
UNITS = 4096
#: Inputs of the dense layers before the head, at full width and size.
INPUTS = {"fc6": 6 * 6 * 256, "fc7": UNITS}
#: Largest common divisor of half the filter counts: a width must leave a whole number of filters in each group.
GRAIN = 16
#: The smallest image side that leaves one pixel after the last pooling.
SMALLEST = 67


@keras.saving.register_keras_serializable("ecgrepro")
class GroupedConv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D` with `groups`, fast on a CPU too.

    Weights and results are those of Keras' layer: kernel (height, width, channels / groups, filters). Where there is
    no accelerator, each group is a convolution of its own: TensorFlow's and XLA's grouped convolutions are several
    times slower than that on a processor.
    """

    def convolution_op(self, inputs, kernel):
        if self.groups == 1 or not _on_processor():
            return super().convolution_op(inputs, kernel)
        parts = zip(
            ops.split(inputs, self.groups, axis=-1), ops.split(kernel, self.groups, axis=-1), strict=True
        )
        convolved = [super(GroupedConv2D, self).convolution_op(*part) for part in parts]
        return ops.concatenate(convolved, axis=-1)


def _on_processor():
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return not tf.config.list_logical_devices("GPU")
    if keras.backend.backend() == "jax":
        import jax

        return jax.default_backend() == "cpu"
    return False


def alexnet(shape=(227, 227, 3), n_outputs=1000, *, width=1.0, precision="float32", transform=None, dropout=0.5,
            dropout_before=("fc6", "fc7")):  # fmt: skip
    """Build the net.

    Parameters
    ----------
    shape : tuple
        Of one image, (height, width, channels), each side at least 67. With `transform` that of one raw signal,
        (length, n_leads). Published weights expect RGB values of 0 to 255 less `caffe_weights.IMAGE_MEAN`.
    n_outputs : int
        Classes of the head; 0 leaves the head out and ends at the features of fc7.
    width : float
        Multiplies every filter and unit count; 16 * width must be a whole number.
    precision : {"float32", "mixed_bfloat16", "mixed_float16"}
        Keras dtype policy of the layers; weights and logits are float32 in all of them.
    transform : keras.Layer, optional
        Without weights, from (batch, length, n_leads) to (batch, height, width, channels), put before conv1.
    dropout : float
        Share of values dropped in training; 0 leaves the layers out.
    dropout_before : tuple of {"fc6", "fc7", "head"}
        The layers whose inputs are dropped.

    Returns
    -------
    keras.Model
        From (batch, *shape) float32 to (batch, n_outputs) float32 logits.

    Raises
    ------
    SettingsError
        A width that gives no whole number of filters in a group, an image too small for the poolings, an unknown
        precision, or a dropout that is no share or before no dense layer.
    """
    _check(width, dropout, dropout_before)
    dropped = dict.fromkeys(dropout_before, dropout) if dropout else {}
    with dtype_policy(precision):
        inputs = keras.Input(shape, name="image" if transform is None else "signal")
        x = inputs if transform is None else transform(inputs)
        _check_image(x.shape[1:])
        x = keras.layers.Flatten(name="flatten")(_convolutions(x, width))
        for name in ("fc6", "fc7"):
            x = _dense(
                _drop(x, name, dropped),
                int(UNITS * width),
                name,
                0.005 * (INPUTS[name] / x.shape[-1]) ** 0.5,
                0.1,
            )
            # what leaves the extractor is float32, as with the other models
            x = keras.layers.ReLU(name=f"{name}_relu", dtype="float32" if name == "fc7" else None)(x)
        if n_outputs:
            x = _dense(_drop(x, HEAD, dropped), n_outputs, HEAD, 0.01 / width**0.5, 0.0, dtype="float32")
        # under the policy too: with float16 Keras scales the loss only if the model itself says so
        return keras.Model(inputs, x, name="alexnet")


def _check(width, dropout, dropout_before):
    check_width(width, GRAIN)
    if not 0 <= dropout < 1:
        raise SettingsError("dropout", "a share of at least 0 and below 1", str(dropout), "Published: 0.5.")
    known = ("fc6", "fc7", HEAD)
    if unknown := set(dropout_before) - set(known):
        raise SettingsError(
            "dropout_before", f"names among {', '.join(known)}", str(sorted(unknown)), "See the docstring."
        )


def _check_image(shape):
    if len(shape) != 3 or not all(side is not None and side >= SMALLEST for side in shape[:2]):
        expected = f"(height, width, channels) with sides of at least {SMALLEST}"
        raise SettingsError("shape", expected, str(tuple(shape)), "Published: (227, 227, 3).")


def _convolutions(x, width):
    for name, (filters, kernel, stride, groups, bias) in CONVOLUTIONS.items():
        deviation = 0.01 if name == "conv1" else 0.01 / width**0.5
        layer = GroupedConv2D(
            int(filters * width), kernel, stride, "valid" if name == "conv1" else "same", groups=groups,
            name=name, **_start(deviation, bias),
        )  # fmt: skip
        x = keras.layers.ReLU(name=f"{name}_relu")(layer(x))
        if name in ("conv1", "conv2"):
            x = LocalResponseNormalization(name=f"{name}_lrn")(x)
        if name in ("conv1", "conv2", "conv5"):
            x = keras.layers.MaxPooling2D(3, 2, name=f"pool{name[-1]}")(x)
    return x


def _drop(x, name, dropped):
    return keras.layers.Dropout(dropped[name], name=f"{name}_dropout")(x) if name in dropped else x


def _dense(x, units, name, deviation, bias, dtype=None):
    return keras.layers.Dense(units, name=name, dtype=dtype, **_start(deviation, bias))(x)


def _start(deviation, bias):
    return {"kernel_initializer": keras.initializers.RandomNormal(0.0, deviation),
            "bias_initializer": keras.initializers.Constant(bias)}  # fmt: skip
