"""The dipole: leads that obey Einthoven, waves where they are said to be, the same signal every time."""

import numpy as np
import pytest

from ecgrepro.corpora.synthetic_diagnoses import draw_dipole
from ecgrepro.corpora.synthetic_noise import NoiseLevels
from ecgrepro.corpora.synthetic_schedule import regular_schedule
from ecgrepro.corpora.synthetic_twelve_leads import (
    DOWER,
    EDGE,
    INDEPENDENT,
    LEADS,
    derive_limb_leads,
    gaussians,
    heart_vector,
    lead_noise,
    peak_time,
    project,
    qrs_span,
    rotation,
    with_duration,
)

#: Rows for III, aVR, aVL and aVF as Dower et al. 1980 print them: derived ones must agree to their three decimals.
PRINTED = {
    "III": (-0.397, 1.301, -0.191),
    "aVR": (-0.434, -0.415, 0.037),
    "aVL": (0.515, -0.768, 0.125),
    "aVF": (-0.081, 1.184, -0.162),
}


@pytest.fixture
def dipole():
    return draw_dipole(np.random.default_rng(1))


def simulate(dipole, n_samples=3000, fs=500, seed=0, **changes):
    schedule = regular_schedule([0.5, 1.4, 2.3, 3.2, 4.1, 5.0], 0.9, dipole.pr)
    return heart_vector(np.random.default_rng(seed), schedule, dipole, n_samples, fs)


def test_axes_point_to_the_left_the_feet_and_the_back():
    leads = dict(zip(LEADS, derive_limb_leads(project(np.eye(3))).T, strict=True))
    x, y, z = range(3)
    assert leads["I"][x] > 0.5
    assert leads["V6"][x] > 0.5
    assert leads["aVF"][y] > 1
    assert leads["V1"][z] < -0.5
    assert leads["V2"][z] < -1


@pytest.mark.parametrize("lead", PRINTED)
def test_derived_limb_leads_agree_with_the_printed_rows(lead):
    derived = derive_limb_leads(project(np.eye(3)))[:, LEADS.index(lead)]
    np.testing.assert_allclose(derived, PRINTED[lead], atol=0.0015)


def test_limb_leads_obey_einthoven_and_goldberger():
    independent = np.random.default_rng(0).normal(size=(50, 8))
    lead = dict(zip(LEADS, derive_limb_leads(independent).T, strict=True))
    np.testing.assert_allclose(lead["I"] + lead["III"], lead["II"], atol=1e-12)
    np.testing.assert_allclose(lead["aVR"] + lead["aVL"] + lead["aVF"], 0, atol=1e-12)
    np.testing.assert_allclose(lead["aVF"], (lead["II"] + lead["III"]) / 2, atol=1e-12)
    for place, name in enumerate(INDEPENDENT):
        np.testing.assert_array_equal(lead[name], independent[:, place])


def test_lead_factors_scale_single_leads():
    factors = np.arange(1.0, 9.0)
    vector = np.array([[0.3, -0.2, 0.5]])
    np.testing.assert_allclose(project(vector, factors), factors * (vector @ DOWER.T))


def test_rotations_keep_lengths_and_compose_around_the_axes():
    turn = rotation((20, -30, 50))
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(turn) == pytest.approx(1)
    # around z from the left to the feet
    np.testing.assert_allclose(np.array([1.0, 0, 0]) @ rotation((0, 0, 90)), [0, 1, 0], atol=1e-12)


def test_a_qrs_table_lasts_as_long_as_asked(dipole):
    for seconds in (0.08, 0.115, 0.15):
        table = with_duration(dipole.qrs, seconds)
        assert qrs_span(table) == pytest.approx((0, seconds), abs=5e-4)
        time = np.linspace(-0.05, 0.25, 3001)
        length = np.linalg.norm(gaussians(table, time), axis=1)
        above = time[length > EDGE * length.max()]
        assert (above[0], above[-1]) == pytest.approx((0, seconds), abs=1e-3)
        assert peak_time(table) == pytest.approx(time[length.argmax()], abs=1e-3)
    np.testing.assert_array_equal(table[:, 2:], dipole.qrs[:, 2:])


def test_beats_come_where_the_schedule_has_them(dipole):
    length = np.linalg.norm(simulate(dipole), axis=1)
    for onset in (0.5, 1.4, 2.3):
        start, peak = round(onset * 500), round((onset + peak_time(dipole.qrs)) * 500)
        assert abs(length[start - 50 : start + 100].argmax() + start - 50 - peak) <= 1
        # PR segment and TP interval are silent
        assert length[start - 10] < 0.05


def test_t_ends_at_qt_times_the_root_of_rr(dipole):
    fast = regular_schedule(np.arange(0.2, 3, 0.5), 0.5, dipole.pr)
    slow = regular_schedule(np.arange(0.2, 5, 1.2), 1.2, dipole.pr)
    for schedule, interval in ((fast, 0.5), (slow, 1.2)):
        vector = heart_vector(np.random.default_rng(0), schedule, dipole, 3000, 1000)
        length = np.linalg.norm(vector, axis=1)
        end = dipole.qtc * np.sqrt(interval)
        t_peak = 200 + 150 + length[200 + 150 : 200 + round(1000 * end)].argmax()
        # two widths before the end, and a little earlier: the slow part of T adds to its rise
        assert t_peak == pytest.approx(200 + 1000 * (end - 0.083 * np.sqrt(interval)), abs=6)


def test_waves_of_beats_outside_the_recording_reach_into_it(dipole):
    schedule = regular_schedule([-0.2], 0.9, dipole.pr)
    vector = heart_vector(np.random.default_rng(0), schedule, dipole, 500, 500)
    assert np.linalg.norm(vector[:100], axis=1).max() > 0.2


def test_heights_vary_from_beat_to_beat_but_not_much(dipole):
    length = np.linalg.norm(simulate(dipole), axis=1)
    peaks = [length[round(t * 500) : round(t * 500) + 60].max() for t in (0.5, 1.4, 2.3, 3.2, 4.1)]
    assert 0.005 < np.std(peaks) / np.mean(peaks) < 0.12


def test_same_generator_gives_the_same_signal(dipole):
    np.testing.assert_array_equal(simulate(dipole, seed=4), simulate(dipole, seed=4))
    assert not np.array_equal(simulate(dipole, seed=4), simulate(dipole, seed=5))


def test_noise_of_the_leads_is_their_own_but_for_part_of_the_wander():
    levels = NoiseLevels((0.1, 0.1), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0))
    wander = np.corrcoef(lead_noise(np.random.default_rng(0), 50_000, 500, levels, 50.0).T)
    assert 0.05 < wander[np.triu_indices(8, 1)].mean() < 0.6
    levels = NoiseLevels((0, 0), (0, 0), (0.05, 0.05), (0.01, 0.01), (0, 0), (0, 0))
    own = np.corrcoef(lead_noise(np.random.default_rng(0), 50_000, 500, levels, 50.0).T)
    assert np.abs(own[np.triu_indices(8, 1)]).max() < 0.05
