"""The sampler: a pure function from (corpora, task, seed, step) to a batch of labelled frames.

Source: Weimann & Conrad 2021 as coded (c255af5, `beat_data_generator`): every patient is visited once per pass and
gives a fixed number of frames, each from a uniformly drawn segment at a uniformly drawn start; frames of
`shuffle_patients` patients are mixed before they are batched (16 there).

Departures: a multi-lead recording offers each lead as a segment of its own; the shuffle buffer, a stream
there, is a block of whole patients here, so that any step can be drawn without the ones before it.
"""

from functools import lru_cache

import numpy as np
import pandas as pd

from ecgrepro.errors import SettingsError
from ecgrepro.frames.beat import EventIndex


class Streams:
    """Single-lead streams of several corpora on one axis.

    Parameters
    ----------
    corpora : sequence of Corpus
    n_classes : int
        Classes of the events.
    kind : {"beats", "rhythms"}

    Attributes
    ----------
    table : DataFrame, (n_streams, ...)
        ``corpus``, ``group`` (patient or record), ``record_id``, ``lead``, ``shard``, ``offset`` (int16 values in
        its shard), ``n_samples``, ``fs`` (Hz), ``gain`` (ADC units per mV), ``baseline`` (ADC units), ``axis``
        (start on the common axis of events), ``events_start``, ``events_stop``.
    shards : list of int16 arrays
    events : EventIndex
    """

    def __init__(self, corpora, n_classes, kind="beats"):
        tables, self.shards, positions, classes = [], [], [], []
        axis = 0
        for corpus in corpora:
            table = _table(corpus, len(self.shards), kind)
            # one unit of room between streams, so that an event at a stream's very end is no event at the
            # next one's start
            table["axis"] = axis + np.concatenate([[0], np.cumsum(table.n_samples.to_numpy()[:-1] + 1)])
            axis = int(table["axis"].iloc[-1] + table.n_samples.iloc[-1] + 1)
            found, names = getattr(corpus, kind)
            for row in table.itertuples():
                part = slice(row.events_start, row.events_stop)
                positions.append(found[part] + row.axis)
                classes.append(names[part])
            tables.append(table)
            self.shards += corpus.shards
        self.table = pd.concat(tables, ignore_index=True)
        self.events = EventIndex(np.concatenate(positions), np.concatenate(classes), n_classes)


def _table(corpus, first_shard, kind):
    index, groups = corpus.index, corpus.groups()
    rows = [
        {
            "corpus": corpus.manifest["data_set"], "group": f"{corpus.manifest['data_set']} {group}",
            "record_id": row.record_id, "lead": row.leads[lead], "shard": first_shard + row.shard,
            "offset": row.offset + lead * row.n_samples, "n_samples": row.n_samples, "fs": row.fs,
            "gain": row.gain[lead], "baseline": row.baseline[lead],
            "events_start": getattr(row, f"{kind}_start"), "events_stop": getattr(row, f"{kind}_stop"),
        }
        for row, group in zip(index.itertuples(), groups, strict=True)
        for lead in range(row.n_leads)
    ]  # fmt: skip
    return pd.DataFrame(rows)


class FrameSampler:
    """Draws batches of labelled frames.

    Parameters
    ----------
    streams : Streams
    task : BeatTask
        Anything with `labels(events, starts, length)`.
    length : int
        Frame length in samples.
    batch_size : int
    frames_per_patient : int
        Frames drawn from each patient in one pass (published: 4,096).
    seed : int
    patients : sequence of str, optional
        Groups of `streams.table.group` to draw from; all by default.
    shuffle_patients : int
        Patients whose frames are mixed (published: 16).
    mean, deviation : float
        Constants in mV; frames leave as ``(mV - mean) / deviation``.

    Raises
    ------
    SettingsError
        No stream is longer than a frame, or none of `patients` is there.

    Notes
    -----
    A patient without any stream longer than a frame is left out. The frames of a pass that fill no batch are left
    out too, so that every patient gives exactly `frames_per_patient` frames where the batch divides the pass.
    """

    def __init__(self, streams, task, *, length, batch_size, frames_per_patient, seed, patients=None,
                 shuffle_patients=16, mean=0.0, deviation=1.0):  # fmt: skip
        self.streams, self.task, self.length, self.batch_size = streams, task, length, batch_size
        self.frames_per_patient, self.seed, self.shuffle_patients = frames_per_patient, seed, shuffle_patients
        table = streams.table
        usable = table[
            (table.n_samples > length) & (True if patients is None else table.group.isin(patients))
        ]
        if usable.empty:
            given = "all" if patients is None else f"{len(patients)} asked for"
            raise SettingsError("frame length", "a recording longer than a frame", f"{length} samples, longest "
                                f"recording {table.n_samples.max()} (patients: {given})",
                                "Choose shorter frames, or patients of `streams.table.group`.")  # fmt: skip
        rows = {group: part.index.to_numpy() for group, part in usable.groupby("group", sort=True)}
        self.patients = list(rows)
        self._first = np.concatenate([[0], np.cumsum([len(part) for part in rows.values()])])
        self._rows = np.concatenate(list(rows.values()))
        columns = ("shard", "offset", "n_samples", "axis")
        self._shard, self._offset, self._n, self._axis = (table[c].to_numpy(np.int64) for c in columns)
        gain, baseline = table.gain.to_numpy(), table.baseline.to_numpy()
        self._scale = (1 / (gain * deviation)).astype(np.float32)
        self._shift = (-(baseline / gain + mean) / deviation).astype(np.float32)
        # a window view gathers a frame as one block copy; an index array would cost eight bytes a sample
        self._windows = [_windows(shard, length) for shard in streams.shards]
        self.n_frames = len(self.patients) * frames_per_patient
        self.n_steps = self.n_frames // batch_size
        self._block = lru_cache(maxsize=2)(self._draw_block)

    def batch(self, step):
        """Return the step-th batch of the pass.

        Returns
        -------
        frames : float32 array, (batch_size, length, 1)
            Standardised millivolts.
        labels : int32 array, (batch_size,)
        """
        rows, starts = self.places(step)
        frames = np.multiply(self.gather(rows, starts), self._scale[rows, None], dtype=np.float32)
        frames += self._shift[rows, None]
        return frames[..., None], self.labels(rows, starts)

    def places(self, step):
        """Stream rows and first samples of the step-th batch: two int64 arrays, (batch_size,)."""
        if not 0 <= step < self.n_steps:
            raise SettingsError("step", f"0 to {self.n_steps - 1}", str(step), "One pass has no more.")
        first = step * self.batch_size
        parts, last = [], first + self.batch_size
        size = self.shuffle_patients * self.frames_per_patient
        while first < last:
            rows, starts = self._block(first // size)
            part = slice(first % size, min(first % size + last - first, len(rows)))
            parts.append((rows[part], starts[part]))
            first += part.stop - part.start
        return tuple(np.concatenate(column) for column in zip(*parts, strict=True))

    def gather(self, rows, starts):
        """Frames in ADC units: int16 (n_frames, length)."""
        shards, places = self._shard[rows], self._offset[rows] + starts
        if len(self._windows) == 1:
            return self._windows[0][places]
        frames = np.empty((len(rows), self.length), np.int16)
        for shard in np.unique(shards):
            chosen = shards == shard
            frames[chosen] = self._windows[shard][places[chosen]]
        return frames

    def labels(self, rows, starts):
        """Labels of frames: int32 (n_frames,)."""
        return self.task.labels(self.streams.events, self._axis[rows] + starts, self.length)

    def _draw_block(self, block):
        """Draw all frames of one block of patients, in the order in which they are batched."""
        order = np.random.default_rng([self.seed, 0]).permutation(len(self.patients))
        patients = order[block * self.shuffle_patients : (block + 1) * self.shuffle_patients]
        rng = np.random.default_rng([self.seed, 1, block])
        patients = rng.permutation(np.repeat(patients, self.frames_per_patient))
        sizes = np.diff(self._first)[patients]
        rows = self._rows[self._first[patients] + rng.integers(sizes)]
        return rows, rng.integers(self._n[rows] - self.length)


def _windows(shard, length):
    # a shard of short recordings alone has no frame, and none is asked of it
    return np.lib.stride_tricks.sliding_window_view(shard, length) if len(shard) >= length else None
