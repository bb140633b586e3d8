"""Training set for signal quality where no graded one is at hand: clean segments, and segments with noise mixed in.

The published net was trained on a private set of 10,000 intervals of high and 10,000 of low quality. In its place:
segments of 5 s of MIT-BIH (without 118 and 119, whom the Noise Stress Test Database is made of), SVDB and, where given,
PTB-XL, first lead; low quality are those with muscle noise (``ma``) or electrode motion (``em``) of that database at
-6 to 6 dB. This changes what is learnt from, so it can tell how depths of freezing compare and not what the published
net would reach.

So that nothing but the noise that hides QRS complexes tells the classes apart:

* segments of both classes are drawn alike, without replacement, and must pass the same checks: no fault
  (`signal_faults`) and at least one normal beat, by which the ratio is measured;
* baseline wander (``bw``) is added to both with the same chances: alone it hides no complex and is never low quality;
* high quality may carry the same noise at 18 and 24 dB (`high_snr_db`), by default in two of three segments. Without it
  any noise at all would be the cue, while the grade "only QRS reliable" of BUT QDB, and so much of what a hand-held
  device records, counts as high. With ``high_snr_db=(None,)`` high quality is clean.

Clean means as published: MIT-BIH and SVDB have noisy stretches of their own, which both classes get alike.

Bandwidth. As published these recordings reach from near 0 to beyond 40 Hz, and so does the noise; the recordings of
CinC 2017 do not. With ``interval=IntervalInput(band=DEVICE_BAND)`` what is mixed passes that band, once the ratio is
set.

Ratio. As in `noise`, but measured on each segment alone, on its own normal beats and its own piece of noise, so that
each one has the ratio it states; by the record's average a segment with a quiet piece of noise could be called low. The
ratios of ``ma`` or ``em`` and of ``bw`` are each their own.

Parts. People are held out for validation, the same share of each corpus; noise is split by time (`noise_part`), its
first half for training. Who is held out, which segments, noise and ratios are drawn depends on the seed alone.
"""

from dataclasses import asdict, dataclass, field

import numpy as np

from ecgrepro.corpora.nstdb import NOISE_KINDS
from ecgrepro.corpora.record import Record
from ecgrepro.errors import InputError, SettingsError
from ecgrepro.frames.clean_segments import clean_segments, segment_beats, split_people
from ecgrepro.frames.interval_input import IntervalInput, OfIntervals, cut_recording
from ecgrepro.frames.kept_arrays import keep
from ecgrepro.frames.noise import (
    LOW_QUALITY_KINDS,
    PARTS,
    draw_starts,
    mix,
    noise_part,
)
from ecgrepro.frames.quality_intervals import HIGH, LOW
from ecgrepro.frames.signal_faults import lead_millivolts

WANDER = "bw"


@dataclass(frozen=True)
class MixtureInput(OfIntervals):
    """What is mixed, and how it becomes an input.

    Attributes
    ----------
    per_class, validation_per_class : int
        Segments of high quality, and as many of low, in the part for training and in that for validation.
    held_out : float
        Share of the people of each corpus that are for validation.
    noise_share : float
        Share of each noise record, from its beginning, that is for training.
    low_snr_db : tuple of float
        Ratios in dB from which each segment of low quality draws one.
    high_snr_db, wander_snr_db : tuple of (float or None)
        The same for noise in segments of high quality, and for baseline wander in both; None is no noise.
    interval : IntervalInput
    """

    per_class: int = 10_000
    validation_per_class: int = 1_000
    held_out: float = 0.2
    noise_share: float = 0.5
    low_snr_db: tuple = (-6.0, -3.0, 0.0, 3.0, 6.0)
    high_snr_db: tuple = (None, 18.0, 24.0)
    wander_snr_db: tuple = (None, 6.0, 12.0, 18.0)
    interval: IntervalInput = field(default_factory=IntervalInput)

    def __post_init__(self):
        if not self.low_snr_db or None in self.low_snr_db:
            raise SettingsError("low_snr_db", "at least one ratio in dB, none of them None", repr(self.low_snr_db),
                                "Low quality is what noise hides.")  # fmt: skip
        for name in ("high_snr_db", "wander_snr_db"):
            if not getattr(self, name):
                raise SettingsError(name, "at least one ratio in dB or None", "()", "(None,) is no noise.")
        mild = [ratio for ratio in self.high_snr_db if ratio is not None]
        if mild and min(mild) <= max(self.low_snr_db):
            raise SettingsError("high_snr_db", f"ratios above those of low quality ({max(self.low_snr_db):g} dB)",
                                f"{min(mild):g} dB", "The classes must not overlap.")  # fmt: skip


def prepare_mixture(corpora, noise, how, seed, part, cache):
    """Make the training or the validation set of a repeat, or open it.

    Parameters
    ----------
    corpora : sequence of Corpus
        Of clean ECG, as ingested, no two of them of the same people. Where a corpus has no beats (PTB-XL), those that
        `energy_beats` finds are taken.
    noise : Corpus
        NSTDB, or a part of it that has ``ma`` or ``em``. ``bw`` is needed where wander is asked for.
    how : MixtureInput
    seed : int
        Of the repeat.
    part : {"training", "validation"}
    cache : str or Path, optional
        As in `kept_arrays.keep`.

    Returns
    -------
    inputs : float32 memmap or array, (2 * n, how.interval.length)
        In mV, or standardised; finite. High and low quality take turns, so that every even number of them is balanced.
    labels : int32 array, (2 * n,)
        0 high, 1 low.
    index : DataFrame, (2 * n, ...)
        ``record_id``, of the segment and the noise in it, so that no id has two labels, whatever the seed; ``corpus``,
        ``recording``, ``group`` (the person), ``number`` of the segment in its recording, ``label``; ``noise`` (kind or
        ""), ``snr_db``, ``noise_start``, ``noise_channel``, ``wander_snr_db``, ``wander_start``, ``wander_channel``:
        NaN or -1 where there is none; starts are samples of the part at the rate of the inputs.

    Raises
    ------
    SettingsError
        More segments than there are, an unknown part, ratios out of range.
    InputError
        No usable noise, a corpus without usable segments or with fewer than two people.
    DiskError
        Too little space.
    """
    content = [[corpus.fingerprint for corpus in corpora], noise.fingerprint, asdict(how), int(seed), part]

    def make():
        index = draw_mixture(corpora, noise, how, seed, part)
        return _mixed(corpora, _noises(noise, how, part), how, index), index

    inputs, index = keep(cache, "mixture", content, make)
    return inputs, index.label.to_numpy(np.int32), index


def draw_mixture(corpora, noise, how, seed, part):
    """Draw what `prepare_mixture` mixes: its index, without a signal resampled but for corpora without beats."""
    if part not in PARTS:
        raise SettingsError("part", f"one of {', '.join(PARTS)}", repr(part), "Noise is split by time.")
    table, _ = clean_segments(corpora, how.interval)
    table = table[table.group.isin(split_people(table, how.held_out, seed)[PARTS.index(part)])]
    size = 2 * (how.per_class if part == "training" else how.validation_per_class)
    if not 0 < size <= len(table):
        raise SettingsError(f"segments for {part}", f"1 to {len(table) // 2} of each class", str(size // 2),
                            "Take fewer, or more recordings.")  # fmt: skip
    rng = np.random.default_rng([seed, PARTS.index(part)])
    index = table.iloc[rng.permutation(len(table))[:size]].reset_index(drop=True)
    index["label"] = np.resize(np.array([HIGH, LOW], np.int32), size)
    index = _draw_noise(index, _noises(noise, how, part), how, rng)
    # another seed may mix the same segment otherwise, and to the other label: that is another example
    index["record_id"] += [
        f" {row.noise} {row.snr_db:g} dB" if row.noise else " clean" for row in index.itertuples()
    ]
    return index


def _noises(noise, how, part):
    """Noise of a part at the rate of the inputs, by kind: dict of str to float64 (n_samples, n_channels) in mV."""
    kinds = [kind for kind in LOW_QUALITY_KINDS if kind in set(noise.index.label)]
    if not kinds:
        raise InputError(
            noise.path, f"a record of {' or '.join(LOW_QUALITY_KINDS)}", "neither", "Ingest nstdb."
        )
    if any(ratio is not None for ratio in how.wander_snr_db):
        kinds.append(WANDER)
    if absent := set(kinds) - set(noise.index.label):
        raise InputError(noise.path, f"a record of {NOISE_KINDS[WANDER]}, {WANDER}", f"no {', '.join(absent)}",
                         "Ingest nstdb whole, or set wander_snr_db to (None,).")  # fmt: skip
    return {kind: noise_part(_record(noise, kind), how.interval.fs, part, how.noise_share) for kind in kinds}


def _record(noise, kind):
    i = int(np.flatnonzero(noise.index.label == kind)[0])
    row = noise.index.iloc[i]
    return Record(row.record_id, row.patient_id, noise.signal(i), np.asarray(row.gain), np.asarray(row.baseline),
                  float(row.fs), tuple(row.leads))  # fmt: skip


def _draw_noise(index, noises, how, rng):
    size, length = len(index), how.interval.length
    kinds = [kind for kind in noises if kind != WANDER]
    kind = rng.choice(np.array(kinds, object), size)
    high, low = (_draw_ratios(rng, choices, size) for choices in (how.high_snr_db, how.low_snr_db))
    ratio, wander = np.where(index.label == LOW, low, high), _draw_ratios(rng, how.wander_snr_db, size)
    kind[np.isnan(ratio)] = ""
    index = index.assign(noise=kind, snr_db=ratio, wander_snr_db=wander)
    for name, wanted in (("noise", kind), ("wander", np.where(np.isnan(wander), "", WANDER))):
        start, channel = np.full(size, -1), np.full(size, -1)
        for found in noises:
            rows = np.flatnonzero(wanted == found)
            start[rows] = draw_starts(len(noises[found]), length, len(rows), rng)
            channel[rows] = rng.integers(0, noises[found].shape[1], len(rows))
        index[f"{name}_start"], index[f"{name}_channel"] = start, channel
    return index


def _draw_ratios(rng, choices, size):
    return rng.choice(np.array([np.nan if choice is None else choice for choice in choices], float), size)


def _mixed(corpora, noises, how, index):
    """Inputs of an index, recording by recording, so that only one signal is in memory."""
    millivolts = np.empty((len(index), how.interval.length))
    for (source, i), rows in index.groupby(["source", "position"]):
        corpus = corpora[source]
        segments = cut_recording(lead_millivolts(corpus, i), corpus.index.fs.iat[i], how.interval)
        beats = segment_beats(corpus, i, how.interval)
        for place, row in zip(rows.index, rows.itertuples(), strict=True):
            within = beats[beats // how.interval.length == row.number] % how.interval.length
            millivolts[place] = _with_noise(segments[row.number], within, noises, how.interval.fs, row)
    return how.interval.finish(millivolts)


def _with_noise(clean, beats, noises, fs, row):
    total = clean.copy()
    drawn = ((row.noise, row.snr_db, row.noise_start, row.noise_channel),
             (WANDER, row.wander_snr_db, row.wander_start, row.wander_channel))  # fmt: skip
    for kind, ratio, start, channel in drawn:
        if start >= 0:
            piece = noises[kind][start : start + len(clean), channel]
            total += mix(clean, piece, ratio, beats=beats, fs=fs) - clean
    return total
