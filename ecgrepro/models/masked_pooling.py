"""Average over the time steps of a recording, not over those of the zeros that pad it.

Recordings of different lengths are padded with zeros on one side (`ecgrepro.frames.af`), and the published nets average
over the padding too: the share of it, and so the recording's length, reaches the head, which may tell classes apart by
it. This pooling is the control. It finds the first and the last sample of an input that is not zero in some lead, and
averages the steps in between.

The convolutions still see zeros at the border: steps within half a receptive field of it hold something of the padding,
in this net as in any that pads. In training, batch normalisation takes its statistics over padded steps too. What the
control takes away is their share in the average, not every trace of the length.
"""

import keras
from keras import ops


@keras.saving.register_keras_serializable("ecgrepro")
class MaskedAveragePooling1D(keras.layers.Layer):
    """Global average over the steps whose centre lies between the first and the last nonzero sample.

    A step stands for its share of the input, length / steps samples (the stride of the net, where that divides the
    length), and its centre is that share's middle. In a ResNet that is, but for two samples, the mean over its paths:
    a strided convolution moves the centre by a sample of what it reads, a strided shortcut does not. A stretch shorter
    than a share counts as one around its middle, so some step is always left; of an input that is zero throughout, all
    are.

    It has no weights, and computes in float32 under every dtype policy.

    Call arguments
    --------------
    inputs : list of two tensors
        The signal, (batch, length, n_leads), exactly zero where it is padded; and the features made of it, (batch,
        steps, channels). Length times steps below 2**30.

    Returns
    -------
    float32, (batch, channels)
    """

    def __init__(self, **kwargs):
        super().__init__(**(kwargs | {"dtype": "float32"}))

    def call(self, inputs):
        signal, features = inputs
        kept = ops.cast(_within_signal(signal, ops.shape(features)[1]), "float32")[..., None]
        return ops.sum(features * kept, axis=1) / ops.sum(kept, axis=1)

    def compute_output_shape(self, input_shape):
        _, features = input_shape
        return features[0], features[2]


def _within_signal(signal, steps):
    """Which steps have their centre in the signal: bool (batch, steps)."""
    length = ops.shape(signal)[1]
    present = ops.cast(ops.any(ops.not_equal(signal, 0), axis=-1), "int32")
    # where nothing is present, both are found at their end: the stretch is the whole input
    first = ops.argmax(present, axis=1)
    last = length - 1 - ops.argmax(ops.flip(present, axis=1), axis=1)
    # in units of 1 / (2 * steps) samples centre, middle and half the extent are whole, and compare exactly
    centre = (2 * ops.arange(steps, dtype="int32") + 1) * length
    middle = (first + last + 1) * steps
    extent = ops.maximum((last - first) * steps, length)
    return ops.abs(centre[None] - middle[:, None]) <= extent[:, None]
