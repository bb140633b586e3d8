import errno
import os

import keras
import numpy as np
import pytest

from ecgrepro.errors import DiskError, InputError
from ecgrepro.models.resnet1d import HEAD, resnet1d
from ecgrepro.training import checkpoint

INPUTS = np.random.default_rng(0).normal(size=(8, 5)).astype("float32")
TARGETS = np.random.default_rng(1).normal(size=(8, 2)).astype("float32")


def make_net(seed):
    keras.utils.set_random_seed(seed)
    net = keras.Sequential(
        [keras.Input((5,)), keras.layers.Dense(3), keras.layers.BatchNormalization(), keras.layers.Dense(2)]
    )
    net.compile(keras.optimizers.Adam(), "mse")
    net.optimizer.build(net.trainable_variables)
    return net


@pytest.fixture(scope="module")
def nets():
    return make_net(1), make_net(2)


def test_a_restored_net_goes_on_as_the_saved_one(nets, tmp_path):
    ours, other = nets
    for _ in range(3):
        ours.train_on_batch(INPUTS, TARGETS)
    checkpoint.save(tmp_path / "checkpoint.npz", {"step": 3}, state=checkpoint.state(ours))
    progress, groups = checkpoint.load(tmp_path / "checkpoint.npz")
    assert progress == {"step": 3}
    checkpoint.restore(other, groups["state"])
    for net in nets:
        net.reset_metrics()
        net.train_on_batch(INPUTS, TARGETS)
    for a, b in zip(checkpoint.state(ours), checkpoint.state(other), strict=True):
        assert a.tobytes() == b.tobytes()


def test_groups_keep_their_order_and_progress_its_digits(tmp_path):
    groups = {
        "state": [np.full(2, i) for i in range(12)],
        "best": [np.array(7, np.int64), np.zeros((2, 3), np.float32)],
    }
    progress = {"history": [{"loss": 0.1 + 0.2, "epoch": 1}], "seconds": 1e-17}
    checkpoint.save(tmp_path / "checkpoint.npz", progress, **groups)
    read, arrays = checkpoint.load(tmp_path / "checkpoint.npz")
    assert read == progress
    assert set(arrays) == {"state", "best"}
    for name, group in groups.items():
        for a, b in zip(group, arrays[name], strict=True):
            assert a.dtype == b.dtype
            assert (a == b).all()


def test_no_checkpoint_is_none(tmp_path):
    assert checkpoint.load(tmp_path / "checkpoint.npz") is None


def test_a_state_of_another_net_is_refused(nets):
    with pytest.raises(ValueError, match="shorter"):
        checkpoint.restore(nets[0], checkpoint.state(nets[0])[:-1])


@pytest.mark.parametrize("what", ["checkpoint", "extractor"])
def test_a_full_disk_is_told_and_leaves_what_was_there(nets, tmp_path, monkeypatch, what):
    def save():
        if what == "checkpoint":
            return checkpoint.save(path, {"step": 2}, state=[np.zeros(3)])
        return checkpoint.save_extractor(path, nets[0], HEAD)

    def fill_the_disk(file, **arrays):
        file.write(b"half of it")
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "kept.npz"
    checkpoint.save(path, {"step": 1}, state=[np.ones(3)])
    monkeypatch.setattr(np, "savez", fill_the_disk)
    with pytest.raises(
        DiskError, match=r"kept\.npz: expected .*No space left.*goes on from its last checkpoint"
    ):
        save()
    assert [file.name for file in tmp_path.iterdir()] == ["kept.npz"]
    assert checkpoint.load(path)[0] == {"step": 1}


def save_twice(folder):
    path = folder / "checkpoint.npz"
    for step in (1, 2):
        checkpoint.save(path, {"step": step}, state=[np.full(300, step)])
    return path


def damage(path, how):
    content = path.read_bytes()
    middle = len(content) // 2
    changed = {"cut short": content[:middle], "empty": b"", "other bytes": b"\0" * len(content),
               "a changed byte": content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :]}  # fmt: skip
    path.write_bytes(changed[how])


HOW = ("cut short", "empty", "other bytes", "a changed byte")


@pytest.mark.parametrize("how", HOW)
def test_of_a_damaged_checkpoint_the_one_before_is_taken(tmp_path, how):
    path = save_twice(tmp_path)
    assert checkpoint.load(path)[0] == {"step": 2}
    damage(path, how)
    progress, groups = checkpoint.load(path)
    assert progress == {"step": 1}
    assert (groups["state"][0] == 1).all()


def test_a_kill_between_the_two_renames_loses_nothing(tmp_path):
    path = save_twice(tmp_path)
    path.unlink()
    assert checkpoint.load(path)[0] == {"step": 1}


@pytest.mark.parametrize("how", HOW)
def test_damage_to_both_is_told_with_what_to_delete(tmp_path, how):
    path = save_twice(tmp_path)
    for one in (path, checkpoint.previous(path)):
        damage(one, how)
    with pytest.raises(
        InputError, match=r"checkpoint\.npz: expected a whole checkpoint; .* Delete .*previous\.npz"
    ):
        checkpoint.load(path)
    checkpoint.discard(path)
    assert checkpoint.load(path) is None


class FailingDrive:
    """A mounted drive that refuses every operation so many times before it lets one pass."""

    def __init__(self, times):
        self.times, self.left = times, times

    def __call__(self, real):
        def operation(*given, **named):
            if self.left:
                self.left -= 1
                raise OSError(errno.EIO, "Input/output error")
            self.left = self.times
            return real(*given, **named)

        return operation


@pytest.mark.parametrize("times", [1, 3])
def test_a_drive_that_fails_now_and_then_costs_a_pause(tmp_path, monkeypatch, times):
    pauses = []
    monkeypatch.setattr(checkpoint.time, "sleep", pauses.append)
    for name in ("fsync", "replace"):
        monkeypatch.setattr(checkpoint.os, name, FailingDrive(times)(getattr(os, name)))
    path = tmp_path / "checkpoint.npz"
    checkpoint.save(path, {"step": 1}, state=[np.ones(3)])
    monkeypatch.setattr(checkpoint, "_read", FailingDrive(times)(checkpoint._read))
    assert checkpoint.load(path)[0] == {"step": 1}
    assert pauses == 3 * [*checkpoint.PAUSES[:times]]


def test_a_drive_that_has_gone_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint.time, "sleep", lambda seconds: None)
    path = save_twice(tmp_path)
    monkeypatch.setattr(checkpoint, "_read", FailingDrive(99)(checkpoint._read))
    with pytest.raises(DiskError, match="Input/output error. Mount the drive and run again"):
        checkpoint.load(path)


def test_what_a_drive_did_not_keep_is_noticed_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint.time, "sleep", lambda seconds: None)
    real = np.savez

    def forgetful(file, **arrays):
        real(file, **(arrays | {"state/0": arrays["state/0"] + 1}))

    path = save_twice(tmp_path)
    monkeypatch.setattr(np, "savez", forgetful)
    with pytest.raises(DiskError, match="state/0 is not what was written"):
        checkpoint.save(path, {"step": 3}, state=[np.zeros(3)])
    assert checkpoint.load(path)[0] == {"step": 2}


def test_the_digest_tells_weights_apart(nets):
    ours = nets[0]
    before = checkpoint.digest(ours)
    assert before != checkpoint.digest(make_net(7))
    kept = checkpoint.weights(ours)
    ours.train_on_batch(INPUTS, TARGETS)
    assert checkpoint.digest(ours) != before
    checkpoint.restore_weights(ours, kept)
    assert checkpoint.digest(ours) == before


def test_an_extractor_cut_short_is_told(pretrained, tmp_path):
    path = tmp_path / "extractor.npz"
    checkpoint.save_extractor(path, pretrained, HEAD)
    damage(path, "cut short")
    with pytest.raises(InputError, match=r"extractor\.npz: expected weights.*Delete it and run again"):
        checkpoint.load_extractor(path, pretrained, HEAD)


@pytest.fixture(scope="module")
def pretrained():
    keras.utils.set_random_seed(1)
    net = resnet1d(256, 5, width=0.0625)
    for number, variable in enumerate(net.variables):
        variable.assign(np.full(variable.shape, number, np.float32))
    return net


def test_an_extractor_brings_every_tensor_but_the_head(pretrained, tmp_path):
    keras.utils.set_random_seed(2)
    net = resnet1d(512, 4, width=0.0625)
    head = net.get_layer(HEAD).get_weights()
    checkpoint.save_extractor(tmp_path / "extractor.npz", pretrained, HEAD)
    checkpoint.load_extractor(tmp_path / "extractor.npz", net, HEAD)
    with np.load(tmp_path / "extractor.npz") as file:
        assert len(file.files) == len(pretrained.variables) - 2 == 100
        assert not [name for name in file.files if name.startswith(HEAD)]
    for layer in net.layers:
        if layer.name != HEAD:
            for ours, theirs in zip(layer.variables, pretrained.get_layer(layer.name).variables, strict=True):
                assert ours.name == theirs.name
                assert (np.asarray(ours) == np.asarray(theirs)).all()
    for before, after in zip(head, net.get_layer(HEAD).get_weights(), strict=True):
        assert (before == after).all()


def test_an_extractor_of_another_width_is_refused(pretrained, tmp_path):
    checkpoint.save_extractor(tmp_path / "extractor.npz", pretrained, HEAD)
    net = resnet1d(256, 4, width=0.125)
    before = [np.asarray(variable) for variable in net.variables]
    with pytest.raises(
        InputError, match=r"extractor\.npz: expected the 100 tensors of resnet18; got 100 that do not fit"
    ):
        checkpoint.load_extractor(tmp_path / "extractor.npz", net, HEAD)
    assert all((a == np.asarray(b)).all() for a, b in zip(before, net.variables, strict=True))


@pytest.mark.parametrize("change", ["missing", "left over"])
def test_a_tensor_missing_or_left_over_is_refused(pretrained, tmp_path, change):
    path = tmp_path / "extractor.npz"
    checkpoint.save_extractor(path, pretrained, HEAD)
    with np.load(path) as file:
        arrays = dict(file)
    if change == "missing":
        del arrays["stem_conv/kernel"]
    else:
        arrays["stem_conv/bias"] = np.zeros(4)
    np.savez(path, **arrays)
    with pytest.raises(InputError, match="got 1 that do not fit: .'stem_conv/"):
        checkpoint.load_extractor(path, resnet1d(256, 4, width=0.0625), HEAD)
