"""The rhythm task's label: null, AFib and AFlutter first, then the longest, ties to the first class."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgrepro.corpora.record import RHYTHM_CLASSES
from ecgrepro.frames.event_index import SpanIndex
from ecgrepro.frames.rhythm import RhythmTask

NULL, END, NOISE, NSR, AFIB, AFLUTTER = range(6)


def label(spans, start=0, length=100):
    """Label of one frame; `spans` are pairs of length and class from sample 0 on."""
    positions = np.cumsum([size for size, _ in spans])
    index = SpanIndex(positions, np.array([kind for _, kind in spans], np.int8), 6, [0])
    (found,) = RhythmTask().labels(index, np.array([start]), length)
    return found


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([(100, NSR)], NSR),
        ([(99, NSR), (1, AFIB)], AFIB),
        ([(60, NSR), (15, AFLUTTER), (25, AFIB)], AFIB),
        ([(60, NSR), (25, AFLUTTER), (15, AFIB)], AFLUTTER),
        ([(10, AFLUTTER), (10, AFIB), (1, NSR), (69, AFIB), (10, AFLUTTER)], AFIB),
        ([(99, NSR), (1, NULL)], NULL),
        ([(50, AFLUTTER), (50, AFIB)], AFIB),
        ([(50, AFIB), (50, NULL)], NULL),
        ([(40, NOISE), (60, NSR)], NSR),
        ([(60, NOISE), (40, NSR)], NOISE),
        ([(34, END), (33, NSR), (33, NOISE)], END),
        ([(50, NSR), (50, NOISE)], NOISE),
        ([(30, NSR), (40, NOISE), (30, NSR)], NSR),
    ],
    ids=["sinus", "one sample of AFib", "longer AFib", "longer AFlutter", "parts add up", "null before sinus",
         "tie of AFib and AFlutter", "tie with null", "mostly sinus", "mostly noise", "end", "tie with noise",
         "parts of sinus add up"],
)  # fmt: skip
def test_the_label_of_a_frame(spans, expected):
    assert RHYTHM_CLASSES[label(spans)] == RHYTHM_CLASSES[expected]


@pytest.mark.parametrize(("start", "expected"), [(49, AFIB), (50, NSR), (51, NSR)])
def test_a_rhythm_ends_before_its_position(start, expected):
    assert label([(50, AFIB), (200, NSR)], start) == expected


@pytest.mark.parametrize(("start", "expected"), [(0, NSR), (1, AFIB)])
def test_a_rhythm_begins_where_the_one_before_ended(start, expected):
    assert label([(100, NSR), (100, AFIB)], start) == expected


@pytest.mark.parametrize(("start", "expected"), [(0, NSR), (49, NSR), (50, NULL), (80, NULL)])
def test_the_last_rhythm_goes_on_in_a_frame_that_meets_it_and_behind_it_none_is_known(start, expected):
    assert label([(50, NSR)], start) == expected


def test_without_marks_the_rhythm_is_null():
    found = RhythmTask().labels(SpanIndex([], np.empty(0, np.int8), 6, [0]), np.array([0, 7]), 100)
    assert (found.dtype, found.tolist()) == (np.int32, [NULL, NULL])


def slow_label(marks, start, stop):
    """The published rule, one sample at a time; the marks are ends of rhythms."""
    if not marks or marks[-1][0] <= start:
        return NULL
    seconds = dict.fromkeys(range(6), 0)
    for sample in range(start, stop):
        later = [kind for position, kind in marks if position > sample]
        seconds[later[0] if later else marks[-1][1]] += 1
    for group in ((NULL, AFIB, AFLUTTER), (END, NOISE, NSR)):
        if any(seconds[kind] for kind in group):
            return max(group, key=lambda kind: (seconds[kind], -kind))
    return NULL


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 90), st.integers(0, 5)), max_size=15),
       st.lists(st.integers(0, 100), min_size=1, max_size=8), st.integers(1, 60))  # fmt: skip
def test_labels_are_those_of_the_published_rule(marks, starts, length):
    marks = sorted(marks, key=lambda mark: mark[0])
    index = SpanIndex([m[0] for m in marks], np.array([m[1] for m in marks], np.int8), 6, [0])
    found = RhythmTask().labels(index, np.array(starts), length)
    assert found.tolist() == [slow_label(marks, start, start + length) for start in starts]
