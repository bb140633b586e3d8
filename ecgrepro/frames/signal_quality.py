"""Classic signal-quality indices of short ECG intervals, and the logistic regression on them: the baseline of nets.

Sources: Li Q, Mark RG, Clifford GD, Physiol Meas 29:15-32 (2008), doi:10.1088/0967-3334/29/1/002 (kSQI, bSQI);
Clifford GD, Behar J, Li Q, Rezek I, Signal quality indices and data fusion for determining clinical acceptability of
electrocardiograms, Physiol Meas 33:1419-1433 (2012), doi:10.1088/0967-3334/33/9/1419 (sSQI, pSQI, fSQI and a classifier
on all of them); Behar J, Oster J, Li Q, Clifford GD, ECG signal quality during arrhythmia and its application to false
alarm reduction, IEEE Trans Biomed Eng 60:1660-1666 (2013), doi:10.1109/TBME.2013.2240452 (basSQI).

* kSQI: kurtosis, 3 for Gaussian noise, more where short QRS complexes stand out;
* sSQI: skewness, near 0 for symmetrical noise (its sign is that of the complexes);
* pSQI: power of 5 to 15 Hz of that of 5 to 40 Hz, where QRS complexes have most of theirs;
* basSQI: 1 less the power below 1 Hz of that below 40 Hz: small under baseline wander;
* fSQI: share of the interval that is flat, steps slower than 0.25 mV/s;
* bSQI: agreement of two QRS detectors (`qrs_agreement`).

Where this departs from the publications: powers are sums over a periodogram with a Hann window, about the interval's
mean (autoregressive or Welch spectra there); the limit of fSQI is ours; the detectors are not theirs. All but fSQI and,
a little, bSQI are the same in any unit.
"""

import numpy as np
import pandas as pd

from ecgrepro.errors import InputError
from ecgrepro.frames.qrs_agreement import agreement, energy_beats, length_beats

INDICES = ("kSQI", "sSQI", "pSQI", "basSQI", "fSQI", "bSQI")
#: Steps slower than this (mV/s) are flat.
FLAT_SLOPE = 0.25
#: Intervals in work at a time.
CHUNK = 2048
#: Variance and power (mV²) up to which an interval counts as a flat line.
NOTHING = 1e-12


def quality_indices(intervals, fs=250.0):
    """Measure the indices of intervals.

    Parameters
    ----------
    intervals : float array, (n_intervals, n_samples)
        In mV, at least a second, finite.
    fs : float
        Sampling rate in Hz, above 80.

    Returns
    -------
    DataFrame of float64, (n_intervals, len(INDICES))
        Columns as `INDICES`, rows as given, always finite: of a flat line fSQI is 1 and all others 0.

    Raises
    ------
    InputError
        Another shape, less than a second, samples that are not finite.
    SettingsError
        Too low a rate.
    """
    intervals = np.asanyarray(intervals)
    if intervals.ndim != 2:
        raise InputError("intervals", "an array (n_intervals, n_samples)", f"shape {intervals.shape}",
                         "Give one lead.")  # fmt: skip
    chunks = [_measure(intervals[i : i + CHUNK], fs) for i in range(0, len(intervals), CHUNK)]
    values = np.concatenate(chunks) if chunks else np.empty((0, len(INDICES)))
    return pd.DataFrame(values, columns=list(INDICES))


def _measure(intervals, fs):
    beats = energy_beats(intervals, fs), length_beats(intervals, fs)
    values = np.asarray(intervals, np.float64)
    kurtosis, skewness = _moments(values)
    qrs_power, baseline_power = _power_shares(values, fs)
    flat = np.mean(np.abs(np.diff(values, axis=1)) * fs < FLAT_SLOPE, axis=1)
    return np.stack([kurtosis, skewness, qrs_power, baseline_power, flat, agreement(*beats, fs)], axis=1)


def _moments(values):
    centred = values - values.mean(axis=1, keepdims=True)
    squares = centred**2
    variance = squares.mean(axis=1)
    known = variance > NOTHING
    scale = np.where(known, variance, 1)
    fourth, third = (squares**2).mean(axis=1) / scale**2, (squares * centred).mean(axis=1) / scale**1.5
    return np.where(known, fourth, 0), np.where(known, third, 0)


def _power_shares(values, fs):
    """Of pSQI and basSQI: two float64 arrays (n_intervals,)."""
    window = np.hanning(values.shape[1])
    centred = values - values.mean(axis=1, keepdims=True)
    power = np.abs(np.fft.rfft(centred * window, axis=1)) ** 2 / (window**2).sum() / values.shape[1]
    frequencies = np.fft.rfftfreq(values.shape[1], 1 / fs)

    def band(low, high):
        return power[:, (frequencies >= low) & (frequencies <= high)].sum(axis=1)

    def share(part, whole):
        return np.where(whole > NOTHING, part / np.maximum(whole, NOTHING), 0)

    return share(band(5, 15), band(5, 40)), share(band(0, 40) - band(0, 1), band(0, 40))


def index_classifier():
    """Logistic regression on standardised indices: an unfitted scikit-learn pipeline.

    Fit it on the training mixture alone, ``index_classifier().fit(quality_indices(inputs), labels)``; with labels of
    1 for low quality `decision_function` is the logit of low quality.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
