import keras
import numpy as np
import pytest

from ecgrepro.errors import SettingsError
from ecgrepro.models.inception1d import inception1d
from ecgrepro.models.resnet1d import HEAD
from tests.models.harness import Harness
from tests.models.pytorch_semantics import Weights, assert_equal, disturb, maximum_pool, relu

RNG = np.random.default_rng(0)
KERNELS = (39, 19, 9)
PARTS = ("bottleneck", "kernel39", "kernel19", "kernel9", "pool")


@pytest.fixture(scope="module")
def net():
    """A narrow net of open length, every weight disturbed; never changed."""
    keras.utils.set_random_seed(0)
    net = inception1d(None, 5, width=0.125)
    disturb(net, RNG)
    return net


@pytest.fixture(scope="module")
def published():
    """The benchmark's net for task "all"."""
    return inception1d(250, 71)


@pytest.fixture(scope="module")
def harness():
    inputs = RNG.normal(size=(16, 40, 12)).astype("float32")
    return Harness(
        lambda policy: inception1d(40, 3, width=0.125, precision=policy), inputs, (16, 3), "float32"
    )


def counted(outputs, leads=12):
    """Parameters that learn, as PyTorch counts them, from the published description."""
    total = 0
    for inside in (leads, 128, 128, 128, 128, 128):
        total += inside * 32 + sum(kernel * 32 * 32 for kernel in KERNELS) + inside * 32 + 2 * 128
    total += sum(inside * 128 + 2 * 128 for inside in (leads, 128))
    return total + 2 * 256 + 256 * 128 + 128 + 2 * 128 + 128 * outputs + outputs


def learnt(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_variables)


@pytest.mark.parametrize("outputs", [5, 44, 71])
def test_parameters_are_those_counted_by_hand(outputs):
    model = inception1d(None, outputs)
    assert learnt(model) == counted(outputs)
    assert model.count_params() == counted(outputs) + 2 * (6 * 128 + 2 * 128 + 256 + 128)


def test_learnable_layers_stand_in_the_order_of_the_forward_pass(published):
    kernels = [layer.name for layer in published.layers if hasattr(layer, "kernel")]
    expected = [f"block{block}_{part}_conv" for block in range(1, 7) for part in PARTS]
    assert [name for name in kernels if "_shortcut" not in name] == [*expected, "head_hidden", HEAD]


def test_three_kernels_read_the_bottleneck(published):
    for block, inside in ((1, 12), (2, 128), (6, 128)):
        assert published.get_layer(f"block{block}_bottleneck_conv").kernel.shape == (1, inside, 32)
        assert published.get_layer(f"block{block}_pool_conv").kernel.shape == (1, inside, 32)
        for kernel in KERNELS:
            assert published.get_layer(f"block{block}_kernel{kernel}_conv").kernel.shape == (kernel, 32, 32)


def test_the_length_never_changes(published):
    lengths = {layer.output.shape[1] for layer in published.layers if layer.name.startswith("block")}
    assert lengths == {250}


def test_every_third_block_projects_its_shortcut(published):
    found = {
        layer.name: layer.kernel.shape for layer in published.layers if layer.name.endswith("_shortcut_conv")
    }
    assert found == {"block3_shortcut_conv": (1, 12, 128), "block6_shortcut_conv": (1, 128, 128)}


def test_convolutions_have_no_bias_and_start_kaiming_normal(published):
    for layer in published.layers:
        if isinstance(layer, keras.layers.Conv1D):
            start = layer.kernel_initializer
            assert not layer.use_bias
            assert (start.scale, start.mode, start.distribution) == (2.0, "fan_in", "untruncated_normal")


def test_every_batch_normalisation_is_pytorchs(published):
    layers = [layer for layer in published.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert len(layers) == 6 + 2 + 2
    assert {(layer.momentum, layer.epsilon) for layer in layers} == {(0.9, 1e-5)}


def block(x, weights, name):
    narrow = weights.convolve(x, f"{name}_bottleneck")
    parts = [
        weights.convolve(narrow, f"{name}_kernel{kernel}", padding=(kernel - 1) // 2) for kernel in KERNELS
    ]
    parts.append(weights.convolve(maximum_pool(x, kernel=3, stride=1, padding=1), f"{name}_pool"))
    return relu(weights.normalise(np.concatenate(parts, axis=1), name))


def forward(x, weights):
    """Outputs of some blocks and of the head, by the name of the Keras layer that gives the same."""
    outputs, shortcut = {}, x
    for number in range(1, 7):
        name = f"block{number}"
        x = outputs[f"{name}_relu"] = block(x, weights, name)
        if number in (3, 6):
            skipped = weights.normalise(weights.convolve(shortcut, f"{name}_shortcut"), f"{name}_shortcut")
            x = shortcut = outputs[f"{name}_add_relu"] = relu(x + skipped)
    return outputs | {HEAD: weights.head(x)}


# 30: shorter than the widest kernel
@pytest.mark.parametrize("length", [250, 131, 30])
def test_the_net_equals_the_benchmarks_in_pytorch(net, length):
    # all below zero at the ends, where a maximum over a padding of zeros would show
    inputs = RNG.normal(-2, 1, size=(2, length, 12)).astype("float32")
    reference = forward(inputs.astype("float64").transpose(0, 2, 1), Weights(net))
    names = ["block1_relu", "block2_relu", "block3_add_relu", "block6_add_relu"]
    tapped = keras.Model(net.input, [net.get_layer(name).output for name in (*names, HEAD)])
    for name, ours in zip((*names, HEAD), tapped(inputs), strict=True):
        assert_equal(ours, reference[name] if name == HEAD else reference[name].transpose(0, 2, 1))


def test_without_outputs_the_net_ends_at_what_its_last_layer_reads():
    assert inception1d(64, 0, width=0.25).output_shape == (None, 32)


def test_a_transform_stands_before_the_first_block():
    doubled = keras.layers.Lambda(lambda x: keras.ops.concatenate([x, x], axis=2), name="doubled")
    model = inception1d(64, 3, width=0.125, n_leads=2, transform=doubled)
    assert model.input_shape == (None, 64, 2)
    assert model.get_layer("block1_bottleneck_conv").kernel.shape == (1, 4, 4)
    assert model.get_layer("block3_shortcut_conv").kernel.shape == (1, 4, 16)


def test_the_width_multiplies_every_filter_count(net, published):
    for layer in net.layers:
        if isinstance(layer, keras.layers.Conv1D):
            assert layer.filters * 8 == published.get_layer(layer.name).filters


def test_logits_have_their_shape_and_are_float32(harness):
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
        ({"width": 0.3}, "width: expected 32"),
        ({"precision": "float64"}, "precision: expected one of float32"),
    ],
)
def test_what_is_not_known_is_refused(settings, named):
    with pytest.raises(SettingsError, match=named):
        inception1d(256, 4, **settings)
