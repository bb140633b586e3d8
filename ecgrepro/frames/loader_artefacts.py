"""The faults of the CSC2541 project's loaders as functions, each with what would have been right.

Source: xeon27/ecg-transfer-learning 4a17cbd; the discrepancies X-13 (labels of other recordings), X-14 (leads and time
mixed, no scaler) and X-15 (the middle of a two-sided spectrum) of the ledger. Missing scaling needs no function: it is
``scaler="none"`` with ``unit="uV"`` of `DiagnosisInput`. `validation_as_test` is in `diagnosis_splits`.
"""

import numpy as np

from ecgrepro.errors import InputError, SettingsError

#: Parts of a spectrum under the project's names, and how to take them.
PARTS = {"real": np.real, "imag": np.imag, "abs": np.abs}
CROPS = ("project", "whole", "low band")
#: Hz that an electrocardiogram has, both included.
LOW_BAND = (0.5, 40.0)
#: Amplitude at which linear turns to logarithmic, in the unit of the signal: 1 uV for mV.
FLOOR = 1e-3


def reshaped(signals):
    """Mix leads and time as the project's loader of Georgia's files did (X-14).

    What the code did (`ecg_g12ec_benchmarking/code/load_data_set.py`, `get_X_train` and `generate_validation_data`): a
    file holds 12 rows of 5,000 samples; ``.reshape(5000, 12)`` of that keeps the numbers in their order in memory where
    ``.T`` was meant. A row of the result holds 12 neighbouring samples of one lead, and not one sample of 12 leads;
    lead I fills the first 416 rows and eight numbers of the next, lead II what follows. A column is all leads one after
    another, each thinned out to every twelfth sample. A crop of a quarter of the rows holds as many numbers as three
    leads have, from three or four of them.

    Parameters
    ----------
    signals : array, (..., n_samples, n_leads)
        In order.

    Returns
    -------
    array, (..., n_samples, n_leads)
        Same numbers, dtype and shape. Where there is one lead, nothing changes.

    Raises
    ------
    InputError
        Fewer than two dimensions.
    """
    signals = np.asarray(signals)
    if signals.ndim < 2:
        raise InputError(
            "signals", "(..., n_samples, n_leads)", str(signals.shape), "Give all leads at once."
        )
    return np.swapaxes(signals, -1, -2).reshape(signals.shape)


def fourier(signals, part="abs", crop="project", fs=500.0):
    """Transform whole recordings, lead by lead: as the project did (X-15), or as it should be.

    What the code did (`ecg_ptbxl_benchmarking/code/utils/utils.py`, `load_raw_data_ptbxl_fft`): ``np.fft.fft`` over the
    5,000 samples, two-sided and not shifted, one part of it. `models/timeseries_utils.py` then cut the middle quarter
    for training: bins 1,875 to 3,124, 187.5 Hz and above, in which an ECG has next to nothing. The test took the
    highest output over seven windows of all bins, of which only the middle one had been trained on.

    In arrays, for what is prepared once and scaled with constants of the spectra, as in the project; within a net the
    layer `fourier.Fourier` does the same.

    Parameters
    ----------
    signals : float array, (..., n_samples, n_leads)
    part : {"abs", "real", "imag"}
    crop : {"project", "whole", "low band"}
        "project": the middle quarter, what the project's training saw. "whole": all bins, for its windows of the test
        (`diagnosis_windows.window_starts` of a quarter and an eighth of the length). "low band", for "abs" alone: each
        frequency of `LOW_BAND` once, ascending, as ``log(1 + amplitude / FLOOR)``, where a sine of amplitude A at a
        bin's frequency has A.
    fs : float
        Sampling rate in Hz, which matters to "low band" alone.

    Returns
    -------
    float32 array, (..., n_bins, n_leads)

    Raises
    ------
    SettingsError
        An unknown part or crop, a "low band" of another part than "abs" or without a bin.
    InputError
        Fewer than two dimensions; values that are not finite.
    """
    check_spectrum(part, crop)
    signals = np.asarray(signals, np.float64)
    if signals.ndim < 2 or not np.isfinite(signals).all():
        raise InputError("signals", "finite values (..., n_samples, n_leads)",
                         f"{signals.shape}" + ("" if signals.ndim < 2 else " with others"),
                         "Give signals as `twelve_leads` does.")  # fmt: skip
    kept = kept_bins(signals.shape[-2], fs, crop)
    values = PARTS[part](np.take(np.fft.fft(signals, axis=-2), kept, axis=-2))
    if crop == "low band":
        values = np.log1p(values * (2 / signals.shape[-2]) / FLOOR)
    return values.astype(np.float32)


def kept_bins(n_samples, fs, crop):
    """Bins of the two-sided, unshifted spectrum that a crop keeps: int64 (n_bins,), ascending.

    Raises
    ------
    SettingsError
        A crop that keeps none.
    """
    found = np.arange(n_samples)
    if crop == "project":
        size = n_samples // 4
        found = found[(n_samples - size) // 2 :][:size]
    elif crop == "low band":
        frequencies = found * fs / n_samples
        # a bin on the border belongs to the band whatever rounding makes of it; from half the rate on they are mirrored
        within = (frequencies >= LOW_BAND[0] * (1 - 1e-9)) & (frequencies <= LOW_BAND[1] * (1 + 1e-9))
        found = found[within & (2 * found < n_samples)]
    if not len(found):
        raise SettingsError(
            "crop", "a bin within it", f"none for {n_samples} samples at {fs:g} Hz", "Longer signals."
        )
    return found


def check_spectrum(part, crop):
    """Raise `SettingsError` unless part and crop are known and go together."""
    if part not in PARTS:
        raise SettingsError(
            "spectrum", f"one of {', '.join(PARTS)}", repr(part), "The project tried all three."
        )
    if crop not in CROPS:
        raise SettingsError(
            "crop", f"one of {', '.join(CROPS)}", repr(crop), "See frames/loader_artefacts.py."
        )
    if crop == "low band" and part != "abs":
        raise SettingsError(
            "crop", '"low band" of the part "abs"', f"of {part!r}", "A logarithm needs magnitudes."
        )


def permuted_labels(labels, seed):
    """Give recordings the labels of others, as the project's 100 Hz copies of Georgia probably had them (X-13).

    What the code did (`ecg_g12ec_benchmarking/code/utils/convert_G12EC.py`): copies at 100 Hz are named E00001, E00002
    ... in the order in which the folder is listed; `utils.load_raw_data_g12ec` opens them by the original names. Where
    the listing is not sorted, signals and labels belong to different recordings. The 500 Hz files were read under their
    own names. As a control it shows what such a mistake prints: an AUC of one half.

    Parameters
    ----------
    labels : array, (n, ...)
        A row for each recording, of training and test alike.
    seed : int

    Returns
    -------
    array, (n, ...)
        The same rows in another order.

    Raises
    ------
    InputError
        Fewer than two rows.
    """
    labels = np.asarray(labels)
    if labels.ndim < 1 or len(labels) < 2:
        raise InputError("labels", "at least two recordings", str(labels.shape), "Give the labels of all.")
    order = np.random.RandomState(seed).permutation(len(labels))
    return labels[order]
