"""Two QRS detectors for short intervals, and how far they agree: a sign that there are complexes to be found.

Source of the index (bSQI): Li Q, Mark RG, Clifford GD, Robust heart rate estimation from multiple asynchronous noisy
sources using signal quality indices and a Kalman filter, Physiol Meas 29:15-32 (2008), doi:10.1088/0967-3334/29/1/002:
beats that two detectors of different kinds find within 150 ms of each other, of all beats that either finds. Theirs
were `eplimited` (energy of a band) and `wqrs` (length of the curve). The two here work on the same two quantities and
are vectorised over intervals; neither is a port.

* energy: root mean square within 8 to 20 Hz over 0.1 s (Elgendi M, PLoS ONE 8:e73557 (2013),
  doi:10.1371/journal.pone.0073557);
* length: of the curve below 16 Hz over 0.13 s (Zong W, Moody GB, Jiang D, A robust open-source algorithm to detect
  onset and duration of QRS complexes, Computers in Cardiology 30:737-740 (2003), doi:10.1109/CIC.2003.1291261).

In both a complex is a peak above a share of the interval's usual peak: of the largest values in three stretches the
median, so that one artefact does not change it. For intervals of 3 to 10 s.
"""

import numpy as np
from scipy import ndimage, signal

from ecgrepro.errors import InputError, SettingsError

BAND, ENERGY_SECONDS = (8.0, 20.0), 0.1
LOW_PASS, LENGTH_SECONDS = 16.0, 0.13
#: wqrs adds 1.25 mV² / fs to each squared step: steps below about 0.07 mV at 250 Hz hardly lengthen the curve.
STEP = 1.25
#: Two complexes are at least that far apart, in seconds: no more than one partner lies within `TOLERANCE`.
REFRACTORY, TOLERANCE = 0.32, 0.15
SHARE, STRETCHES = 0.4, 3
#: An envelope up to this (mV) holds rounding errors of a flat line.
FLAT = 1e-9


def energy_beats(intervals, fs):
    """Find QRS complexes by the energy of their band.

    Parameters
    ----------
    intervals : float array, (n_intervals, n_samples)
        In mV, finite.
    fs : float
        Sampling rate in Hz, above 40.

    Returns
    -------
    bool array, (n_intervals, n_samples)
        True near the middle of each complex.

    Raises
    ------
    InputError
        Another shape, less than a second, samples that are not finite.
    SettingsError
        Too low a rate.
    """
    values = _checked(intervals, fs)
    passed = _filtered(values, BAND, "bandpass", fs)
    mean = ndimage.uniform_filter1d(passed**2, _odd(ENERGY_SECONDS * fs), axis=1, mode="constant")
    return _peaks(np.sqrt(np.maximum(mean, 0)), fs)


def length_beats(intervals, fs):
    """Find QRS complexes by the length of the curve; as `energy_beats`."""
    values = _checked(intervals, fs)
    steps = np.diff(_filtered(values, LOW_PASS, "lowpass", fs), axis=1, append=0)
    steps[:, -1] = 0
    floor = STEP / fs
    # without what a flat line would measure
    excess = np.sqrt(floor + steps**2) - np.sqrt(floor)
    return _peaks(ndimage.uniform_filter1d(excess, _odd(LENGTH_SECONDS * fs), axis=1, mode="constant"), fs)


def agreement(first, second, fs):
    """Share of beats that two detectors find within 150 ms of each other, of all that either finds.

    Parameters
    ----------
    first, second : bool arrays, (n_intervals, n_samples)
        As from `energy_beats` and `length_beats`.
    fs : float
        Sampling rate in Hz.

    Returns
    -------
    float64 array, (n_intervals,)
        0 to 1; 0 where neither finds a beat.
    """
    near = ndimage.maximum_filter1d(
        second.astype(np.uint8), 2 * int(TOLERANCE * fs) + 1, axis=1, mode="constant"
    )
    matched = np.count_nonzero(first & (near > 0), axis=1)
    found = np.count_nonzero(first, axis=1) + np.count_nonzero(second, axis=1) - matched
    return matched / np.maximum(found, 1)


def _checked(intervals, fs):
    values = np.asarray(intervals, np.float64)
    if not 2 * BAND[1] < fs < np.inf:
        raise SettingsError(
            "sampling rate", f"more than {2 * BAND[1]:g} Hz", repr(fs), "Resample the intervals."
        )
    if values.ndim != 2 or values.shape[1] < fs or not np.isfinite(values).all():
        raise InputError("intervals", f"finite samples of shape (n_intervals, at least {fs:g})",
                         f"{values.shape}, {np.count_nonzero(~np.isfinite(values))} of them not finite",
                         "Fill what is missing first (signal_faults.fill_missing).")  # fmt: skip
    return values


def _filtered(values, edges, kind, fs):
    sections = signal.butter(2, edges, kind, fs=fs, output="sos")
    # a flat line becomes exactly 0, where the filter would leave rounding errors of its offset
    return signal.sosfiltfilt(sections, values - values[:, :1], axis=1)


def _peaks(envelope, fs):
    edges = np.linspace(0, envelope.shape[1], STRETCHES + 1).astype(int)
    usual = np.median(np.maximum.reduceat(envelope, edges[:-1], axis=1), axis=1, keepdims=True)
    highest = ndimage.maximum_filter1d(envelope, 2 * int(REFRACTORY * fs) + 1, axis=1, mode="constant")
    tops = (envelope == highest) & (envelope > np.maximum(SHARE * usual, FLAT))
    # of a level top the first sample
    tops[:, 1:] &= ~tops[:, :-1]
    return tops


def _odd(samples):
    return 2 * int(samples / 2) + 1
