"""A QRS detector fast enough to count the heart rates of thousands of recordings, where nobody annotated beats.

The energy of the band in which QRS complexes stand out from P, T and baseline (about 8 to 20 Hz: Elgendi M, Fast QRS
detection with an optimized knowledge-based method, PLoS ONE 8:e73557 (2013)) is averaged over the length of a QRS
complex; peaks above a share of their surroundings' usual peak are complexes. The sign of a complex plays no part, so
that a recording upside down is read alike. All steps are array operations over a whole stretch.

The share and the refractory time were chosen on MIT-BIH and SVDB, the sets that `heart_rates.detector_errors` is
measured on: others may be read worse. For counting rates and nothing else.
"""

import numpy as np
from scipy import ndimage, signal

from ecgrepro.errors import SettingsError

#: Hz passed, by a Butterworth filter of second order run forwards and backwards.
BAND = (8.0, 20.0)
#: Seconds over which energy is averaged: a usual QRS complex.
QRS_SECONDS = 0.1
#: Seconds between two complexes at least, which no rate above 200 per minute survives: shorter ones count T waves.
REFRACTORY = 0.3
#: What a complex must reach of its surroundings' usual peak: of the largest value in each stretch of `PEAK_SECONDS` the
#: median over `PEAKS` stretches, so that neither one artefact nor one pause changes it.
SHARE, PEAK_SECONDS, PEAKS = 0.4, 2.0, 5
#: Keeps a division by what may be 0 apart from an error.
TINY = np.finfo(np.float64).tiny


def detect_qrs(millivolts, fs):
    """Find QRS complexes.

    Parameters
    ----------
    millivolts : float array, (n_samples, n_leads)
        Any unit will do: only relative heights count.
    fs : float
        Sampling rate in Hz.

    Returns
    -------
    int64 array, (n_complexes,)
        Samples, ascending, each near the middle of its complex. Empty for less than a second of signal or a flat one.

    Raises
    ------
    SettingsError
        A rate too low for the band, or signal of another shape.
    """
    values = np.asarray(millivolts, np.float64)
    if values.ndim != 2 or not fs > 2 * BAND[1]:
        raise SettingsError("QRS detector", f"a signal (n_samples, n_leads) at more than {2 * BAND[1]:g} Hz",
                            f"{values.shape} at {fs:g} Hz", "Resample it, or add the axis of leads.")  # fmt: skip
    if len(values) < fs:
        return np.empty(0, np.int64)
    envelope = _combine(_energy(values, fs), fs)
    height = SHARE * _usual_peak(envelope, fs)
    return signal.find_peaks(envelope, np.maximum(height, TINY), distance=round(REFRACTORY * fs))[0]


def _energy(values, fs):
    """Root mean square within the band around each sample: float64 (n_samples, n_leads)."""
    bandpass = signal.butter(2, BAND, "bandpass", fs=fs, output="sos")
    # a flat lead becomes exactly 0, where the filter would leave rounding errors of its offset
    passed = signal.sosfiltfilt(bandpass, values - values[:1], axis=0)
    mean = ndimage.uniform_filter1d(passed**2, max(1, round(QRS_SECONDS * fs)), axis=0, mode="constant")
    return np.sqrt(np.maximum(mean, 0))


def _combine(energy, fs):
    """One envelope of all leads, each relative to its usual peak and weighted by how far that stands out."""
    usual = np.stack([_usual_peak(lead, fs) for lead in energy.T], axis=1)
    # noise has a high middle, complexes are short
    contrast = (np.median(usual, axis=0) / np.maximum(np.median(energy, axis=0), TINY)) ** 2
    # artefacts are capped: they may not hide in a mean what the other leads show
    relative = np.minimum(energy / np.maximum(usual, TINY), 2.0)
    return np.average(relative, axis=1, weights=contrast) if contrast.any() else relative[:, 0]


def _usual_peak(lead, fs):
    """The peak that a lead usually has around each sample: float64 (n_samples,)."""
    stretches = max(1, round(len(lead) / (PEAK_SECONDS * fs)))
    edges = np.linspace(0, len(lead), stretches + 1).astype(int)
    peaks = np.maximum.reduceat(lead, edges[:-1])
    usual = ndimage.median_filter(peaks, min(PEAKS, stretches), mode="nearest")
    return np.interp(np.arange(len(lead)), (edges[:-1] + edges[1:]) / 2, usual)
