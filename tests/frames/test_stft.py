import numpy as np
import pytest
import tensorflow as tf
from scipy import signal as scipy_signal

from ecgrepro.errors import SettingsError
from ecgrepro.frames.stft import STFT
from ecgrepro.frames.transforms import make_transform
from ecgrepro.training.recipe import Transform

RNG = np.random.default_rng(0)


def by_scipy(signals, window, hop):
    """Magnitudes of (batch, length) in float64: (batch, window / 2, length // hop), bins from 1 on."""
    found = scipy_signal.stft(signals.astype("float64"), window="hann", nperseg=window, noverlap=window - hop,
                              boundary="zeros", padded=False)[2]  # fmt: skip
    # SciPy's window is periodic too, and its spectra are divided by its sum
    return np.abs(found[:, 1:, : signals.shape[1] // hop]) * window / 2


@pytest.mark.parametrize(
    ("window", "hop", "length"),
    [
        (256, 32, 1024),
        (256, 64, 1024),
        (64, 32, 1000),
        (128, 128, 777),
        (512, 32, 300),
        (32, 16, 1000),
        (32, 32, 333),
        (32, 1, 64),
    ],
)
def test_it_equals_scipy_to_2e_6_of_the_largest_magnitude(window, hop, length):
    signals = RNG.normal(size=(3, length)).astype("float32")
    reference = by_scipy(np.pad(signals, ((0, 0), (0, window))), window, hop)[..., : length // hop]
    ours = STFT(window=window, hop=hop)(signals[..., None])[..., 0]
    np.testing.assert_allclose(ours, reference, rtol=0, atol=2e-6 * reference.max())


@pytest.mark.parametrize(
    ("settings", "length", "expected"),
    [({}, 4096, (128, 128, 1)), ({}, 16_384, (128, 512, 1)), ({"hop": 64, "bins": 32}, 4096, (32, 64, 1)),
     ({"window": 64}, 1000, (32, 31, 1)), ({"window": 32, "hop": 16}, 2048, (16, 128, 1))],
)  # fmt: skip
def test_images_have_the_published_shapes(settings, length, expected):
    assert STFT(**settings).compute_output_shape((None, length, 1)) == (None, *expected)


def test_the_image_has_the_shape_it_announces():
    layer, signals = STFT(hop=64, bins=32), np.zeros((2, 1000, 3), "float32")
    assert layer(signals).shape == layer.compute_output_shape(signals.shape) == (2, 32, 15, 3)


def test_a_trial_may_ask_for_a_window_of_32():
    asked = Transform("stft", (("hop", 16), ("window", 32)))
    layer = make_transform(asked.kind, **dict(asked.settings))
    assert layer(np.zeros((2, 2048, 1), "float32")).shape == (2, 16, 128, 1)


def test_half_the_window_at_half_the_rate_shows_the_same_frequencies_at_the_same_times():
    def chirp(fs):
        time = np.arange(int(4 * fs)) / fs
        return np.sin(2 * np.pi * (5 + 4 * time) * time).astype("float32")[None, :, None]

    fast, slow = STFT(window=64, hop=32)(chirp(250)), STFT(window=32, hop=16)(chirp(125))
    assert fast.shape == (1, 32, 31, 1)
    assert slow.shape == (1, 16, 31, 1)
    # twice the samples, twice the magnitude; the window's lobes reach beyond half the slower rate
    np.testing.assert_allclose(2 * slow[:, :12], fast[:, :12], atol=0.02 * np.max(fast))


def test_rows_are_frequencies_ascending_from_bin_1():
    time = np.arange(2048)
    for bin_ in (1, 10, 127):
        signal = 3 * np.cos(2 * np.pi * bin_ / 256 * time).astype("float32")
        column = np.asarray(STFT()(signal[None, :, None]))[0, :, 30, 0]
        assert column.argmax() == bin_ - 1
        np.testing.assert_allclose(column.max(), 3 * 256 / 4, rtol=0.02 if bin_ == 1 else 1e-4)


def test_columns_are_frames_centred_on_every_hop():
    signal = np.zeros((1, 1024, 1), "float32")
    signal[0, 320] = 1
    image = np.asarray(STFT()(signal))[0, :, :, 0]
    hann = 0.5 + 0.5 * np.cos(2 * np.pi * (np.arange(32) * 32 - 320) / 256)
    inside = np.abs(np.arange(32) * 32 - 320) < 128
    np.testing.assert_allclose(image, np.broadcast_to(np.where(inside, hann, 0), image.shape), atol=1e-6)


def test_fewer_bins_are_the_lowest():
    signals = RNG.normal(size=(1, 512, 1)).astype("float32")
    np.testing.assert_array_equal(STFT(bins=32)(signals), STFT()(signals)[:, :32])


def test_each_lead_is_a_channel():
    signals = RNG.normal(size=(2, 512, 3)).astype("float32")
    whole = np.asarray(STFT()(signals))
    for lead in range(3):
        alone = STFT()(signals[..., lead : lead + 1])[..., 0]
        np.testing.assert_allclose(whole[..., lead], alone, atol=1e-6 * whole.max())


def test_the_logarithm_of_silence_is_zero():
    signals = RNG.normal(size=(1, 1024, 1)).astype("float32")
    signals[:, :512] = 0
    linear, log = STFT()(signals), np.asarray(STFT(magnitude="log", floor=0.5)(signals))
    np.testing.assert_allclose(log, np.log1p(np.asarray(linear) / 0.5), rtol=1e-4, atol=1e-6)
    assert (log[:, :, :12] == 0).all()
    assert log[:, :, 20:].min() > 0


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_gradients_reach_the_signal_and_stay_finite_over_padding(scale):
    signals = RNG.normal(size=(1, 1024, 1)).astype("float32")
    signals[:, :600] = 0
    signals = tf.constant(signals)
    with tf.GradientTape() as tape:
        tape.watch(signals)
        loss = tf.reduce_sum(STFT(magnitude=scale)(signals))
    gradient = tape.gradient(loss, signals).numpy()
    assert np.isfinite(gradient).all()
    assert np.abs(gradient[:, 700:]).min() > 0


@pytest.mark.parametrize(
    ("settings", "named"),
    [({"window": 100}, "window: expected one of"), ({"window": 16}, "window: expected one of"),
     ({"window": 32, "hop": 64}, "hop: expected a divisor"), ({"window": 32, "bins": 17}, "bins: expected 1 to 16"),
     ({"hop": 48}, "hop: expected a divisor"),
     ({"hop": 0}, "hop: expected"), ({"hop": 512}, "hop: expected"), ({"bins": 0}, "bins: expected 1 to 128"),
     ({"bins": 129}, "bins: expected"), ({"magnitude": "dB"}, "magnitude: expected one of"),
     ({"floor": 0}, "floor: expected")],
)  # fmt: skip
def test_what_is_not_known_is_refused(settings, named):
    with pytest.raises(SettingsError, match=named):
        STFT(**settings)


def test_a_signal_shorter_than_a_hop_is_refused():
    with pytest.raises(SettingsError, match="length: expected at least one hop"):
        STFT()(np.zeros((1, 31, 1), "float32"))
