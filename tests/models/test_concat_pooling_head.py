import keras
import numpy as np
import pytest
import tensorflow as tf

from ecgrepro.models.concat_pooling_head import MaximumOverTime, concat_pooling_head, kaiming_normal
from ecgrepro.models.resnet1d import HEAD
from tests.models.harness import Harness
from tests.models.pytorch_semantics import Weights, assert_equal, disturb

CHANNELS, OUTPUTS = 24, 5
RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(16, 9, CHANNELS)).astype("float32")


def make(n_outputs=OUTPUTS, width=0.25, channels=CHANNELS, dtype="float32"):
    features = keras.Input((None, channels), dtype=dtype)
    return keras.Model(features, concat_pooling_head(features, n_outputs, width))


@pytest.fixture
def head():
    keras.utils.set_random_seed(0)
    return make()


@pytest.fixture(scope="module")
def harness():
    return Harness(lambda policy: make(), FEATURES, (16, OUTPUTS), "float32")


def test_the_head_equals_the_benchmarks_in_pytorch(head):
    disturb(head, RNG)
    assert_equal(head(FEATURES), Weights(head).head(FEATURES.astype("float64").transpose(0, 2, 1)))


def test_the_maximum_comes_before_the_mean(head):
    pooled = keras.Model(head.input, head.get_layer("head_pool").output)(FEATURES)
    expected = np.concatenate([FEATURES.max(axis=1), FEATURES.mean(axis=1)], axis=1)
    np.testing.assert_allclose(pooled, expected, rtol=1e-5, atol=1e-6)


def test_layers_stand_in_the_benchmarks_order(head):
    order = ["head_pool_bn", "head_pool_dropout", "head_hidden", "head_hidden_relu", "head_hidden_bn",
             "head_hidden_dropout", HEAD]  # fmt: skip
    assert [layer.name for layer in head.layers][-7:] == order
    assert [head.get_layer(f"head_{part}_dropout").rate for part in ("pool", "hidden")] == [0.25, 0.5]


def test_parameters_are_those_counted_by_hand():
    channels, outputs = 256, 71
    learnt = 2 * 2 * channels + (2 * channels * 128 + 128) + 2 * 128 + 128 * outputs + outputs
    whole = make(outputs, 1.0, channels)
    assert sum(int(np.prod(w.shape)) for w in whole.trainable_variables) == learnt
    assert whole.count_params() == learnt + 2 * (2 * channels + 128)


def test_batch_normalisation_is_pytorchs(head):
    for name in ("head_pool_bn", "head_hidden_bn"):
        layer = head.get_layer(name)
        assert (layer.momentum, layer.epsilon) == (0.9, 1e-5)


def test_dropout_acts_in_training_alone(head):
    assert (np.asarray(head(FEATURES)) == np.asarray(head(FEATURES))).all()
    assert (np.asarray(head(FEATURES, training=True)) != np.asarray(head(FEATURES, training=True))).any()


def test_without_outputs_the_head_ends_at_what_its_last_layer_reads(head):
    features = make(n_outputs=0)
    assert [layer.name for layer in features.layers[1:]] == [layer.name for layer in head.layers[1:-1]]
    for layer in features.layers[1:]:
        layer.set_weights(head.get_layer(layer.name).get_weights())
    kernel, bias = head.get_layer(HEAD).get_weights()
    np.testing.assert_allclose(
        head(FEATURES), np.asarray(features(FEATURES)) @ kernel + bias, rtol=1e-4, atol=1e-5
    )


def test_the_width_multiplies_the_hidden_units():
    assert [make(width=width).get_layer("head_hidden").units for width in (0.0625, 1.0)] == [8, 128]


def test_features_in_bfloat16_give_float32_logits():
    out = make(dtype="bfloat16")(keras.ops.cast(FEATURES, "bfloat16"))
    assert keras.backend.standardize_dtype(out.dtype) == "float32"


def test_kernels_start_normal_with_variance_two_over_fan_in():
    kernel = np.asarray(kaiming_normal()((5, 40, 500)))
    deviation = np.sqrt(2 / (5 * 40))
    assert kernel.std() == pytest.approx(deviation, rel=0.02)
    # Keras' own he_normal is cut at two deviations (of a wider normal: 2.27 of these)
    assert np.abs(kernel).max() > 3.5 * deviation


def test_logits_have_their_shape_and_are_float32(harness):
    harness.check_output()


def test_weights_are_saved_and_loaded(harness, tmp_path):
    harness.check_weights_are_saved_and_loaded(tmp_path)


def test_gradients_reach_every_trainable_weight(harness):
    harness.check_gradients_reach_every_trainable_weight()


def test_the_first_of_equal_samples_has_the_gradient_of_a_maximum():
    x = tf.constant([[[1.0, 5.0], [3.0, 5.0], [3.0, 0.0]]])
    layer = MaximumOverTime()
    with tf.GradientTape() as tape:
        tape.watch(x)
        out = layer(x)
    np.testing.assert_array_equal(out, keras.layers.GlobalMaxPooling1D()(x))
    np.testing.assert_array_equal(tape.gradient(out, x), [[[0, 1], [1, 0], [0, 0]]])
