"""Magnitudes of the short-time Fourier transform: the input of the 2-D spectrogram net.

Source: the DL4H class report of Team 1 (2024), as coded in myles-i/DLH_TransferLearning 2bce687
(`transplant/datasets/icentia11k_spectrogram.py`): ``abs(librosa.stft(signal, n_fft=256, hop_length=32))[1:129,
:length // 32]``, so a periodic Hann window of 256 samples, frames centred on every 32nd sample, zeros beyond the ends,
no decibels, neither the constant (bin 0) nor the last frame. Its draft has hop 64 and the lowest 32 bins:
``STFT(hop=64, bins=32)``.

At 250 Hz bins are .977 Hz apart and frames 128 ms; bins 1 to 128 are .98 to 125 Hz. At another sampling rate window
and hop scale with it: 32 samples at 125 Hz are as long as 64 at 250 Hz.

Agrees with `scipy.signal.stft` in float64 (times the window's sum, by which SciPy divides) to 2e-6 of the largest
magnitude.
"""

import keras
import numpy as np
from keras import ops

from ecgrepro.frames.spectral import SpectralLayer, compress, magnitude, require

WINDOWS = (32, 64, 128, 256, 512)
MAGNITUDES = ("linear", "log")


@keras.saving.register_keras_serializable("ecgrepro")
class STFT(SpectralLayer):
    """Turn signals into spectrograms.

    Parameters
    ----------
    window : {256, 32, 64, 128, 512}
        Samples of the Hann window.
    hop : int
        Samples from frame to frame; must divide `window`.
    bins : int, optional
        How many frequencies to keep, from bin 1 on; all (window / 2) if None.
    magnitude : {"linear", "log"}
        "log" is ``log(1 + magnitude / floor)``; not the report's, whose unused option is
        ``librosa.amplitude_to_db`` against each image's minimum.
    floor : float
        Where "log" turns from linear to logarithmic. A sine of amplitude A has magnitude A * window / 4; the default
        is about what rounding to 12 bits gives in standardised recordings.

    Call arguments
    --------------
    inputs : float32, (batch, length, n_leads)

    Returns
    -------
    float32, (batch, bins, length // hop, n_leads)
        Rows are frequencies, ascending; columns are frames; one channel per lead. In the unit of the signal.

    Raises
    ------
    SettingsError
        An unknown window or magnitude, a hop that does not divide the window, bins outside 1 to window / 2, a floor
        that is not positive, or a signal shorter than a hop.
    """

    SETTINGS = ("window", "hop", "bins", "magnitude", "floor")

    def __init__(self, window=256, hop=32, bins=None, magnitude="linear", floor=0.1, **kwargs):
        require(window in WINDOWS, "window", f"one of {WINDOWS} samples", window, "The report's is 256.")
        divides = isinstance(hop, int) and hop > 0 and window % hop == 0
        require(divides, "hop", f"a divisor of the window, {window}", hop, "The report's is 32.")
        bins = window // 2 if bins is None else bins
        require(1 <= bins <= window // 2, "bins", f"1 to {window // 2}", bins, "Leave it out for all.")
        require(
            magnitude in MAGNITUDES, "magnitude", f"one of {MAGNITUDES}", magnitude, "The report's is linear."
        )
        require(floor > 0, "floor", "a magnitude above 0", floor, "Leave it out.")
        settings = {"window": window, "hop": hop, "bins": bins, "magnitude": magnitude, "floor": floor}
        super().__init__(settings, **kwargs)

    def prepare(self, length, n_leads):
        require(
            length >= self.hop,
            "length",
            f"at least one hop of {self.hop} samples",
            length,
            "Lengthen the frame.",
        )
        self._n_frames = length // self.hop
        # periodic, as the Fourier transform sees it: the sample after the last would be the first again
        self._hann = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self.window) / self.window)).astype("float32")

    def transform(self, signal):
        n_phases = self.window // self.hop
        n_samples = -(-self._n_frames // n_phases) * self.window
        padded = self._padded(ops.transpose(signal, (0, 2, 1)), n_samples + self.window - self.hop)
        # frames a window apart do not overlap: they are the signal itself in rows. So there is one series of frames for
        # each hop of a window, read in order and small enough for a processor's cache; they are woven together last
        series = [
            self._series(padded[..., start : start + n_samples]) for start in range(0, self.window, self.hop)
        ]
        image = ops.reshape(
            ops.stack(series, axis=3), (-1, signal.shape[2], n_samples // self.hop, self.bins)
        )
        return ops.transpose(image[:, :, : self._n_frames], (0, 3, 2, 1))

    def _padded(self, signal, length):
        """The signal after half a window of zeros, cut or filled up with zeros to a length."""
        left = self.window // 2
        signal = signal[..., : length - left]
        return ops.pad(signal, ((0, 0), (0, 0), (left, length - left - signal.shape[-1])))

    def _series(self, signal):
        """Adjoining frames: (batch, n_leads, n * window) to (batch, n_leads, n, bins)."""
        frames = ops.reshape(signal, (-1, signal.shape[1], signal.shape[2] // self.window, self.window))
        real, imaginary = ops.rfft(frames * self._hann)
        kept = slice(1, self.bins + 1)
        image = magnitude(real[..., kept], imaginary[..., kept])
        return compress(image, self.floor) if self.magnitude == "log" else image

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.bins, input_shape[1] // self.hop, input_shape[2])
