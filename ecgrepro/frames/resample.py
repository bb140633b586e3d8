"""Changing the sampling rate of signals, and of whole corpora."""

from fractions import Fraction
from pathlib import Path

import numpy as np
from scipy import signal as scipy_signal

from ecgrepro.corpora.corpus import EVENTS, Corpus
from ecgrepro.corpora.corpus_writer import CorpusWriter
from ecgrepro.corpora.ingest import require_space
from ecgrepro.corpora.record import Record
from ecgrepro.errors import SettingsError

#: Weimann & Conrad used libsamplerate's sinc converter, the class report SciPy's FFT method, which treats a
#: recording as periodic; the polyphase filter is the departure chosen here: no wrap-around at the ends.
METHODS = ("polyphase", "fft")


def resample(values, fs, new_fs, method="polyphase"):
    """Resample along the first axis.

    Parameters
    ----------
    values : float array, (n_samples, ...)
    fs, new_fs : float
        Rates in Hz.
    method : {"polyphase", "fft"}

    Returns
    -------
    float array, (ceil(n_samples * new_fs / fs), ...)
        Same dtype; for "fft" the length is floored, as the class report has it. At equal rates `values` itself.
        What lies beyond the ends counts as 0.

    Raises
    ------
    SettingsError
        An unknown method, or a rate that is not positive.
    """
    if method not in METHODS:
        raise SettingsError("resampling method", f"one of {METHODS}", repr(method), "See frames/resample.py.")
    if not (0 < fs < np.inf and 0 < new_fs < np.inf):
        raise SettingsError("sampling rate", "a positive rate in Hz", f"{fs} to {new_fs}", "Check the rates.")
    if fs == new_fs:
        return values
    if method == "fft":
        return scipy_signal.resample(values, int(len(values) * new_fs / fs), axis=0).astype(values.dtype)
    ratio = Fraction(new_fs / fs).limit_denominator(10_000)
    return scipy_signal.resample_poly(values, ratio.numerator, ratio.denominator, axis=0).astype(values.dtype)


def resample_corpus(corpus, fs, out):
    """Make (or open) a copy of a corpus at another sampling rate.

    Parameters
    ----------
    corpus : Corpus
    fs : float
        New rate in Hz.
    out : str or Path
        Folder of the copy; made resumably and atomically like any ingest.

    Returns
    -------
    Corpus
        Signals rounded to the same ADC units; event positions scaled and rounded, at most half a sample off.
        The filter sees 0 ADC units beyond a recording's ends, not its baseline: with MIT-BIH's baseline of 1,024
        about ten of a lead's 225,695 samples at 125 Hz are off by more than 10 units.

    Raises
    ------
    SettingsError
        `out` holds something else, or another process is making it.
    DiskError
        Too little space.
    """
    identity = {"data_set": corpus.manifest["data_set"],
                "options": corpus.manifest["options"] | {"fs": fs}, "source": corpus.fingerprint}  # fmt: skip
    if (Path(out) / "manifest.json").exists():
        made = Corpus(out)
        present = {key: made.manifest.get(key) for key in identity}
        if present == identity:
            return made
        raise SettingsError(out, f"no corpus, or {identity}", str(present), "Choose another folder.")
    row = corpus.index
    require_space(out, int((row.n_samples * row.n_leads * fs / row.fs).sum() * 2))
    with CorpusWriter(out, identity) as writer:
        for i, record_id in enumerate(corpus.index.record_id):
            if record_id not in writer.done:
                writer.add(record_id, [_resampled_record(corpus, i, fs)])
        return writer.finish()


def _resampled_record(corpus, i, fs):
    row = corpus.index.iloc[i]
    values = resample(corpus.signal(i).astype(np.float64), row.fs, fs)
    adc = np.clip(np.rint(values), -32768, 32767).astype(np.int16)
    events = {}
    for kind, prefix in EVENTS.items():
        positions, classes = corpus.events(kind, i)
        moved = np.minimum(np.rint(positions * fs / row.fs), len(adc)).astype(np.int64)
        events |= {f"{prefix}_positions": moved, f"{prefix}_classes": classes}
    return Record(row.record_id, row.patient_id, adc, np.asarray(row.gain), np.asarray(row.baseline), float(fs),
                  tuple(row.leads), row.label, codes=tuple(row.codes), fold=int(row.fold), **events)  # fmt: skip
