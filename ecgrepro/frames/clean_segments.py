"""Segments of clean recordings that noise can be mixed with: which there are, whose they are, where their beats lie.

Segments are intervals as in `quality_intervals`, of the first lead. Patients 118 and 119 of MIT-BIH are left out, for
the Noise Stress Test Database is made of them.
"""

import numpy as np
import pandas as pd

from ecgrepro.errors import InputError
from ecgrepro.frames.interval_input import cut_recording
from ecgrepro.frames.noise import QRS_HALF_WINDOW_S, normal_beats
from ecgrepro.frames.qrs_agreement import energy_beats
from ecgrepro.frames.signal_faults import FAULTS, find_faults, lead_millivolts
from ecgrepro.frames.splits import hold_out

#: Data set and the patients of it that NSTDB is made of.
NSTDB_PATIENTS = {"mitbih_arrhythmia": ("118", "119")}


def clean_segments(corpora, how):
    """List the segments of clean recordings that may be trained on.

    Parameters
    ----------
    corpora : sequence of Corpus
    how : IntervalInput

    Returns
    -------
    table : DataFrame
        ``record_id``, ``corpus``, ``recording``, ``group``, ``source`` (which of the corpora), ``position`` of the
        recording, ``number`` of the segment in it.
    left_out : dict of str to int
        Segments left out, by the first reason that holds: "patient of NSTDB", those of `FAULTS`, "no normal beat"
        (paced beats, flutter waves and ventricular beats are none).

    Raises
    ------
    InputError
        Not one segment.
    """
    tables, left_out = [], dict.fromkeys(("patient of NSTDB", *FAULTS, "no normal beat"), 0)
    for source, corpus in enumerate(corpora):
        name, groups = corpus.manifest["data_set"], corpus.groups()
        for i, row in enumerate(corpus.index.itertuples()):
            excluded = row.patient_id in NSTDB_PATIENTS.get(name, ())
            kept = np.empty(0, int) if excluded else _usable(corpus, i, how, left_out)
            if excluded:
                left_out["patient of NSTDB"] += row.n_samples // how.samples(row.fs)
            tables.append(pd.DataFrame({"record_id": [f"{name} {row.record_id}/{number}" for number in kept],
                                        "corpus": name, "recording": row.record_id, "group": f"{name} {groups[i]}",
                                        "source": source, "position": i, "number": kept}))  # fmt: skip
    table = pd.concat([found for found in tables if len(found)] or [pd.DataFrame()], ignore_index=True)
    if table.empty:
        raise InputError("clean segments", "at least one", f"none; left out: {left_out}",
                         "Give corpora of clean ECG, such as mitbih_arrhythmia and svdb.")  # fmt: skip
    return table, left_out


def _usable(corpus, i, how, left_out):
    """Numbers of the usable segments of a recording; the others are counted by reason."""
    fs = corpus.index.fs.iat[i]
    adc, size = corpus.signal(i)[:, 0], how.samples(fs)
    starts = np.arange(len(adc) // size) * size
    faults = find_faults(adc, fs, starts, size)
    faults["no normal beat"] = (
        np.bincount(segment_beats(corpus, i, how) // how.length, minlength=len(starts)) == 0
    )
    kept = np.ones(len(starts), bool)
    for reason, found in faults.items():
        left_out[reason] += int((kept & found).sum())
        kept &= ~found
    return np.flatnonzero(kept)


def segment_beats(corpus, i, how):
    """Find the beats of a recording by which ratios can be measured.

    Normal ones (`normal_beats`) or, in a corpus without beats, those that `energy_beats` finds; whose window of 50 ms
    to each side lies within one segment and is not flat.

    Parameters
    ----------
    corpus : Corpus
    i : int
        Position of the recording.
    how : IntervalInput

    Returns
    -------
    int64 array, (n_beats,)
        Samples at the rate of the segments, counted from the recording's beginning, ascending.
    """
    fs, n_samples = corpus.index.fs.iat[i], corpus.index.n_samples.iat[i]
    count = n_samples // how.samples(fs)
    if len(corpus.beats[0]):
        beats = np.rint(normal_beats(*corpus.events("beats", i)) * how.fs / fs).astype(np.int64)
    else:
        segments = cut_recording(lead_millivolts(corpus, i), fs, how)
        beats = np.flatnonzero(energy_beats(segments, how.fs)) if count else np.empty(0, np.int64)
    # those whose window lies within one segment, as `qrs_amplitude` counts them, and holds more than one value
    half = int(QRS_HALF_WINDOW_S * how.fs + 0.5)
    within = beats % how.length
    beats = beats[(within >= half) & (within < how.length - half) & (beats < count * how.length)]
    places = np.rint((beats[:, None] + np.arange(-half, half + 1)) * fs / how.fs).astype(np.int64)
    # rounding may lead just past the last sample
    places = np.minimum(places, n_samples - 1)
    return beats[np.ptp(corpus.signal(i)[:, 0][places].astype(np.int64), axis=1) > 0]


def split_people(table, share, seed):
    """Divide people between training and validation, the same share of each corpus: two sorted lists of groups.

    Raises
    ------
    InputError
        Too few people for some of each corpus on both sides.
    """
    people = table.drop_duplicates("group").sort_values("group")
    names, corpus = people.group.to_numpy(object), pd.factorize(people.corpus)[0]
    kept, held = hold_out(corpus, names.astype(str), share, seed)
    return names[kept].tolist(), names[held].tolist()
