"""Two hospitals' twelve-lead recordings: what is found there, and with what recorder.

`PTBXL` stands for PTB-XL (Germany, mains at 50 Hz, smooth, steps of 1 uV), `GEORGIA` for the Georgia source of the
PhysioNet/CinC Challenge 2020 (USA, 60 Hz, steps of 4.88 uV cut off to whole microvolts, 5 to 10 s). The steps are those
of the published samples. Prevalences: published number of recordings per code (`snomed.published_counts`) over that of
all. `least_share` raises rare statements for small demos.

    case = simulate_case(PTBXL, seed=1, patient=0)
    case.record.codes
"""

from dataclasses import dataclass
from itertools import count

import numpy as np

from ecgrepro.corpora.ptbxl import DUPLICATES
from ecgrepro.corpora.record import Record
from ecgrepro.corpora.snomed import SHARED_CLASSES, published_counts
from ecgrepro.corpora.synthetic import ADC_LIMIT
from ecgrepro.corpora.synthetic_diagnoses import diseased, draw_dipole
from ecgrepro.corpora.synthetic_findings import draw_findings
from ecgrepro.corpora.synthetic_folder import check_positive
from ecgrepro.corpora.synthetic_noise import NoiseLevels
from ecgrepro.corpora.synthetic_schedule import draw_schedule
from ecgrepro.corpora.synthetic_twelve_leads import (
    LEADS,
    derive_limb_leads,
    heart_vector,
    lead_noise,
    project,
)
from ecgrepro.errors import SettingsError

#: SNOMED CT code of every statement that is simulated and has one: the 18 classes, rhythms and premature beats.
SNOMED = {shared.statement: shared.code for shared in SHARED_CLASSES} | {
    "AFIB": "164889003", "AFLT": "164890007", "SARRH": "427393009", "SBRAD": "426177001", "STACH": "427084000",
    "PAC": "284470004", "PVC": "17338001", "SR": "426783006", "NORM": "426783006", "IMI": "164865005",
    "ASMI": "164865005",
}  # fmt: skip
#: Years, by the first finding.
MEAN_AGE = {"NORM": 50, "AFIB": 72}
USUAL_MEAN_AGE = 66
#: Share of PTB-XL's patients who come again (here once).
SECOND_VISITS = 0.125
#: Five statements of one family raised to this share leave room for recordings without any.
LARGEST_LEAST_SHARE = 0.08


def _counts(source, **others):
    """Published recordings per statement; ``SR`` and ``NORM`` are not drawn, they are what is left."""
    published, left_out = published_counts(source), ("SR", "NORM", "IMI", "ASMI")
    return {name: published.get(code, 0) for name, code in SNOMED.items() if name not in left_out} | others


@dataclass(frozen=True)
class Site:
    """One source of twelve-lead recordings.

    Attributes
    ----------
    name : str
    stream : int
        Keeps the random numbers of the sites apart.
    mains_frequency : float
        Hz.
    resolution : float
        Steps of the recorder in uV.
    levels : NoiseLevels
    full_length_share : float
        Share of recordings of 10 s; the others are uniform from 5 s to 10 s.
    records : int
        Number of published records, the denominator of `counts`.
    counts : dict of str to int
        PTB-XL statement to number of published records.
    """

    name: str
    stream: int
    mains_frequency: float
    resolution: float
    levels: NoiseLevels
    full_length_share: float
    records: int
    counts: dict


PTBXL = Site(
    "ptbxl", stream=101, mains_frequency=50.0, resolution=1.0, full_length_share=1.0, records=21_837,
    levels=NoiseLevels(wander=(0.005, 0.06), mains=(0.0, 0.004), muscle=(0.0, 0.004), electrode=(0.0002, 0.001),
                       motion=(0.05, 0.3), motions_per_minute=(0.0, 2.0)),
    # the Challenge's tables have no numbers for these: round ones, so that infarction and premature beats occur
    counts=_counts("challenge_ptbxl", IMI=2500, ASMI=2200, PVC=1100),
)  # fmt: skip

GEORGIA = Site(
    "georgia", stream=102, mains_frequency=60.0, resolution=4.88, full_length_share=0.85, records=10_344,
    levels=NoiseLevels(wander=(0.02, 0.10), mains=(0.0, 0.008), muscle=(0.001, 0.010), electrode=(0.0005, 0.003),
                       motion=(0.05, 0.4), motions_per_minute=(0.0, 4.0)),
    counts=_counts("georgia"),
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One simulated recording and what the published tables say beside it.

    Attributes
    ----------
    record : Record
        Twelve leads at 500 Hz in ADC units of 1 uV; `record_id` five digits from 00001; `codes` as `draw_findings`
        gives them, in PTB-XL's statements.
    age, sex : int
        Years; 0 man, 1 woman, as in PTB-XL.
    """

    record: Record
    age: int
    sex: int


def simulate_case(site, seed, patient, visit=0, *, number=None, least_share=0.0, fs=500.0):
    """Simulate one recording of a patient.

    Parameters
    ----------
    site : Site
    seed, patient, visit : int
        Not negative. The heart and the person's statements follow from seed and patient, rhythm and noise from the
        visit too.
    number : int, optional
        Record number, from 1; `patient` + 1 where none is given.
    least_share : float
        0 to `LARGEST_LEAST_SHARE`: rarer statements are raised to this share. 0 keeps the published prevalences.
    fs : float
        Hz, at least 100.

    Returns
    -------
    Case

    Raises
    ------
    SettingsError
        An argument out of range.
    """
    _check(seed, patient, visit, least_share, fs)
    number = patient + 1 if number is None else number
    findings = draw_findings(site, seed, patient, visit, least_share)
    person = np.random.default_rng([seed, site.stream, patient + 1])
    dipole = diseased(person, draw_dipole(person), findings)
    factors = np.clip(np.exp(person.normal(0, 0.05, 8)), 0.9, 1.1)
    age, sex = _draw_person(person, findings)
    rng = np.random.default_rng([seed, site.stream, patient + 1, visit + 1])
    n_samples = round(_draw_seconds(rng, site) * fs)
    schedule = draw_schedule(rng, findings, dipole.pr, n_samples / fs)
    vector = heart_vector(rng, schedule, dipole, n_samples, fs)
    leads = project(vector, factors) + lead_noise(rng, n_samples, fs, site.levels, site.mains_frequency)
    record = Record(
        f"{number:05d}", f"{patient:05d}", quantise(leads, site.resolution), np.full(12, 1000.0), np.zeros(12),
        float(fs), LEADS, codes=findings,
    )  # fmt: skip
    return Case(record, age, sex)


def _draw_person(rng, findings):
    mean = MEAN_AGE.get(findings[0], USUAL_MEAN_AGE)
    return int(np.clip(rng.normal(mean, 15), 18, 89)), int(rng.random() < 0.48)


def _draw_seconds(rng, site):
    full, seconds = rng.random() < site.full_length_share, rng.uniform(5, 10)
    return 10.0 if full else float(np.floor(seconds * 10) / 10)


def quantise(independent, resolution):
    """Turn the eight independent leads (n, 8) in mV into int16 (n, 12) of 1 uV, as a recorder of coarser steps does.

    I and II are whole steps of `resolution` uV, the other limb leads are computed from them, and what is left of a
    microvolt is cut off: so it is in the published samples of both sites.
    """
    steps = np.rint(independent * 1000 / resolution)
    microvolts = np.trunc(derive_limb_leads(steps) * resolution)
    return np.clip(microvolts, -ADC_LIMIT, ADC_LIMIT).astype(np.int16)


def site_cases(site, seed, records, least_share=0.0):
    """Yield `records` Cases in the order of their numbers, which leave out those that PTB-XL 1.0.3 has not.

    About one patient of PTB-XL in eight has two recordings, which lie apart. Georgia names no patients, so there every
    recording is a person's own.
    """
    check_positive(records=records)
    numbers = (number for number in count(1) if site is not PTBXL or f"{number:05d}" not in DUPLICATES)
    for number, (patient, visit) in zip(numbers, draw_visits(site, seed, records), strict=False):
        yield simulate_case(site, seed, patient, visit, number=number, least_share=least_share)


def draw_visits(site, seed, records):
    """Patient and visit of each record: list of `records` pairs, a patient's visits in order.

    More records begin with the same pairs.
    """
    if site is not PTBXL:
        return [(index, 0) for index in range(records)]
    rng, visits, due, patients = np.random.default_rng([seed, site.stream, 0, 1]), [], {}, count()
    start = rng.random()
    while len(visits) < records:
        patient, visit = due.pop(len(visits), (None, 1))
        if patient is None:
            patient, visit = next(patients), 0
            # in even steps, so that small sets have such patients too
            if (start + patient * 0.6180339887498949) % 1 < SECOND_VISITS:
                due.setdefault(len(visits) + int(rng.integers(2, 13)), (patient, 1))
        visits.append((patient, visit))
    return visits


def _check(seed, patient, visit, least_share, fs):
    for name, value in {"seed": seed, "patient": patient, "visit": visit}.items():
        if value < 0:
            raise SettingsError(name, "a whole number not below 0", str(value), "Count from 0.")
    if not 0 <= least_share <= LARGEST_LEAST_SHARE:
        raise SettingsError("least_share", f"0 to {LARGEST_LEAST_SHARE}", str(least_share), "Such as 0.04.")
    if fs < 100:
        raise SettingsError("fs", "at least 100 Hz", f"{fs} Hz", "Simulate at 500 Hz and resample.")
