import keras
import numpy as np
import pytest
import tensorflow as tf

from ecgrepro.errors import SettingsError
from ecgrepro.models.resnet1d import resnet1d
from ecgrepro.training import steps as module
from ecgrepro.training.device_corpus import HostRecords
from ecgrepro.training.steps import UNDER_WAY, Steps, ahead

RNG = np.random.default_rng(0)
INPUTS = RNG.normal(size=(40, 64, 1)).astype("float32")
LABELS = RNG.integers(3, size=40).astype("int32")
BATCHES = [np.arange(16), np.arange(16, 32), np.arange(32, 40)]


def make_net(precision="float32"):
    keras.utils.set_random_seed(0)
    net = resnet1d(64, 3, width=0.0625, precision=precision)
    net.compile(keras.optimizers.Adam(), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    net.optimizer.build(net.trainable_variables)
    return net


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_training_equals_keras_own_step_by_step(precision):
    ours, reference = make_net(precision), make_net(precision)
    loss = Steps(ours, HostRecords(INPUTS, LABELS)).train(BATCHES)
    total = 0.0
    for batch in BATCHES:
        reference.reset_metrics()
        total += float(reference.train_on_batch(INPUTS[batch], LABELS[batch])) * len(batch)
    assert loss == pytest.approx(total / 40, rel=1e-6)
    for a, b in zip(ours.variables, reference.variables, strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-5, atol=1e-6, err_msg=a.path)


def test_predictions_are_those_of_the_model_batch_by_batch():
    net = make_net()
    found = list(Steps(net, HostRecords(INPUTS, LABELS)).predict(BATCHES))
    assert [part.shape for part in found] == [(16, 3), (16, 3), (8, 3)]
    assert {part.dtype for part in found} == {np.dtype("float32")}
    np.testing.assert_allclose(np.concatenate(found), net.predict(INPUTS, verbose=0), rtol=1e-4, atol=1e-5)


def test_prediction_changes_no_variable():
    net = make_net()
    before = [np.array(variable) for variable in net.variables]
    list(Steps(net, HostRecords(INPUTS, LABELS)).predict(BATCHES))
    assert all((a == np.asarray(b)).all() for a, b in zip(before, net.variables, strict=True))


def test_no_batch_is_a_loss_of_zero():
    assert Steps(make_net(), HostRecords(INPUTS, LABELS)).train([]) == 0.0


class Scripted:
    """Stands in for a compiled step: the loss of a batch is its size, and memory is enough for so many frames."""

    def __init__(self, room):
        self.room, self.read = room, 0

    def __call__(self, batch):
        if len(batch[-1]) > self.room:
            raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
        return Loss(self, len(batch[-1]))


class Loss:
    def __init__(self, step, size):
        self.step, self.size = step, size

    def __float__(self):
        self.step.read += 1
        return float(self.size)


def batches(*sizes):
    return [(np.zeros((size, 4)), np.zeros(size)) for size in sizes]


def test_the_mean_weighs_every_frame_alike():
    assert module._mean_loss(Scripted(99), batches(16, 16, 8)) == (16 * 16 + 16 * 16 + 8 * 8) / 40


def test_losses_are_read_some_steps_later():
    step, read = Scripted(99), []

    def watched():
        for batch in batches(*[1] * 20):
            read.append(step.read)
            yield batch

    module._mean_loss(step, watched())
    assert read == [max(0, done - UNDER_WAY) for done in range(20)]
    assert step.read == 20


@pytest.mark.parametrize(("room", "fits"), [(20, "16"), (63, "32"), (1, "1")])
def test_a_full_device_is_told_with_a_batch_size_that_fits(room, fits):
    with pytest.raises(SettingsError, match=rf"batch_size: .*got 64\. A batch size of {fits} fits"):
        module._mean_loss(Scripted(room), batches(64))


def test_a_device_too_small_for_one_frame_is_told():
    with pytest.raises(SettingsError, match="Not even one frame fits"):
        module._mean_loss(Scripted(0), batches(8))


def test_other_errors_pass():
    def broken(batch):
        raise ZeroDivisionError("something else")

    with pytest.raises(ZeroDivisionError):
        module._mean_loss(broken, batches(4))


def test_one_batch_is_made_ahead_and_order_is_kept():
    made = []

    def make(number):
        made.append(number)
        return number * 10

    found = []
    for value in ahead(range(6), make):
        found.append(value)
        assert len(made) <= len(found) + 1
    assert found == [0, 10, 20, 30, 40, 50]


def test_an_error_in_making_a_batch_reaches_the_caller():
    with pytest.raises(ZeroDivisionError):
        list(ahead([1, 0], lambda number: 1 / number))


def test_another_backend_is_refused(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    with pytest.raises(SettingsError, match="KERAS_BACKEND: expected tensorflow or jax; got torch"):
        Steps(None, None)
