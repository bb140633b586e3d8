"""One harness tests every layer and model the same way: shape, dtype, weights saved and loaded, gradients."""

import keras
import numpy as np
import tensorflow as tf


class Harness:
    """Checks what a layer or model must do whatever it computes.

    Parameters
    ----------
    make : callable
        Takes the name of a Keras dtype policy, returns a new layer or model.
    inputs : float32 array
    shape : tuple
        Of the output.
    mixed_output : str
        Dtype of the output under a mixed policy; logits are float32 whatever the layers compute in.
    """

    def __init__(self, make, inputs, shape, mixed_output):
        self.make, self.inputs, self.shape, self.mixed_output = make, inputs, shape, mixed_output

    def check_output(self):
        out = self.make("float32")(self.inputs)
        assert tuple(out.shape) == self.shape
        assert keras.backend.standardize_dtype(out.dtype) == "float32"
        assert np.isfinite(np.asarray(out)).all()

    def check_weights_are_saved_and_loaded(self, folder):
        first, second = self._built(), self._built()
        for variable in first.variables:
            values = np.random.default_rng(1).uniform(0.5, 1.5, variable.shape)
            variable.assign(values.astype(variable.dtype))
        path = str(folder / "saved.weights.h5")
        for made, step in ((first, "save_weights"), (second, "load_weights")):
            holder = keras.Sequential([made])
            holder(self.inputs)
            getattr(holder, step)(path)
        for ours, loaded in zip(first.variables, second.variables, strict=True):
            assert (np.asarray(ours) == np.asarray(loaded)).all(), ours.path
        assert (np.asarray(first(self.inputs)) == np.asarray(second(self.inputs))).all()

    def check_mixed_precision(self, policy="mixed_bfloat16"):
        made = self._built(policy)
        assert {keras.backend.standardize_dtype(variable.dtype) for variable in made.variables} == {"float32"}
        for training in (False, True):
            out = made(self.inputs, training=training)
            assert keras.backend.standardize_dtype(out.dtype) == self.mixed_output
            assert np.isfinite(np.asarray(out, np.float32)).all()

    def check_gradients_reach_every_trainable_weight(self):
        made = self._built()
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(made(self.inputs, training=True)))
        gradients = tape.gradient(loss, [variable.value for variable in made.trainable_variables])
        assert made.trainable_variables
        for variable, gradient in zip(made.trainable_variables, gradients, strict=True):
            assert gradient is not None, variable.path
            assert np.abs(np.asarray(gradient)).max() > 0, variable.path

    def _built(self, policy="float32"):
        made = self.make(policy)
        made(self.inputs)
        return made
