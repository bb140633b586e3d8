import keras
import numpy as np
import pytest

from ecgrepro.errors import SettingsError
from ecgrepro.models.resnet1d import HEAD, resnet1d
from tests.models.harness import small_harness

RNG = np.random.default_rng(0)
#: Stage: blocks, kernel, filters, stride of its first block (Weimann & Conrad 2021 as coded).
STAGES = {1: (2, 7, 64, 1), 2: (2, 5, 128, 2), 3: (2, 5, 256, 2), 4: (2, 3, 512, 2)}
#: Blocks in the stages of the deeper nets.
DEEPER = (3, 4, 6, 3)


@pytest.fixture(scope="module")
def net():
    """The published fine-tuning net for 2,048 samples; its weights are never changed."""
    keras.utils.set_random_seed(0)
    return resnet1d(2048, 4)


@pytest.fixture(scope="module", params=["resnet18", "resnet34", "resnet50"])
def harness(request):
    return small_harness(request.param)


class Mean(keras.layers.Layer):
    """Stands in for a transform: a moving mean over two samples, one channel more."""

    def call(self, inputs):
        mean = (inputs[:, 1:] + inputs[:, :-1]) / 2
        return keras.ops.concatenate([mean, inputs[:, 1:]], axis=-1)


@pytest.mark.parametrize(("n_outputs", "expected"), [(0, 4_492_480), (4, 4_494_532), (5, 4_495_045)])
def test_parameters_are_the_published_ones(n_outputs, expected):
    assert resnet1d(None, n_outputs).count_params() == expected


def test_resnet34_has_the_parameters_counted_stage_by_stage():
    def conv(kernel, inside, outside):
        return kernel * inside * outside + 4 * outside  # no bias; scale, offset, mean, variance

    expected = {
        "stem": conv(7, 1, 64),
        "stage1": 6 * conv(7, 64, 64),
        "stage2": conv(5, 64, 128) + 7 * conv(5, 128, 128) + conv(1, 64, 128),
        "stage3": conv(5, 128, 256) + 11 * conv(5, 256, 256) + conv(1, 128, 256),
        "stage4": conv(3, 256, 512) + 5 * conv(3, 512, 512) + conv(1, 256, 512),
        "head": 512 * 4 + 4,
    }
    assert counted(resnet1d(None, 4, depth=34)) == expected


def test_resnet50_has_the_parameters_counted_stage_by_stage():
    def conv(kernel, inside, outside):
        return kernel * inside * outside + 4 * outside

    def first(kernel, inside, filters):
        return block(kernel, inside, filters) + conv(1, inside, 4 * filters)

    def block(kernel, inside, filters):
        return conv(1, inside, filters) + conv(kernel, filters, filters) + conv(1, filters, 4 * filters)

    expected = {
        "stem": conv(7, 1, 64),
        "stage1": first(7, 64, 64) + 2 * block(7, 256, 64),
        "stage2": first(5, 256, 128) + 3 * block(5, 512, 128),
        "stage3": first(5, 512, 256) + 5 * block(5, 1024, 256),
        "stage4": first(3, 1024, 512) + 2 * block(3, 2048, 512),
        "head": 2048 * 4 + 4,
    }
    assert counted(resnet1d(None, 4, depth=50)) == expected


def counted(net):
    counts = {}
    for layer in net.layers:
        if layer.weights:
            part = layer.name.split("_")[0]
            counts[part] = counts.get(part, 0) + layer.count_params()
    assert sum(counts.values()) == net.count_params()
    return counts


@pytest.mark.parametrize(("depth", "n_convolutions"), [(18, 17), (34, 33), (50, 49)])
def test_the_depth_counts_convolutions_and_the_head_but_no_shortcut(depth, n_convolutions):
    layers = resnet1d(None, 4, depth=depth, width=1 / 64).layers
    kinds = [
        layer for layer in layers if isinstance(layer, keras.layers.Conv1D) and "_shortcut" not in layer.name
    ]
    assert len(kinds) == n_convolutions


def test_a_bottleneck_strides_in_its_middle_and_projects_in_every_first_block():
    net = resnet1d(2048, 4, depth=50)
    for stage, (_, kernel, filters, stride) in STAGES.items():
        for block in range(1, DEEPER[stage - 1] + 1):
            parts = [
                net.get_layer(f"stage{stage}_block{block}_{part}_conv")
                for part in ("first", "second", "third")
            ]
            assert [part.kernel_size for part in parts] == [(1,), (kernel,), (1,)]
            assert [part.filters for part in parts] == [filters, filters, 4 * filters]
            assert [part.strides for part in parts] == [(1,), (stride if block == 1 else 1,), (1,)]
    found = {layer.name for layer in net.layers if layer.name.endswith("shortcut_conv")}
    assert found == {f"stage{stage}_block1_shortcut_conv" for stage in STAGES}
    assert net.get_layer("stage4_block3_relu3").output.shape == (None, 64, 2048)


def test_stem_is_a_wide_convolution_and_a_pool(net):
    stem = net.get_layer("stem_conv")
    assert (stem.filters, stem.kernel_size, stem.strides, stem.padding) == (64, (7,), (2,), "same")
    assert stem.kernel.shape == (7, 1, 64)
    pool = net.get_layer("stem_pool")
    assert (pool.pool_size, pool.strides, pool.padding) == ((3,), (2,), "same")


@pytest.mark.parametrize(("stage", "expected"), STAGES.items())
def test_stages_have_their_kernels_strides_and_lengths(net, stage, expected):
    blocks, kernel, filters, stride = expected
    for block in range(1, blocks + 1):
        name = f"stage{stage}_block{block}"
        first, second = net.get_layer(f"{name}_first_conv"), net.get_layer(f"{name}_second_conv")
        assert first.kernel_size == second.kernel_size == (kernel,)
        assert first.filters == second.filters == filters
        assert (first.strides, second.strides) == ((stride if block == 1 else 1,), (1,))
    assert net.get_layer(f"stage{stage}_block{blocks}_relu2").output.shape == (
        None,
        2048 >> stage + 1,
        filters,
    )


def test_only_blocks_that_change_shape_project_their_shortcut(net):
    found = {layer.name for layer in net.layers if layer.name.endswith("shortcut_conv")}
    assert found == {f"stage{stage}_block1_shortcut_conv" for stage in (2, 3, 4)}
    assert {net.get_layer(name).kernel_size for name in found} == {(1,)}


def test_convolutions_have_no_bias_and_start_as_published(net):
    layers = [layer for layer in net.layers if isinstance(layer, keras.layers.Conv1D)]
    assert len(layers) == 1 + 16 + 3
    for layer in layers:
        start = layer.kernel_initializer
        assert not layer.use_bias
        assert (start.scale, start.mode, start.distribution) == (1.0, "fan_in", "truncated_normal")


def test_every_convolution_is_normalised_as_published(net):
    layers = [layer for layer in net.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert len(layers) == 1 + 16 + 3
    assert {(layer.momentum, layer.epsilon) for layer in layers} == {(0.9, 1e-5)}


def test_without_outputs_the_net_ends_at_the_pooled_features():
    assert resnet1d(512, 0).output_shape == (None, 512)


def test_the_head_is_the_only_layer_of_that_name(net):
    assert [layer.name for layer in net.layers].count(HEAD) == 1
    assert net.layers[-1].name == HEAD


def test_an_open_length_takes_any_input():
    open_net = resnet1d(None, 3, width=0.0625)
    assert open_net(np.zeros((1, 256, 1), "float32")).shape == (1, 3)
    assert open_net(np.zeros((1, 320, 1), "float32")).shape == (1, 3)


def plain(x, net):
    """The table of the docstring once more, in plain Keras layers, with the weights of `net`."""
    names = {layer.name for layer in net.layers}

    def conv_bn(x, name, stride=1):
        ours, norm = net.get_layer(f"{name}_conv"), net.get_layer(f"{name}_bn")
        conv = keras.layers.Conv1D(ours.filters, ours.kernel_size[0], stride, "same", use_bias=False)
        conv.build(x.shape)
        conv.set_weights(ours.get_weights())
        bn = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)
        bn.build((None, None, ours.filters))
        bn.set_weights(norm.get_weights())
        return bn(conv(x))

    x = keras.ops.relu(conv_bn(x, "stem", 2))
    x = keras.ops.max_pool(x, 3, 2, "same")
    for stage, (*_, first_stride) in STAGES.items():
        for block in range(1, 1 + sum(name.startswith(f"stage{stage}_") for name in names if "add" in name)):
            name, stride = f"stage{stage}_block{block}", first_stride if block == 1 else 1
            shortcut = conv_bn(x, f"{name}_shortcut", stride) if f"{name}_shortcut_conv" in names else x
            if f"{name}_third_conv" in names:
                inner = keras.ops.relu(conv_bn(x, f"{name}_first"))
                inner = conv_bn(keras.ops.relu(conv_bn(inner, f"{name}_second", stride)), f"{name}_third")
            else:
                inner = conv_bn(keras.ops.relu(conv_bn(x, f"{name}_first", stride)), f"{name}_second")
            x = keras.ops.relu(inner + shortcut)
    kernel, bias = net.get_layer(HEAD).get_weights()
    return keras.ops.mean(x, axis=1) @ kernel + bias


@pytest.mark.parametrize("depth", [18, 34, 50])
def test_the_net_equals_its_table_in_plain_layers(net, depth):
    if depth != 18:
        net = resnet1d(512, 4, depth=depth)
    inputs = RNG.normal(size=(2, net.input_shape[1], 1)).astype("float32")
    for layer in net.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            gamma, beta, *_ = (RNG.normal(1, 0.1, part.shape) for part in layer.get_weights())
            mean, variance = (RNG.uniform(0.1, 0.5, gamma.shape) for _ in range(2))
            layer.set_weights([gamma, beta, mean, variance])
    ours, reference = (np.asarray(out) for out in (net(inputs), plain(inputs, net)))
    assert np.ptp(ours) > 1e-3
    np.testing.assert_allclose(ours, reference, rtol=1e-4, atol=1e-5 * np.abs(reference).max())


@pytest.mark.parametrize("length", [512, 513])
def test_a_shortcut_equals_a_strided_convolution(net, length):
    # 64 to 128 channels: clear of what makes oneDNN's strided 1x1 kernel write past its memory
    ours = net.get_layer("stage2_block1_shortcut_conv")
    strided = keras.layers.Conv1D(128, 1, 2, "same", use_bias=False)
    strided.build((None, length, 64))
    strided.set_weights(ours.get_weights())
    x = RNG.normal(size=(2, length, 64)).astype("float32")
    np.testing.assert_allclose(ours(x[:, ::2]), strided(x), rtol=1e-4, atol=1e-5)


def test_a_shortcut_drops_samples_before_its_convolution(net):
    shortcut = net.get_layer("stage2_block1_shortcut_conv")
    assert shortcut.strides == (1,)
    assert shortcut.input.shape == (None, 256, 64)


def test_logits_have_their_shape_and_are_float32(harness):
    harness.check_output()


def test_weights_are_saved_and_loaded(harness, tmp_path):
    harness.check_weights_are_saved_and_loaded(tmp_path)


def test_mixed_precision_keeps_weights_and_logits_in_float32(harness):
    harness.check_mixed_precision()


def test_layers_compute_in_the_precision_asked_for_and_the_policy_is_put_back():
    before = keras.config.dtype_policy().name
    net = resnet1d(256, 4, width=0.125, precision="mixed_bfloat16")
    assert net.get_layer("stage1_block1_first_conv").compute_dtype == "bfloat16"
    assert net.get_layer(HEAD).compute_dtype == net.get_layer("pool").compute_dtype == "float32"
    assert keras.config.dtype_policy().name == before


def test_with_float16_the_loss_is_scaled():
    net = resnet1d(256, 4, width=0.125, precision="mixed_float16")
    net.compile(keras.optimizers.Adam(), "mse")
    assert isinstance(net.optimizer, keras.optimizers.LossScaleOptimizer)


def test_gradients_reach_every_trainable_weight(harness):
    harness.check_gradients_reach_every_trainable_weight()


def test_a_transform_stands_between_input_and_stem():
    net = resnet1d(257, 3, width=0.125, n_leads=2, transform=Mean())
    inputs = RNG.normal(size=(2, 257, 2)).astype("float32")
    after = resnet1d(256, 3, width=0.125, n_leads=4)
    after.set_weights(net.get_weights())
    assert net.input_shape == (None, 257, 2)
    np.testing.assert_allclose(net(inputs), after(Mean()(inputs)), rtol=1e-5)


def test_the_width_multiplies_every_filter_count(net):
    narrow = resnet1d(2048, 4, width=0.25)
    for layer in narrow.layers:
        if isinstance(layer, keras.layers.Conv1D):
            assert layer.filters * 4 == net.get_layer(layer.name).filters


def test_the_pilots_net_has_its_size():
    assert resnet1d(4096, 4, width=0.125).count_params() == 72_604


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"depth": 101}, "depth: expected one of"),
        ({"width": 0.3}, "width: expected"),
        ({"width": 0}, "width: expected"),
        ({"width": -1}, "width: expected"),
        ({"width": float("nan")}, "width: expected"),
        ({"precision": "float64"}, "precision: expected one of float32, mixed_bfloat16"),
    ],
)
def test_what_is_not_known_is_refused(settings, named):
    with pytest.raises(SettingsError, match=named):
        resnet1d(256, 4, **settings)
