"""The transformer encoder against its table spelt out in NumPy."""

import keras
import numpy as np
import pytest

from ecgrepro.errors import SettingsError
from ecgrepro.models.resnet1d import dtype_policy
from ecgrepro.models.transformer import Attention, positional_encoding, transformer_encoder
from tests.models.harness import Harness

RNG = np.random.default_rng(0)
TIME, D = 5, 16


def build(policy="float32", *, d=D, layers=2, heads=4):
    with dtype_policy(policy):
        inputs = keras.Input((TIME, d))
        return keras.Model(inputs, transformer_encoder(inputs, layers=layers, heads=heads, d_ff=2 * d))


@pytest.fixture(scope="module")
def harness():
    return Harness(build, RNG.normal(size=(3, TIME, D)).astype("float32"), (3, TIME, D), "bfloat16")


def plain(x, weight, layers, heads):
    """One sequence (time, d) through the table of the docstring; `weight` gives a layer's arrays by its name."""

    def dense(x, name):
        kernel, bias = weight(f"{name}_dense")
        return x @ kernel + bias

    def normalise(x, name):
        gamma, beta = weight(f"{name}_norm")
        return gamma * (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-3) + beta

    time, d = x.shape
    x = x * np.sqrt(d)
    for t in range(time):
        for i in range(d):
            angle = t / 10_000 ** (2 * (i // 2) / d)
            x[t, i] += np.cos(angle) if i % 2 else np.sin(angle)
    for name in (f"transformer_layer{i + 1}" for i in range(layers)):
        query, key, value = (dense(x, f"{name}_{part}") for part in ("query", "key", "value"))
        attended = []
        for q, k, v in zip(*(np.split(part, heads, axis=1) for part in (query, key, value)), strict=True):
            share = np.exp(q @ k.T / np.sqrt(d))
            attended.append(share / share.sum(1, keepdims=True) @ v)
        x = normalise(x + dense(np.concatenate(attended, axis=1), f"{name}_output"), f"{name}_attention")
        x = normalise(
            x + dense(np.maximum(dense(x, f"{name}_hidden"), 0), f"{name}_forward"), f"{name}_forward"
        )
    return x


@pytest.mark.parametrize("heads", [1, 4])
def test_the_encoder_equals_its_table(heads):
    net = build(heads=heads)
    net.set_weights([RNG.normal(scale=0.5, size=array.shape) for array in net.get_weights()])
    inputs = RNG.normal(size=(3, TIME, D)).astype("float32")
    expected = [
        plain(x.astype(float), lambda name: net.get_layer(name).get_weights(), 2, heads) for x in inputs
    ]
    np.testing.assert_allclose(net(inputs), expected, rtol=1e-3, atol=1e-4)


def test_a_published_layer_has_its_parameters():
    assert build(d=512, layers=1, heads=8).count_params() == 8 * 512**2 + 11 * 512 == 2_102_784


def test_positions_are_sines_and_cosines_side_by_side():
    table = positional_encoding(3, 4)
    assert table.dtype == np.float32
    np.testing.assert_allclose(table[0], [0, 1, 0, 1])
    np.testing.assert_allclose(table[2], [np.sin(2), np.cos(2), np.sin(0.02), np.cos(0.02)], rtol=1e-6)


def test_attention_to_one_key_alone_returns_its_value():
    query = np.ones((1, 3, 4), "float32")
    key = np.zeros((1, 3, 4), "float32")
    key[0, 1] = 500
    value = RNG.normal(size=(1, 3, 4)).astype("float32")
    found = Attention(2)([query, key, value])
    np.testing.assert_allclose(found, np.repeat(value[:, 1:2], 3, axis=1), rtol=1e-5)


def test_attention_without_a_preference_is_the_mean():
    query, value = np.zeros((1, 3, 4), "float32"), RNG.normal(size=(1, 3, 4)).astype("float32")
    found = Attention(2)([query, value, value])
    np.testing.assert_allclose(found, np.repeat(value.mean(1, keepdims=True), 3, axis=1), rtol=1e-5)


def test_the_number_of_heads_is_kept_in_the_configuration():
    assert Attention.from_config(Attention(4).get_config()).heads == 4


@pytest.mark.parametrize("heads", [0, 3, 32])
def test_heads_that_do_not_divide_the_width_are_refused(heads):
    with pytest.raises(
        SettingsError, match=f"heads: expected a divisor of 16, the width of the features; got {heads}"
    ):
        build(heads=heads)


def test_outputs_have_their_shape(harness):
    harness.check_output()


def test_weights_are_saved_and_loaded(harness, tmp_path):
    harness.check_weights_are_saved_and_loaded(tmp_path)


def test_mixed_precision_keeps_weights_in_float32(harness):
    harness.check_mixed_precision()


def test_mixed_precision_stays_close_to_float32(harness):
    exact, mixed = build(), build("mixed_bfloat16")
    mixed.set_weights(exact.get_weights())
    found = np.asarray(mixed(harness.inputs), np.float32)
    assert np.abs(found - np.asarray(exact(harness.inputs))).max() < 0.1
