"""PTB-XL's layout: what is written is what the reader and the wfdb package expect."""

import ast
import csv

import numpy as np
import pytest
import wfdb

from ecgrepro.corpora import ptbxl
from ecgrepro.corpora.scp_statements import STATEMENTS
from ecgrepro.corpora.synthetic_ptbxl import COLUMNS, decimate, draw_statements, patient_fold, write_ptbxl
from ecgrepro.corpora.synthetic_sites import PTBXL, site_cases
from ecgrepro.errors import SettingsError

RECORDS = 40


@pytest.fixture(scope="module")
def cases():
    return list(site_cases(PTBXL, 1, RECORDS, 0.04))


@pytest.fixture(scope="module")
def folder(cases, tmp_path_factory):
    return write_ptbxl(tmp_path_factory.mktemp("made") / "ptbxl", cases, seed=1)


@pytest.fixture(scope="module")
def table(folder):
    with open(folder / "ptbxl_database.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_table_has_the_published_columns_in_order(folder):
    assert (folder / "ptbxl_database.csv").read_text().splitlines()[0] == ",".join(COLUMNS)
    assert len(COLUMNS) == 28


def test_table_has_the_published_forms(table):
    for number, row in enumerate(table, 1):
        assert row["ecg_id"] == str(number)
        assert row["patient_id"].endswith(".0")
        assert row["filename_lr"] == f"records100/00000/{number:05d}_lr"
        assert row["filename_hr"] == f"records500/00000/{number:05d}_hr"
        assert row["validated_by_human"] in ("True", "False")
        assert all(isinstance(value, float) for value in ast.literal_eval(row["scp_codes"]).values())
        assert "synthetisch" in row["report"]
    assert [row["recording_date"] for row in table] == sorted(row["recording_date"] for row in table)


def test_folds_are_by_patient_and_checked_ones_validated_by_humans(table):
    folds = {}
    for row in table:
        assert folds.setdefault(row["patient_id"], row["strat_fold"]) == row["strat_fold"]
        if int(row["strat_fold"]) >= 9:
            assert row["validated_by_human"] == "True"
    assert len(folds) < RECORDS


def test_folds_are_even():
    counts = np.bincount([patient_fold(patient, 3) for patient in range(1000)], minlength=11)
    assert counts[0] == 0
    assert counts[1:].min() > 95


def test_statement_table_gives_the_six_tasks_their_sizes(folder):
    with open(folder / "scp_statements.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row[""] for row in rows] == list(STATEMENTS)
    diagnostic = [row for row in rows if row["diagnostic"] == "1.0"]
    sizes = [
        len(rows),
        len(diagnostic),
        *(sum(row[kind] == "1.0" for row in rows) for kind in ("form", "rhythm")),
    ]
    assert sizes == [71, 44, 19, 12]
    assert len({row["diagnostic_subclass"] for row in diagnostic}) == 23
    assert len({row["diagnostic_class"] for row in diagnostic}) == 5
    assert len(rows[0]) == 13


@pytest.mark.parametrize("fs", [100, 500])
def test_reader_gets_back_signal_patient_fold_and_statements(folder, cases, table, fs):
    reader = ptbxl.Reader(folder, fs=fs)
    assert reader.units() == [case.record.record_id for case in cases]
    for case, row, unit in zip(cases, table, reader.units(), strict=True):
        (record,) = reader.read(unit)
        expected = case.record.signal if fs == 500 else decimate(case.record.signal)
        np.testing.assert_array_equal(record.signal, expected)
        assert set(case.record.codes) <= set(record.codes)
        assert record.fold == int(row["strat_fold"])
        assert f"{record.patient_id}.0" == row["patient_id"]
        assert int(record.patient_id) == int(case.record.patient_id) + 1


def test_wfdb_reads_the_same_and_writes_the_same_bytes(folder, cases, tmp_path):
    record = wfdb.rdrecord(str(folder / "records500" / "00000" / "00003_hr"), physical=False)
    np.testing.assert_array_equal(record.d_signal, cases[2].record.signal)
    assert record.sig_name == ["I", "II", "III", "AVR", "AVL", "AVF", "V1", "V2", "V3", "V4", "V5", "V6"]
    record.wrsamp(write_dir=str(tmp_path))
    for suffix in ("hea", "dat"):
        ours = folder / "records500" / "00000" / f"00003_hr.{suffix}"
        assert ours.read_bytes() == (tmp_path / f"00003_hr.{suffix}").read_bytes()


def test_decimation_keeps_what_is_slow_and_removes_what_is_fast():
    time = np.arange(5000) / 500
    slow, fast = (np.rint(1000 * np.sin(2 * np.pi * f * time)).astype(np.int16)[:, None] for f in (8, 120))
    np.testing.assert_allclose(decimate(slow)[20:-20], slow[::5][20:-20], atol=15)
    assert np.abs(decimate(fast)[20:-20]).max() < 20
    assert decimate(slow).dtype == np.int16


def test_decimation_saturates_instead_of_wrapping():
    step = np.repeat(np.array([-32767, 32767], np.int16), 500)[:, None]
    assert decimate(step)[110:].min() > 30_000


def test_diagnoses_have_likelihoods_form_and_rhythm_have_none():
    for seed in range(20):
        statements = draw_statements(np.random.default_rng(seed), ("IMI", "LVH", "PVC", "SR"))
        for name, likelihood in statements.items():
            assert (likelihood >= 50) == STATEMENTS[name].diagnostic
        assert list(statements)[:2] == ["IMI", "LVH"]
        assert list(statements)[-1] == "SR"


def test_same_arguments_give_the_same_bytes(tmp_path):
    one, two = (write_ptbxl(tmp_path / name, site_cases(PTBXL, 5, 3), seed=5) for name in ("one", "two"))
    files = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
    assert len(files) == 3 * 4 + 3
    assert all((one / path).read_bytes() == (two / path).read_bytes() for path in files)


def test_records_lists_every_file(folder):
    names = (folder / "RECORDS").read_text().split()
    assert len(names) == 2 * RECORDS
    assert all((folder / f"{name}.{suffix}").exists() for name in names for suffix in ("hea", "dat"))


def test_a_destination_with_something_in_it_is_refused(tmp_path, cases):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(SettingsError):
        write_ptbxl(tmp_path, cases[:1])
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
