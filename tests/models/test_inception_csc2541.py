import keras
import numpy as np
import pytest

from ecgrepro.errors import SettingsError
from ecgrepro.models.inception_csc2541 import inception_csc2541
from ecgrepro.models.resnet1d import HEAD
from ecgrepro.training import freezing
from tests.models.harness import Harness
from tests.models.pytorch_semantics import assert_equal, convolution, disturb, relu

RNG = np.random.default_rng(0)
#: What a block joins, in order.
BRANCHES = ("kernel1", "kernel3", "kernel5", "pool")
WIDTH = 0.125


@pytest.fixture(scope="module")
def net():
    """A narrow net of open length, every weight disturbed; never changed."""
    keras.utils.set_random_seed(0)
    net = inception_csc2541(None, 5, width=WIDTH)
    disturb(net, RNG)
    return net


@pytest.fixture(scope="module")
def original():
    """The project's net: 10 s at 500 Hz, 18 classes."""
    return inception_csc2541(5000, 18)


@pytest.fixture(scope="module")
def harness():
    inputs = RNG.normal(size=(16, 40, 12)).astype("float32")
    return Harness(
        lambda policy: inception_csc2541(40, 3, width=WIDTH, precision=policy), inputs, (16, 3), "float32"
    )


def convolutions(model):
    return [layer for layer in model.layers if isinstance(layer, keras.layers.Conv1D)]


def counted(outputs, leads=12):
    """Parameters, moving statistics included, from the project's code: every convolution with bias and BN."""
    convolution_bn = lambda kernel, inside: kernel * inside * 64 + 64 + 4 * 64  # noqa: E731
    block = 4 * convolution_bn(1, 64) + convolution_bn(3, 64) + convolution_bn(5, 64)
    return convolution_bn(7, leads) + convolution_bn(1, 64) + 2 * block + 64 * outputs + outputs


@pytest.mark.parametrize(("outputs", "leads"), [(18, 12), (5, 1)])
def test_parameters_are_those_counted_by_hand(outputs, leads):
    assert inception_csc2541(None, outputs, n_leads=leads).count_params() == counted(outputs, leads)


def test_parameters_are_those_printed_in_the_docstring(original):
    assert original.count_params() == 113_426
    assert sum(int(np.prod(weight.shape)) for weight in original.trainable_variables) == 111_634


def test_a_block_makes_its_signal_four_times_as_long_and_no_wider(original):
    names = ("stem1_relu", "stem_pool", "stem2_relu", "block1_concatenate", "block2_concatenate",
             "head_maximum_pool", "pool")  # fmt: skip
    assert [original.get_layer(name).output.shape[1:] for name in names] == [
        (5_006, 64), (2_503, 64), (2_503, 64), (10_012, 64), (40_048, 64), (20_024, 64), (64,)]  # fmt: skip


def test_branches_stand_one_after_another_in_time(net):
    inputs = RNG.normal(size=(2, 50, 12)).astype("float32")
    names = [f"block1_{branch}_relu" for branch in BRANCHES]
    tapped = keras.Model(net.input, [net.get_layer(name).output for name in (*names, "block1_concatenate")])
    *parts, joined = (np.asarray(part) for part in tapped(inputs))
    assert np.array_equal(joined, np.concatenate(parts, axis=1))
    assert not np.array_equal(parts[0], parts[1])


def test_convolutions_and_normalisations_have_keras_defaults(original):
    assert len(convolutions(original)) == 2 + 2 * 6
    for layer in convolutions(original):
        assert layer.use_bias
        assert isinstance(layer.kernel_initializer, keras.initializers.GlorotUniform)
    layers = [layer for layer in original.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert len(layers) == 2 + 2 * 6
    assert {(layer.momentum, layer.epsilon) for layer in layers} == {(0.99, 1e-3)}


def test_learnable_layers_are_in_the_order_that_the_docstring_names(original):
    parts = ("kernel3_reduction", "kernel5_reduction", "kernel1", "kernel3", "kernel5", "pool")
    blocks = [f"block{block}_{part}_conv" for block in (1, 2) for part in parts]
    names = [layer.name for layer in freezing.learnable_layers(original)]
    assert names == ["stem1_conv", "stem2_conv", *blocks, HEAD]


def test_normalisation_is_frozen_with_its_convolution(original):
    found = {layer.name: position for layer, position in freezing.positions(original).items()}
    for layer in convolutions(original):
        assert found[layer.name] == found[layer.name.replace("_conv", "_bn")]


def values(model, name):
    return [part.astype("float64") for part in model.get_layer(name).get_weights()]


def part(x, model, name):
    """Convolution, normalisation and ReLU in inference, channels first; "same" is the middle of an odd kernel."""
    kernel, bias = values(model, f"{name}_conv")
    x = convolution(x, kernel.transpose(2, 1, 0), padding=len(kernel) // 2) + bias[:, None]
    gamma, beta, mean, variance = (one[:, None] for one in values(model, f"{name}_bn"))
    return relu((x - mean) / np.sqrt(variance + 1e-3) * gamma + beta)


def pool(x, size, stride):
    """TensorFlow's "same": as many windows as strides fit, of an odd number of missing samples one more behind."""
    count = -(-x.shape[2] // stride)
    missing = max((count - 1) * stride + size - x.shape[2], 0)
    x = np.pad(x, ((0, 0), (0, 0), (missing // 2, missing - missing // 2)), constant_values=-np.inf)
    return np.stack(
        [x[:, :, start : start + size].max(2) for start in range(0, count * stride, stride)], axis=2
    )


def block(x, model, name):
    found = [part(x, model, f"{name}_kernel1")]
    for size in (3, 5):
        narrow = part(x, model, f"{name}_kernel{size}_reduction")
        found.append(part(narrow, model, f"{name}_kernel{size}"))
    found.append(part(pool(x, 3, 1), model, f"{name}_pool"))
    return np.concatenate(found, axis=2)


def forward(x, model):
    """Outputs of the stem, of the blocks and of the head, by the name of the Keras layer that gives the same."""
    x = part(np.pad(x, ((0, 0), (0, 0), (3, 3))), model, "stem1")
    outputs = {"stem_pool": pool(x, 3, 2)}
    x = part(outputs["stem_pool"], model, "stem2")
    for name in ("block1", "block2"):
        x = outputs[f"{name}_concatenate"] = block(x, model, name)
    x = outputs["head_maximum_pool"] = pool(x, 7, 2)
    kernel, bias = values(model, HEAD)
    return outputs | {HEAD: x.mean(axis=2) @ kernel + bias}


# 131 gives the stem's pool an odd length, 250 an even one
@pytest.mark.parametrize("length", [250, 131])
def test_the_net_equals_the_projects(net, length):
    inputs = RNG.normal(size=(2, length, 12)).astype("float32")
    reference = forward(inputs.astype("float64").transpose(0, 2, 1), net)
    tapped = keras.Model(net.input, [net.get_layer(name).output for name in reference])
    for name, ours in zip(reference, tapped(inputs), strict=True):
        assert_equal(ours, reference[name] if name == HEAD else reference[name].transpose(0, 2, 1))


def test_what_is_averaged_has_seen_37_rows(net):
    length, steps = 200, 103  # 206 padded rows, halved
    inputs = np.zeros((length + 1, length, 12), "float32")
    inputs[np.arange(length), np.arange(length)] = RNG.normal(0, 100, size=(length, 12))
    seen = np.asarray(keras.Model(net.input, net.get_layer("head_maximum_pool").output)(inputs))
    # the middle of the longest path: of block 2 the third part, of block 1 the third part, both of kernel 5
    place = (2 * 4 * steps + 2 * steps + steps // 2) // 2
    changed = (seen[:-1, place] != seen[-1, place]).any(axis=1)
    assert changed.sum() == 37
    assert np.ptp(np.flatnonzero(changed)) == 36


def test_without_outputs_the_net_ends_at_the_means():
    assert inception_csc2541(64, 0, width=WIDTH).output_shape == (None, 64 * WIDTH)


def test_a_transform_stands_before_the_stem():
    doubled = keras.layers.Lambda(lambda x: keras.ops.concatenate([x, x], axis=2), name="doubled")
    model = inception_csc2541(64, 3, width=WIDTH, n_leads=2, transform=doubled)
    assert model.input_shape == (None, 64, 2)
    assert model.get_layer("stem1_conv").kernel.shape == (7, 4, 8)
    assert model.layers[1].name == "doubled"


def test_the_width_multiplies_every_filter_count(net):
    assert {layer.filters for layer in convolutions(net)} == {64 * WIDTH}


def test_logits_have_their_shape_and_are_float32(harness):
    harness.check_output()


def test_weights_are_saved_and_loaded(harness, tmp_path):
    harness.check_weights_are_saved_and_loaded(tmp_path)


def test_mixed_precision_keeps_weights_and_logits_in_float32(harness):
    harness.check_mixed_precision()


def test_gradients_reach_every_trainable_weight(harness):
    harness.check_gradients_reach_every_trainable_weight(training=False)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"width": 0.3}, "width: expected 64"),
        ({"precision": "float64"}, "precision: expected one of float32"),
    ],
)
def test_what_is_not_known_is_refused(settings, named):
    with pytest.raises(SettingsError, match=named):
        inception_csc2541(256, 4, **settings)
