import keras
import numpy as np
import pytest

from ecgrepro.errors import SettingsError
from ecgrepro.models.resnet1d import HEAD
from ecgrepro.models.xresnet1d import xresnet1d
from ecgrepro.training import freezing
from ecgrepro.training.recipe import Stage
from ecgrepro.training.unfreezing import (
    CSC2541,
    CSC2541_AS_TOLD,
    XRESNET1D_GROUPS,
    begin,
    group_rates,
    optimiser,
    stage_at,
)

LOSS = keras.losses.MeanSquaredError()
GROUPS = (0, 1, 2)


def dense():
    """Three dense layers without bias, each a group of its own."""
    keras.utils.set_random_seed(0)
    x = inputs = keras.Input((4,))
    for name in ("stem", "body", HEAD):
        x = keras.layers.Dense(4, use_bias=False, name=name)(x)
    return keras.Model(inputs, x)


@pytest.fixture(scope="module")
def xresnet():
    return xresnet1d(64, 5, depth=50, n_leads=1, width=0.125)


def layer_groups(model):
    """Stem, max-pool and body, head, as the benchmark's `get_layer_groups` divides (helme/ecg_ptbxl_benchmarking)."""
    names = [layer.name for layer in model.layers if layer.weights]
    stem, head = ({name for name in names if name.startswith(part)} for part in ("stem", HEAD))
    return stem, set(names) - stem - head, head


@pytest.mark.parametrize(
    ("rate", "expected"),
    [(1e-2, [1e-2] * 3), ((None, 3e-3), [3e-4, 3e-4, 3e-3]), ((1e-6, 1e-4), [1e-6, 1e-5, 1e-4])],
)
def test_a_learning_rate_spreads_over_groups(rate, expected):
    np.testing.assert_allclose(group_rates(rate, 3), expected)


def test_a_single_group_has_the_highest_rate():
    assert group_rates((1e-6, 1e-4), 1) == group_rates((None, 1e-4), 1) == [1e-4]


@pytest.mark.parametrize(("epoch", "expected"), [(1, (0, 1)), (10, (0, 10)), (11, (1, 1)), (40, (3, 10))])
def test_an_epoch_has_its_stage(epoch, expected):
    assert stage_at(CSC2541, epoch) == expected


@pytest.mark.parametrize("epoch", [0, 41])
def test_an_epoch_outside_the_stages_is_refused(epoch):
    with pytest.raises(SettingsError, match=f"epoch: expected 1 to 40; got {epoch}"):
        stage_at(CSC2541, epoch)


def test_groups_of_an_xresnet_are_the_benchmarks(xresnet):
    starts = [freezing.resolve(xresnet, start) for start in XRESNET1D_GROUPS]
    found = [[], [], []]
    for layer, position in freezing.positions(xresnet).items():
        found[int(np.searchsorted(starts, position, side="right")) - 1].append(layer.name)
    assert [set(group) for group in found] == list(layer_groups(xresnet))


def trained(model, kind):
    return {layer.name for layer in model.layers if isinstance(layer, kind) and layer.trainable_weights}


@pytest.mark.parametrize(("stages", "first"), [(CSC2541, {"head_hidden", HEAD}), (CSC2541_AS_TOLD, {HEAD})])
def test_stages_free_head_body_and_stem(xresnet, stages, first):
    _, body, head = layer_groups(xresnet)
    kernels = {layer.name for layer in xresnet.layers if hasattr(layer, "kernel")}
    expected = [first, head & kernels, (body | head) & kernels, kernels]
    for stage, names in zip(stages, expected, strict=True):
        begin(xresnet, stage, LOSS, steps_per_epoch=2)
        assert {name for name in trained(xresnet, keras.Layer) if name in kernels} == names
        # as coded, batch normalisation is never frozen
        assert len(trained(xresnet, keras.layers.BatchNormalization)) == 3 + 16 * 3 + 1 + 2


def test_rates_of_the_stages_are_those_of_the_code(xresnet):
    names = ("stem1_bn", "stage1_block1_first_bn", HEAD)
    expected = [[1e-2] * 3, [1e-3, 1e-3, 1e-2], [1e-4, 1e-4, 1e-3], [1e-6, 1e-5, 1e-4]]
    for stage, rates in zip(CSC2541, expected, strict=True):
        freezing.freeze(xresnet, stage.freeze_depth, batch_normalisation="training")
        made = optimiser(xresnet, stage, 7)
        paths = [xresnet.get_layer(name).trainable_weights[0].path for name in names]
        peak = made._learning_rate.peak
        np.testing.assert_allclose([peak * made.factors[path] for path in paths], rates)
        assert made._learning_rate.total_steps == 70


def test_a_step_moves_each_group_by_its_own_rate():
    model = dense()
    before = [np.array(weight) for weight in model.weights]
    begin(
        model,
        Stage(1, 0, (1e-4, 1e-2), one_cycle=False),
        LOSS,
        steps_per_epoch=1,
        groups=GROUPS,
        weight_decay=0,
    )
    rng = np.random.default_rng(0)
    model.train_on_batch(rng.normal(size=(8, 4)), rng.normal(size=(8, 4)))
    # Adam's first step is the learning rate, whatever the size of the gradient
    moved = [np.abs(np.array(weight) - old).mean() for weight, old in zip(model.weights, before, strict=True)]
    np.testing.assert_allclose(moved, [1e-4, 1e-3, 1e-2], rtol=1e-2)


def test_frozen_groups_do_not_move_and_the_next_stage_starts_afresh():
    model = dense()
    rng = np.random.default_rng(0)
    batch = rng.normal(size=(8, 4)), rng.normal(size=(8, 4))
    begin(model, Stage(1, -1, 1e-2), LOSS, steps_per_epoch=2, groups=GROUPS)
    stem = np.array(model.get_layer("stem").kernel)
    model.train_on_batch(*batch)
    head = np.array(model.get_layer(HEAD).kernel)
    assert (stem == np.array(model.get_layer("stem").kernel)).all()
    begin(model, Stage(1, 0, 1e-2), LOSS, steps_per_epoch=2, groups=GROUPS)
    assert int(model.optimizer.iterations) == 0
    assert all((np.array(one) == 0).all() for one in model.optimizer.variables if "momentum" in one.path)
    assert (head == np.array(model.get_layer(HEAD).kernel)).all()  # weights are kept
    model.train_on_batch(*batch)
    assert (stem != np.array(model.get_layer("stem").kernel)).any()


@pytest.mark.parametrize("groups", [(1, 2), (0, 2, 1), (0, 0, 1), (0, 3), ()])
def test_groups_that_the_net_does_not_have_are_refused(groups):
    with pytest.raises(SettingsError, match="expected"):
        begin(dense(), Stage(1, 0, 1e-2), LOSS, steps_per_epoch=1, groups=groups)
