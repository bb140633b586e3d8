"""Where a step's frames come from: from the host batch by batch, or from a corpus that lies on the device.

A corpus that fits is copied to the accelerator once, as int16; from then on a step receives a few hundred bytes, which
say where its frames lie, and cuts, scales and standardises them itself. All sources give the same numbers, but for
rounding in the last digit.
"""

import gc

import keras
import numpy as np
from keras import ops

from ecgrepro.training import device

#: Samples of a row of the resident corpus. Rows are counted in int32, so a corpus may have 2^31 of them.
ROW = 1024


class HostFrames:
    """Frames of a `FrameSampler`, gathered and standardised on the host.

    ``host(step)`` is `FrameSampler.batch`: float32 frames and int32 labels.
    """

    arrays = ()

    def __init__(self, sampler):
        self.sampler = sampler

    def host(self, step):
        return self.sampler.batch(step)

    @staticmethod
    def fetch(arrays, inputs, labels):
        return inputs, labels


class DeviceFrames:
    """Frames of a `FrameSampler`, cut out of a corpus that lies on the device.

    Parameters
    ----------
    sampler : FrameSampler
    """

    def __init__(self, sampler):
        self.sampler = sampler
        self._offset = _starts(sampler.streams)[sampler.shard] + sampler.offset
        self._rows = -(-(sampler.length + ROW - 1) // ROW)  # as many as a frame can touch
        self.arrays = (_on_device(sampler.streams),)

    @staticmethod
    def n_bytes(sampler):
        """Bytes that the corpus of a sampler takes on the device."""
        return 2 * sum(len(shard) for shard in sampler.streams.shards)

    def host(self, step):
        """Place, scale and label of the frames of a batch: six small arrays."""
        rows, starts = self.sampler.places(step)
        row, within = np.divmod(self._offset[rows] + starts, ROW)
        scale, shift = self.sampler.scale[rows], self.sampler.shift[rows]
        return row.astype(np.int32), within.astype(np.int32), scale, shift, self.sampler.labels(rows, starts)

    def fetch(self, arrays, row, within, scale, shift, labels):
        """Frames (..., length, 1) float32 and their labels, as `FrameSampler.batch` gives them."""
        shape = ops.shape(row)
        row, within = ops.reshape(row, (-1, 1)), ops.reshape(within, (-1, 1))
        # behind the corpus' last row there is nothing, and nothing of it is taken
        rows = ops.minimum(row + np.arange(self._rows, dtype=np.int32), arrays[0].shape[0] - 1)
        wide = ops.take(arrays[0], rows, axis=0)
        wide = ops.reshape(wide, (-1, self._rows * ROW))
        place = within + np.arange(self.sampler.length, dtype=np.int32)
        frames = ops.cast(_as_int16(ops.take_along_axis(wide, place, axis=1)), "float32")
        frames = frames * ops.reshape(scale, (-1, 1)) + ops.reshape(shift, (-1, 1))
        return ops.reshape(frames, (*shape, self.sampler.length, 1)), labels


def _starts(streams):
    """First samples of the shards on one axis, and the end of the last."""
    return np.concatenate([[0], np.cumsum([len(shard) for shard in streams.shards])])


#: The one corpus that lies on the device, by its streams.
_RESIDENT = {}


def _on_device(streams):
    """All shards one after the other, (n_rows, ROW), on the device; the samplers of one trial share them."""
    if streams not in _RESIDENT:
        release()  # first: two corpora at once might not fit
        starts = _starts(streams)
        flat = np.zeros(-(-int(starts[-1]) // ROW) * ROW, np.int16)
        for shard, start in zip(streams.shards, starts, strict=False):
            flat[start : start + len(shard)] = shard
        _RESIDENT[streams] = _from_int16(flat.reshape(-1, ROW))
    return _RESIDENT[streams]


def release():
    """Let the corpus on the device go."""
    _RESIDENT.clear()
    gc.collect()  # compiled steps and what they hold refer to each other


def _from_int16(values):
    """A tensor with the bits of int16 values; on a GPU TensorFlow can pick float16 from a tensor, but not int16."""
    if keras.backend.backend() != "tensorflow":
        return ops.convert_to_tensor(values)
    import tensorflow as tf

    return tf.bitcast(tf.convert_to_tensor(values), tf.float16)


def _as_int16(picked):
    if keras.backend.backend() != "tensorflow":
        return picked
    import tensorflow as tf

    return tf.bitcast(picked, tf.int16)


class Whole:
    """Recordings that are shown as they are: what `ecgrepro.training.windows.Windows` is where they are cut."""

    @staticmethod
    def drawn(positions, generator):
        return positions

    @staticmethod
    def shown(positions):
        return positions

    @staticmethod
    def gathered(logits, positions):
        return logits


class HostRecords:
    """Prepared inputs of records, handed over batch by batch.

    Parameters
    ----------
    inputs : float32 array or memmap, (n_records, ...)
    labels : int32 array, (n_records,)
    """

    arrays, windows = (), Whole()

    def __init__(self, inputs, labels):
        self.inputs, self.labels = inputs, labels

    def host(self, positions):
        return self.inputs[positions], self.labels[positions]

    @staticmethod
    def fetch(arrays, inputs, labels):
        return inputs, labels


class DeviceRecords:
    """The same, with inputs that lie on the device: a batch is its records' positions and labels."""

    windows = Whole()

    def __init__(self, inputs, labels):
        self.labels = labels
        self.arrays = (ops.convert_to_tensor(np.asarray(inputs)),)

    def host(self, positions):
        return np.asarray(positions, np.int32), self.labels[positions]

    @staticmethod
    def fetch(arrays, positions, labels):
        return ops.take(arrays[0], positions, axis=0), labels


def frames_source(sampler):
    """Source of a sampler's frames: on the device where they fit; see `ecgrepro.training.device.holds`."""
    return (DeviceFrames if device.holds(DeviceFrames.n_bytes(sampler)) else HostFrames)(sampler)


def records_source(inputs, labels):
    """Source of records' inputs: on the device where they fit; a pre-training's corpus has to make room."""
    release()
    return (DeviceRecords if device.holds(inputs.nbytes) else HostRecords)(inputs, labels)


def is_resident(source):
    """Whether the recordings of a source lie on the device."""
    return bool(source.arrays)
