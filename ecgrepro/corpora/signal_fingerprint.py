"""Fingerprint of one recording: windows of its waveform that are found again in a changed copy of it.

Each lead is brought to `RATE` Hz and the band of about 1 to 20 Hz. Its anchors are the steepest points, in practice the
R peaks: local maxima of the smoothed absolute slope, which neither a gain, an offset nor a turned polarity moves, and
which a crop leaves where they are in the heartbeat. A window of `WINDOW` s around each anchor becomes one unit vector
of `DIMENSIONS` numbers (its cosine transform, 1 to 9 Hz) and one key, the time to the next anchor. Two windows of
one waveform have nearly the same key and a cosine near 1 or, with turned polarity, -1.

Landmarks and the interval between them as a key that survives a change of the carrier: after Wang A, An industrial
strength audio search algorithm, ISMIR 2003, where they are peaks of a spectrogram. The vectors are our own addition.

Nothing here knows of millivolts: gains are often wrong in copies, and no step depends on them.
"""

from fractions import Fraction
from functools import lru_cache

import numpy as np
from scipy.fft import dct
from scipy.ndimage import convolve1d, maximum_filter1d, uniform_filter1d
from scipy.signal import firwin, resample_poly

#: Hz; every lead is compared at this rate.
RATE = 100
#: Hz; the low-pass filter's -6 dB point, the same for recordings of every rate.
PASS = 20.0
#: s; length of a window, and how far before its anchor it begins.
WINDOW, BEFORE = 3.0, 0.15
#: Coefficients of the window's cosine transform that are kept: 1 to 9 Hz, 48 of them.
COEFFICIENTS = slice(6, 54)
DIMENSIONS = COEFFICIENTS.stop - COEFFICIENTS.start
#: Hz; sampling rates below carry too little of a QRS complex, rates above are no rates of recordings.
RATES = (40.0, 20_000.0)
#: ADC units per sample of `RATE`; where the slope stays below it there is nothing but quantisation steps.
LEAST_SLOPE = 0.25
#: An anchor is the steepest point within a quarter of a second, and at least 0.4 as steep as the steepest in 1.5 s.
_ALONE, _NEAR, _SHARE = 51, 301, 0.4
_SAMPLES = round(WINDOW * RATE / 2)  # a window is sampled at half the rate: 9 Hz need no more


def waveform(signal, fs):
    """Bring leads to `RATE` Hz and the band that copies share.

    Parameters
    ----------
    signal : int16 or float array, (n_samples, n_leads)
    fs : float
        Hz.

    Returns
    -------
    float32 array, (n_leads, ceil(n_samples * RATE / fs))
        In the signal's unit. Low-pass: a Hann-windowed sinc of 0.14 s; high-pass: less the mean under a triangle of
        1 s. Both are symmetric, so nothing moves; beyond the ends the first and last values are thought to go on.
    """
    values = _resampled(np.asarray(signal, np.float32), fs)
    half = RATE // 2
    slow = uniform_filter1d(values, half, axis=1, mode="nearest")
    return values - uniform_filter1d(slow, half, axis=1, origin=-1, mode="nearest")


def _resampled(values, fs):
    up, down, taps = _filter(float(fs))
    if up == down:  # `resample_poly` would not filter at all
        return np.ascontiguousarray(convolve1d(values, taps, axis=0, mode="nearest").T)
    return np.ascontiguousarray(resample_poly(values, up, down, axis=0, window=taps, padtype="edge").T)


@lru_cache(maxsize=64)
def _filter(fs):
    ratio = Fraction(RATE / fs).limit_denominator(1000)
    rate = fs * ratio.numerator
    taps = firwin(round(0.14 * rate) // 2 * 2 + 1, PASS, fs=rate, window="hann")
    return ratio.numerator, ratio.denominator, taps.astype(np.float32)


def find_anchors(wave):
    """Find the steepest points of each lead.

    Parameters
    ----------
    wave : float32 array, (n_leads, n_samples)
        As `waveform` gives it, in ADC units.

    Returns
    -------
    lead : int64 array, (n_anchors,)
        Ascending.
    place : float64 array, (n_anchors,)
        Samples of `RATE`, ascending within a lead, between samples by the parabola through three values.
    """
    if wave.shape[1] < 3:
        return np.empty(0, np.int64), np.empty(0)
    slope = np.abs(np.diff(wave, axis=1, prepend=wave[:, :1]))
    slope = uniform_filter1d(uniform_filter1d(slope, 7, axis=1), 5, axis=1)
    is_anchor = slope == maximum_filter1d(slope, _ALONE, axis=1)
    is_anchor &= slope > np.maximum(_SHARE * maximum_filter1d(slope, _NEAR, axis=1), LEAST_SLOPE)
    is_anchor[:, [0, -1]] = False
    lead, sample = np.nonzero(is_anchor)
    before, top, after = (slope[lead, sample + step].astype(np.float64) for step in (-1, 0, 1))
    bend = before - 2 * top + after
    return lead, sample + np.where(bend < 0, 0.5 * (before - after) / np.where(bend < 0, bend, 1), 0)


def describe_windows(wave, lead, place):
    """Describe the window around every anchor that has one and another anchor within `WINDOW` after it.

    Parameters
    ----------
    wave : float32 array, (n_leads, n_samples)
    lead, place : arrays, (n_anchors,)
        As `find_anchors` gives them.

    Returns
    -------
    lead : int64 array, (n_windows,)
    time, key : float32 arrays, (n_windows,)
        s; of the anchor, and from it to the next one.
    vector : float16 array, (n_windows, DIMENSIONS)
        Of length 1.
    """
    key = np.diff(place, append=np.inf) / RATE
    key[:-1][lead[1:] != lead[:-1]] = np.inf
    start = place - BEFORE * RATE
    whole = (key < WINDOW) & (start >= 0) & (start + WINDOW * RATE < wave.shape[1] - 1)
    lead, place, key = lead[whole], place[whole], key[whole]
    spectrum = dct(_cut(wave, lead, start[whole]), axis=1)[:, COEFFICIENTS]
    length = np.linalg.norm(spectrum, axis=1, keepdims=True)
    vector = (spectrum / np.maximum(length, 1e-9)).astype(np.float16)
    return lead, (place / RATE).astype(np.float32), key.astype(np.float32), vector


def _cut(wave, lead, start):
    """Windows float32 (n_windows, _SAMPLES), read between samples along straight lines."""
    place = start[:, None] + 2.0 * np.arange(_SAMPLES)
    sample = place.astype(np.int64)
    share = (place - sample).astype(np.float32)
    flat = wave.ravel()
    sample += lead[:, None] * wave.shape[1]
    return flat[sample] * (1 - share) + flat[sample + 1] * share


def fingerprint_signal(signal, fs):
    """Fingerprint one recording.

    Parameters
    ----------
    signal : int16 array, (n_samples, n_leads)
        ADC units.
    fs : float
        Hz.

    Returns
    -------
    wave : float32 array, (n_leads, n_samples at `RATE`)
    lead, time, key, vector : arrays, (n_windows, ...)
        As `describe_windows` gives them. No window where the recording is flat, shorter than `WINDOW`, without two
        anchors within it, or sampled at a rate outside `RATES`.
    """
    known = RATES[0] <= fs <= RATES[1]
    wave = waveform(signal, fs) if known else np.zeros((signal.shape[1], 0), np.float32)
    return wave, *describe_windows(wave, *find_anchors(wave))
