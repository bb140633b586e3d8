"""The heart rate task's label: 60 and 100 beats per minute are normal, one complete beat tells nothing."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgrepro.frames.event_index import EventIndex
from ecgrepro.frames.heart_rate import BRADYCARDIA, NOISE, NORMAL, TACHYCARDIA, HeartRateTask


def label(positions, fs=250.0, start=0, length=2048):
    """Label of one frame with beats at `positions`."""
    events = EventIndex(np.array(positions, np.int64), np.ones(len(positions), np.int8), 5)
    (found,) = HeartRateTask(fs).labels(events, np.array([start]), length)
    return found


def test_classes_are_in_the_published_codes_order():
    names = HeartRateTask.classes
    assert [names[i] for i in (TACHYCARDIA, BRADYCARDIA, NORMAL, NOISE)] == list(names)


@pytest.mark.parametrize(
    ("interval", "expected"),
    [(251, BRADYCARDIA), (250, NORMAL), (200, NORMAL), (150, NORMAL), (149, TACHYCARDIA)],
    ids=["below 60", "60", "75", "100", "above 100"],
)
def test_the_limits_are_normal(interval, expected):
    assert label(np.arange(3, 2048, interval)) == expected


@pytest.mark.parametrize(("fs", "expected"), [(125.0, BRADYCARDIA), (250.0, NORMAL), (500.0, TACHYCARDIA)])
def test_the_sampling_rate_counts(fs, expected):
    # 240 samples are 1.92 s at 125 Hz, .96 s at 250 Hz, .48 s at 500 Hz
    assert label(np.arange(5, 2048, 240), fs) == expected


def test_the_mean_interval_decides():
    assert label([0, 10, 110, 310, 510]) == NORMAL  # complete: 10, 110, 310, 510; mean 166.7 samples
    assert label([0, 10, 20, 30, 500]) == NORMAL  # 163.3
    assert label([0, 10, 20, 30, 400]) == TACHYCARDIA  # 130


@pytest.mark.parametrize(("positions", "expected"), [([], NOISE), ([5], NOISE), ([5, 205], NOISE),
                                                     ([5, 205, 405], NORMAL)])  # fmt: skip
def test_one_complete_beat_tells_nothing(positions, expected):
    assert label(positions) == expected


def test_beats_of_every_class_count():
    events = EventIndex(np.arange(0, 2048, 200), np.arange(11, dtype=np.int8) % 5, 5)
    assert HeartRateTask(250.0).labels(events, np.array([0]), 2048).tolist() == [NORMAL]


def test_a_beat_may_end_just_behind_the_frame_and_the_first_never_counts():
    assert label([5, 1848, 2048]) == NORMAL
    assert label([5, 1848, 2049]) == NOISE
    assert label([0, 200, 400], start=1) == NOISE


def test_beats_at_one_sample_are_fast_not_an_error():
    assert label([5, 9, 9, 9]) == TACHYCARDIA


def slow_label(positions, fs, start, stop):
    """The published rule with exact fractions."""
    inside = positions[
        np.searchsorted(positions, start) + 1 : np.searchsorted(positions, stop, "right")
    ].tolist()
    if len(inside) < 2:
        return NOISE
    intervals = [Fraction(b - a, fs) for a, b in zip(inside[:-1], inside[1:], strict=True)]
    mean = sum(intervals) / len(intervals)
    if mean > 1:
        return BRADYCARDIA
    return NORMAL if mean >= Fraction(60, 100) else TACHYCARDIA


intervals = st.lists(st.one_of(st.integers(0, 60), st.sampled_from([12, 15, 20, 25])), max_size=40)


@settings(max_examples=200, deadline=None)
@given(
    intervals,
    st.lists(st.integers(0, 400), min_size=1, max_size=8),
    st.integers(1, 300),
    st.sampled_from([20, 25]),
)
def test_labels_are_those_of_the_published_rule(gaps, starts, length, fs):
    positions = np.cumsum(np.array(gaps, np.int64))
    events = EventIndex(positions, np.zeros(len(positions), np.int8), 5)
    found = HeartRateTask(float(fs)).labels(events, np.array(starts), length)
    assert found.dtype == np.int32
    assert found.tolist() == [slow_label(positions, fs, start, start + length) for start in starts]
