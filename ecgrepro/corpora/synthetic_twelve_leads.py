"""Twelve leads from one dipole: the heart as a vector that turns with every beat.

The waves are those of Sameni R, Clifford GD, Jutten C, Shamsollahi MB, Multichannel ECG and noise modeling:
application to maternal and fetal ECG signals, EURASIP J Adv Signal Process 2007:043407: each coordinate of the
heart vector is a sum of Gaussians of the cardiac phase (McSharry's model in three dimensions; Clifford GD,
Nemati S, Sameni R, An artificial vector model for generating abnormal electrocardiographic rhythms, Physiol Meas
31:595-609 (2010), varies it from beat to beat). Departures: every Gaussian has one direction in space, so that a
row of a table is a wave one can name; Gaussians are placed in time, P from its own onset, the rest from the onset
of QRS or back from the end of T, so that PR, QRS and QT are set directly; the amplitudes are our own, chosen so
that the leads look as textbooks draw them, and fitted to no recording.

The eight independent leads are the projections of Dower GE, Machado HB, Osborne JA, On deriving the
electrocardiogram from vectorcardiographic leads, Clin Cardiol 3:87-95 (1980). III, aVR, aVL and aVF follow from I
and II by Einthoven's and Goldberger's definitions, noise included, so that I + III = II.

Axes of the heart vector (Frank): x to the left, y to the feet, z to the back, in mV.
"""

from dataclasses import dataclass

import numpy as np

from ecgrepro.corpora import synthetic_noise as noise
from ecgrepro.corpora.synthetic_rhythm import FIBRILLATION, FLUTTER
from ecgrepro.corpora.synthetic_signal import fibrillatory_waves, flutter_waves, sum_gaussians

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
INDEPENDENT = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
#: Dower et al. 1980: rows are `INDEPENDENT`, columns x, y, z.
DOWER = np.array([
    [0.632, -0.235, 0.059], [0.235, 1.066, -0.132], [-0.515, 0.157, -0.917], [0.044, 0.164, -1.387],
    [0.882, 0.098, -1.277], [1.213, 0.127, -0.601], [1.125, 0.127, -0.086], [0.831, 0.076, 0.230],
])  # fmt: skip
#: Rows I, II, III, aVR, aVL, aVF of I and II (Einthoven: III = II - I; Goldberger: aVR = -(I + II) / 2 ...).
LIMB = np.array([[1, 0], [0, 1], [-1, 1], [-0.5, -0.5], [1, -0.5], [-0.5, 1]])
#: QRS begins and ends where its vector reaches this share of its greatest length.
EDGE = 0.02
#: A T wave ends two standard deviations after its peak: where the tangent at the steepest point meets the baseline.
T_END = 2.0


@dataclass(frozen=True)
class Dipole:
    """How one person's heart vector moves in a beat.

    Tables are float64 (n_waves, 5) with columns time in s, width (standard deviation) in s, and height in x, y, z
    in mV.

    Attributes
    ----------
    p : table
        Times from the onset of P.
    qrs : table
        Times from the onset of QRS.
    st : table
        Times from the end of QRS.
    t : table
        Times back from the end of T, so negative; they and the widths scale with the square root of the RR interval.
    premature, premature_t : tables
        QRS and T of the person's premature ventricular beats, as `qrs` and `t`.
    pr, qtc : float
        s; PR from onset to onset, QT at an RR interval of 1 s (Bazett).
    fibrillatory, flutter : float64 (3,)
        Heights (half of peak to peak) of f- and F-waves in x, y, z, in mV.
    """

    p: np.ndarray
    qrs: np.ndarray
    st: np.ndarray
    t: np.ndarray
    premature: np.ndarray
    premature_t: np.ndarray
    pr: float
    qtc: float
    fibrillatory: np.ndarray
    flutter: np.ndarray


def qrs_span(table):
    """Onset and end of a QRS table in s: where its vector exceeds `EDGE` of its greatest length."""
    reach = 6 * table[:, 1].max()
    time = np.linspace(table[:, 0].min() - reach, table[:, 0].max() + reach, 1500)
    length = np.linalg.norm(gaussians(table, time), axis=1)
    inside = time[length > EDGE * length.max()]
    return inside[0], inside[-1]


def peak_time(table):
    """Time in s at which a QRS table's vector is longest."""
    time = np.linspace(*qrs_span(table), 400)
    return time[np.linalg.norm(gaussians(table, time), axis=1).argmax()]


def gaussians(table, time):
    """Sum a table's waves at times (n,) in s: float64 (n, 3) in mV."""
    heights = np.exp(-0.5 * ((time[:, None] - table[:, 0]) / table[:, 1]) ** 2)
    return heights @ table[:, 2:]


def with_duration(table, seconds):
    """Stretch and shift a QRS table so that it begins at 0 and lasts `seconds`."""
    start, end = qrs_span(table)
    scale = seconds / (end - start)
    return np.column_stack([(table[:, 0] - start) * scale, table[:, 1] * scale, table[:, 2:]])


def rotation(degrees):
    """Rotation by angles (3,) in degrees around x, y and z: float64 (3, 3), to be applied from the right."""
    matrix = np.eye(3)
    for axis, angle in enumerate(np.deg2rad(degrees)):
        first, second = (i for i in range(3) if i != axis)
        turn = np.eye(3)
        turn[[first, second], [first, second]] = np.cos(angle)
        turn[first, second], turn[second, first] = np.sin(angle), -np.sin(angle)
        matrix = matrix @ turn
    return matrix


def heart_vector(rng, schedule, dipole, n_samples, fs):
    """Move the heart vector through a recording.

    Parameters
    ----------
    rng : numpy.random.Generator
        Of the variation from beat to beat: 3 % of each beat's height, a breath of 4 %.
    schedule : Schedule
    dipole : Dipole
    n_samples : int
    fs : float
        Hz.

    Returns
    -------
    float64 array, (n_samples, 3)
        x, y, z in mV.
    """
    signal = np.zeros((n_samples, 3))
    _add_atria(rng, signal, schedule, dipole, fs)
    scale = _beat_heights(rng, schedule.qrs_onsets)
    for chosen, qrs, t in (
        (~schedule.premature, dipole.qrs, dipole.t),
        (schedule.premature, dipole.premature, dipole.premature_t),
    ):
        onsets, heights = schedule.qrs_onsets[chosen], scale[chosen]
        stretch = np.sqrt(np.clip(schedule.intervals[chosen], 0.4, 1.5))
        _add(signal, qrs, onsets, heights, fs)
        _add(signal, t, onsets + dipole.qtc * stretch, heights, fs, stretch)
        if qrs is dipole.qrs:
            _add(signal, dipole.st, onsets + qrs_span(qrs)[1], heights, fs)
    return signal


def _beat_heights(rng, onsets):
    breath, phase = rng.uniform(0.2, 0.33), rng.uniform(0, 2 * np.pi)
    return 1 + 0.04 * np.sin(2 * np.pi * breath * onsets + phase) + rng.normal(0, 0.03, len(onsets))


def _add_atria(rng, signal, schedule, dipole, fs):
    if schedule.atrial == FIBRILLATION:
        wave = fibrillatory_waves(rng, len(signal), fs, 1.0, schedule.frequency)
        signal += wave[:, None] * dipole.fibrillatory
    elif schedule.atrial == FLUTTER:
        wave = flutter_waves(len(signal), fs, 1.0, schedule.frequency, schedule.qrs_onsets)
        signal += wave[:, None] * dipole.flutter
    heights = 1 + rng.normal(0, 0.03, len(schedule.p_onsets))
    # an ectopic focus low in the atrium: the wave runs upwards
    for chosen, turn in ((~schedule.p_premature, (1, 1, 1)), (schedule.p_premature, (0.8, -0.7, 1))):
        table = dipole.p * np.array([1, 1, *turn])
        _add(signal, table, schedule.p_onsets[chosen], heights[chosen], fs)


def _add(signal, table, anchors, heights, fs, stretch=1.0):
    for time, width, *direction in table:
        centres = anchors + time * stretch
        widths = np.broadcast_to(width * stretch, centres.shape)
        wave = sum_gaussians(centres, widths, heights, len(signal), fs)
        signal += wave[:, None] * np.array(direction)


def project(vector, factors=1.0):
    """Turn the heart vector (n, 3) into the eight independent leads (n, 8), in mV.

    `factors` (8,) scale the leads: electrodes and chests differ.
    """
    return vector @ (DOWER * np.reshape(factors, (-1, 1))).T


def derive_limb_leads(independent):
    """Turn the eight independent leads (n, 8) into all twelve (n, 12), in the order of `LEADS`."""
    return np.hstack([independent[:, :2] @ LIMB.T, independent[:, 2:]])


def lead_noise(rng, n_samples, fs, levels, mains_frequency):
    """Noise of the eight independent leads: float64 (n_samples, 8) in mV.

    Wander is half shared by all leads (the chest moves as one), the rest of it and all other kinds are each lead's
    own. Limb leads get it before III, aVR, aVL and aVF are derived, as in a recorder.
    """
    own = [noise.add_up(rng, n_samples, fs, levels, mains_frequency) for _ in INDEPENDENT]
    shared = rng.uniform(*levels.wander) * noise.baseline_wander(rng, n_samples, fs)
    return np.stack(own, axis=1) + 0.7 * shared[:, None] * rng.uniform(0.3, 1.0, len(INDEPENDENT))
