"""Keras' batch normalisation, computed by TensorFlow's fused kernel where that is the backend.

Keras 3 spells batch normalisation out in elementary operations; on a CPU that is the slowest part of a narrow
ResNet. `FusedBatchNormV3` computes the same thing in one pass. Keras' own layer is the reference it must equal.
"""

import keras


@keras.saving.register_keras_serializable("ecgrepro")
class BatchNormalization(keras.layers.BatchNormalization):
    """Drop-in for `keras.layers.BatchNormalization`, fused over the last axis of (batch, time, channels) and of
    (batch, height, width, channels).

    In inference, when frozen, with a mask, on another shape or axis, with an option that the kernel does not know, or
    on another backend, Keras' own code runs.
    """

    def call(self, inputs, training=None, mask=None):
        if training and self.trainable and mask is None and self._can_fuse(inputs):
            return self._fused(inputs)
        return super().call(inputs, training=training, mask=mask)

    def _can_fuse(self, inputs):
        rank = len(inputs.shape)
        if keras.backend.backend() != "tensorflow" or rank not in (3, 4) or self.axis not in (-1, rank - 1):
            return False
        plain = not self.synchronized and not getattr(self, "renorm", False)  # Keras 3.13 has no renorm
        return plain and self.center and self.scale

    def _fused(self, inputs):
        import tensorflow as tf

        signal = len(inputs.shape) == 3  # to the kernel an image of one row
        out, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=tf.expand_dims(inputs, 1) if signal else inputs,
            scale=tf.cast(self.gamma, "float32"),
            offset=tf.cast(self.beta, "float32"),
            mean=tf.zeros([0]),
            variance=tf.zeros([0]),
            epsilon=self.epsilon,
            is_training=True,
        )
        count = tf.cast(tf.size(inputs) // inputs.shape[-1], "float32")
        # the kernel reports the unbiased variance, Keras averages the population variance
        variance *= (count - 1) / count
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + batch * (1 - self.momentum))
        return tf.squeeze(out, 1) if signal else out
