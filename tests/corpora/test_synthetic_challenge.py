"""The Challenge's layout: what is written is what its reader mends and reads."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from scipy.io import loadmat

from ecgrepro.corpora import challenge, ptbxl
from ecgrepro.corpora.snomed import CLASSES
from ecgrepro.corpora.synthetic_challenge import QUIRKS, draw_codes, header, write_challenge
from ecgrepro.corpora.synthetic_ptbxl import write_ptbxl
from ecgrepro.corpora.synthetic_sites import GEORGIA, PTBXL, SNOMED, site_cases
from ecgrepro.errors import SettingsError

RECORDS = 80


@pytest.fixture(scope="module")
def cases():
    return list(site_cases(GEORGIA, 1, RECORDS, 0.04))


@pytest.fixture(scope="module")
def georgia(cases, tmp_path_factory):
    return write_challenge(tmp_path_factory.mktemp("made") / "georgia", cases, seed=1)


@pytest.fixture(scope="module")
def twins(tmp_path_factory):
    place = tmp_path_factory.mktemp("twins")
    write_ptbxl(place / "ptbxl", site_cases(PTBXL, 2, 6), seed=2)
    write_challenge(place / "ptb-xl", site_cases(PTBXL, 2, 6), "challenge_ptbxl", seed=2)
    return place


def test_mat_files_hold_val_as_leads_by_samples(georgia, cases):
    path = georgia / "g1" / "E00004.mat"
    value = loadmat(path)["val"]
    assert value.dtype == np.int16
    np.testing.assert_array_equal(value, cases[3].record.signal.T)
    # 24 bytes of MAT v4 header, then sample by sample
    assert path.stat().st_size == 24 + value.size * 2
    np.testing.assert_array_equal(np.frombuffer(path.read_bytes()[24:48], "<i2"), cases[3].record.signal[0])


def test_header_is_in_the_published_form(cases):
    case = cases[0]
    text = header(case, "E00001", "challenge_ptbxl", 0)
    lines = text.splitlines()
    assert lines[0] == f"E00001 12 500 {len(case.record.signal)} 04-Jun-2020 15:11:55"
    first = case.record.signal[0, 0]
    checksum = int(case.record.signal[:, 0].sum(dtype=np.int64).astype(np.int16))
    assert lines[1] == f"E00001.mat 16+24 1000/mv 16 0 {first} {checksum} 0 I"
    assert [line.split(" ")[-1] for line in lines[1:13]] == list(case.record.leads)
    assert [line.split(":")[0] for line in lines[13:]] == ["#Age", "#Sex", "#Dx", "#Rx", "#Hx", "#Sx"]


def test_reader_gets_back_signal_and_codes(georgia, cases):
    reader = challenge.Reader("georgia", georgia)
    assert reader.units() == [f"E{case.record.record_id}" for case in cases]
    for case, unit in zip(cases, reader.units(), strict=True):
        (record,) = reader.read(unit)
        np.testing.assert_array_equal(record.signal, case.record.signal)
        np.testing.assert_array_equal(record.gain, 1000.0)
        findings = set(case.record.codes) - {"SR", "NORM"}
        assert {SNOMED[name] for name in findings} <= set(record.codes)
        assert (SNOMED["SR"] in record.codes) == (not findings)
        assert set(record.codes) <= set(CLASSES)


def test_published_errors_are_in_some_headers_and_mended(georgia):
    repairs = challenge.Reader("georgia", georgia).repairs
    assert repairs["date and time"] == RECORDS
    for name, share in QUIRKS.items():
        assert 1 <= repairs[name] < 3 * share * RECORDS + 3


def test_lengths_are_those_of_the_signals(georgia, cases):
    lengths = {len(case.record.signal) for case in cases}
    assert len(lengths) > 5
    assert min(lengths) >= 2500


def test_ptbxl_is_there_again_bit_for_bit(twins):
    copies = challenge.Reader("challenge_ptbxl", twins / "ptb-xl")
    originals = ptbxl.Reader(twins / "ptbxl", fs=500)
    assert [unit.removeprefix("HR") for unit in copies.units()] == originals.units()
    assert copies.repairs["unit"] == 6
    for unit in originals.units():
        np.testing.assert_array_equal(copies.read(f"HR{unit}")[0].signal, originals.read(unit)[0].signal)


def test_folders_hold_a_thousand_numbers_each(tmp_path, cases):
    far = replace(cases[0], record=replace(cases[0].record, record_id="01000"))
    folder = write_challenge(tmp_path / "out", [cases[0], far])
    assert (folder / "g1" / "E00001.hea").exists()
    assert (folder / "g2" / "RECORDS").read_text() == "E01000\n"


def test_codes_are_given_once_unless_repeated():
    for seed in range(10):
        rng = np.random.default_rng(seed)
        codes = draw_codes(rng, ("1AVB", "LVH", "SR"), "georgia")
        assert max(Counter(codes).values()) == 1
        repeated = draw_codes(rng, ("1AVB", "LVH", "SR"), "georgia", repeated=True)
        assert max(Counter(repeated).values()) == 2
    # both mean the same code
    assert draw_codes(rng, ("NORM", "SR"), "challenge_ptbxl") == ["426783006"]


def test_same_arguments_give_the_same_bytes(tmp_path):
    one, two = (
        write_challenge(tmp_path / name, site_cases(GEORGIA, 5, 4), seed=5) for name in ("one", "two")
    )
    files = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
    assert len(files) == 4 * 2 + 1
    assert all((one / path).read_bytes() == (two / path).read_bytes() for path in files)


def test_an_unknown_source_is_refused(tmp_path, cases):
    with pytest.raises(SettingsError, match="one of georgia, challenge_ptbxl"):
        write_challenge(tmp_path / "out", cases, "cpsc2018")
    assert list(tmp_path.iterdir()) == []
