"""Index, counts, fingerprint and manifest of a corpus, from the journal of its ingest, in constant memory."""

import hashlib
import json
from collections import Counter
from itertools import islice

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ecgrepro.corpora.corpus import EVENTS, FORMAT, INDEX_COLUMNS, event_arrays, event_files
from ecgrepro.corpora.record import BEAT_CLASSES, QUALITY_CLASSES, RHYTHM_CLASSES
from ecgrepro.errors import InputError

CLASSES = {"beats": BEAT_CLASSES, "rhythms": RHYTHM_CLASSES, "quality": QUALITY_CLASSES}
_TYPES = {
    **dict.fromkeys(("record_id", "unit", "patient_id", "label", "sha256"), pa.string()),
    **dict.fromkeys(("leads", "codes"), pa.list_(pa.string())),
    **dict.fromkeys(("gain", "baseline"), pa.list_(pa.float64())),
    "fs": pa.float64(),
}
SCHEMA = pa.schema([(name, _TYPES.get(name, pa.int64())) for name in INDEX_COLUMNS])
#: Records of one row group of the index, and events counted at a time.
_BLOCK, _EVENTS_BLOCK = 4096, 1 << 22


def write_summary(folder, lines, identity, card=None):
    """Write ``index.parquet`` and ``manifest.json`` beside the signals and events of an ingest.

    Parameters
    ----------
    folder : Path
        With the shards and event files, whole.
    lines : iterable of dict
        The journal: ``records`` (rows of the index) and ``quarantined`` of each unit.
    identity : dict
    card : DataSet, optional
        Its title, url and licence go into the manifest.

    Raises
    ------
    InputError
        No usable record.
    """
    tally = _Tally(folder)
    with pq.ParquetWriter(folder / "index.parquet", SCHEMA) as writer:
        rows = tally.rows(lines)
        for block in iter(lambda: list(islice(rows, _BLOCK)), []):
            writer.write_table(pa.Table.from_pylist(block, SCHEMA))
    if not tally.records:
        found = "; ".join(reason.rstrip(".") for reason in list(tally.quarantined.values())[:2])
        raise InputError(
            identity["source"], "at least one usable record", found or "no records", "Nothing was made."
        )
    sums = [name for kind in EVENTS for name in event_files(kind)] + ["index.parquet"]
    files = sorted([*sums, *(path.name for path in folder.glob("signal-*.int16"))])
    manifest = {"format": FORMAT, **identity, "fingerprint": tally.fingerprint(), "counts": tally.counts(),
                "quarantined": tally.quarantined,
                "files": {name: (folder / name).stat().st_size for name in files},
                # the signals' own checksums stand in the index, record by record
                "checksums": {name: _checksum(folder / name) for name in sums}}  # fmt: skip
    if card:
        manifest |= {"title": card.title, "url": card.url, "licence": card.licence}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")


class _Tally:
    """Counts and fingerprint of the rows that pass through."""

    def __init__(self, folder):
        self.folder, self.records, self.quarantined, self._digest = folder, 0, {}, hashlib.sha256()
        self._counted = {"labels": Counter(), "codes": Counter(), "folds": Counter()}
        self._events = {kind: event_arrays(folder, kind) for kind in EVENTS}

    def rows(self, lines):
        for line in lines:
            self.quarantined |= line["quarantined"]
            for row in line["records"]:
                self._add(row)
                yield row

    def _add(self, row):
        self.records += 1
        self._counted["labels"][row["label"]] += 1
        self._counted["codes"].update(row["codes"])
        self._counted["folds"].update([row["fold"]] if row["fold"] else [])
        self._digest.update(json.dumps(self._content(row)).encode())

    def _content(self, row):
        keys = ("record_id", "patient_id", "label", "fs", "gain", "baseline", "sha256")
        events = {kind: [values[row[f"{kind}_start"] : row[f"{kind}_stop"]].tolist() for values in arrays]
                  for kind, arrays in self._events.items()}  # fmt: skip
        content = [*(row[key] for key in keys), events["beats"], events["rhythms"]]
        # corpora without these keep the fingerprint that results of format 1 were made with
        more = [row["codes"], row["fold"], events["quality"]]
        return content + more if row["codes"] or row["fold"] or events["quality"][0] else content

    def fingerprint(self):
        """SHA-256 over the content of all records, independent of shard layout and source path."""
        return self._digest.hexdigest()

    def counts(self):
        counted = {name: dict(sorted(found.items())) for name, found in self._counted.items()}
        return {"records": self.records, **counted, **{kind: self._count(kind) for kind in EVENTS}}

    def _count(self, kind):
        classes, names = self._events[kind][1], CLASSES[kind]
        found = np.zeros(len(names), np.int64)
        for start in range(0, len(classes), _EVENTS_BLOCK):
            found += np.bincount(classes[start : start + _EVENTS_BLOCK], minlength=len(names))
        return {name: int(count) for name, count in zip(names, found, strict=True) if count}


def _checksum(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
