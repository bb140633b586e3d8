import matplotlib
import numpy as np
import pytest
import tensorflow as tf
from scipy import signal as scipy_signal

from ecgrepro.errors import SettingsError
from ecgrepro.frames.cwt import Scalogram, jet, scales
from tests.frames.wavelet_reference import scalogram_by_pywavelets

RNG = np.random.default_rng(0)
FS = 250.0
#: Magnitudes as they are: one row per scale, one column per sample, one channel per lead.
PLAIN = {"size": None, "colour": None}
#: The same for two octaves, where any will do.
QUICK = PLAIN | {"lowest": 30}


def smooth_noise(n_signals, length, highest=60):
    """Noise of .5 Hz to `highest` Hz, as float32 (n_signals, length, 1), deviation about 1."""
    band = scipy_signal.butter(6, [0.5, highest], "band", fs=FS, output="sos")
    noise = scipy_signal.sosfiltfilt(band, RNG.normal(size=(n_signals, length)), axis=1)
    return (noise / noise.std()).astype("float32")[..., None]


def frequencies(length, **settings):
    return 6 * FS / (2 * np.pi * scales(length, FS, **settings))


@pytest.fixture(scope="module")
def compared():
    """PyWavelets' magnitudes of two signals of 1,250 samples, the scales, and the signals."""
    signals = smooth_noise(2, 1250)
    # 48 voices share an octave: every fifth row tells as much
    every_fifth = scales(1250)[::5]
    return scalogram_by_pywavelets(signals[..., 0], every_fifth), every_fifth, signals


@pytest.mark.parametrize("norm", ["L1", "L2"])
def test_it_equals_pywavelets_to_1e_3_of_each_rows_largest_magnitude(compared, norm):
    reference, rows, signals = compared
    reference = reference * (2 / np.sqrt(rows))[:, None] if norm == "L1" else reference
    ours = np.asarray(Scalogram(padding="zeros", norm=norm, **PLAIN)(signals))[:, ::5, :, 0]
    assert ours.shape == reference.shape
    errors = np.abs(ours - reference).max(axis=(0, 2)) / reference.max(axis=(0, 2))
    below_80_hz = 6 * FS / (2 * np.pi * rows) < 80
    assert errors[below_80_hz].max() < 1e-3
    # the signals' jumps at their ends reach beyond half the sampling rate, and PyWavelets' sampled wavelet sees them
    assert errors.max() < 2e-2


def test_it_equals_its_definition_to_1e_5_of_the_largest_magnitude(compared):
    _, _, signals = compared
    rows = scales(1250, lowest=2, highest=50, voices=4)
    ours = np.asarray(Scalogram(padding="zeros", lowest=2, highest=50, voices=4, **PLAIN)(signals))[..., 0]
    at, positions = np.arange(0, 1250, 50), np.arange(1250)
    for i in (0, 8, len(rows) - 1):
        moved = (positions - at[:, None]) / rows[i]
        wavelet = np.exp(-(moved**2) / 2 + 6j * moved) / np.sqrt(2 * np.pi)
        found = np.abs(signals[..., 0].astype("float64") @ wavelet.conj().T) * 2 / rows[i]
        np.testing.assert_allclose(ours[:, i, at], found, rtol=0, atol=1e-5 * ours.max())


def test_a_sine_has_its_amplitude_on_the_row_of_its_frequency():
    rows = frequencies(1250)
    for i in (20, 150, 220):
        signal = 0.7 * np.sin(2 * np.pi * rows[i] * np.arange(1250) / FS)
        image = np.asarray(Scalogram(**PLAIN)(signal[None, :, None].astype("float32")))[0, ..., 0]
        middle = image[:, 625]
        assert middle.argmax() == i
        np.testing.assert_allclose(middle[i], 0.7, rtol=1e-3)
        # the Gaussian in frequency, seen from half an octave below
        np.testing.assert_allclose(middle[i + 24] / 0.7, np.exp(-((6 * 2**0.5 - 6) ** 2) / 2), rtol=0.02)


def test_the_ridge_of_a_chirp_follows_its_frequency():
    time = np.arange(1250) / FS
    chirp = scipy_signal.chirp(time, 5, 5, 40).astype("float32")
    image = np.asarray(Scalogram(**PLAIN)(chirp[None, :, None]))[0, ..., 0]
    ridge = frequencies(1250)[image.argmax(axis=0)]
    inside = slice(200, -200)
    np.testing.assert_allclose(ridge[inside], (5 + 7 * time)[inside], rtol=0.03)


def test_frequencies_are_matlabs_unless_told_otherwise():
    rows = scales(1250)
    assert len(rows) == 356
    # the first filter is down to a tenth at half the sampling rate; the last spans the signal with four deviations
    np.testing.assert_allclose(np.exp(-((rows[0] * np.pi - 6) ** 2) / 2), 0.1)
    assert rows[-1] <= 1250 / (2 * np.sqrt(2)) < rows[-1] * 2 ** (1 / 48)
    np.testing.assert_allclose(rows[48:] / rows[:-48], 2)


def test_a_range_is_met_at_both_ends():
    rows = frequencies(1250, lowest=1, highest=64)
    assert len(rows) == 6 * 48 + 1
    np.testing.assert_allclose(rows[[0, -1]], [64, 1])


def test_reflection_is_what_a_mirrored_signal_gives():
    signal = smooth_noise(1, 400)
    mirrored = np.pad(signal, ((0, 0), (1200, 1200), (0, 0)), mode="symmetric")
    settings = {"lowest": 1, "highest": 60, "voices": 8, **PLAIN}
    ours = np.asarray(Scalogram(**settings)(signal))
    # the widest filter reaches 1,194 samples: three times the signal, mirrored again and again
    reference = np.asarray(Scalogram(padding="zeros", **settings)(mirrored))[:, :, 1200:-1200]
    np.testing.assert_allclose(ours, reference, rtol=0, atol=2e-5 * reference.max())
    assert np.abs(ours - np.asarray(Scalogram(padding="zeros", **settings)(signal))).max() > 0.1


def test_signals_of_odd_length_are_reflected_too():
    signal = smooth_noise(1, 301)
    mirrored = np.pad(signal, ((0, 0), (1204, 1204), (0, 0)), mode="symmetric")
    settings = {"lowest": 1, "highest": 60, "voices": 8, **PLAIN}
    reference = np.asarray(Scalogram(padding="zeros", **settings)(mirrored))[:, :, 1204:-1204]
    np.testing.assert_allclose(Scalogram(**settings)(signal), reference, rtol=0, atol=2e-5 * reference.max())


def test_each_lead_is_a_channel():
    signals = np.concatenate([smooth_noise(1, 300), smooth_noise(1, 300)], axis=2)
    layer = Scalogram(**QUICK)
    whole = np.asarray(layer(signals))
    assert (
        whole.shape == layer.compute_output_shape(signals.shape) == (1, len(scales(300, lowest=30)), 300, 2)
    )
    alone = np.asarray(Scalogram(**QUICK)(signals[..., 1:]))
    np.testing.assert_allclose(whole[..., 1:], alone, atol=1e-6 * whole.max())


def test_an_image_for_alexnet_has_its_shape_and_range():
    layer = Scalogram()
    signals = smooth_noise(2, 1250) * np.array([1, 50], "float32")[:, None, None]
    image = np.asarray(layer(signals))
    assert image.shape == layer.compute_output_shape((2, 1250, 1)) == (2, 227, 227, 3)
    assert image.dtype == "float32"
    assert image.min() == 0
    assert image.max() == 255


def test_colours_show_each_images_own_range():
    signal = smooth_noise(1, 300)
    once, louder = (np.asarray(Scalogram(lowest=30, size=(50, 60))(signal * k)) for k in (1, 10))
    np.testing.assert_allclose(once, louder, atol=0.01)


def test_grey_is_the_magnitude_from_black_to_white():
    signal = smooth_noise(1, 300)
    grey = np.asarray(Scalogram(lowest=30, size=(50, 60), colour="grey", white=1.0)(signal))
    magnitudes = np.asarray(Scalogram(lowest=30, size=(50, 60), colour=None)(signal))
    expected = (magnitudes - magnitudes.min()) / np.ptp(magnitudes)
    np.testing.assert_allclose(grey, np.repeat(expected, 3, axis=-1), atol=1e-6)


def test_the_image_is_the_antialiased_resize_of_the_magnitudes():
    signal = smooth_noise(1, 400)
    small, whole = Scalogram(**QUICK | {"size": (60, 70)})(signal), Scalogram(**QUICK)(signal)
    expected = tf.image.resize(whole, (60, 70), "bilinear", antialias=True)
    np.testing.assert_allclose(small, expected, atol=3e-5 * np.max(whole))


def test_a_mean_is_subtracted_channel_by_channel():
    signal, mean = smooth_noise(1, 300), (120.0, 110.0, 100.0)
    plain, less = (np.asarray(Scalogram(lowest=30, size=(20, 20), mean=m)(signal)) for m in ((0, 0, 0), mean))
    np.testing.assert_allclose(plain - less, np.broadcast_to(np.array(mean), plain.shape), atol=1e-3)


def test_silence_is_one_colour():
    image = np.asarray(Scalogram(lowest=30, size=(20, 20))(np.zeros((1, 300, 1), "float32")))
    assert (image == [0, 0, 127.5]).all()


def test_high_frequencies_are_on_top():
    signal = np.sin(2 * np.pi * 60 * np.arange(500) / FS).astype("float32")
    image = np.asarray(Scalogram(size=(100, 100), colour="grey")(signal[None, :, None]))[0, ..., 0]
    assert image[:50].mean() > 10 * image[50:].mean()


def test_the_logarithm_comes_before_the_resize():
    signal = smooth_noise(1, 300)
    linear = np.asarray(Scalogram(**QUICK)(signal))
    log = np.asarray(Scalogram(magnitude="log", floor=0.1, **QUICK)(signal))
    np.testing.assert_allclose(log, np.log1p(linear / 0.1), rtol=1e-4, atol=1e-6)
    small = Scalogram(magnitude="log", floor=0.1, **QUICK | {"size": (30, 40)})(signal)
    np.testing.assert_allclose(small, tf.image.resize(log, (30, 40), antialias=True), atol=3e-5 * log.max())


def test_jet_is_matlabs():
    # jet(8) as its documentation prints it; level i of 8 stands for i / 8
    table = [[0, 0, 1], [0, 0.5, 1], [0, 1, 1], [0.5, 1, 0.5], [1, 1, 0], [1, 0.5, 0], [1, 0, 0], [0.5, 0, 0]]
    values = np.arange(1, 9, dtype="float32") / 8
    np.testing.assert_allclose(np.stack(jet(values), axis=-1), table, atol=1e-6)
    # Matplotlib's table has the same name and slightly other corners
    values = np.linspace(0, 1, 101, dtype="float32")
    reference = matplotlib.colormaps["jet"](values)[:, :3]
    assert np.abs(np.stack(jet(values), axis=-1) - reference).max() < 0.15


@pytest.mark.parametrize("colour", [None, "grey"])
def test_gradients_reach_the_signal(colour):
    signals = tf.constant(smooth_noise(1, 200))
    with tf.GradientTape() as tape:
        tape.watch(signals)
        loss = tf.reduce_sum(tf.square(Scalogram(lowest=30, size=(20, 20), colour=colour)(signals)))
    gradient = tape.gradient(loss, signals).numpy()
    assert np.isfinite(gradient).all()
    assert np.abs(gradient).min() > 0


@pytest.mark.parametrize(
    ("settings", "named"),
    [({"padding": "wrap"}, "padding: expected one of"), ({"norm": "L3"}, "norm: expected one of"),
     ({"magnitude": "dB"}, "magnitude: expected one of"), ({"colour": "viridis"}, "colour: expected one of"),
     ({"fs": 0}, "fs: expected"), ({"voices": 0}, "voices: expected"), ({"floor": 0}, "floor: expected"),
     ({"white": 0}, "white: expected"), ({"lowest": 0}, "lowest: expected between 0 and 125 Hz"),
     ({"highest": 126}, "highest: expected between"), ({"size": (227, 0)}, "size: expected"),
     ({"size": (227,)}, "size: expected"), ({"mean": (1, 2)}, "mean: expected")],
)  # fmt: skip
def test_what_is_not_known_is_refused(settings, named):
    with pytest.raises(SettingsError, match=named):
        Scalogram(**settings)


def test_frequencies_out_of_order_are_refused():
    with pytest.raises(
        SettingsError, match="lowest, highest: expected ascending frequencies; got 40 to 20 Hz"
    ):
        scales(1250, lowest=40, highest=20)


def test_a_signal_too_short_for_a_single_row_is_refused():
    with pytest.raises(SettingsError, match="lowest, highest"):
        Scalogram()(np.zeros((1, 4, 1), "float32"))


def test_colours_are_for_one_lead():
    with pytest.raises(SettingsError, match="colour: expected None for several leads"):
        Scalogram(colour="grey")(np.zeros((1, 300, 2), "float32"))
