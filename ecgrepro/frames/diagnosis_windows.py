"""Crops to train on, windows to test on, and one answer from those of all windows.

Source: Strodthoff N et al., IEEE J Biomed Health Inform 25:1519 (2021), as coded in helme/ecg_ptbxl_benchmarking
(`models/timeseries_utils.py`, `TimeseriesDatasetCrops`, `aggregate_predictions`; `models/fastai_model.py`): training
sees a crop of 2.5 s, anew in every epoch; a test recording is cut into windows of 2.5 s every 1.25 s, seven of 10 s,
and the highest probability of a class over them is the answer. The CSC2541 project trains on the crop in the middle
alone (``random_crop=False``).

Departure: the benchmark's ``random.randint(0, n - 1)`` never draws the last of n + 1 starts; here all are drawn.
"""

import numpy as np

from ecgrepro.errors import InputError, SettingsError

AGGREGATES = ("max", "mean")


def crop_starts(recorded, length, rng=None):
    """Draw where the crop of each of some recordings begins, all starts equally likely; or take the one in the middle.

    Parameters
    ----------
    recorded : int array, (n,)
        Samples of each that were recorded (`diagnosis_input.recorded_samples`): crops lie within them. A recording that
        is shorter than a crop is cut from its first sample on, zeros included.
    length : int
        Samples of a crop.
    rng : numpy.random.Generator, optional
        Without it every crop is the one in the middle, as the project trains.

    Returns
    -------
    int64 array, (n,)
        First samples.

    Raises
    ------
    SettingsError
        A length below 1.
    """
    if length < 1:
        raise SettingsError("length of a crop", "at least 1 sample", str(length), "The benchmark has 2.5 s.")
    last = np.clip(np.asarray(recorded, np.int64) - length, 0, None)
    return last // 2 if rng is None else rng.integers(0, last, endpoint=True)


def window_starts(length, window, stride):
    """First samples of the windows that lie wholly within an input: int64 (n_windows,).

    Parameters
    ----------
    length, window, stride : int
        Samples of an input, of a window, from one window to the next; in the benchmark 1,000, 250 and 125.

    Raises
    ------
    SettingsError
        A window that is not 1 to `length`, a stride below 1.
    """
    if not (1 <= window <= length and stride >= 1):
        raise SettingsError("windows", f"1 to {length} samples, and a stride of at least 1", f"{window} and {stride}",
                            "The benchmark has 2.5 s and 1.25 s of 10 s.")  # fmt: skip
    return np.arange(0, length - window + 1, stride)


def windows_recorded(recorded, starts, window):
    """Tell which windows hold nothing but what was recorded: bool (n, n_windows).

    The first window always counts, so that every recording has an answer.

    Parameters
    ----------
    recorded : int array, (n,)
        Samples of each input that were recorded (`diagnosis_input.recorded_samples`).
    starts : int array, (n_windows,)
        Ascending.
    window : int
    """
    counted = np.asarray(starts) + window <= np.asarray(recorded)[:, None]
    counted[:, 0] = True
    return counted


def aggregate(logits, how="max", counted=None):
    """Make one logit per recording and class from those of its windows.

    Parameters
    ----------
    logits : float array, (n, n_windows, n_classes)
    how : {"max", "mean"}
        Of the probabilities; the highest belongs to the highest logit.
    counted : bool array, (n, n_windows), optional
        Windows that count (`windows_recorded`); all where not given.

    Returns
    -------
    float array, (n, n_classes)
        Of the same dtype. Logits, also of the mean probability, and finite however far the logits are from 0: no
        probability is ever rounded to 0 or 1.

    Raises
    ------
    SettingsError
        Another way.
    InputError
        Logits of another shape, without windows or not finite; a recording of which no window counts.
    """
    logits = np.asarray(logits)
    if how not in AGGREGATES:
        raise SettingsError("aggregate", f"one of {AGGREGATES}", repr(how), "The benchmark has max.")
    if logits.ndim != 3 or not logits.shape[1] or logits.dtype.kind != "f" or not np.isfinite(logits).all():
        finite = "" if logits.dtype.kind != "f" or np.isfinite(logits).all() else ", not all finite"
        raise InputError("logits", "finite floats (n, n_windows, n_classes), at least one window",
                         f"{logits.dtype} {logits.shape}{finite}",
                         "Give a net's outputs before the sigmoid.")  # fmt: skip
    left_out = ~_checked_counted(counted, logits.shape[:2])[..., None]
    if how == "max":
        return np.where(left_out, -np.inf, logits).max(axis=1).astype(logits.dtype)
    # the common count cancels: log odds of the mean are log sum p - log sum (1 - p)
    yes, no = (
        np.where(left_out, -np.inf, -np.logaddexp(0, sign * logits.astype(np.float64))) for sign in (-1, 1)
    )
    return (np.logaddexp.reduce(yes, axis=1) - np.logaddexp.reduce(no, axis=1)).astype(logits.dtype)


def _checked_counted(counted, shape):
    counted = np.ones(shape, bool) if counted is None else np.asarray(counted, bool)
    if counted.shape != shape or not counted.any(axis=1).all():
        raise InputError("counted", f"bool {shape}, a window of every recording",
                         f"{counted.shape}" + (", some without" if counted.shape == shape else ""),
                         "Take `windows_recorded`.")  # fmt: skip
    return counted
