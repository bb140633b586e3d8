"""Windows of long recordings: cut where a step asks for them, their answers put together recording by recording.

Source: Strodthoff et al. 2021 as coded (helme/ecg_ptbxl_benchmarking, `code/models/timeseries_utils.py` and
`fastai_model.py`): an epoch shows every recording once, by a window that lies anywhere; what is tested is every window
of a regular grid, and a recording's answer is the largest of theirs. The CSC2541 project always trained on the window
in the middle (X-15).

A window is named by one whole number, ``record * n_starts + start``, so that steps, order and batches are those of
whole recordings (`ecgrepro.training.device_corpus`).
"""

from dataclasses import dataclass

import numpy as np
from keras import ops

from ecgrepro.frames.diagnosis_windows import aggregate, crop_starts, window_starts, windows_recorded
from ecgrepro.training import device
from ecgrepro.training.device_corpus import release


@dataclass(frozen=True, eq=False)
class Windows:
    """How recordings are cut, and what a recording's answer is.

    Attributes
    ----------
    length : int
        Samples of a window.
    total : int
        Samples of a recording, zeros after its end included.
    stride : int
        Samples between two windows that are tested.
    recorded : int array, (n_records,)
        Samples of each recording before those zeros: windows lie within them, as far as one fits.
    crops : {"random", "centre"}
        Where the window lies that is trained on.
    aggregate : {"max", "mean"}
        Of the windows' probabilities.
    mean, deviation : float
        Subtracted from every sample, and what it is divided by.
    """

    length: int
    total: int
    stride: int
    recorded: np.ndarray
    crops: str = "random"
    aggregate: str = "max"
    mean: float = 0.0
    deviation: float = 1.0

    @property
    def n_starts(self):
        """Places where a window can begin."""
        return self.total - self.length + 1

    @property
    def starts(self):
        """First samples of the windows that are tested: int64 array, ascending."""
        return window_starts(self.total, self.length, self.stride)

    def drawn(self, positions, generator):
        """One window of each recording to train on: int64 array of names."""
        positions = np.asarray(positions, np.int64)
        rng = generator if self.crops == "random" else None
        return positions * self.n_starts + crop_starts(self.recorded[positions], self.length, rng)

    def shown(self, positions):
        """All windows of recordings on the grid, recording by recording: int64 array of names."""
        return (np.asarray(positions, np.int64)[:, None] * self.n_starts + self.starts).reshape(-1)

    def gathered(self, logits, positions):
        """Put the logits of `shown` windows together: float32 (n_recordings, n_outputs)."""
        logits = logits.reshape(len(positions), len(self.starts), logits.shape[-1])
        counted = windows_recorded(self.recorded[positions], self.starts, self.length)
        return aggregate(logits, self.aggregate, counted)

    def standardised(self, cut):
        """Windows about the mean, in deviations."""
        return (cut - np.float32(self.mean)) / np.float32(self.deviation)


class HostWindows:
    """Windows of recordings, cut on the host.

    Parameters
    ----------
    inputs : float32 array or memmap, (n_records, total, n_leads)
    labels : int8 array, (n_records, n_classes)
    windows : Windows
    """

    arrays = ()

    def __init__(self, inputs, labels, windows):
        self.inputs, self.labels, self.windows = inputs, labels, windows

    def host(self, names):
        records, starts = np.divmod(np.asarray(names), self.windows.n_starts)
        length, pairs = self.windows.length, zip(records, starts, strict=True)
        cut = np.stack([self.inputs[record, start : start + length] for record, start in pairs])
        return self.windows.standardised(cut), self.labels[records].astype(np.float32)

    @staticmethod
    def fetch(arrays, inputs, labels):
        return inputs, labels


class DeviceWindows:
    """The same, cut out of recordings that lie on the device: a batch is its recordings, starts and labels."""

    def __init__(self, inputs, labels, windows):
        self.labels, self.windows = labels, windows
        self.arrays = (ops.convert_to_tensor(np.asarray(inputs)),)

    def host(self, names):
        records, starts = np.divmod(np.asarray(names), self.windows.n_starts)
        return records.astype(np.int32), starts.astype(np.int32), self.labels[records].astype(np.float32)

    def fetch(self, arrays, records, starts, labels):
        places = ops.reshape(starts, (-1, 1, 1)) + np.arange(self.windows.length, dtype=np.int32)[:, None]
        cut = ops.take_along_axis(ops.take(arrays[0], records, axis=0), places, axis=1)
        return self.windows.standardised(cut), labels


def windows_source(inputs, labels, windows):
    """Source of windows: recordings on the device where they fit; a pre-training's corpus has to make room."""
    release()
    return (DeviceWindows if device.holds(inputs.nbytes) else HostWindows)(inputs, labels, windows)
