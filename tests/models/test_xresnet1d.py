import keras
import numpy as np
import pytest

from ecgrepro.errors import SettingsError
from ecgrepro.models.resnet1d import HEAD
from ecgrepro.models.xresnet1d import xresnet1d
from tests.models.harness import Harness
from tests.models.pytorch_semantics import Weights, assert_equal, average_pool, disturb, maximum_pool, relu

RNG = np.random.default_rng(0)
#: Depth: blocks of its stages (He et al., CVPR 2016, table 1).
BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
WIDTH = 1 / 16


@pytest.fixture(scope="module")
def net():
    """A narrow xresnet1d50 of open length, every weight disturbed; never changed."""
    keras.utils.set_random_seed(0)
    net = xresnet1d(None, 5, depth=50, width=WIDTH)
    disturb(net, RNG)
    return net


@pytest.fixture(scope="module")
def published():
    """The benchmark's xresnet1d101 for task "all"."""
    return xresnet1d(250, 71)


@pytest.fixture(scope="module")
def harness():
    inputs = RNG.normal(size=(16, 40, 12)).astype("float32")
    return Harness(
        lambda policy: xresnet1d(40, 3, depth=50, width=0.125, precision=policy), inputs, (16, 3), "float32"
    )


def counted(depth, outputs, leads=12):
    """Parameters that learn, as PyTorch counts them, stage by stage from the published description."""
    convolution_bn = lambda kernel, inside, outside: kernel * inside * outside + 2 * outside  # noqa: E731
    total = convolution_bn(5, leads, 32) + convolution_bn(5, 32, 32) + convolution_bn(5, 32, 64)
    inside = 64
    for n_blocks in BLOCKS[depth]:
        for _ in range(n_blocks):
            total += convolution_bn(1, inside, 64) + convolution_bn(5, 64, 64) + convolution_bn(1, 64, 256)
            total += convolution_bn(1, inside, 256) if inside != 256 else 0
            inside = 256
    return total + 2 * 512 + 512 * 128 + 128 + 2 * 128 + 128 * outputs + outputs


def moving(depth):
    """Moving statistics: mean and variance of every channel that is normalised."""
    return 2 * (32 + 32 + 64 + sum(BLOCKS[depth]) * (64 + 64 + 256) + 256 + 512 + 128)


def learnt(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_variables)


@pytest.mark.parametrize(("depth", "outputs"), [(50, 71), (50, 44), (50, 5), (101, 44)])
def test_parameters_are_those_counted_by_hand(depth, outputs):
    model = xresnet1d(None, outputs, depth=depth)
    assert learnt(model) == counted(depth, outputs)
    assert model.count_params() == counted(depth, outputs) + moving(depth)


def test_the_default_is_the_101_layers_of_12_leads(published):
    assert learnt(published) == counted(101, 71)
    assert published.input_shape == (None, 250, 12)
    assert published.output_shape == (None, 71)


def test_leads_change_the_first_convolution_alone():
    one, twelve = (xresnet1d(None, 4, depth=50, n_leads=leads) for leads in (1, 12))
    shapes = [{weight.path: weight.shape for weight in model.weights} for model in (one, twelve)]
    assert {path for path in shapes[0] if shapes[0][path] != shapes[1][path]} == {"stem1_conv/kernel"}


def test_the_learnable_layers_are_the_published_depth_and_the_hidden_layer(published):
    # 3 of the stem, 3 per block, 2 of the head: the "101" counts a stem and a head of one layer each
    kernels = [layer.name for layer in published.layers if hasattr(layer, "kernel")]
    assert len([name for name in kernels if "_shortcut" not in name]) == 3 + 3 * sum(BLOCKS[101]) + 2
    assert kernels[-1] == HEAD


def test_lengths_halve_and_round_up(published):
    names = ["stem1_relu", "stem_pool", *(f"stage{stage}_block3_relu" for stage in (1, 2, 3, 4))]
    shapes = [published.get_layer(name).output.shape[1:] for name in names]
    assert shapes == [(125, 32), (63, 64), (63, 256), (32, 256), (16, 256), (8, 256)]


def test_the_stride_sits_in_the_middle_of_a_stages_first_block(published):
    strided = {layer.name for layer in published.layers if getattr(layer, "strides", (1,)) != (1,)}
    convolutions = {name for name in strided if name.endswith("_conv")}
    assert convolutions == {"stem1_conv", *(f"stage{stage}_block1_second_conv" for stage in (2, 3, 4))}


def test_only_the_first_block_projects_its_shortcut(published):
    names = {layer.name for layer in published.layers if "_shortcut" in layer.name}
    pools = {f"stage{stage}_block1_shortcut_pool" for stage in (2, 3, 4)}
    assert names == pools | {"stage1_block1_shortcut_conv", "stage1_block1_shortcut_bn"}


def test_convolutions_have_no_bias_and_start_kaiming_normal(published):
    for layer in published.layers:
        if isinstance(layer, keras.layers.Conv1D):
            start = layer.kernel_initializer
            assert not layer.use_bias
            assert (start.scale, start.mode, start.distribution) == (2.0, "fan_in", "untruncated_normal")


def test_no_gamma_starts_at_zero_and_no_beta_off_it(published):
    layers = [layer for layer in published.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert len(layers) == 3 + 3 * sum(BLOCKS[101]) + 1 + 2
    for layer in layers:
        assert (np.asarray(layer.gamma) == 1).all()
        assert (np.asarray(layer.beta) == 0).all()
        assert (layer.momentum, layer.epsilon) == (0.9, 1e-5)


def stem(x, weights):
    for part, stride in (("stem1", 2), ("stem2", 1), ("stem3", 1)):
        x = relu(weights.normalise(weights.convolve(x, part, stride, padding=2), part))
    return maximum_pool(x, kernel=3, stride=2, padding=1)


def block(x, weights, name, stride):
    inner, part = x, f"{name}_first"
    for part, step, padding in (
        (f"{name}_first", 1, 0),
        (f"{name}_second", stride, 2),
        (f"{name}_third", 1, 0),
    ):
        inner = weights.normalise(weights.convolve(inner, part, step, padding), part)
        inner = inner if part.endswith("third") else relu(inner)
    x = average_pool(x, 2) if stride == 2 else x
    if x.shape[1] != inner.shape[1]:
        x = weights.normalise(weights.convolve(x, f"{name}_shortcut"), f"{name}_shortcut")
    return relu(inner + x)


def forward(x, weights, depth=50):
    """Outputs of the stem, of every block and of the head, by the name of the Keras layer that gives the same."""
    outputs = {"stem_pool": stem(x, weights)}
    x = outputs["stem_pool"]
    for stage, n_blocks in enumerate(BLOCKS[depth], 1):
        for number in range(1, n_blocks + 1):
            name = f"stage{stage}_block{number}"
            x = outputs[f"{name}_relu"] = block(x, weights, name, 2 if stage > 1 and number == 1 else 1)
    return outputs | {HEAD: weights.head(x)}


# 250, as published: odd lengths at the stem's pool and in stage 2; 256: even throughout; 131: odd in all stages
@pytest.mark.parametrize("length", [250, 256, 131])
def test_the_net_equals_the_benchmarks_in_pytorch(net, length):
    inputs = RNG.normal(size=(2, length, 12)).astype("float32")
    reference = forward(inputs.astype("float64").transpose(0, 2, 1), Weights(net))
    names = ["stem_pool", "stage1_block1_relu", "stage2_block1_relu", "stage4_block3_relu"]
    tapped = keras.Model(net.input, [net.get_layer(name).output for name in (*names, HEAD)])
    for name, ours in zip((*names, HEAD), tapped(inputs), strict=True):
        assert_equal(ours, reference[name] if name == HEAD else reference[name].transpose(0, 2, 1))


def test_without_outputs_the_net_ends_at_what_its_last_layer_reads():
    assert xresnet1d(64, 0, depth=50, width=0.25).output_shape == (None, 32)


def test_a_transform_stands_before_the_stem():
    doubled = keras.layers.Lambda(lambda x: keras.ops.concatenate([x, x], axis=2), name="doubled")
    model = xresnet1d(64, 3, depth=50, width=WIDTH, n_leads=2, transform=doubled)
    assert model.input_shape == (None, 64, 2)
    assert model.get_layer("stem1_conv").kernel.shape == (5, 4, 2)
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


def test_layers_compute_in_the_precision_asked_for_and_the_head_in_float32():
    before = keras.config.dtype_policy().name
    model = xresnet1d(64, 3, depth=50, width=WIDTH, precision="mixed_bfloat16")
    assert model.get_layer("stage2_block1_second_conv").compute_dtype == "bfloat16"
    assert {layer.compute_dtype for layer in model.layers if layer.name.startswith("head")} == {"float32"}
    assert keras.config.dtype_policy().name == before


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"depth": 18}, "depth: expected one of"),
        ({"width": 0.3}, "width: expected 32"),
        ({"width": 0}, "width: expected"),
        ({"precision": "float64"}, "precision: expected one of float32"),
    ],
)
def test_what_is_not_known_is_refused(settings, named):
    with pytest.raises(SettingsError, match=named):
        xresnet1d(256, 4, **settings)
