"""PTB-XL: 21,799 clinical 12-lead recordings of 10 s from 18,869 patients, with SCP-ECG statements.

Source: Wagner P et al., Scientific Data 7:154 (2020); physionet.org ptb-xl 1.0.1 and 1.0.3 (CC BY 4.0). Shipped at
100 Hz (`records100/`) and 500 Hz (`records500/`) with `ptbxl_database.csv`; `ptbxl_tables` tells what is read of it.
Statements are kept whatever their likelihood, 0 (that of most form and rhythm statements) included: the
benchmark's label tasks aggregate over all keys of `scp_codes` (helme/ecg_ptbxl_benchmarking, code/utils/utils.py,
`compute_label_aggregations`; Strodthoff N et al., IEEE J Biomed Health Inform 25:1519 (2021)).

Releases: 1.0.1 has 21,837 records, 1.0.2 has 21,801, 1.0.3 has 21,799. What version 1.0.3 gives from a folder of 1.0.1
is the same records, not always the same labels: of 6,131 records whose 1.0.1 statements were compared with the
superclasses of 1.0.3, two differ, both next to a removed duplicate (03796: MI became none; 09822: CD and MI became
MI). Their folds agree in all 6,131.
"""

import re
from functools import cached_property
from pathlib import Path

from ecgrepro.corpora.dataset import DataSet
from ecgrepro.corpora.ptbxl_tables import read_tables
from ecgrepro.corpora.record import Record
from ecgrepro.corpora.wfdb_files import read_signal
from ecgrepro.errors import InputError, SettingsError

VERSIONS = ("1.0.3", "1.0.1")
#: Sampling rate in Hz to the suffix of its files.
SUFFIXES = {100: "lr", 500: "hr"}
LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
SECONDS = 10
#: The records of 1.0.1 that 1.0.3 removed as duplicates: the 38 of 1 to 21,837 that its list of 21,799 lacks.
DUPLICATES = frozenset(
    f"{number:05d}"
    for number in (
        137, 139, 140, 141, 142, 143, 145, 456, 458, 459, 461, 462, 2506, 2511, 3795, 3798, 3800, 3801, 3832,
        5817, 7777, 7779, 7782, 9821, 9825, 9888, 11810, 11814, 11815, 11817, 11838, 13791, 13793, 13796, 13797,
        13799, 15742, 18150,
    )
)  # fmt: skip
#: Where a partial copy may keep the 100 Hz files of `DUPLICATES` aside.
ASIDE = "v1.0.1_only"

#: Published counts for the audit: records per release; per part of the split (1.0.3; see `fold_group`); per
#: superclass, a record in several of them counted in each (the publisher's pages of both releases; the 1.0.3 ones
#: and those of "none" and of the folds recounted over its list of 21,799).
RECORDS = {"1.0.3": 21_799, "1.0.1": 21_837}
FOLD_SIZES = {"1-8": 17_418, "9": 2_183, "10": 2_198}
SUPERCLASS_COUNTS = {
    "1.0.3": {"NORM": 9514, "MI": 5469, "STTC": 5235, "CD": 4898, "HYP": 2649, "none": 411},
    "1.0.1": {"NORM": 9528, "MI": 5486, "STTC": 5250, "CD": 4907, "HYP": 2655},
}


class Reader:
    """Reads one rate and one release; a unit is a record, named by its five-digit ecg_id.

    With the publisher's `ptbxl_database.csv` every row and every file is a unit, so that reading says what is
    missing. A partial copy (see `ptbxl_tables`) gives what is there: records whose statements are not known have
    ``superdiagnostic:MI`` and the like as codes, fold -8 where it is one of 1 to 8, and patient "unknown".

    Parameters
    ----------
    source : str or Path
        Folder with `ptbxl_database.csv` and `records100/` or `records500/`.
    fs : {100, 500}
        Sampling rate in Hz.
    version : {"1.0.3", "1.0.1"}
        The release to read; 1.0.3 leaves out what it removed where an earlier release is at hand.

    Attributes
    ----------
    duplicates : list of str
        Those of `DUPLICATES` that the folder holds: none in 1.0.3, two in 1.0.2, all in 1.0.1.

    Raises
    ------
    SettingsError
        Another rate or release.
    InputError
        A folder without the tables, a damaged table; from `units`, no records of this rate or not of this
        release; from `read`, a damaged record or one without a row.
    """

    def __init__(self, source, fs=100, version="1.0.3"):
        self.source = Path(source)
        self.options = {
            "fs": _option("fs", fs, tuple(SUFFIXES)),
            "version": _option("version", version, VERSIONS),
        }
        self._records = self.source / f"records{self.options['fs']}"
        self._rows, self._complete = read_tables(self.source, version)

    def __reduce__(self):
        # a process that reads beside this one is told where, and reads the tables itself: they are large
        return type(self), (self.source, *self.options.values())

    @cached_property
    def _files(self):
        """Unit to bytes of its signal file, 0 where there is a header alone."""
        folders = self.source.glob(f"{self._records.name}/[0-9]*")
        found = {}
        for folder in (*folders, self.source / ASIDE):
            for unit, size in self._sizes(folder):
                found[unit] = max(size, found.get(unit, 0))
        return found

    def _sizes(self, folder):
        """Yield unit and bytes of signal of every file that lies where it should."""
        name = re.compile(rf"([0-9]{{5}})_{SUFFIXES[self.options['fs']]}\.(hea|dat)")
        for path in folder.iterdir() if folder.is_dir() else ():
            match = name.fullmatch(path.name)
            if match and (
                match[1] in DUPLICATES if folder.name == ASIDE else _block(match[1]) == folder.name
            ):
                yield match[1], path.stat().st_size if match[2] == "dat" and path.is_file() else 0

    @cached_property
    def _all(self):
        return set(self._files) | (set(self._rows) if self._complete else set())

    @property
    def duplicates(self):
        return sorted(self._all & DUPLICATES)

    def units(self):
        if not self._files:
            example = f"{self._records.name}/00000/00001_{SUFFIXES[self.options['fs']]}.hea and the like"
            raise InputError(self.source, example, "no such file",
                             "Fetch the records of this rate, or choose the other fs.")  # fmt: skip
        if self.options["version"] == "1.0.1":
            self._check_duplicates()
            return sorted(self._all)
        return sorted(self._all - DUPLICATES)

    def _check_duplicates(self):
        # a small table of 1.0.1 holds those of its range, a partial copy some of them
        expected = {unit for unit in DUPLICATES if unit <= max(self._all)}
        if not self.duplicates or (self._complete and expected - self._all):
            raise InputError(self.source, f"PTB-XL 1.0.1, with the {len(DUPLICATES)} records that 1.0.3 removed",
                             f"{len(self.duplicates)} of them: a later release",
                             "Read it as version 1.0.3, or fetch 1.0.1.")  # fmt: skip

    def size(self):
        return sum(self._files.values())

    def read(self, unit):
        row = self._rows.get(unit)
        if row is None:
            raise InputError(self.source / "ptbxl_database.csv", f"a row for record {unit}", "none",
                             "Table and records must be one release: fetch the table again.")  # fmt: skip
        path = self._path(unit)
        fields = read_signal(path)
        del fields["comments"]
        _check_signal(path, fields, self.options["fs"])
        return [Record(unit, row.patient_id, codes=row.codes, fold=row.fold, **fields)]

    def _path(self, unit):
        name = f"{unit}_{SUFFIXES[self.options['fs']]}"
        aside = self.source / ASIDE / name
        if unit in DUPLICATES and aside.with_suffix(".hea").exists():
            return aside
        return self._records / _block(unit) / name


def _block(unit):
    """The folder of a record: a thousand ids each."""
    return f"{unit[:2]}000"


def _option(name, value, known):
    if value not in known:
        raise SettingsError(
            name, f"one of {', '.join(map(str, known))}", repr(value), "See `ecgrepro data list`."
        )
    return known[known.index(value)]  # 100.0 is 100


def _check_signal(path, fields, fs):
    leads, shape = tuple(name.upper() for name in fields["leads"]), fields["signal"].shape
    wanted = tuple(name.upper() for name in LEADS), (SECONDS * fs, len(LEADS)), fs
    if (leads, shape, fields["fs"]) != wanted:
        raise InputError(path.with_suffix(".hea"), f"{SECONDS * fs} samples at {fs} Hz of the leads {', '.join(LEADS)}",
                         f"{shape[0]} at {fields['fs']:g} Hz of {', '.join(fields['leads'])[:120]}",
                         "Fetch header and signal again.")  # fmt: skip


DATA_SET = DataSet(
    name="ptbxl",
    title="PTB-XL, a large publicly available electrocardiography dataset",
    url="https://physionet.org/content/ptb-xl/1.0.3/",
    licence="Creative Commons Attribution 4.0",
    non_commercial=False,
    layout="ptbxl_database.csv beside records100/00000/00001_lr.hea, .dat ... and records500/00000/00001_hr.hea ...",
    facts="21,799 records of 18,869 patients (1.0.3), 10 s, 12 leads, 100 and 500 Hz; folds 1-8, 9, 10 by patient.",
    reader=Reader,
    options=("fs", "version"),
    classes="71 SCP-ECG statements: 44 diagnostic (23 subclasses, 5 superclasses), 19 form, 12 rhythm",
    # the zip of both rates, 1.7 GB as the publisher rounds it
    records=RECORDS["1.0.3"],
)
