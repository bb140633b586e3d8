"""Rhythms of twelve-lead recordings: rates, missing P waves, premature beats, blocked beats."""

import numpy as np
import pytest

from ecgrepro.corpora.synthetic_rhythm import FIBRILLATION, FLUTTER
from ecgrepro.corpora.synthetic_schedule import blocked_schedule, draw_schedule, regular_schedule

PR, SECONDS, SEEDS = 0.16, 10.0, range(20)


def schedules(*findings):
    return [draw_schedule(np.random.default_rng(seed), findings, PR, SECONDS) for seed in SEEDS]


@pytest.mark.parametrize(("rhythm", "low", "high"), [("SBRAD", 40, 60), ("SR", 59, 100), ("STACH", 100, 140)])
def test_rates_are_those_of_the_statement(rhythm, low, high):
    for schedule in schedules(rhythm):
        assert low < 60 / schedule.intervals.mean() < high


def test_every_beat_of_sinus_rhythm_has_its_p_wave():
    for schedule in schedules("NORM", "SR"):
        np.testing.assert_allclose(schedule.qrs_onsets - schedule.p_onsets, PR)
        assert not schedule.premature.any()
        assert schedule.atrial == 0


def test_sinus_arrhythmia_varies_by_more_than_120_ms():
    for schedule in schedules("SARRH"):
        assert np.ptp(schedule.intervals) > 0.12
    for schedule in schedules("SR"):
        assert np.ptp(schedule.intervals) < 0.12


@pytest.mark.parametrize(("rhythm", "atrial"), [("AFIB", FIBRILLATION), ("AFLT", FLUTTER)])
def test_fibrillation_and_flutter_have_no_p_waves(rhythm, atrial):
    for schedule in schedules(rhythm):
        assert len(schedule.p_onsets) == 0
        assert schedule.atrial == atrial
        assert 4 < schedule.frequency < 9


def test_fibrillation_is_irregular_and_flutter_a_multiple_of_its_waves():
    variation = [np.std(schedule.intervals) / schedule.intervals.mean() for schedule in schedules("AFIB")]
    assert min(variation) > 0.08
    for schedule in schedules("AFLT"):
        ratios = schedule.intervals * schedule.frequency
        np.testing.assert_allclose(ratios, np.rint(ratios), atol=1e-6)


def test_stated_premature_beats_are_there_and_early():
    for schedule in schedules("PVC", "SR"):
        shown = schedule.premature & (schedule.qrs_onsets > 0) & (schedule.qrs_onsets < SECONDS)
        assert shown.any()
        assert schedule.intervals[shown].max() < 0.85 * np.median(schedule.intervals)
        # no P wave belongs to them
        distance = schedule.qrs_onsets[schedule.premature][:, None] - schedule.p_onsets
        assert not np.isclose(distance, PR).any()
    for schedule in schedules("PAC", "SR"):
        shown = (schedule.p_onsets > 0) & (schedule.p_onsets < SECONDS)
        assert schedule.p_premature[shown].any()


def test_short_recordings_have_their_premature_beats_too():
    for seed in SEEDS:
        schedule = draw_schedule(np.random.default_rng(seed), ("PVC", "SBRAD"), PR, 5.0)
        assert (schedule.premature & (schedule.qrs_onsets > 0) & (schedule.qrs_onsets < 5)).any()


def test_beats_reach_over_both_ends():
    for schedule in schedules("SR"):
        assert schedule.qrs_onsets[0] < 0.5
        assert schedule.qrs_onsets[-1] > SECONDS - 1


@pytest.mark.parametrize("seed", SEEDS)
def test_second_degree_block_drops_beats_but_no_p_waves(seed):
    schedule = blocked_schedule(np.random.default_rng(seed), PR, SECONDS)
    p_intervals = np.diff(schedule.p_onsets)
    assert np.ptp(p_intervals) < 0.1 * p_intervals.mean()
    delays = schedule.qrs_onsets[:, None] - schedule.p_onsets
    conducted = (delays >= PR - 1e-9) & (delays < PR + 0.2)
    assert (conducted.sum(axis=1) == 1).all()
    inside = (schedule.p_onsets > 0) & (schedule.p_onsets < SECONDS - 1)
    blocked = ~conducted.any(axis=0)[inside]
    # at least two dropped beats to be seen, never two in a row
    assert blocked.sum() >= 2
    assert not (blocked[1:] & blocked[:-1]).any()


def test_wenckebach_lengthens_pr_and_mobitz_does_not():
    kinds = set()
    for seed in SEEDS:
        schedule = blocked_schedule(np.random.default_rng(seed), PR, SECONDS)
        delays = schedule.qrs_onsets[:, None] - schedule.p_onsets
        pr = np.where((delays >= PR - 1e-9) & (delays < PR + 0.2), delays, 0).max(axis=1)
        lengthening = np.ptp(pr) > 0.05
        kinds.add(bool(lengthening))
        if lengthening:
            pauses = np.flatnonzero(
                np.diff(schedule.qrs_onsets) > 1.4 * np.median(np.diff(schedule.qrs_onsets))
            )
            # PR is longest before a pause and shortest after it
            assert all(pr[i + 1] < pr[i] for i in pauses)
        else:
            assert np.ptp(pr) < 1e-9
    assert kinds == {True, False}


def test_regular_schedule_is_regular():
    schedule = regular_schedule([1, 2], 1.0, 0.2)
    assert schedule.p_onsets.tolist() == pytest.approx([0.8, 1.8])
    assert schedule.intervals.tolist() == [1, 1]
