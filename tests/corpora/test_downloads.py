"""The table of downloads: entries that can be fetched, and patterns that take what they mean and nothing else."""

import re
from pathlib import PurePosixPath

import pytest

from ecgrepro.corpora.downloads import DOWNLOADS, Download, File, digest_of_lines, download, limit
from ecgrepro.corpora.fetch_plan import chooser, read_list
from ecgrepro.errors import SettingsError

TAKEN = {
    "mitbih_arrhythmia": ("100.hea", "234.dat", "109.atr", "RECORDS"),
    "svdb": ("800.hea", "894.atr"),
    "nstdb": ("bw.dat", "em.hea", "ma.hea", "118e_6.atr", "119e24.dat"),
    "ptbxl": ("ptbxl_database.csv", "scp_statements.csv", "records100/21000/21837_lr.dat"),
    "georgia": ("g1/E00001.mat", "g11/E10344.hea"),
    "cpsc2018": ("g7/A6877.mat",),
    "cpsc2018_extra": ("g1/Q0001.hea",),
    "st_petersburg": ("g1/I0001.mat",),
    "ptb": ("g1/S0001.mat",),
    "challenge_ptbxl": ("g22/HR21837.mat",),
    "chapman_shaoxing": ("g1/JS00001.mat",),
    "ningbo": ("g35/JS45551.hea",),
    "butqdb": ("100001/100001_ECG.dat", "100001/100001_ECG.hea", "124001/124001_ANN.csv", "subject-info.csv"),
    "icentia11k": ("p00/p00000/p00000_s00.dat", "p10/p10999/p10999_s49.atr"),
}
TAKEN["ptbxl_1.0.1"] = TAKEN["ptbxl"]
LEFT = {
    "mitbih_arrhythmia": ("102-0.atr", "100.xws", "mitdbdir/intro.htm", "x_mitdb/x_108.dat"),
    "svdb": ("800.hea-", "800.xws"),
    "ptbxl": ("records500/00000/00001_hr.dat", "example_physionet.py"),
    "butqdb": ("100001/100001_ACC.dat", "100001/100002_ECG.dat"),
    "icentia11k": ("p00/p00000/p00001_s00.dat", "RECORDS"),
}
NEVER = (
    "../100.dat",
    "/100.dat",
    "a/../100.dat",
    "..",
    "g1/../E1.mat",
    "p00/../p00000_s00.dat",
    "١٠٠.dat",
    "100.dat\n",
)


@pytest.mark.parametrize("name", TAKEN)
def test_a_pattern_takes_the_published_names_and_no_others(name):
    chosen = chooser(DOWNLOADS[name], {})
    assert [file for file in TAKEN[name] if not chosen(file)] == []
    assert [file for file in (*LEFT.get(name, ()), *NEVER) if chosen(file)] == []


def test_every_listed_entry_is_tested():
    assert set(TAKEN) == {name for name, entry in DOWNLOADS.items() if entry.pattern}


@pytest.mark.parametrize("entry", DOWNLOADS.values(), ids=list(DOWNLOADS))
def test_an_entry_is_complete(entry):
    assert all(re.fullmatch(r"https://[\w.-]+/.*/", mirror) for mirror in entry.mirrors)
    assert entry.licence
    assert entry.page.startswith("https://")
    assert entry.size() > 1_000_000
    assert bool(entry.mirrors) != bool(entry.drive)
    assert bool(entry.pattern) == bool(entry.list_size) == bool(entry.bytes_of)
    for file in (*entry.files, *entry.drive, *entry.drive_folders):
        assert ".." not in PurePosixPath(file.name).parts
        assert 0 < file.size < 1 << 33
    names = [file.name for file in (*entry.files, *entry.drive, *entry.drive_folders)]
    assert len(set(names)) == len(names)


def test_only_icentia_and_what_stems_from_it_is_not_for_commerce():
    assert {name for name, entry in DOWNLOADS.items() if entry.non_commercial} == {
        "icentia11k",
        "class_report",
    }


def test_every_data_set_that_can_be_read_can_be_fetched():
    from ecgrepro.corpora.registry import DATA_SETS

    assert set(DATA_SETS) <= set(DOWNLOADS)
    for name, card in DATA_SETS.items():
        assert card.non_commercial == DOWNLOADS[name].non_commercial


def test_icentia_by_patient_is_a_small_part_of_a_tebibyte():
    entry = DOWNLOADS["icentia11k"]
    assert entry.by_patient
    assert 1.0e12 < entry.size() < 1.3e12
    assert not any(other.by_patient for name, other in DOWNLOADS.items() if name != "icentia11k")


def test_expected_sizes_go_by_the_end_of_the_name():
    assert DOWNLOADS["ptbxl"].expected("records500/00000/00001_hr.dat") == 120_000
    assert DOWNLOADS["ptbxl"].expected("records100/00000/00001_lr.dat") == 24_000


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(SettingsError, match="cinc2017.*butqdb"):
        download("mitdb")


def test_the_bound_of_a_file_is_its_exact_size_or_a_multiple():
    assert limit(File("a", 100, exact=True)) == 100
    assert limit(File("a", 1 << 30)) == (8 << 30) + (16 << 20)


def test_hosts_are_those_of_the_mirrors_and_the_named_ones():
    entry = Download("a", "", "", "", mirrors=("https://A.org:8/x/", "https://b.org/"), hosts=("c.org",))
    assert entry.all_hosts == {"a.org:8", "b.org", "c.org"}


def test_a_digest_of_lines_hangs_on_names_and_checksums_not_on_order():
    sums = {"a.dat": "1", "b.dat": "2", "c.hea": "3"}
    digest = digest_of_lines(sums, r"\w\.dat")
    assert digest == digest_of_lines(dict(reversed(sums.items())) | {"c.hea": "4"}, r"\w\.dat")
    assert digest != digest_of_lines(sums | {"b.dat": "1"}, r"\w\.dat")


def test_the_digest_of_svdb_is_that_of_its_published_list(real):
    entry = DOWNLOADS["svdb"]
    sums = dict(read_list(real("svdb") / "SHA256SUMS"))
    assert digest_of_lines(sums, entry.listed_pattern) == entry.listed_sha256
