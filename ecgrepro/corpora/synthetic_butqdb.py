"""Synthetic recordings in the on-disk layout of the Brno University of Technology ECG Quality Database (BUT QDB).

``RECORDS``, ``subject-info.csv`` and for each record ``100001/100001_ECG.{hea,dat}`` (1,000 Hz, format 16, in uV with a
gain and a baseline of its own), ``100001_ACC.{hea,dat}`` (three axes, 100 Hz) and ``100001_ANN.csv``: no header, first
sample, last sample and class of three experts and of their consensus, counted from 1, all samples covered, class 0
where nobody graded, empty cells below the shorter columns. Minutes instead of a day.

What a grade shows: 1, every wave; 2, noise that hides P and T but not QRS; 3, noise that hides QRS. The experts place
borders differently, and the first is stricter, as in the published grades; the consensus is the majority, and where
there is none the second expert's.
"""

from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np
import wfdb

from ecgrepro.corpora import synthetic_noise as noise
from ecgrepro.corpora.record import Record
from ecgrepro.corpora.synthetic import to_adc
from ecgrepro.corpora.synthetic_folder import check_positive, fresh_folder
from ecgrepro.corpora.synthetic_rhythm import SINUS, Heart, place_beats
from ecgrepro.corpora.synthetic_signal import draw_morphology, draw_waves, soft_mask
from ecgrepro.errors import SettingsError

FS, ACCELEROMETER_FS = 1000.0, 100.0
#: Record and shares of grades 1, 2, 3; the first three digits are the person. As in the published set one person has
#: two records and one three, three records are graded from end to end, and 105001 has most of what is unusable.
RECORDINGS = {
    "100001": (0.69, 0.29, 0.02), "100002": (0.65, 0.35, 0.0), "103001": (0.72, 0.26, 0.02),
    "103002": (0.90, 0.10, 0.0), "103003": (0.85, 0.15, 0.0), "104001": (0.66, 0.34, 0.0),
    "105001": (0.40, 0.24, 0.36), "111001": (0.42, 0.50, 0.08), "114001": (0.60, 0.16, 0.24),
    "122001": (0.34, 0.18, 0.48), "124001": (0.30, 0.50, 0.20), "126001": (0.98, 0.02, 0.0),
}  # fmt: skip
N_RECORDINGS = len(RECORDINGS)
GRADED_THROUGHOUT = ("100001", "105001", "111001")
#: Of the other records, what is graded: first and last of each stretch as shares of the record.
GRADED = ((0.15, 0.45), (0.60, 0.90))
#: Mean length of a stretch of one grade in s, and the shortest.
STRETCH, SHORTEST = 12.0, 4.0
#: Root mean square of noise as a share of the height of R: 0.5 to 40 Hz, by grade.
NOISE_SHARE = {1: (0.008, 0.02), 2: (0.10, 0.16), 3: (0.8, 1.6)}
#: Standard deviation in s of where an expert sees a border, and how often each sees the next worse grade.
BORDER, STRICTNESS = 0.6, (0.15, 0.03, 0.03)


@dataclass(frozen=True)
class QualityCase:
    """One recording with its grades.

    Attributes
    ----------
    record : Record
        One lead; `quality_positions` and `quality_classes` are the consensus, beats are at their R peaks.
    experts : tuple of three int8 arrays, (n_samples,)
        Grade of every sample, 0 where nobody graded.
    acceleration : int16 array, (n_samples / 10, 3)
        x, y, z in milli-g at 100 Hz.
    """

    record: Record
    experts: tuple
    acceleration: np.ndarray


def quality_cases(seed, seconds=120, records=N_RECORDINGS):
    """Yield the first `records` of `RECORDINGS`, each of `seconds` s."""
    check_positive(records=records)
    check_seconds(seconds)
    for name in list(RECORDINGS)[:records]:
        yield simulate_quality(seed, name, seconds)


def check_seconds(seconds):
    """Raise SettingsError for recordings shorter than 10 s, too short for stretches of several grades."""
    if not seconds >= 10:
        raise SettingsError("seconds", "10 or more", str(seconds), "Ask for a minute or more.")


def simulate_quality(seed, name, seconds=120):
    """Simulate one recording of `RECORDINGS`: `QualityCase`. Heart and shape follow from seed and person alone."""
    person = np.random.default_rng([seed, 1999, int(name[:3])])
    heart = Heart(person.uniform(58, 90), 0.03, person.uniform(0.2, 0.3), (0.01, 0.0, 0.01), 90.0, 5.0)
    morphology, rng = draw_morphology(person, 0.0), np.random.default_rng([seed, 1999, int(name)])
    n_samples = round(seconds * FS)
    beats = place_beats(rng, np.zeros(1), np.array([SINUS]), seconds, heart)
    truth = _draw_grades(rng, n_samples, RECORDINGS[name])
    height = np.abs(morphology.heights).max()
    signal = draw_waves(rng, beats, morphology, n_samples, FS) + height * _grade_noise(rng, truth)
    graded = _graded(name, n_samples)
    experts = tuple(_expert(rng, truth, strictness) * graded for strictness in STRICTNESS)
    ends, classes = spans(consensus(experts))
    gain, baseline = round(rng.uniform(1.0, 1.996), 5), int(rng.integers(-3000, 3000))
    positions = np.minimum(np.rint(beats.times * FS), n_samples - 1).astype(np.int64)
    record = Record(
        name, name[:3], to_adc(signal, 1000 * gain, baseline)[:, None], np.array([1000 * gain]),
        np.array([float(baseline)]), FS, ("ECG",), beat_positions=positions, beat_classes=beats.classes,
        quality_positions=ends, quality_classes=classes,
    )  # fmt: skip
    return QualityCase(record, experts, _acceleration(rng, truth))


def _draw_grades(rng, n_samples, shares):
    """True quality of every sample: int8 (n,); the shares hold closely in every recording, whatever its length."""
    count = max(3, round(n_samples / FS / STRETCH))
    lengths = np.maximum(rng.gamma(3.0, STRETCH / 3, count), SHORTEST)
    ends = np.rint(np.cumsum(lengths) / lengths.sum() * n_samples).astype(int)
    # an even sequence through the cumulated shares, in random order
    grades = 1 + np.searchsorted(
        np.cumsum(shares)[:2], (np.arange(count) + rng.random()) / count, side="right"
    )
    return np.repeat(rng.permutation(grades), np.diff(ends, prepend=0)).astype(np.int8)


def _grade_noise(rng, truth):
    n_samples = len(truth)
    total = 0.03 * noise.baseline_wander(rng, n_samples, FS)
    for grade, share in NOISE_SHARE.items():
        if (truth == grade).any():
            kind = noise.unreadable(rng, n_samples, FS, 1.0) if grade == 3 else _readable(rng, n_samples)
            weight = soft_mask(truth == grade, FS)
            scale = kind[truth == grade].std()
            total += rng.uniform(*share) / scale * weight * kind
    return total


def _readable(rng, n_samples):
    return noise.band_noise(rng, n_samples, FS, 0.7, 8.0) + noise.muscle_noise(rng, n_samples, FS)


def _graded(name, n_samples):
    if name in GRADED_THROUGHOUT:
        return np.ones(n_samples, np.int8)
    graded = np.zeros(n_samples, np.int8)
    for first, last in GRADED:
        graded[round(first * n_samples) : round(last * n_samples)] = 1
    return graded


def _expert(rng, truth, strictness):
    """One expert's grade of every sample: borders moved, some stretches seen a grade worse."""
    ends, grades = spans(truth)
    seen = np.where(rng.random(len(grades)) < strictness, np.minimum(grades + 1, 3), grades)
    moved = ends[:-1] + np.rint(rng.normal(0, BORDER * FS, len(ends) - 1)).astype(int)
    moved = np.maximum.accumulate(np.clip(moved, 1, len(truth) - 1))
    return np.repeat(seen, np.diff(np.concatenate([[0], moved, [len(truth)]]))).astype(np.int8)


def consensus(experts):
    """Majority of three experts at every sample, the second's grade where there is none: int8 (n,)."""
    first, second, third = experts
    return np.where(first == third, first, second).astype(np.int8)


def spans(grades):
    """Run lengths of grades (n,): ends int64 (n_spans,), exclusive, and classes int8 (n_spans,)."""
    ends = np.append(np.flatnonzero(np.diff(grades)) + 1, len(grades))
    return ends.astype(np.int64), grades[ends - 1].astype(np.int8)


def _acceleration(rng, truth):
    step = round(FS / ACCELEROMETER_FS)
    slow = truth[::step]
    moving = np.choose(slow, (0, 8, 60, 250))[:, None] * rng.standard_normal((len(slow), 3))
    gravity = 1000 * np.array([0.2, -0.95, 0.24])
    return np.rint(gravity + moving).astype(np.int16)


def write_butqdb(destination, cases, seed=0):
    """Write the layout of BUT QDB.

    Parameters
    ----------
    destination : str or Path
        A folder that does not exist yet or is empty.
    cases : iterable of QualityCase
        As `quality_cases` yields them.
    seed : int
        Of what ``subject-info.csv`` says of the persons.

    Returns
    -------
    Path
        The destination.

    Raises
    ------
    SettingsError
        A destination that holds something already.
    DiskError
        No space, no permission.
    """
    with fresh_folder(destination) as folder:
        names = []
        for case in cases:
            _write_case(folder / case.record.record_id, case)
            names.append(case.record.record_id)
        records = "".join(f"{name}/{name}_{kind}\n" for name in names for kind in ("ACC", "ECG"))
        (folder / "RECORDS").write_bytes(records.encode("ascii"))
        lines = ["ID;Gender;Age;Height;Weight;Smoker", *(_person(name, seed) for name in names)]
        (folder / "subject-info.csv").write_bytes("".join(f"{line}\n" for line in lines).encode("ascii"))
    return Path(destination)


def _write_case(place, case):
    record = case.record
    place.mkdir()
    gain, baseline = round(float(record.gain[0]) / 1000, 5), int(record.baseline[0])
    wfdb.wrsamp(
        f"{record.record_id}_ECG", FS, ["uV"], ["ECG"], d_signal=record.signal, fmt=["16"], adc_gain=[gain],
        baseline=[baseline], write_dir=str(place),
    )  # fmt: skip
    wfdb.wrsamp(
        f"{record.record_id}_ACC", ACCELEROMETER_FS, ["mg"] * 3, ["ACCx", "ACCy", "ACCz"], d_signal=case.acceleration,
        fmt=["16"] * 3, adc_gain=[1.0] * 3, baseline=[0] * 3, write_dir=str(place),
    )  # fmt: skip
    (place / f"{record.record_id}_ANN.csv").write_bytes(annotation(case).encode("ascii"))


def annotation(case):
    """Text of the annotation file."""
    majority = np.repeat(case.record.quality_classes, np.diff(case.record.quality_positions, prepend=0))
    columns = [_column(grades) for grades in (*case.experts, majority)]
    rows = zip_longest(*columns, fillvalue=("", "", ""))
    return "".join(",".join(str(cell) for span in row for cell in span) + "\n" for row in rows)


def _column(grades):
    ends, classes = spans(grades)
    starts = np.concatenate([[0], ends[:-1]]) + 1
    return list(zip(starts.tolist(), ends.tolist(), classes.tolist(), strict=True))


def _person(name, seed):
    rng = np.random.default_rng([seed, 15, int(name[:3])])
    height = int(rng.integers(153, 185))
    weight = round(22 * (height / 100) ** 2 + rng.uniform(-8, 12))
    return f"{name};{'FM'[int(rng.integers(2))]};{rng.integers(21, 84)};{height};{weight};{int(rng.random() < 0.2)}"
