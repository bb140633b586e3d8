"""The Challenge 2020/2021 layout: every source is found by its names, read as published, and damage is told by file."""

import os
import shutil
from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from ecgrepro.corpora import challenge
from ecgrepro.corpora.quality import check_record
from ecgrepro.errors import InputError
from tests.corpora.challenge_folder import LEADS, change, noise, write


def georgia(folder):
    return challenge.Reader("georgia", folder)


def read(folder, unit="E00001"):
    (record,) = georgia(folder).read(unit)
    return record


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path / "georgia", "E00001")


def test_a_record_comes_back(folder):
    record = read(folder)
    np.testing.assert_array_equal(record.signal, noise("E00001").T)
    assert (record.signal.dtype, record.signal.flags.c_contiguous) == (np.int16, True)
    assert (record.record_id, record.patient_id, record.label) == ("E00001", "unknown", "")
    assert (record.fs, record.leads, record.codes) == (500.0, LEADS, ("426783006",))
    np.testing.assert_allclose(record.millivolts(), noise("E00001").T / 1000)
    assert check_record(record) is record


NAMES = {
    "cpsc2018": ("A0001", "A6877"), "cpsc2018_extra": ("Q0001", "Q3581"), "st_petersburg": ("I0001", "I0075"),
    "ptb": ("S0001", "S0549"), "challenge_ptbxl": ("HR00001", "HR21837"), "georgia": ("E00001", "E10344"),
    "chapman_shaoxing": ("JS00001", "JS10646"), "ningbo": ("JS10647", "JS45551"),
}  # fmt: skip


@pytest.fixture(scope="module")
def all_sources(tmp_path_factory):
    """A folder of all sources as the 2021 release lays them out, with what is no record of them beside."""
    root = tmp_path_factory.mktemp("challenge") / "training"
    for source in challenge.SOURCES.values():
        for unit in NAMES[source.name]:
            write(root / source.folder / "g1", unit, fs=f"{source.fs:g}", dx="426783006,164934002")
        (root / source.folder / "g1" / "RECORDS").write_text("\n".join(NAMES[source.name]))
    for name in ("A00001.hea", "E0001.mat", "E00001.hea-", "XE00002.hea", "HR00001.txt", "._E00009.hea"):
        (root / "georgia" / "g1" / name).touch()
    return root.parent


@pytest.mark.parametrize("name", NAMES)
def test_every_source_finds_its_own_records(all_sources, name):
    source = challenge.SOURCES[name]
    for place in (all_sources, all_sources / "training" / source.folder / "g1"):
        reader = challenge.Reader(name, place)
        assert reader.units() == list(NAMES[name])
    records = [reader.read(unit)[0] for unit in reader.units()]
    assert [(record.record_id, record.fs) for record in records] == [
        (unit, source.fs) for unit in NAMES[name]
    ]
    assert reader.size() == 2 * (24 + 2 * 12 * 300)


def test_the_cards_are_the_sources():
    cards = {card.name: card for card in challenge.DATA_SETS}
    assert set(cards) == set(NAMES)
    # the organisers' announcement of 2020, and PhysioNet's page of the 2021 release: 88,253 in all
    assert sum(card.records for card in cards.values()) == 88_253
    assert cards["chapman_shaoxing"].records + cards["ningbo"].records == 45_152
    assert cards["ningbo"].records == 45_551 - 10_646
    assert cards["georgia"].url == "https://physionet.org/content/challenge-2021/1.0.3/training/georgia/"
    assert "10,344 records, 500 Hz, 5 to 10 s" in cards["georgia"].facts
    assert all(card.options == () and not card.non_commercial for card in cards.values())


def test_a_card_opens_its_reader(folder):
    card = next(card for card in challenge.DATA_SETS if card.name == "georgia")
    reader = card.reader(folder)
    assert (reader.units(), reader.options) == (["E00001"], {})


def test_folders_are_searched_to_a_bounded_depth(tmp_path):
    write(tmp_path / "a/b/c/d", "E00001")
    write(tmp_path / "a/b/c/d/e", "E00002")
    write(tmp_path / ".hidden", "E00003")
    assert georgia(tmp_path).units() == ["E00001"]


def test_a_circle_of_links_ends(folder):
    try:
        (folder / "again").symlink_to(folder, target_is_directory=True)
    except OSError:
        pytest.skip("this system makes no links")
    assert georgia(folder).units() == ["E00001"]


def test_a_wrong_folder_is_told(tmp_path):
    write(tmp_path, "HR00001")
    with pytest.raises(InputError, match=r"E00001 \.\.\..*of georgia; got none in it or below"):
        georgia(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        georgia(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"records JS10647 \.\.\..*of ningbo"):
        challenge.Reader("ningbo", write(tmp_path, "JS10646"))


def test_a_folder_that_cannot_be_read_is_told(folder, monkeypatch):
    (folder / "g2").mkdir()
    scandir = os.scandir

    def refuse(place):
        if str(place).endswith("g2"):
            raise PermissionError(13, "Permission denied", str(place))
        return scandir(place)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InputError, match="g2: expected a folder that can be read"):
        georgia(folder)


def test_the_same_record_may_lie_there_twice(folder):
    shutil.copytree(folder, folder / "g1")
    shutil.copytree(folder / "g1", folder / "g2")
    assert georgia(folder).units() == ["E00001"]


@pytest.mark.parametrize("suffix", [".hea", ".mat"])
@pytest.mark.parametrize("how", ["another", "missing"])
def test_two_records_of_one_name_are_told(folder, suffix, how):
    shutil.copytree(folder, folder / "g1")
    path = folder / "g1" / f"E00001{suffix}"
    path.write_bytes(path.read_bytes()[:-1] + b"x") if how == "another" else path.unlink()
    with pytest.raises(
        InputError, match=r"g1.E00001: expected record E00001 once.*Keep the release you want"
    ):
        georgia(folder)


@pytest.mark.parametrize("suffix", [".hea", ".mat"])
def test_a_missing_file_is_told(folder, suffix):
    (folder / f"E00001{suffix}").unlink()
    reader = georgia(folder)
    assert (reader.units(), reader.repairs) == (["E00001"], Counter())
    with pytest.raises(InputError, match=rf"E00001\{suffix}: .*FileNotFoundError"):
        reader.read("E00001")


def test_a_scrambled_signal_is_told(folder):
    savemat(folder / "E00001.mat", {"val": noise("E00001").T}, format="4")
    with pytest.raises(InputError, match=r"E00001\.mat.*12 leads x 300 samples.*300 x 12"):
        read(folder)


@pytest.mark.parametrize(
    "values",
    [
        {"val": noise("E00001").astype(float)}, {"val": noise("E00001")[:, :-1]}, {"val": noise("E00001")[:-1]},
        {"value": noise("E00001")}, {"val": noise("E00001").astype(np.uint16)},
    ],
    ids=["float", "shorter", "a lead less", "longer name", "unsigned"],
)  # fmt: skip
def test_another_mat_file_is_told(folder, values):
    savemat(folder / "E00001.mat", values, format="4")
    with pytest.raises(InputError, match=r"E00001\.mat"):
        read(folder)


@pytest.mark.parametrize("data", [b"", b"\0" * 10, b"\0" * 5000, "cut", "longer", "MAT v5"])
def test_a_damaged_mat_file_is_told(folder, data):
    path = folder / "E00001.mat"
    if data == "MAT v5":
        savemat(path, {"val": noise("E00001")}, format="5")
    elif isinstance(data, bytes):
        path.write_bytes(data)
    else:
        path.write_bytes(path.read_bytes()[:-2] if data == "cut" else path.read_bytes() + b"\0\0")
    with pytest.raises(InputError, match=r"E00001\.mat"):
        read(folder)


def test_a_wrong_checksum_is_told(folder):
    path = folder / "E00001.mat"
    data = bytearray(path.read_bytes())
    data[1000] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match="checksum"):
        read(folder)


@pytest.mark.parametrize(
    ("name", "unit", "fs"),
    [("georgia", "E00001", 50_000), ("st_petersburg", "I0001", 500), ("ptb", "S0001", 500)],
)
def test_another_rate_than_the_published_one_is_told(tmp_path, name, unit, fs):
    write(tmp_path, unit, fs=fs)
    with pytest.raises(
        InputError, match=rf"{unit}\.hea: expected .* Hz, as all records of {name}; got {fs} Hz"
    ):
        challenge.Reader(name, tmp_path).read(unit)


def test_leads_come_in_the_standard_order(tmp_path):
    names = ["V1", "v6", "AVR", "avl", "i", "II", "iii", "aVF", "V2", "V3", "V4", "V5"]
    gains = [f"{100 + i}/mV" for i in range(12)]
    write(tmp_path, "E00001", names, gains, zeros=range(12))
    record = read(tmp_path)
    order = [[name.lower() for name in names].index(lead.lower()) for lead in LEADS]
    assert record.leads == LEADS
    np.testing.assert_array_equal(record.signal, noise("E00001")[order].T)
    np.testing.assert_array_equal(record.gain, 100 + np.array(order))
    np.testing.assert_array_equal(record.baseline, order)
    assert record.signal.flags.c_contiguous


def test_sets_of_fewer_leads_are_read(tmp_path):
    write(tmp_path, "E00001", ["V2", "II", "I"])
    record = read(tmp_path)
    assert record.leads == ("I", "II", "V2")
    np.testing.assert_array_equal(record.signal, noise("E00001", n_leads=3)[::-1].T)


@pytest.mark.parametrize("names", [("I", "I"), ("I", "i"), ("I", "V7"), ("I", "MLII")])
def test_impossible_leads_are_told(tmp_path, names):
    write(tmp_path, "E00001", names)
    with pytest.raises(InputError, match=r"E00001\.hea.*expected .*(leads among I, II|once|twice|name)"):
        read(tmp_path)


def test_what_is_mended_is_counted_without_reading_signals(tmp_path):
    for number in range(1, 5):
        write(
            tmp_path,
            f"E0000{number}",
            gains=("4880/mV",) if number == 2 else ("1000/mv",),
            dx="1234567,1234567",
        )
        (tmp_path / f"E0000{number}.mat").unlink()
    change(tmp_path, "E00001", "E00001 12 500 300", "E00001.mat 12 500 300 05-May-2020 14:50:55")
    (tmp_path / "E00004.hea").write_text("nothing")
    expected = {"record name": 1, "date and time": 1, "gain": 1, "unit": 2, "repeated code": 3}
    assert georgia(tmp_path).repairs == expected


def test_a_mended_record_reads_as_the_one_without_errors(folder, tmp_path):
    expected = read(folder)
    write(tmp_path / "old", "E00001", gains=("4880/mv",), dx="Normal,426783006")
    change(tmp_path / "old", "E00001", "E00001 12 500 300", "E00001.mat 12 500 300 05-May-2020 14:50:55")
    change(tmp_path / "old", "E00001", "\n", "\r\n", -1)
    found = read(tmp_path / "old")
    for name in ("signal", "gain", "baseline"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert (found.codes, found.leads) == (expected.codes, LEADS)


def test_either_form_of_a_comment_is_read(folder):
    for name in ("Age", "Sex", "Dx", "Rx"):
        change(folder, "E00001", f"#{name}:", f"# {name}:")
    assert read(folder).codes == ("426783006",)


def test_a_header_without_diagnoses_is_read(folder):
    change(folder, "E00001", "#Dx: 426783006\n", "")
    assert read(folder).codes == ()


def outcome(folder):
    """The record, or what its error says; any other exception passes."""
    try:
        return check_record(read(folder))
    except InputError as error:
        return str(error)


PIECES = [b"\n", b" ", b"/", b"\0", b"-1", b"1e9", b"99999999", b"#Dx:"]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    suffix=st.sampled_from([".hea", ".hea", ".hea", ".mat"]),
    place=st.floats(0, 1),
    length=st.integers(0, 8),
    data=st.one_of(st.binary(max_size=8), st.sampled_from(PIECES)),
)
def test_damaged_bytes_give_a_record_or_a_told_error(folder, suffix, place, length, data):
    write(folder, "E00001")
    path = folder / f"E00001{suffix}"
    whole = path.read_bytes()
    start = int(place * (60 if suffix == ".mat" else len(whole)))
    path.write_bytes(whole[:start] + data + whole[start + length :])
    found = outcome(folder)
    if isinstance(found, str):
        assert "E00001" in found
    else:
        assert (found.signal.shape, found.fs) == ((300, 12), 500.0)
