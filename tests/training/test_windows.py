"""Windows of recordings: where they lie, what the net is shown of them, and that both sources give the same."""

import numpy as np
import pytest

from ecgrepro.training.windows import DeviceWindows, HostWindows, Windows

INPUTS = np.arange(3 * 10 * 2, dtype=np.float32).reshape(3, 10, 2)
LABELS = np.eye(3, dtype=np.int8)


def windows(**changes):
    return Windows(**{"length": 4, "total": 10, "stride": 3, "recorded": np.array([10, 7, 3])} | changes)


def cut(source, names):
    inputs, labels = source.fetch(source.arrays, *source.host(names))
    return np.asarray(inputs), np.asarray(labels)


def test_windows_that_are_trained_on_lie_anywhere_within_what_was_recorded():
    positions, generator = np.repeat([0, 1, 2], 200), np.random.default_rng(0)
    record, start = np.divmod(windows().drawn(positions, generator), 7)
    assert record.tolist() == positions.tolist()
    assert [set(start[positions == i].tolist()) for i in range(3)] == [set(range(7)), set(range(4)), {0}]


def test_the_window_in_the_middle_is_always_the_same():
    drawn = windows(crops="centre").drawn(np.array([0, 1]), np.random.default_rng(0))
    assert np.divmod(drawn, 7)[1].tolist() == [3, 1]


def test_every_recording_is_tested_by_the_same_grid():
    record, start = np.divmod(windows().shown(np.array([2, 0])), 7)
    assert record.tolist() == [2, 2, 2, 0, 0, 0]
    assert start.tolist() == [0, 3, 6, 0, 3, 6]


def test_windows_beyond_what_was_recorded_do_not_count():
    logits = np.array([[0.0], [5.0], [9.0]] * 3, np.float32)
    found = windows().gathered(logits, np.array([0, 1, 2]))
    assert found[:, 0].tolist() == [9.0, 5.0, 0.0]


@pytest.mark.parametrize("kind", [HostWindows, DeviceWindows])
def test_a_window_is_cut_standardised_and_labelled(kind):
    found, labels = cut(kind(INPUTS, LABELS, windows(mean=10.0, deviation=2.0)), np.array([1 * 7 + 2, 0]))
    np.testing.assert_allclose(found, (np.stack([INPUTS[1, 2:6], INPUTS[0, :4]]) - 10) / 2)
    assert labels.tolist() == [[0, 1, 0], [1, 0, 0]]
    assert labels.dtype == np.float32
