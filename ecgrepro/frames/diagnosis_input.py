"""The diagnosis tasks: recordings of twelve leads as inputs of one length, and their labels.

Sources: Strodthoff N et al., IEEE J Biomed Health Inform 25:1519 (2021), as coded in helme/ecg_ptbxl_benchmarking: 10 s
at 100 Hz in mV, one scalar mean and deviation of all training samples (`utils.preprocess_signals`). The CSC2541 project
(xeon27/ecg-transfer-learning 4a17cbd) at 500 Hz.

Length. Georgia's recordings last 5 to 10 s. The project's net trained on Georgia alone reads the first 10 s, with zeros
after the end of a shorter recording (`load_data_set.py`: Keras' `pad_sequences`, "post" both times): so it is done
here, for all. The benchmark's code, and with it the project's fine-tuned net, pads nothing: it cuts crops and windows
within what was recorded. `recorded_samples` tells how much that is, and the functions of `diagnosis_windows` take it.

Here a recording is resampled about each lead's mean, which is then put back, because the filter takes what lies beyond
the ends for 0; and before zeros are added, so that nothing rings into them. In 20 recordings of PTB-XL compared, the
publisher's 100 Hz files are about one sample of 500 Hz ahead of what this makes of its 500 Hz files, and otherwise much
the same.
"""

from dataclasses import asdict, dataclass
from fractions import Fraction

import numpy as np
from tqdm import tqdm

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.frames.diagnosis import TASKS, DiagnosisTask
from ecgrepro.frames.kept_arrays import keep_filled
from ecgrepro.frames.loader_artefacts import CROPS, PARTS, check_spectrum, fourier, kept_bins, reshaped
from ecgrepro.frames.resample import METHODS, resample
from ecgrepro.frames.shared_diagnosis import SharedDiagnosisTask
from ecgrepro.frames.twelve_leads import LEADS, twelve_leads

#: What each setting may be.
CHOICES = {
    "task": (*TASKS, "shared"),
    "resampling": METHODS,
    "scaler": ("training", "none", "start"),
    "loader": ("right", "reshaped"),
    "unit": ("mV", "uV"),
    "spectrum": ("", *PARTS),
    "crop": CROPS,
}
#: Settings that decide nothing about the prepared arrays.
_AFTERWARDS = ("task", "scaler")


@dataclass(frozen=True)
class DiagnosisInput:
    """How a recording becomes an input; the defaults are the benchmark's.

    Attributes
    ----------
    task : str
        One of `diagnosis.TASKS`, or "shared" for the classes of `SharedDiagnosisTask`.
    fs : float
        Sampling rate in Hz after resampling.
    seconds : float
    resampling : {"polyphase", "fft"}
    scaler : {"training", "none", "start"}
        What `scaler_constants` gives: constants of the training recordings, or 0 and 1; or those that the weights were
        trained with which a net starts from. The project's net trained on Georgia alone had none, its fine-tuned one
        those of PTB-XL.
    loader : {"right", "reshaped"}
        "reshaped" mixes leads and time as the project's net trained on Georgia alone had it
        (`loader_artefacts.reshaped`).
    unit : {"mV", "uV"}
        That net was given the files' numbers, 1,000 per mV: microvolts.
    spectrum : {"", "real", "imag", "abs"}
        A part of the Fourier transform in place of the signal (`loader_artefacts.fourier`).
    crop : {"project", "whole", "low band"}
        Bins of the spectrum: what the project's training saw, all of them, or those that an electrocardiogram has,
        which is for "abs" alone. Without a spectrum it decides nothing.

    Raises
    ------
    SettingsError
        An unknown choice, seconds that are no whole number of samples, a "low band" of another part than "abs".
    """

    task: str = "superdiagnostic"
    fs: float = 100.0
    seconds: float = 10.0
    resampling: str = "polyphase"
    scaler: str = "training"
    loader: str = "right"
    unit: str = "mV"
    spectrum: str = ""
    crop: str = "project"

    def __post_init__(self):
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise SettingsError(name, f"one of {known}", repr(getattr(self, name)), "See DiagnosisInput.")
        samples = self.seconds * self.fs
        if not (self.fs > 0 and 1 <= samples < np.inf and abs(samples - round(samples)) < 1e-6):
            raise SettingsError("seconds", f"a whole number of samples at {self.fs:g} Hz, at least 1", f"{samples:g}",
                                "Choose another length or rate.")  # fmt: skip
        if self.spectrum:
            check_spectrum(self.spectrum, self.crop)

    @property
    def samples(self):
        """Samples of a recording, before any Fourier transform."""
        return round(self.seconds * self.fs)

    @property
    def length(self):
        """Values of an input per lead: samples, or bins of the spectrum."""
        return len(kept_bins(self.samples, self.fs, self.crop)) if self.spectrum else self.samples

    @property
    def n_leads(self):
        return len(LEADS)


def prepare(millivolts, fs, how):
    """Turn one recording into an input.

    Parameters
    ----------
    millivolts : float array, (n_samples, 12)
        As `twelve_leads` gives it.
    fs : float
        Its sampling rate in Hz.
    how : DiagnosisInput

    Returns
    -------
    float32 array, (how.length, 12)
        In `how.unit`, or a spectrum of that; not scaled.
    """
    values = np.asarray(millivolts, np.float64)
    mean = values.mean(axis=0)
    if fs != how.fs:
        values = resample(values - mean, fs, how.fs, how.resampling) + mean
    fitted = np.zeros((how.samples, values.shape[1]))
    fitted[: len(values)] = values[: how.samples]
    if how.unit == "uV":
        fitted *= 1000
    if how.loader == "reshaped":
        fitted = reshaped(fitted)
    if how.spectrum:
        fitted = fourier(fitted, how.spectrum, how.crop, how.fs)
    return fitted.astype(np.float32)


def prepare_recordings(corpus, how, cache, progress=True):
    """Prepare every recording of a corpus of twelve leads, labelled or not, once, and keep the result on disk.

    Parameters
    ----------
    corpus : Corpus
    how : DiagnosisInput
        Neither task nor scaler decides anything here.
    cache : str or Path, optional
        Folder for the prepared array; with None it is in memory alone.
    progress : bool
        Show a bar on standard error.

    Returns
    -------
    float32 memmap or array, (n_records, how.length, 12)
        Not scaled: the constants belong to the training recordings (`scaler_constants`).

    Raises
    ------
    InputError
        A corpus with a recording that lacks one of the twelve leads.
    DiskError
        Too little space, told before anything is written.
    """

    def fill(inputs):
        for i in tqdm(range(len(corpus)), f"prepare 12 leads, {how.fs:g} Hz", disable=not progress):
            inputs[i] = prepare(twelve_leads(corpus, i), corpus.index.fs.iat[i], how)

    settings = {name: value for name, value in asdict(how).items() if name not in _AFTERWARDS}
    shape = len(corpus), how.length, how.n_leads
    return keep_filled(cache, "diagnosis", [corpus.fingerprint, settings], shape, fill)


def recorded_samples(corpus, how):
    """Count the values of each input that were recorded, not added as zeros: int64 (n_records,).

    All of them where leads and time are mixed or the input is a spectrum: there zeros have no place of their own.
    """
    if how.spectrum or how.loader == "reshaped":
        return np.full(len(corpus), how.length)
    rates, counts = corpus.index.fs.to_numpy(), corpus.index.n_samples.to_numpy()
    found = [_resampled_length(n, fs, how) for n, fs in zip(counts.tolist(), rates.tolist(), strict=True)]
    return np.minimum(np.array(found, np.int64), how.samples)


def _resampled_length(n_samples, fs, how):
    """Samples that `resample` gives."""
    if how.resampling == "fft" and fs != how.fs:
        return int(n_samples * how.fs / fs)
    ratio = Fraction(how.fs / fs).limit_denominator(10_000)
    return -(-n_samples * ratio.numerator // ratio.denominator)


def labelled_recordings(corpus, how):
    """Label the recordings of a corpus, and leave out those that have no label of the task, as the benchmark does.

    Parameters
    ----------
    corpus : Corpus
        For "shared", of PTB-XL or the Challenge; for the other tasks, of PTB-XL.
    how : DiagnosisInput

    Returns
    -------
    positions : int64 array, (n,)
        Of the labelled recordings in the corpus, ascending.
    multi_hot : float32 array, (n, n_classes)
    classes : tuple of str

    Raises
    ------
    InputError
        Codes of another vocabulary; no recording with a label of the task.
    """
    task = SharedDiagnosisTask() if how.task == "shared" else DiagnosisTask(how.task)
    multi_hot, known = task.labels([tuple(codes) for codes in corpus.index.codes])
    if not known.any():
        raise InputError(corpus.path, f"recordings with a label of the task {how.task}", "none",
                         "Choose another task, or ingest ptbxl or georgia.")  # fmt: skip
    return np.flatnonzero(known), multi_hot[known], task.classes


def scaler_constants(inputs, train, scaler="training"):
    """Mean and standard deviation over all values of the training inputs: two floats.

    They are those of scikit-learn's `StandardScaler` on one column of all values, as the benchmark has it: one mean and
    one deviation for all leads. Zeros added to short recordings count; scaled, they lie near 0 as an ECG's mean does.

    Parameters
    ----------
    inputs : float array, (n, length, n_leads)
    train : int array, (n_train,)
        Rows of `inputs`; nothing else is looked at.
    scaler : {"training", "none"}
        "none" gives 0 and 1.

    Raises
    ------
    SettingsError
        Another scaler.
    InputError
        No training inputs; values that are not finite or all the same.
    """
    if scaler not in ("training", "none"):
        raise SettingsError(
            "scaler", "training or none", repr(scaler), "Other constants are not of these inputs."
        )
    if scaler == "none":
        return 0.0, 1.0
    train = np.asarray(train)
    size = len(train) * int(np.prod(inputs.shape[1:]))
    if not size:
        raise InputError("scaler", "training inputs", "none", "Give the rows of the training recordings.")
    # by parts: in float64 all inputs of PTB-XL at once would be ten times as large as they are
    parts = [train[start : start + 256] for start in range(0, len(train), 256)]
    mean = sum(inputs[part].sum(dtype=np.float64) for part in parts) / size
    squares = sum(np.square(inputs[part] - mean, dtype=np.float64).sum() for part in parts)
    deviation = np.sqrt(squares / size)
    if not (np.isfinite(deviation) and deviation > 0):
        raise InputError("scaler", "finite training inputs that are not all the same", f"deviation {deviation}",
                         "Look at the recordings: `ecgrepro data audit`.")  # fmt: skip
    return float(mean), float(deviation)
