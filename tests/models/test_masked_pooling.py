from fractions import Fraction

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgrepro.models.masked_pooling import MaskedAveragePooling1D
from tests.models.harness import Harness

RNG = np.random.default_rng(0)
LENGTH, STEPS, CHANNELS = 128, 8, 5
FEATURES = RNG.normal(size=(3, STEPS, CHANNELS)).astype("float32")


def padded(left=0, right=0, length=LENGTH, n_leads=1):
    """One signal without a zero but for those that pad it."""
    signal = RNG.uniform(0.5, 1, (1, length, n_leads)).astype("float32")
    signal[:, :left] = signal[:, length - right :] = 0
    return signal


def pool(signal, features=FEATURES[:1]):
    return np.asarray(MaskedAveragePooling1D()([signal, features]))


def by_loop(signal, features):
    """The steps with their centre between the first and the last nonzero sample, or in a share about their middle."""
    found = []
    for samples, steps in zip(signal, features, strict=True):
        places = [i for i in range(len(samples)) if samples[i].any()] or [0, len(samples) - 1]
        share, half = Fraction(len(samples), len(steps)), Fraction(1, 2)
        middle, extent = (places[0] + places[-1]) * half, max(places[-1] - places[0], share)
        centres = [(k + half) * share - half for k in range(len(steps))]
        kept = [steps[k] for k, centre in enumerate(centres) if abs(centre - middle) <= extent / 2]
        found.append(np.mean(kept, axis=0))
    return np.array(found)


@pytest.mark.parametrize(
    ("left", "right", "kept"),
    # 16 samples a step; centres at 7.5, 23.5, ..., 119.5
    [(0, 0, range(8)), (7, 0, range(8)), (8, 0, range(1, 8)), (100, 0, range(6, 8)), (0, 8, range(7)),
     (0, 64, range(4)), (24, 40, range(2, 5))],
)  # fmt: skip
def test_the_average_is_over_steps_centred_on_the_recording(left, right, kept):
    expected = FEATURES[:1, list(kept)].mean(axis=1)
    np.testing.assert_allclose(pool(padded(left, right)), expected, rtol=1e-5, atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 200), st.integers(1, 40), st.data())
def test_it_equals_a_loop_for_any_length_and_padding(length, stride, data):
    steps = -(-length // stride)
    left = data.draw(st.integers(0, length - 1))
    right = data.draw(st.integers(0, length - left - 1))
    signal, features = padded(left, right, length), RNG.normal(size=(1, steps, 2)).astype("float32")
    np.testing.assert_allclose(pool(signal, features), by_loop(signal, features), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("length", "steps"), [(128, 8), (993, 32), (65, 3), (15_000, 469), (5, 5), (7, 1)])
def test_without_padding_it_is_the_plain_average(length, steps):
    features = RNG.normal(size=(1, steps, CHANNELS)).astype("float32")
    ours = pool(padded(length=length), features)
    plain = keras.layers.GlobalAveragePooling1D()(features)
    np.testing.assert_allclose(ours, plain, rtol=1e-5, atol=1e-6)


def test_of_an_input_of_zeros_all_steps_are_averaged():
    ours = pool(np.zeros((1, LENGTH, 2), "float32"))
    np.testing.assert_allclose(ours, FEATURES[:1].mean(axis=1), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("sample", "kept"), [(0, [0]), (20, [1]), (31, [1, 2]), (127, [7])])
def test_of_a_recording_shorter_than_a_step_the_nearest_are_left(sample, kept):
    signal = np.zeros((1, LENGTH, 1), "float32")
    signal[0, sample : sample + (2 if sample == 31 else 1)] = 1
    np.testing.assert_allclose(pool(signal), FEATURES[:1, kept].mean(axis=1), rtol=1e-5, atol=1e-6)


def test_zeros_within_a_recording_and_in_single_leads_are_kept():
    signal = padded(32, 32, n_leads=3)
    signal[0, 50:80] = 0
    signal[0, :60, 0] = signal[0, 60:, 1] = signal[0, :, 2] = 0
    np.testing.assert_allclose(pool(signal), FEATURES[:1, 2:6].mean(axis=1), rtol=1e-5, atol=1e-6)


def test_every_row_has_its_own_padding():
    signal = np.concatenate([padded(64), padded(0, 32), padded()])
    np.testing.assert_allclose(pool(signal, FEATURES), by_loop(signal, FEATURES), rtol=1e-5, atol=1e-6)


def test_steps_of_padding_have_no_say_and_no_gradient():
    signal, features = padded(64), tf.Variable(FEATURES[:1])
    with tf.GradientTape() as tape:
        out = MaskedAveragePooling1D()([signal, features])
    gradient = tape.gradient(out, features).numpy()
    np.testing.assert_allclose(gradient, np.where(np.arange(STEPS) < 4, 0, 1 / 4)[None, :, None]
                               * np.ones(CHANNELS), rtol=1e-6)  # fmt: skip
    features[:, :4].assign(1e6 * np.ones((1, 4, CHANNELS)))
    np.testing.assert_array_equal(MaskedAveragePooling1D()([signal, features]), out)


def test_small_samples_are_no_padding():
    signal = np.full((1, LENGTH, 1), 1e-30, "float32")
    signal[0, :64] = 0
    np.testing.assert_allclose(pool(signal), FEATURES[:1, 4:].mean(axis=1), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_it_computes_in_float32_whatever_it_is_given(policy):
    dtype = policy.removeprefix("mixed_")
    features = keras.ops.cast(FEATURES[:1], dtype)
    out = MaskedAveragePooling1D(dtype=policy)([padded(64), features])
    assert keras.backend.standardize_dtype(out.dtype) == "float32"
    expected = np.asarray(keras.ops.cast(features, "float32"))[:, 4:].mean(axis=1)
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("compiled", [False, True])
def test_a_compiled_graph_of_open_shape_gives_the_same(compiled):
    layer = MaskedAveragePooling1D()
    shapes = [tf.TensorSpec((None, None, 1)), tf.TensorSpec((None, None, CHANNELS))]
    graph = tf.function(lambda *parts: layer(list(parts)), input_signature=shapes, jit_compile=compiled)
    for left in (0, 40):
        signal = np.concatenate([padded(left), padded(0, left), np.zeros((1, LENGTH, 1), "float32")])
        np.testing.assert_allclose(graph(signal, FEATURES), by_loop(signal, FEATURES), rtol=1e-5, atol=1e-6)


def model():
    signal = keras.Input((LENGTH, 1))
    features = keras.layers.Conv1D(CHANNELS, 5, 16, "same")(signal)
    return keras.Model(signal, MaskedAveragePooling1D(name="pool")([signal, features]))


def test_a_saved_model_pools_the_same(tmp_path):
    net, signal = model(), padded(40)
    net.save(tmp_path / "net.keras")
    loaded = keras.models.load_model(tmp_path / "net.keras")
    assert type(loaded.get_layer("pool")) is MaskedAveragePooling1D
    np.testing.assert_array_equal(loaded(signal), net(signal))


def test_output_has_the_shape_it_announces_and_the_layer_no_weights():
    layer = MaskedAveragePooling1D()
    assert layer.compute_output_shape([(None, LENGTH, 1), (None, STEPS, CHANNELS)]) == (None, CHANNELS)
    harness = Harness(lambda policy: model(), padded(40), (1, CHANNELS), "float32")
    harness.check_output()
    assert layer.variables == []
