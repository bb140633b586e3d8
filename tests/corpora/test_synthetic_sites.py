"""Twelve-lead recordings of two sites: their samples, lengths, patients, noise."""

import numpy as np
import pytest

from ecgrepro.corpora.ptbxl import DUPLICATES
from ecgrepro.corpora.quality import check_record
from ecgrepro.corpora.synthetic_sites import (
    GEORGIA,
    LARGEST_LEAST_SHARE,
    PTBXL,
    draw_visits,
    quantise,
    simulate_case,
    site_cases,
)
from ecgrepro.corpora.synthetic_twelve_leads import LEADS
from ecgrepro.errors import SettingsError

SITES = pytest.mark.parametrize("site", [PTBXL, GEORGIA], ids=lambda site: site.name)


@pytest.fixture(scope="module")
def cases():
    return {site.name: list(site_cases(site, 1, 40, 0.04)) for site in (PTBXL, GEORGIA)}


@SITES
def test_records_have_twelve_leads_of_5_to_10_s(cases, site):
    seconds = {len(case.record.signal) / 500 for case in cases[site.name]}
    for case in cases[site.name]:
        record = case.record
        assert record.signal.shape[1] == 12
        assert record.signal.dtype == np.int16
        assert (record.fs, record.leads) == (500.0, LEADS)
        assert 18 <= case.age <= 89
        assert case.sex in (0, 1)
    assert (
        (seconds == {10.0})
        if site is PTBXL
        else (min(seconds) >= 5 and max(seconds) == 10 and len(seconds) > 3)
    )


@SITES
def test_records_pass_the_ingest_checks(cases, site):
    for case in cases[site.name]:
        check_record(case.record)


@SITES
def test_leads_are_in_plausible_millivolts(cases, site):
    heights = [np.ptp(case.record.millivolts(), axis=0).max() for case in cases[site.name]]
    assert 1 < np.median(heights) < 4
    assert max(heights) < 9


def test_einthoven_holds_to_the_rounding(cases):
    for name, error in (("ptbxl", 0), ("georgia", 2)):
        for case in cases[name]:
            lead = dict(zip(LEADS, case.record.signal.T.astype(int), strict=True))
            assert np.abs(lead["I"] + lead["III"] - lead["II"]).max() <= error
            assert np.abs(lead["aVR"] + lead["aVL"] + lead["aVF"]).max() <= 3


def test_samples_are_steps_of_the_recorder(cases):
    recorded = [LEADS.index(lead) for lead in ("I", "II", "V1", "V6")]
    german, american = (
        cases[name][0].record.signal[:, recorded].astype(int) for name in ("ptbxl", "georgia")
    )
    assert np.gcd.reduce(german.ravel()) == 1
    whole = np.trunc(4.88 * np.rint((american + np.sign(american) * 0.5) / 4.88))
    np.testing.assert_array_equal(whole, american)


def test_quantise_computes_limb_leads_from_whole_steps():
    independent = np.zeros((1, 8))
    independent[0, :2] = 0.136, 0.087  # 28 and 18 steps of 4.88 uV
    limb = quantise(independent, 4.88)[0, :6]
    assert limb.tolist() == [136, 87, -48, -112, 92, 19]


def test_quantise_saturates_instead_of_wrapping():
    assert quantise(np.full((2, 8), 99.0), 5.0).max() == 32767
    assert quantise(np.full((2, 8), -99.0), 5.0).min() == -32767


def test_georgia_hums_at_60_hz_and_germany_at_50(cases):
    for name, hum, other in (("ptbxl", 50, 60), ("georgia", 60, 50)):
        leads = np.concatenate([case.record.signal[:2500].T for case in cases[name]])
        power = np.abs(np.fft.rfft(leads * np.hanning(2500))) ** 2
        # 0.2 Hz a bin: a line against what lies 2 to 4 Hz below and above
        line = {f: power[:, 5 * f - 1 : 5 * f + 2].mean(axis=1) for f in (hum, other)}
        around = {
            f: power[:, np.r_[5 * f - 20 : 5 * f - 10, 5 * f + 10 : 5 * f + 20]].mean(axis=1) for f in line
        }
        assert np.median(line[hum] / around[hum]) > 5
        assert np.median(line[other] / around[other]) < 1.5


def test_georgia_is_noisier(cases):
    noise = {
        name: np.median([np.abs(np.diff(case.record.signal[:, 7].astype(float), 2)).mean() for case in group])
        for name, group in cases.items()
    }
    assert noise["georgia"] > 1.3 * noise["ptbxl"]


@SITES
def test_same_arguments_give_the_same_record(site):
    first, again, other = (simulate_case(site, seed, 3, least_share=0.04) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.record.signal, again.record.signal)
    assert first.record.codes == again.record.codes
    assert not np.array_equal(first.record.signal[:2000], other.record.signal[:2000])


def test_two_visits_share_the_person():
    first, second = (simulate_case(PTBXL, 1, 2, visit) for visit in (0, 1))
    assert (first.age, first.sex, first.record.patient_id) == (
        second.age,
        second.sex,
        second.record.patient_id,
    )
    assert not np.array_equal(first.record.signal, second.record.signal)


def test_some_patients_of_ptbxl_come_twice_and_apart():
    visits = draw_visits(PTBXL, 1, 2000)
    patients = [patient for patient, _ in visits]
    assert len(set(visits)) == len(visits)
    assert 0.08 < 1 - len(set(patients)) / len(patients) < 0.14
    assert visits[:50] == draw_visits(PTBXL, 1, 50)
    places = {}
    for place, (patient, visit) in enumerate(visits):
        assert places.setdefault(patient, []) == [] or (visit == 1 and place - places[patient][0] >= 2)
        places[patient].append(place)
    assert max(map(len, places.values())) == 2
    assert draw_visits(GEORGIA, 1, 3) == [(0, 0), (1, 0), (2, 0)]


def test_numbers_leave_out_what_release_1_0_3_removed(monkeypatch):
    monkeypatch.setattr("ecgrepro.corpora.synthetic_sites.simulate_case", lambda *_, number, **__: number)
    numbers = list(site_cases(PTBXL, 0, 300))
    assert len(numbers) == len(set(numbers)) == 300
    assert not {f"{number:05d}" for number in numbers} & DUPLICATES
    assert list(site_cases(GEORGIA, 0, 200)) == list(range(1, 201))


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"seed": -1}, "seed"),
        ({"patient": -1}, "patient"),
        ({"visit": -1}, "visit"),
        ({"least_share": LARGEST_LEAST_SHARE + 0.01}, "least_share"),
        ({"least_share": float("nan")}, "least_share"),
        ({"fs": 50.0}, "fs"),
    ],
)
def test_arguments_out_of_range_are_named(arguments, name):
    with pytest.raises(SettingsError) as caught:
        simulate_case(PTBXL, **({"seed": 0, "patient": 0} | arguments))
    assert caught.value.where == name


def test_no_records_are_refused():
    with pytest.raises(SettingsError):
        next(site_cases(PTBXL, 0, 0))
