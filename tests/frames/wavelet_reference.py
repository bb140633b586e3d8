"""PyWavelets' complex Morlet transform, made comparable: shared by the test and the benchmark of the CWT layer.

`pywt.cwt` differs from the textbook's transform in two ways. It averages the wavelet over each sample (it takes
differences of the wavelet's integral), which weakens frequency f by sinc(f / fs); and it cuts its result to the
signal's length at whole samples, which leaves each row up to one sample late or early, depending on the scale.
"""

import numpy as np
import pywt

#: The analytic Morlet wavelet of omega0 = 6: exp(-t**2 / 2) * exp(6j * t) / sqrt(2 * pi).
MORLET = f"cmor2.0-{6 / (2 * np.pi):.17g}"
#: Samples (log2) in which PyWavelets holds the wavelet's integral; the default of 12 is too few above scale 256.
PRECISION = 21


def scalogram_by_pywavelets(signals, scales, precision=PRECISION):
    """Magnitudes of (batch, length) in float64: (batch, n_scales, length), zeros beyond the ends, PyWavelets' norm."""
    length, margin = signals.shape[-1], int(6 * scales.max())
    padded = np.pad(signals.astype("float64"), ((0, 0), (margin, margin)))
    found, _ = pywt.cwt(padded, scales, MORLET, method="fft", precision=precision)
    frequencies = np.fft.fftfreq(found.shape[-1])
    undone = np.exp(-2j * np.pi * frequencies * _lateness(scales)[:, None]) / np.sinc(frequencies)
    found = np.fft.ifft(np.fft.fft(found, axis=-1) * undone[:, None], axis=-1)
    return np.abs(found[..., margin : margin + length]).swapaxes(0, 1)


def _lateness(scales):
    """By how many samples each row of `pywt.cwt` stands too early, from how it samples and cuts."""
    # the wavelet from -8 to 8, at every 1 / scale; differences stand between its points
    n_points = np.floor(16 * scales) + 1
    return np.floor((n_points - 2) / 2) + 8 * scales - n_points + 1.5
