from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from ecgrepro.frames.beat import BeatTask
from ecgrepro.frames.event_index import EventIndex
from ecgrepro.frames.sampler import FrameSampler
from ecgrepro.training import device
from ecgrepro.training.device_corpus import (
    ROW,
    DeviceFrames,
    DeviceRecords,
    HostFrames,
    HostRecords,
    frames_source,
    is_resident,
    records_source,
)

RNG = np.random.default_rng(0)


def make_streams(sizes=((3000, 257), (ROW, 5 * ROW + 1))):
    """Streams of two shards whose edges fall within rows of the resident corpus and on them."""
    shards, rows, axis = [], [], 0
    for number, shard in enumerate(sizes):
        shards.append(RNG.integers(-30_000, 30_000, sum(shard)).astype(np.int16))
        for offset, size in zip(np.cumsum([0, *shard[:-1]]), shard, strict=True):
            rows.append({"corpus": "c", "group": f"c {len(rows) % 3}", "record_id": str(len(rows)), "lead": "I",
                         "shard": number, "offset": offset, "n_samples": size, "fs": 250.0, "gain": 200.0 + number,
                         "baseline": 7.0 * len(rows), "axis": axis})  # fmt: skip
            axis += size + 1
    positions = np.arange(10, axis, 37)
    events = EventIndex(positions, RNG.integers(5, size=len(positions)), 5)
    return Streams(table=pd.DataFrame(rows), shards=shards, events=events, kind="beats")


class Streams(SimpleNamespace):
    __hash__ = object.__hash__


def make_sampler(length=250, streams=None):
    return FrameSampler(streams or make_streams(), BeatTask(), length=length, batch_size=32, frames_per_patient=64,
                        seed=3, mean=0.01, deviation=0.4)  # fmt: skip


def numpy(values):
    return [np.asarray(value) for value in values]


@pytest.mark.parametrize("length", [1, 250, ROW, ROW + 1])
def test_frames_on_the_device_are_those_of_the_host(length):
    sampler = make_sampler(length)
    ours, reference = DeviceFrames(sampler), HostFrames(sampler)
    for step in range(sampler.n_steps):
        frames, labels = numpy(ours.fetch(ours.arrays, *ours.host(step)))
        expected, expected_labels = reference.fetch((), *reference.host(step))
        assert frames.shape == expected.shape == (32, length, 1)
        assert frames.dtype == np.float32
        np.testing.assert_allclose(frames, expected, rtol=1e-6, atol=1e-6)
        np.testing.assert_array_equal(labels, expected_labels)


def test_a_step_is_told_no_more_than_where_its_frames_lie():
    source = DeviceFrames(make_sampler())
    assert sum(part.nbytes for part in source.host(0)) < 32 * 24


def test_samplers_of_one_corpus_share_it_on_the_device():
    streams = make_streams()
    one, other = (DeviceFrames(make_sampler(length, streams)) for length in (100, 200))
    assert one.arrays[0] is other.arrays[0]


def test_records_on_the_device_are_those_of_the_host():
    inputs, labels = RNG.normal(size=(9, 12, 2)).astype("float32"), np.arange(9, dtype=np.int32)
    positions = np.array([8, 0, 3])
    found = []
    for source in (DeviceRecords(inputs, labels), HostRecords(inputs, labels)):
        found.append(numpy(source.fetch(source.arrays, *source.host(positions))))
    for part, expected in zip(*found, strict=True):
        np.testing.assert_array_equal(part, expected)
    np.testing.assert_array_equal(found[1][0], inputs[positions])
    assert found[1][1].tolist() == [8, 0, 3]


@pytest.mark.parametrize(("memory", "resident"), [(None, False), (100, False), (1 << 30, True)])
def test_what_fits_lies_on_the_device_and_what_does_not_stays(monkeypatch, memory, resident):
    monkeypatch.setattr(device, "accelerator_memory", lambda: memory)
    inputs = np.zeros((9, 12), np.float32)
    assert is_resident(records_source(inputs, np.zeros(9, np.int32))) is resident
    assert is_resident(frames_source(make_sampler())) is resident
