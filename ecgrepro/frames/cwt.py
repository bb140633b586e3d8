"""Scalogram: magnitude of the continuous wavelet transform, as the picture that AlexNet looks at.

Source: Huerta et al., CinC 2022: Morlet wavelet, 48 voices per octave, 5 s at 250 Hz, AlexNet. The rest they leave
open; 48 is the most that MATLAB's `cwtfilterbank` takes, so MATLAB's conventions fill the gaps (Mathworks, "Classify
Time Series Using Wavelet Analysis and Deep Learning", and the documentation of `cwtfilterbank`, `cwtfreqbounds` and
`imresize`).

The transform. Of the signal's Fourier transform X, the row of scale s (in samples) is the inverse transform of
``X(w) * 2 * exp(-(s * w - 6)**2 / 2)`` for angular frequencies w of 0 to pi per sample: the analytic Morlet wavelet of
omega0 = 6 in MATLAB's normalisation ("L1"), in which a sine of amplitude A has magnitude A on the row of its frequency,
``6 * fs / (2 * pi * s)``. "L2" is PyWavelets' normalisation, sqrt(s) / 2 times as much.

Frequencies. Unless told otherwise from .3683 * fs down (where the filter has fallen to a tenth of its peak at fs / 2)
to where two standard deviations of the wavelet to each side, 2 * sqrt(2) * s in all, span the signal: for 1,250 samples
at 250 Hz 92.07 to .546 Hz, 356 rows. Both are MATLAB's rules for this wavelet.

Ends. "reflect" continues the signal in mirror image ("zeros": with nothing) as far as a filter reaches. Nearer to an
end than sqrt(2) * s samples, a value depends mostly on that continuation (the cone of influence: 0.34 s at 4 Hz, 1.35 s
at 1 Hz).

Picture. Magnitude, logarithm if asked for, bilinear resizing, one range per image, colour. Two departures from MATLAB's
example, which colours with 8 bits before it resizes, by bicubic interpolation: values are not rounded, and colours do
not mix. When it shrinks, the triangle of the interpolation is as wide as the step (antialiasing, as in `imresize`), or
four in five columns would be ignored.

How it is computed. Octave by octave, each padded as far as its own widest filter reaches (5 s, where a Gaussian is
4e-6 of its peak) and no further: one inverse Fourier transform of all its rows, for the highest octave of 1,320 points
where the lowest needs 2,500. No more than an octave of complex values need be in memory at a time.

Agrees with the definition, summed in float64, to 1e-5 of the largest magnitude; and with ``pywt.cwt(signal, scales,
"cmor2.0-C", method="fft", precision=21)``, C = 6 / (2 * pi), times 2 / sqrt(s) for "L1", to 1e-3 of each row's largest
magnitude, both ends included, with "zeros", on rows below .32 * fs (2e-2 above, where a sampled wavelet, PyWavelets'
kind, reaches beyond fs / 2), once two habits of PyWavelets are undone: it averages the wavelet over each sample, which
weakens frequency f by sinc(f / fs), 4 % at 40 Hz of 250, and leaves each row up to one sample early or late. With its
default precision of 12 PyWavelets itself is 10 % off on the lowest rows: above scale 256 it has less than one point of
the wavelet per sample.
"""

import keras
import numpy as np
from keras import ops
from scipy.fft import next_fast_len

from ecgrepro.errors import SettingsError
from ecgrepro.frames.resize import resize
from ecgrepro.frames.spectral import SpectralLayer, compress, magnitude, require

OMEGA0 = 6.0
#: A filter's reach in scales to each side: the Gaussian is at 4e-6 of its peak.
REACH = 5.0
CHOICES = {"padding": ("reflect", "zeros"), "norm": ("L1", "L2"), "magnitude": ("linear", "log"),
           "colour": ("jet", "grey", None)}  # fmt: skip


def scales(length, fs=250.0, *, voices=48, lowest=None, highest=None):
    """Scales of the rows, ascending, so from the highest frequency to the lowest: float64, (n_scales,), in samples.

    ``OMEGA0 * fs / (2 * pi * scales)`` are the frequencies in Hz; the highest is met, the lowest approached. See
    `Scalogram` for the parameters.
    """
    smallest = (OMEGA0 + np.sqrt(2 * np.log(10))) / np.pi if highest is None else _scale(highest, fs)
    largest = length / np.sqrt(8) if lowest is None else _scale(lowest, fs)
    if largest < smallest:
        got = f"{_scale(largest, fs):g} to {_scale(smallest, fs):g} Hz for {length} samples"
        raise SettingsError(
            "lowest, highest", "ascending frequencies", got, "Set both, or lengthen the signal."
        )
    # rounding must not cost the last row of a whole number of octaves
    n_scales = int(voices * np.log2(largest / smallest) + 1e-6) + 1
    return smallest * 2 ** (np.arange(n_scales) / voices)


def _scale(frequency, fs):
    """Scale of a frequency, and frequency of a scale."""
    return OMEGA0 * fs / (2 * np.pi * frequency)


@keras.saving.register_keras_serializable("ecgrepro")
class Scalogram(SpectralLayer):
    """Turn signals into scalograms.

    Parameters
    ----------
    fs : float
        Sampling rate in Hz.
    voices : int
        Rows per octave.
    lowest, highest : float, optional
        Frequencies in Hz; MATLAB's if None.
    padding : {"reflect", "zeros"}
    norm : {"L1", "L2"}
    magnitude : {"linear", "log"}
        "log" is ``log(1 + magnitude / floor)``.
    floor : float
        Where "log" turns from linear to logarithmic, in the unit of the magnitude.
    size : (int, int), optional
        Height and width of the image; None leaves one row per scale and one column per sample.
    colour : {"jet", "grey", None}
        How each image's range, smallest to largest value, is shown: MATLAB's `jet`, blue to red, or three equal
        channels, black to white; both of one lead. None leaves magnitudes as they are, one channel per lead.
    white : float
        Value of a channel at its brightest.
    mean : (float, float, float)
        Subtracted from red, green and blue: `ecgrepro.models.caffe_weights.IMAGE_MEAN` for published weights.

    Call arguments
    --------------
    inputs : float32, (batch, length, n_leads)

    Returns
    -------
    float32, (batch, height, width, 3)
        Of 0 to `white`, less `mean`; the highest frequency on top. Without a colour (batch, height, width, n_leads) in
        the unit of the signal ("L1").

    Raises
    ------
    SettingsError
        An unknown choice, a number that is not positive, frequencies out of order or above fs / 2, or a colour for
        several leads.
    """

    SETTINGS = ("fs", "voices", "lowest", "highest", "padding", "norm", "magnitude", "floor", "size", "colour", "white",
                "mean")  # fmt: skip

    def __init__(self, fs=250.0, voices=48, lowest=None, highest=None, padding="reflect", norm="L1",
                 magnitude="linear", floor=0.01, size=(227, 227), colour="jet", white=255.0, mean=(0.0, 0.0, 0.0),
                 **kwargs):  # fmt: skip
        chosen = {"padding": padding, "norm": norm, "magnitude": magnitude, "colour": colour}
        for name, value in chosen.items():
            require(value in CHOICES[name], name, f"one of {CHOICES[name]}", value, "See frames/cwt.py.")
        for name, value in (("fs", fs), ("voices", voices), ("floor", floor), ("white", white)):
            require(0 < value < np.inf, name, "a number above 0", value, "Leave it out for the default.")
        for name, value in (("lowest", lowest), ("highest", highest)):
            require(
                value is None or 0 < value < fs / 2,
                name,
                f"between 0 and {fs / 2:g} Hz",
                value,
                "None is MATLAB's.",
            )
        require(
            size is None or (len(size) == 2 and min(size) > 0),
            "size",
            "height and width",
            size,
            "Try (227, 227).",
        )
        require(len(mean) == 3, "mean", "one number each for red, green and blue", mean, "Try (0, 0, 0).")
        numbers = {
            "fs": fs,
            "voices": voices,
            "lowest": lowest,
            "highest": highest,
            "floor": floor,
            "white": white,
        }
        shapes = {"size": size and tuple(size), "mean": tuple(mean)}
        super().__init__(numbers | shapes | chosen, **kwargs)

    def prepare(self, length, n_leads):
        require(
            self.colour is None or n_leads == 1,
            "colour",
            "None for several leads",
            self.colour,
            "Choose a lead.",
        )
        rows = self._scales(length)
        self._octaves = [_octave(rows[i : i + self.voices], length, self.padding, self.norm)
                         for i in range(0, len(rows), self.voices)]  # fmt: skip

    def transform(self, signal):
        length = signal.shape[1]
        height, width = self.size or (None, length)
        signal = ops.transpose(signal, (0, 2, 1))
        image = ops.concatenate([self._rows(signal, *octave) for octave in self._octaves], axis=-2)
        image = resize(resize(image, width, axis=-1), height or image.shape[-2], axis=-2)
        if self.colour is None:
            return ops.transpose(image, (0, 2, 3, 1))
        pixels = COLOURS[self.colour](_scaled(image[:, 0]))
        return ops.stack(pixels, axis=-1) * self.white - np.array(self.mean, "float32")

    def _rows(self, signal, filters, before, after):
        """Magnitudes of one octave: (batch, n_leads, length) to (batch, n_leads, n_scales, length)."""
        mode = "symmetric" if self.padding == "reflect" else "constant"
        padded = ops.pad(signal, ((0, 0), (0, 0), (before, after)), mode=mode)
        parts = [ops.expand_dims(part, 2) * filters for part in ops.rfft(padded)]
        # an analytic row has no negative frequencies
        negative = padded.shape[-1] - filters.shape[-1]
        real, imaginary = (ops.pad(part, ((0, 0), (0, 0), (0, 0), (0, negative))) for part in parts)
        # the inverse transform is the transform of the conjugate, conjugated: to the magnitude it is the same
        parts = ops.fft((real, -imaginary))
        image = magnitude(*(part[..., before : before + signal.shape[-1]] for part in parts))
        return compress(image, self.floor) if self.magnitude == "log" else image

    def _scales(self, length):
        return scales(length, self.fs, voices=self.voices, lowest=self.lowest, highest=self.highest)

    def compute_output_shape(self, input_shape):
        batch, length, n_leads = input_shape
        height, width = self.size or (len(self._scales(length)), length)
        return (batch, height, width, n_leads if self.colour is None else 3)


def _octave(rows, length, padding, norm):
    """Filters (float32, (n_scales, n_frequencies)) of some scales, and how many samples to pad before and after."""
    reach = int(np.ceil(REACH * rows[-1]))
    if padding == "zeros":
        # what wraps round at the end may be read from either side
        before, total = 0, next_fast_len(length + reach)
    else:
        total = next_fast_len(length + 2 * reach)
        # signal and mirror image repeat after twice the length: longer than that is the same
        total = 2 * length if total >= 2 * length else total
        before = (total - length) // 2
    frequencies = 2 * np.pi * np.arange(total // 2 + 1) / total
    peak = np.full(len(rows), 2.0) if norm == "L1" else np.sqrt(rows)
    filters = peak[:, None] * np.exp(-((rows[:, None] * frequencies - OMEGA0) ** 2) / 2)
    return (filters / total).astype("float32"), before, total - length - before


def _scaled(image):
    """Each image of (batch, height, width) to 0 ... 1; one without any contrast to 0."""
    low = ops.min(image, axis=(1, 2), keepdims=True)
    high = ops.max(image, axis=(1, 2), keepdims=True)
    return (image - low) / ops.maximum(high - low, 1e-15)


def jet(values):
    """Red, green and blue of 0 to 1 for values of 0 to 1: MATLAB's `jet`, whose level i of m is ``jet(i / m)``."""
    return [ops.clip(1.5 - ops.abs(4 * values - centre), 0, 1) for centre in (3, 2, 1)]


def grey(values):
    """Three equal channels."""
    return [values] * 3


COLOURS = {"jet": jet, "grey": grey}
