"""The sampler: a pure function from (corpora, task, seed, step) to a batch of labelled frames.

Source: Weimann & Conrad 2021 as coded (c255af5, `beat_data_generator`): every patient is visited once per pass and
gives a fixed number of frames, each from a uniformly drawn segment at a uniformly drawn start; frames of
`shuffle_patients` patients are mixed before they are batched (16 there). One sampler serves all tasks; what a task is,
`ecgrepro.frames.tasks` tells.

Departures: a multi-lead recording offers each lead as a segment of its own; the shuffle buffer, a stream
there, is a block of whole patients here, so that any step can be drawn without the ones before it.
"""

from functools import lru_cache

import numpy as np
import pandas as pd

from ecgrepro.corpora.record import BEAT_CLASSES, RHYTHM_CLASSES
from ecgrepro.errors import SettingsError
from ecgrepro.frames.event_index import EventIndex, SpanIndex, last_of_runs

#: Kinds of annotations and their classes.
KINDS = {"beats": BEAT_CLASSES, "rhythms": RHYTHM_CLASSES, None: ()}


class Streams:
    """Single-lead streams of several corpora on one axis.

    Parameters
    ----------
    corpora : sequence of Corpus
    n_classes : int, optional
        Classes of the events; those of the kind by default.
    kind : {"beats", "rhythms", None}
        Annotations to index; None where a task needs none.

    Attributes
    ----------
    table : DataFrame, (n_streams, ...)
        ``corpus``, ``group`` (patient or record), ``record_id``, ``lead``, ``shard``, ``offset`` (int16 values in
        its shard), ``n_samples``, ``fs`` (Hz), ``gain`` (ADC units per mV), ``baseline`` (ADC units), ``axis``
        (start on the common axis of events); ``events_start``, ``events_stop`` where there is a kind.
    shards : list of int16 arrays
    events : EventIndex of beats, SpanIndex of rhythms, or None

    Raises
    ------
    SettingsError
        Rhythms asked of a corpus without any: every frame would be labelled null.
    """

    def __init__(self, corpora, n_classes=None, kind="beats"):
        tables, self.shards, self.kind = [], [], kind
        axis, positions, classes = 0, [], []
        for corpus in corpora:
            table = _table(corpus, len(self.shards), kind)
            # one unit of room between streams, so that an event at a stream's very end is no event at the
            # next one's start
            table["axis"] = axis + np.concatenate([[0], np.cumsum(table.n_samples.to_numpy()[:-1] + 1)])
            axis = int(table["axis"].iloc[-1] + table.n_samples.iloc[-1] + 1)
            for found, names in _events(corpus, table, kind):
                positions.append(found)
                classes.append(names)
            tables.append(table)
            self.shards += corpus.shards
        self.table = pd.concat(tables, ignore_index=True)
        self.events = None
        if kind is not None:
            self.events = self._index(positions, classes, n_classes or len(KINDS[kind]))

    def _index(self, positions, classes, n_classes):
        events = np.concatenate(positions), np.concatenate(classes), n_classes
        return EventIndex(*events) if self.kind == "beats" else SpanIndex(*events, self.table["axis"])


def _events(corpus, table, kind):
    """Yield positions on the axis and classes of the events of each stream of one corpus."""
    if kind is None:
        return
    positions, classes = getattr(corpus, kind)
    if kind == "rhythms" and not len(positions):
        raise SettingsError(f"corpus {corpus.manifest['data_set']}", "rhythm marks", "none",
                            "Choose another task, or a corpus that has them, such as icentia11k.")  # fmt: skip
    for row in table.itertuples():
        found, names = (values[row.events_start : row.events_stop] for values in (positions, classes))
        if kind == "rhythms":  # marked at every beat; a run's last mark says as much as all of them
            kept = last_of_runs(names)
            found, names = found[kept], names[kept]
        yield found + row.axis, names


def _table(corpus, first_shard, kind):
    index, groups = corpus.index, corpus.groups()
    rows = [
        {
            "corpus": corpus.manifest["data_set"], "group": f"{corpus.manifest['data_set']} {group}",
            "record_id": row.record_id, "lead": row.leads[lead], "shard": first_shard + row.shard,
            "offset": row.offset + lead * row.n_samples, "n_samples": row.n_samples, "fs": row.fs,
            "gain": row.gain[lead], "baseline": row.baseline[lead],
        }
        | ({} if kind is None else {"events_start": getattr(row, f"{kind}_start"),
                                    "events_stop": getattr(row, f"{kind}_stop")})
        for row, group in zip(index.itertuples(), groups, strict=True)
        for lead in range(row.n_leads)
    ]  # fmt: skip
    return pd.DataFrame(rows)


class FrameSampler:
    """Draws batches of labelled frames, or of examples of several frames each where the task asks for these.

    Parameters
    ----------
    streams : Streams
    task : BeatTask
        Or any other of `ecgrepro.frames.tasks`, of the kind of annotations that `streams` has.
    length : int
        Frame length in samples.
    batch_size : int
    frames_per_patient : int
        Frames, or examples, drawn from each patient in one pass (published: 4,096).
    seed : int
    patients : sequence of str, optional
        Groups of `streams.table.group` to draw from; all by default.
    shuffle_patients : int
        Patients whose frames are mixed (published: 16).
    mean, deviation : float
        Constants in mV; frames leave as ``(mV - mean) / deviation``.

    Attributes
    ----------
    shard, offset, axis : int64 arrays, (n_streams,)
        Of each stream: its shard, first value there, and start on the axis of events.
    scale, shift : float32 arrays, (n_streams,)
        A frame is ``ADC units * scale + shift``.

    Raises
    ------
    SettingsError
        No stream is longer than a frame (or than the frames of an example that lie one after another), none of
        `patients` is there, or the task needs other annotations than `streams` has.

    Notes
    -----
    A patient without any such stream is left out. The frames of a pass that fill no batch are left
    out too, so that every patient gives exactly `frames_per_patient` frames where the batch divides the pass.
    """

    def __init__(self, streams, task, *, length, batch_size, frames_per_patient, seed, patients=None,
                 shuffle_patients=16, mean=0.0, deviation=1.0):  # fmt: skip
        self.streams, self.task, self.length, self.batch_size = streams, task, length, batch_size
        self.frames_per_patient, self.seed, self.shuffle_patients = frames_per_patient, seed, shuffle_patients
        if task.kind not in (None, streams.kind):
            raise SettingsError(f"task {task.name}", f"streams of kind {task.kind!r}", repr(streams.kind),
                                "Make the streams for this task.")  # fmt: skip
        # samples that lie one after another: a frame, or those frames of an example that do
        self._reach = length * getattr(task, "span", 1)
        table = streams.table
        usable = table[
            (table.n_samples > self._reach) & (True if patients is None else table.group.isin(patients))
        ]
        if usable.empty:
            given = "all" if patients is None else f"{len(patients)} asked for"
            wanted = f"{length} samples" + f" x {self._reach // length}" * (self._reach > length)
            raise SettingsError("frame length", "a recording longer than a frame", f"{wanted}, longest "
                                f"recording {table.n_samples.max()} (patients: {given})",
                                "Choose shorter frames, or patients of `streams.table.group`.")  # fmt: skip
        rows = {group: part.index.to_numpy() for group, part in usable.groupby("group", sort=True)}
        self.patients = list(rows)
        self._first = np.concatenate([[0], np.cumsum([len(part) for part in rows.values()])])
        self._rows = np.concatenate(list(rows.values()))
        columns = ("shard", "offset", "n_samples", "axis")
        self.shard, self.offset, self._n, self.axis = (table[c].to_numpy(np.int64) for c in columns)
        gain, baseline = table.gain.to_numpy(), table.baseline.to_numpy()
        self.scale = (1 / (gain * deviation)).astype(np.float32)
        self.shift = (-(baseline / gain + mean) / deviation).astype(np.float32)
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
            Standardised millivolts; (batch_size, frames, length, 1) where an example has several frames.
        labels : int32 array, (batch_size,)
        """
        rows, starts = self.places(step)
        frames = np.multiply(self.gather(rows, starts), self.scale[rows][..., None], dtype=np.float32)
        frames += self.shift[rows][..., None]
        return frames[..., None], self.labels(rows, starts)

    def places(self, step):
        """Stream rows and first samples of the step-th batch: two int64 arrays, (batch_size,).

        They are (batch_size, frames) where an example has several frames.
        """
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
        """Frames in ADC units: int16 (*rows.shape, length)."""
        shards, places = self.shard[rows], self.offset[rows] + starts
        if len(self._windows) == 1:
            return self._windows[0][places]
        frames = np.empty((*rows.shape, self.length), np.int16)
        for shard in np.unique(shards):
            chosen = shards == shard
            frames[chosen] = self._windows[shard][places[chosen]]
        return frames

    def labels(self, rows, starts):
        """Labels of frames, or of examples of several: int32 (len(rows),)."""
        return self.task.labels(self.streams.events, self.axis[rows] + starts, self.length)

    def _draw_block(self, block):
        """Draw all frames of one block of patients, in the order in which they are batched."""
        order = np.random.default_rng([self.seed, 0]).permutation(len(self.patients))
        chosen = order[block * self.shuffle_patients : (block + 1) * self.shuffle_patients]
        rng = np.random.default_rng([self.seed, 1, block])
        patients = rng.permutation(np.repeat(chosen, self.frames_per_patient))
        sizes = np.diff(self._first)[patients]
        rows = self._rows[self._first[patients] + rng.integers(sizes)]
        starts = rng.integers(self._n[rows] - self._reach)
        if not hasattr(self.task, "places"):
            return rows, starts
        pool = np.concatenate([self._rows[self._first[i] : self._first[i + 1]] for i in chosen])
        return self.task.places(rng, rows, starts, pool, self._n[pool] - self.length, self.length)


def _windows(shard, length):
    # a shard of short recordings alone has no frame, and none is asked of it
    return np.lib.stride_tricks.sliding_window_view(shard, length) if len(shard) >= length else None
