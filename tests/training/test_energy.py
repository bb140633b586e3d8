import sys
import time
from types import SimpleNamespace

import pytest

from ecgrepro.training import energy


def zone(folder, name, microjoules, range_=1_000_000_000, label="package-0"):
    place = folder / name
    place.mkdir(parents=True)
    (place / "name").write_text(f"{label}\n")
    (place / "energy_uj").write_text(str(microjoules))
    (place / "max_energy_range_uj").write_text(str(range_))
    return place


def test_a_zone_tells_the_joules_between_two_readings(tmp_path):
    place = zone(tmp_path, "intel-rapl:0", 5_000_000)
    counter = energy.Rapl(place)
    (place / "energy_uj").write_text("7500000")
    assert counter.joules() == pytest.approx(2.5)
    assert counter.joules() == 0


def test_a_counter_that_started_again_is_unrolled(tmp_path):
    place = zone(tmp_path, "intel-rapl:0", 999_000_000)
    counter = energy.Rapl(place)
    (place / "energy_uj").write_text("2000000")
    assert counter.joules() == pytest.approx(3.0)


def test_packages_and_memory_are_counted_but_not_their_parts_nor_the_platform(tmp_path):
    zone(tmp_path, "intel-rapl:0", 1, label="package-0")
    zone(tmp_path, "intel-rapl:0:0", 1, label="core")
    zone(tmp_path, "intel-rapl:0:1", 1, label="dram")
    zone(tmp_path, "intel-rapl:1", 1, label="package-1")
    zone(tmp_path, "intel-rapl:1:0", 1, label="dram")
    zone(tmp_path, "intel-rapl:2", 1, label="psys")
    zone(tmp_path, "intel-rapl-mmio:0", 1, label="package-0")  # the first package, once more
    names = [counter.name for counter in energy.rapl_zones(tmp_path)]
    assert sorted(names) == ["dram", "dram", "package-0", "package-1"]


def test_what_must_not_be_read_is_left_out(tmp_path):
    (zone(tmp_path, "intel-rapl:0", 1) / "energy_uj").unlink()
    assert energy.rapl_zones(tmp_path) == []
    assert energy.rapl_zones(tmp_path / "nowhere") == []


class FakeNvml:
    """NVML of a machine with two GPUs, the second of which has used 5 J so far."""

    millijoules = 5000

    def nvmlInit(self):
        pass

    def nvmlDeviceGetHandleByIndex(self, index):
        return ("first", "second")[index]

    def nvmlDeviceGetHandleByUUID(self, name):
        return {"GPU-2": "second"}[name]

    def nvmlDeviceGetName(self, handle):
        return f"NVIDIA {handle}"

    def nvmlDeviceGetTotalEnergyConsumption(self, handle):
        return self.millijoules


@pytest.mark.parametrize(
    ("visible", "name"), [("1", "second"), ("GPU-2", "second"), ("", "first"), ("0,1", "first")]
)
def test_the_gpu_in_use_is_the_one_that_is_counted(monkeypatch, visible, name):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert energy.Nvml(FakeNvml()).name == f"NVIDIA {name}"


def test_the_gpus_count_is_in_millijoules(monkeypatch):
    monkeypatch.setattr(energy, "accelerators", lambda: ["NVIDIA"])
    library = FakeNvml()
    monkeypatch.setitem(sys.modules, "pynvml", library)
    (counter,) = energy.nvml_devices()
    library.millijoules = 6500
    assert counter.joules() == 1.5


def test_without_gpu_driver_or_package_nothing_is_counted(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml())
    monkeypatch.setattr(energy, "accelerators", list)
    assert energy.nvml_devices() == []
    monkeypatch.setattr(energy, "accelerators", lambda: ["NVIDIA"])
    monkeypatch.setattr(FakeNvml, "nvmlInit", lambda self: 1 / 0)
    assert energy.nvml_devices() == []
    monkeypatch.setitem(sys.modules, "pynvml", None)  # as if it were not installed
    assert energy.nvml_devices() == []


@pytest.fixture
def make_meter():
    made = []

    def make(counters, interval=1e6):
        made.append(energy.Meter(counters, interval))
        return made[-1]

    yield make
    for meter in made:
        meter.close()


def test_a_meter_sums_its_counters_and_never_falls(make_meter):
    meter = make_meter([SimpleNamespace(name=name, joules=lambda: 2.0) for name in "ab"])
    assert (meter.joules(), meter.joules()) == (4.0, 8.0)
    assert meter.names == ["a", "b"]


def test_a_meter_reads_without_being_asked(make_meter):
    readings = []
    counter = SimpleNamespace(name="a", joules=lambda: readings.append(1) or 1.0)
    make_meter([counter], interval=0.005)
    until = time.perf_counter() + 5
    while len(readings) < 3 and time.perf_counter() < until:
        time.sleep(0.005)
    assert len(readings) >= 3


def test_without_counters_there_is_no_figure(make_meter):
    assert make_meter([]).joules() is None


def test_a_counter_that_fails_ends_the_count(make_meter):
    answers = iter([1.0])
    meter = make_meter([SimpleNamespace(name="a", joules=lambda: next(answers))])
    assert meter.joules() == 1.0
    assert meter.joules() is None
    assert meter.joules() is None
