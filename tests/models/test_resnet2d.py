import keras
import numpy as np
import pytest

from ecgrepro.errors import SettingsError
from ecgrepro.models.resnet1d import HEAD, resnet1d
from ecgrepro.models.resnet2d import resnet2d
from tests.models.harness import small_harness

RNG = np.random.default_rng(0)
FILTERS = {1: 64, 2: 128, 3: 256, 4: 512}
#: Parameters of the eight blocks as the class report's model summary prints them.
PRINTED_BLOCKS = [74_368, 74_368, 231_296, 296_192, 921_344, 1_182_208, 3_677_696, 4_723_712]


@pytest.fixture(scope="module")
def net():
    """The published pre-training net; its weights are never changed."""
    keras.utils.set_random_seed(0)
    return resnet2d((128, 128, 1), 5)


@pytest.fixture(scope="module")
def matched():
    """The net matched to the 1-D net, at full width; its weights are never changed."""
    return resnet2d((64, 64, 1), 5, matched=True)


@pytest.fixture(scope="module", params=["resnet18_2d", "resnet18_2d_matched"])
def harness(request):
    return small_harness(request.param)


class Frames(keras.layers.Layer):
    """Stands in for a spectrogram: pieces of a signal side by side."""

    def call(self, inputs):
        return keras.ops.transpose(keras.ops.reshape(inputs, (-1, 64, 32, 1)), (0, 2, 1, 3))


def test_parameters_are_the_published_ones(net):
    assert net.count_params() == 11_187_205


def test_blocks_have_the_parameters_of_the_published_summary(net):
    def counted(part):
        return sum(layer.count_params() for layer in net.layers if layer.name.startswith(part))

    blocks = [counted(f"stage{stage}_block{block}_") for stage in FILTERS for block in (1, 2)]
    assert blocks == PRINTED_BLOCKS
    assert (counted("stem_"), counted(HEAD)) == (49 * 64 + 64 + 4 * 64, 512 * 5 + 5)


def test_the_finetuning_net_takes_a_longer_spectrogram():
    net = resnet2d((128, 512, 1), 4)
    assert (net.input_shape, net.output_shape) == ((None, 128, 512, 1), (None, 4))
    assert net.get_layer("stage4_block2_relu2").output.shape == (None, 4, 16, 512)


def test_stem_is_a_wide_convolution_and_a_pool(net):
    stem, pool = net.get_layer("stem_conv"), net.get_layer("stem_pool")
    assert (stem.filters, stem.kernel_size, stem.strides, stem.padding) == (64, (7, 7), (2, 2), "same")
    assert (pool.pool_size, pool.strides, pool.padding) == ((2, 2), (2, 2), "same")
    assert pool.output.shape == (None, 32, 32, 64)


def test_convolutions_have_a_bias_and_start_as_published(net):
    layers = [layer for layer in net.layers if isinstance(layer, keras.layers.Conv2D)]
    assert len(layers) == 1 + 16 + 3
    for layer in layers:
        assert layer.use_bias
        assert isinstance(layer.kernel_initializer, keras.initializers.HeNormal)


def test_every_convolution_is_normalised_with_keras_defaults(net):
    layers = [layer for layer in net.layers if isinstance(layer, keras.layers.BatchNormalization)]
    plain = keras.layers.BatchNormalization()
    assert len(layers) == 1 + 16 + 3
    assert (
        {(layer.momentum, layer.epsilon) for layer in layers}
        == {(plain.momentum, plain.epsilon)}
        == {(0.99, 1e-3)}
    )


def test_matched_layers_have_the_settings_of_the_1d_net(matched):
    reference = {layer.name: layer for layer in resnet1d(64, 5).layers}
    for layer in matched.layers:
        other = reference.get(layer.name)
        if isinstance(layer, keras.layers.Conv2D):
            assert layer.use_bias is other.use_bias is False
            assert layer.filters == other.filters
            start, expected = layer.kernel_initializer.get_config(), other.kernel_initializer.get_config()
            assert start | {"seed": None} == expected | {"seed": None}
        elif isinstance(layer, keras.layers.BatchNormalization):
            assert (layer.momentum, layer.epsilon) == (other.momentum, other.epsilon) == (0.9, 1e-5)


def test_matched_layers_have_the_names_of_both_nets(net, matched):
    with_weights = [[layer.name for layer in one.layers if layer.weights] for one in (net, matched)]
    assert with_weights[0] == with_weights[1]
    assert set(with_weights[1]) == {layer.name for layer in resnet1d(64, 5).layers if layer.weights}
    assert (net.name, matched.name) == ("resnet18_2d", "resnet18_2d_matched")


def test_matched_parameters_are_the_published_ones_without_the_biases(net, matched):
    filters = sum(layer.filters for layer in net.layers if isinstance(layer, keras.layers.Conv2D))
    assert matched.count_params() == 11_187_205 - filters


def test_only_blocks_that_change_shape_project_their_shortcut(net):
    found = {layer.name for layer in net.layers if layer.name.endswith("shortcut_conv")}
    assert found == {f"stage{stage}_block1_shortcut_conv" for stage in (2, 3, 4)}


def plain(x, net):
    """The table of the docstring once more, in plain Keras layers, with the weights of `net`."""

    def conv_bn(x, name, stride=1):
        ours, norm = net.get_layer(f"{name}_conv"), net.get_layer(f"{name}_bn")
        conv = keras.layers.Conv2D(ours.filters, ours.kernel_size, stride, "same", use_bias=ours.use_bias)
        bn = keras.layers.BatchNormalization(momentum=norm.momentum, epsilon=norm.epsilon)
        for layer, stored, shape in ((conv, ours, x.shape), (bn, norm, (None, None, None, ours.filters))):
            layer.build(shape)
            layer.set_weights(stored.get_weights())
        return bn(conv(x))

    relu = keras.ops.relu
    x = keras.ops.max_pool(relu(conv_bn(x, "stem", 2)), 2, 2, "same")
    for stage in FILTERS:
        for block in (1, 2):
            name, stride = f"stage{stage}_block{block}", 2 if stage > 1 and block == 1 else 1
            shortcut = conv_bn(x, f"{name}_shortcut", 2) if stride == 2 else x
            x = relu(conv_bn(relu(conv_bn(x, f"{name}_first", stride)), f"{name}_second") + shortcut)
    kernel, bias = net.get_layer(HEAD).get_weights()
    return keras.ops.mean(x, axis=(1, 2)) @ kernel + bias


@pytest.mark.parametrize(
    ("shape", "matched"), [((64, 96, 1), False), ((67, 49, 1), False), ((64, 64, 1), True)]
)
def test_the_net_equals_its_table_in_plain_layers(shape, matched):
    # full width: 64 channels and more are clear of what makes oneDNN's strided 1x1 kernel write past its memory
    net = resnet2d(shape, 3, matched=matched)
    for layer in net.layers:
        if layer.name.endswith("_bn"):
            spread = [RNG.uniform(*limits, part.shape) for limits, part in zip(
                ((0.8, 1.2), (-0.2, 0.2), (-0.2, 0.2), (0.5, 1.5)), layer.get_weights(), strict=True)]  # fmt: skip
            layer.set_weights(spread)
    inputs = RNG.normal(size=(2, *shape)).astype("float32")
    ours, reference = (np.asarray(out) for out in (net(inputs), plain(inputs, net)))
    assert np.ptp(ours) > 1e-3
    np.testing.assert_allclose(ours, reference, rtol=1e-4, atol=1e-5 * np.abs(reference).max())


def test_a_shortcut_drops_pixels_before_its_convolution(net):
    shortcut = net.get_layer("stage2_block1_shortcut_conv")
    assert shortcut.strides == (1, 1)
    assert shortcut.input.shape == (None, 16, 16, 64)


def test_without_outputs_the_net_ends_at_the_pooled_features():
    net = resnet2d((64, 64, 1), 0, width=0.125)
    assert net.output_shape == (None, 64)
    assert HEAD not in {layer.name for layer in net.layers}


def test_the_head_is_the_last_layer(net):
    assert net.layers[-1].name == HEAD


def test_a_transform_makes_the_image_of_a_raw_signal():
    net = resnet2d((2048, 1), 3, width=0.125, transform=Frames())
    after = resnet2d((32, 64, 1), 3, width=0.125)
    after.set_weights(net.get_weights())
    inputs = RNG.normal(size=(2, 2048, 1)).astype("float32")
    assert net.input_shape == (None, 2048, 1)
    np.testing.assert_allclose(net(inputs), after(Frames()(inputs)), rtol=1e-5)


def test_logits_have_their_shape_and_are_float32(harness):
    harness.check_output()


def test_weights_are_saved_and_loaded(harness, tmp_path):
    harness.check_weights_are_saved_and_loaded(tmp_path)


def test_mixed_precision_keeps_weights_and_logits_in_float32(harness):
    harness.check_mixed_precision()


def test_gradients_reach_every_trainable_weight(harness):
    harness.check_gradients_reach_every_trainable_weight(training=False)


def test_with_float16_the_loss_is_scaled():
    net = resnet2d((64, 64, 1), 3, width=0.125, precision="mixed_float16")
    net.compile(keras.optimizers.Adam(), "mse")
    assert isinstance(net.optimizer, keras.optimizers.LossScaleOptimizer)


@pytest.mark.parametrize(
    ("settings", "named"),
    [({"width": 0.3}, "width: expected"), ({"precision": "float64"}, "precision: expected one of float32")],
)
def test_what_is_not_known_is_refused(settings, named):
    with pytest.raises(SettingsError, match=named):
        resnet2d((64, 64, 1), 4, **settings)
