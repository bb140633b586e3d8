"""Synthetic recordings in the on-disk formats of Icentia11k, and all synthetic data of a demo.

The formats are the publisher's own, so that the readers of the real data read them:

* torrent: ``00000_batched.pkl.gz`` = gzip(pickle(float array (segments, samples), mV)) and
  ``00000_batched_lbls.pkl.gz`` = gzip(pickle(list of dicts ``btype``, ``rtype``)). The publisher's converter
  (github.com/shawntan/icentia-ecg, physionet/icentia11k_make_wfdb.py) shows that ``rtype`` marks every beat
  with its rhythm. The float type is documented nowhere; float32 leads back to every ADC value.
* PhysioNet: ``p00/p00000/p00000_s00.{dat,hea,atr}`` as that converter makes them: each beat with the note
  ``None``, a run of beats in one rhythm opened by ``(N``, ``(AFIB`` or ``(AFL`` at its first beat and closed
  by ``)`` at its last, a run of one beat marked ``(N)``, runs of noise not marked at all. The published set
  has no ``a`` (aberrated beat), though the converter provides for it; here it is written, or a class of the
  torrent layout would be lost.

CinC 2017 is written by `synthetic_cinc2017`, the other layouts by the modules named after them. Patients and
records are consumed one at a time, so memory stays small; how a folder appears whole or not at all is told in
`synthetic_folder`.
"""

import gzip
import pickle
from pathlib import Path

import numpy as np
import wfdb

from ecgrepro.corpora.record import BEAT_CLASSES, RHYTHM_CLASSES
from ecgrepro.corpora.synthetic import simulate_holter
from ecgrepro.corpora.synthetic_butqdb import RECORDINGS, quality_cases, write_butqdb
from ecgrepro.corpora.synthetic_challenge import write_challenge
from ecgrepro.corpora.synthetic_cinc2017 import handheld_records, write_cinc2017
from ecgrepro.corpora.synthetic_folder import check_positive, fresh_folder
from ecgrepro.corpora.synthetic_nstdb import write_nstdb
from ecgrepro.corpora.synthetic_ptbxl import write_ptbxl
from ecgrepro.corpora.synthetic_sites import GEORGIA, PTBXL, site_cases

#: Samples of a published Icentia11k segment, about 70 minutes.
SEGMENT_SAMPLES = 1_048_577
#: WFDB codes of `BEAT_CLASSES`; opening notes of those `RHYTHM_CLASSES` that the PhysioNet release marks.
BEAT_SYMBOLS = np.array(["Q", "N", "S", "a", "V"])
RHYTHM_NOTES = {3: "(N", 4: "(AFIB", 5: "(AFL"}
README = """Everything in this folder is synthetic: simulated electrocardiograms, made by ecgrepro.
No person was recorded, and no result obtained from them says anything about a person, a device or a method.

icentia11k_torrent/  layout of the Academic Torrents release of Icentia11k
icentia11k_wfdb/     layout of the PhysioNet release of Icentia11k, the same recordings
cinc2017/            layout of the PhysioNet/CinC Challenge 2017 training set
"""
#: What README says of the layouts that `write_demo_data` adds when asked for all.
MORE_README = """ptbxl/               layout of PTB-XL 1.0.3
challenge2021/georgia/, challenge2021/ptb-xl/
                     layout of two sources of the PhysioNet/CinC Challenge 2020/2021; the second holds the
                     recordings of ptbxl/ again, as the published one does
butqdb/              layout of the Brno University of Technology ECG Quality Database
nstdb/               layout of the MIT-BIH Noise Stress Test Database
"""
#: Rare statements are raised to this share of the twelve-lead recordings of a demo.
DEMO_LEAST_SHARE = 0.04


def holter_patients(seed, patients, segments, n_samples=SEGMENT_SAMPLES):
    """Yield (patient number, list of `segments` Records) for each of `patients` synthetic Holter patients."""
    check_positive(patients=patients, segments=segments, n_samples=n_samples)
    for patient in range(patients):
        yield patient, [simulate_holter(seed, patient, n_samples, segment) for segment in range(segments)]


def write_icentia11k_torrent(destination, patients):
    """Write the torrent layout of Icentia11k.

    Parameters
    ----------
    destination : str or Path
        A folder that does not exist yet or is empty.
    patients : iterable of (int, list of Record)
        As `holter_patients` yields them: segments of one length, rhythm marks on beats.

    Returns
    -------
    Path
        The destination.

    Raises
    ------
    SettingsError
        A destination that holds something already.
    DiskError
        No space, no permission.
    """
    with fresh_folder(destination) as folder:
        for patient, records in patients:
            signals = np.stack([record.millivolts()[:, 0] for record in records]).astype(np.float32)
            _dump(folder / f"{patient:05d}_batched.pkl.gz", signals)
            labels = [torrent_labels(record) for record in records]
            _dump(folder / f"{patient:05d}_batched_lbls.pkl.gz", labels)
    return Path(destination)


def torrent_labels(record):
    """A record's ``btype`` (5) and ``rtype`` (6 int64 arrays): list position is class, value is sample."""
    beats, rhythms = record.beat_positions, record.rhythm_positions
    return {
        "btype": [beats[record.beat_classes == kind] for kind in range(len(BEAT_CLASSES))],
        "rtype": [rhythms[record.rhythm_classes == kind] for kind in range(len(RHYTHM_CLASSES))],
    }


def _dump(path, value):
    # no name and no time in the gzip header: the same data give the same bytes
    with open(path, "wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as file:
        file.write(pickle.dumps(value, protocol=4))


def write_icentia11k_wfdb(destination, patients):
    """Write the PhysioNet layout of Icentia11k; arguments, result and errors as `write_icentia11k_torrent`.

    A record without beats gets no ``.atr``, as in the published set.
    """
    with fresh_folder(destination) as folder:
        for patient, records in patients:
            place = folder / f"p{patient // 1000:02d}" / f"p{patient:05d}"
            place.mkdir(parents=True)
            for record in records:
                _write_wfdb(place, record)
    return Path(destination)


def _write_wfdb(place, record):
    wfdb.wrsamp(
        record.record_id, record.fs, ["mV"] * len(record.leads), list(record.leads), d_signal=record.signal,
        fmt=["16"] * len(record.leads), adc_gain=record.gain.tolist(),
        baseline=record.baseline.astype(int).tolist(), write_dir=str(place),
    )  # fmt: skip
    samples, symbols, notes = wfdb_annotations(record)
    if len(samples):
        notes = {"symbol": symbols, "aux_note": notes}
        wfdb.wrann(record.record_id, "atr", samples, fs=record.fs, write_dir=str(place), **notes)


def wfdb_annotations(record):
    """A record's annotations in the PhysioNet layout: samples int64 (n,), lists of symbols and of notes.

    A rhythm mark stands at the sample of a beat and after it.
    """
    beats = [
        (sample, 0, symbol, "None")
        for sample, symbol in zip(record.beat_positions, BEAT_SYMBOLS[record.beat_classes], strict=True)
    ]
    marks = [(sample, 1, "+", note) for sample, note in _rhythm_notes(record)]
    samples, _, symbols, notes = zip(*sorted(beats + marks), strict=True) if beats else ((), (), (), ())
    return np.array(samples, np.int64), list(symbols), list(notes)


def _rhythm_notes(record):
    positions, classes = record.rhythm_positions, record.rhythm_classes
    first = np.flatnonzero(np.diff(classes, prepend=-1))
    last = np.append(first[1:], len(classes))[: len(first)] - 1
    for start, end in zip(first, last, strict=True):
        note = RHYTHM_NOTES.get(int(classes[start]))
        if note and start == end:
            yield positions[start], f"{note})"
        elif note:
            yield from ((positions[start], note), (positions[end], ")"))


def write_demo_data(
    destination, *, patients=24, segments=2, samples=65_536, records=240, seed=0, progress=None,
    all_layouts=False, twelve_lead_records=60, quality_seconds=60,
):  # fmt: skip
    """Write synthetic data in the layouts below one folder, with a README that says what it is.

    Parameters
    ----------
    destination : str or Path
        A folder that does not exist yet or is empty.
    patients, segments, samples : int
        Holter patients, segments of each, samples of a segment.
    records : int
        Hand-held recordings.
    seed : int
    progress : callable, optional
        Called as ``progress(name, done, total)`` after each patient or record.
    all_layouts : bool
        Write those of PTB-XL, the Challenge 2021, BUT QDB and NSTDB too; the bytes of the others stay the same.
    twelve_lead_records : int
        Recordings of each twelve-lead source.
    quality_seconds : int
        Length of the recordings of BUT QDB and NSTDB in s, 10 at least.

    Returns, Raises
        As `write_icentia11k_torrent`; SettingsError too for a number below 1 or too short segments.
    """
    check_positive(patients=patients, segments=segments, samples=samples, records=records,
                   twelve_lead_records=twelve_lead_records, quality_seconds=quality_seconds)  # fmt: skip

    def told(name, items, total):
        for done, item in enumerate(items, 1):
            yield item
            if progress:
                progress(name, done, total)

    with fresh_folder(destination) as folder:
        for name, write in (("torrent", write_icentia11k_torrent), ("wfdb", write_icentia11k_wfdb)):
            name = f"icentia11k_{name}"
            write(folder / name, told(name, holter_patients(seed, patients, segments, samples), patients))
        write_cinc2017(folder / "cinc2017", told("cinc2017", handheld_records(seed, records), records), seed)
        if all_layouts:
            _write_twelve_leads(folder, told, twelve_lead_records, seed)
            _write_quality(folder, told, quality_seconds, seed)
        (folder / "README.txt").write_text(README + MORE_README * all_layouts, "ascii")
    return Path(destination)


def _write_twelve_leads(folder, told, records, seed):
    def cases(name, site):
        return told(name, site_cases(site, seed, records, DEMO_LEAST_SHARE), records)

    (folder / "challenge2021").mkdir()
    write_ptbxl(folder / "ptbxl", cases("ptbxl", PTBXL), seed)
    write_challenge(folder / "challenge2021/georgia", cases("georgia", GEORGIA), "georgia", seed)
    again = cases("challenge_ptbxl", PTBXL)
    write_challenge(folder / "challenge2021/ptb-xl", again, "challenge_ptbxl", seed)


def _write_quality(folder, told, seconds, seed):
    cases = told("butqdb", quality_cases(seed, seconds), len(RECORDINGS))
    write_butqdb(folder / "butqdb", cases, seed)
    for _ in told("nstdb", [write_nstdb(folder / "nstdb", seed, seconds)], 1):
        pass
