import keras
import numpy as np
import pytest

from ecgrepro.errors import SettingsError
from ecgrepro.models import resnet1d101 as resnet1d101_module
from ecgrepro.models.resnet1d import HEAD
from ecgrepro.models.resnet1d101 import resnet1d101
from ecgrepro.training import freezing
from tests.models.harness import Harness
from tests.models.pytorch_semantics import Weights, assert_equal, disturb, maximum_pool, relu

RNG = np.random.default_rng(0)
#: Blocks of the stages (He et al., CVPR 2016, table 1).
BLOCKS = (3, 4, 23, 3)
WIDTH = 1 / 32
STAGES = (1, 2, 3, 4)


@pytest.fixture(scope="module")
def net():
    """A narrow net of open length, every weight disturbed; never changed."""
    keras.utils.set_random_seed(0)
    net = resnet1d101(None, 5, width=WIDTH)
    disturb(net, RNG)
    for name in block_names():
        # 33 blocks that each add as much as they get make rounding of float32 a thousandth of the logits
        gamma = net.get_layer(f"{name}_third_bn").gamma
        gamma.assign(np.asarray(gamma) / 5)
    return net


@pytest.fixture(scope="module")
def published():
    """The project's net on Georgia: 2.5 s at 500 Hz, 18 classes."""
    return resnet1d101(1250, 18)


@pytest.fixture
def shallow(monkeypatch):
    """Two blocks a stage, which is every kind of block there is: for tests that build the net again and again."""
    monkeypatch.setattr(resnet1d101_module, "BLOCKS", (2, 2, 2, 2))


@pytest.fixture
def harness(shallow):
    inputs = np.random.default_rng(0).normal(size=(16, 40, 12)).astype("float32")
    return Harness(
        lambda policy: resnet1d101(40, 3, width=1 / 16, precision=policy), inputs, (16, 3), "float32"
    )


def block_names():
    return [f"stage{stage}_block{block}" for stage in STAGES for block in range(1, BLOCKS[stage - 1] + 1)]


def counted(outputs, leads=12):
    """Parameters that learn, as PyTorch counts them, block by block from the published code."""
    convolution_bn = lambda kernel, inside, outside: kernel * inside * outside + 2 * outside  # noqa: E731
    total, inside = convolution_bn(5, leads, 128), 128
    for name in block_names():
        first = name.endswith("block1")
        total += convolution_bn(1, inside, 128) + convolution_bn(5 if first else 3, 128, 128)
        total += convolution_bn(1, 128, 512) + (convolution_bn(1, inside, 512) if first else 0)
        inside = 512
    return total + 2 * 1024 + 1024 * 128 + 128 + 2 * 128 + 128 * outputs + outputs


def learnt(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_variables)


def test_parameters_are_those_counted_by_hand_and_printed_in_the_docstring(published):
    assert learnt(published) == counted(18) == 7_079_826
    # mean and variance of every channel that is normalised
    moving = 2 * (128 + sum(BLOCKS) * (128 + 128 + 512) + 4 * 512 + 1024 + 128)
    assert published.count_params() == counted(18) + moving == 7_137_170


def test_input_and_output_are_the_projects(published):
    assert published.input_shape == (None, 1250, 12)
    assert published.output_shape == (None, 18)


def test_the_kernel_is_5_in_the_first_block_of_a_stage_alone(published):
    assert published.get_layer("stem_conv").kernel_size == (5,)
    for name in block_names():
        sizes = [
            published.get_layer(f"{name}_{part}_conv").kernel_size for part in ("first", "second", "third")
        ]
        assert sizes == [(1,), (5,) if name.endswith("block1") else (3,), (1,)], name


def test_no_stage_has_more_filters_than_another(published):
    for name in block_names():
        filters = [
            published.get_layer(f"{name}_{part}_conv").filters for part in ("first", "second", "third")
        ]
        assert filters == [128, 128, 512], name


def test_lengths_halve_and_round_up(published):
    names = ["stem_relu", "stem_pool", *(f"stage{stage}_block3_relu" for stage in STAGES)]
    shapes = [published.get_layer(name).output.shape[1:] for name in names]
    assert shapes == [(625, 128), (313, 128), (313, 512), (157, 512), (79, 512), (40, 512)]


def test_the_stride_sits_in_the_middle_of_a_stages_first_block(published):
    convolutions = [layer for layer in published.layers if isinstance(layer, keras.layers.Conv1D)]
    strided = {layer.name for layer in convolutions if layer.strides != (1,)}
    assert strided == {"stem_conv", *(f"stage{stage}_block1_second_conv" for stage in (2, 3, 4))}


def test_the_first_block_of_every_stage_projects_its_shortcut(published):
    found = {
        layer.name: layer.kernel.shape for layer in published.layers if layer.name.endswith("_shortcut_conv")
    }
    later = {f"stage{stage}_block1_shortcut_conv": (1, 512, 512) for stage in (2, 3, 4)}
    assert found == {"stage1_block1_shortcut_conv": (1, 128, 512)} | later


def test_convolutions_have_no_bias_and_start_kaiming_normal(published):
    for layer in published.layers:
        if isinstance(layer, keras.layers.Conv1D):
            start = layer.kernel_initializer
            assert not layer.use_bias
            assert (start.scale, start.mode, start.distribution) == (2.0, "fan_in", "untruncated_normal")


def test_every_batch_normalisation_is_pytorchs_and_no_gamma_starts_at_zero(published):
    layers = [layer for layer in published.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert len(layers) == 1 + 3 * sum(BLOCKS) + 4 + 2
    for layer in layers:
        assert (np.asarray(layer.gamma) == 1).all()
        assert (layer.momentum, layer.epsilon) == (0.9, 1e-5)


def test_the_groups_of_the_code_begin_at_stage_3_and_at_the_head(published):
    found = {layer.name: position for layer, position in freezing.positions(published).items()}
    assert len(freezing.learnable_layers(published)) == 1 + 3 * sum(BLOCKS) + 2 == 102
    first = {part: min(found[name] for name in found if name.startswith(part)) for part in ("stage3", "head")}
    assert first == {"stage3": 22, "head": 102 - 2}
    before = [name for name, position in found.items() if position < 22]
    assert {name.split("_")[0] for name in before} == {"stem", "stage1", "stage2"}


def test_body_begins_behind_the_only_convolution_of_the_stem(published):
    found = {layer.name: position for layer, position in freezing.positions(published).items()}
    assert {name for name, position in found.items() if position == 0} == {"stem_conv", "stem_bn"}


def block(x, weights, name, stride):
    inner, first = x, name.endswith("block1")
    inner = relu(weights.normalise(weights.convolve(inner, f"{name}_first"), f"{name}_first"))
    inner = weights.convolve(inner, f"{name}_second", stride, padding=2 if first else 1)
    inner = relu(weights.normalise(inner, f"{name}_second"))
    inner = weights.normalise(weights.convolve(inner, f"{name}_third"), f"{name}_third")
    if first:
        x = weights.normalise(weights.convolve(x, f"{name}_shortcut", stride), f"{name}_shortcut")
    return relu(inner + x)


def forward(x, weights):
    """Outputs of the stem, of every block and of the head, by the name of the Keras layer that gives the same."""
    x = relu(weights.normalise(weights.convolve(x, "stem", 2, padding=2), "stem"))
    x = maximum_pool(x, kernel=3, stride=2, padding=1)
    outputs = {"stem_pool": x}
    for name in block_names():
        stride = 2 if name.endswith("block1") and not name.startswith("stage1") else 1
        x = outputs[f"{name}_relu"] = block(x, weights, name, stride)
    return outputs | {HEAD: weights.head(x)}


# 250: odd lengths at the stem's pool and in stage 2; 256: even throughout; 131: odd in all stages
@pytest.mark.parametrize("length", [250, 256, 131])
def test_the_net_equals_the_benchmarks_in_pytorch(net, length):
    inputs = RNG.normal(size=(2, length, 12)).astype("float32")
    reference = forward(inputs.astype("float64").transpose(0, 2, 1), Weights(net))
    names = ["stem_pool", "stage1_block1_relu", "stage2_block1_relu", "stage4_block3_relu"]
    tapped = keras.Model(net.input, [net.get_layer(name).output for name in (*names, HEAD)])
    for name, ours in zip((*names, HEAD), tapped(inputs), strict=True):
        assert_equal(ours, reference[name] if name == HEAD else reference[name].transpose(0, 2, 1))


def test_without_outputs_the_net_ends_at_what_its_last_layer_reads(shallow):
    assert resnet1d101(64, 0, width=WIDTH).output_shape == (None, 128 * WIDTH)


def test_a_transform_stands_before_the_stem(shallow):
    doubled = keras.layers.Lambda(lambda x: keras.ops.concatenate([x, x], axis=2), name="doubled")
    model = resnet1d101(64, 3, width=WIDTH, n_leads=2, transform=doubled)
    assert model.input_shape == (None, 64, 2)
    assert model.get_layer("stem_conv").kernel.shape == (5, 4, 4)
    assert model.layers[1].name == "doubled"


def test_the_width_multiplies_every_filter_count(net, published):
    for layer in net.layers:
        if isinstance(layer, keras.layers.Conv1D):
            assert layer.filters == published.get_layer(layer.name).filters * WIDTH
    assert net.get_layer("head_hidden").units == 128 * WIDTH


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
        ({"width": 0.3}, "width: expected 128"),
        ({"width": 0}, "width: expected"),
        ({"precision": "float64"}, "precision: expected one of float32"),
    ],
)
def test_what_is_not_known_is_refused(settings, named):
    with pytest.raises(SettingsError, match=named):
        resnet1d101(256, 4, **settings)
