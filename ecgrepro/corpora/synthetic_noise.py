"""Noise of ambulatory recordings: baseline wander, mains, muscle, electrode motion, unreadable stretches.

The kinds are those of the MIT-BIH noise stress test: Moody GB, Muldrow WE, Mark RG, A noise stress test for
arrhythmia detectors, Computers in Cardiology 11:381-384 (1984). Their shapes here are our own and simple.
"""

from dataclasses import dataclass, fields

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.signal import butter, lfilter, sosfilt


@dataclass(frozen=True)
class NoiseLevels:
    """Ranges (low, high) from which a recording's noise is drawn.

    Attributes
    ----------
    wander : tuple of two floats
        Root mean square below about 0.5 Hz, in mV.
    mains : tuple of two floats
        Amplitude in mV.
    muscle, electrode : tuple of two floats
        Root mean square in mV: 20 to 100 Hz in bursts; white.
    motion : tuple of two floats
        Height of a motion artefact in mV.
    motions_per_minute : tuple of two floats
    """

    wander: tuple
    mains: tuple
    muscle: tuple
    electrode: tuple
    motion: tuple
    motions_per_minute: tuple


SILENT = NoiseLevels(*[(0.0, 0.0)] * 6)


def add_up(rng, n_samples, fs, levels, mains_frequency):
    """Draw one recording's noise of all kinds: float64 (n_samples,) in mV."""
    drawn = (rng.uniform(*getattr(levels, field.name)) for field in fields(levels))
    wander, hum, muscle, electrode, height, per_minute = drawn
    return (
        wander * baseline_wander(rng, n_samples, fs)
        + hum * mains(rng, n_samples, fs, mains_frequency)
        + muscle * muscle_noise(rng, n_samples, fs)
        + electrode * rng.standard_normal(n_samples)
        + motion(rng, n_samples, fs, height, per_minute)
    )


def baseline_wander(rng, n_samples, fs):
    """Spline through Gaussian knots, one a second: float64 (n_samples,), root mean square near 1."""
    knots = int(np.ceil(n_samples / fs)) + 4
    return CubicSpline(np.arange(knots), rng.standard_normal(knots))(np.arange(n_samples) / fs + 1)


def mains(rng, n_samples, fs, frequency):
    """Hum of amplitude near 1 at `frequency` Hz whose strength changes slowly: float64 (n_samples,)."""
    time = np.arange(n_samples) / fs
    start, swell = rng.uniform(0, 2 * np.pi, 2)
    return np.sin(2 * np.pi * frequency * time + start) * (1 + 0.3 * np.sin(2 * np.pi * 0.05 * time + swell))


def muscle_noise(rng, n_samples, fs):
    """Noise of 20 Hz to 100 Hz (or 0.45 fs) in bursts: float64 (n_samples,), root mean square near 1."""
    band = band_noise(rng, n_samples, fs, 20.0, 100.0)
    return band * np.clip(0.4 + np.abs(baseline_wander(rng, n_samples, fs)), 0, 3)


def band_noise(rng, n_samples, fs, low, high):
    """Gaussian noise of `low` to `high` Hz (to 0.45 fs): float64 (n_samples,), root mean square near 1."""
    high = min(high, 0.45 * fs)
    sections = butter(2, (low, high), "bandpass", fs=fs, output="sos")
    return sosfilt(sections, rng.standard_normal(n_samples)) / np.sqrt(2 * (high - low) / fs)


def motion(rng, n_samples, fs, height, per_minute):
    """Electrode motion: steps that decay in a second, with a burst below 10 Hz each: float64 (n_samples,)."""
    steps = np.zeros(n_samples)
    where = rng.integers(0, n_samples, rng.poisson(per_minute * n_samples / fs / 60))
    np.add.at(steps, where, rng.normal(0, height, len(where)))
    decay = np.exp(-1 / (0.5 * fs))
    slow, onset = ([1.0], [1.0, -decay]), np.exp(-1 / (0.04 * fs))
    # a second pole gives the step a rise of about 0.1 s: electrodes do not jump within one sample
    smooth = lfilter([1 - onset], [1.0, -onset], lfilter(*slow, steps))
    burst = lfilter(*slow, np.abs(steps)) * band_noise(rng, n_samples, fs, 1.0, 10.0)
    return smooth + 0.5 * burst


def unreadable(rng, n_samples, fs, height):
    """What an unreadable stretch holds: 0.7 to 40 Hz noise and motion, float64 (n_samples,) in mV."""
    swell = np.clip(1 + 0.7 * baseline_wander(rng, n_samples, fs), 0.3, 3)
    slow, fast = band_noise(rng, n_samples, fs, 0.7, 6.0), band_noise(rng, n_samples, fs, 6.0, 40.0)
    return height * swell * (0.8 * slow + 0.6 * fast) + motion(rng, n_samples, fs, 2 * height, 40.0)
