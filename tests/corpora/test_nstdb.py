"""Noise is told from ECG with noise, and the mixed records' patients are MIT-BIH's."""

import numpy as np
import pytest
import wfdb

from ecgrepro.corpora import mitbih_arrhythmia, nstdb
from ecgrepro.corpora.quality import check_record
from ecgrepro.errors import InputError

STATED = ("24", "06", "00", "_6")


@pytest.fixture
def write(tmp_path):
    """A function that writes one record in the published form and returns its signal."""

    def written(name, symbols=None):
        signal = np.random.default_rng(list(name.encode())).integers(-900, 900, (2000, 2)).astype(np.int16)
        form = {
            "fmt": ["16", "16"],
            "adc_gain": [200.0] * 2,
            "baseline": [1024] * 2,
            "sig_name": ["MLII", "V1"],
        }
        if symbols is None:
            form = {"fmt": ["212", "212"], "adc_gain": [200.0] * 2, "baseline": [0] * 2,
                    "sig_name": ["noise1", "noise2"]}  # fmt: skip
        wfdb.wrsamp(name, 360, units=["mV"] * 2, d_signal=signal, write_dir=str(tmp_path), **form)
        if symbols is None:
            # the published noise is not calibrated: gain 0, no unit
            header = (tmp_path / f"{name}.hea").read_text().replace("212 200.0(0)/mV", "212 0")
            (tmp_path / f"{name}.hea").write_text(header)
        else:
            samples = 300 * np.arange(1, len(symbols) + 1)
            wfdb.wrann(name, "atr", samples, symbol=list(symbols), write_dir=str(tmp_path))
        return signal

    return written


def read(tmp_path, name):
    (record,) = nstdb.Reader(tmp_path).read(name)
    return record


@pytest.mark.parametrize("kind", nstdb.NOISE_KINDS)
def test_noise_has_its_kind_as_label_and_nobody_as_patient(kind, write, tmp_path):
    signal = write(kind)
    record = check_record(read(tmp_path, kind))
    np.testing.assert_array_equal(record.signal, signal)
    assert (record.label, record.patient_id, record.leads) == (kind, "unknown", ("noise1", "noise2"))
    assert record.gain.tolist() == [200.0, 200.0]
    assert len(record.beat_positions) == 0


@pytest.mark.parametrize(("name", "patient"), [("118e24", "118"), ("118e_6", "118"), ("119e00", "119")])
def test_mixed_records_have_the_patient_and_beats_of_the_original(name, patient, write, tmp_path):
    signal = write(name, "NAVR")
    record = check_record(read(tmp_path, name))
    np.testing.assert_array_equal(record.signal, signal)
    assert (record.patient_id, record.label) == (patient, "")
    assert record.beat_positions.tolist() == [300, 600, 900, 1200]
    assert record.beat_classes.tolist() == [1, 2, 4, 1]
    assert nstdb.DATA_SET.patients_from == mitbih_arrhythmia.DATA_SET.name


def test_mixed_records_are_millivolts_about_zero_though_their_headers_say_otherwise(write, tmp_path):
    signal = write("118e00", "N")
    assert "(1024)" in (tmp_path / "118e00.hea").read_text()
    np.testing.assert_allclose(read(tmp_path, "118e00").millivolts(), signal / 200.0)


def test_units_are_all_records_and_others_are_told(write, tmp_path):
    for name in ("bw", "ma"):
        write(name)
    for name in ("118e24", "119e_6"):
        write(name, "N")
    assert nstdb.Reader(tmp_path).units() == ["118e24", "119e_6", "bw", "ma"]
    assert nstdb.Reader(tmp_path).size() >= 4 * 2000 * 2 * 2 - 12
    for name in ("118", "118e7", "120e24", "oldbw"):
        write(name)
        with pytest.raises(InputError, match=rf"1 others \({name}\)"):
            nstdb.Reader(tmp_path).units()
        for path in tmp_path.glob(f"{name}.*"):
            path.unlink()


def test_a_missing_half_of_a_record_is_told(write, tmp_path):
    write("bw")
    write("118e24", "N")
    (tmp_path / "bw.dat").unlink()
    (tmp_path / "118e24.atr").unlink()
    for name in ("bw", "118e24"):
        with pytest.raises(InputError, match=name):
            read(tmp_path, name)
    with pytest.raises(InputError, match="WFDB records"):
        nstdb.Reader(tmp_path / "nowhere").units()


def test_the_real_records_are_whole(real):
    reader = nstdb.Reader(real("nstdb"))
    assert reader.units() == ["118e00", "118e06", "118e24", "118e_6", "bw", "ma"]
    for unit in reader.units():
        (record,) = reader.read(unit)
        check_record(record)
        assert (record.signal.shape, record.fs) == ((650_000, 2), 360.0)
        assert len(record.beat_positions) == (0 if unit in nstdb.NOISE_KINDS else 2278)


def test_the_first_five_minutes_are_the_original_in_millivolts_and_noise_alternates(real):
    (original,) = mitbih_arrhythmia.Reader(real("mitbih_arrhythmia")).read("118")
    minute = 60 * 360
    for snr in STATED:
        (mixed,) = nstdb.Reader(real("nstdb")).read(f"118e{snr}")
        np.testing.assert_array_equal(mixed.beat_positions, original.beat_positions)
        noise = mixed.millivolts() - original.millivolts()
        np.testing.assert_allclose(noise[: 5 * minute - 1], 0, atol=1e-9)
        # gains change a sample before the minute: `nst` makes its change after the sample
        steps = np.abs(np.diff(noise, axis=0)).max(axis=1) > 1e-6
        for m in range(30):
            moving = steps[m * minute : (m + 1) * minute - 1].mean()
            assert (moving > 0.5) == (m >= 5 and (m - 5) % 4 < 2), m
