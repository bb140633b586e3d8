"""BUT QDB: 18 day-long one-lead wearable recordings of 15 people, 1,000 Hz, graded for signal quality.

Source: Nemcova A et al., Brno University of Technology ECG Quality Database 1.0.0, PhysioNet (2020),
doi:10.13026/kah4-0w24 (CC BY 4.0). One folder per record: ``100001/100001_ECG.{hea,dat}`` (format 16, in µV, gain and
baseline of its own for every record), ``100001_ACC.{hea,dat}`` (accelerometer, not read) and ``100001_ANN.csv``: no
header, 12 columns, i.e. first sample, last sample and class from annotators 1 to 3 and from their consensus; samples
count from 1, the last one belongs to the span. Classes 1 to 3 are `QUALITY_CLASSES`; class 0 is what nobody graded.
Annotators cut the record into different numbers of spans, so the shorter columns end in empty cells.

The first three digits of a record name the person, the last three count that person's recordings. Records 100001,
105001 and 111001 are graded from end to end; the others in stretches of 20 minutes, most of which lie at samples
28.8 to 30.0 and 57.6 to 58.8 million.
"""

import csv
import io
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import wfdb

from ecgrepro.corpora.dataset import DataSet
from ecgrepro.corpora.record import Record
from ecgrepro.errors import InputError, SettingsError

#: Who graded, in the order of the file's column triples.
ANNOTATORS = (1, 2, 3, "consensus")
#: Header units, and how many of them are a millivolt.
UNITS = {"uV": 1000.0, "mV": 1.0}
#: Larger annotation files are refused unread: the published ones hold some thousand spans.
MAX_ANNOTATION_BYTES = 16 * 2**20
_COLUMNS = 3 * len(ANNOTATORS)
_UNIT = re.compile(r"\d{6}$", re.ASCII)
#: Twelve digits are more samples than a WFDB header can hold, and no number too long to compare.
_NUMBER = re.compile(r"(\d{1,12})(\.0*)?$", re.ASCII)
_EMPTY = ("", "nan")
_FIX = "Fetch the annotation again; signal and annotation must come from the same release."


class Reader:
    """Reads the published folder; a unit is a record.

    Parameters
    ----------
    source : str or Path
        Folder that holds the records' folders (100001, 100002 ...).
    annotator : {"consensus", 1, 2, 3}
        Whose grades become `Record.quality_positions` and `Record.quality_classes`.

    Raises
    ------
    SettingsError
        An unknown annotator.
    InputError
        A folder without such records, from `units`; a damaged record or annotation, from `read`.
    """

    def __init__(self, source, annotator="consensus"):
        self.source = Path(source)
        self.options = {"annotator": ANNOTATORS[_place(annotator)]}

    def units(self):
        folders = self.source.iterdir() if self.source.is_dir() else ()
        names = sorted(path.name for path in folders if _UNIT.match(path.name) and path.is_dir())
        if not names:
            raise InputError(self.source, "a folder with one folder per record (100001, 100002 ...)",
                             "no such record" if self.source.is_dir() else "no such folder",
                             "Give the folder that holds the records' folders.")  # fmt: skip
        return names

    def size(self):
        return sum(path.stat().st_size for path in self.source.glob("[0-9]*/*_ECG.dat"))

    def read(self, unit):
        """Read one recording; its signal is held in memory once, 173 to 278 MB in the published records."""
        fields = read_day_long_signal(self.source / unit / f"{unit}_ECG")
        path = self.source / unit / f"{unit}_ANN.csv"
        positions, classes = read_quality(path, len(fields["signal"]), self.options["annotator"])
        return [Record(unit, unit[:3], quality_positions=positions, quality_classes=classes, **fields)]


def read_day_long_signal(path):
    """Read one recording of format 16 straight into memory, and check it against its header.

    Reading through the `wfdb` package holds several copies of the signal at once, 1.2 GB for the longest record; here
    there is one, of 278 MB.

    Parameters
    ----------
    path : Path
        Record path without suffix.

    Returns
    -------
    dict
        ``signal`` int16 (n_samples, 1), ``gain`` float64 (1,) in ADC units per mV (headers in µV are converted),
        ``baseline`` float64 (1,), ``fs`` in Hz, ``leads`` tuple of str.

    Raises
    ------
    InputError
        A missing or unreadable file; a header of other than one lead in format 16, in µV or mV, in the record's own
        signal file; another number of samples or another checksum than it states.
    """
    header = _header(path)
    n_samples, data = header.sig_len, path.with_suffix(".dat")
    try:
        found = data.stat().st_size
        # checked before reading: what is read is never more than the header promised
        signal = np.fromfile(data, "<i2") if found == 2 * n_samples else None
    except OSError as error:
        raise InputError(
            data, "a readable signal file", f"{type(error).__name__}: {error}", "Fetch it again."
        ) from error
    # 0 stands for a checksum that was not computed, as in every header of CinC 2017
    stated, checksum = header.checksum[0] or None, None if signal is None else int(signal.sum(dtype=np.int64))
    if signal is None or (stated is not None and (stated - checksum) % 65536):
        raise InputError(data, f"{n_samples} samples of checksum {stated}, as its header says",
                         f"{found} bytes, checksum {None if signal is None else checksum % 65536}",
                         "Fetch header and signal again.")  # fmt: skip
    gain = np.array(header.adc_gain, np.float64) * UNITS[header.units[0]]
    return {"signal": signal.astype(np.int16, copy=False)[:, None], "gain": gain,
            "baseline": np.array(header.baseline, np.float64), "fs": float(header.fs),
            "leads": (header.sig_name[0] or "ECG",)}  # fmt: skip


def _header(path):
    try:
        header = wfdb.rdheader(str(path))
        described = (header.fmt, header.file_name, header.samps_per_frame, header.byte_offset[0] or 0)
        known = header.n_sig == 1 and header.units[0] in UNITS and int(header.sig_len) >= 0
    except Exception as error:  # wfdb raises bare ValueError, TypeError and OSError for damaged headers
        raise InputError(path.with_suffix(".hea"), "a readable WFDB header", f"{type(error).__name__}: {error}",
                         "Fetch the header again.") from error  # fmt: skip
    if not known or described != (["16"], [f"{path.name}.dat"], [1], 0):
        raise InputError(path.with_suffix(".hea"), f"one lead in {path.name}.dat, format 16, in {' or '.join(UNITS)}",
                         f"{described}, {header.units}, {header.sig_len} samples", "Fetch it again.")  # fmt: skip
    return header


def read_quality(path, n_samples, annotator="consensus"):
    """Read one annotator's grades as consecutive spans that cover the whole record.

    Parameters
    ----------
    path : str or Path
        The record's ``_ANN.csv``.
    n_samples : int
        Length of the record.
    annotator : {"consensus", 1, 2, 3}

    Returns
    -------
    positions : int64 array, (n_spans,)
        Ends of the spans, 0-based: a span ends before that sample. The last one is `n_samples`.
    classes : int8 array, (n_spans,)
        Indices in `QUALITY_CLASSES`; what the annotator left out is 0, "ungraded".

    Raises
    ------
    InputError
        A missing, too large or unreadable file; a row of other than 12 cells (the rows after the first may end
        early); a cell that is no whole number; spans that overlap, run backwards or leave the record; a class
        other than 0 to 3; an annotator without any span. File and row are named.
    SettingsError
        An unknown annotator.
    """
    path, column = Path(path), 3 * _place(annotator)
    spans, last = [], 0
    for number, cells in enumerate(_rows(path), 1):
        span = _span(f"{path}, row {number}", cells[column : column + 3])
        if span:
            _check_span(f"{path}, row {number}", span, last, n_samples)
            spans.append(span)
            last = span[1]
    if not spans:
        raise InputError(path, f"at least one span of annotator {annotator}", "none", _FIX)
    return _fill_gaps(spans, n_samples)


def _place(annotator):
    # as words: an option from a command line is one, and True is not annotator 1
    names = [str(known) for known in ANNOTATORS]
    if str(annotator) not in names:
        raise SettingsError("annotator", f"one of {', '.join(names)}", repr(annotator),
                            "The consensus is the database's reference.")  # fmt: skip
    return names.index(str(annotator))


def _rows(path):
    """Rows of 12 cells, empty ones as ``""``."""
    try:
        size = path.stat().st_size
        text = path.read_bytes().decode("utf-8-sig") if size <= MAX_ANNOTATION_BYTES else None
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True)) if text is not None else []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(path, "a readable CSV file", f"{type(error).__name__}: {error}", _FIX) from error
    if text is None:
        raise InputError(path, f"at most {MAX_ANNOTATION_BYTES} bytes", f"{size} bytes", _FIX)
    for number, row in enumerate(rows, 1):
        # spreadsheets cut the empty cells that end a row, but the first row has a span of everyone
        if len(row) > _COLUMNS or (number == 1 and len(row) < _COLUMNS):
            raise InputError(f"{path}, row {number}", f"{_COLUMNS} cells (first sample, last sample and class of "
                             "three annotators and their consensus)", f"{len(row)} cells", _FIX)  # fmt: skip
        yield [cell.strip() for cell in row] + [""] * (_COLUMNS - len(row))


def _span(where, cells):
    """First sample, last sample, class; None where all three cells are empty."""
    if all(cell.lower() in _EMPTY for cell in cells):
        return None
    numbers = [_NUMBER.match(cell) for cell in cells]
    if not all(numbers):
        raise InputError(where, "three whole numbers (first sample, last sample, class) or three empty cells",
                         repr(",".join(cells))[:80], _FIX)  # fmt: skip
    return tuple(int(number[1]) for number in numbers)


def _check_span(where, span, last, n_samples):
    first, end, quality = span
    if not last < first <= end <= n_samples:
        raise InputError(
            where, f"a span after sample {last} (the end of the span before) that ends by {n_samples} (the record's)",
            f"samples {first} to {end}", _FIX,
        )  # fmt: skip
    if quality > 3:
        raise InputError(where, "a class of 0, 1, 2 or 3", str(quality), _FIX)


def _fill_gaps(spans, n_samples):
    ends, classes = [], []
    # a span of no samples at either end makes the gaps there like those between two spans
    for (_, before, _), (first, end, quality) in pairwise([(0, 0, 0), *spans, (n_samples + 1, n_samples, 0)]):
        if first - 1 > before:
            ends.append(first - 1)
            classes.append(0)
        if end >= first:
            ends.append(end)
            classes.append(quality)
    return np.array(ends, np.int64), np.array(classes, np.int8)


DATA_SET = DataSet(
    name="butqdb",
    title="Brno University of Technology ECG Quality Database (BUT QDB)",
    url="https://physionet.org/content/butqdb/1.0.0/",
    licence="Creative Commons Attribution 4.0 International",
    non_commercial=False,
    layout="a folder per record: 100001/100001_ECG.hea, 100001_ECG.dat (format 16) and 100001_ANN.csv",
    facts="18 records of 15 people, 24 to 39 h, 1,000 Hz, 1 lead; 99.4 of 478.7 h graded by three experts.",
    reader=Reader,
    options=("annotator",),
    classes="signal quality 1 to 3 by span (all waves clear, only QRS reliable, unusable)",
    records=18,
)
