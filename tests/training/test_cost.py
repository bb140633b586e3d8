import sys

import keras
import pytest

from ecgrepro.training import cost


def test_a_step_is_three_forward_passes():
    assert cost.training_flops(10.0) == 30.0


@pytest.mark.parametrize(
    ("name", "arithmetic", "tera"),
    [
        ("NVIDIA H200", "bfloat16", 989.4),
        ("NVIDIA H100 80GB HBM3", "tf32", 494.7),
        ("NVIDIA H100 PCIe", "bfloat16", 756),
        ("NVIDIA H100 NVL", "float16", 835),
        ("NVIDIA A100-SXM4-40GB", "float32", 19.5),
        ("NVIDIA A100 80GB PCIe", "bfloat16", 312),
        ("NVIDIA L4", "tf32", 60),
        ("Tesla T4", "float16", 65),
        ("Tesla V100-SXM2-16GB", "float16", 125),
        ("Tesla V100-PCIE-32GB", "float16", 112),
        ("Tesla V100S-PCIE-32GB", "float16", 130),
    ],
)
def test_a_known_accelerator_has_its_data_sheet_peak(name, arithmetic, tera):
    assert cost.published_peak(name, arithmetic) == pytest.approx(tera * 1e12)


def test_older_accelerators_compute_float32_in_full():
    assert cost.published_peak("Tesla T4", "tf32") == cost.published_peak("Tesla T4", "float32") == 8.1e12


@pytest.mark.parametrize(
    ("name", "arithmetic"),
    [
        ("Tesla T4", "bfloat16"),
        ("NVIDIA L40S", "bfloat16"),
        ("NVIDIA A10", "bfloat16"),
        ("TPU v4", "bfloat16"),
    ],
)
def test_what_no_data_sheet_tells_is_not_guessed(name, arithmetic):
    assert cost.published_peak(name, arithmetic) is None


def test_the_peak_follows_what_float32_means_on_the_device(monkeypatch):
    monkeypatch.setattr(cost, "accelerators", lambda: ["NVIDIA A100-SXM4-40GB"])
    monkeypatch.setattr(cost, "rounds_factors", lambda: True)
    assert cost.device_peak("float32") == (156e12, "data sheet: NVIDIA A100-SXM4-40GB, tf32, dense")
    monkeypatch.setattr(cost, "rounds_factors", lambda: False)
    assert cost.device_peak("float32")[0] == 19.5e12


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="sets TensorFlow's switch")
def test_whether_factors_are_rounded_is_read_from_the_backend():
    import tensorflow as tf

    before = tf.config.experimental.tensor_float_32_execution_enabled()
    try:
        for enabled in (False, True):
            tf.config.experimental.enable_tensor_float_32_execution(enabled)
            assert cost.rounds_factors() is enabled
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(before)


@pytest.fixture
def quick(monkeypatch):
    """Products small enough for a test, measured anew."""
    monkeypatch.setattr(cost, "SIDES", (64, 128))
    monkeypatch.setattr(cost, "SECONDS", 0.01)
    cost.matmul_peak.cache_clear()
    yield
    cost.matmul_peak.cache_clear()


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("accelerators", [[], ["an accelerator that nobody knows"]])
def test_a_device_without_data_sheet_is_measured(monkeypatch, accelerators):
    monkeypatch.setattr(cost, "accelerators", lambda: accelerators)
    peak, source = cost.device_peak("mixed_bfloat16")
    assert source == "measured matmul peak"
    assert 1e6 < peak < 1e15


@pytest.mark.usefixtures("quick")
def test_the_peak_is_measured_once_for_each_precision(monkeypatch):
    sides = []
    monkeypatch.setattr(
        cost, "_fastest_product", lambda side, arithmetic: sides.append(side) or side**3 / 1e9
    )
    monkeypatch.setattr(cost, "SECONDS", 1e9)
    assert cost.matmul_peak("float32") == cost.matmul_peak("float32") == pytest.approx(2e9)
    assert sides == [64, 128]
    cost.matmul_peak("bfloat16")
    assert sides == [64, 128, 64, 128]


@pytest.mark.usefixtures("quick")
def test_a_slow_machine_is_not_asked_for_large_products(monkeypatch):
    sides = []
    monkeypatch.setattr(cost, "_fastest_product", lambda side, arithmetic: sides.append(side) or 1.0)
    cost.matmul_peak("float16")
    assert sides == [64]


def test_memory_is_told_in_mebibytes():
    assert 50 < cost.peak_memory_mb() < 1_000_000


def test_without_an_accelerator_there_is_no_memory_of_one(monkeypatch):
    monkeypatch.setattr(cost, "accelerators", list)
    assert cost.accelerator_peak_memory_mb() is None


def test_an_accelerators_memory_is_read_from_its_backend(monkeypatch):
    class Jax:
        @staticmethod
        def devices():
            return [Jax]

        @staticmethod
        def memory_stats():
            return {"peak_bytes_in_use": 3 << 20}

    monkeypatch.setattr(cost, "accelerators", lambda: ["GPU"])
    monkeypatch.setattr(cost.keras.backend, "backend", lambda: "jax")
    monkeypatch.setitem(sys.modules, "jax", Jax)
    assert cost.accelerator_peak_memory_mb() == 3
    monkeypatch.setattr(Jax, "memory_stats", staticmethod(lambda: None))
    assert cost.accelerator_peak_memory_mb() is None
