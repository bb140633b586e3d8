"""The beat task's label: complete beats alone count, abnormal ones first, ties to the first class."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgrepro.corpora.record import BEAT_CLASSES
from ecgrepro.frames.beat import BeatTask
from ecgrepro.frames.event_index import EventIndex

UNDEFINED, NORMAL, PAC, ABERRATED, PVC = range(5)


def label(classes, start=0, length=100, positions=None):
    """Label of one frame; beats every 10 samples from 5 on, unless told otherwise."""
    positions = np.arange(5, 5 + 10 * len(classes), 10) if positions is None else np.array(positions)
    events = EventIndex(positions, np.array(classes, np.int8), 5)
    (found,) = BeatTask().labels(events, np.array([start]), length)
    return found


def slow_label(positions, classes, start, stop):
    """The published rule, one frame at a time (`get_complete_beats`, `get_beat_label`)."""
    first, last = np.searchsorted(positions, start, "left") + 1, np.searchsorted(positions, stop, "right")
    counts = np.bincount(classes[first:last], minlength=5).tolist()
    for group in ((PAC, ABERRATED, PVC), (UNDEFINED, NORMAL)):
        if sum(counts[kind] for kind in group):
            return max(group, key=lambda kind: (counts[kind], -kind))
    return UNDEFINED


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        ([1, 1, 1, 1], NORMAL),
        ([1, 1, 1, PVC], PVC),
        ([1, PAC, 1, PVC, PVC], PVC),
        ([1, PVC, PAC, PAC], PAC),
        ([1, 0, 0, 1, 1, 1], NORMAL),
        ([1, 0, 0, 0, 1, 1], UNDEFINED),
        ([1, PVC, PAC], PAC),
        ([1, PVC, ABERRATED], ABERRATED),
        ([1, 1, 0], UNDEFINED),
        ([1, 0, 0, 0, 0, ABERRATED], ABERRATED),
        ([], UNDEFINED),
    ],
    ids=["normal", "one abnormal", "most abnormal", "most abnormal again", "most ordinary", "most ordinary again",
         "abnormal tie", "second abnormal tie", "ordinary tie", "rare abnormal", "none"],
)  # fmt: skip
def test_the_label_of_a_frame(classes, expected):
    assert BEAT_CLASSES[label(classes)] == BEAT_CLASSES[expected]


def test_the_first_beat_that_ends_in_the_frame_is_not_complete():
    assert label([PVC, 1, 1]) == NORMAL
    assert label([PVC]) == UNDEFINED


def test_a_beat_before_the_frame_makes_no_other_complete():
    assert label([1, PVC, 1, 1], start=6) == NORMAL
    assert label([1, PVC, 1, 1], start=5) == PVC


@pytest.mark.parametrize(("position", "expected"), [(99, PVC), (100, PVC), (101, NORMAL)])
def test_a_beat_may_end_just_behind_the_frame(position, expected):
    assert label([1, 1, PVC], positions=[5, 15, position]) == expected


def test_beats_at_one_sample_are_all_counted():
    assert label([1, PVC, PVC, PAC], positions=[5, 20, 20, 20]) == PVC


def test_labels_are_small_integers_one_per_frame():
    events = EventIndex(np.array([5, 15]), np.array([1, 4]), 5)
    found = BeatTask().labels(events, np.array([0, 10, 20]), 10)
    assert (found.dtype, found.tolist()) == (np.int32, [0, 0, 0])


beats = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 4)), max_size=40)
frames = st.lists(st.integers(0, 310), min_size=1, max_size=10)


@settings(max_examples=200, deadline=None)
@given(beats, frames, st.integers(1, 120))
def test_labels_are_those_of_the_published_rule(events, starts, length):
    positions = np.array(sorted(position for position, _ in events), np.int64)
    classes = np.array([kind for _, kind in events], np.int8)
    found = BeatTask().labels(EventIndex(positions, classes, 5), np.array(starts), length)
    assert found.tolist() == [slow_label(positions, classes, start, start + length) for start in starts]
