"""NSTDB's layout, and ratios that hold by the convention of the noise stress test."""

import numpy as np
import pytest
import wfdb

from ecgrepro.corpora import nstdb
from ecgrepro.corpora.synthetic_nstdb import (
    CLEAN,
    FS,
    GAIN,
    HEARTS,
    RATIOS,
    STRENGTH,
    noise_power,
    noisy_stretches,
    signal_power,
    simulate_clean,
    simulate_noise,
    write_nstdb,
)
from ecgrepro.errors import SettingsError
from ecgrepro.frames.noise import measured_snr, noise_rms, qrs_amplitude

SECONDS = 60
N = round(SECONDS * FS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_nstdb(tmp_path_factory.mktemp("made") / "nstdb", seed=1, seconds=SECONDS)


def test_fifteen_records_as_published(folder):
    reader = nstdb.Reader(folder)
    assert reader.units() == sorted([*STRENGTH, *(f"{heart}{name}" for heart in HEARTS for name in RATIOS)])
    for unit in reader.units():
        (record,) = reader.read(unit)
        assert record.signal.shape == (N, 2)
        assert (record.fs, record.label) == (FS, unit if unit in STRENGTH else "")


@pytest.mark.parametrize("kind", STRENGTH)
def test_noise_records_have_the_published_header_and_packing(folder, kind):
    first, second, _ = (folder / f"{kind}.hea").read_text().splitlines()
    assert first == f"{kind} 2 360 {N}"
    assert second.startswith(f"{kind}.dat 212 0 12 0 ")
    assert second.endswith(" 0 noise1")
    assert (folder / f"{kind}.dat").stat().st_size == 3 * N
    record = wfdb.rdrecord(str(folder / kind), physical=False)
    np.testing.assert_array_equal(record.d_signal, simulate_noise(1, kind, N))


def test_noise_kinds_have_their_bands():
    share = {}
    for kind in STRENGTH:
        power = np.abs(np.fft.rfft(simulate_noise(1, kind, N)[:, 0].astype(float))) ** 2
        frequency = np.fft.rfftfreq(N, 1 / FS)
        share[kind] = [
            power[(frequency >= low) & (frequency < high)].sum() / power.sum()
            for low, high in ((0, 1), (20, 180))
        ]
    assert share["bw"][0] > 0.9
    assert share["ma"][1] > 0.8
    # electrode motion has some of both, and most between
    assert 0.05 < share["em"][0] < 0.8
    assert share["em"][1] < 0.3


def test_mixtures_have_the_published_header_with_its_wrong_baseline(folder):
    lines = (folder / "118e_6.hea").read_text().splitlines()
    assert lines[1].startswith("118e_6.dat 16 200(1024) 11 0 ")
    assert lines[1].endswith(" 0 MLII")
    assert lines[2].endswith(" 0 V1")
    assert lines[3] == "# Created by `nst' from records 118 and em (SNR = -6 dB)"
    record = wfdb.rdrecord(str(folder / "118e_6"), physical=False)
    assert np.abs(np.median(record.d_signal, axis=0)).max() < 100


@pytest.mark.parametrize("heart", HEARTS)
def test_mixtures_of_one_heart_are_alike_where_it_is_clean(folder, heart):
    reader = nstdb.Reader(folder)
    records = [reader.read(f"{heart}{name}")[0] for name in RATIOS]
    clean, beats, _ = simulate_clean(1, heart, N)
    start = int(N * CLEAN) - 1
    for record in records:
        np.testing.assert_array_equal(record.signal[:start], np.rint(clean[:start]))
        np.testing.assert_array_equal(record.beat_positions, beats)
    loud = [record.signal[start:].std() for record in records]
    assert loud == sorted(loud)


@pytest.mark.parametrize("ratio", [24, 6, -6])
def test_ratios_hold_by_an_independent_measurement(ratio):
    clean, beats, _ = simulate_clean(1, "118", N)
    samples = simulate_noise(1, "em", N)
    noise = noisy_stretches(samples, clean, beats, ratio)
    sounding = (noise != 0).any(axis=1)
    # the gain that was applied, times the noise as it is measured over the whole record
    gain = [np.polyfit(samples[sounding, lead], noise[sounding, lead], 1)[0] for lead in range(2)]
    amplitude = qrs_amplitude(clean / GAIN, beats, FS)
    snr = measured_snr(amplitude, np.array(gain) * noise_rms(samples / GAIN, FS))
    np.testing.assert_allclose(snr, ratio, atol=0.3)


def test_noise_comes_and_goes():
    clean, beats, _ = simulate_clean(1, "119", N)
    noise = noisy_stretches(simulate_noise(1, "em", N), clean, beats, 0)
    sounding = np.abs(noise).sum(axis=1) > 0
    assert not sounding[: int(N * CLEAN) - 1].any()
    assert 0.4 < sounding[int(N * CLEAN) :].mean() < 0.65
    assert (np.diff(sounding.astype(int)) == 1).sum() >= 5


def test_powers_by_hand():
    beats = np.array([100, 300])
    clean = np.zeros((400, 2))
    clean[[100, 300]] = 4.0, 2.0
    np.testing.assert_allclose(signal_power(clean, beats), [2.0, 0.5])
    noise = np.tile(np.array([[3.0, 1.0], [-3.0, -1.0]]), (180 * 4, 1)) + 7
    np.testing.assert_allclose(noise_power(noise), [9.0, 1.0])


def test_beats_are_on_the_r_peaks_and_named():
    for heart, usual in (("118", "R"), ("119", "N")):
        clean, beats, symbols = simulate_clean(1, heart, N)
        assert set(symbols) == ({usual, "V"} if heart == "119" else {usual})
        inner = beats[(beats > 20) & (beats < N - 20)]
        height = np.abs(np.diff(clean, axis=0)).sum(axis=1)
        steep = [height[beat - 18 : beat + 18].max() for beat in inner]
        assert min(steep) > 3 * np.median(height)


def test_too_short_a_record_is_refused(tmp_path):
    with pytest.raises(SettingsError):
        write_nstdb(tmp_path / "out", seconds=9)
    assert list(tmp_path.iterdir()) == []


def test_same_arguments_give_the_same_bytes(tmp_path, folder):
    again = write_nstdb(tmp_path / "again", seed=1, seconds=SECONDS)
    names = sorted(path.name for path in again.iterdir())
    assert len(names) == 3 * 2 + 12 * 3
    assert all((again / name).read_bytes() == (folder / name).read_bytes() for name in names)
