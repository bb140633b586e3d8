"""Fingerprints of a whole corpus, in a few flat arrays that can be kept beside it."""

import json
import sys
from dataclasses import dataclass, fields
from zipfile import BadZipFile

import numpy as np
from tqdm import tqdm

from ecgrepro.corpora.signal_fingerprint import fingerprint_signal
from ecgrepro.errors import InputError

#: Raised with every change of what a fingerprint is, so that kept ones of another kind are refused.
VERSION = 1


@dataclass(frozen=True)
class Fingerprints:
    """Fingerprints of all recordings of one corpus.

    Some 200 bytes per second and lead for the waveforms and 110 per heartbeat and lead for the windows: 4 MiB per
    hour of two leads.

    Attributes
    ----------
    name : str
        What the corpus is called in tables.
    source : str
        The corpus' own fingerprint: what these were made from.
    record_ids : array of str, (n_records,)
    lead_names : array of str, (n_leads,)
        Of all records one after another, like everything below.
    lead_record : int64 array, (n_leads,)
        Position of the record in the corpus.
    lead_start : int64 array, (n_leads + 1,)
        Where each lead begins in `wave`.
    wave : float16 array
        Waveforms at `signal_fingerprint.RATE`, each lead divided by its root mean square.
    window_lead : int32 array, (n_windows,)
    window_time, window_key : float32 arrays, (n_windows,)
        s.
    window_vector : float16 array, (n_windows, signal_fingerprint.DIMENSIONS)
    """

    name: str
    source: str
    record_ids: np.ndarray
    lead_names: np.ndarray
    lead_record: np.ndarray
    lead_start: np.ndarray
    wave: np.ndarray
    window_lead: np.ndarray
    window_time: np.ndarray
    window_key: np.ndarray
    window_vector: np.ndarray

    def not_comparable(self):
        """Ids of the records without a single window, of which nothing can be said: array of str."""
        found = np.zeros(len(self.record_ids), bool)
        found[self.lead_record[self.window_lead]] = True
        return self.record_ids[~found]

    def record_leads(self, record):
        """Range of a record's leads among all of them."""
        first, last = np.searchsorted(self.lead_record, [record, record + 1])
        return range(first, last)

    def record_wave(self, record):
        """Waveforms of one record, a view: float16 (n_leads, n_samples), in units of their root mean square."""
        leads = self.record_leads(record)
        flat = self.wave[self.lead_start[leads.start] : self.lead_start[leads.stop]]
        return flat.reshape(len(leads), -1)

    def save(self, path):
        """Write to one ``.npz`` file."""
        arrays = {field.name: getattr(self, field.name) for field in fields(self)[2:]}
        head = json.dumps({"version": VERSION, "name": self.name, "source": self.source})
        with open(path, "wb") as file:  # a name without .npz stays as it is
            np.savez(file, head=np.array(head), **arrays)

    @classmethod
    def load(cls, path):
        """Read what `save` wrote; `InputError` where it is damaged or of another version."""
        try:
            with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
                head = json.loads(str(file["head"]))
                if head.pop("version") != VERSION:
                    raise ValueError("fingerprints of another version")
                return cls(**head, **{field.name: file[field.name] for field in fields(cls)[2:]})
        except (ValueError, KeyError, TypeError, EOFError, OSError, BadZipFile) as error:
            raise InputError(path, f"fingerprints of version {VERSION}", str(error) or "a damaged file",
                             "Delete it and take the fingerprints again.") from error  # fmt: skip


def fingerprint_corpus(corpus, name=None, *, progress=True):
    """Fingerprint every recording of a corpus.

    Parameters
    ----------
    corpus : Corpus
    name : str, optional
        What to call it in tables; the name of its folder unless given.
    progress : bool
        Show a bar on standard error.

    Returns
    -------
    Fingerprints
    """
    records = tqdm(
        range(len(corpus.index)), desc="fingerprint", unit="record", disable=not progress, file=sys.stderr
    )
    parts, n_leads = [], 0
    for i, fs in zip(records, corpus.index.fs, strict=True):
        wave, lead, time, key, vector = fingerprint_signal(corpus.signal(i), fs)
        parts.append((np.full(len(wave), wave.shape[1]), _scaled(wave), lead + n_leads, time, key, vector))
        n_leads += len(wave)
    lengths, waves, window_lead, time, key, vector = map(np.concatenate, zip(*parts, strict=True))
    leads = corpus.index.leads
    return Fingerprints(
        name or corpus.path.name, corpus.fingerprint, corpus.index.record_id.to_numpy(str),
        np.concatenate(leads.to_list()).astype(str), np.repeat(np.arange(len(leads)), leads.map(len)),
        np.concatenate([[0], np.cumsum(lengths)]), waves, window_lead.astype(np.int32), time, key, vector,
    )  # fmt: skip


def _scaled(wave):
    # a record's own unit may be anything; float16 holds 6e-8 to 65,504
    size = np.sqrt(np.mean(wave**2, axis=1, keepdims=True)) if wave.size else 1.0
    return np.clip(wave / np.maximum(size, 1e-6), -6e4, 6e4).astype(np.float16).ravel()
