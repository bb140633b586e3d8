"""WFDB files are read in ADC units; what disagrees or is missing is told with the file's name."""

import random
import tracemalloc

import numpy as np
import pytest
import wfdb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecgrepro.corpora import wfdb_files
from ecgrepro.corpora.wfdb_files import (
    beats_from_symbols,
    read_events,
    read_signal,
    record_names,
)
from ecgrepro.errors import InputError
from tests.corpora.wfdb_folder import change_header, same_as_wfdb, write_mat, write_record


def test_a_signal_comes_back_in_adc_units(write_beats):
    path, signal = write_beats()
    fields = read_signal(path)
    np.testing.assert_array_equal(fields["signal"], signal)
    assert fields["signal"].dtype == np.int16
    assert fields["signal"].flags.c_contiguous
    assert (fields["fs"], fields["leads"], fields["comments"]) == (360.0, ("MLII", "V5"), [])
    assert fields["gain"].tolist() == [200.0, 200.0]
    assert fields["baseline"].tolist() == [0.0, 0.0]


def test_a_repair_mends_the_header_before_it_is_parsed(tmp_path):
    values = np.arange(150, dtype=np.int16).reshape(3, 50)
    path = write_mat(tmp_path, values, values, record="r.mat")
    with pytest.raises(InputError, match="record name"):
        read_signal(path)
    fields = read_signal(path, repair=lambda text: text.replace("r.mat 3", "r 3", 1))
    np.testing.assert_array_equal(fields["signal"], values.T)


def test_a_repair_that_wfdb_would_not_see_is_refused(tmp_path):
    path, _ = write_record(tmp_path, ["80"] * 2)
    assert len(read_signal(path, repair=lambda text: text)["signal"]) == 1001
    with pytest.raises(InputError, match="where a header is repaired"):
        read_signal(path, repair=lambda text: text.replace("200.0", "100.0"))


def test_the_header_of_another_record_is_refused(write_beats):
    path, _ = write_beats()
    change_header(path, 0, "100 2", "101 2")
    with pytest.raises(
        InputError, match=r"100\.hea: expected the header of record 100; got that of record 101"
    ):
        read_signal(path)


def test_a_header_of_absurd_size_is_refused(tmp_path):
    path, _ = write_record(tmp_path)
    with path.with_suffix(".hea").open("a") as file:
        file.write("#" * (wfdb_files.LARGEST_HEADER + 1))
    with pytest.raises(InputError, match=r"r\.hea.*at most"):
        read_signal(path)


def test_a_folder_in_place_of_a_file_is_told(tmp_path):
    path, _ = write_record(tmp_path)
    path.with_suffix(".dat").unlink()
    path.with_suffix(".dat").mkdir()
    with pytest.raises(InputError, match=r"r\.dat.*no ordinary file"):
        read_signal(path)


def test_events_come_back_with_their_notes(write_beats):
    path, _ = write_beats(symbols="N+V")
    samples, symbols, notes = read_events(path)
    assert (samples.dtype, samples.tolist()) == (np.int64, [200, 400, 600])
    assert (symbols, notes) == (["N", "+", "V"], ["", "", ""])


@pytest.mark.parametrize("lead", [1, 2])
def test_a_checksum_that_disagrees_is_refused(write_beats, lead):
    path, signal = write_beats()
    checksum = signal[:, lead - 1].sum(dtype=np.int64)
    stated = path.with_suffix(".hea").read_text().splitlines()[lead].split()[6]
    assert (int(stated) - checksum) % 65536 == 0
    change_header(path, lead, f" {stated} ", f" {int(stated) + 1} ")
    with pytest.raises(InputError, match=r"100\.hea.*checksum.*disagree"):
        read_signal(path)


def test_a_changed_sample_is_noticed(write_beats):
    path, _ = write_beats()
    data = bytearray(path.with_suffix(".dat").read_bytes())
    data[300] ^= 1
    path.with_suffix(".dat").write_bytes(data)
    with pytest.raises(InputError, match="checksum"):
        read_signal(path)


@pytest.mark.parametrize("suffix", [".hea", ".dat"])
def test_a_missing_file_is_told(write_beats, suffix):
    path, _ = write_beats()
    path.with_suffix(suffix).unlink()
    with pytest.raises(InputError, match="readable WFDB record"):
        read_signal(path)


@pytest.mark.parametrize(
    ("units", "gain"), [("mv", 200.0), ("MV", 200.0), ("uV", 200_000.0), ("\N{MICRO SIGN}V", 200_000.0)]
)
def test_gains_are_given_per_millivolt(write_beats, units, gain):
    path, _ = write_beats()
    change_header(path, 2, "200.0(0)/mV", f"200.0(0)/{units}")
    assert read_signal(path)["gain"].tolist() == [200.0, gain]


@pytest.mark.parametrize("units", ["V", "nu", "mmHg"])
def test_other_units_than_of_voltage_are_refused(write_beats, units):
    path, _ = write_beats()
    change_header(path, 2, "200.0(0)/mV", f"200.0(0)/{units}")
    with pytest.raises(InputError, match=rf"100\.hea: expected leads in mV; got {units}"):
        read_signal(path)


def test_a_gain_that_is_not_stated_is_wfdbs_default(write_beats):
    path, _ = write_beats()
    change_header(path, 1, "200.0(0)/mV", "0")
    assert read_signal(path)["gain"].tolist() == [200.0, 200.0]


def test_a_lead_without_name_gets_a_number(write_beats):
    path, _ = write_beats()
    change_header(path, 2, "V5", "")
    assert read_signal(path)["leads"] == ("MLII", "lead 1")


@pytest.mark.parametrize("length", [None, 0, 5, -2])
def test_unreadable_annotations_are_told(write_beats, length):
    path, _ = write_beats()
    data = path.with_suffix(".atr").read_bytes()
    path.with_suffix(".atr").unlink()
    if length is not None:
        path.with_suffix(".atr").write_bytes(data[:length])
    with pytest.raises(InputError, match=r"100\.atr.*readable WFDB annotation"):
        read_events(path)


def test_events_outside_the_signal_are_refused(write_beats):
    path, _ = write_beats()
    assert len(read_events(path, n_samples=800)[0]) == 4
    with pytest.raises(
        InputError, match=r"100\.atr: expected annotations from sample 0 to 799; got 1 outside.* 800"
    ):
        read_events(path, n_samples=799)


def test_an_event_before_the_signal_is_refused(tmp_path):
    skip, beat = b"\0\xec" + b"\xff\xff\xfb\xff", b"\1\4"  # five samples back, then a beat after one
    (tmp_path / "r.atr").write_bytes(skip + beat + b"\0\0")
    with pytest.raises(InputError, match=r"r\.atr: .*1 outside, the first at -4"):
        read_events(tmp_path / "r")


@settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.binary(max_size=200)
    | st.builds(lambda seed: random.Random(seed).randbytes(5000), st.integers(0, 10**9))
)
def test_random_bytes_are_no_annotations(tmp_path, data):
    (tmp_path / "r.atr").write_bytes(data)
    tracemalloc.start()
    try:
        told = len(read_events(tmp_path / "r", n_samples=10**6)[0])
    except InputError as error:
        told = error.where
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert told == str(tmp_path / "r.atr") or data.endswith(b"\0\0")
    assert peak < 4_000_000


def test_annotations_of_absurd_size_are_refused(tmp_path):
    with open(tmp_path / "r.atr", "wb") as file:
        file.truncate(10**12)
    with pytest.raises(InputError, match=r"r\.atr.*at most"):
        read_events(tmp_path / "r")


def test_codes_that_a_file_defines_itself_are_read(tmp_path):
    custom = [(41, "x", "of our own")]
    wfdb.wrann(
        "r", "atr", np.array([10, 20]), symbol=["N", "x"], custom_labels=custom, write_dir=str(tmp_path)
    )
    samples, symbols, _ = read_events(tmp_path / "r")
    assert (samples.tolist(), symbols) == ([10, 20], ["N", "x"])


def test_only_beats_are_kept():
    samples = np.array([5, 9, 12], np.int64)
    positions, classes = beats_from_symbols(samples, ["N", "+", "V"], {"N": 1, "V": 4})
    assert (positions.tolist(), classes.tolist()) == ([5, 12], [1, 4])
    assert classes.dtype == np.int8
    positions, classes = beats_from_symbols(samples[:0], [], {"N": 1})
    assert len(positions) == len(classes) == 0


def test_records_are_named_by_header_or_signal(tmp_path):
    for name in ("102.hea", "101.hea", "101.dat", "103.dat", "._101.hea", "104.atr", "105.hea-"):
        (tmp_path / name).touch()
    assert record_names(tmp_path) == ["101", "102", "103"]


def test_a_folder_without_records_is_told(tmp_path):
    with pytest.raises(InputError, match="no record in it"):
        record_names(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        record_names(tmp_path / "nowhere")


#: Folders of records in each archive.
REAL = {
    "mitbih_arrhythmia": ("",), "svdb": ("",), "nstdb": ("",), "icentia11k": ("",),
    "ptbxl": ("records100", "records500"), "challenge2020": ("E", "HR", "A"),
}  # fmt: skip


@pytest.mark.parametrize(("archive", "folder"), [(name, folder) for name in REAL for folder in REAL[name]])
def test_published_records_equal_wfdbs_to_the_last_bit(real, tmp_path, archive, folder):
    headers = sorted((real(archive) / folder).rglob("*.hea"))
    assert headers
    for header in random.Random(0).sample(headers, min(20, len(headers))):
        # 44 Georgia headers begin with `E07500.mat 12 500`, which wfdb refuses too
        mended = header.read_text().replace(f"{header.stem}.mat 12 ", f"{header.stem} 12 ", 1)
        place = tmp_path / folder / header.stem
        place.parent.mkdir(parents=True, exist_ok=True)
        place.with_suffix(".hea").write_text(mended)
        for suffix in (".dat", ".mat"):
            if header.with_suffix(suffix).exists():
                place.with_suffix(suffix).symlink_to(header.with_suffix(suffix))
        signal = same_as_wfdb(place)

        def repair(text, mended=mended):
            return mended

        np.testing.assert_array_equal(read_signal(header.with_suffix(""), repair=repair)["signal"], signal)
