import errno
import logging
import os
import shutil
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from ecgrepro.errors import DiskError
from ecgrepro.models.resnet1d import HEAD, dtype_policy
from ecgrepro.training import freezing
from ecgrepro.training.feature_cache import cached_features, features_key

INPUTS = np.random.default_rng(0).normal(size=(50, 64, 1)).astype("float32")
LABELS = np.arange(50) % 3
BATCH = 8
SHAPE = (50, 16, 8)
BYTES, BATCH_BYTES = 4 * 50 * 16 * 8, 4 * 8 * 16 * 8
HEADER = 128
#: Batches over all rows; one more compares kept features.
ALL = 7


class Counted:
    """A prefix that counts the batches it computes, and may be interrupted at one of them."""

    def __init__(self, model):
        self.model, self.batches, self.interrupt_at = model, 0, None

    def __getattr__(self, name):
        return getattr(self.model, name)

    def predict_on_batch(self, batch):
        if self.batches == self.interrupt_at:
            raise KeyboardInterrupt
        assert len(batch) == BATCH
        self.batches += 1
        return self.model(batch)


def block(x, name):
    conv = keras.layers.Conv1D(8, 3, padding="same", use_bias=False, name=f"{name}_conv")(x)
    return keras.layers.BatchNormalization(momentum=0.9, name=f"{name}_bn")(conv)


def net(seed=0, precision="float32", pool=keras.layers.MaxPooling1D):
    """Three convolutions, the second with a shortcut around it, and a head; the first two layers are frozen."""
    keras.utils.set_random_seed(seed)
    with dtype_policy(precision):
        inputs = keras.Input((64, 1))
        x = pool(4)(keras.layers.ReLU()(block(inputs, "first")))
        x = keras.layers.ReLU()(keras.layers.Add()([x, block(x, "second")]))
        x = keras.layers.GlobalAveragePooling1D(dtype="float32")(keras.layers.ReLU()(block(x, "third")))
        model = keras.Model(inputs, keras.layers.Dense(3, name=HEAD, dtype="float32")(x))
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_mean.assign(np.random.default_rng(seed).normal(0, 0.3, 8))
    freezing.freeze(model, 2)
    return model


@pytest.fixture(scope="module")
def model():
    """The frozen prefix of the net; its weights are never changed."""
    return freezing.cut(net())[0]


@pytest.fixture
def prefix(model):
    return Counted(model)


def cached(prefix, folder=None, inputs=INPUTS, key="inputs", memory=BYTES, **settings):
    return cached_features(prefix, inputs, key=key, folder=folder, memory_budget=memory, batch_size=BATCH,
                           progress=False, **settings)  # fmt: skip


def expected(prefix, inputs=INPUTS):
    return np.asarray(prefix.model(inputs))


def check(found, prefix, inputs=INPUTS):
    wanted = expected(prefix, inputs)
    assert found.dtype == np.float32
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() <= 1e-5 * np.abs(wanted).max()


def kept(folder, suffix=".npy"):
    return [path for path in folder.glob("*") if path.suffix == suffix]


def test_features_equal_those_of_an_uncached_pass(prefix):
    found = cached(prefix)
    assert found.shape == SHAPE
    check(found, prefix)
    assert prefix.batches == ALL


def test_one_epoch_on_features_gives_the_logits_of_one_without():
    logits = []
    for use_cache in (False, True):
        model = net()
        model.compile(
            keras.optimizers.Adam(1e-2), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        )
        trained, rows = model, INPUTS
        if use_cache:
            prefix, trained = freezing.cut(model)
            rows = cached(Counted(prefix))
        order = np.random.default_rng(1).permutation(48).reshape(-1, 8)
        for batch in order:
            trained.train_on_batch(rows[batch], LABELS[batch])
        logits.append(np.asarray(model(INPUTS)))
    assert np.abs(logits[0] - np.asarray(net()(INPUTS))).max() > 0.1  # the epoch did something
    np.testing.assert_allclose(logits[1], logits[0], atol=1e-3)


def test_features_within_the_memory_budget_are_in_memory(prefix, tmp_path):
    found = cached(prefix, tmp_path)
    assert not isinstance(found, np.memmap)
    check(found, prefix)


def test_features_beyond_the_memory_budget_are_memory_mapped(prefix, tmp_path):
    found = cached(prefix, tmp_path, memory=BYTES - 1)
    assert isinstance(found, np.memmap)
    check(found, prefix)
    assert [path.name for path in kept(tmp_path)] == [
        f"features-{features_key(prefix, 'inputs', INPUTS.shape, BATCH)}.npy"
    ]
    assert not kept(tmp_path, ".partial")


def test_features_are_computed_once(prefix, tmp_path):
    first = cached(prefix, tmp_path)
    assert prefix.batches == ALL
    again = cached(prefix, tmp_path)
    assert prefix.batches == ALL + 1  # compared, not computed
    assert (first == again).all()


def test_the_head_of_a_model_does_not_count(tmp_path):
    # trials of other seeds, and other numbers of classes, share the features of the same frozen weights
    first, second = net(), net(seed=1)
    for ours, theirs in zip(second.layers[:-1], first.layers[:-1], strict=True):
        ours.set_weights(theirs.get_weights())
    prefixes = [Counted(freezing.cut(one)[0]) for one in (first, second)]
    for prefix in prefixes:
        cached(prefix, tmp_path)
    assert [prefix.batches for prefix in prefixes] == [ALL, 1]


def test_other_weights_have_other_features(tmp_path):
    prefixes = [Counted(freezing.cut(net(seed))[0]) for seed in (0, 1)]
    found = [cached(prefix, tmp_path) for prefix in prefixes]
    for features, prefix in zip(found, prefixes, strict=True):
        check(features, prefix)
    assert np.abs(found[0] - found[1]).max() > 0.01


def test_moved_statistics_have_other_features(tmp_path):
    model = net()
    prefix = Counted(freezing.cut(model)[0])
    cached(prefix, tmp_path)
    model.get_layer("first_bn").moving_mean.assign_add(np.full(8, 0.5, "float32"))
    check(cached(prefix, tmp_path), prefix)


def test_the_key_tells_inputs_rows_precision_and_settings_apart(model):
    keys = {features_key(model, "inputs", INPUTS.shape), features_key(model, "others", INPUTS.shape),
            features_key(model, "inputs", (51, 64, 1))}  # fmt: skip
    low = freezing.cut(net(precision="mixed_bfloat16"))[0]
    low.set_weights(model.get_weights())
    other = freezing.cut(net(pool=keras.layers.AveragePooling1D))[0]
    other.set_weights(model.get_weights())
    keys |= {features_key(one, "inputs", INPUTS.shape) for one in (low, other)}
    assert len(keys) == 5
    again = freezing.cut(net())[0]  # other automatic names
    assert features_key(again, "inputs", INPUTS.shape) == features_key(model, "inputs", INPUTS.shape)


def test_features_of_other_inputs_under_the_same_key_are_not_taken(prefix, tmp_path):
    cached(prefix, tmp_path)
    other = INPUTS + 0.1
    check(cached(prefix, tmp_path, other), prefix, other)


@pytest.mark.parametrize("size", [0, 60, 3000])
def test_a_damaged_file_is_made_again(prefix, tmp_path, size):
    cached(prefix, tmp_path)
    os.truncate(kept(tmp_path)[0], size)
    check(cached(prefix, tmp_path), prefix)


def test_what_fits_no_budget_is_refused_before_anything_is_computed(prefix, tmp_path):
    for folder, settings, reason in (
        (None, {}, "no folder"),
        (tmp_path / "a", {"disk_budget": BYTES - 1}, "features may take 0 MB"),
    ):
        with pytest.raises(
            DiskError, match=f"expected room for 0 MB of features; got 0 MB of memory, and .*{reason}"
        ):
            cached(prefix, folder, memory=BYTES - 1, **settings)
    assert prefix.batches == 0
    assert not kept(tmp_path / "a")


def test_a_full_disk_is_told_beforehand_and_memory_used_if_it_suffices(prefix, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=BYTES))
    with pytest.raises(DiskError, match="train without the cache"):
        cached(prefix, tmp_path, memory=0)
    assert prefix.batches == 0
    check(cached(prefix, tmp_path), prefix)
    assert not kept(tmp_path)


def test_a_disk_that_fills_up_leaves_nothing(prefix, tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskError, match="No space left on device"):
        cached(prefix, tmp_path)
    assert not kept(tmp_path)
    assert not kept(tmp_path, ".partial")


def test_a_run_killed_half_way_leaves_no_features_and_is_gone_on_with(prefix, tmp_path):
    prefix.interrupt_at = 4
    with pytest.raises(KeyboardInterrupt):
        cached(prefix, tmp_path)
    assert not kept(tmp_path)
    prefix.batches, prefix.interrupt_at = 0, None
    check(cached(prefix, tmp_path), prefix)
    assert prefix.batches == ALL - 3  # the last of the four batches is not trusted


@pytest.mark.parametrize(
    "left", [0, 10, HEADER, HEADER + BATCH_BYTES + 5, HEADER + 3 * BATCH_BYTES - 1, HEADER + 3 * BATCH_BYTES]
)
def test_whatever_a_killed_run_left_is_gone_on_with(prefix, tmp_path, left):
    path = tmp_path / f"features-{features_key(prefix, 'inputs', INPUTS.shape, BATCH)}.npy"
    cached(prefix, tmp_path)
    os.truncate(path, left)
    path.rename(path.with_suffix(".partial"))
    prefix.batches = 0
    check(cached(prefix, tmp_path), prefix)
    assert prefix.batches == ALL - max(0, (left - HEADER) // BATCH_BYTES - 1)


def test_the_oldest_features_make_room(prefix, tmp_path):
    budget = {"disk_budget": 2 * (BYTES + HEADER) + BYTES // 2}
    for age, key in ((30, "a"), (20, "b")):
        cached(prefix, tmp_path, key=key, **budget)
        newest = max(kept(tmp_path), key=lambda path: path.stat().st_mtime)
        os.utime(newest, (0, newest.stat().st_mtime - age))
    cached(prefix, tmp_path, key="a", **budget)  # used again: now the newest
    cached(prefix, tmp_path, key="c", **budget)
    left = {path.name for path in kept(tmp_path)}
    assert left == {f"features-{features_key(prefix, key, INPUTS.shape, BATCH)}.npy" for key in "ac"}


def test_features_of_a_bfloat16_prefix_are_float32_and_exact(tmp_path):
    prefix = Counted(freezing.cut(net(precision="mixed_bfloat16"))[0])
    found = cached(prefix, tmp_path)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.asarray(prefix.model(INPUTS), np.float32), rtol=2e-2, atol=2e-2)
    bits = found.view(np.uint32)
    assert not (bits & 0xFFFF).any()
    cached(prefix, tmp_path)
    assert prefix.batches == ALL + 1


def test_many_prefixes_are_no_reason_to_warn_of_retracing(monkeypatch):
    logger, told = logging.getLogger("tensorflow"), []
    handler = logging.Handler()
    monkeypatch.setattr(handler, "emit", lambda record: told.append(record.getMessage()))
    logger.addHandler(handler)
    try:
        logger.warning("5 out of the last 9 calls to %s triggered tf.function retracing.", "f")
        logger.warning("something else")
    finally:
        logger.removeHandler(handler)
    assert told == ["something else"]
