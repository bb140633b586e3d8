"""Noise added to a clean ECG at a stated signal-to-noise ratio, by the convention of the noise stress test.

Source: the program `nst` (manual page, section "Signal-to-noise ratios", and the sources of `nst` and `sigamp`
in the WFDB Software Package), which made the MIT-BIH Noise Stress Test Database; Moody GB, Muldrow WK, Mark RG,
Computers in Cardiology 11:381-384 (1984). For every lead on its own:

* signal power S = A²/8, where A is the mean peak-to-peak amplitude of the first 300 normal QRS complexes, each the
  range from 50 ms before to 50 ms after its annotation, without the largest and the smallest 5 %;
* noise power N = n², where n is the mean root mean square of the first 300 one-second windows of the noise, each about
  its own mean, without the largest and the smallest 5 %;
* the noise is multiplied by the gain a that solves SNR = 10 log10(S / (N a²)), paired lead i with channel i modulo
  their number, and shifted so that it sets in without a step.

A power over the whole ECG would follow the heart rate; this one follows what a QRS detector has to find. The ratio
holds for the noise that was measured, i.e. its first five minutes: elsewhere the same gain may give another one. In
118e24 to 118e_6, whose noise sets in after those minutes, it is 4.5 dB below the stated one in lead MLII and 0.5 dB
above it in V1, over all noisy minutes.

Where this departs from `nst`: deviations from a window's mean are not cut to whole ADC units (cut, the noise of bw and
ma measures 0.2 to 0.4 dB less); beats too near to an end are passed over where `nst` stops counting; what counts as a
normal beat is told by `normal_beats`; noise that is too short is refused where `nst` starts it again. To mix by the
letter, measure `noise_rms` on the whole noise record and give it to `mix`.
"""

import numpy as np

from ecgrepro.corpora.record import BEAT_CLASSES
from ecgrepro.errors import InputError, SettingsError
from ecgrepro.frames.resample import resample

#: Kinds of NSTDB noise that can make an ECG unusable; baseline wander alone ("bw") does not hide a QRS complex.
LOW_QUALITY_KINDS = ("em", "ma")
PARTS = ("training", "validation")
#: QRS complexes and one-second windows that are measured, and the share of them cut off at either end.
MEASUREMENTS, TRIMMED = 300, 20
QRS_HALF_WINDOW_S = 0.05
#: Amplitudes up to this many mV count as flat; converters resolve thousands of times as much.
FLAT_MV = 1e-9
_NORMAL = tuple(BEAT_CLASSES.index(name) for name in ("normal", "PAC", "aberrated"))


def normal_beats(positions, classes):
    """Keep the beats whose QRS complexes are measured: int64 (n_normal,).

    Parameters
    ----------
    positions, classes : int64 (n_beats,), int8 (n_beats,)
        As in `Record`.

    Notes
    -----
    `nst` takes every beat but ventricular and fusion beats. Of these our classes keep normal, premature atrial and
    aberrated ones; paced and unclassifiable beats, which `nst` takes too, share "undefined" with fusion beats here.
    """
    return np.asarray(positions)[np.isin(classes, _NORMAL)]


def qrs_amplitude(signal_mv, beats, fs):
    """Measure the peak-to-peak amplitude of the normal QRS complexes.

    Parameters
    ----------
    signal_mv : float array, (n_samples,) or (n_samples, n_leads)
        Clean ECG in mV.
    beats : int array, (n_beats,)
        R peaks of the normal beats (`normal_beats`), 0-based samples, ascending.
    fs : float
        Sampling rate in Hz.

    Returns
    -------
    float64 array, (n_leads,)
        In mV.

    Raises
    ------
    InputError
        No beat whose window lies within the signal, a lead without amplitude, samples that are not finite.
    SettingsError
        A rate that is not positive.
    """
    signal, half = _leads("ECG", signal_mv), int(QRS_HALF_WINDOW_S * _rate(fs) + 0.5)
    beats = np.asarray(beats, np.int64).reshape(-1)
    inside = beats[(beats >= half) & (beats < len(signal) - half)][:MEASUREMENTS]
    if len(inside) == 0:
        raise InputError("ECG", f"at least one beat {QRS_HALF_WINDOW_S:g} s or more from either end",
                         f"{len(beats)} beats, none of them", "Give the annotated beats.")  # fmt: skip
    windows = signal[inside[:, None] + np.arange(-half, half + 1)]
    return _positive("ECG", "QRS amplitude", _trimmed_mean(np.ptp(windows, axis=1)))


def noise_rms(noise_mv, fs):
    """Measure the root mean square of noise over its first 300 whole seconds.

    Parameters
    ----------
    noise_mv : float array, (n_samples,) or (n_samples, n_channels)
        In mV.
    fs : float
        Sampling rate in Hz.

    Returns
    -------
    float64 array, (n_channels,)
        In mV.

    Raises
    ------
    InputError
        Less than a second, a channel that is flat, samples that are not finite.
    SettingsError
        A rate that is not positive.
    """
    noise, width = _leads("noise", noise_mv), max(int(_rate(fs) + 0.5), 1)
    if len(noise) < width:
        raise InputError("noise", f"a second, {width} samples", f"{len(noise)} samples", "Give more noise.")
    count = min(len(noise) // width, MEASUREMENTS)
    windows = noise[: count * width].reshape(count, width, -1)
    return _positive("noise", "root mean square", _trimmed_mean(windows.std(axis=1)))


def noise_gain(amplitude, rms, snr_db):
    """Solve SNR = 10 log10((amplitude² / 8) / (rms² gain²)) for the gain.

    Parameters
    ----------
    amplitude, rms : float arrays, (n_leads,)
        Of the QRS complexes, peak to peak, and of the noise, in the same unit.
    snr_db : float
        In dB; may be negative.

    Returns
    -------
    float64 array, (n_leads,)
        Without unit.

    Raises
    ------
    SettingsError
        A ratio outside -200 to 200 dB, or no number.
    """
    if not -200 <= snr_db <= 200:
        raise SettingsError("signal-to-noise ratio", "-200 to 200 dB", repr(snr_db), "Give it in dB.")
    return np.asarray(amplitude) / (np.sqrt(8) * np.asarray(rms)) * 10 ** (-snr_db / 20)


def measured_snr(amplitude, rms):
    """Return the ratio in dB of QRS complexes of `amplitude` to noise of `rms`: float64 array, (n_leads,)."""
    return 10 * np.log10(np.square(amplitude) / 8 / np.square(rms))


def mix(signal_mv, noise_mv, snr_db, *, beats, fs, start=0, rms=None):
    """Add noise to a clean ECG.

    Parameters
    ----------
    signal_mv : float array, (n_samples,) or (n_samples, n_leads)
        Clean ECG in mV.
    noise_mv : float array, (n_noise,) or (n_noise, n_channels)
        In mV at the same rate (`noise_part`); lead i gets channel i modulo n_channels.
    snr_db : float
        Signal-to-noise ratio in dB.
    beats : int array, (n_beats,)
        R peaks of the normal beats in `signal_mv`, 0-based samples.
    fs : float
        Sampling rate of both in Hz.
    start : int
        Sample of the noise that falls on the ECG's first.
    rms : float array, (n_channels,), optional
        What the noise is taken to measure, in mV; `noise_rms` of `noise_mv` if not given. Every piece of a record
        mixed with the record's `rms` has the record's ratio on average, as in `nst`.

    Returns
    -------
    float64 array
        In mV, of the signal's shape; its first sample is the ECG's own.

    Raises
    ------
    InputError
        No beats, an ECG or a noise without amplitude, samples that are not finite.
    SettingsError
        A ratio or rate out of range, or noise that ends before the ECG does.
    """
    signal, noise = _leads("ECG", signal_mv), np.asarray(noise_mv)
    noise = noise[:, None] if noise.ndim == 1 else noise
    if not 0 <= start <= len(noise) - len(signal):
        raise SettingsError("start", f"{len(signal)} samples of noise from it on", f"sample {start} of {len(noise)}",
                            "Start earlier, or give more noise.")  # fmt: skip
    rms = noise_rms(noise, fs) if rms is None else _given_rms(rms, noise.shape[1])
    channels = np.arange(signal.shape[1]) % noise.shape[1]
    gain = noise_gain(qrs_amplitude(signal, beats, fs), rms[channels], snr_db)
    piece = _leads("noise", noise[start : start + len(signal)])[:, channels]
    return (signal + gain * (piece - piece[0])).reshape(np.shape(signal_mv))


def noise_part(record, fs, part, share=0.5):
    """Cut a noise record in two by time and bring one part to a sampling rate.

    The cut comes before the resampling, whose filter would carry samples across it.

    Parameters
    ----------
    record : Record
    fs : float
        New rate in Hz.
    part : {"training", "validation"}
        The beginning, or the rest.
    share : float
        Of the record's samples that are for training.

    Returns
    -------
    float64 array, (n_samples, n_channels)
        In mV, about a mean of 0.

    Raises
    ------
    SettingsError
        An unknown part, a share that is not between 0 and 1, a rate that is not positive.
    InputError
        A part of no samples.
    """
    if part not in PARTS:
        raise SettingsError("part", f"one of {', '.join(PARTS)}", repr(part), "Noise is split by time.")
    if not 0 < share < 1:
        raise SettingsError("share", "a share between 0 and 1", repr(share), "Such as 0.5.")
    cut = int(len(record.signal) * share)
    kept = slice(0, cut) if part == "training" else slice(cut, None)
    values = (record.signal[kept] - record.baseline) / record.gain
    if len(values) == 0:
        raise InputError(record.record_id, f"samples for {part}", "none", "Choose another share.")
    # the filter takes what lies beyond the ends for 0: an offset would ring there
    return resample(values - values.mean(axis=0), record.fs, _rate(fs))


def draw_starts(n_noise, length, size, rng):
    """Draw where pieces of noise begin, evenly over the noise.

    Parameters
    ----------
    n_noise, length : int
        Samples of the noise and of a piece.
    size : int
        Pieces.
    rng : numpy.random.Generator

    Returns
    -------
    int64 array, (size,)

    Raises
    ------
    SettingsError
        Pieces that are empty or longer than the noise.
    """
    if not 0 < length <= n_noise:
        raise SettingsError("length", f"a piece of 1 to {n_noise} samples", str(length), "Give more noise.")
    return rng.integers(0, n_noise - length, size, endpoint=True)


def _leads(name, values):
    """As float64 (n_samples, n_leads)."""
    values = np.asarray(values, np.float64)
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or not np.isfinite(values).all():
        raise InputError(name, "finite samples of shape (n_samples,) or (n_samples, n_leads)",
                         f"{values.shape}, {np.count_nonzero(~np.isfinite(values))} of them not finite",
                         "Convert to mV and drop what is missing.")  # fmt: skip
    return values


def _rate(fs):
    if not 0 < fs < np.inf:
        raise SettingsError("sampling rate", "a positive rate in Hz", repr(fs), "Check the rate.")
    return fs


def _given_rms(rms, n_channels):
    if np.shape(rms) != (n_channels,):
        raise SettingsError("rms", f"one value for each of {n_channels} channels of noise", f"shape {np.shape(rms)}",
                            "Measure it with noise_rms on the whole noise.")  # fmt: skip
    return _positive("noise", "root mean square", np.asarray(rms, np.float64))


def _trimmed_mean(values):
    """Mean over the first axis without the largest and the smallest 5 %, each lead on its own."""
    cut = len(values) // TRIMMED
    return np.sort(values, axis=0)[cut : len(values) - cut].mean(axis=0)


def _positive(name, quantity, values):
    # not 0: the mean of equal numbers may be off by a rounding error
    if not (np.isfinite(values) & (values > FLAT_MV)).all():
        raise InputError(name, f"a {quantity} above {FLAT_MV:g} mV in every lead", f"{values.tolist()} mV",
                         "A flat lead has no signal-to-noise ratio: leave it out.")  # fmt: skip
    return values
