import numpy as np
import pytest
import tensorflow as tf

from ecgrepro.errors import SettingsError
from ecgrepro.frames.fourier import Fourier

RNG = np.random.default_rng(0)
PARTS = {"real": np.real, "imaginary": np.imag, "absolute": np.abs}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("length", [600, 601])
def test_all_bins_equal_numpys_to_2e_6_of_the_largest_magnitude(part, length):
    signals = RNG.normal(size=(2, length, 3)).astype("float32")
    spectrum = np.fft.fft(signals.astype("float64"), axis=1)
    ours = Fourier(part=part, bins=None)(signals)
    np.testing.assert_allclose(ours, PARTS[part](spectrum), rtol=0, atol=2e-6 * np.abs(spectrum).max())


def test_as_coded_it_keeps_the_middle_of_the_two_sided_spectrum():
    signals = RNG.normal(size=(1, 5000, 2)).astype("float32")
    spectrum = np.abs(np.fft.fft(signals, axis=1))
    ours = np.asarray(Fourier()(signals))
    assert ours.shape == Fourier().compute_output_shape(signals.shape) == (1, 1250, 2)
    np.testing.assert_allclose(ours, spectrum[:, 1875:3125], atol=2e-6 * spectrum.max())
    # nothing under 187.5 Hz: a heart's 1 Hz and mains hum do not show
    assert np.abs(np.fft.fftfreq(5000, 1 / 500))[1875:3125].min() == 187.5
    time = np.arange(5000)[None, :, None] / 500
    for hertz in (1, 50, 187):
        signal = np.sin(2 * np.pi * hertz * time).astype("float32")
        assert np.asarray(Fourier()(signal)).max() < 1e-5 * 2500


def test_the_middle_of_an_odd_rest_is_the_projects():
    signals = RNG.normal(size=(1, 101, 1)).astype("float32")
    whole, kept = Fourier(bins=None)(signals), Fourier(bins=50)(signals)
    np.testing.assert_array_equal(kept, whole[:, 25:75])


def test_the_projects_scaler_comes_last():
    signals = RNG.normal(size=(1, 200, 1)).astype("float32")
    plain = np.asarray(Fourier(part="imaginary", bins=40)(signals))
    scaled = Fourier(part="imaginary", bins=40, mean=0.5, deviation=4.0)(signals)
    np.testing.assert_allclose(scaled, (plain - 0.5) / 4, rtol=1e-4, atol=1e-5)


def test_one_sided_it_shows_amplitudes_of_the_band_each_once():
    time = np.arange(5000) / 500
    signal = 0.8 * np.sin(2 * np.pi * 10 * time) + 0.1 * np.sin(2 * np.pi * 40 * time)
    signal += 5 * np.sin(2 * np.pi * 50 * time) + 3
    ours = np.asarray(Fourier(form="one_sided")(signal[None, :, None].astype("float32")))[0, :, 0]
    assert len(ours) == 396
    frequencies = 0.5 + 0.1 * np.arange(396)
    amplitudes = np.expm1(ours) * 1e-3
    np.testing.assert_allclose(amplitudes[np.isclose(frequencies, 10)], 0.8, rtol=1e-3)
    np.testing.assert_allclose(amplitudes[-1], 0.1, rtol=1e-3)
    assert np.delete(amplitudes, [95, 395]).max() < 1e-5


def test_the_sampling_rate_decides_where_the_band_is():
    signals = RNG.normal(size=(1, 1000, 2)).astype("float32")
    layer = Fourier(form="one_sided", fs=100.0, band=(1, 20))
    spectrum = np.abs(np.fft.rfft(signals, axis=1))[:, 10:201] * 2 / 1000
    assert layer.compute_output_shape(signals.shape) == (1, 191, 2)
    np.testing.assert_allclose(layer(signals), np.log1p(spectrum / 1e-3), rtol=1e-4)


@pytest.mark.parametrize("settings", [{"bins": None}, {"form": "one_sided"}, {"part": "real"}])
def test_gradients_reach_the_signal_and_silence_does_no_harm(settings):
    for values in (RNG.normal(size=(1, 2000, 1)), np.zeros((1, 2000, 1))):
        signals = tf.constant(values, tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(signals)
            loss = tf.reduce_sum(Fourier(**settings)(signals))
        gradient = tape.gradient(loss, signals).numpy()
        assert np.isfinite(gradient).all()
        assert np.abs(gradient).max() > 0 or not values.any()


@pytest.mark.parametrize(
    ("settings", "named"),
    [({"part": "phase"}, "part: expected one of"), ({"form": "shifted"}, "form: expected one of"),
     ({"part": "real", "form": "one_sided"}, 'part: expected "absolute"'), ({"fs": 0}, "fs: expected"),
     ({"floor": -1}, "floor: expected"), ({"deviation": 0}, "deviation: expected"),
     ({"band": (40, 0.5)}, "band: expected"), ({"band": (0, 40)}, "band: expected"),
     ({"band": (1, 250)}, "band: expected")],
)  # fmt: skip
def test_what_is_not_known_is_refused(settings, named):
    with pytest.raises(SettingsError, match=named):
        Fourier(**settings)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({}, "bins: expected 1 to 100"),
        ({"form": "one_sided", "band": (6, 8)}, "band: expected a bin, 5 Hz apart"),
    ],
)
def test_a_signal_too_short_for_the_settings_is_refused(settings, named):
    with pytest.raises(SettingsError, match=named):
        Fourier(**settings)(np.zeros((1, 100, 1), "float32"))
