import keras
import numpy as np
import pytest

from ecgrepro.errors import SettingsError
from ecgrepro.models.alexnet import alexnet
from ecgrepro.models.flops import flops, layer_flops
from ecgrepro.models.inception1d import inception1d
from ecgrepro.models.resnet1d import HEAD, resnet1d
from ecgrepro.models.xresnet1d import xresnet1d
from ecgrepro.training import freezing

SIGNALS = np.random.default_rng(0).normal(size=(6, 128, 1)).astype("float32")
LABELS = np.arange(6) % 3
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def resnet(**settings):
    keras.utils.set_random_seed(0)
    return resnet1d(128, 3, width=0.0625, **settings)


def small_alexnet(**settings):
    return alexnet((67, 67, 3), 2, width=0.0625, **settings)


def xresnet():
    return xresnet1d(128, 3, depth=50, n_leads=1, width=0.125)


@pytest.fixture(scope="module")
def net():
    """A ResNet-18; tests freeze it as they need, and leave its weights."""
    return resnet()


def values(layer):
    return [np.array(weight) for weight in layer.weights]


def same(before, after):
    return all((a == b).all() for a, b in zip(before, after, strict=True))


def normalisations(model):
    return [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]


@pytest.mark.parametrize(
    ("make", "count"), [(resnet, 18), (small_alexnet, 8), (xresnet, 53), (lambda: inception1d(64, 3), 32)]
)
def test_nets_have_the_learnable_layers_they_are_named_after(make, count):
    found = freezing.learnable_layers(make())
    assert len(found) == count
    assert found[-1].name == HEAD


def test_alexnets_learnable_layers_are_in_the_order_of_the_publication():
    names = [layer.name for layer in freezing.learnable_layers(small_alexnet())]
    assert names == ["conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", HEAD]


def test_normalisation_and_shortcuts_go_with_their_convolutions(net):
    found = {layer.name: position for layer, position in freezing.positions(net).items()}
    assert set(found) == {layer.name for layer in net.layers if layer.weights}
    assert found["stem_conv"] == found["stem_bn"] == 0
    assert found["stage1_block1_first_conv"] == found["stage1_block1_first_bn"] == 1
    for part in ("second_conv", "second_bn", "shortcut_conv", "shortcut_bn"):
        assert found[f"stage2_block1_{part}"] == 6
    assert found[HEAD] == 17


def test_normalisation_before_a_dense_layer_goes_with_that():
    found = {layer.name: position for layer, position in freezing.positions(xresnet()).items()}
    assert found["head_pool_bn"] == found["head_hidden"] == 51
    assert found["head_hidden_bn"] == found[HEAD] == 52


def test_normalisation_of_joined_convolutions_goes_with_the_last_of_them():
    net = inception1d(64, 3)
    found = {layer.name: position for layer, position in freezing.positions(net).items()}
    convolutions = [name for name in found if name.startswith("block3_") and name.endswith("_conv")]
    convolutions.remove("block3_shortcut_conv")
    assert found["block3_bn"] == found["block3_shortcut_bn"] == found["block3_shortcut_conv"]
    assert found["block3_bn"] == max(found[name] for name in convolutions) == 14


@pytest.mark.parametrize("depth", [0, 1, 6, 17])
def test_the_first_layers_are_frozen_and_all_others_trained(net, depth):
    freezing.freeze(net, 17)  # whatever was frozen before is thawed
    freezing.freeze(net, depth)
    learnable = freezing.learnable_layers(net)
    assert [bool(layer.trainable_weights) for layer in learnable] == [i >= depth for i in range(18)]
    for layer, position in freezing.positions(net).items():
        assert bool(layer.trainable_weights) == (position >= depth), layer.name


def test_a_negative_depth_counts_from_the_head(net):
    freezing.freeze(net, -1)
    assert [weight.path for weight in net.trainable_weights] == [f"{HEAD}/kernel", f"{HEAD}/bias"]


@pytest.mark.parametrize("depth", [18, 19, -18])
def test_a_frozen_head_is_refused_and_the_range_named(net, depth):
    freezing.freeze(net, 2)
    with pytest.raises(SettingsError, match="freeze_depth: expected -17 to 17"):
        freezing.freeze(net, depth)
    assert not net.get_layer("stem_conv").trainable


def test_an_unknown_mode_of_batch_normalisation_is_refused(net):
    with pytest.raises(SettingsError, match="batch_normalisation: expected one of inference, training"):
        freezing.freeze(net, 2, batch_normalisation="frozen")


def train_once(net):
    before = {layer.name: values(layer) for layer in net.layers}
    net.compile(keras.optimizers.SGD(0.1), LOSS, run_eagerly=True)
    net.train_on_batch(SIGNALS, LABELS)
    return {layer.name: same(before[layer.name], values(layer)) for layer in net.layers if layer.weights}


def test_training_leaves_frozen_layers_and_their_statistics_as_they_are():
    net = resnet()
    freezing.freeze(net, 6)
    unchanged = train_once(net)
    assert unchanged == {layer.name: i < 6 for layer, i in freezing.positions(net).items()}


def test_frozen_normalisation_may_stay_in_training_mode():
    net = resnet()
    freezing.freeze(net, 6, batch_normalisation="training")
    before = {layer.name: values(layer) for layer in normalisations(net)}
    unchanged = train_once(net)
    frozen = [layer.name for layer, i in freezing.positions(net).items() if i < 6]
    assert [name for name, kept in unchanged.items() if kept] == [
        name for name in unchanged if name in frozen and name.endswith("_conv")
    ]
    for layer in normalisations(net):  # statistics move, and gamma and beta are trained
        assert not any((a == b).all() for a, b in zip(before[layer.name], values(layer), strict=True))


def test_all_normalisation_may_be_frozen_while_every_kernel_trains():
    net = resnet()
    freezing.freeze(net, 0, batch_normalisation="all")
    unchanged = train_once(net)
    assert {name for name, kept in unchanged.items() if kept} == {layer.name for layer in normalisations(net)}


def test_the_cost_of_a_step_counts_what_is_trained():
    net = small_alexnet()
    freezing.freeze(net, 6)
    count = freezing.cost(net)
    fc7, head = net.get_layer("fc7"), net.get_layer(HEAD)
    assert count["parameters"] == net.count_params()
    assert count["trainable_parameters"] == fc7.count_params() + head.count_params()
    assert count["forward_flops"] == flops(net)
    assert count["backward_flops"] == layer_flops(fc7) + 2 * layer_flops(head)


def test_with_nothing_frozen_backward_is_twice_forward_but_for_the_input(net):
    freezing.freeze(net, 0)
    count = freezing.cost(net)
    assert count["backward_flops"] == 2 * flops(net) - layer_flops(net.get_layer("stem_conv"))


def test_normalisation_in_training_mode_costs_gradients_of_all_inputs_behind_it(net):
    freezing.freeze(net, -1, batch_normalisation="training")
    fed = sum(layer_flops(layer) for layer in freezing.positions(net) if hasattr(layer, "kernel"))
    head, stem = (layer_flops(net.get_layer(name)) for name in (HEAD, "stem_conv"))
    assert freezing.cost(net)["backward_flops"] == fed - stem + head


def cut_at(model, depth, **settings):
    freezing.freeze(model, depth, **settings)
    parts = freezing.cut(model)
    return parts and parts[0].layers[-1].name


@pytest.mark.parametrize(
    ("depth", "dropout", "expected"),
    [(0, 0.5, None), (1, 0.5, "pool1"), (2, 0.5, "pool2"), (3, 0.5, "conv3_relu"), (4, 0.5, "conv4_relu"),
     (5, 0.5, "flatten"), (6, 0.5, "flatten"), (7, 0.5, "flatten"), (5, 0.0, "flatten"), (6, 0.0, "fc6_relu"),
     (7, 0.0, "fc7_relu")],
)  # fmt: skip
def test_alexnet_is_cut_before_what_is_trained_and_before_dropout(depth, dropout, expected):
    assert cut_at(small_alexnet(dropout=dropout), depth) == expected


@pytest.mark.parametrize(
    ("depth", "expected"),
    [(0, None), (1, "stem_pool"), (2, "stem_pool"), (3, "stage1_block1_relu2"), (4, "stage1_block1_relu2"),
     (6, "stage1_block2_relu2"), (7, "stage2_block1_relu2"), (16, "stage4_block1_relu2"), (17, "pool")],
)  # fmt: skip
def test_a_resnet_is_cut_between_blocks(net, depth, expected):
    assert cut_at(net, depth) == expected


def test_a_net_is_cut_before_moving_statistics(net):
    assert cut_at(net, 17, batch_normalisation="training") == "stem_conv"


def test_an_xresnet_is_cut_before_the_dropout_of_its_head():
    assert cut_at(xresnet(), -1) == "head_pool_bn"


def test_nothing_is_cut_behind_augmentation():
    assert cut_at(resnet(transform=keras.layers.GaussianNoise(0.1)), 17) is None


def test_a_transform_alone_is_no_prefix_but_is_part_of_one():
    net = resnet(transform=keras.layers.Rescaling(2.0))
    assert cut_at(net, 0) is None
    freezing.freeze(net, 3)
    prefix, _ = freezing.cut(net)
    assert prefix.input_shape == net.input_shape


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_prefix_and_tail_are_the_model(precision):
    net = resnet(precision=precision)
    freezing.freeze(net, 7)
    prefix, tail = freezing.cut(net)
    features = np.asarray(prefix(SIGNALS), np.float32)
    np.testing.assert_allclose(tail(features), net(SIGNALS), rtol=1e-6, atol=1e-6)


def test_training_the_tail_trains_the_model():
    net = resnet()
    freezing.freeze(net, 7)
    net.compile(keras.optimizers.SGD(0.1), LOSS)
    before = {layer.name: values(layer) for layer in net.layers if layer.weights}
    prefix, tail = freezing.cut(net)
    features = np.asarray(prefix(SIGNALS))
    tail.train_on_batch(features, LABELS)
    for layer, position in freezing.positions(net).items():
        assert same(before[layer.name], values(layer)) == (position < 7), layer.name
    np.testing.assert_allclose(tail(features), net(SIGNALS), rtol=1e-5, atol=1e-6)
    assert int(net.optimizer.iterations) == 1


@pytest.mark.parametrize(
    ("make", "depth"), [(resnet, 5), (small_alexnet, 2), (xresnet, 3), (lambda: inception1d(64, 3), 15)]
)
def test_the_tail_names_its_weights_in_the_models_order(make, depth):
    # an optimiser built for the model's weights is used with the tail's; on JAX it goes by order
    net = make()
    freezing.freeze(net, depth)
    _, tail = freezing.cut(net)
    assert [one.path for one in tail.trainable_weights] == [one.path for one in net.trainable_weights]


def test_a_net_is_not_cut_where_a_path_goes_around():
    net = inception1d(64, 3)
    assert cut_at(net, 1) is None  # beside the frozen bottleneck, the pool needs the signal
    assert cut_at(net, 5) is None  # the shortcut around three blocks needs it too
    assert cut_at(net, 15) == "block3_add_relu"


def test_the_tail_of_a_float16_model_scales_its_loss_once():
    net = resnet(precision="mixed_float16")
    freezing.freeze(net, 7)
    net.compile(keras.optimizers.Adam(), LOSS)
    _, tail = freezing.cut(net)
    assert isinstance(net.optimizer, keras.optimizers.LossScaleOptimizer)
    assert tail.optimizer is net.optimizer


def test_a_model_can_be_cut_again_elsewhere(net):
    assert cut_at(net, 7) == "stage2_block1_relu2"
    assert cut_at(net, 3) == "stage1_block1_relu2"
    freezing.freeze(net, 7)
    _, tail = freezing.cut(net)
    assert freezing.cost(tail)["backward_flops"] == freezing.cost(net)["backward_flops"]
    assert freezing.cost(tail)["forward_flops"] < flops(net)
