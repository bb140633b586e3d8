"""The controls that `resnet1d` builds: blocks with pre-activation, and pooling that leaves padding out."""

import keras
import numpy as np
import pytest

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.models.flops import flops
from ecgrepro.models.resnet1d import HEAD, resnet1d
from ecgrepro.training import checkpoint, freezing
from tests.models.harness import small_harness

RNG = np.random.default_rng(0)
#: Stage: blocks, kernel, filters, stride of its first block, as of the published net.
STAGES = {1: (2, 7, 64, 1), 2: (2, 5, 128, 2), 3: (2, 5, 256, 2), 4: (2, 3, 512, 2)}
WIDTH = 0.0625


@pytest.fixture(scope="module", params=["resnet18_preactivation", "resnet18_masked"])
def harness(request):
    return small_harness(request.param)


def narrow(length=128, n_outputs=3, seed=0, **settings):
    keras.utils.set_random_seed(seed)
    return resnet1d(length, n_outputs, width=WIDTH, **settings)


def disturbed(**settings):
    """A narrow net whose batch normalisation is not the identity."""
    net = narrow(**settings)
    for layer in net.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            for variable, limits in zip(
                layer.weights, ((0.8, 1.2), (-0.3, 0.3), (-0.3, 0.3), (0.5, 1.5)), strict=True
            ):
                variable.assign(RNG.uniform(*limits, variable.shape))
    return net


@pytest.fixture(scope="module")
def preactivated():
    """A net with pre-activation; tests freeze it as they need, and leave its weights."""
    return disturbed(preactivation=True)


def kernels(net):
    return {layer.name: np.asarray(layer.kernel) for layer in net.layers if hasattr(layer, "kernel")}


def plain(x, net):
    """He et al. 2016b in plain operations, with the weights of `net`."""

    def conv(x, name, stride=1):
        return keras.ops.conv(x, net.get_layer(f"{name}_conv").kernel, stride, "same")

    def activate(x, name):
        gamma, beta, mean, variance = net.get_layer(f"{name}_bn").get_weights()
        return keras.ops.relu((x - mean) / np.sqrt(variance + 1e-5) * gamma + beta)

    x = keras.ops.max_pool(activate(conv(x, "stem", 2), "stem"), 3, 2, "same")
    for stage, (n_blocks, *_, first_stride) in STAGES.items():
        for block in range(1, n_blocks + 1):
            name, stride = f"stage{stage}_block{block}", first_stride if block == 1 else 1
            ready = x if name == "stage1_block1" else activate(x, f"{name}_preactivation")
            inner = conv(activate(conv(ready, f"{name}_first", stride), f"{name}_first"), f"{name}_second")
            x = inner + (conv(ready[:, ::stride], f"{name}_shortcut") if stride == 2 else x)
    kernel, bias = net.get_layer(HEAD).get_weights()
    return keras.ops.mean(activate(x, "final"), axis=1) @ kernel + bias


@pytest.mark.parametrize("length", [128, 131])
def test_preactivation_is_that_of_the_publication(preactivated, length):
    net = resnet1d(None, 3, width=WIDTH, preactivation=True)
    net.set_weights(preactivated.get_weights())
    inputs = RNG.normal(size=(2, length, 1)).astype("float32")
    ours, reference = np.asarray(net(inputs)), np.asarray(plain(inputs, net))
    assert np.ptp(ours) > 1e-3
    np.testing.assert_allclose(ours, reference, rtol=1e-4, atol=1e-5 * np.abs(reference).max())


def test_preactivation_has_the_parameters_counted_stage_by_stage():
    expected, inside = 7 * 64 + 4 * 64, 64  # stem: no bias; scale, offset, mean, variance
    for stage, (n_blocks, kernel, filters, _) in STAGES.items():
        for block in range(n_blocks):
            expected += 4 * inside if (stage, block) != (1, 0) else 0
            expected += kernel * inside * filters + 4 * filters + kernel * filters**2
            expected += inside * filters if inside != filters else 0
            inside = filters
    expected += 4 * 512
    assert resnet1d(None, 0, preactivation=True).count_params() == expected


def test_only_the_projections_normalisation_is_gone_and_the_sums_are_bare(preactivated):
    names = {layer.name for layer in preactivated.layers}
    normalised = {name for name in names if name.endswith("_bn")}
    blocks = [f"stage{stage}_block{block}" for stage in STAGES for block in (1, 2)]
    assert normalised == {"stem_bn", "final_bn", *(f"{block}_first_bn" for block in blocks),
                          *(f"{block}_preactivation_bn" for block in blocks[1:])}  # fmt: skip
    assert not [name for name in names if name.endswith("_relu2")]


@pytest.mark.parametrize("settings", [{"preactivation": True}, {"masked_pooling": True}])
def test_a_variant_starts_with_the_kernels_of_the_published_net(settings):
    published, variant = kernels(narrow(seed=7)), kernels(narrow(seed=7, **settings))
    assert published.keys() == variant.keys()
    assert all((published[name] == variant[name]).all() for name in published)


@pytest.mark.parametrize("settings", [{"preactivation": True}, {"masked_pooling": True}])
def test_a_variant_costs_as_much_as_the_published_net(settings):
    assert flops(narrow(**settings)) == flops(narrow())


def test_both_variants_can_be_had_at_once_and_34_layers_deep():
    net = resnet1d(128, 3, depth=34, width=1 / 64, preactivation=True, masked_pooling=True)
    assert net.name == "resnet34_preactivation_masked"
    assert len(freezing.learnable_layers(net)) == 34


@pytest.mark.parametrize(
    ("settings", "named"),
    [({"depth": 50, "preactivation": True}, "depth with preactivation: expected a net without bottlenecks; got 50"),
     ({"masked_pooling": True, "transform": keras.layers.Rescaling(2.0, name="twice")},
      "masked_pooling: expected no transform; got twice")],
)  # fmt: skip
def test_settings_that_exclude_each_other_are_refused(settings, named):
    with pytest.raises(SettingsError, match=named):
        resnet1d(256, 4, **settings)


def test_preactivation_has_the_learnable_layers_it_is_named_after(preactivated):
    found = freezing.learnable_layers(preactivated)
    assert len(found) == 18
    assert [layer.name for layer in found] == [layer.name for layer in freezing.learnable_layers(narrow())]


def test_normalisation_of_a_sum_goes_with_the_last_convolution_in_it(preactivated):
    found = {layer.name: position for layer, position in freezing.positions(preactivated).items()}
    assert set(found) == {layer.name for layer in preactivated.layers if layer.weights}
    assert found["stem_bn"] == 0
    assert found["stage1_block2_preactivation_bn"] == found["stage1_block1_second_conv"] == 2
    assert found["stage2_block1_preactivation_bn"] == found["stage1_block2_second_conv"] == 4
    assert found["stage2_block2_preactivation_bn"] == found["stage2_block1_shortcut_conv"] == 6
    assert found["final_bn"] == found["stage4_block2_second_conv"] == 16
    assert found[HEAD] == 17


def values(layer):
    return [np.array(weight) for weight in layer.weights]


@pytest.mark.parametrize("settings", [{"preactivation": True}, {"masked_pooling": True}])
def test_training_a_frozen_variant_changes_what_is_not_frozen(settings):
    net = narrow(**settings)
    freezing.freeze(net, 6)
    before = {layer.name: values(layer) for layer in net.layers}
    net.compile(keras.optimizers.SGD(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    signals = RNG.normal(size=(6, 128, 1)).astype("float32")
    signals[:3, :50] = 0
    assert np.isfinite(net.train_on_batch(signals, np.arange(6) % 3))
    for layer, position in freezing.positions(net).items():
        kept = all((a == b).all() for a, b in zip(before[layer.name], values(layer), strict=True))
        assert kept == (position < 6), layer.name


def cut_at(net, depth):
    freezing.freeze(net, depth)
    parts = freezing.cut(net)
    return parts and parts[0].layers[-1].name


@pytest.mark.parametrize(
    ("depth", "expected"),
    # before a projection everything passes the activation, before an identity the sum goes around it
    [(0, None), (1, "stem_pool"), (3, "stage1_block1_add"), (5, "stage2_block1_preactivation_relu"),
     (7, "stage2_block1_add"), (17, "pool")],
)  # fmt: skip
def test_preactivation_is_cut_where_all_paths_meet(preactivated, depth, expected):
    assert cut_at(preactivated, depth) == expected


def test_a_masked_net_is_cut_at_its_pool_alone_since_that_reads_the_signal():
    net = disturbed(masked_pooling=True)
    assert cut_at(net, 7) is None
    assert cut_at(net, -1) == "pool"
    prefix, tail = freezing.cut(net)
    signals = RNG.normal(size=(2, 128, 1)).astype("float32")
    np.testing.assert_allclose(tail(prefix(signals)), net(signals), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("masked", [False, True])
def test_pretrained_weights_serve_with_and_without_masking(masked, tmp_path):
    source = disturbed(masked_pooling=masked)
    target = narrow(256, 4, seed=1, masked_pooling=not masked)
    checkpoint.save_extractor(tmp_path / "extractor.npz", source, HEAD)
    checkpoint.load_extractor(tmp_path / "extractor.npz", target, HEAD)
    assert {layer.name for layer in source.layers} == {layer.name for layer in target.layers}
    for layer in source.layers:
        if layer.name != HEAD:
            carried = zip(values(layer), values(target.get_layer(layer.name)), strict=True)
            assert all((a == b).all() for a, b in carried), layer.name


def test_preactivation_hands_its_weights_on_to_its_like_alone(preactivated, tmp_path):
    path = tmp_path / "extractor.npz"
    checkpoint.save_extractor(path, preactivated, HEAD)
    target = narrow(256, 4, seed=1, preactivation=True)
    checkpoint.load_extractor(path, target, HEAD)
    for place in ("stage2_block2_preactivation_bn", "final_bn", "stage4_block1_shortcut_conv"):
        carried = zip(values(preactivated.get_layer(place)), values(target.get_layer(place)), strict=True)
        assert all((a == b).all() for a, b in carried)
    with pytest.raises(InputError, match="tensors of resnet18; got"):
        checkpoint.load_extractor(path, narrow(), HEAD)


@pytest.mark.parametrize(("left", "right"), [(64, 0), (0, 64)])
def test_a_masked_net_averages_its_last_features_over_the_recording(left, right):
    net, published = disturbed(length=256, masked_pooling=True), narrow(256)
    published.set_weights(net.get_weights())
    signal = RNG.normal(size=(1, 256, 1)).astype("float32")
    np.testing.assert_allclose(net(signal), published(signal), rtol=1e-4, atol=1e-5)
    signal[:, :left] = signal[:, 256 - right :] = 0
    features = keras.Model(published.input, published.get_layer("stage4_block2_relu2").output)(signal)
    steps = slice(left // 32, 8 - right // 32)  # a step is 32 samples
    kernel, bias = net.get_layer(HEAD).get_weights()
    expected = np.asarray(features)[:, steps].mean(axis=1) @ kernel + bias
    np.testing.assert_allclose(net(signal), expected, rtol=1e-4, atol=1e-5)
    assert np.abs(np.asarray(net(signal)) - np.asarray(published(signal))).max() > 1e-3


def test_a_masked_net_of_open_length_and_several_leads_takes_any_input():
    net = resnet1d(None, 3, width=WIDTH, n_leads=2, masked_pooling=True)
    fixed = resnet1d(320, 3, width=WIDTH, n_leads=2, masked_pooling=True)
    fixed.set_weights(net.get_weights())
    signal = RNG.normal(size=(2, 320, 2)).astype("float32")
    signal[0, :100] = 0
    np.testing.assert_allclose(net(signal), fixed(signal), rtol=1e-5, atol=1e-6)
    assert net(signal[:, :256]).shape == (2, 3)


def test_logits_have_their_shape_and_are_float32(harness):
    harness.check_output()


def test_weights_are_saved_and_loaded(harness, tmp_path):
    harness.check_weights_are_saved_and_loaded(tmp_path)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_keeps_weights_and_logits_in_float32(harness, policy):
    harness.check_mixed_precision(policy)


def test_gradients_reach_every_trainable_weight(harness):
    harness.check_gradients_reach_every_trainable_weight()
