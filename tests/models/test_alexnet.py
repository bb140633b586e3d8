import keras
import numpy as np
import pytest
import tensorflow as tf

from ecgrepro.errors import SettingsError
from ecgrepro.models import alexnet as module
from ecgrepro.models.alexnet import GroupedConv2D, alexnet
from ecgrepro.models.resnet1d import HEAD
from tests.models.harness import Harness

RNG = np.random.default_rng(0)
WIDTH = 1 / 16
#: Learnable layer: parameters with bias and output shape, 1,000 outputs (Huerta et al. 2022).
PUBLISHED = {
    "conv1": (34_944, (55, 55, 96)),
    "conv2": (307_456, (27, 27, 256)),
    "conv3": (885_120, (13, 13, 384)),
    "conv4": (663_936, (13, 13, 384)),
    "conv5": (442_624, (13, 13, 256)),
    "fc6": (37_752_832, (4096,)),
    "fc7": (16_781_312, (4096,)),
    HEAD: (4_097_000, (1000,)),
}


@pytest.fixture(scope="module")
def net():
    """The published net; its weights are never looked at."""
    return alexnet()


@pytest.fixture(scope="module")
def harness():
    inputs = RNG.normal(0, 60, (2, 67, 99, 3)).astype("float32")

    def make(policy):
        # a dead unit has no gradient: all start well above 0; a dropout's random state is no weight
        net = alexnet((67, 99, 3), 4, width=WIDTH, precision=policy, dropout=0)
        for layer in net.layers:
            if layer.weights:
                layer.bias.assign(np.full(layer.bias.shape, 1.0, np.float32))
        return net

    return Harness(make, inputs, (2, 4), "float32")


def learnable(net):
    return [layer for layer in net.layers if hasattr(layer, "kernel")]


def test_parameters_and_shapes_are_the_published_ones(net):
    assert [layer.name for layer in learnable(net)] == list(PUBLISHED)
    for layer in learnable(net):
        assert (layer.count_params(), tuple(layer.output.shape[1:])) == PUBLISHED[layer.name]
    assert net.count_params() == 60_965_224


def test_with_two_outputs_only_the_head_is_smaller():
    assert alexnet(n_outputs=2).count_params() == 60_965_224 - 4_097_000 + 2 * 4097


def test_layers_stand_in_the_order_of_caffes_replication(net):
    names = [layer.name for layer in net.layers]
    assert names[1:10] == ["conv1", "conv1_relu", "conv1_lrn", "pool1", "conv2", "conv2_relu", "conv2_lrn", "pool2",
                           "conv3"]  # fmt: skip
    assert names[10:] == ["conv3_relu", "conv4", "conv4_relu", "conv5", "conv5_relu", "pool5", "flatten",
                          "fc6_dropout", "fc6", "fc6_relu", "fc7_dropout", "fc7", "fc7_relu", HEAD]  # fmt: skip
    assert {net.get_layer(f"pool{i}").pool_size for i in (1, 2, 5)} == {(3, 3)}
    assert {net.get_layer(f"pool{i}").strides for i in (1, 2, 5)} == {(2, 2)}


def test_dropout_can_stand_where_caffe_has_it_or_be_left_out():
    def order(**settings):
        names = [layer.name for layer in alexnet((67, 67, 3), 2, width=WIDTH, **settings).layers]
        return names[names.index("flatten") + 1 :]

    caffe = order(dropout_before=("fc7", HEAD), dropout=0.3)
    assert caffe == ["fc6", "fc6_relu", "fc7_dropout", "fc7", "fc7_relu", "head_dropout", HEAD]
    assert order(dropout=0) == ["fc6", "fc6_relu", "fc7", "fc7_relu", HEAD]


def test_weights_start_as_in_caffe():
    keras.utils.set_random_seed(0)
    net = alexnet((67, 67, 3), 50, width=0.25)
    biases = {layer.name: set(np.asarray(layer.bias).tolist()) for layer in learnable(net)}
    tenth = {float(np.float32(0.1))}
    assert biases == {"conv1": {0}, "conv3": {0}, HEAD: {0}} | dict.fromkeys(
        ("conv2", "conv4", "conv5", "fc6", "fc7"), tenth
    )
    for layer in learnable(net):
        deviation = (0.005 if layer.name in ("fc6", "fc7") else 0.01) * (1 if layer.name == "conv1" else 2)
        if (
            layer.name == "fc6"
        ):  # one pixel is left of the published six by six, and a quarter of the channels
            deviation *= 6
        assert np.asarray(layer.kernel).std() == pytest.approx(deviation, rel=0.05)


def test_a_narrow_nets_features_of_small_images_are_as_large_as_a_wide_ones():
    images = RNG.normal(0, 60, (8, 227, 227, 3)).astype("float32")
    spreads = []
    for size, width in ((227, 1.0), (99, 0.25)):
        keras.utils.set_random_seed(0)
        net = alexnet((size, size, 3), 2, width=width)
        features = keras.Model(net.input, net.get_layer("fc6").output)
        spreads.append(np.asarray(features(images[:, :size, :size])).std())
    assert spreads[1] == pytest.approx(spreads[0], rel=0.5)


@pytest.mark.parametrize("on_processor", [True, False])
def test_a_grouped_convolution_equals_keras_in_output_and_gradients(monkeypatch, on_processor):
    monkeypatch.setattr(module, "_on_processor", lambda: on_processor)
    inputs = tf.constant(RNG.normal(size=(2, 9, 7, 6)).astype("float32"))
    ours, reference = (kind(8, 3, 1, "same", groups=2) for kind in (GroupedConv2D, keras.layers.Conv2D))
    results = []
    for layer in (reference, ours):
        layer.build(inputs.shape)
        layer.set_weights(reference.get_weights())
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            out = layer(inputs)
            loss = tf.reduce_sum(out * tf.range(out.shape[-1], dtype="float32"))
        results.append([out, *tape.gradient(loss, [inputs, layer.kernel.value, layer.bias.value])])
    assert ours.kernel.shape == (3, 3, 3, 8)
    for expected, got in zip(*results, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


def test_a_filter_sees_its_own_groups_channels_alone():
    layer = GroupedConv2D(4, 1, groups=2)
    inputs = RNG.normal(size=(1, 2, 2, 6)).astype("float32")
    before = np.asarray(layer(inputs))
    inputs[..., :3] += 1
    changed = np.abs(np.asarray(layer(inputs)) - before).max(axis=(0, 1, 2)) > 0
    assert changed.tolist() == [True, True, False, False]


def test_without_outputs_the_net_ends_at_float32_features_of_fc7():
    net = alexnet((67, 67, 1), 0, width=WIDTH, precision="mixed_bfloat16", dropout_before=("fc7", HEAD))
    assert net.output_shape == (None, 256)
    assert net.layers[-1].name == "fc7_relu"
    assert net.get_layer("conv2").compute_dtype == "bfloat16"
    assert net.output.dtype == "float32"


def test_dropout_acts_in_training_alone():
    net = alexnet((67, 67, 1), 3, width=WIDTH, dropout=0.9)
    inputs = np.abs(RNG.normal(0, 60, (1, 67, 67, 1))).astype("float32")
    still = [np.asarray(net(inputs)) for _ in range(2)]
    moving = [np.asarray(net(inputs, training=True)) for _ in range(2)]
    assert (still[0] == still[1]).all()
    assert (moving[0] != moving[1]).any()


def test_a_transform_stands_before_the_first_convolution():
    transform = keras.layers.Reshape((67, 67, 1), name="image_of_signal")
    net = alexnet((67 * 67, 1), 2, width=WIDTH, transform=transform)
    assert net.input_shape == (None, 67 * 67, 1)
    assert net.get_layer("conv1").input.shape == (None, 67, 67, 1)


def test_the_width_multiplies_every_filter_and_unit_count(net):
    narrow = alexnet(n_outputs=7, width=0.25)
    for layer in learnable(narrow)[:-1]:
        assert layer.output.shape[-1] * 4 == net.get_layer(layer.name).output.shape[-1]


def test_output_is_float32_logits(harness):
    harness.check_output()


def test_weights_are_saved_and_loaded(harness, tmp_path):
    harness.check_weights_are_saved_and_loaded(tmp_path)


def test_mixed_precision_keeps_weights_and_logits_in_float32(harness):
    harness.check_mixed_precision()


def test_gradients_reach_every_trainable_weight(harness):
    harness.check_gradients_reach_every_trainable_weight()


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"width": 1 / 32}, "width: expected 16"),
        ({"width": 0}, "width: expected 16"),
        ({"width": float("nan")}, "width: expected 16"),
        ({"precision": "float64"}, "precision: expected one of"),
        ({"dropout": 1.0}, "dropout: expected a share"),
        ({"dropout_before": ("conv1",)}, "dropout_before: expected names among"),
        ({"shape": (66, 227, 3)}, "shape: expected .* at least 67; got .66, 227, 3."),
        ({"shape": (227, 3)}, "shape: expected"),
        ({"shape": (None, 227, 3)}, "shape: expected"),
    ],
)
def test_what_is_not_known_is_refused(settings, named):
    with pytest.raises(SettingsError, match=named):
        alexnet(**{"shape": (67, 67, 3), "n_outputs": 2, "width": WIDTH} | settings)
