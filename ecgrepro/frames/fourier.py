"""Fourier transform of a whole recording, lead by lead: as the CSC2541 project coded it, and as it should be.

Source: xeon27/ecg-transfer-learning 4a17cbd, `ecg_ptbxl_benchmarking/code`: ``np.fft.fft`` over the time of a whole
recording (5,000 samples at 500 Hz), one of real part, imaginary part or absolute value (`utils/utils.py`,
`load_raw_data_ptbxl_fft`); standardised with one mean and one deviation over all bins and leads of the training
recordings (`preprocess_signals`); then a net that expects 2.5 s of signal is given the 1,250 values in the middle
(`models/timeseries_utils.py`, ``start + (timesteps - output_size) // 2``). The spectrum is two-sided and not shifted,
so the middle is its high end: bins 1,875 to 3,124 are frequencies of 187.5 to 250 Hz and back to 187.6 Hz, where an
electrocardiogram has next to nothing, and all but two of them stand there twice, mirrored.

`Fourier(form="one_sided")` shows what was meant: amplitudes of .5 to 40 Hz, each once, logarithmic.

Agrees with `np.fft.fft` in float64 to 2e-6 of the recording's largest magnitude.
"""

import keras
import numpy as np
from keras import ops

from ecgrepro.frames.spectral import SpectralLayer, compress, magnitude, require

PARTS = ("real", "imaginary", "absolute")
FORMS = ("as_coded", "one_sided")


@keras.saving.register_keras_serializable("ecgrepro")
class Fourier(SpectralLayer):
    """Turn signals into spectra.

    Parameters
    ----------
    part : {"absolute", "real", "imaginary"}
    form : {"as_coded", "one_sided"}
        Two-sided, unshifted sums over the samples, or amplitudes of a band in the signal's unit (a sine of amplitude
        A at a bin's frequency has A), as ``log(1 + amplitude / floor)``; the latter is for "absolute" alone.
    bins : int, optional
        For "as_coded": values of the middle that are kept; None keeps all, for windows cut later (in the project's
        test seven, from 0, 625, ... to 3,750; only the middle one was trained on).
    fs : float
        For "one_sided": sampling rate in Hz.
    band : (float, float)
        For "one_sided": lowest and highest frequency in Hz, both included; neither 0 nor fs / 2.
    floor : float
        For "one_sided": amplitude at which linear turns to logarithmic, in the unit of the signal.
    mean, deviation : float
        The output is less `mean`, over `deviation`: the project's scaler, which was fitted on spectra.

    Call arguments
    --------------
    inputs : float32, (batch, length, n_leads)

    Returns
    -------
    float32, (batch, bins, n_leads)
        For "as_coded" in the order of `np.fft.fft`; for "one_sided" frequencies ascending.

    Raises
    ------
    SettingsError
        An unknown part or form, a part that the form does not have, more bins than samples, a band outside of 0 to
        fs / 2 or without a bin, a rate, floor or deviation that is not positive.
    """

    SETTINGS = ("part", "form", "bins", "fs", "band", "floor", "mean", "deviation")

    def __init__(self, part="absolute", form="as_coded", bins=1250, fs=500.0, band=(0.5, 40.0), floor=1e-3,
                 mean=0.0, deviation=1.0, **kwargs):  # fmt: skip
        require(part in PARTS, "part", f"one of {PARTS}", part, "The project tried all three.")
        require(form in FORMS, "form", f"one of {FORMS}", form, "See frames/fourier.py.")
        fits = form == "as_coded" or part == "absolute"
        require(
            fits, "part", '"absolute" for a one-sided spectrum', part, 'Real and imaginary are "as_coded".'
        )
        for name, value in (("fs", fs), ("floor", floor), ("deviation", deviation)):
            require(0 < value < np.inf, name, "a number above 0", value, "Leave it out for the default.")
        low, high = band
        require(
            0 < low < high < fs / 2,
            "band",
            f"two frequencies between 0 and {fs / 2:g} Hz",
            band,
            "Ascending.",
        )
        settings = {"part": part, "form": form, "bins": bins, "fs": fs, "band": tuple(band), "floor": floor,
                    "mean": mean, "deviation": deviation}  # fmt: skip
        super().__init__(settings, **kwargs)

    def prepare(self, length, n_leads):
        self._kept(length)

    def transform(self, signal):
        length = signal.shape[1]
        kept = self._kept(length)
        mirrored = kept > length // 2
        real, imaginary = ops.rfft(ops.transpose(signal, (0, 2, 1)))
        # the spectrum of a real signal is its own mirror image, conjugated
        at = np.where(mirrored, length - kept, kept)
        real, imaginary = ops.take(real, at, axis=-1), ops.take(imaginary, at, axis=-1)
        if self.part == "real":
            out = real
        elif self.part == "imaginary":
            out = imaginary * np.where(mirrored, -1, 1).astype("float32")
        else:
            out = magnitude(real, imaginary)
        if self.form == "one_sided":
            out = compress(out * (2 / length), self.floor)
        return (ops.transpose(out, (0, 2, 1)) - self.mean) * (1 / self.deviation)

    def _kept(self, length):
        """Bins of the two-sided spectrum that make up the output, in its order."""
        if self.form == "as_coded":
            bins = length if self.bins is None else self.bins
            require(
                1 <= bins <= length,
                "bins",
                f"1 to {length}, the samples of a signal",
                bins,
                "None keeps all.",
            )
            return (length - bins) // 2 + np.arange(bins)
        found = np.arange(length // 2 + 1)
        frequencies = found * self.fs / length
        # a bin on the border belongs to the band whatever rounding makes of it
        low, high = self.band[0] * (1 - 1e-9), self.band[1] * (1 + 1e-9)
        found = found[(frequencies >= low) & (frequencies <= high)]
        require(
            len(found), "band", f"a bin, {self.fs / length:g} Hz apart, in it", self.band, "Widen the band."
        )
        return found

    def compute_output_shape(self, input_shape):
        return (input_shape[0], len(self._kept(input_shape[1])), input_shape[2])
