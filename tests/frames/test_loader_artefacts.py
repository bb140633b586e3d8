"""The project's loader faults do what its code did, and the right versions differ from them as they should."""

import numpy as np
import pytest

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.frames.fourier import Fourier
from ecgrepro.frames.loader_artefacts import fourier, kept_bins, permuted_labels, reshaped

RNG = np.random.default_rng(3)
TIME = np.arange(5000)[:, None] / 500


def test_two_leads_of_three_samples_are_mixed_as_by_hand():
    signals = np.array([[1, 10], [2, 20], [3, 30]])
    # as stored: 1 2 3 10 20 30
    np.testing.assert_array_equal(reshaped(signals), [[1, 2], [3, 10], [20, 30]])
    np.testing.assert_array_equal(
        reshaped(np.stack([signals, -signals]))[1], [[-1, -2], [-3, -10], [-20, -30]]
    )


def test_a_file_reshaped_is_what_the_project_read():
    file = RNG.integers(-900, 900, (12, 5000))
    np.testing.assert_array_equal(reshaped(file.T), file.reshape(5000, 12))
    mixed = reshaped(np.tile(np.arange(12), (5000, 1)))
    assert (mixed[:416] == 0).all()
    assert mixed[416].tolist() == [0] * 8 + [1] * 4
    assert np.unique(mixed[:1250]).tolist() == [0, 1, 2]
    assert np.unique(mixed[1875:3125]).tolist() == [4, 5, 6, 7]


def test_one_lead_cannot_be_mixed():
    np.testing.assert_array_equal(reshaped(TIME), TIME)
    with pytest.raises(InputError, match="n_leads"):
        reshaped(np.arange(5))


def test_four_samples_by_hand():
    # one cosine of two periods and an offset: bins 0 and 2; a sine of one period: bins 1 and 3
    signal = np.array([[3.0, 0], [1, 1], [3, 0], [1, -1]])
    np.testing.assert_allclose(fourier(signal, "real", "whole"), [[8, 0], [0, 0], [4, 0], [0, 0]], atol=1e-6)
    np.testing.assert_allclose(fourier(signal, "imag", "whole"), [[0, 0], [0, -2], [0, 0], [0, 2]], atol=1e-6)
    np.testing.assert_allclose(fourier(signal, "abs", "project"), [[0, 2]], atol=1e-6)


def test_the_projects_crop_is_the_high_end():
    kept = kept_bins(5000, 500, "project")
    assert (kept[0], kept[-1], len(kept)) == (1875, 3124, 1250)
    assert np.abs(np.fft.fftfreq(5000, 1 / 500))[kept].min() == 187.5
    low, high = np.sin(2 * np.pi * 60 * TIME), np.sin(2 * np.pi * 200 * TIME)
    assert fourier(low, "abs", "project").max() < 1e-6
    assert fourier(high, "abs", "project").max() == pytest.approx(2500)


def test_the_low_band_shows_each_frequency_once_with_its_amplitude():
    signal = 0.8 * np.sin(2 * np.pi * 10 * TIME) + 0.1 * np.cos(2 * np.pi * 40 * TIME) + 3
    signal += 5 * np.sin(2 * np.pi * 50 * TIME)
    found = fourier(signal, "abs", "low band", 500)
    assert (found.shape, found.dtype) == ((396, 1), np.float32)
    amplitudes = np.expm1(found[:, 0]) * 1e-3
    assert amplitudes[95] == pytest.approx(0.8, rel=1e-4)
    assert amplitudes[395] == pytest.approx(0.1, rel=1e-4)
    assert np.delete(amplitudes, [95, 395]).max() < 1e-6


def test_it_agrees_with_the_layer():
    signals = RNG.normal(size=(2, 301, 3)).astype(np.float32)
    layers = {
        ("real", "whole"): Fourier(part="real", bins=None),
        ("imag", "project"): Fourier(part="imaginary", bins=75),
        ("abs", "low band"): Fourier(form="one_sided", fs=100.0),
    }
    for (part, crop), layer in layers.items():
        np.testing.assert_allclose(fourier(signals, part, crop, 100.0), layer(signals), atol=1e-4)


def test_unknown_parts_and_signals_are_refused():
    for part, crop, words in (
        ("phase", "whole", "spectrum"),
        ("abs", "high", "crop"),
        ("real", "low band", "magnitud"),
    ):
        with pytest.raises(SettingsError, match=words):
            fourier(TIME, part, crop)
    with pytest.raises(SettingsError, match="a bin within"):
        fourier(TIME[:3], "abs", "project")
    with pytest.raises(SettingsError, match="a bin within"):
        fourier(TIME[:100], "abs", "low band", 10_000)
    for wrong in (np.full((8, 2), np.nan), np.arange(8.0)):
        with pytest.raises(InputError, match="finite"):
            fourier(wrong, "abs", "whole")


def test_permuted_labels_are_the_same_rows_for_other_recordings():
    labels = np.eye(50, dtype=np.float32)
    found = permuted_labels(labels, 1)
    np.testing.assert_array_equal(found.sum(axis=0), 1)
    np.testing.assert_array_equal(found.sum(axis=1), 1)
    assert np.trace(found) < 10
    np.testing.assert_array_equal(found, permuted_labels(labels, 1))
    assert (found != permuted_labels(labels, 2)).any()
    np.testing.assert_array_equal(labels, np.eye(50))


@pytest.mark.parametrize("wrong", [np.ones((1, 4)), np.float64(3)])
def test_one_recording_cannot_be_permuted(wrong):
    with pytest.raises(InputError, match="at least two"):
        permuted_labels(wrong, 0)
