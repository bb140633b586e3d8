"""The AF task: CinC 2017 recordings as fixed-length inputs.

Source: Weimann & Conrad 2021 as coded (c255af5, `finetuning/datasets.py`): millivolts, standardised with constants of
the whole data set, 300 to 250 Hz, padded with zeros on the left, or the last samples kept, to 16,384 samples
(65.5 s; the paper says 60 s).

Where documents part, `AfInput` has both: length, resampling, the side of the padding; `standardising_constants` gives
constants of some records alone.
"""

import hashlib
import json
import math
import os
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ecgrepro.corpora.cinc2017 import CLASSES, COPIES
from ecgrepro.corpora.ingest import require_space
from ecgrepro.errors import InputError, SettingsError
from ecgrepro.frames.resample import resample

#: On which side of a short recording zeros are put.
PADDING = ("left", "right")


@dataclass(frozen=True)
class AfInput:
    """How a recording becomes an input; the defaults are the published values.

    Attributes
    ----------
    fs : float
        Sampling rate in Hz after resampling.
    length : int
        Samples of an input.
    mean, deviation : float
        In mV, over the full data set, test records included (a small leak of the original, kept).
    resampling : {"polyphase", "fft"}
    padding : {"left", "right"}
        Side of a shorter recording that is filled with zeros. Of a longer one the last samples are kept either way, as
        published, so that the side of the zeros is all that differs.
    """

    fs: float = 250.0
    length: int = 16_384
    mean: float = 0.0075
    deviation: float = 0.2373
    resampling: str = "polyphase"
    padding: str = "left"


def prepare(millivolts, fs, how):
    """Turn one lead into an input.

    Parameters
    ----------
    millivolts : float array, (n_samples,)
    fs : float
        Its sampling rate in Hz.
    how : AfInput

    Returns
    -------
    float32 array, (how.length,)
        Zeros, then the signal; the signal, then zeros where `how.padding` is "right"; of a longer one its last samples.

    Raises
    ------
    SettingsError
        An unknown padding or resampling method.
    """
    if how.padding not in PADDING:
        raise SettingsError("padding", " or ".join(PADDING), repr(how.padding), "Published: left.")
    values = resample((millivolts - how.mean) / how.deviation, fs, how.fs, how.resampling)[-how.length :]
    out = np.zeros(how.length, np.float32)
    first = how.length - len(values) if how.padding == "left" else 0
    out[first : first + len(values)] = values
    return out


def prepare_corpus(corpus, how, cache, *, progress=True):
    """Prepare every record of a CinC 2017 corpus, once, and keep the result on disk.

    Parameters
    ----------
    corpus : Corpus
    how : AfInput
    cache : str or Path, optional
        Folder for the prepared array; it appears in one rename. With None the array is in memory alone, for what no
        other run will ask for.

    Returns
    -------
    inputs : float32 memmap or array, (n_records, how.length)
    labels : int32 array, (n_records,)
        Indices into `CLASSES`.

    Raises
    ------
    InputError
        Another corpus than CinC 2017.
    DiskError
        Too little space, told before anything is written.
    """
    labels = class_indices(corpus)
    if cache is None:
        inputs = np.empty((len(corpus), how.length), np.float32)
        _fill(inputs, corpus, how, progress)
        return inputs, labels
    key = hashlib.sha256(json.dumps([corpus.fingerprint, asdict(how)]).encode()).hexdigest()[:16]
    path = Path(cache) / f"af-{key}.npy"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(corpus, how, path, progress)
    return np.load(path, mmap_mode="r"), labels


def _write(corpus, how, path, progress):
    # asked beforehand: a disk that is full under a memory map ends the process without a word
    require_space(path, len(corpus) * how.length * 4)
    partial = path.with_suffix(f".{os.getpid()}.partial")
    try:
        out = np.lib.format.open_memmap(partial, "w+", np.float32, (len(corpus), how.length))
        _fill(out, corpus, how, progress)
        out.flush()
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _fill(out, corpus, how, progress):
    for i in tqdm(range(len(corpus)), desc=f"prepare {how.fs:g} Hz", disable=not progress):
        out[i] = prepare(corpus.millivolts(i)[:, 0], corpus.index.fs.iat[i], how)


def standardising_constants(corpus, positions):
    """Mean and standard deviation over all samples of some records, as recorded: two floats in mV.

    Of all records of CinC 2017 they are, rounded, the published ones.

    Parameters
    ----------
    corpus : Corpus
        Of one lead, or of which the first counts.
    positions : int array
        Of the records, such as a trial's training records.
    """
    sizes, sums, squares = [], [], []
    for i in positions:
        values = corpus.millivolts(i)[:, 0]
        sizes.append(len(values))
        sums.append(values.sum())
        squares.append(np.square(values).sum())
    # `fsum` rounds once: the order of the records does not show
    mean = math.fsum(sums) / sum(sizes)
    return mean, math.sqrt(math.fsum(squares) / sum(sizes) - mean**2)


def recording_groups(corpus, copies="near"):
    """What must stay on one side of a split of CinC 2017: object array of str, (n_records,).

    Parameters
    ----------
    corpus : Corpus
    copies : {"near", "exact"}
        Whether recordings with the same samples are kept together, or those that are the same but changed
        (`COPIES`) as well.
    """
    if copies == "exact":
        return corpus.groups()
    present = set(corpus.index.record_id)
    found = ([record for record in group if record in present] for group in COPIES)
    return corpus.groups(same=[pair for group in found for pair in pairwise(group)])


def class_indices(corpus):
    """Labels of a CinC 2017 corpus as indices into `CLASSES`: int32 (n_records,); `InputError` for others."""
    unknown = sorted(set(corpus.index.label) - set(CLASSES))
    if unknown:
        raise InputError(
            corpus.path, f"labels among {CLASSES}", str(unknown), "Ingest cinc2017, not another set."
        )
    return corpus.index.label.map({name: i for i, name in enumerate(CLASSES)}).to_numpy(np.int32)
