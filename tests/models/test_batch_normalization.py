import keras
import numpy as np
import pytest
import tensorflow as tf

from ecgrepro.models.batch_normalization import BatchNormalization
from tests.models.harness import Harness

RNG = np.random.default_rng(0)
INPUTS = RNG.normal(0.7, 2.0, size=(6, 50, 8)).astype("float32")
IMAGES = RNG.normal(0.7, 2.0, size=(3, 5, 20, 8)).astype("float32")
WEIGHTS = [RNG.normal(1, 0.2, 8), RNG.normal(0, 0.5, 8), RNG.normal(0, 0.3, 8), RNG.uniform(0.5, 2, 8)]
SETTINGS = {"momentum": 0.9, "epsilon": 1e-5}


def make(kind, inputs=INPUTS, weights=WEIGHTS, **settings):
    layer = kind(**(SETTINGS | settings))
    layer.build(inputs.shape)
    layer.set_weights(weights)
    return layer


def pair(inputs=INPUTS, **settings):
    return tuple(
        make(kind, inputs, **settings) for kind in (BatchNormalization, keras.layers.BatchNormalization)
    )


def train(layer, inputs=INPUTS, **settings):
    """Output, gradients (of inputs, gamma, beta) and moving statistics after one training call."""
    x = tf.constant(inputs)
    target = tf.constant(np.random.default_rng(1).normal(size=inputs.shape), x.dtype)
    with tf.GradientTape() as tape:
        tape.watch(x)
        out = layer(x, training=True, **settings)
        loss = tf.reduce_sum(out * target)
    gradients = tape.gradient(loss, [x, *(variable.value for variable in layer.trainable_variables)])
    return [out, *gradients, *layer.get_weights()]


def same(ours, reference):
    for a, b in zip(ours, reference, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


both_ranks = pytest.mark.parametrize("inputs", [INPUTS, IMAGES], ids=["signals", "images"])


@both_ranks
def test_training_equals_keras_in_output_gradients_and_moving_statistics(inputs):
    ours, reference = pair(inputs=inputs)
    assert ours._can_fuse(inputs)
    for _ in range(3):
        same(train(ours, inputs), train(reference, inputs))


@both_ranks
def test_the_moving_variance_is_of_the_population(inputs):
    layer = make(BatchNormalization, inputs)
    layer(inputs, training=True)
    expected = 0.9 * WEIGHTS[3] + 0.1 * inputs.reshape(-1, 8).var(axis=0)
    np.testing.assert_allclose(layer.moving_variance, expected, rtol=1e-5)


@both_ranks
def test_a_compiled_call_equals_keras(inputs):
    ours, reference = pair(inputs=inputs)
    outs = [
        tf.function(lambda x, layer=layer: layer(x, training=True))(inputs) for layer in (ours, reference)
    ]
    same([outs[0], *ours.get_weights()], [outs[1], *reference.get_weights()])


@pytest.mark.parametrize("frozen", [False, True])
def test_inference_and_frozen_layers_equal_keras_and_change_nothing(frozen):
    ours, reference = pair()
    ours.trainable = reference.trainable = not frozen
    out, expected = (layer(INPUTS, training=frozen) for layer in (ours, reference))
    same([out], [expected])
    same(ours.get_weights(), WEIGHTS)


@pytest.mark.parametrize("settings", [{"scale": False}, {"center": False}, {"axis": 1}])
def test_what_the_kernel_does_not_know_is_left_to_keras(settings):
    shape = INPUTS.shape[settings.get("axis", 2)]
    layers = [kind(**SETTINGS, **settings) for kind in (BatchNormalization, keras.layers.BatchNormalization)]
    for layer in layers:
        layer.build(INPUTS.shape)
    assert layers[0].moving_mean.shape == (shape,)
    same(train(layers[0]), train(layers[1]))


@pytest.mark.parametrize("shape", [(60, 8), (3, 2, 5, 4, 8)])
def test_other_ranks_are_left_to_keras(shape):
    inputs = np.resize(INPUTS, shape)
    ours, reference = pair(inputs=inputs)
    assert not ours._can_fuse(inputs)
    same(train(ours, inputs), train(reference, inputs))


def test_channels_that_come_first_in_an_image_are_left_to_keras():
    inputs = np.moveaxis(IMAGES, -1, 1)
    layers = [kind(**SETTINGS, axis=1) for kind in (BatchNormalization, keras.layers.BatchNormalization)]
    for layer in layers:
        layer.build(inputs.shape)
    assert not layers[0]._can_fuse(inputs)
    same(train(layers[0], inputs), train(layers[1], inputs))


def test_a_mask_is_left_to_keras():
    ours, reference = pair()
    mask = tf.constant(RNG.random(INPUTS.shape[:2]) < 0.5)
    same(train(ours, mask=mask), train(reference, mask=mask))


def test_a_batch_of_one_frame_stays_finite():
    layer = make(BatchNormalization)
    out = layer(INPUTS[:1, :1], training=True)
    assert np.isfinite(out).all()
    assert np.isfinite(layer.moving_variance).all()


@both_ranks
def test_bfloat16_follows_keras_within_its_precision(inputs):
    ours, reference = pair(inputs=inputs, dtype="mixed_bfloat16")
    out, expected = (np.asarray(layer(inputs, training=True), np.float32) for layer in (ours, reference))
    np.testing.assert_allclose(out, expected, atol=0.05)
    for a, b in zip(ours.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=5e-3, atol=5e-3)


def test_the_config_makes_the_same_layer_again():
    layer = make(BatchNormalization, name="named")
    again = BatchNormalization.from_config(layer.get_config())
    assert (again.momentum, again.epsilon, again.axis, again.name) == (0.9, 1e-5, layer.axis, "named")
    restored = keras.layers.deserialize(keras.layers.serialize(layer))
    assert type(restored) is BatchNormalization


@pytest.fixture(scope="module")
def harness():
    return Harness(lambda policy: BatchNormalization(dtype=policy), INPUTS, INPUTS.shape, "bfloat16")


def test_output_has_the_shape_of_the_input(harness):
    harness.check_output()


def test_weights_are_saved_and_loaded(harness, tmp_path):
    harness.check_weights_are_saved_and_loaded(tmp_path)


def test_mixed_precision_keeps_statistics_in_float32(harness):
    harness.check_mixed_precision()


def test_gradients_reach_gamma_and_beta(harness):
    harness.check_gradients_reach_every_trainable_weight()
