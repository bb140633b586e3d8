"""The future prediction net of Weimann & Conrad (2021): a score for each frame that may follow a context.

Source: `transplant/tasks/cpc.py` and `pretraining/utils.py` of kweimann/ecg-transfer-learning c255af5, after
contrastive predictive coding (van den Oord et al., arXiv:1807.03748).

=========== ============================================================ ====================
part        layers                                                       output
=========== ============================================================ ====================
input       8 frames of context, then 2 candidates                       (10, T, 1)
encoder     any net of the catalogue without head, on every frame        (10, d)
pooling     token; transformer: 3 layers, 8 heads, feed forward of 2d    (d,), of the context
scores      dot products of the pooled context and the candidates        (2,)
=========== ============================================================ ====================

The scores are logits: the loss is the sparse cross-entropy of the following frame's place among the candidates. There
is no projection between encoder and score, and no dropout. With ResNet-18 (d = 512) the net has 10,801,344 parameters,
of which the encoder 4,492,480, the transformer 6,308,352 and the token 512.

Departures: context and candidates go through the encoder together, so that batch normalisation takes its statistics
over all their frames; the original runs the encoder on the context and then on the candidates, each with statistics
of its own. The token is trained and saved (see `attention_pooling`).

The encoder is a model within the model. It is what is handed on, and it bears the layer names of the net that will be
fine-tuned: `extractor` finds it.
"""

import keras
from keras import ops

from ecgrepro.models.attention_pooling import attention_pooling
from ecgrepro.models.catalogue import build
from ecgrepro.models.flops import flops
from ecgrepro.models.resnet1d import dtype_policy


def future_prediction(
    encoder, length, *, context=8, candidates=2, width=1.0, precision="float32", layers=3, heads=8
):
    """Build the net.

    Parameters
    ----------
    encoder : str
        Name in the catalogue, of a net that takes a signal.
    length : int
        Samples of a frame.
    context, candidates : int
        Frames of the context and frames to choose from.
    width : float
        Multiplies the encoder's filter counts, and so d.
    precision : {"float32", "mixed_bfloat16", "mixed_float16"}
    layers, heads : int
        Of the transformer; `heads` divides d.

    Returns
    -------
    keras.Model
        From (batch, context + candidates, length, 1) float32 to (batch, candidates) float32 logits.

    Raises
    ------
    SettingsError
        An encoder, width or precision that is not known, or a number of heads that does not divide d.
    """
    frames = context + candidates
    inner = build(encoder, (length, 1), 0, width=width, precision=precision)
    d = inner.output.shape[-1]
    with dtype_policy(precision):
        inputs = keras.Input((frames, length, 1), name="frames")
        features = ops.reshape(inner(ops.reshape(inputs, (-1, length, 1))), (-1, frames, d))
        pooled = attention_pooling(features[:, :context], layers=layers, heads=heads, d_ff=2 * d)
        scores = keras.layers.Dot((1, 2), name="scores", dtype="float32")([pooled, features[:, context:]])
        return keras.Model(inputs, scores, name=f"future_prediction_{inner.name}")


def extractor(model):
    """The part of a pre-trained net that is handed on: the encoder of a net that has one, else the net itself."""
    return next((layer for layer in model.layers if isinstance(layer, keras.Model)), model)


def forward_flops(model):
    """Floating-point operations of one forward pass over one example, the encoder's over each of its frames counted.

    Convolutions and dense layers, as in `flops`; the products of queries, keys and scores are under one thousandth.
    """
    encoder = extractor(model)
    return flops(model) if encoder is model else flops(model) + model.input_shape[1] * flops(encoder)
