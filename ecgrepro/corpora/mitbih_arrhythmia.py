"""MIT-BIH Arrhythmia Database: 48 half-hour two-lead recordings, 360 Hz, beats and rhythms.

Source: Moody GB, Mark RG, IEEE Eng Med Biol 20(3):45-50 (2001); PhysioNet mitdb 1.0.0 (ODC-By 1.0).

Rhythms are kept where the option `rhythms` asks for them, in the convention of Icentia11k: one mark per beat, at the
beat. The annotation files note where a rhythm begins (code ``+`` with ``(N`` and the like, ahead of the rhythm's first
beat) and nothing else: it lasts until the next note. There are 1,291 notes: N 530, B 221, AFIB 107, PREX 103, T 83,
VT 61, P 60, AFL 45, NOD 36, SVTA 26, VFL 6, BII 5, IVR 4, AB 3, SBR 1. Each stands between two beats, or ahead of the
first, and each rhythm has a beat. The marks of the 109,966 beats: null 17,616 of 30 people, NSR 79,482 of 41, AFib
11,486 of 7, AFlutter 1,382 of 3.
"""

from pathlib import Path

import numpy as np

from ecgrepro.corpora.dataset import DataSet
from ecgrepro.corpora.record import RHYTHM_CLASSES, Record
from ecgrepro.corpora.wfdb_files import beats_from_symbols, read_events, read_signal, record_names
from ecgrepro.errors import InputError

UNDEFINED, NORMAL, PAC, ABERRATED, PVC = range(5)

#: PhysioBank annotation codes to Icentia11k's five classes. Supraventricular and junctional premature beats
#: go with PAC, ventricular escape with PVC, as in the AAMI classes S and V (ANSI/AAMI EC57); aberrated
#: atrial beats keep the class of their own that Icentia11k has; fusion, paced, unclassifiable beats and
#: ventricular flutter waves are undefined.
BEAT_CODES = {
    **dict.fromkeys("NLRejnB", NORMAL),
    **dict.fromkeys("AJS", PAC),
    "a": ABERRATED,
    **dict.fromkeys("VE", PVC),
    **dict.fromkeys("Q/fF!?", UNDEFINED),
}

NULL, SINUS, FIBRILLATION, FLUTTER = (
    RHYTHM_CLASSES.index(name) for name in ("null", "NSR", "AFib", "AFlutter")
)
#: All rhythm notes of the database (PhysioNet mitdb 1.0.0, mitdbdir/intro.htm, Symbols) to Icentia11k's classes. That
#: set has no more than these three, and null for what is undefined: no class for bigeminy (AB, B), trigeminy (T),
#: second-degree block (BII), nodal, idioventricular and paced rhythm (NOD, IVR, P), pre-excitation (PREX), tachycardia
#: (SVTA, VT) and ventricular flutter (VFL). Sinus bradycardia (SBR), no normal sinus rhythm, is null too.
#: Icentia11k's "end" and "noise" do not occur: no rhythm here is called so.
RHYTHM_CODES = {
    "(N": SINUS,
    "(AFIB": FIBRILLATION,
    "(AFL": FLUTTER,
    **dict.fromkeys(
        ["(AB", "(B", "(BII", "(IVR", "(NOD", "(P", "(PREX", "(SBR", "(SVTA", "(T", "(VFL", "(VT"], NULL
    ),
}


class WfdbBeatReader:
    """Reads a folder of WFDB records with beat annotations at the R peak.

    Parameters
    ----------
    source : str or Path
        Folder with `.hea`, `.dat` and `.atr` files.

    Raises
    ------
    InputError
        A folder without such files, from `units`; a damaged record, from `read`.
    """

    extension = "atr"

    def __init__(self, source):
        self.source = Path(source)
        self.options = {}

    def units(self):
        return record_names(self.source)

    def size(self):
        # format 212 packs two samples into three bytes; int16 needs four
        return sum(path.stat().st_size for path in self.source.glob("*.dat")) * 4 // 3

    def patient(self, unit):
        """Patient of a record; ``"unknown"`` where the publisher names none."""
        return "unknown"

    def read(self, unit):
        """Read one recording."""
        fields = read_signal(self.source / unit)
        del fields["comments"]
        n_samples = len(fields["signal"])
        samples, symbols, notes = read_events(self.source / unit, self.extension, n_samples=n_samples)
        positions, classes = beats_from_symbols(samples, symbols, BEAT_CODES)
        fields |= self.rhythms(unit, positions, samples, symbols, notes)
        return [Record(unit, self.patient(unit), beat_positions=positions, beat_classes=classes, **fields)]

    def rhythms(self, unit, beats, samples, symbols, notes):
        """Fields of a `Record` that hold rhythm marks: none."""
        return {}


class Reader(WfdbBeatReader):
    """MIT-BIH Arrhythmia: every record a patient, but 201 and 202, which are one man's.

    Parameters
    ----------
    source : str or Path
        See `WfdbBeatReader`.
    rhythms : bool
        Keep rhythm marks. Without them the corpus is the one that beat pre-training has always been run on: content
        and fingerprint stay as they were.

    Raises
    ------
    InputError
        As `WfdbBeatReader`; and, where rhythms are kept, a rhythm note that the database does not have.
    """

    def __init__(self, source, rhythms=False):
        super().__init__(source)
        self.options = {"rhythms": True} if rhythms else {}

    def patient(self, unit):
        return "201" if unit == "202" else unit

    def rhythms(self, unit, beats, samples, symbols, notes):
        if not self.options:
            return {}
        changes = np.array([symbol == "+" for symbol in symbols], bool)
        named = [note for note, change in zip(notes, changes, strict=True) if change]
        if unknown := sorted(set(named) - RHYTHM_CODES.keys()):
            raise InputError(self.source / f"{unit}.{self.extension}", f"rhythms among {' '.join(RHYTHM_CODES)}",
                             ", ".join(map(repr, unknown))[:80], "Fetch it again.")  # fmt: skip
        classes = rhythm_classes(beats, samples[changes], [RHYTHM_CODES[note] for note in named])
        return {"rhythm_positions": beats, "rhythm_classes": classes}


def rhythm_classes(beats, starts, rhythms):
    """Rhythm of each beat: the one noted last before the beat, or at it.

    As a mark's rhythm lasts from the mark before it, a rhythm begins right after the last beat of the one before; the
    note itself stands up to some seconds later, mostly halfway to the next beat.

    Parameters
    ----------
    beats, starts : int64 arrays, (n_beats,), (n_notes,)
        Samples of beats and of rhythm notes, ascending.
    rhythms : sequence of int, (n_notes,)
        Indices into `RHYTHM_CLASSES`.

    Returns
    -------
    int8 array, (n_beats,)
        Null ahead of the first note.
    """
    return np.array([NULL, *rhythms], np.int8)[np.searchsorted(starts, beats, "right")]


DATA_SET = DataSet(
    name="mitbih_arrhythmia",
    title="MIT-BIH Arrhythmia Database",
    url="https://physionet.org/content/mitdb/1.0.0/",
    licence="Open Data Commons Attribution License 1.0",
    non_commercial=False,
    layout="a folder with NNN.hea, NNN.dat (format 212) and NNN.atr",
    facts="48 records of 47 people, 30 min, 360 Hz, 2 leads; beats annotated at the R peak.",
    reader=Reader,
    options=("rhythms",),
    classes="beats: normal, PAC, aberrated, PVC, undefined; with --rhythms: sinus, AFib, AFlutter, other",
    records=48,
)
