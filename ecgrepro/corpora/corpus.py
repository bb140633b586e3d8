"""`Corpus`: an ingested data set on disk, memory-mapped int16 shards beside a Parquet index.

A corpus folder holds

* ``manifest.json``: source, options, counts per class, sizes and checksums, quarantined records with reasons;
* ``index.parquet``: one row per record (`INDEX_COLUMNS`), with the SHA-256 of its signal;
* ``signal-00000.int16`` ...: the leads of all records one after another, each lead contiguous;
* ``beats-positions.int64``, ``beats-classes.int8``, and the same for ``rhythms`` and ``quality``: the events of all
  records one after another.
"""

import json
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from ecgrepro.corpora.duplicates import duplicate_groups
from ecgrepro.errors import InputError

FORMAT = 2
#: What a corpus keeps of events, and the prefix of a `Record`'s fields that hold it.
EVENTS = {"beats": "beat", "rhythms": "rhythm", "quality": "quality"}
#: `offset` counts int16 values in the record's shard; `*_stop` ends its slice in the event arrays.
INDEX_COLUMNS = (
    "record_id", "unit", "patient_id", "label", "codes", "fold", "fs", "n_samples", "n_leads", "leads", "gain",
    "baseline", "shard", "offset", "sha256",
    "beats_start", "beats_stop", "rhythms_start", "rhythms_stop", "quality_start", "quality_stop",
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
    beats, rhythms, quality : tuples of (positions int64, classes int8)
        Memory-mapped, all records one after another; conventions as in `Record`.

    Raises
    ------
    InputError
        No corpus there, a damaged one, or one of another format.
    """

    def __init__(self, path):
        self.path = Path(path)
        self.manifest = self._read_manifest()
        found = {path.name: path.stat().st_size for path in self.path.iterdir()}
        wrong = [f"{name} of {found.get(name, 'no')} bytes" for name, size in self.manifest["files"].items()
                 if found.get(name) != size]  # fmt: skip
        if wrong:
            raise InputError(self.path, "every file that manifest.json names, whole", ", ".join(sorted(wrong)),
                             "Delete the folder and ingest again.")  # fmt: skip
        self.index = pd.read_parquet(self.path / "index.parquet")
        shards = sorted(name for name in self.manifest["files"] if name.startswith("signal-"))
        self.shards = [np.memmap(self.path / name, np.int16, "r") for name in shards]

    def _read_manifest(self):
        path = self.path / "manifest.json"
        if not path.is_file():
            partial = self.path.with_name(self.path.name + ".partial").exists()
            raise InputError(self.path, "an ingested corpus (manifest.json)",
                             "an unfinished ingest" if partial else "none",
                             "Run `ecgrepro data ingest NAME`.")  # fmt: skip
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
        return event_arrays(self.path, "beats")

    @cached_property
    def rhythms(self):
        return event_arrays(self.path, "rhythms")

    @cached_property
    def quality(self):
        return event_arrays(self.path, "quality")

    def events(self, kind, i):
        """Events of the i-th record: positions int64 (n_events,), classes int8 (n_events,).

        `kind` is one of `EVENTS`.
        """
        row = self.index.iloc[i]
        return tuple(values[row[f"{kind}_start"] : row[f"{kind}_stop"]] for values in getattr(self, kind))

    def signal(self, i):
        """Signal of the i-th record in ADC units: int16 (n_samples, n_leads), a view of the shard."""
        row = self.index.iloc[i]
        flat = self.shards[row.shard][row.offset : row.offset + row.n_samples * row.n_leads]
        return flat.reshape(row.n_leads, row.n_samples).T

    def millivolts(self, i):
        """Signal of the i-th record in mV: float64 (n_samples, n_leads)."""
        row = self.index.iloc[i]
        return (self.signal(i) - np.asarray(row.baseline)) / np.asarray(row.gain)

    def groups(self, same=()):
        """What must stay on one side of a split: patients, or the record where the patient is unknown.

        Parameters
        ----------
        same : iterable of (str, str)
            Pairs of record ids that are one recording, as a search for near-duplicates finds them.

        Returns
        -------
        object array of str, (n_records,)
            Records of one patient, exact copies of one signal and pairs of `same` share a group, and so does whatever
            any of them is linked to; a group is named after its first record's patient or record.
        """
        known = self.index.patient_id.to_numpy() != "unknown"
        names = np.where(known, "patient " + self.index.patient_id, "record " + self.index.record_id)
        place = pd.Series(np.arange(len(self)), index=self.index.record_id)
        linked = [(place[a], place[b]) for a, b in same]
        for keys in (pd.Series(names), self.index.sha256):
            first = pd.Series(np.arange(len(self))).groupby(keys.to_numpy()).transform("first")
            linked += list(enumerate(first))
        return names[duplicate_groups(linked, len(self))]


def event_files(kind):
    """Names of the two files that hold the events of one kind: positions int64, classes int8."""
    return f"{kind}-positions.int64", f"{kind}-classes.int8"


def event_arrays(folder, kind):
    """Events of one kind of all records, memory-mapped: positions int64 (n_events,), classes int8 (n_events,)."""
    paths = zip((Path(folder) / name for name in event_files(kind)), (np.int64, np.int8), strict=True)
    # an empty file cannot be mapped
    return tuple(np.memmap(path, t, "r") if path.stat().st_size else np.empty(0, t) for path, t in paths)
