"""Icentia11k: 11,000 patients, one modified lead I, 250 Hz, up to 50 segments of 70 minutes each.

Source: Tan S et al., Icentia11k: an unsupervised representation learning dataset for arrhythmia subtype
discovery, arXiv:1910.09570 (2019). Two published layouts, told apart by their files:

* torrent: ``NNNNN_batched.pkl.gz`` (segments x 1,048,577) and ``NNNNN_batched_lbls.pkl.gz``, per segment a dict
  of ``btype`` (5 index arrays: undefined, normal, PAC, aberrated, PVC) and ``rtype`` (6: null, end, noise, NSR,
  AFib, AFlutter);
* PhysioNet: ``pNN/pNNNNN/pNNNNN_sMM.{hea,dat,atr}``, beats ``Q N S a V``, rhythms opened by ``(N``, ``(AFIB``,
  ``(AFL`` and closed by ``)``; null, end and noise do not exist there.

Both documents of the torrent call an index the *end* of its beat. In the published WFDB segment p00000_s00 the
annotated samples are the R peaks themselves (median offset 0 ms), i.e. the RR interval ends there: no shift is
made, and MIT-BIH's R-peak annotations share the convention as they are.
"""

from pathlib import Path

import numpy as np

from ecgrepro.corpora import safe_pickle
from ecgrepro.corpora.dataset import DataSet
from ecgrepro.corpora.record import BEAT_CLASSES, RHYTHM_CLASSES, Record
from ecgrepro.corpora.wfdb_files import beats_from_symbols, read_events, read_signal
from ecgrepro.errors import InputError

SAMPLING_RATE = 250.0
#: ADC units per millivolt in the PhysioNet headers.
GAIN = 74.36482269503546
BEAT_CODES = {"Q": 0, "N": 1, "S": 2, "a": 3, "V": 4}
#: WFDB rhythm notes; a closing note ends the rhythm that is open, so that a position marks the rhythm's end.
RHYTHM_CODES = {"(N": 3, "(AFIB": 4, "(AFL": 5}


class Reader:
    """Reads either layout of Icentia11k.

    Parameters
    ----------
    source : str or Path
        Folder of the torrent files, or the top folder of the PhysioNet layout.
    patients : int, optional
        Only the first so many patients by number.
    """

    def __init__(self, source, patients=None):
        self.source = Path(source)
        self.options = {} if patients is None else {"patients": int(patients)}
        self._files = self._find(patients)

    def _find(self, patients):
        torrent = sorted(self.source.glob("*_batched.pkl.gz"))
        physionet = sorted(self.source.glob("p[0-9][0-9]/p[0-9]*")) if not torrent else []
        files = {path.name[:5]: path for path in torrent} or {path.name[1:]: path for path in physionet}
        if not files:
            raise InputError(
                self.source,
                "NNNNN_batched.pkl.gz files (torrent) or pNN/pNNNNN/ folders (PhysioNet)",
                "neither" if self.source.is_dir() else "no such folder",
                "Give the folder that holds the patients.",
            )
        self._read = self._read_torrent if torrent else self._read_physionet
        return dict(list(files.items())[:patients])

    def units(self):
        return list(self._files)

    def size(self):
        paths = (
            path
            for file in self._files.values()
            for path in (file.rglob("*.dat") if file.is_dir() else [file])
        )
        # gzip holds the float signal at about its int16 size
        return sum(path.stat().st_size for path in paths) * 2

    def read(self, unit):
        return self._read(unit, self._files[unit])

    def _read_physionet(self, unit, folder):
        records = []
        for header in sorted(folder.glob("*.hea")):
            fields = read_signal(header.with_suffix(""))
            del fields["comments"]
            samples, symbols, notes = read_events(header.with_suffix(""))
            beats = beats_from_symbols(samples, symbols, BEAT_CODES)
            rhythms = rhythm_ends(samples, notes)
            records.append(Record(header.stem, unit, label="", beat_positions=beats[0], beat_classes=beats[1],
                                  rhythm_positions=rhythms[0], rhythm_classes=rhythms[1], **fields))  # fmt: skip
        return records

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
        if not np.isfinite(millivolts).all():
            raise InputError(
                record_id, "finite samples", f"{np.count_nonzero(~np.isfinite(millivolts))} NaN or infinite",
                "Fetch the patient again.",
            )  # fmt: skip
        signal, gain = to_adc(millivolts)
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
    scaled = np.asarray(millivolts, np.float64) * GAIN
    if np.abs(scaled).max(initial=0) < 32767 and np.abs(scaled - np.rint(scaled)).max(initial=0) < 0.01:
        return np.rint(scaled).astype(np.int16), GAIN
    gain = 32000 / np.abs(millivolts).max(initial=1e-9)
    return np.rint(np.asarray(millivolts, np.float64) * gain).astype(np.int16), float(gain)


def flatten(labels, key, n_classes, path):
    """Turn a list of index arrays (position = class) into positions int64 (n,), classes int8 (n,), sorted."""
    if not isinstance(labels, dict) or key not in labels or len(labels[key]) != n_classes:
        raise InputError(
            path, f"a dict with `{key}`, a list of {n_classes} index arrays", f"{str(labels)[:80]}",
            "This is not the torrent's label layout.",
        )  # fmt: skip
    arrays = [np.asarray(indices, np.int64).ravel() for indices in labels[key]]
    positions = np.concatenate(arrays)
    classes = np.repeat(np.arange(n_classes, dtype=np.int8), [len(indices) for indices in arrays])
    order = np.argsort(positions, kind="stable")
    return positions[order], classes[order]


def rhythm_ends(samples, notes):
    """Turn WFDB's opening and closing rhythm notes into rhythm ends as in the torrent.

    Returns positions int64 (n,), classes int8 (n,). What lies before an opening is ended there as null.
    """
    positions, classes, current = [], [], 0
    for sample, note in zip(samples, notes, strict=True):
        if note not in RHYTHM_CODES and note != ")":
            continue
        if sample > (positions[-1] if positions else 0):
            positions.append(sample)
            classes.append(current)
        current = RHYTHM_CODES.get(note, 0)
    return np.array(positions, np.int64), np.array(classes, np.int8)


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
)
