"""`Corpus`: an ingested data set on disk, memory-mapped int16 shards beside a Parquet index.

A corpus folder holds

* ``manifest.json``: source, options, counts per class, checksums, quarantined records with reasons;
* ``index.parquet``: one row per record (`INDEX_COLUMNS`);
* ``signal-00000.int16`` ...: the leads of all records one after another, each lead contiguous;
* ``beats.npz``, ``rhythms.npz``: ``positions`` int64 and ``classes`` int8 of all records one after another.
"""

import json
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from ecgrepro.errors import InputError

FORMAT = 1
#: `offset` counts int16 values in the record's shard; `*_stop` ends its slice in the event arrays.
INDEX_COLUMNS = (
    "record_id", "unit", "patient_id", "label", "fs", "n_samples", "n_leads", "leads", "gain", "baseline",
    "shard", "offset", "sha256", "beats_start", "beats_stop", "rhythms_start", "rhythms_stop",
)  # fmt: skip


class Corpus:
    """An ingested data set, opened read-only.

    Parameters
    ----------
    path : str or Path
        Corpus folder as `ingest` leaves it.

    Attributes
    ----------
    manifest : dict
    index : DataFrame, (n_records, len(INDEX_COLUMNS))
    shards : list of int16 memmaps, 1-D
    beats, rhythms : tuple of (positions int64, classes int8), all records one after another

    Raises
    ------
    InputError
        No corpus there, a damaged one, or one of another format.
    """

    def __init__(self, path):
        self.path = Path(path)
        self.manifest = self._read_manifest()
        paths = sorted(self.path.glob("signal-*.int16"))
        names = {path.name for path in self.path.iterdir()}
        missing = sorted(set(self.manifest["checksums"]) - names)
        if missing:
            raise InputError(self.path, "every file that manifest.json names", f"no {', '.join(missing)}",
                             "Delete the folder and ingest again.")  # fmt: skip
        self.index = pd.read_parquet(self.path / "index.parquet")
        self.shards = [np.memmap(path, np.int16, "r") for path in paths]

    def _read_manifest(self):
        path = self.path / "manifest.json"
        if not path.is_file():
            partial = self.path.with_name(self.path.name + ".partial").exists()
            raise InputError(self.path, "an ingested corpus (manifest.json)",
                             "an unfinished ingest" if partial else "none",
                             "Run `ecgrepro data ingest NAME --source DIR --out DIR`.")  # fmt: skip
        try:
            manifest = json.loads(path.read_text())
            found = manifest["format"]
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                path, "a corpus' manifest", str(error), "Delete the folder and ingest again."
            ) from error
        if found != FORMAT:
            raise InputError(self.path, f"corpus format {FORMAT}", str(found), "Ingest again.")
        return manifest

    def __len__(self):
        return len(self.index)

    @property
    def fingerprint(self):
        """SHA-256 over every record's id, label, signal hash and events; equal for equal content."""
        return self.manifest["fingerprint"]

    @cached_property
    def beats(self):
        return self._events("beats")

    @cached_property
    def rhythms(self):
        return self._events("rhythms")

    def _events(self, kind):
        with np.load(self.path / f"{kind}.npz") as arrays:
            return arrays["positions"], arrays["classes"]

    def signal(self, i):
        """Signal of the i-th record in ADC units: int16 (n_samples, n_leads), a view of the shard."""
        row = self.index.iloc[i]
        flat = self.shards[row.shard][row.offset : row.offset + row.n_samples * row.n_leads]
        return flat.reshape(row.n_leads, row.n_samples).T

    def millivolts(self, i):
        """Signal of the i-th record in mV: float64 (n_samples, n_leads)."""
        row = self.index.iloc[i]
        return (self.signal(i) - np.asarray(row.baseline)) / np.asarray(row.gain)

    def groups(self):
        """What must stay on one side of a split: patient ids, or the record where the patient is unknown.

        Returns an object array of str, (n_records,). A record whose signal is an exact copy of an earlier one's
        takes that one's group.
        """
        known = self.index.patient_id.to_numpy() != "unknown"
        groups = np.where(known, "patient " + self.index.patient_id, "record " + self.index.record_id)
        first = pd.Series(groups).groupby(self.index.sha256.to_numpy()).transform("first")
        return first.to_numpy()
