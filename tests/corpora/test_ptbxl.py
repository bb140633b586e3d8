"""PTB-XL is read at both rates and in both releases, whole or in part, and every damaged file is told by name."""

import pickle
from collections import Counter

import numpy as np
import pytest
import wfdb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecgrepro.corpora import ptbxl
from ecgrepro.corpora.corpus_unit import read_unit
from ecgrepro.corpora.ptbxl_tables import fold_group
from ecgrepro.errors import InputError, SettingsError
from tests.corpora import ptbxl_folder as published

NUMBERS = [1, 2, 999, 1000, 21837]
UNITS = ["00001", "00002", "00999", "01000", "21837"]


@pytest.fixture
def folder(tmp_path):
    return published.write(tmp_path / "ptbxl", NUMBERS, rates=(100, 500))


@pytest.mark.parametrize("fs", [100, 500])
def test_a_record_comes_back(folder, fs):
    text = published.table(published.row(2, "13243.0", "{'SBRAD': 0.0, 'NORM': 80.0}", 10))
    (folder / "ptbxl_database.csv").write_text(text)
    (record,) = ptbxl.Reader(folder, fs).read("00002")
    np.testing.assert_array_equal(record.signal, published.signal(2, fs))
    assert record.signal.dtype == np.int16
    assert (record.record_id, record.patient_id, record.fold, record.fs) == ("00002", "13243", 10, fs)
    assert record.leads == ptbxl.LEADS
    assert record.codes == ("SBRAD", "NORM")
    np.testing.assert_array_equal(record.gain, [1000] * 12)


def test_lead_names_are_the_headers(folder):
    leads = [name.upper() for name in ptbxl.LEADS]
    published.write_record(published.path_of(folder, 2), published.signal(2), leads=leads)
    assert ptbxl.Reader(folder).read("00002")[0].leads == tuple(leads)


def test_units_are_the_ids_in_order(folder):
    reader = ptbxl.Reader(folder)
    assert reader.units() == UNITS
    assert reader.duplicates == []
    assert reader.size() == 5 * 1000 * 12 * 2
    assert ptbxl.Reader(folder, 500).size() == 5 * 5000 * 12 * 2


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"fs": 250}, "one of 100, 500"),
        ({"fs": "100"}, "'100'"),
        ({"version": "1.0.2"}, "one of 1.0.3, 1.0.1"),
    ],
)
def test_an_unknown_rate_or_release_is_refused(folder, options, match):
    with pytest.raises(SettingsError, match=match):
        ptbxl.Reader(folder, **options)


def test_a_rate_given_as_a_float_is_the_same_rate(folder):
    assert ptbxl.Reader(folder, 100.0).options == {"fs": 100, "version": "1.0.3"}
    assert ptbxl.Reader(folder, 100.0).units() == UNITS


def test_a_patient_that_is_missing_is_unknown(folder):
    text = published.table("2,,,,\"{'NORM': 80.0}\",10,,")
    (folder / "ptbxl_database.csv").write_text(text)
    assert ptbxl.Reader(folder).read("00002")[0].patient_id == "unknown"


def refused(folder, unit, match):
    """Reading one record is refused, ingest sets it aside, and the others are read."""
    reader = ptbxl.Reader(folder)
    with pytest.raises(InputError, match=match):
        reader.read(unit)
    left = [name for name in reader.units() if read_unit(reader, name).quarantined]
    assert left == [unit]
    assert len(reader.units()) == len(UNITS) + (unit not in UNITS)


@pytest.mark.parametrize("suffix", [".dat", ".hea"])
def test_a_missing_file_is_told(folder, suffix):
    published.path_of(folder, 2).with_suffix(suffix).unlink()
    refused(folder, "00002", "00002_lr")


def test_a_link_that_leads_nowhere_is_told(folder):
    path = published.path_of(folder, 2).with_suffix(".dat")
    path.unlink()
    path.symlink_to("gone")
    assert ptbxl.Reader(folder).size() == 4 * 1000 * 12 * 2
    refused(folder, "00002", "00002_lr")


def test_a_row_without_files_is_told(folder):
    rows = map(published.row, [*NUMBERS, 77])
    (folder / "ptbxl_database.csv").write_text(published.table(*rows))
    refused(folder, "00077", "00077_lr")


def test_files_without_a_row_are_told(folder):
    published.write_record(published.path_of(folder, 77), published.signal(77))
    refused(folder, "00077", r"ptbxl_database\.csv.*a row for record 00077")


def test_a_file_in_another_folder_is_not_taken_for_the_record(folder):
    published.path_of(folder, 2).with_suffix(".hea").rename(folder / "records100" / "01000" / "00002_lr.hea")
    refused(folder, "00002", "00002_lr")


@pytest.mark.parametrize(
    "change",
    [
        {"values": published.signal(2)[:-1]},
        {"values": published.signal(2)[:, :11], "leads": ptbxl.LEADS[:11]},
        {"fs": 500},
        {"leads": ("II", "I", *ptbxl.LEADS[2:])},
    ],
    ids=["shorter", "eleven leads", "another rate", "another order"],
)
def test_a_record_of_another_form_is_told(folder, change):
    arguments = {"values": published.signal(2)} | change
    published.write_record(published.path_of(folder, 2), **arguments)
    refused(folder, "00002", r"00002_lr\.hea.*1000 samples at 100 Hz of the leads I, II")


def test_a_checksum_that_disagrees_is_told(folder):
    path = published.path_of(folder, 2).with_suffix(".dat")
    data = bytearray(path.read_bytes())
    data[50] ^= 1
    path.write_bytes(data)
    refused(folder, "00002", "00002_lr")


def test_a_wrong_folder_is_told(tmp_path, folder):
    with pytest.raises(
        InputError, match="nowhere.*no such folder.*Give the folder that holds ptbxl_database"
    ):
        ptbxl.Reader(tmp_path / "nowhere")
    with pytest.raises(InputError, match="no such file"):
        ptbxl.Reader(folder / "records100")
    with pytest.raises(InputError, match="no such folder"):
        ptbxl.Reader(folder / "ptbxl_database.csv")


def test_a_rate_without_files_is_told(tmp_path):
    folder = published.write(tmp_path / "ptbxl", NUMBERS)
    with pytest.raises(InputError, match=r"records500/00000/00001_hr\.hea.*choose the other fs"):
        ptbxl.Reader(folder, 500).units()


def test_an_unknown_unit_is_told(folder):
    with pytest.raises(InputError, match="a row for record 1"):
        ptbxl.Reader(folder).read("1")


def test_the_later_release_leaves_the_duplicates_out(tmp_path):
    folder = published.write(tmp_path / "ptbxl", [136, 137, 138])
    reader = ptbxl.Reader(folder)
    assert (reader.units(), reader.duplicates) == (["00136", "00138"], ["00137"])


def test_the_earlier_release_has_them(tmp_path):
    folder = published.write(tmp_path / "ptbxl", [136, 137, 138])
    assert ptbxl.Reader(folder, version="1.0.1").units() == ["00136", "00137", "00138"]


@pytest.mark.parametrize("numbers", [[1, 2], [136, 137, 138, 139, 141], [136, 138, 21837]])
def test_the_earlier_release_is_refused_where_its_records_are_not(tmp_path, numbers):
    folder = published.write(tmp_path / "ptbxl", numbers)
    with pytest.raises(InputError, match=r"the 38 records that 1\.0\.3 removed.*Read it as version 1\.0\.3"):
        ptbxl.Reader(folder, version="1.0.1").units()


@pytest.fixture
def partial(tmp_path):
    """Rows of 1, 2 and 137, superclasses of 1 to 4, files of 1 to 4 and 9, and 137 aside."""
    folder = published.write(tmp_path / "ptbxl", [1, 2, 3, 4, 9], name="ptbxl_database_partial.csv")
    published.write_record(folder / ptbxl.ASIDE / "00137_lr", published.signal(137))
    rows = [published.row(number) for number in (1, 2, 137, 500)]
    (folder / "ptbxl_database_partial.csv").write_text(published.table(*rows))
    lines = ["ecg_id,NORM,MI,STTC,CD,HYP,split", "1,1,0,0,0,0,folds1-8", "2,1,0,0,0,0,folds1-8",
             "3,0,1,0,0,1,fold10", "4,0,0,0,0,0,folds1-8"]  # fmt: skip
    (folder / "superclass_labels_all_4.csv").write_text("\n".join([*lines, ""]))
    return folder


def test_a_partial_copy_gives_what_is_there(partial):
    reader = ptbxl.Reader(partial)
    assert reader.units() == ["00001", "00002", "00003", "00004", "00009"]
    records = [reader.read(unit)[0] for unit in reader.units()[:-1]]
    assert [record.codes for record in records] == [
        ("NORM", "LVOLT", "SR"),
        ("NORM", "LVOLT", "SR"),
        ("superdiagnostic:MI", "superdiagnostic:HYP"),
        ("superdiagnostic:",),
    ]
    assert [record.fold for record in records] == [3, 3, 10, -8]
    assert [record.patient_id for record in records] == ["7001", "7002", "unknown", "unknown"]
    with pytest.raises(InputError, match="a row for record 00009"):
        reader.read("00009")


def test_records_that_lie_aside_belong_to_the_earlier_release(partial):
    reader = ptbxl.Reader(partial, version="1.0.1")
    assert reader.units() == ["00001", "00002", "00003", "00004", "00009", "00137"]
    np.testing.assert_array_equal(reader.read("00137")[0].signal, published.signal(137))
    assert ptbxl.Reader(partial).duplicates == ["00137"]


def test_what_is_sent_to_another_process_is_small_and_reads_the_same(folder):
    reader = ptbxl.Reader(folder, 500)
    data = pickle.dumps(reader)
    assert len(data) < 500
    copy = pickle.loads(data)
    assert (copy.options, copy.units()) == (reader.options, reader.units())
    np.testing.assert_array_equal(copy.read("00002")[0].signal, reader.read("00002")[0].signal)


def test_the_card_is_that_of_the_later_release():
    card = ptbxl.DATA_SET
    assert (card.name, card.records, card.reader) == ("ptbxl", 21_799, ptbxl.Reader)
    assert sum(ptbxl.FOLD_SIZES.values()) == card.records
    assert ptbxl.RECORDS["1.0.1"] - ptbxl.RECORDS["1.0.3"] == len(ptbxl.DUPLICATES)


@given(
    place=st.integers(0, 800),
    value=st.binary(max_size=8),
    cut=st.integers(0, 8),
    suffix=st.sampled_from([".hea", ".dat"]),
)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_files_give_a_record_or_an_input_error(folder, place, value, cut, suffix):
    path = published.path_of(folder, 2).with_suffix(suffix)
    whole = path.read_bytes()
    path.write_bytes(whole[:place] + value + whole[place + cut :])
    try:
        (record,) = ptbxl.Reader(folder).read("00002")
    except InputError:
        return
    finally:
        path.write_bytes(whole)
    assert record.signal.shape == (1000, 12)


@pytest.mark.parametrize(
    ("fs", "version", "count"),
    [(100, "1.0.3", 987), (100, "1.0.1", 999), (500, "1.0.3", 488), (500, "1.0.1", 500)],
)
def test_the_real_copy_is_read_in_both_releases(real, fs, version, count):
    reader = ptbxl.Reader(real("ptbxl"), fs, version)
    assert (len(reader.units()), len(reader.duplicates)) == (count, 12)


def test_the_real_folds_are_the_published_ones(real):
    reader = ptbxl.Reader(real("ptbxl"))
    records = [reader.read(unit)[0] for unit in reader.units()]
    assert Counter(fold_group(record.fold) for record in records) == {"1-8": 723, "9": 136, "10": 128}
    assert sum(record.patient_id != "unknown" for record in records) == 649


@pytest.mark.parametrize("fs", [100, 500])
def test_real_samples_equal_wfdbs(real, fs):
    source = real("ptbxl")
    reader = ptbxl.Reader(source, fs, "1.0.1")
    for unit in np.random.default_rng(fs).choice(reader.units(), 20, replace=False):
        (record,) = reader.read(unit)
        name = f"{unit}_{ptbxl.SUFFIXES[fs]}"
        (path,) = source.rglob(f"{name}.hea")
        reference = wfdb.rdrecord(str(path.with_suffix("")), physical=False, return_res=16)
        np.testing.assert_array_equal(record.signal, reference.d_signal)
        physical = wfdb.rdrecord(str(path.with_suffix(""))).p_signal
        np.testing.assert_array_equal(record.millivolts(), physical)
