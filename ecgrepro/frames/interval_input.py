"""How five seconds of one lead become a net's input: length, rate, band, scale; and the cutting of whole recordings."""

from dataclasses import dataclass

import numpy as np
from scipy import signal

from ecgrepro.errors import SettingsError
from ecgrepro.frames.resample import resample

#: Hz that recordings of CinC 2017 are made of: in half of their intervals of high quality less than 2 % of the power
#: is below, and less than 0.1 % above. Those of a Holter have half of it below, and muscle noise some above.
DEVICE_BAND = (0.5, 40.0)


@dataclass(frozen=True)
class IntervalInput:
    """How an interval becomes an input.

    Attributes
    ----------
    seconds : float
    fs : float
        Sampling rate in Hz after resampling.
    resampling : {"polyphase", "fft"}
    band : tuple of two floats, optional
        Hz passed by a Butterworth filter of second order, run over each interval forwards and backwards. None, the
        default, passes all: the paper names no filter. `DEVICE_BAND` gives any corpus the bandwidth of CinC 2017.
    standardised : bool
        Each interval about its own mean, in its own standard deviations (`standardise`); else mV.
    """

    seconds: float = 5.0
    fs: float = 250.0
    resampling: str = "polyphase"
    band: tuple | None = None
    standardised: bool = False

    @property
    def length(self):
        """Samples of an input."""
        return self.samples(self.fs)

    def samples(self, fs):
        """Samples of an interval at a rate in Hz; `SettingsError` where that is no whole number."""
        samples = round(self.seconds * fs)
        if samples < 1 or abs(samples - self.seconds * fs) > 1e-6:
            raise SettingsError("seconds", f"a whole number of samples at {fs:g} Hz", f"{self.seconds * fs:g}",
                                "Choose another length or rate.")  # fmt: skip
        return samples

    def finish(self, millivolts):
        """Filter and scale intervals in mV, (n_intervals, length), as told: float32; `SettingsError` for no band."""
        values = millivolts if self.band is None else pass_band(millivolts, self.band, self.fs)
        return standardise(values) if self.standardised else np.asarray(values, np.float32)


class OfIntervals:
    """What is drawn to learn from, whose inputs are as its `interval`, an `IntervalInput`, has them."""

    @property
    def fs(self):
        """Hz."""
        return self.interval.fs

    @property
    def length(self):
        """Samples of an input."""
        return self.interval.length


def pass_band(intervals, band, fs):
    """Pass a band of Hz, each interval on its own: float64 (n_intervals, n_samples).

    Both ends go on for two seconds in mirror image. SciPy's default turns it about the last sample as well, which
    makes a step of whatever noise that sample has.
    """
    low, high = band
    if not 0 < low < high < fs / 2:
        raise SettingsError("band", f"two ascending frequencies between 0 and {fs / 2:g} Hz", repr(band),
                            "Such as (0.5, 40.0).")  # fmt: skip
    if not len(intervals):
        return intervals
    sections = signal.butter(2, band, "bandpass", fs=fs, output="sos")
    padding = min(round(2 * fs), intervals.shape[1] - 1)
    return signal.sosfiltfilt(sections, intervals, axis=1, padtype="even", padlen=padding)


def standardise(intervals):
    """Each interval about its own mean in its own standard deviations: float32 (n, length); of a flat one zeros."""
    centred = intervals - np.mean(intervals, axis=1, keepdims=True, dtype=np.float64)
    deviation = centred.std(axis=1, keepdims=True)
    # not 0: the mean of equal numbers may be off by a rounding error
    return np.where(deviation > 1e-9, centred / np.maximum(deviation, 1e-9), 0).astype(np.float32)


def cut_recording(millivolts, fs, how):
    """Resample a whole lead and cut it: float64 (n_intervals, how.length) in mV.

    Parameters
    ----------
    millivolts : float array, (n_samples,)
        Finite.
    fs : float
        Its rate in Hz.
    how : IntervalInput
    """
    count = len(millivolts) // how.samples(fs)
    mean = millivolts.mean()  # the filter takes what lies beyond the ends for 0: an offset would ring there
    resampled = resample(millivolts - mean, fs, how.fs, how.resampling) + mean
    return resampled[: count * how.length].reshape(count, how.length)
