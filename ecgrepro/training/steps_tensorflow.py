"""Training and prediction steps compiled by TensorFlow."""

from contextlib import contextmanager

import tensorflow as tf


class TensorFlowSteps:
    """See `ecgrepro.training.steps.Steps`; a step is traced once per shape of its batch.

    XLA is left out. On a processor its convolutions take twice the time of oneDNN's; on an accelerator it has no
    gradient of max-pooling that is the same every time, which a trial asks for.
    """

    def __init__(self, model, source):
        self.model, self.source = model, source
        self._train = tf.function(self._train_step, jit_compile=False)
        self._predict = tf.function(self._predict_step, jit_compile=False)

    @contextmanager
    def training(self):
        """Give the training step: from a batch to its loss, a scalar still on the device."""
        yield lambda batch: self._train(_tensors(batch))

    @contextmanager
    def predicting(self):
        """Give the prediction step: from a batch to its logits."""
        yield lambda batch: self._predict(_tensors(batch))

    def _train_step(self, batch):
        inputs, labels = self.source.fetch(self.source.arrays, *batch)
        with tf.GradientTape() as tape:
            loss = self.model.loss(labels, self.model(inputs, training=True))
            scaled = self.model.optimizer.scale_loss(loss)
        variables = self.model.trainable_variables
        gradients = tape.gradient(scaled, [variable.value for variable in variables])
        self.model.optimizer.apply(gradients, variables)
        return loss

    def _predict_step(self, batch):
        inputs, _ = self.source.fetch(self.source.arrays, *batch)
        return self.model(inputs, training=False)


def _tensors(batch):
    # numpy arrays would be traced as constants, once per batch
    return tuple(tf.convert_to_tensor(part) for part in batch)
