"""Faults of a recording that noise does not explain: flat lines, saturation, missing samples.

They are looked for in ADC units, before any filter smears them, with two limits of our own choice:

* flat: one value held for 0.2 s or longer. Between T and P most converters still tell the samples apart: of the 54,593
  intervals of 5 s of CinC 2017 three are flat, all in recordings labelled too noisy.
* saturated: the recording's own highest or lowest value held for 50 ms or longer, which no tip of an R wave does.
* missing: -32,768, which stands for an invalid sample in WFDB format 16 (signal(5), WFDB Applications Guide) and in the
  MAT files of CinC 2017. Format 212 uses -2,048, which is also its lowest value: held for long, it shows as saturation.
"""

import numpy as np

from ecgrepro.errors import InputError

FAULTS = ("flat", "saturated", "missing")
FLAT_SECONDS, SATURATED_SECONDS = 0.2, 0.05
#: An invalid sample of an int16 signal.
INVALID = -32768


def find_faults(adc, fs, starts, length):
    """Tell which intervals of a lead have faults.

    Parameters
    ----------
    adc : int16 array, (n_samples,)
        One lead of a whole recording in ADC units; its extremes are those of the valid samples.
    fs : float
        Sampling rate in Hz.
    starts : int array, (n_intervals,)
        First samples of the intervals.
    length : int
        Samples of an interval; all must lie within the signal.

    Returns
    -------
    dict of bool arrays, (n_intervals,)
        By the names in `FAULTS`. Only what lies within the interval counts.

    Raises
    ------
    InputError
        A signal that is not int16 (n_samples,), intervals that leave it.
    """
    adc, starts = np.asarray(adc), np.asarray(starts, np.int64)
    if adc.dtype != np.int16 or adc.ndim != 1:
        raise InputError("signal", "one lead in ADC units, int16 (n_samples,)", f"{adc.dtype} {adc.shape}",
                         "Give a column of Corpus.signal.")  # fmt: skip
    if len(starts) and (starts.min() < 0 or starts.max() + length > len(adc)):
        raise InputError("intervals", f"{length} samples each within 0 and {len(adc)}",
                         f"starts from {starts.min()} to {starts.max()}", "Cut only whole intervals.")  # fmt: skip
    invalid = adc == INVALID
    extreme = ~invalid & np.isin(adc, _extremes(adc[~invalid]))
    return {"flat": _any_run(adc, ~invalid, FLAT_SECONDS * fs, starts, length),
            "saturated": _any_run(adc, extreme, SATURATED_SECONDS * fs, starts, length),
            "missing": _any_run(adc, invalid, 1, starts, length)}  # fmt: skip


def _extremes(valid):
    return (valid.min(), valid.max()) if len(valid) else ()


def _any_run(adc, wanted, samples, starts, length):
    """Whether an interval holds so many equal samples in a row, all of them wanted: bool (n_intervals,)."""
    size = max(int(np.ceil(samples - 1e-9)), 1)
    if size > length or len(starts) == 0:
        return np.zeros(len(starts), bool)
    # places where a run of `size` samples begins; counted up, a range of them is a difference of two sums
    equal = np.concatenate([[0], np.cumsum((adc[1:] == adc[:-1]) & wanted[1:])])
    begins = wanted[: len(adc) - size + 1] & (equal[size - 1 :] - equal[: len(adc) - size + 1] == size - 1)
    counts = np.concatenate([[0], np.cumsum(begins)])
    return counts[starts + length - size + 1] > counts[starts]


def lead_millivolts(corpus, i, lead=0, span=slice(None)):
    """One lead of a recording in mV, without gaps.

    Parameters
    ----------
    corpus : Corpus
    i : int
        Position of the recording.
    lead : int
    span : slice
        Of its samples.

    Returns
    -------
    float64 array, (n_samples,)
        Missing samples filled by `fill_missing`.
    """
    row = corpus.index.iloc[i]
    adc = corpus.signal(i)[span, lead]
    values = (adc - row.baseline[lead]) / row.gain[lead]
    return fill_missing(np.where(adc == INVALID, np.nan, values))


def fill_missing(values):
    """Fill what is not finite: float64 (n_samples,), straight lines between neighbours, the nearest value at the ends.

    A signal without any finite sample becomes 0.
    """
    values = np.asarray(values, np.float64)
    known = np.isfinite(values)
    if known.all():
        return values
    if not known.any():
        return np.zeros_like(values)
    places = np.arange(len(values))
    return np.interp(places, places[known], values[known])
