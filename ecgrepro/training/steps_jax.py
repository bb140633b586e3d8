"""Training and prediction steps compiled by JAX, on state that stays on the device between steps."""

from contextlib import contextmanager

import jax
import keras


class JaxSteps:
    """See `ecgrepro.training.steps.Steps`.

    Between two steps the variables' values are held here, not in the model: putting each of them back after
    every step, as Keras does, takes longer than a step of a small net.
    """

    def __init__(self, model, source):
        self.model, self.source = model, source
        self._train = jax.jit(self._train_step, donate_argnums=0)
        self._predict = jax.jit(self._predict_step)

    @contextmanager
    def training(self):
        """Give the training step: from a batch to its loss. The model has its variables back at the end."""
        holder = [_values(group) for group in self._groups()]

        def step(batch):
            holder[:], loss = self._train(holder, self.source.arrays, batch)
            return loss

        yield step
        # not where a step failed: its state was given away to it
        for group, values in zip(self._groups(), holder, strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(value)

    @contextmanager
    def predicting(self):
        """Give the prediction step: from a batch to its logits."""
        state = [_values(group) for group in self._groups()[:2]]
        yield lambda batch: self._predict(state, self.source.arrays, batch)

    def _groups(self):
        model = self.model
        return [model.trainable_variables, model.non_trainable_variables, model.optimizer.variables]

    def _train_step(self, state, arrays, batch):
        trainable, fixed, optimiser = state
        inputs, labels = self.source.fetch(arrays, *batch)

        def compute(trainable):
            logits, updated = self.model.stateless_call(trainable, fixed, inputs, training=True)
            loss = self.model.loss(labels, logits)
            places = list(zip(self.model.optimizer.variables, optimiser, strict=True))
            with keras.StatelessScope(state_mapping=places):  # the scale of a float16 loss is the optimiser's
                scaled = self.model.optimizer.scale_loss(loss)
            return scaled, (loss, updated)

        gradients, (loss, fixed) = jax.grad(compute, has_aux=True)(trainable)
        trainable, optimiser = self.model.optimizer.stateless_apply(optimiser, gradients, trainable)
        return [trainable, fixed, optimiser], loss

    def _predict_step(self, state, arrays, batch):
        inputs, _ = self.source.fetch(arrays, *batch)
        return self.model.stateless_call(*state, inputs, training=False)[0]


def _values(variables):
    return [variable.value for variable in variables]
