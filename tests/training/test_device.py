import subprocess
from types import SimpleNamespace

import pytest
import tensorflow as tf

from ecgrepro.training import device


@pytest.fixture(autouse=True)
def fresh():
    device.accelerator_memory.cache_clear()
    yield
    device.accelerator_memory.cache_clear()


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor"), True),
        (type("XlaRuntimeError", (RuntimeError,), {})("RESOURCE_EXHAUSTED: Out of memory allocating"), True),
        (type("JaxRuntimeError", (RuntimeError,), {})("RESOURCE_EXHAUSTED: Out of memory"), True),
        (RuntimeError("RESOURCE_EXHAUSTED: Out of memory"), True),
        (RuntimeError("something else"), False),
        (ValueError("RESOURCE_EXHAUSTED"), False),
        (tf.errors.InternalError(None, None, "RESOURCE"), False),
    ],
)
def test_a_full_device_is_told_from_other_errors(error, full):
    assert device.out_of_memory(error) is full


def test_a_processor_has_no_accelerator_memory_and_holds_no_recordings():
    if tf.config.list_physical_devices("GPU"):
        pytest.skip("there is an accelerator")
    assert device.accelerator_memory() is None
    assert not device.holds(0)


@pytest.mark.parametrize(
    ("printed", "memory"), [("81920\n40960\n", 40960 << 20), ("", None), ("[N/A]", None)]
)
def test_the_smallest_accelerator_counts(monkeypatch, printed, memory):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["one"])
    monkeypatch.setattr(device.subprocess, "run", lambda *given, **named: SimpleNamespace(stdout=printed))
    assert device.accelerator_memory() == memory


def test_without_the_driver_the_size_is_unknown(monkeypatch):
    def missing(*given, **named):
        raise FileNotFoundError("nvidia-smi")

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["one"])
    monkeypatch.setattr(subprocess, "run", missing)
    assert device.accelerator_memory() is None


@pytest.mark.parametrize(("n_bytes", "held"), [(40, True), (41, False)])
def test_recordings_may_take_a_share_of_the_memory(monkeypatch, n_bytes, held):
    monkeypatch.setattr(device, "accelerator_memory", lambda: 100)
    assert device.holds(n_bytes) is held


def test_float32_keeps_its_digits_on_every_device():
    tf.config.experimental.enable_tensor_float_32_execution(True)
    device.use_full_precision()
    assert not tf.config.experimental.tensor_float_32_execution_enabled()
