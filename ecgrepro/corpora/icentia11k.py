"""Icentia11k: 11,000 patients, one modified lead I, 250 Hz, up to 50 segments of 70 minutes each.

Source: Tan S et al., Icentia11k: an unsupervised representation learning dataset for arrhythmia subtype
discovery, arXiv:1910.09570 (2019). Two published layouts, told apart by their files:

* torrent: ``NNNNN_batched.pkl.gz`` (segments x 1,048,577) and ``NNNNN_batched_lbls.pkl.gz``, per segment a dict
  of ``btype`` (5 index arrays: undefined, normal, PAC, aberrated, PVC) and ``rtype`` (6: null, end, noise, NSR,
  AFib, AFlutter);
* PhysioNet: ``pNN/pNNNNN/pNNNNN_sMM.{hea,dat,atr}``, beats ``Q N S a V``, runs of beats in one rhythm opened by
  ``(N``, ``(AFIB``, ``(AFL`` and closed by ``)``; null, end and noise do not exist there, and a segment without
  any mark has no ``.atr``. Segments that were saved without their folders are read as well.

Both documents of the torrent call an index the *end* of its beat. In the published WFDB segment p00000_s00 the
annotated samples are the R peaks themselves (median offset 0 ms), i.e. the RR interval ends there: no shift is
made, and MIT-BIH's R-peak annotations share the convention as they are.
"""

import reprlib
from pathlib import Path

import numpy as np

from ecgrepro.corpora import safe_pickle
from ecgrepro.corpora.dataset import DataSet
from ecgrepro.corpora.record import BEAT_CLASSES, RHYTHM_CLASSES, Record
from ecgrepro.corpora.wfdb_files import beats_from_symbols, read_events, read_signal
from ecgrepro.errors import InputError, SettingsError

SAMPLING_RATE = 250.0
#: ADC units per millivolt in the PhysioNet headers.
GAIN = 74.36482269503546
BEAT_CODES = {"Q": 0, "N": 1, "S": 2, "a": 3, "V": 4}
#: WFDB notes that open a rhythm; see `rhythm_ends` for those that close it.
RHYTHM_CODES = {"(N": 3, "(AFIB": 4, "(AFL": 5}
_NO_ANNOTATIONS = np.empty(0, np.int64), [], []


class Reader:
    """Reads either layout of Icentia11k; a unit is a patient in the torrent, a segment in the PhysioNet layout.

    Parameters
    ----------
    source : str or Path
        Folder of the torrent files, or the top folder of the PhysioNet layout.
    patients : int, optional
        Only the first so many patients by number.

    Raises
    ------
    InputError
        A folder with neither layout.
    SettingsError
        A number of patients that is not at least 1.
    """

    def __init__(self, source, patients=None):
        self.source = Path(source)
        self.options = {} if patients is None else {"patients": _at_least_one(patients)}
        names = sorted({path.name[:5] for path in self.source.glob("*_batched*.pkl.gz")})
        found = {name: [self.source / f"{name}_batched.pkl.gz"] for name in names} or _segments(self.source)
        if not found:
            raise InputError(
                self.source,
                "NNNNN_batched.pkl.gz files (torrent) or pNN/pNNNNN/ folders (PhysioNet)",
                "neither" if self.source.is_dir() else "no such folder",
                "Give the folder that holds the patients.",
            )
        chosen = [path for patient in list(found)[:patients] for path in found[patient]]
        self._read = self._read_torrent if names else self._read_physionet
        self._files = {path.name[:5] if names else path.name: path for path in chosen}

    def units(self):
        return list(self._files)

    def size(self):
        paths = (path if path.suffix else path.with_suffix(".dat") for path in self._files.values())
        # gzip holds the float signal at about its int16 size
        return sum(path.stat().st_size for path in paths if path.exists()) * 2

    def read(self, unit):
        return self._read(unit, self._files[unit])

    def _read_physionet(self, unit, path):
        fields = read_signal(path)
        del fields["comments"]
        # the publisher wrote no annotation file where there was nothing to write
        samples, symbols, notes = _NO_ANNOTATIONS
        if path.with_suffix(".atr").exists():
            samples, symbols, notes = read_events(path, n_samples=len(fields["signal"]))
        beats = beats_from_symbols(samples, symbols, BEAT_CODES)
        rhythms = rhythm_ends(samples, notes)
        return [Record(unit, unit[1:].split("_")[0], beat_positions=beats[0], beat_classes=beats[1],
                       rhythm_positions=rhythms[0], rhythm_classes=rhythms[1], **fields)]  # fmt: skip

    def _read_torrent(self, unit, path):
        labels_path = path.with_name(f"{unit}_batched_lbls.pkl.gz")
        signals, labels = safe_pickle.load_gzip(path), safe_pickle.load_gzip(labels_path)
        if getattr(signals, "ndim", 0) != 2 or not isinstance(labels, list) or len(labels) != len(signals):
            raise InputError(
                labels_path, f"a list with one dict for each segment of {path.name}",
                f"signal {getattr(signals, 'shape', type(signals))}, labels {type(labels).__name__} "
                f"of {len(labels) if hasattr(labels, '__len__') else 'no'} items",
                "Fetch both files of the patient again.",
            )  # fmt: skip
        pairs = enumerate(zip(signals, labels, strict=True))
        return [self._segment(f"p{unit}_s{i:02d}", unit, x, y, labels_path) for i, (x, y) in pairs]

    def _segment(self, record_id, unit, millivolts, labels, path):
        # int16 cannot hold NaN: such a segment goes on as it is, and alone is refused by `check_record`
        signal, gain = to_adc(millivolts) if np.isfinite(millivolts).all() else (millivolts, GAIN)
        beats = flatten(labels, "btype", len(BEAT_CLASSES), path)
        rhythms = flatten(labels, "rtype", len(RHYTHM_CLASSES), path)
        return Record(
            record_id, unit, signal[:, None], np.array([gain]), np.zeros(1), SAMPLING_RATE, ("ecg",),
            beat_positions=beats[0], beat_classes=beats[1], rhythm_positions=rhythms[0], rhythm_classes=rhythms[1],
        )  # fmt: skip


def to_adc(millivolts):
    """Turn the torrent's floats into int16 ADC units: signal int16 (n,), gain in ADC units per mV.

    The gain of the PhysioNet release is used where it reproduces the floats to a hundredth of a unit, else
    the one that fills int16 with headroom, so that no precision that the file holds is lost.
    """
    with np.errstate(over="ignore"):  # to infinity, which the headroom below then takes care of
        scaled = np.asarray(millivolts, np.float64) * GAIN
    if np.abs(scaled).max(initial=0) < 32767 and np.abs(scaled - np.rint(scaled)).max(initial=0) < 0.01:
        return np.rint(scaled).astype(np.int16), GAIN
    gain = 32000 / np.abs(millivolts).max(initial=1e-9)
    return np.rint(np.asarray(millivolts, np.float64) * gain).astype(np.int16), float(gain)


def flatten(labels, key, n_classes, path):
    """Turn one segment's list of index arrays (list position = class) into events.

    Parameters
    ----------
    labels : dict
        Of one segment: ``btype`` and ``rtype``, lists of integer arrays.
    key : {"btype", "rtype"}
    n_classes : int
    path : Path
        Named in the error.

    Returns
    -------
    positions : int64 array, (n_events,)
        Ascending; events at one sample in the order of their classes.
    classes : int8 array, (n_events,)

    Raises
    ------
    InputError
        Another structure.
    """
    arrays = labels.get(key) if isinstance(labels, dict) else None
    arrays = [_indices(values) for values in arrays] if isinstance(arrays, (list, tuple)) else []
    if len(arrays) != n_classes or any(values is None for values in arrays):
        raise InputError(
            path, f"a dict with `{key}`, a list of {n_classes} arrays of sample indices", reprlib.repr(labels)[:80],
            "This is not the torrent's label layout: fetch the patient again.",
        )  # fmt: skip
    positions = np.concatenate(arrays)
    classes = np.repeat(np.arange(n_classes, dtype=np.int8), [len(indices) for indices in arrays])
    order = np.argsort(positions, kind="stable")
    return positions[order], classes[order]


def _indices(values):
    # lists within lists would be unfolded, however often each is in another
    if isinstance(values, (list, tuple)) and not all(
        isinstance(value, (int, np.integer)) for value in values
    ):
        return None
    try:
        values = np.asarray(values)
    except (ValueError, OverflowError):  # bytes, numbers beyond 64 bits
        return None
    # an empty array may be of any type
    return values.astype(np.int64).ravel() if values.dtype.kind in "iu" or values.size == 0 else None


def rhythm_ends(samples, notes):
    """Turn the rhythm notes of the PhysioNet layout back into one rhythm mark per beat, as the torrent has them.

    The publisher's converter (github.com/shawntan/icentia-ecg, physionet/icentia11k_make_wfdb.py) opens a run
    of beats in one rhythm at its first beat, ``(AFIB``, and closes it at its last, ``)``. A run of a single beat
    is marked ``(AFIB)``: the published set has 8,405 ``(N)``, 326 ``(AFIB)`` and 175 ``(AFL)`` (physionet/counts.txt
    there). Beats outside every run carried null, end, noise or no mark in the torrent, which the notes do not
    tell apart: they are null here.

    Parameters
    ----------
    samples : int64 array, (n_annotations,)
        Of all annotations, ascending.
    notes : list of str, (n_annotations,)
        Rhythm notes; any other text belongs to a beat.

    Returns
    -------
    positions : int64 array, (n_marks,)
        Samples of beats and notes, each once, ascending. The rhythm of a mark lasts from the one before it.
    classes : int8 array, (n_marks,)
        Indices into `RHYTHM_CLASSES`: null, NSR, AFib or AFlutter.
    """
    marks, current = {}, 0
    for sample, note in zip(samples.tolist(), notes, strict=True):
        opened = RHYTHM_CODES.get(note.removesuffix(")"))
        current = current if opened is None else opened
        if opened is not None or note == ")":
            marks[sample] = current  # the beat at the same sample may stand before or after its note
        else:
            marks.setdefault(sample, current)
        if note.endswith(")"):
            current = 0
    return np.fromiter(marks, np.int64), np.fromiter(marks.values(), np.int8)


def _at_least_one(patients):
    if not isinstance(patients, int) or patients < 1:
        raise SettingsError(
            "patients", "a whole number of at least 1", repr(patients), "Leave it out for all."
        )
    return patients


def _segments(source):
    """Patient to paths without suffix of the segments that have a header or a signal; one may lack the other."""
    folders = sorted(path for path in source.glob("p[0-9][0-9]/p[0-9]*") if path.is_dir())
    patients = {folder.name: _stems(folder.iterdir()) for folder in folders}
    if not patients:
        for path in _stems(source.glob("p[0-9]*_s[0-9]*")):
            patients.setdefault(path.name.split("_")[0], []).append(path)
    return patients


def _stems(paths):
    return sorted({path.with_suffix("") for path in paths if path.suffix in (".hea", ".dat")})


DATA_SET = DataSet(
    name="icentia11k",
    title="Icentia11k single-lead continuous raw electrocardiogram data set",
    url="https://physionet.org/content/icentia11k-continuous-ecg/1.0/",
    licence="Creative Commons Attribution-NonCommercial-ShareAlike 4.0",
    non_commercial=True,
    layout="torrent (NNNNN_batched.pkl.gz, NNNNN_batched_lbls.pkl.gz) or PhysioNet (pNN/pNNNNN/pNNNNN_sMM.*)",
    facts="11,000 patients, 250 Hz, 1 lead, up to 50 segments of 1,048,577 samples per patient.",
    reader=Reader,
    options=("patients",),
    classes="beats: normal, PAC, PVC, undefined (the torrent: aberrated too); rhythm: sinus, AFib, AFlutter",
    # segments of the PhysioNet release
    records=541_794,
)
