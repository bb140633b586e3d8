"""The AF task: CinC 2017 recordings as fixed-length inputs.

Source: Weimann & Conrad 2021 as coded (c255af5, `finetuning/datasets.py`): millivolts, standardised with constants of
the whole data set, 300 to 250 Hz, padded with zeros on the left, or the last samples kept, to 16,384 samples
(65.5 s; the paper says 60 s).
"""

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ecgrepro.corpora.cinc2017 import CLASSES, COPIES
from ecgrepro.corpora.ingest import require_space
from ecgrepro.errors import InputError
from ecgrepro.frames.resample import resample


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
    """

    fs: float = 250.0
    length: int = 16_384
    mean: float = 0.0075
    deviation: float = 0.2373
    resampling: str = "polyphase"


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
        Zeros, then the signal; of a longer one its last samples.
    """
    values = resample((millivolts - how.mean) / how.deviation, fs, how.fs, how.resampling)[-how.length :]
    out = np.zeros(how.length, np.float32)
    out[how.length - len(values) :] = values
    return out


def prepare_corpus(corpus, how, cache, *, progress=True):
    """Prepare every record of a CinC 2017 corpus, once, and keep the result on disk.

    Parameters
    ----------
    corpus : Corpus
    how : AfInput
    cache : str or Path
        Folder for the prepared array; it appears in one rename.

    Returns
    -------
    inputs : float32 memmap, (n_records, how.length)
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
        for i in tqdm(range(len(corpus)), desc=f"prepare {how.fs:g} Hz", disable=not progress):
            out[i] = prepare(corpus.millivolts(i)[:, 0], corpus.index.fs.iat[i], how)
        out.flush()
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


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
