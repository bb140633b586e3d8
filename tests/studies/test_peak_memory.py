import os
from pathlib import Path

import keras
import pytest

from ecgrepro.errors import SettingsError
from ecgrepro.frames.transforms import make_transform
from ecgrepro.studies import peak_memory
from ecgrepro.studies.peak_memory import in_own_process, memory_of
from ecgrepro.training import trial_process

linux = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="peaks cannot be set back here")


def test_the_highest_is_counted_and_not_what_is_left():
    assert 60 < memory_of(lambda: len(bytearray(os.urandom(64 << 20)))) < 400


@linux
def test_an_earlier_peak_is_not_counted():
    len(bytearray(os.urandom(256 << 20)))
    assert memory_of(lambda: len(os.urandom(16 << 20))) < 128


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's count")
def test_an_accelerators_own_count_is_taken_where_there_is_one(monkeypatch):
    from tensorflow import config

    memory = {"current": 5 << 20, "peak": 900 << 20}  # of an earlier call

    def run():
        memory.update(current=6 << 20, peak=max(memory["peak"], 45 << 20))

    def set_back(device):
        memory["peak"] = memory["current"]

    monkeypatch.setattr(peak_memory.cost, "accelerators", lambda: ["GPU"])
    monkeypatch.setattr(config.experimental, "reset_memory_stats", set_back)
    monkeypatch.setattr(config.experimental, "get_memory_info", lambda device: memory)
    assert memory_of(run) == 40


def test_where_the_kernel_does_not_count_the_peak_so_far_stands_in(monkeypatch):
    monkeypatch.setattr(peak_memory.Path, "read_text", lambda self: "VmRSS:\t5 kB\n")
    now, highest = peak_memory._resident()
    assert now == highest > 0


class Process:
    """Stands in for another process: calls here, or is dead."""

    dead = ended = False

    def call(self, packed, say, unwanted):
        return (trial_process.DIED, b"-9") if self.dead else trial_process._answer(packed, None)

    def end(self):
        Process.ended = True


@pytest.fixture
def process(monkeypatch):
    monkeypatch.setattr(peak_memory, "TrialProcess", Process)
    monkeypatch.setattr(Process, "ended", False)
    return Process


def test_what_a_call_returns_or_raises_comes_back(process):
    assert in_own_process(divmod, 7, 2) == (3, 1)
    with pytest.raises(SettingsError, match="expected one of stft"):
        in_own_process(make_transform, "none of them")
    assert process.ended


def test_a_process_that_died_is_told(process, monkeypatch):
    monkeypatch.setattr(process, "dead", True)
    with pytest.raises(SettingsError, match="status -9"):
        in_own_process(divmod, 7, 2)
    assert process.ended
