"""WFDB files are read in ADC units; what disagrees or is missing is told with the file's name."""

import numpy as np
import pytest

from ecgrepro.corpora.wfdb_files import beats_from_symbols, read_events, read_signal, record_names
from ecgrepro.errors import InputError


def change_header(path, line, old, new):
    header = path.with_suffix(".hea")
    lines = header.read_text().splitlines()
    assert old in lines[line]
    lines[line] = lines[line].replace(old, new, 1)
    header.write_text("\n".join(lines) + "\n")


def test_a_signal_comes_back_in_adc_units(write_beats):
    path, signal = write_beats()
    fields = read_signal(path)
    np.testing.assert_array_equal(fields["signal"], signal)
    assert fields["signal"].dtype == np.int16
    assert fields["signal"].flags.c_contiguous
    assert (fields["fs"], fields["leads"], fields["comments"]) == (360.0, ("MLII", "V5"), [])
    assert fields["gain"].tolist() == [200.0, 200.0]
    assert fields["baseline"].tolist() == [0.0, 0.0]


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


@pytest.mark.parametrize("length", [0, 100])
def test_a_signal_shorter_than_its_header_is_refused(write_beats, length):
    path, _ = write_beats()
    data = path.with_suffix(".dat").read_bytes()
    path.with_suffix(".dat").write_bytes(data[: length or 0])
    with pytest.raises(InputError, match=r"100.*Fetch the record again"):
        read_signal(path)


@pytest.mark.parametrize("suffix", [".hea", ".dat"])
def test_a_missing_file_is_told(write_beats, suffix):
    path, _ = write_beats()
    path.with_suffix(suffix).unlink()
    with pytest.raises(InputError, match="readable WFDB record"):
        read_signal(path)


def test_another_unit_than_millivolts_is_refused(write_beats):
    path, _ = write_beats(units=["mV", "uV"])
    with pytest.raises(InputError, match="expected leads in mV; got uV"):
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
