"""The same recording twice, within a corpus and across corpora, even where one is a changed copy.

Found: copies at another sampling rate, shifted or cropped (5 s in common, see below), with another gain, offset or
polarity, with leads permuted, renamed or left out down to a single one, filtered, requantised, and with added noise of
20 dB, or of any strength where half of what both share is free of it. Not found: a lead derived from others alone (III
from I and II, when neither is there), a copy played at another speed. Two recordings of one person are two recordings.

1. Candidates (`duplicate_candidates`): 24 windows of every record, or one per 10 s of a longer one, are compared with
   all windows of all others whose key is near. So two recordings of up to a minute are found with 5 s in common, a
   short piece of a long recording likewise; two long ones need some 30 s.
2. The best candidates of each pair are aligned and compared over their overlap (`waveform_match`).

Measured with benchmarks/near_duplicates.py on CinC 2017, MIT-BIH, SVDB, NSTDB and parts of PTB-XL, Georgia and CPSC,
10,415 recordings:

* planted copies found, of 202 each: all of every single change (crop to 5 s, 100 to 500 Hz, gain, polarity, one lead,
  another order, filtered, 64 levels, white noise of 20 dB; less than .019 missed, 95 % confidence); .87 with noise of
  15 dB, .71 of 10 dB; crop, 125 Hz, polarity, gain, one lead, 256 levels and noise of 20 dB together: .97 with 30 s,
  .98 with 10 s, .96 with 5 s. Most of the missed ones come from recordings at 100 Hz, where all noise is in the band.
* recordings of different data sets that are not known to share any, PTB-XL counted once: none found among 12.7
  million pairs. The pairs found within CinC 2017 were looked at: each is one recording. Up to twice the tolerance no
  others come up; between 2 and 3 times steady rhythms do, a paced one among them. Rules and limits were settled with
  these pairs in view, so that other data may show a few.

Cost on two cores: about a minute and 1.5 GiB for these. PTB-XL and the Challenge's training sets whole, 64,900
recordings of 12 leads: about 0.6 h and 4 GiB, projected from the comparisons, which grow with windows x records.
"""

import sys

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from ecgrepro.corpora.duplicate_candidates import find_candidates, gather_windows
from ecgrepro.corpora.waveform_match import match_waveforms

COLUMNS = (
    "corpus_a", "record_a", "lead_a", "corpus_b", "record_b", "lead_b", "offset_s", "overlap_s", "stretch_s",
    "correlation", "n_leads",
)  # fmt: skip


def near_duplicates(fingerprints, *, tolerance=1.0, progress=True):
    """Find the pairs of records, within and across corpora, that hold the same recording.

    Parameters
    ----------
    fingerprints : list of Fingerprints
        One per corpus; the pairs of a corpus with itself are among those looked at.
    tolerance : float
        Factor on what two recordings may differ by (`waveform_match.ERROR` and the like). Larger ones find noisier
        copies, and from about 2 on recordings of different people.
    progress : bool
        Show bars with an estimate on standard error.

    Returns
    -------
    DataFrame, (n_pairs, len(COLUMNS))
        corpus_a, record_a, corpus_b, record_b, and of the leads that agree best lead_a and lead_b: str; a comes first
        in the list given, or within one corpus. offset_s: time 0 of b on the clock of a; overlap_s: how long both
        last together; stretch_s: over how much of it they were compared; correlation: over that stretch,
        negative where the polarity is turned; n_leads: leads that agree. A record that is missing here is not proven
        to be there once: see `Fingerprints.not_comparable`.
    """
    # these products are small: threads of the linear algebra wait for one another more than they help, and on a machine
    # with other work ten times as long
    with threadpool_limits(1, user_api="blas"):
        rows = _find(fingerprints, tolerance, progress)
    return pd.DataFrame(rows, columns=COLUMNS).sort_values("correlation", key=lambda c: -c.abs(), kind="stable",
                                                          ignore_index=True)  # fmt: skip


def _find(fingerprints, tolerance, progress):
    windows = gather_windows(fingerprints)
    a, b = find_candidates(windows, progress=progress)
    first = np.cumsum([0] + [len(one.record_ids) for one in fingerprints])
    bar = tqdm(zip(a, b, strict=True), total=len(a), desc="compare recordings", unit="pair", unit_scale=True,
               disable=not progress, file=sys.stderr)  # fmt: skip
    rows, done = [], None
    for i, j in bar:
        pair = windows.record[i], windows.record[j]
        if pair == done:
            continue
        sides = [_side(fingerprints, first, record) for record in pair]
        match = _match(windows, i, j, sides, tolerance)
        if match:
            rows.append(_row(match, sides))
            done = pair
    return rows


def _side(fingerprints, first, record):
    """The corpus' fingerprints and the record's position in it."""
    corpus = int(np.searchsorted(first, record, side="right")) - 1
    return fingerprints[corpus], record - first[corpus]


def _match(windows, i, j, sides, tolerance):
    waves = [one.record_wave(record) for one, record in sides]
    time, other = float(windows.time[i]), float(windows.time[j])
    return match_waveforms(*waves, windows.lead[i], windows.lead[j], time - other, time, tolerance)


def _row(match, sides):
    (one, i), (other, j) = sides
    return (
        one.name, one.record_ids[i], one.lead_names[one.record_leads(i)[match.lead_a]],
        other.name, other.record_ids[j], other.lead_names[other.record_leads(j)[match.lead_b]],
        match.offset, match.overlap, match.stretch, match.correlation, match.n_leads,
    )  # fmt: skip
