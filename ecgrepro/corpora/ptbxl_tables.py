"""PTB-XL's tables: who was recorded, which statements were made, in which fold a record lies.

The publisher ships `ptbxl_database.csv`, a row for every record. A partial copy has other `ptbxl_database*.csv` with
some of the rows, and may supply the rest from `superclass_labels_all_*.csv` (columns ecg_id, NORM, MI, STTC, CD, HYP
as 0 or 1, and split as folds1-8, fold9, fold10): superclasses and fold of every record of 1.0.3, no more.
Everything in a table is text until it has been matched with what the column may hold.
"""

import ast
import csv
import io
import re
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from ecgrepro.corpora.scp_statements import STATEMENTS, SUPERCLASSES, superclass_codes, superclasses
from ecgrepro.errors import InputError

#: Stands for a fold that is one of 1 to 8, where a partial copy does not say which.
FOLDS_1_TO_8 = -8
#: The publisher's table has about 6 MB, 28 columns and lines of about 1,000 bytes.
MAX_BYTES, MAX_LINE, MAX_LINES = 1 << 25, 1 << 16, 100_000
_SPLITS = {"folds1-8": FOLDS_1_TO_8, "fold9": 9, "fold10": 10}
#: An acronym and its likelihood in percent.
_ENTRY = r"'[^'\\\x00-\x1f]{1,20}' *: *[0-9]{1,3}(?:\.[0-9]{1,3})?"
_ECG_ID = r"[0-9]{1,5}(?:\.0)?"
#: Columns and what they may hold, the record first. Whole numbers may be written as floats: the publisher does so for
#: patients, merged copies for all.
_DATABASE = {
    "ecg_id": _ECG_ID,
    "patient_id": r"(?:[0-9]{1,9}(?:\.0)?)?",
    "scp_codes": rf"\{{(?:{_ENTRY}(?:, *{_ENTRY}){{0,70}})?\}}",
    "strat_fold": r"(?:[1-9]|10)(?:\.0)?",
}
_SUPERCLASS_LIST = {"ecg_id": _ECG_ID, **dict.fromkeys(SUPERCLASSES, "[01]"), "split": "|".join(_SPLITS)}


class Row(NamedTuple):
    """What the tables say of a record: patient_id str, codes tuple of str, fold int (see `fold_group`)."""

    patient_id: str
    codes: tuple
    fold: int


def fold_group(fold):
    """Name the part of the benchmark's split that a fold belongs to.

    Parameters
    ----------
    fold : int
        1 to 10, or `FOLDS_1_TO_8`.

    Returns
    -------
    str
        ``"1-8"`` (training), ``"9"`` (validation) or ``"10"`` (test).

    Raises
    ------
    InputError
        Any other number.
    """
    if fold == FOLDS_1_TO_8 or 1 <= fold <= 8:
        return "1-8"
    if fold in (9, 10):
        return str(fold)
    raise InputError(
        "fold", f"1 to 10, or {FOLDS_1_TO_8} for one of 1 to 8", str(fold), "Ingest ptbxl again."
    )


def read_tables(source, version):
    """Read the tables of a folder.

    Parameters
    ----------
    source : Path
    version : {"1.0.3", "1.0.1"}
        Decides where both kinds of table know a record and its superclasses differ: for 1.0.3 the superclass list
        does (the statements are then of an earlier release, and give way), for 1.0.1 the statements.

    Returns
    -------
    rows : mapping of str to Row
        Five-digit ecg_id to what is known.
    complete : bool
        The publisher's own table is there: every record has its row.

    Raises
    ------
    InputError
        No such table; one that is damaged, lacks a column, names a record twice or disagrees with another.
    """
    whole = source / "ptbxl_database.csv"
    complete = whole.exists()
    tables = [whole] if complete else sorted(source.glob("ptbxl_database*.csv"))
    lists = [] if complete else sorted(source.glob("superclass_labels_all_*.csv"))
    if not tables and not lists:
        raise InputError(source, "PTB-XL's ptbxl_database.csv", "no such file" if source.is_dir() else "no such folder",
                         "Give the folder that holds ptbxl_database.csv and records100/ or records500/.")  # fmt: skip
    return _read(_stamped(tables), _stamped(lists), version), complete


def _stamped(paths):
    """Paths with what changes when a file does."""
    try:
        return tuple((path, path.stat().st_mtime_ns, path.stat().st_size) for path in paths)
    except OSError as error:
        raise InputError(paths[0], "a file that can be read", str(error), "Fetch it again.") from error


@lru_cache(maxsize=4)  # processes that read records side by side open the folder once per record
def _read(tables, lists, version):
    rows = _merged(tables, _database_rows)
    for unit, (names, fold) in _merged(lists, _list_rows).items():
        row = rows.setdefault(unit, Row("unknown", superclass_codes(names), fold))
        if fold_group(row.fold) != fold_group(fold):
            raise InputError(lists[0][0], f"record {unit} in the fold of {tables[0][0].name}, {row.fold}",
                             f"folds {fold_group(fold)}", "Use tables of one release.")  # fmt: skip
        if version == "1.0.3" and not _same_superclasses(row.codes, names):
            rows[unit] = row._replace(codes=superclass_codes(names))
    return MappingProxyType(rows)


def _same_superclasses(codes, names):
    return codes == superclass_codes(names) or superclasses(codes) == set(names)


def _merged(files, parse):
    """Rows of several tables as one dict; a record that two of them tell differently is refused."""
    merged = {}
    for path, *_ in files:
        rows = parse(path)
        differing = sorted(unit for unit, row in rows.items() if merged.get(unit, row) != row)
        if differing:
            raise InputError(path, "what the other tables of the folder say",
                             f"{len(differing)} records told differently {differing[:3]}",
                             "Keep the tables of one release.")  # fmt: skip
        merged |= rows
    return merged


def _database_rows(path):
    return {
        unit: Row(patient.removesuffix(".0") or "unknown", _statements(path, unit, codes), int(float(fold)))
        for unit, patient, codes, fold in read_columns(path, _DATABASE)
    }


def _statements(path, unit, text):
    """Keys of ``{'NORM': 100.0, 'SR': 0.0}`` in their order; the likelihoods are left out."""
    try:
        codes = tuple(ast.literal_eval(text))
    except (ValueError, SyntaxError) as error:  # 007 is no number
        raise InputError(
            path, "statements with likelihoods", f"{text[:80]} for {unit}", "Fetch it again."
        ) from error
    unknown = [code for code in codes if code not in STATEMENTS]
    if unknown:
        raise InputError(path, "statements among the 71 of scp_statements.csv", f"{unknown} for record {unit}",
                         "Fetch the table again, or take them out.")  # fmt: skip
    return codes


def _list_rows(path):
    return {
        unit: (
            tuple(name for name, flag in zip(SUPERCLASSES, flags, strict=True) if flag == "1"),
            _SPLITS[split],
        )
        for unit, *flags, split in read_columns(path, _SUPERCLASS_LIST)
    }


def read_columns(path, patterns):
    """Read columns of a CSV of records as text.

    Parameters
    ----------
    path : Path
    patterns : dict of str to str
        Column to the regular expression that each of its values matches; the first is `ecg_id`.

    Returns
    -------
    list of list of str, (n_rows, n_columns)
        In the order of `patterns`; ecg_id with five digits, each once.

    Raises
    ------
    InputError
        A file that is no such table, or larger than `MAX_BYTES`, `MAX_LINES` or `MAX_LINE` allow.
    """
    data, units = _checked_bytes(path), set()
    try:
        lines = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        header = next(lines, [])
        select = _selection(path, header, patterns)
        rows = [select(row, lines.line_num) for row in lines if row]
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(
            path, "a comma-separated table in UTF-8", str(error)[:200], "Fetch the table again."
        ) from error
    for row in rows:
        row[0] = row[0].removesuffix(".0").zfill(5)
        if row[0] in units:
            raise InputError(path, "each record once", f"{row[0]} named again", "Fetch the table again.")
        units.add(row[0])
    return rows


def _selection(path, header, patterns):
    """Return a function from a row and its line to the values of the columns, which it checks."""
    missing = [name for name in patterns if header.count(name) != 1]
    if missing:
        raise InputError(path, f"columns {', '.join(patterns)}, each once", f"{', '.join(missing)} missing or repeated",
                         "Fetch the table again.")  # fmt: skip
    places = [(name, header.index(name), re.compile(pattern)) for name, pattern in patterns.items()]

    def select(row, line):
        if len(row) != len(header):
            raise InputError(path, f"{len(header)} values a row, as the header has", f"{len(row)} in line {line}",
                             "Fetch the table again.")  # fmt: skip
        for name, place, pattern in places:
            if not pattern.fullmatch(row[place]):
                raise InputError(path, f"values of `{name}` of the form {pattern.pattern[:60]}",
                                 f"{row[place][:60]!r} in line {line}", "Fetch the table again.")  # fmt: skip
        return [row[place] for _, place, _ in places]

    return select


def _checked_bytes(path):
    """The file's bytes, unless reading them as a table could take unbounded time or memory."""
    try:
        size = path.stat().st_size if path.is_file() else -1
        data = path.read_bytes() if 0 <= size <= MAX_BYTES else b""
    except OSError as error:
        raise InputError(path, "a file that can be read", str(error), "Fetch it again.") from error
    lines, zeros = data.count(b"\n") + data.count(b"\r"), data.count(0)
    longest = max(map(len, data.split(b"\n"))) if lines <= MAX_LINES else 0
    if not data or zeros or lines > MAX_LINES or longest > MAX_LINE:
        limits = f"{MAX_BYTES >> 20} MiB, {MAX_LINES:,} lines and {MAX_LINE:,} bytes a line"
        found = f"{size:,} bytes, {lines:,} lines, the longest of {longest:,}, {zeros:,} zero bytes"
        raise InputError(path, f"a CSV of at most {limits}, no zero bytes", found, "Fetch the table again.")
    return data
