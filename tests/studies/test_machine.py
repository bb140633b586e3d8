import numpy as np
import pytest

from ecgrepro.errors import SettingsError
from ecgrepro.models.flops import flops
from ecgrepro.studies import machine
from ecgrepro.studies.published_runs import TrainedNet
from ecgrepro.training import cost

NET = TrainedNet("resnet18", (128, 1), 3, width=0.0625, batch_size=8)


@pytest.fixture
def peak(monkeypatch):
    """A device that does a million operations a second."""
    monkeypatch.setattr(cost, "device_peak", lambda precision: (1e6, "measured matmul peak"))


@pytest.mark.usefixtures("peak")
@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_a_training_step_tells_speed_and_share_of_the_peak(precision):
    found = machine.training_step(NET, precision, seconds=0.01)
    assert (found["net"], found["precision"], found["batch_size"]) == (str(NET), precision, 8)
    assert found["flops"] == flops(NET.build())
    assert found["frames_per_second"] > 0
    assert found["share_of_peak"] == pytest.approx(
        3 * found["flops"] * found["frames_per_second"] / 1e6, rel=1e-2
    )


@pytest.mark.usefixtures("peak")
def test_a_batch_that_does_not_fit_is_halved_until_it_does(monkeypatch):
    tried = []

    def speed(model, net, batch_size, seconds):
        tried.append(batch_size)
        if batch_size > 2:
            raise SettingsError("batch_size", "a batch that fits", str(batch_size), "Take less.")
        return 1.0

    monkeypatch.setattr(machine, "_speed", speed)
    assert machine.training_step(NET, "float32")["batch_size"] == 2
    assert tried == [8, 4, 2]
    monkeypatch.setattr(machine, "_speed", lambda model, net, batch_size, seconds: speed(model, net, 9, 0))
    with pytest.raises(SettingsError, match="a batch that fits"):
        machine.training_step(NET, "float32")


def test_a_processor_is_spared_large_batches(monkeypatch):
    monkeypatch.setattr(machine, "_speed", lambda model, net, batch_size, seconds: float(batch_size))
    monkeypatch.setattr(cost, "device_peak", lambda precision: (1.0, ""))
    large = TrainedNet("resnet18", (128, 1), 3, width=0.0625, batch_size=512)
    for accelerators, batch_size in (([], machine.BATCH_ON_PROCESSOR), (["GPU"], 512)):
        monkeypatch.setattr(cost, "accelerators", lambda found=accelerators: found)
        assert machine.training_step(large, "float32")["batch_size"] == batch_size


def test_a_processor_is_spared_batches_with_large_outputs(monkeypatch):
    model = NET.build()
    frame = 4 * sum(np.prod(layer.output.shape[1:]) for layer in model.layers)
    for frames, batch_size in ((2.5, 2), (0.5, 1), (100, NET.batch_size)):
        monkeypatch.setattr(machine, "OUTPUTS_ON_PROCESSOR", frames * frame)
        assert machine._batch_size(NET, model) == batch_size


def test_the_step_is_given_a_batch_that_lies_on_the_device():
    inputs, labels = np.ones((2, 4, 1), np.float32), np.array([0, 1], np.int32)
    source = machine.ResidentBatch(inputs, labels)
    fetched, again = source.fetch(source.arrays, *source.host(0))
    np.testing.assert_array_equal(np.asarray(fetched), inputs)
    np.testing.assert_array_equal(again, labels)


def test_the_samplers_speed_is_measured():
    assert machine.sampler_speed(seconds=0.01, patients=1, segments=1, samples=20_000) > 100


def test_the_disk_is_measured_and_left_as_it_was(tmp_path):
    found = machine.disk_speed(tmp_path / "new", megabytes=2)
    assert all(found[key] > 0 for key in ("write_MB_s", "read_MB_s", "free_GB"))
    assert list((tmp_path / "new").iterdir()) == []
