"""PhysioNet/CinC Challenge 2017: 8,528 single-lead hand-held recordings, 300 Hz, 9 to 61 s, one rhythm label each.

Source: Clifford GD et al., AF classification from a short single lead ECG recording, CinC 2017;
physionet.org challenge-2017 1.0.0 (ODC-By 1.0). Shipped as `training2017/` (MAT v4 `val` int16 with WFDB
headers) or `training2017.zip`, with the labels in several revisions. Two quirks of every or many headers are
ignored on purpose: the checksum is 0 in all of them, the first value is wrong in 565.
"""

import csv
import io
import re
import zipfile
from collections import Counter
from pathlib import Path, PurePosixPath

import numpy as np
from scipy.io import loadmat

from ecgrepro.corpora.dataset import DataSet
from ecgrepro.corpora.record import Record
from ecgrepro.errors import InputError, SettingsError

#: Classes in the order of the challenge: normal, atrial fibrillation, other rhythm, too noisy.
CLASSES = ("N", "A", "O", "~")
#: Published counts per label revision, in the order of `CLASSES` (facts: revisions v0, v2, v3).
PUBLISHED_COUNTS = {"v0": (5154, 771, 2557, 46), "v2": (5050, 738, 2456, 284), "v3": (5076, 758, 2415, 279)}
#: Exact copies among the recordings (same signal, other name): what is drawn or split goes together.
DUPLICATES = {"A01176": "A00227", "A03123": "A02656"}
#: The same ECG recorded more than once, with other gains, noise and filtering, and partly under other labels; no
#: publication lists them. Found by this project's search for near-duplicates (`ecgrepro data audit`: correlation above
#: .95 over ten seconds or more) and looked at one by one. The first ten all hold one stretch of 9.55 s played again and
#: again, as a test signal would be.
COPIES = (
    ("A00227", "A00595", "A00908", "A01014", "A01176", "A01925", "A02213", "A02288", "A03242", "A03717"),
    ("A02656", "A03123", "A03530"),
    ("A00385", "A01980"),
    ("A00124", "A03032"),
)
#: File names of each revision. `REFERENCE.csv` is v2 inside the zip and v3 on the web page: see `_read_labels`.
LABEL_FILES = {
    "v0": ("REFERENCE-v0.csv", "REFERENCE-v1-original.csv"),
    "v2": ("REFERENCE-v2.csv",),
    "v3": ("REFERENCE-v3.csv",),
}
#: Bytes of a file of the set that are read at most: the longest recording has 36,594, the label files 80,000.
LARGEST_FILE = 2**20
_HEADER = re.compile(r"^(?P<name>\S+) 1 (?P<fs>\d{1,6}) (?P<length>\d{1,9})\b")
_SIGNAL = re.compile(
    r"^(?P<file>\S+\.mat) 16\+24 (?P<gain>\d{1,9}(?:\.\d{0,30})?)(?:\((?P<baseline>-?\d{1,9})\))?/mV"
)


class _Files:
    """The publisher's files by name, from a folder, a zip, or a folder that holds the zip."""

    def __init__(self, source):
        self.source = Path(source)
        self._paths, self._zip = self._index()

    def _index(self):
        if self.source.is_file() and zipfile.is_zipfile(self.source):
            around, archive = self.source.parent, self.source
        elif self.source.is_dir():
            around, archive = self.source, self.source / "training2017.zip"
        else:
            raise InputError(self.source, "the folder or zip of the challenge's training set", "neither",
                             "Give the folder that holds training2017/ or training2017.zip.")  # fmt: skip
        paths = {}
        for folder in (around, around / "training2017"):
            paths |= {path.name: path for path in folder.iterdir()} if folder.is_dir() else {}
        if any(name.endswith(".mat") for name in paths) and archive != self.source:
            return paths, None
        if not archive.is_file():
            return paths, None
        try:
            opened = zipfile.ZipFile(archive)
        except (
            Exception
        ) as error:  # beside BadZipFile, whatever a damaged directory makes of names and numbers
            raise InputError(archive, "a complete zip archive", f"{type(error).__name__}: {error}",
                             "Fetch it again.") from error  # fmt: skip
        inside = {PurePosixPath(name).name: name for name in opened.namelist() if not name.endswith("/")}
        return {name: path for name, path in paths.items() if name.startswith("REFERENCE")} | inside, opened

    def names(self, *suffixes):
        # no names that begin with a dot: archives made on a Mac hold such shadows of every file
        return sorted(name for name in self._paths if name.endswith(suffixes) and name[0] != ".")

    def __contains__(self, name):
        return name in self._paths

    def read(self, name):
        if name not in self._paths:
            raise InputError(self.source / name, "the file", "no such file", "Fetch the data set again.")
        place = self._paths[name]
        size = self._size(place)
        if size > LARGEST_FILE:
            raise InputError(self.source / name, f"at most {LARGEST_FILE:,} bytes", f"{size:,}",
                             "No file of the challenge is so large: fetch it again.")  # fmt: skip
        try:
            return self._zip.read(place) if isinstance(place, str) else place.read_bytes()
        except (
            Exception
        ) as error:  # beside BadZipFile and OSError, what zlib and the archive's own fields raise
            raise InputError(self.source / name, "a whole file", f"{type(error).__name__}: {error}",
                             "Fetch it again.") from error  # fmt: skip

    def _size(self, place):
        return self._zip.getinfo(place).file_size if isinstance(place, str) else place.stat().st_size

    def sizes(self):
        return sum(self._size(place) for name, place in self._paths.items() if name.endswith(".mat"))


class Reader:
    """Reads the training set with one revision of its labels.

    Parameters
    ----------
    source : str or Path
        Folder with `training2017/` or `training2017.zip` or the records themselves, or the zip; label files
        are looked for beside the records and one level above `training2017/` or the zip's content.
    labels : {"v3", "v2", "v0"}
        Label revision; v3 is the final one, v2 the one inside the published zip.

    Raises
    ------
    SettingsError
        An unknown revision.
    InputError
        Wrong folder, missing or unknown labels; from `read`, a damaged record.
    """

    def __init__(self, source, labels="v3"):
        if labels not in LABEL_FILES:
            raise SettingsError(
                "labels", f"one of {', '.join(LABEL_FILES)}", repr(labels), "v3 is the final revision."
            )
        self.options = {"labels": labels}
        self._files = _Files(source)
        # a header without signal, or a signal without header, is a record too: reading it says what is missing
        self._units = sorted({name[:-4] for name in self._files.names(".hea", ".mat")})
        if not self._units:
            raise InputError(source, "CinC 2017 records (A00001.hea, A00001.mat ...)", "no such file",
                             "Give the folder that holds training2017/ or training2017.zip.")  # fmt: skip
        #: Record id to class, for every record.
        self.labels = self._read_labels(labels)

    def units(self):
        return self._units

    def size(self):
        return self._files.sizes()

    def read(self, unit):
        fields = self._header(unit)
        signal = self._signal(unit, fields.pop("length"))
        return [Record(unit, "unknown", signal, label=self.labels[unit], leads=("ECG",), **fields)]

    def _header(self, unit):
        lines = self._files.read(f"{unit}.hea").decode("ascii", "replace").splitlines() + ["", ""]
        first, second = _HEADER.match(lines[0]), _SIGNAL.match(lines[1])
        if not first or not second or first["name"] != unit or second["file"] != f"{unit}.mat":
            raise InputError(f"{unit}.hea", f"`{unit} 1 300 LENGTH ...` and `{unit}.mat 16+24 1000/mV ...`",
                             repr("\n".join(lines[:2]).strip()[:120]), "Fetch the header again.")  # fmt: skip
        gain, baseline = float(second["gain"]), float(second["baseline"] or 0)
        return {"fs": float(first["fs"]), "length": int(first["length"]),
                "gain": np.array([gain]), "baseline": np.array([baseline])}  # fmt: skip

    def _signal(self, unit, length):
        data = self._files.read(f"{unit}.mat")
        try:
            if data.startswith(
                b"MATLAB"
            ):  # a later one can hold compressed data, and more than its size tells
                raise ValueError("a later MAT format than v4")
            values = np.asarray(loadmat(io.BytesIO(data), variable_names=["val"])["val"])
        except Exception as error:  # scipy raises many kinds for a damaged file
            raise InputError(f"{unit}.mat", "a MAT v4 file with `val`",
                             f"{len(data)} bytes, {type(error).__name__}: {error}",
                             "The file is truncated or empty: fetch it again.") from error  # fmt: skip
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise InputError(f"{unit}.mat", "finite samples", "NaN or infinite values", "Fetch it again.")
        if values.shape != (1, length) or values.dtype.kind not in "iuf" or not _fits_int16(values):
            raise InputError(f"{unit}.mat", f"`val` of shape (1, {length}) in int16, as its header says",
                             f"{values.dtype} {values.shape}",
                             "Header and signal disagree: fetch both again.")  # fmt: skip
        return np.ascontiguousarray(values.astype(np.int16).T)

    def _read_labels(self, revision):
        for name in LABEL_FILES[revision]:
            if name in self._files:
                return self._check_labels(name, parse_labels(self._files.read(name), name))
        if "REFERENCE.csv" in self._files:
            labels = parse_labels(self._files.read("REFERENCE.csv"), "REFERENCE.csv")
            counts = Counter(labels.values())
            # the name alone does not tell the revision; its published counts do
            if tuple(counts[name] for name in CLASSES) == PUBLISHED_COUNTS[revision]:
                return self._check_labels("REFERENCE.csv", labels)
        found = self._files.names(".csv")
        raise InputError(self._files.source, f"a label file of revision {revision} ({LABEL_FILES[revision][0]})",
                         f"{found or 'no CSV'}; REFERENCE.csv is taken only where its counts are this revision's",
                         "Fetch it from the challenge's page, or choose another revision.")  # fmt: skip

    def _check_labels(self, name, labels):
        missing = [unit for unit in self._units if unit not in labels]
        orphans = sorted(set(labels) - set(self._units))
        if missing or orphans:
            raise InputError(name, f"one label for each of {len(self._units)} records",
                             f"{len(missing)} records without label {missing[:3]}, "
                             f"{len(orphans)} labels without record {orphans[:3]}",
                             "Records and labels must be one complete release: fetch what is missing.")  # fmt: skip
        return labels


def _fits_int16(values):
    if np.can_cast(values.dtype, np.int16):
        return True
    whole = values == np.rint(values)
    return bool(whole.all() and values.min(initial=0) >= -32768 and values.max(initial=0) <= 32767)


def parse_labels(data, name):
    """Parse a label file: ``A00001,N`` a line, with or without a header row.

    Parameters
    ----------
    data : bytes
    name : str
        Named in the error.

    Returns
    -------
    dict of str to str
        Record id to one of `CLASSES`.

    Raises
    ------
    InputError
        An empty file, a line of another form, an unknown class, a record named twice.
    """
    try:
        rows = [row for row in csv.reader(io.StringIO(data.decode("utf-8-sig", "replace"))) if row]
    except csv.Error as error:
        raise InputError(name, "a CSV file", str(error), "Fetch the label file again.") from error
    if rows and rows[0][-1] not in CLASSES and not re.match(r"A\d{5}$", rows[0][0]):
        rows = rows[1:]  # v2 as shipped by some mirrors has a header row
    unknown = sorted({",".join(row)[:40] for row in rows if len(row) != 2 or row[1] not in CLASSES})
    labels = {row[0]: row[1] for row in rows if len(row) == 2}
    if unknown or len(labels) != len(rows) or not rows:
        twice = sorted(record for record, n in Counter(row[0] for row in rows).items() if n > 1)
        raise InputError(name, f"one `record,class` a line with a class of {' '.join(CLASSES)}, each record once",
                         f"{len(rows)} lines, {len(unknown)} of other forms {unknown[:3]}, "
                         f"{len(twice)} records named again {twice[:3]}",
                         "Fetch the label file again.")  # fmt: skip
    return labels


DATA_SET = DataSet(
    name="cinc2017",
    title="AF Classification from a Short Single Lead ECG Recording: the PhysioNet/CinC Challenge 2017",
    url="https://physionet.org/content/challenge-2017/1.0.0/",
    licence="Open Data Commons Attribution License 1.0",
    non_commercial=False,
    layout="training2017/ or training2017.zip (A00001.mat, A00001.hea ...) and REFERENCE-v3.csv beside it",
    facts="8,528 records, 300 Hz, 9 to 61 s, 1 lead; labels N, A, O, ~ in revisions v0, v2, v3; no patient ids.",
    reader=Reader,
    options=("labels",),
    classes="normal (N), atrial fibrillation (A), other rhythm (O), too noisy (~)",
    records=8_528,
)
