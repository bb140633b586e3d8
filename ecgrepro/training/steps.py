"""The innermost loop: one compiled step that fetches its batch on the device, goes forward and backward, and updates.

Keras' own `train_on_batch` hands every batch over from the host and waits for its loss. Here a step receives what a
source gives (`ecgrepro.training.device_corpus`: the frames themselves, or only where they lie in a corpus that
already is on the device), and losses are read while later steps are under way.
"""

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import keras
import numpy as np

from ecgrepro.errors import SettingsError
from ecgrepro.training import device

#: Steps that may be under way before the loss of the first of them is read.
UNDER_WAY = 8


class Steps:
    """Compiled training and prediction steps of a compiled model.

    Parameters
    ----------
    model : keras.Model
        Compiled: its optimiser and its loss are used, `model.compile`'s other options are not.
    source : object
        ``host(selection)`` gives a tuple of arrays for a batch, on the host; ``fetch(arrays, *those)`` turns them,
        inside the step, into (inputs, labels), where ``arrays`` is ``source.arrays``, which lies on the device.
    kept : dict of str to float
        What of the net has been computed beforehand, and how many seconds that took now; see
        `ecgrepro.training.start.make_steps`.
    """

    def __init__(self, model, source, kept=None):
        self.model, self.source, self.kept = model, source, kept or {}
        self._backend = _backend()(model, source)

    def train(self, selections):
        """Train on every batch once and return the mean loss per frame, 0.0 for no batch.

        Parameters
        ----------
        selections : iterable
            One item per batch, as ``source.host`` takes it.

        Raises
        ------
        SettingsError
            The device's memory is too small for the batch; the message names a batch size that fits.
        """
        with self._backend.training() as step:
            return _mean_loss(step, ahead(selections, self.source.host))

    def predict(self, selections):
        """Yield the logits of every batch: float32 arrays (batch, n_outputs)."""
        with self._backend.predicting() as step:
            for batch in ahead(selections, self.source.host):
                yield np.asarray(step(batch), np.float32)


def _mean_loss(step, batches):
    total, frames, under_way = 0.0, 0, deque()

    def read():
        nonlocal total, frames
        loss, batch = under_way.popleft()
        total, frames = total + float(loss) * len(batch[-1]), frames + len(batch[-1])

    batch = None
    try:
        for batch in batches:
            under_way.append((step(batch), batch))
            if len(under_way) > UNDER_WAY:
                read()
        while under_way:
            read()
    except Exception as error:
        if device.out_of_memory(error):
            raise _too_large(step, batch) from error
        raise
    return total / max(frames, 1)


def _too_large(step, batch):
    """The error for a batch that the device has no memory for; smaller ones are tried to name one that fits."""
    fits = size = len(batch[-1])
    while fits > 1:
        fits //= 2
        with suppress(Exception):
            float(step(tuple(part[:fits] for part in batch)))
            fix = f"A batch size of {fits} fits: describe the trial with batch_size={fits}."
            break
    else:
        fix = "Not even one frame fits: take a narrower net or shorter inputs."
    return SettingsError("batch_size", "a batch that fits into the device's memory", str(size), fix)


def ahead(selections, make):
    """Yield ``make(selection)`` for every selection, each made by a thread while the one before is in use."""
    with ThreadPoolExecutor(1) as pool:
        waiting = deque()
        for selection in selections:
            waiting.append(pool.submit(make, selection))
            if len(waiting) > 1:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _backend():
    name = keras.backend.backend()
    if name == "tensorflow":
        from ecgrepro.training.steps_tensorflow import TensorFlowSteps

        return TensorFlowSteps
    if name == "jax":
        from ecgrepro.training.steps_jax import JaxSteps

        return JaxSteps
    raise SettingsError("KERAS_BACKEND", "tensorflow or jax", name, "Set it before Keras is imported.")
