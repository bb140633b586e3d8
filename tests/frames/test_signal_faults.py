"""What counts as flat, saturated or missing, and how missing samples are filled."""

import numpy as np
import pytest

from ecgrepro.errors import InputError
from ecgrepro.frames.signal_faults import FAULTS, INVALID, fill_missing, find_faults, lead_millivolts

FS, LENGTH = 100.0, 50
STARTS = np.arange(4) * LENGTH


@pytest.fixture
def adc():
    """Four intervals without any two equal neighbours; the extremes, -900 and 900, each once."""
    values = np.where(np.arange(200) % 2, 1, -1) * np.random.default_rng(0).integers(1, 800, 200)
    values[[10, 11]] = -900, 900
    return values.astype(np.int16)


def found(adc, length=LENGTH):
    faults = find_faults(adc, FS, STARTS, length)
    assert tuple(faults) == FAULTS
    return {name: np.flatnonzero(values).tolist() for name, values in faults.items()}


def test_a_changing_signal_has_no_fault(adc):
    assert found(adc) == {"flat": [], "saturated": [], "missing": []}


def test_a_value_held_for_a_fifth_of_a_second_is_flat(adc):
    adc[60:79] = 5
    assert found(adc)["flat"] == []
    adc[79] = 5
    assert found(adc) == {"flat": [1], "saturated": [], "missing": []}


def test_only_what_lies_within_the_interval_counts(adc):
    adc[85:115] = 5
    assert found(adc)["flat"] == []
    adc[80:120] = 5
    assert found(adc)["flat"] == [1, 2]


def test_a_run_at_the_very_end_counts(adc):
    adc[180:200] = 5
    assert found(adc)["flat"] == [3]


@pytest.mark.parametrize("extreme", [-900, 900])
def test_the_recordings_extreme_held_for_fifty_milliseconds_is_saturation(adc, extreme):
    adc[150:154] = extreme
    assert found(adc)["saturated"] == []
    adc[154] = extreme
    assert found(adc) == {"flat": [], "saturated": [3], "missing": []}


def test_a_lesser_value_held_as_long_is_no_saturation(adc):
    adc[150:156] = 899
    assert found(adc)["saturated"] == []


def test_one_invalid_sample_is_missing_and_neither_flat_nor_an_extreme(adc):
    adc[[70, *range(100, 140)]] = INVALID
    adc[150:155] = -900
    assert found(adc) == {"flat": [], "saturated": [3], "missing": [1, 2]}


def test_a_signal_without_a_valid_sample_is_missing_alone():
    assert found(np.full(200, INVALID, np.int16)) == {"flat": [], "saturated": [], "missing": [0, 1, 2, 3]}


def test_no_intervals_have_no_faults():
    assert [len(values) for values in find_faults(np.empty(0, np.int16), FS, [], LENGTH).values()] == [
        0,
        0,
        0,
    ]


def test_other_signals_and_intervals_that_leave_it_are_refused(adc):
    with pytest.raises(InputError, match="one lead in ADC units.*float64"):
        find_faults(adc.astype(float), FS, STARTS, LENGTH)
    with pytest.raises(InputError, match="50 samples each within 0 and 199"):
        find_faults(adc[:-1], FS, STARTS, LENGTH)


def test_gaps_are_bridged_by_straight_lines_and_ends_held():
    filled = fill_missing([np.nan, 1.0, np.nan, np.inf, 4.0, np.nan])
    np.testing.assert_allclose(filled, [1, 1, 2, 3, 4, 4])
    assert fill_missing([np.nan, np.nan]).tolist() == [0, 0]


def test_a_lead_comes_in_millivolts_without_gaps(make_record, make_corpus):
    signal = np.arange(100, dtype=np.int16)[:, None] * np.array([1, 2], np.int16) + np.int16(100)
    signal[41, 1] = INVALID
    corpus = make_corpus([make_record("a", signal=signal, baseline=np.array([100.0, 0.0]))])
    np.testing.assert_allclose(lead_millivolts(corpus, 0, lead=1), 1 + 0.02 * np.arange(100))
    np.testing.assert_allclose(lead_millivolts(corpus, 0, span=slice(1, 3)), [0.01, 0.02])
