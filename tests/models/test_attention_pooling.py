"""Attention pooling: what the transformer makes of a token, which is a weight like any other."""

import keras
import numpy as np
import pytest

from ecgrepro.models.attention_pooling import PoolingToken, attention_pooling
from ecgrepro.models.resnet1d import dtype_policy
from ecgrepro.models.transformer import transformer_encoder
from tests.models.harness import Harness

RNG = np.random.default_rng(0)
TIME, D = 4, 16
SETTINGS = {"layers": 1, "heads": 4, "d_ff": 32}


def build(policy="float32"):
    with dtype_policy(policy):
        inputs = keras.Input((TIME, D))
        return keras.Model(inputs, attention_pooling(inputs, **SETTINGS))


@pytest.fixture(scope="module")
def inputs():
    return RNG.normal(size=(3, TIME, D)).astype("float32")


@pytest.fixture(scope="module")
def harnesses(inputs):
    return {
        "token": Harness(lambda policy: PoolingToken(dtype=policy), inputs, (3, TIME + 1, D), "bfloat16"),
        "pooling": Harness(build, inputs, (3, D), "bfloat16"),
    }


def test_the_token_stands_before_every_sequence(inputs):
    layer = PoolingToken()
    found = np.asarray(layer(inputs))
    np.testing.assert_array_equal(found[:, 1:], inputs)
    np.testing.assert_array_equal(found[:, 0], np.repeat(np.asarray(layer.token)[None], 3, axis=0))
    assert layer.compute_output_shape((None, TIME, D)) == (None, TIME + 1, D)


def test_the_token_starts_as_a_truncated_normal_of_deviation_one():
    layer = PoolingToken()
    layer.build((None, TIME, 20_000))
    token = np.asarray(layer.token)
    assert np.abs(token).max() <= 2
    assert abs(token.mean()) < 0.03
    assert abs(token.std() - 0.88) < 0.02  # of a normal cut off at two deviations


def test_pooled_is_what_the_transformer_makes_of_the_token(inputs):
    pooling = build()
    sequence = keras.Input((TIME + 1, D))
    transformer = keras.Model(sequence, transformer_encoder(sequence, **SETTINGS))
    token, *weights = pooling.get_weights()
    transformer.set_weights(weights)
    before = np.concatenate([np.repeat(token[None, None], 3, axis=0), inputs], axis=1)
    np.testing.assert_allclose(pooling(inputs), transformer(before)[:, 0], rtol=1e-4, atol=1e-5)


def test_the_token_is_trained(inputs):
    pooling = build()
    pooling.compile("adam", "mse", run_eagerly=True)
    before = np.asarray(pooling.get_layer("pooling_token").token).copy()
    pooling.train_on_batch(inputs, RNG.normal(size=(3, D)).astype("float32"))
    assert (np.asarray(pooling.get_layer("pooling_token").token) != before).all()


@pytest.mark.parametrize("name", ["token", "pooling"])
def test_outputs_have_their_shape(harnesses, name):
    harnesses[name].check_output()


@pytest.mark.parametrize("name", ["token", "pooling"])
def test_weights_are_saved_and_loaded_and_the_token_with_them(harnesses, name, tmp_path):
    harnesses[name].check_weights_are_saved_and_loaded(tmp_path)


@pytest.mark.parametrize("name", ["token", "pooling"])
def test_mixed_precision_keeps_weights_in_float32(harnesses, name):
    harnesses[name].check_mixed_precision()


def test_gradients_reach_the_token(harnesses):
    harnesses["token"].check_gradients_reach_every_trainable_weight()
