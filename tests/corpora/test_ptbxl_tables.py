"""PTB-XL's tables are matched with what they may hold, and tables that disagree are not merged in silence."""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecgrepro.corpora import ptbxl, ptbxl_tables
from ecgrepro.corpora.ptbxl_tables import Row, fold_group, read_tables
from ecgrepro.corpora.scp_statements import SUPERCLASSES, superclasses
from ecgrepro.errors import InputError
from tests.corpora.ptbxl_folder import COLUMNS, row, table

GOOD = table(row(1), row(2, "13243", "{'SBRAD': 0.0, 'NORM': 80}", 10))


def read(folder, text, name="ptbxl_database.csv", version="1.0.3"):
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_tables(folder, version)


def test_rows_come_back(tmp_path):
    rows, complete = read(tmp_path, GOOD)
    assert complete
    assert dict(rows) == {
        "00001": Row("7001", ("NORM", "LVOLT", "SR"), 3),
        "00002": Row("13243", ("SBRAD", "NORM"), 10),
    }


@pytest.mark.parametrize("head", ["", "\ufeff"])
def test_byte_order_mark_line_ends_and_other_columns_do_not_matter(tmp_path, head):
    expected = dict(read(tmp_path, GOOD)[0])
    lines = [line + ("" if i else ",more") for i, line in enumerate((head + GOOD).splitlines())]
    lines[1:] = [line + ",é" for line in lines[1:]]
    assert dict(read(tmp_path, "\r\n".join([*lines, ""]))[0]) == expected


DAMAGED = {
    "empty": ("", "0 bytes"),
    "missing columns": (GOOD.replace("strat_fold", "fold").replace("scp_codes", "codes"), "strat_fold missing"),
    "a column twice": (GOOD.replace("age", "ecg_id"), "ecg_id missing or repeated"),
    "a text as id": (GOOD.replace("\n2,", "\ntwo,"), r"`ecg_id`.*'two' in line 3"),
    "a negative id": (GOOD.replace("\n2,", "\n-2,"), "`ecg_id`"),
    "a huge id": (GOOD.replace("\n2,", "\n100000,"), "`ecg_id`"),
    "an id twice": (table(row(1), row(2), row(2)), r"each record once.*00002 named again"),
    "an id twice in other forms": (table(row(2), row("2.0", "1")), "named again"),
    "a fold of 11": (table(row(1, fold=11)), "`strat_fold`.*'11'"),
    "a fold of 0": (table(row(1, fold=0)), "`strat_fold`"),
    "no fold": (table(row(1, fold="")), "`strat_fold`"),
    "a patient with a name": (table(row(1, "Anna")), "`patient_id`.*'Anna'"),
    "no statements": (table(row(1, codes="")), "`scp_codes`"),
    "a list of statements": (table(row(1, codes="['NORM']")), "`scp_codes`"),
    "a call as statement": (table(row(1, codes="{'NORM': exit()}")), "`scp_codes`"),
    "nested statements": (table(row(1, codes="{" * 5000)), "`scp_codes`"),
    "a number that is none": (table(row(1, codes="{'NORM': 007}")), "likelihoods.*00001"),
    "an unknown statement": (table(row(1, codes="{'NORM': 1, 'XYZ': 1}")), r"71.*\['XYZ'\] for record 00001"),
    "one field less": (GOOD.replace("56.0,", "", 1), "8 values a row.*7 in line 2"),
    "a quote never closed": (GOOD.replace('SR\': 0.0}"', "SR': 0.0}"), "a comma-separated table"),
    "one field more": (GOOD.replace("\n2,", "\n2,2,"), "8 values a row.*9 in line 3"),
    "one field more everywhere": (table("0," + row(1), "0," + row(2)), "8 values a row.*9 in line 2"),
    "cut in a row": (GOOD[:-60], "unexpected end of data"),
    "not UTF-8": (GOOD.replace("Bericht", "B\xfcricht").encode("latin1"), "UTF-8"),
    "zero bytes": (GOOD.replace("Bericht", "\0"), "2 zero bytes"),
    "a web page": ("<!DOCTYPE html>\n<html></html>\n", "ecg_id, patient_id, scp_codes, strat_fold missing"),
    "a gigantic field": (GOOD.replace("Bericht", "x" * 70_000), "the longest of 70,"),
    "a gigantic header": (COLUMNS + "," * 70_000 + "\n", "the longest of 70,"),
    "columns without end": ("," * 65_000 + GOOD, "65008 values a row"),
    "rows without end": ("\r\n" * 50_002, "100,004 lines"),
    "no end of lines": ("\n" * 100_002, "100,002 lines"),
    "random bytes": (bytes(range(1, 256)) * 40, "comma-separated"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_table_is_told(tmp_path, name):
    text, match = DAMAGED[name]
    with pytest.raises(InputError, match=rf"(?s)ptbxl_database\.csv.*{match}"):
        read(tmp_path, text)


def test_a_table_too_large_is_not_read(tmp_path):
    with (tmp_path / "ptbxl_database.csv").open("wb") as file:
        file.truncate(1 << 34)  # sparse: 16 GiB that take no room
    with pytest.raises(InputError, match="17,179,869,184 bytes"):
        read_tables(tmp_path, "1.0.3")


@pytest.mark.parametrize(
    "make", [lambda path: path.mkdir(), lambda path: os.mkfifo(path)], ids=["folder", "pipe"]
)
def test_what_is_no_file_is_told(tmp_path, make):
    make(tmp_path / "ptbxl_database.csv")
    with pytest.raises(InputError, match="ptbxl_database"):
        read_tables(tmp_path, "1.0.3")


@given(place=st.integers(0, len(GOOD)), value=st.binary(max_size=12), cut=st.integers(0, 12))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_mutated_bytes_give_rows_or_an_input_error(tmp_path, place, value, cut):
    data = GOOD.encode()
    try:
        rows, _ = read(tmp_path, data[:place] + value + data[place + cut :])
    except InputError:
        return
    assert all(len(unit) == 5 and 1 <= row.fold <= 10 for unit, row in rows.items())


def test_a_changed_table_is_read_again(tmp_path):
    assert len(read(tmp_path, GOOD)[0]) == 2
    assert len(read(tmp_path, table(row(1)))[0]) == 1


def test_tables_of_a_partial_copy_are_merged(tmp_path):
    read(tmp_path, table(row(1), row(2)), "ptbxl_database_a.csv")
    rows, complete = read(tmp_path, table(row(2), row(3)), "ptbxl_database_b.csv")
    assert not complete
    assert list(rows) == ["00001", "00002", "00003"]


@pytest.mark.parametrize("change", [{"patient": "1"}, {"codes": "{'AFIB': 0.0}"}, {"fold": 4}])
def test_tables_that_disagree_are_refused(tmp_path, change):
    read(tmp_path, table(row(1), row(2)), "ptbxl_database_a.csv")
    with pytest.raises(InputError, match=r"ptbxl_database_b.*1 records told differently \['00002'\]"):
        read(tmp_path, table(row(2, **change)), "ptbxl_database_b.csv")


def superclass_list(folder, *lines):
    text = "\n".join([f"ecg_id,{','.join(SUPERCLASSES)},split", *lines, ""])
    (folder / "superclass_labels_all_2.csv").write_text(text)


def test_the_superclass_list_decides_for_its_release_where_statements_are_older(tmp_path):
    superclass_list(tmp_path, "1,0,1,0,0,0,folds1-8", "2,1,0,0,0,0,folds1-8")
    later, _ = read(tmp_path, table(row(1), row(2)), "ptbxl_database_partial.csv")
    assert later["00001"] == Row("7001", ("superdiagnostic:MI",), 3)
    assert later["00002"].codes == ("NORM", "LVOLT", "SR")
    assert read_tables(tmp_path, "1.0.1")[0]["00001"].codes == ("NORM", "LVOLT", "SR")


def test_the_superclass_list_is_not_asked_where_the_whole_table_is_there(tmp_path):
    superclass_list(tmp_path, "1,0,1,0,0,0,fold9", "7,1,0,0,0,0,fold9")
    assert read(tmp_path, table(row(1)))[0] == {"00001": Row("7001", ("NORM", "LVOLT", "SR"), 3)}


def test_the_superclass_list_alone_will_do(tmp_path):
    superclass_list(tmp_path, "1,0,1,0,0,0,fold9", "7,0,0,0,0,0,folds1-8")
    rows, complete = read_tables(tmp_path, "1.0.3")
    assert not complete
    assert rows == {
        "00001": Row("unknown", ("superdiagnostic:MI",), 9),
        "00007": Row("unknown", ("superdiagnostic:",), -8),
    }


def test_folds_that_disagree_are_refused(tmp_path):
    superclass_list(tmp_path, "1,1,0,0,0,0,fold9")
    with pytest.raises(
        InputError, match=r"superclass_labels_all_2.*00001 in the fold of ptbxl_database_p.csv, 3.*folds 9"
    ):
        read(tmp_path, table(row(1)), "ptbxl_database_p.csv")


@pytest.mark.parametrize(
    "line", ["1,2,0,0,0,0,fold9", "1,0,0,0,0,0,fold1", "1,0,0,0,0,fold9", "1,,0,0,0,0,fold9"]
)
def test_a_damaged_superclass_list_is_told(tmp_path, line):
    superclass_list(tmp_path, line)
    with pytest.raises(InputError, match="superclass_labels_all_2"):
        read_tables(tmp_path, "1.0.3")


def test_folds_have_their_parts():
    assert [fold_group(fold) for fold in (-8, 1, 8, 9, 10)] == ["1-8", "1-8", "1-8", "9", "10"]
    for fold in (0, 11, -1, -9):
        with pytest.raises(InputError, match="1 to 10, or -8"):
            fold_group(fold)


@pytest.fixture
def tables(real):
    """Records of the real table of statements, what the list of 1.0.3 says, and their folder."""
    source = real("ptbxl")
    statements = ptbxl_tables.read_columns(source / "ptbxl_database_partial.csv", {"ecg_id": "[0-9]+"})
    return (
        [unit for (unit,) in statements],
        ptbxl_tables._list_rows(source / "superclass_labels_all_21799.csv"),
        source,
    )


def test_the_removed_records_are_those_the_list_lacks(tables):
    _, listed, _ = tables
    missing = {f"{number:05d}" for number in range(1, 21_838)} - set(listed)
    assert missing == ptbxl.DUPLICATES
    assert len(missing) == 38


def test_published_counts_are_those_of_the_list(tables):
    _, listed, _ = tables
    counts = {name: sum(name in names for names, _ in listed.values()) for name in SUPERCLASSES}
    none = sum(not names for names, _ in listed.values())
    assert counts | {"none": none} == ptbxl.SUPERCLASS_COUNTS["1.0.3"]
    parts = [fold_group(fold) for _, fold in listed.values()]
    assert {part: parts.count(part) for part in set(parts)} == ptbxl.FOLD_SIZES
    assert len(listed) == ptbxl.RECORDS["1.0.3"]


def test_real_statements_give_the_listed_superclasses_but_for_two(tables):
    statements, listed, source = tables
    earlier, _ = read_tables(source, "1.0.1")
    both = [unit for unit in statements if unit in listed]
    differ = {unit: (superclasses(earlier[unit].codes), set(listed[unit][0])) for unit in both
              if superclasses(earlier[unit].codes) != set(listed[unit][0])}  # fmt: skip
    assert (len(statements), len(both)) == (6144, 6131)
    assert differ == {"03796": ({"MI"}, set()), "09822": ({"CD", "MI"}, {"MI"})}
    later, _ = read_tables(source, "1.0.3")
    assert (later["03796"].codes, later["09822"].codes) == (("superdiagnostic:",), ("superdiagnostic:MI",))
    assert sum(fold_group(earlier[unit].fold) == fold_group(listed[unit][1]) for unit in both) == 6131
