"""Adam, updated by TensorFlow's own kernel where that is the backend.

Keras 3 spells Adam out in a dozen operations per weight, each of which reads and writes the whole tensor. For AlexNet's
54 million weights of fully connected layers that takes longer than everything else in a step whose first layers are
cached. `ResourceApplyAdam` computes the same formula in one pass. It takes 1 - beta_2 in float32, which makes its
updates differ from Keras' by some millionths; so that other nets train as ever, it updates large weights alone.
"""

import math

import keras
from keras import ops

#: Elements from which on a weight is updated by the kernel; only AlexNet's fully connected layers have as many.
LARGE = 1 << 22


@keras.saving.register_keras_serializable("ecgrepro")
class Adam(keras.optimizers.Adam):
    """Drop-in for `keras.optimizers.Adam`: for small weights, with `amsgrad`, or on another backend, Keras' own."""

    def update_step(self, gradient, variable, learning_rate):
        """Move a weight along its gradient, and its moments with it."""
        small = math.prod(variable.shape) < LARGE
        if keras.backend.backend() != "tensorflow" or self.amsgrad or small:
            return super().update_step(gradient, variable, learning_rate)
        import tensorflow as tf

        place = self._get_variable_index(variable)
        step = ops.cast(self.iterations + 1, "float32")
        powers = {f"beta{i}_power": ops.power(ops.cast(beta, "float32"), step)
                  for i, beta in ((1, self.beta_1), (2, self.beta_2))}  # fmt: skip
        return tf.raw_ops.ResourceApplyAdam(
            var=_handle(variable), m=_handle(self._momentums[place]), v=_handle(self._velocities[place]),
            lr=ops.cast(learning_rate, "float32"), beta1=self.beta_1, beta2=self.beta_2, epsilon=self.epsilon,
            grad=ops.cast(gradient, "float32"), **powers,
        )  # fmt: skip


def _handle(variable):
    # Keras hands TensorFlow's variables over to be updated, and keeps its own around them
    return (variable.value if isinstance(variable, keras.Variable) else variable).handle
