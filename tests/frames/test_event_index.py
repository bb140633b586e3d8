"""The index of beats and of rhythms: counts and durations as a slow walk over all events finds them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgrepro.frames.event_index import EventIndex, SpanIndex, last_of_runs


@pytest.mark.parametrize("n_events", [0, 1, 63, 64, 65, 128, 1000])
def test_counts_before_any_event_are_cumulative_counts(n_events):
    classes = np.random.default_rng(n_events).integers(0, 5, n_events).astype(np.int8)
    index = EventIndex(np.arange(n_events), classes, 5)
    expected = [np.bincount(classes[:i], minlength=5).tolist() for i in range(n_events + 1)]
    assert index.counts_before(np.arange(n_events + 1)).tolist() == expected


def test_counts_are_of_complete_beats_by_class():
    events = EventIndex(np.array([5, 15, 25, 35]), np.array([1, 4, 4, 2]), 5)
    found = events.counts(np.array([0, 6, 36]), np.array([30, 40, 60]))
    assert found.dtype == np.int32
    assert found.tolist() == [[0, 0, 0, 0, 2], [0, 0, 1, 0, 1], [0, 0, 0, 0, 0]]


beats = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 4)), max_size=200)


@settings(max_examples=100, deadline=None)
@given(beats, st.lists(st.integers(0, 310), min_size=1, max_size=10), st.integers(1, 320))
def test_counts_equal_those_of_a_slice(events, starts, length):
    positions = np.array(sorted(position for position, _ in events), np.int64)
    classes = np.array([kind for _, kind in events], np.int8)
    starts = np.array(starts)
    index = EventIndex(positions, classes, 5)
    first, last = index.complete(starts, starts + length)
    found = index.counts(starts, starts + length)
    for start, a, b, counts in zip(starts, first, last, found, strict=True):
        inside = slice(
            np.searchsorted(positions, start) + 1, np.searchsorted(positions, start + length, "right")
        )
        assert positions[a:b].tolist() == positions[inside].tolist()
        assert counts.tolist() == np.bincount(classes[inside], minlength=5).tolist()


def test_an_index_takes_little_more_than_its_positions():
    index = EventIndex(np.arange(100_000), np.zeros(100_000, np.int8), 5)
    beside = index._words.nbytes + index._before.nbytes
    assert beside < 100_000 * 1.3


def slow_durations(streams, n_classes, stream, start, stop):
    """Durations in one frame, from the rhythm of every single sample interval; None where the frame has none."""
    marks = streams[stream]
    if not marks or start >= marks[-1][0]:
        return [0] * n_classes
    rhythm, begin = np.full(stop, -1), 0
    for position, kind in marks:
        rhythm[begin:position] = kind
        begin = position
    rhythm[begin:] = marks[-1][1]  # the last rhythm goes on
    return np.bincount(rhythm[start:stop], minlength=n_classes).tolist()


ROOM = 120
marks = st.lists(st.tuples(st.integers(0, ROOM), st.integers(0, 3)), max_size=12).map(
    lambda found: sorted(found, key=lambda mark: mark[0])
)


def build(streams, merge=False):
    """SpanIndex over streams of ROOM samples, as `Streams` puts them on one axis."""
    starts = (ROOM + 1) * np.arange(len(streams))
    parts = [(start + np.array([m[0] for m in one], np.int64), np.array([m[1] for m in one], np.int8))
             for start, one in zip(starts, streams, strict=True)]  # fmt: skip
    if merge:
        parts = [(positions[last_of_runs(kinds)], kinds[last_of_runs(kinds)]) for positions, kinds in parts]
    return SpanIndex(*(np.concatenate(column) for column in zip(*parts, strict=True)), 4, starts)


@settings(max_examples=200, deadline=None)
@given(st.lists(marks, min_size=1, max_size=4), st.data())
def test_durations_equal_those_of_single_samples(streams, data):
    length = data.draw(st.integers(1, ROOM - 1))
    frames = data.draw(st.lists(st.tuples(st.integers(0, len(streams) - 1), st.integers(0, ROOM - length)),
                                min_size=1, max_size=12))  # fmt: skip
    starts = np.array([stream * (ROOM + 1) + start for stream, start in frames])
    expected = [slow_durations(streams, 4, stream, start, start + length) for stream, start in frames]
    for merge in (False, True):
        found = build(streams, merge).durations(starts, starts + length)
        assert (found.dtype, found.tolist()) == (np.int64, expected)


def test_durations_of_a_frame_add_up_to_it_where_a_rhythm_is_known():
    index = build([[(10, 1), (30, 2), (100, 0)]])
    starts = np.array([0, 5, 10, 29, 99, 100, 119])
    assert index.durations(starts, starts + 1).sum(axis=1).tolist() == [1, 1, 1, 1, 1, 0, 0]
    assert index.durations(np.array([99]), np.array([119])).tolist() == [[20, 0, 0, 0]]


def test_a_stream_without_marks_takes_none_from_its_neighbours():
    index = build([[(ROOM, 1)], [], [(ROOM, 2)]])
    assert index.durations(np.array([ROOM + 1]), np.array([2 * ROOM + 1])).tolist() == [[0, 0, 0, 0]]


@pytest.mark.parametrize(("classes", "expected"), [([], []), ([3], [True]), ([3, 3], [False, True]),
                                                   ([0, 3, 3, 0, 0], [True, False, True, False, True])])  # fmt: skip
def test_the_last_of_every_run_is_found(classes, expected):
    assert last_of_runs(np.array(classes, np.int8)).tolist() == expected
