"""Attention pooling: a sequence becomes what a transformer makes of a token put before it.

Source: `transplant/modules/attn_pool.py` of kweimann/ecg-transfer-learning c255af5, where the token starts as a
truncated normal of deviation 1; the idea is BERT's (Devlin et al., arXiv:1810.04805).

Departure: the token is a weight of the layer, so it is trained and saved. In the original it is a bare `tf.Variable`
kept as an attribute. Keras 2 of its time picked that up; Keras 3 does not, so on TensorFlow 2.16 and later the original
code runs without a word, but its token is neither trained nor saved, and after loading is another one.
"""

import keras
from keras import ops

from ecgrepro.models.transformer import transformer_encoder


def attention_pooling(x, *, layers, heads, d_ff, name="pooling"):
    """Pool a sequence.

    Parameters
    ----------
    x : KerasTensor, (batch, time, d)
        `time` must be known.
    layers, heads, d_ff : int
        See `transformer_encoder`.
    name : str
        Before the layers' names.

    Returns
    -------
    KerasTensor, (batch, d)
    """
    x = PoolingToken(name=f"{name}_token")(x)
    return transformer_encoder(x, layers=layers, heads=heads, d_ff=d_ff, name=name)[:, 0]


@keras.saving.register_keras_serializable("ecgrepro")
class PoolingToken(keras.layers.Layer):
    """Puts one trained vector before a sequence: (batch, time, d) to (batch, 1 + time, d)."""

    def build(self, input_shape):
        start = keras.initializers.TruncatedNormal(stddev=1.0)
        self.token = self.add_weight(shape=(input_shape[-1],), initializer=start, name="token")

    def call(self, x):
        token = ops.zeros_like(x[:, :1]) + ops.cast(self.token, x.dtype)
        return ops.concatenate([token, x], axis=1)

    def compute_output_shape(self, input_shape):
        batch, time, d = input_shape
        return batch, None if time is None else time + 1, d
