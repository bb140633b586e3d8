"""Five-second intervals with a signal quality: those of CinC 2017 as a test, those of BUT QDB by its grades.

Source: Huerta et al., CinC 2022: intervals of 5 s at 250 Hz, high or low quality; the test set is every interval of
CinC 2017, of low quality where the recording's label is "too noisy", of high quality for all rhythms.

Here an interval is 1,500 of a recording's samples, the next begins where it ends, and what is left over at the end is
no interval. That makes 53,302 of high and 1,291 of low quality (labels v3; v2: 53,290 and 1,303), where the paper has
47,439 and 1,168 and does not say which ones it left out. The label is the recording's: a noisy recording may have
readable intervals, and the other way round.

How they are made. Missing samples are filled (`signal_faults`), the whole recording is resampled about its mean, which
is then put back, and cut: a filter that ran over each interval alone would see an edge in each. An interval of BUT QDB
is resampled with a second of its surroundings on both sides, as its recordings are day-long.

Faults. The test keeps every interval, as published, and the index says which ones are flat, saturated or had missing
samples; no NaN reaches a net. What is trained on leaves them out (`without_faults`).
"""

from dataclasses import asdict
from fractions import Fraction

import numpy as np
import pandas as pd
from tqdm import tqdm

from ecgrepro.corpora.cinc2017 import CLASSES as RHYTHMS
from ecgrepro.corpora.record import QUALITY_CLASSES
from ecgrepro.errors import InputError
from ecgrepro.frames.af import class_indices
from ecgrepro.frames.interval_input import IntervalInput, cut_recording
from ecgrepro.frames.kept_arrays import keep
from ecgrepro.frames.resample import resample
from ecgrepro.frames.signal_faults import FAULTS, find_faults, lead_millivolts
from ecgrepro.frames.splits import hold_out

#: Names of labels 0 and 1.
CLASSES = ("high", "low")
HIGH, LOW = range(2)
#: Counts of high and low that the rule above gives on the published set, by revision of the labels.
CINC2017_COUNTS = {"v3": (53_302, 1_291), "v2": (53_290, 1_303)}
#: Seconds of surroundings with which an interval of a day-long recording is resampled.
SURROUNDINGS = 1


def interval_index(corpus, how=None):
    """List the test intervals of a CinC 2017 corpus, from lengths and labels alone.

    Parameters
    ----------
    corpus : Corpus
    how : IntervalInput, optional

    Returns
    -------
    DataFrame, one row per interval, recordings in the corpus' order
        ``record_id`` such as A00001/0, ``recording`` (the cluster), ``rhythm`` (N, A, O, ~), ``label`` int32 (0 high,
        1 low), ``position`` of the recording in the corpus, ``start`` its first sample at the recording's own rate.

    Raises
    ------
    InputError
        Another corpus than CinC 2017.
    """
    rhythm, how = class_indices(corpus), how or IntervalInput()
    size = corpus.index.fs.map(how.samples).to_numpy()
    counts = corpus.index.n_samples.to_numpy() // size
    position = np.repeat(np.arange(len(corpus)), counts)
    number = np.arange(len(position)) - np.repeat(np.cumsum(counts) - counts, counts)
    recording = corpus.index.record_id.to_numpy(object)[position]
    label = np.where(rhythm[position] == RHYTHMS.index("~"), LOW, HIGH).astype(np.int32)
    return pd.DataFrame({"record_id": _names(recording, number), "recording": recording,
                         "rhythm": corpus.index.label.to_numpy(object)[position], "label": label,
                         "position": position, "start": number * size[position]})  # fmt: skip


def prepare_intervals(corpus, how, cache, *, progress=True):
    """Prepare the test intervals of a CinC 2017 corpus, once, and keep them on disk.

    Parameters
    ----------
    corpus : Corpus
    how : IntervalInput
    cache : str or Path, optional
        Folder for the prepared array and its index; with None both are in memory alone.

    Returns
    -------
    inputs : float32 memmap or array, (n_intervals, how.length)
        In mV, or standardised. All finite.
    index : DataFrame, (n_intervals, ...)
        As `interval_index`, with a bool column for each of `FAULTS`.

    Raises
    ------
    InputError
        Another corpus than CinC 2017.
    DiskError
        Too little space, told before anything is written.
    """

    return _prepare(
        corpus, how, cache, interval_index, lambda i, starts: _cut_whole(corpus, i, how), progress
    )


def graded_index(corpus, how=None):
    """List the intervals of a BUT QDB corpus that lie wholly within one stretch of one grade.

    Classes 1 and 2 (all waves clear, only QRS reliable) are high, 3 (unusable) is low. Where classes 1 and 2 meet,
    a stretch ends. In every stretch the first interval begins where it begins.

    Returns
    -------
    DataFrame
        As `interval_index`, with ``grade`` (a name in `QUALITY_CLASSES`) in place of ``rhythm``, and ``group``, the
        person.

    Raises
    ------
    InputError
        A corpus without grades.
    """
    how, tables = how or IntervalInput(), []
    for i, record in enumerate(corpus.index.itertuples()):
        ends, grades = corpus.events("quality", i)
        size, begins = how.samples(record.fs), np.concatenate([[0], ends])[: len(ends)].astype(np.int64)
        counts = np.where(grades > 0, (ends - begins) // size, 0)
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        tables.append(pd.DataFrame({"recording": record.record_id, "grade": np.repeat(grades, counts), "position": i,
                                    "start": np.repeat(begins, counts) + within * size}))  # fmt: skip
    index = pd.concat([found for found in tables if len(found)] or [pd.DataFrame()], ignore_index=True)
    if index.empty:
        raise InputError(corpus.path, "recordings graded for signal quality", "no interval of one grade",
                         "Ingest butqdb, not another set.")  # fmt: skip
    number = index.groupby("recording").cumcount()
    low = index.grade == QUALITY_CLASSES.index("unusable")
    return pd.DataFrame({"record_id": _names(index.recording, number), "recording": index.recording,
                         "grade": np.array(QUALITY_CLASSES, object)[index.grade], "label": low.astype(np.int32),
                         "position": index.position, "start": index.start,
                         "group": corpus.groups()[index.position]})  # fmt: skip


def prepare_graded(corpus, how, cache, *, progress=True):
    """Do as `prepare_intervals` for the intervals of `graded_index`: inputs and index."""

    def cut(i, starts):
        return np.stack([_cut_one(corpus, i, start, how) for start in starts])

    return _prepare(corpus, how, cache, graded_index, cut, progress)


def _prepare(corpus, how, cache, list_intervals, cut, progress):
    def make():
        index, inputs, faults = list_intervals(corpus, how), [], []
        recordings = index.groupby("position", sort=True)
        words = f"prepare intervals, {how.fs:g} Hz"
        for i, rows in tqdm(recordings, words, recordings.ngroups, disable=not progress):
            fs, starts = corpus.index.fs.iat[i], rows.start.to_numpy()
            faults.append(find_faults(corpus.signal(i)[:, 0], fs, starts, how.samples(fs)))
            inputs.append(how.finish(cut(i, starts)))
        return _stacked(inputs, how), _with_faults(index, faults)

    return keep(cache, "quality", [corpus.fingerprint, list_intervals.__name__, asdict(how)], make)


def _cut_whole(corpus, i, how):
    return cut_recording(lead_millivolts(corpus, i), corpus.index.fs.iat[i], how)


def _cut_one(corpus, i, start, how):
    fs, n_samples = corpus.index.fs.iat[i], corpus.index.n_samples.iat[i]
    step = Fraction(how.fs / fs).limit_denominator(10_000).denominator
    # a whole number of steps before the interval, so that a sample of the new rate falls on its first
    before = min(start, round(SURROUNDINGS * fs)) // step * step
    span = slice(start - before, min(start + how.samples(fs) + round(SURROUNDINGS * fs), n_samples))
    values = lead_millivolts(corpus, i, span=span)
    mean, skipped = values.mean(), round(before * how.fs / fs)
    return (resample(values - mean, fs, how.fs, how.resampling) + mean)[skipped : skipped + how.length]


def split_graded(index, share, seed):
    """Hold people out of graded intervals: two int64 arrays of rows, kept and held out.

    People with unusable stretches and people without are held out in the same share, so that low quality is on both
    sides; in BUT QDB most of it is one person's.

    Raises
    ------
    InputError
        Too few people of either kind for both sides.
    """
    groups = index.group.to_numpy(str)
    unusable = index.label.groupby(groups).transform("max").to_numpy()
    return hold_out(unusable, groups, share, seed)


def without_faults(index):
    """Tell which intervals to train on: bool (n_intervals,), and the number left out by each of `FAULTS` in turn."""
    kept, left_out = np.ones(len(index), bool), {}
    for name in FAULTS:
        left_out[name] = int((kept & index[name]).sum())
        kept &= ~index[name].to_numpy(bool)
    return kept, left_out


def _names(recordings, numbers):
    return [f"{recording}/{number}" for recording, number in zip(recordings, numbers, strict=True)]


def _stacked(inputs, how):
    return np.concatenate(inputs) if inputs else np.empty((0, how.length), np.float32)


def _with_faults(index, faults):
    columns = {name: np.concatenate([found[name] for found in faults]) if faults else [] for name in FAULTS}
    return index.assign(**{name: np.asarray(values, bool) for name, values in columns.items()})
