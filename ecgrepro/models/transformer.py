"""The transformer encoder of Weimann & Conrad (2021), layer for layer.

Source: `transplant/modules/transformer.py` of kweimann/ecg-transfer-learning c255af5, after Vaswani et al., NeurIPS
2017 (arXiv:1706.03762).

======================= ==========================================================================
part                    layers
======================= ==========================================================================
position                x * sqrt(d) + sines and cosines of 10,000^(-2i/d), one beside the other
attention (each layer)  dense d (query, key, value), with bias; softmax(q k' / sqrt(d)) v in 8 heads;
                        dense d; plus the shortcut; layer normalisation (epsilon 1e-3)
feed forward (each)     dense 2d; ReLU; dense d; plus the shortcut; layer normalisation
======================= ==========================================================================

A layer of width d has 8 d^2 + 11 d parameters: 2,102,784 with d = 512. The bias of the key moves all logits of a query
by the same amount, which the softmax takes out again: it is without effect, and kept as the original has it.

Where the code departs from Vaswani et al., and this with it: logits of a head are divided by the root of d, not of the
head's share of it (d / 8). Keras' `MultiHeadAttention` does divide by the head's share, and starts from narrower
weights, so it is not used. Departures from the code: its dropout, of which future prediction takes 0, is left out; the
softmax is computed in float32 under every precision policy.
"""

import math

import keras
import numpy as np
from keras import ops

from ecgrepro.errors import SettingsError


def transformer_encoder(x, *, layers, heads, d_ff, name="transformer"):
    """Put a transformer encoder on a sequence.

    Parameters
    ----------
    x : KerasTensor, (batch, time, d)
        `time` must be known.
    layers, heads : int
        `heads` divides d.
    d_ff : int
        Units of the feed-forward part.
    name : str
        Before the layers' names.

    Returns
    -------
    KerasTensor, (batch, time, d)

    Raises
    ------
    SettingsError
        A number of heads that does not divide d.
    """
    if heads < 1 or x.shape[-1] % heads:
        raise SettingsError("heads", f"a divisor of {x.shape[-1]}, the width of the features", str(heads),
                            "Take fewer heads or a wider net.")  # fmt: skip
    x = PositionalEncoding(name=f"{name}_position")(x)
    for layer in range(1, layers + 1):
        x = _layer(x, heads, d_ff, f"{name}_layer{layer}")
    return x


def _layer(x, heads, d_ff, name):
    d = x.shape[-1]
    parts = [_dense(x, d, f"{name}_{part}") for part in ("query", "key", "value")]
    attended = _dense(Attention(heads, name=f"{name}_attention")(parts), d, f"{name}_output")
    x = _add_and_normalise(x, attended, f"{name}_attention")
    hidden = keras.layers.ReLU(name=f"{name}_relu")(_dense(x, d_ff, f"{name}_hidden"))
    return _add_and_normalise(x, _dense(hidden, d, f"{name}_forward"), f"{name}_forward")


def _dense(x, units, name):
    return keras.layers.Dense(units, name=f"{name}_dense")(x)


def _add_and_normalise(shortcut, x, name):
    x = keras.layers.Add(name=f"{name}_add")([x, shortcut])
    return keras.layers.LayerNormalization(epsilon=1e-3, name=f"{name}_norm")(x)


def positional_encoding(time, d):
    """Sines (even columns) and cosines (odd columns) of positions: float32 (time, d)."""
    rates = 10_000.0 ** (-2 * (np.arange(d) // 2) / d)
    angles = np.arange(time)[:, None] * rates
    return np.where(np.arange(d) % 2, np.cos(angles), np.sin(angles)).astype(np.float32)


@keras.saving.register_keras_serializable("ecgrepro")
class PositionalEncoding(keras.layers.Layer):
    """Multiplies (batch, time, d) by the root of d and adds `positional_encoding`; no weights."""

    def call(self, x):
        _, time, d = x.shape
        return x * math.sqrt(d) + ops.cast(positional_encoding(time, d), x.dtype)


@keras.saving.register_keras_serializable("ecgrepro")
class Attention(keras.layers.Layer):
    """Scaled dot-product attention in several heads; no weights.

    Call arguments: a list of query, key and value, each (batch, time, d); output (batch, time, d). Logits are divided
    by the root of d.
    """

    def __init__(self, heads, **settings):
        super().__init__(**settings)
        self.heads = heads

    def call(self, inputs):
        _, time, d = inputs[0].shape
        query, key, value = (ops.reshape(x, (-1, time, self.heads, d // self.heads)) for x in inputs)
        logits = ops.cast(ops.einsum("bqhc,bkhc->bhqk", query, key), "float32") / math.sqrt(d)
        weights = ops.cast(ops.softmax(logits, axis=-1), value.dtype)
        return ops.reshape(ops.einsum("bhqk,bkhc->bqhc", weights, value), (-1, time, d))

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def get_config(self):
        return super().get_config() | {"heads": self.heads}
