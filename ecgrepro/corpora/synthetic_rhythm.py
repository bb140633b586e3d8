"""When beats come, and of which kind: RR intervals of sinus rhythm, fibrillation, flutter and ectopy.

Sources, and where this departs from them:

* Sinus rhythm. McSharry PE, Clifford GD, Tarassenko L, Smith LA, A dynamical model for generating synthetic
  electrocardiogram signals, IEEE Trans Biomed Eng 50:289-294 (2003), gives RR intervals a spectrum with one
  peak at 0.1 Hz (Mayer waves) and one at the breathing rate (respiratory sinus arrhythmia). Departure: one
  sinusoid for each peak and independent Gaussian jitter, not a series of random phases under that spectrum.
* Atrial fibrillation. RR intervals are independent draws; Bootsma BK et al., Circulation 41:783-794 (1970),
  found no serial correlation in them. Their distribution, a refractory floor and a gamma variate, is our own
  choice with a coefficient of variation of about 0.2 to 0.3, fitted to no data.
* Flutter. One ventricular beat for every 2, 3 or 4 flutter waves; the ratio holds for a while, then changes.
* Ectopy. Our own ranges: a premature atrial beat (PAC) comes at 0.60 to 0.78 of the interval and resets the
  sinus node, so the pause after it is not compensatory; an aberrated beat comes earlier still, into the
  refractory bundle branch (0.48 to 0.60); a premature ventricular beat (PVC) at 0.55 to 0.75 leaves the sinus
  node alone, so the two intervals around it sum to two sinus intervals (a compensatory pause).
"""

from dataclasses import dataclass

import numpy as np

from ecgrepro.corpora.record import BEAT_CLASSES, RHYTHM_CLASSES

UNDEFINED, NORMAL, PAC, ABERRATED, PVC = range(len(BEAT_CLASSES))
NOISE, SINUS, FIBRILLATION, FLUTTER = map(RHYTHM_CLASSES.index, ("noise", "NSR", "AFib", "AFlutter"))

#: No interval is shorter, in seconds.
SHORTEST_INTERVAL = 0.25
#: Prematurity: share of the sinus interval after which the beat comes (low, high).
PREMATURITY = {PAC: (0.60, 0.78), ABERRATED: (0.48, 0.60), PVC: (0.55, 0.75)}


@dataclass(frozen=True)
class Heart:
    """What sets one person's rhythm.

    Attributes
    ----------
    rate : float
        Sinus rate in beats per minute.
    arrhythmia : float
        Respiratory sinus arrhythmia: amplitude as a share of the mean RR interval.
    breathing : float
        Breathing rate in Hz.
    ectopy : tuple of three floats
        Shares of sinus beats that are PAC, aberrated, PVC.
    fibrillation_rate : float
        Mean ventricular rate in fibrillation, in beats per minute.
    flutter_frequency : float
        Flutter waves per second.
    """

    rate: float
    arrhythmia: float
    breathing: float
    ectopy: tuple
    fibrillation_rate: float
    flutter_frequency: float


@dataclass(frozen=True)
class Beats:
    """Beats in time order.

    Attributes
    ----------
    times, intervals : float64 arrays, (n_beats,)
        R peak in s from the start; s since the beat before.
    classes, rhythms : int8 arrays, (n_beats,)
        Indices into `BEAT_CLASSES` and `RHYTHM_CLASSES`.
    """

    times: np.ndarray
    intervals: np.ndarray
    classes: np.ndarray
    rhythms: np.ndarray


def draw_spans(rng, seconds, share, mean_seconds):
    """Cut a recording into stretches of one rhythm each.

    Parameters
    ----------
    rng : numpy.random.Generator
    seconds : float
        Length of the recording.
    share, mean_seconds : float arrays, (6,)
        For each of `RHYTHM_CLASSES`: share of the time, and mean length of a stretch in s (not 0).

    Returns
    -------
    starts : float64 array, (n_spans,)
        Seconds, the first 0.
    kinds : int64 array, (n_spans,)
        Indices into `RHYTHM_CLASSES`; neighbours may be equal.
    """
    share, mean_seconds = np.asarray(share, float), np.asarray(mean_seconds, float)
    weight = share / mean_seconds
    # stretches are at least a quarter of the shortest mean, so that so many are enough
    count = int(4 * seconds / mean_seconds[share > 0].min()) + 2
    kinds = rng.choice(len(share), count, p=weight / weight.sum())
    lengths = mean_seconds[kinds] * (0.25 + 0.75 * rng.gamma(2.0, 0.5, count))
    starts = np.concatenate([[0.0], np.cumsum(lengths)[:-1]])
    return starts[starts < seconds], kinds[starts < seconds]


def place_beats(rng, starts, kinds, seconds, heart):
    """Fill stretches of rhythm with beats.

    Parameters
    ----------
    rng : numpy.random.Generator
    starts, kinds : arrays, (n_spans,)
        As `draw_spans` returns them.
    seconds : float
        Length of the recording.
    heart : Heart

    Returns
    -------
    Beats
        Every beat belongs to the stretch that it falls into.
    """
    last, parts = -rng.uniform(0, 0.5), []
    for start, end, kind in zip(starts, [*starts[1:], seconds], kinds, strict=True):
        count = int((end - last) / SHORTEST_INTERVAL) + 2
        intervals, classes = _INTERVALS[kind](rng, count, heart)
        intervals = np.maximum(intervals, SHORTEST_INTERVAL)
        times = last + np.cumsum(intervals)
        keep = (times >= max(start, 0)) & (times < end)
        parts.append((times[keep], intervals[keep], classes[keep], np.full(keep.sum(), kind)))
        last = times[keep][-1] if keep.any() else last
    times, intervals, classes, rhythms = map(np.concatenate, zip(*parts, strict=True))
    return Beats(times, intervals, classes.astype(np.int8), rhythms.astype(np.int8))


def sinus_intervals(rng, count, heart):
    """RR intervals (s) of sinus rhythm with its ectopy, and beat classes: float64 (count,), int8 (count,)."""
    return _with_ectopy(rng, _plain_sinus(rng, count, heart), heart.ectopy)


def fibrillation_intervals(rng, count, heart):
    """RR intervals (s) of fibrillation and beat classes, all normal but for PVCs: float64, int8 (count,)."""
    mean = 60 / heart.fibrillation_rate
    floor = 0.5 * mean
    intervals = floor + rng.gamma(4.0, (mean - floor) / 4.0, count)
    classes = np.where(rng.random(count) < heart.ectopy[2], PVC, NORMAL)
    return intervals, classes.astype(np.int8)


def flutter_intervals(rng, count, heart):
    """RR intervals (s) of flutter, whole numbers of its waves, and beat classes: float64, int8 (count,)."""
    ratios = np.repeat(rng.choice([2, 3, 4], count, p=[0.4, 0.2, 0.4]), rng.integers(4, 20, count))[:count]
    return ratios / heart.flutter_frequency, np.full(count, NORMAL, np.int8)


def _noise_intervals(rng, count, heart):
    # the heart beats on under an unreadable stretch, but nobody can name its beats
    return _plain_sinus(rng, count, heart), np.full(count, UNDEFINED, np.int8)


_INTERVALS = {
    NOISE: _noise_intervals,
    SINUS: sinus_intervals,
    FIBRILLATION: fibrillation_intervals,
    FLUTTER: flutter_intervals,
}


def _plain_sinus(rng, count, heart):
    mean = 60 / heart.rate
    clock = mean * np.arange(count)
    breathing, mayer = rng.uniform(0, 2 * np.pi, 2)
    modulation = heart.arrhythmia * np.sin(2 * np.pi * heart.breathing * clock + breathing)
    modulation += 0.5 * heart.arrhythmia * np.sin(2 * np.pi * 0.1 * clock + mayer)
    return mean * (1 + modulation + rng.normal(0, 0.008, count))


def _with_ectopy(rng, intervals, ectopy):
    count = len(intervals)
    drawn = rng.choice([NORMAL, PAC, ABERRATED, PVC], count, p=[1 - sum(ectopy), *ectopy])
    # the beat after an ectopic one is never ectopic itself: its interval is the pause
    classes = np.where(np.concatenate([[NORMAL], drawn[:-1]]) == NORMAL, drawn, NORMAL).astype(np.int8)
    low, high = np.array([PREMATURITY.get(kind, (1.0, 1.0)) for kind in range(5)])[classes].T
    early = intervals * (low + (high - low) * rng.random(count))
    reset, before = rng.uniform(1.05, 1.2, count), np.concatenate([[NORMAL], classes[:-1]])
    owed = np.concatenate([[0.0], (intervals - early)[:-1]])
    pause = np.where(before == PVC, intervals + owed, np.where(before == NORMAL, 1.0, reset) * intervals)
    return np.where(classes == NORMAL, pause, early), classes
