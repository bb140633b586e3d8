"""Synthetic single-lead ECG with known beats and rhythms, in two domains.

`HOLTER` is long and rich in beats (it stands for Icentia11k, for pre-training), `HANDHELD` is short and noisy
(it stands for CinC 2017, for fine-tuning). Nothing here is real, and no rate of it is an estimate: ectopy and
arrhythmia are far more frequent than in either data set, so that a demo of minutes meets every class.

    record = simulate_holter(seed=1, patient=0, n_samples=65_536)
    record = simulate_handheld(seed=1, index=0)

Equations and their sources: `synthetic_rhythm` (when beats come), `synthetic_signal` (their shape),
`synthetic_noise`. The same arguments give the same record, bit for bit, on one version of NumPy.
"""

from dataclasses import dataclass

import numpy as np

from ecgrepro.corpora import synthetic_noise as noise
from ecgrepro.corpora.record import Record
from ecgrepro.corpora.synthetic_rhythm import (
    FIBRILLATION,
    FLUTTER,
    NOISE,
    SINUS,
    Heart,
    draw_spans,
    place_beats,
)
from ecgrepro.corpora.synthetic_signal import atrial_waves, draw_morphology, draw_waves, soft_mask
from ecgrepro.errors import SettingsError

#: -32768 marks an invalid sample in WFDB format 16, so the ADC saturates one above it.
ADC_LIMIT = 32767
#: CinC 2017's classes: normal, atrial fibrillation, other rhythm, noise.
LABELS = ("N", "A", "O", "~")
#: What makes a hand-held recording "other": ectopic beats, flutter, a slow rate, a fast rate.
OTHERS = ("ectopy", "flutter", "slow", "fast")


@dataclass(frozen=True)
class Domain:
    """What both domains set; `rate` in beats per minute, `gain` in ADC units per mV, frequencies in Hz.

    `stream` keeps the random numbers of the domains apart, `axis_share` is the share of persons whose QRS
    points down in this lead, `unreadable` the height range of noise stretches in mV.
    """

    stream: int
    fs: float
    gain: float
    baseline: int
    lead: str
    mains_frequency: float
    rate: tuple
    axis_share: float
    unreadable: tuple
    levels: noise.NoiseLevels


@dataclass(frozen=True)
class HolterDomain(Domain):
    """`ectopy`: mean shares of PAC, aberrated, PVC. Per `RHYTHM_CLASSES`: share of time, mean seconds."""

    ectopy: tuple
    rhythm_share: tuple
    rhythm_seconds: tuple


@dataclass(frozen=True)
class HandheldDomain(Domain):
    """Shares of `LABELS`, of `OTHERS`, of devices held upside down; rates of the slow and fast; lengths.

    `length_shares` and `noise_length_shares`: share of recordings of exactly `usual_seconds`, of shorter
    and of longer ones, these two uniform down to `shortest_seconds` and up to `longest_seconds`.
    """

    label_share: tuple
    other_share: tuple
    slow_rate: tuple
    fast_rate: tuple
    ectopy: tuple
    usual_seconds: float
    shortest_seconds: float
    longest_seconds: float
    length_shares: tuple
    noise_length_shares: tuple
    inverted_share: float


#: Gain of the PhysioNet release of Icentia11k.
HOLTER = HolterDomain(
    stream=11, fs=250.0, gain=74.36482269503546, baseline=0, lead="ecg", mains_frequency=60.0,
    rate=(52.0, 100.0), axis_share=0.15, unreadable=(0.3, 0.9),
    levels=noise.NoiseLevels(wander=(0.02, 0.12), mains=(0.0, 0.01), muscle=(0.005, 0.03),
                             electrode=(0.003, 0.01), motion=(0.1, 0.6), motions_per_minute=(0.2, 2.0)),
    ectopy=(0.03, 0.012, 0.03),
    rhythm_share=(0.0, 0.0, 0.12, 0.63, 0.17, 0.08), rhythm_seconds=(1.0, 1.0, 12.0, 60.0, 50.0, 40.0),
)  # fmt: skip

#: Label shares: CinC 2017, revision v3 (5,076, 758, 2,415, 279 of 8,528); gain and rate as in its headers.
HANDHELD = HandheldDomain(
    stream=2017, fs=300.0, gain=1000.0, baseline=0, lead="ECG", mains_frequency=50.0,
    rate=(58.0, 98.0), axis_share=0.05, unreadable=(0.15, 0.6),
    levels=noise.NoiseLevels(wander=(0.01, 0.07), mains=(0.0, 0.01), muscle=(0.004, 0.035),
                             electrode=(0.002, 0.01), motion=(0.2, 1.0), motions_per_minute=(0.5, 6.0)),
    label_share=(5076 / 8528, 758 / 8528, 2415 / 8528, 279 / 8528),
    other_share=(0.5, 0.15, 0.15, 0.2), slow_rate=(38.0, 50.0), fast_rate=(106.0, 150.0),
    ectopy=(0.08, 0.02, 0.08),
    usual_seconds=30.0, shortest_seconds=9.0, longest_seconds=61.0,
    length_shares=(0.72, 0.12, 0.16), noise_length_shares=(0.4, 0.5, 0.1), inverted_share=0.15,
)  # fmt: skip


def simulate_holter(seed, patient, n_samples, segment=0, fs=HOLTER.fs, domain=HOLTER):
    """Simulate one segment of a patient's long recording.

    Parameters
    ----------
    seed, patient, segment : int
        Not negative. Morphology, rate and tendency to each arrhythmia follow from seed and patient alone.
    n_samples : int
        At least two seconds.
    fs : float
        Sampling rate in Hz, at least 100.
    domain : HolterDomain

    Returns
    -------
    Record
        signal int16 (n_samples, 1); beats at their R peaks; one rhythm mark at every beat,
        as in the torrent release of Icentia11k. Beats of an unreadable stretch are undefined, their rhythm
        is noise.

    Raises
    ------
    SettingsError
        A negative key, a recording too short, a rate too low.
    """
    _check(n_samples, fs, seed=seed, patient=patient, segment=segment)
    person = np.random.default_rng([seed, domain.stream, patient])
    # a key of trailing zeros equals the key without them, hence + 1
    rng = np.random.default_rng([seed, domain.stream, patient, segment + 1])
    ectopy = np.minimum(np.array(domain.ectopy) * person.gamma(1.0, 1.0, 3), 0.12)
    heart = _draw_heart(person, person.uniform(*domain.rate), tuple(ectopy))
    # some persons fibrillate most of the time, many never
    tendency = np.where(np.arange(6) >= FIBRILLATION, person.gamma(0.7, 1 / 0.7, 6), 1)
    share = np.array(domain.rhythm_share) * tendency
    morphology = draw_morphology(person, domain.axis_share)
    spans = draw_spans(rng, n_samples / fs, share, domain.rhythm_seconds)
    signal, beats = _simulate(rng, spans, heart, morphology, n_samples, fs, domain)
    return _record(f"p{patient:05d}_s{segment:02d}", f"{patient:05d}", signal, beats, fs, domain)


def simulate_handheld(seed, index, fs=HANDHELD.fs, domain=HANDHELD):
    """Simulate one labelled hand-held recording, of a person of its own.

    Parameters
    ----------
    seed, index : int
        Not negative. Labels are spread over the indices so that any run of them holds close to the shares of
        `domain.label_share`.
    fs : float
        Sampling rate in Hz, at least 100.
    domain : HandheldDomain

    Returns
    -------
    Record
        `label` is N, A, O or ~; `record_id` A00001 for index 0; beats and rhythm marks as in
        `simulate_holter` (the published format has no place for them, the simulator knows them).

    Raises
    ------
    SettingsError
        A negative key or a rate too low.
    """
    _check(domain.shortest_seconds * fs, fs, seed=seed, index=index)
    rng = np.random.default_rng([seed, domain.stream, index + 1])
    label = draw_label(seed, index, domain)
    n_samples = _draw_length(rng, label, fs, domain)
    kind, rate, ectopy = _draw_rhythm(rng, label, domain)
    heart, morphology = _draw_heart(rng, rate, ectopy), draw_morphology(rng, domain.axis_share)
    spans = _handheld_spans(rng, label, kind, n_samples / fs)
    signal, beats = _simulate(rng, spans, heart, morphology, n_samples, fs, domain)
    signal = -signal if rng.random() < domain.inverted_share else signal
    return _record(f"A{index + 1:05d}", "unknown", signal, beats, fs, domain, label)


def draw_label(seed, index, domain=HANDHELD):
    """Label of hand-held recording `index`: one of `LABELS`, in even proportions over any run of indices."""
    start = np.random.default_rng([seed, domain.stream]).random()
    # multiples of the golden ratio fill [0, 1) evenly: even small demos get their share of the rare classes
    place = (start + index * 0.6180339887498949) % 1
    return LABELS[int(np.searchsorted(np.cumsum(domain.label_share)[:-1], place, side="right"))]


def to_adc(millivolts, gain, baseline):
    """Turn mV (n,) into ADC units int16 (n,), saturating at +-32,767."""
    return np.clip(np.rint(millivolts * gain + baseline), -ADC_LIMIT, ADC_LIMIT).astype(np.int16)


def _simulate(rng, spans, heart, morphology, n_samples, fs, domain):
    starts, kinds = spans
    beats = place_beats(rng, starts, kinds, n_samples / fs, heart)
    signal = draw_waves(rng, beats, morphology, n_samples, fs)
    signal += atrial_waves(rng, beats, starts, kinds, heart, morphology, n_samples, fs)
    signal += noise.add_up(rng, n_samples, fs, domain.levels, domain.mains_frequency)
    if NOISE in kinds:
        span = np.searchsorted(starts, np.arange(n_samples) / fs, side="right") - 1
        weight = soft_mask(kinds[span] == NOISE, fs)
        hidden = noise.unreadable(rng, n_samples, fs, rng.uniform(*domain.unreadable))
        signal = signal * (1 - 0.7 * weight) + hidden * weight
    return signal, beats


def _draw_heart(rng, rate, ectopy):
    return Heart(
        rate=rate,
        arrhythmia=rng.uniform(0.01, 0.06),
        breathing=rng.uniform(0.2, 0.33),
        ectopy=ectopy,
        fibrillation_rate=rng.uniform(75, 130),
        flutter_frequency=rng.uniform(4.5, 5.5),
    )


def _draw_length(rng, label, fs, domain):
    usual, shorter, _ = domain.noise_length_shares if label == "~" else domain.length_shares
    draw = rng.random()
    low, high = (domain.shortest_seconds, domain.usual_seconds)
    if draw >= usual + shorter:
        low, high = high, domain.longest_seconds
    return round((domain.usual_seconds if draw < usual else rng.uniform(low, high)) * fs)


def _draw_rhythm(rng, label, domain):
    rate, other, ectopy = rng.uniform(*domain.rate), rng.choice(OTHERS, p=domain.other_share), (0.0, 0.0, 0.0)
    if label != "O":
        return (FIBRILLATION if label == "A" else SINUS), rate, ectopy
    rate = rng.uniform(*{"slow": domain.slow_rate, "fast": domain.fast_rate}.get(other, domain.rate))
    if other == "ectopy":
        ectopy = tuple(np.array(domain.ectopy) * rng.uniform(0.6, 1.6, 3))
    return (FLUTTER if other == "flutter" else SINUS), rate, ectopy


def _handheld_spans(rng, label, kind, seconds):
    if label != "~":
        return np.zeros(1), np.array([kind])
    return np.array([0.0, rng.uniform(0, 0.3) * seconds]), np.array([kind, NOISE])


def _record(record_id, patient_id, signal, beats, fs, domain, label=""):
    positions = np.minimum(np.rint(beats.times * fs), len(signal) - 1).astype(np.int64)
    return Record(
        record_id, patient_id, to_adc(signal, domain.gain, domain.baseline)[:, None], np.array([domain.gain]),
        np.array([float(domain.baseline)]), float(fs), (domain.lead,), label,
        beat_positions=positions, beat_classes=beats.classes,
        rhythm_positions=positions.copy(), rhythm_classes=beats.rhythms,
    )  # fmt: skip


def _check(n_samples, fs, **keys):
    for name, value in keys.items():
        if value < 0:
            raise SettingsError(name, "a whole number not below 0", str(value), "Count from 0.")
    if fs < 100:
        raise SettingsError("fs", "at least 100 Hz", f"{fs} Hz", "Waves reach 45 Hz: resample afterwards.")
    if n_samples < 2 * fs:
        raise SettingsError(
            "n_samples", f"two seconds, {2 * fs:.0f}, or more", str(n_samples), "Ask for more."
        )
