"""PhysioNet/CinC Challenge 2020/2021: eight sources of 12-lead recordings in one layout, with SNOMED CT codes.

Sources: Perez Alday EA et al., Classification of 12-lead ECGs, Physiol Meas 41:124003 (2020), PhysioNet challenge-2020
1.0.2; Reyna MA et al., Will two do?, CinC 2021, PhysioNet challenge-2021 1.0.3 (CC BY 4.0). A recording is a MAT v4
file with `val` int16 (leads, samples) and a WFDB header that ends in lines such as ``#Dx: 426783006,164889003``. One
reader serves them all and tells its source's recordings by their names; no source publishes patients.

Found below the folder given: the records themselves (the 2020 archives), ``g1/``, ``g2/`` ... (the releases), or
folders of several sources, at most `DEPTH` levels deep. Errors of published headers are mended: `challenge_headers`.
Recordings are published more than once: Georgia's E07509 and E07510 are one, and HR00001 ... are PTB-XL's, bit by bit.
"""

import filecmp
import os
import re
from collections import Counter
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ecgrepro.corpora.challenge_headers import LEADS, mend_header, read_codes
from ecgrepro.corpora.dataset import DataSet
from ecgrepro.corpora.record import Record
from ecgrepro.corpora.wfdb_files import read_header, read_signal
from ecgrepro.errors import InputError

#: Folders below the one given in which records are looked for: training/georgia/g1/ needs three.
DEPTH = 4
_LICENCE = "Creative Commons Attribution 4.0 International"


class Source(NamedTuple):
    """One source of the Challenge's training data.

    Attributes
    ----------
    name, title : str
        Data set name; title.
    folder : str
        Its folder in the release of 2021.
    prefix, digits : str, int
        Record names: E00001 is "E" and 5 digits.
    numbers : range
        Numbers that record names may have.
    fs : float
        Published sampling rate in Hz, the same in all of its records.
    records : int
        Recordings as published: in the organisers' announcement of May 2020 for the sources of 2020, on the page of
        the 2021 release for the two that came with it.
    seconds : str
        Lengths as published.
    """

    name: str
    title: str
    folder: str
    prefix: str
    digits: int
    numbers: range
    fs: float
    records: int
    seconds: str

    @property
    def first(self):
        """Name of the first record."""
        return f"{self.prefix}{self.numbers.start:0{self.digits}}"


_ANY = range(1, 100_000)
#: Chapman-Shaoxing and Ningbo came as one release with one numbering: JS10646 is the last of the former. All numbers
#: from JS10647 to JS45551 make the 34,905 recordings of the latter.
SOURCES = {
    source.name: source
    for source in (
        Source("cpsc2018", "China Physiological Signal Challenge 2018, training set",
               "cpsc_2018", "A", 4, _ANY, 500.0, 6_877, "6 to 144 s"),
        Source("cpsc2018_extra", "China Physiological Signal Challenge 2018, unused recordings",
               "cpsc_2018_extra", "Q", 4, _ANY, 500.0, 3_453, "6 to 144 s"),
        Source("st_petersburg", "St Petersburg INCART 12-lead Arrhythmia Database",
               "st_petersburg_incart", "I", 4, _ANY, 257.0, 74, "30 min"),
        Source("ptb", "PTB Diagnostic ECG Database", "ptb", "S", 4, _ANY, 1000.0, 516, "10 to 120 s"),
        Source("challenge_ptbxl", "PTB-XL as the Challenge ships it",
               "ptb-xl", "HR", 5, _ANY, 500.0, 21_837, "10 s"),
        Source("georgia", "Georgia 12-lead ECG Challenge Database (G12EC)",
               "georgia", "E", 5, _ANY, 500.0, 10_344, "5 to 10 s"),
        Source("chapman_shaoxing", "Chapman University and Shaoxing People's Hospital database",
               "chapman_shaoxing", "JS", 5, range(1, 10_647), 500.0, 10_247, "10 s"),
        Source("ningbo", "Ningbo First Hospital database",
               "ningbo", "JS", 5, range(10_647, 100_000), 500.0, 34_905, "10 s"),
    )
}  # fmt: skip


class Reader:
    """Reads the recordings of one source; a unit is a recording.

    Parameters
    ----------
    name : str
        A name of `SOURCES`.
    source : str or Path
        Folder in or below which the records lie, alone or beside those of other sources.

    Raises
    ------
    InputError
        A folder without a record of this source, or one in which two different records have one name; from `read`, a
        damaged record.
    """

    def __init__(self, name, source):
        self.origin, self.source, self.options = SOURCES[name], Path(source), {}
        self._paths = _find(self.source, self.origin)

    def units(self):
        return list(self._paths)

    def size(self):
        files = (Path(f"{path}.mat") for path in self._paths.values())
        return sum(path.stat().st_size for path in files if path.exists())

    @cached_property
    def repairs(self):
        """What `read` mends, from the headers alone: `Counter` of repair to number of recordings.

        ``record name``, ``date and time``, ``gain`` and ``unit`` of the header (`challenge_headers.mend_header`);
        ``class name``, ``empty code`` and ``repeated code`` of its diagnoses (`challenge_headers.read_codes`).
        Headers that cannot be read count for nothing: `read` tells of them.
        """
        counts = Counter()
        for unit, path in self._paths.items():
            mended = []
            try:
                comments = read_header(path, partial(self._mend, unit, mended)).comments
                counts.update((*mended, *read_codes(comments, path)[1]))
            except InputError:
                continue
        return counts

    def _mend(self, unit, mended, text):
        text, names = mend_header(text, unit, self.origin.name)
        mended += names
        return text

    def read(self, unit):
        """Read one recording.

        Its signal has the twelve leads in the standard order, whatever the order and the case of their names in the
        header; of a recording with fewer leads (the sets of two to six leads of 2021) those it has. Codes are as
        published, each once, known or not; ``()`` where the header gives none.
        """
        path = self._paths[unit]
        fields = read_signal(path, repair=partial(self._mend, unit, []))
        codes, _ = read_codes(fields.pop("comments"), path)
        _check_rate(path, fields["fs"], self.origin)
        return [Record(unit, "unknown", codes=codes, **_in_order(path, fields))]


def _find(folder, origin):
    """Record name to its path without suffix, sorted by name."""
    found = {}
    for path in _stems(folder, origin):
        unit = os.path.basename(path)
        if not _same_record(found.setdefault(unit, path), path):
            raise InputError(path, f"record {unit} once, or the same twice",
                             f"another one in {os.path.dirname(found[unit])}",
                             "Keep the release you want and move the other away.")  # fmt: skip
    if not found:
        raise InputError(folder, f"records {origin.first} ... (.hea, .mat) of {origin.name}",
                         "none in it or below" if Path(folder).is_dir() else "no such folder",
                         "Give the folder that holds them or their folders g1, g2 ...")  # fmt: skip
    return {unit: Path(found[unit]) for unit in sorted(found)}


def _stems(folder, origin):
    """Paths without suffix of all headers and signals of a source, each once, folder after folder."""
    name = re.compile(rf"({origin.prefix}(\d{{{origin.digits}}}))\.(?:hea|mat)$", re.ASCII)
    # links are followed: the depth is what ends a circle of them
    for place, folders, files in os.walk(folder, onerror=_refuse_unreadable, followlinks=True):
        deep = len(Path(place).relative_to(folder).parts) >= DEPTH
        folders[:] = [] if deep else sorted(inner for inner in folders if inner[0] != ".")
        matches = filter(None, map(name.match, files))
        for unit in sorted({match[1] for match in matches if int(match[2]) in origin.numbers}):
            yield os.path.join(place, unit)


def _refuse_unreadable(error):
    # a folder that is not there is told with the records that are missing; one that cannot be read may hide some
    if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
        raise InputError(error.filename, "a folder that can be read", f"{type(error).__name__}: {error.strerror}",
                         "Change its permissions, or give a folder that does not hold it.")  # fmt: skip


def _same_record(first, second):
    if first == second:
        return True
    pairs = [(f"{first}{suffix}", f"{second}{suffix}") for suffix in (".hea", ".mat")]
    return all(
        os.path.exists(one) and os.path.exists(other) and filecmp.cmp(one, other, shallow=False)
        for one, other in pairs
    )


def _check_rate(path, fs, origin):
    if fs != origin.fs:
        raise InputError(f"{path}.hea", f"{origin.fs:g} Hz, as all records of {origin.name}", f"{fs:g} Hz",
                         "Compare the header with the publisher's copy.")  # fmt: skip


def _in_order(path, fields):
    """The same fields with leads in the order of `LEADS` and under its names."""
    names = [LEADS.get(name.strip().lower()) for name in fields["leads"]]
    if None in names or len(set(names)) < len(names):
        raise InputError(f"{path}.hea", f"leads among {', '.join(LEADS.values())}, each once",
                         ", ".join(fields["leads"])[:200],
                         "Compare the header with the publisher's copy.")  # fmt: skip
    order = [names.index(name) for name in LEADS.values() if name in names]
    signal = fields["signal"]
    if order != list(range(len(names))):
        signal = np.ascontiguousarray(signal[:, order])
    return fields | {"signal": signal, "gain": fields["gain"][order], "baseline": fields["baseline"][order],
                     "leads": tuple(names[i] for i in order)}  # fmt: skip


def _card(source):
    return DataSet(
        name=source.name,
        title=source.title,
        url=f"https://physionet.org/content/challenge-2021/1.0.3/training/{source.folder}/",
        licence=_LICENCE,
        non_commercial=False,
        layout=f"{source.first}.hea, .mat ... in one folder or in g1/, g2/ ...",
        facts=f"{source.records:,} records, {source.fs:g} Hz, {source.seconds}, 12 leads; no patient ids.",
        reader=partial(Reader, source.name),
        classes="SNOMED CT codes, several per recording",
        records=source.records,
    )


#: One card per source.
DATA_SETS = [_card(source) for source in SOURCES.values()]
