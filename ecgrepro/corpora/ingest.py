"""From a publisher's files to a `Corpus`: checked record by record, resumable, nothing dropped in silence.

Records are appended to ``OUT.partial``; a journal line per unit says what is safe on disk, so an ingest that was
killed goes on after the last unit. ``OUT`` appears in one rename when everything is there.
"""

import errno
import hashlib
import json
import os
import shutil
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from ecgrepro.corpora.corpus import FORMAT, INDEX_COLUMNS, Corpus
from ecgrepro.corpora.quality import check_record
from ecgrepro.corpora.record import BEAT_CLASSES, RHYTHM_CLASSES
from ecgrepro.corpora.registry import data_set, open_reader
from ecgrepro.errors import DiskError, InputError, SettingsError

SHARD_BYTES = 1 << 29


def ingest(name, source, out, *, progress=True, **options):
    """Ingest a data set into a corpus folder and return it.

    Parameters
    ----------
    name : str
        A name of the registry.
    source, out : str or Path
        The publisher's files; the corpus folder to make.
    options
        The data set's own (label revision, number of patients).

    Raises
    ------
    InputError, SettingsError, DiskError
        Before anything is written where that can be told; damaged records are quarantined instead.
    """
    out = Path(out)
    reader = open_reader(name, source, **options)
    identity = {"data_set": name, "options": reader.options}
    if (out / "manifest.json").exists():
        return _same(Corpus(out), identity)
    if out.exists():
        raise SettingsError(
            out, "a folder that does not exist yet", "another folder", "Choose another --out."
        )
    require_space(out, reader.size())
    with CorpusWriter(out, identity | {"source": str(Path(source).name)}) as writer:
        units = [unit for unit in reader.units() if unit not in writer.done]
        for unit in tqdm(units, desc=f"ingest {name}", unit="unit", disable=not progress, file=sys.stderr):
            writer.add(unit, _read(reader, unit))
        return writer.finish(data_set(name))


def _same(corpus, identity):
    present = {key: corpus.manifest[key] for key in identity}
    if present != identity:
        raise SettingsError(
            corpus.path, f"no corpus, or one of {identity}", str(present), "Choose another --out."
        )
    return corpus


def _read(reader, unit):
    try:
        return reader.read(unit), None
    except InputError as error:
        return [], str(error)


def require_space(path, needed):
    """Raise `DiskError` unless the disk under `path` has `needed` bytes and a tenth free."""
    folder = next(parent for parent in Path(path).absolute().parents if parent.exists())
    free = shutil.disk_usage(folder).free
    if free < needed * 1.1:
        raise DiskError(folder, f"{needed * 1.1 / 1e6:,.0f} MB free", f"{free / 1e6:,.0f} MB",
                        "Free some space or choose another --out.")  # fmt: skip


class CorpusWriter:
    """Appends records to ``OUT.partial`` and turns it into ``OUT``.

    Parameters
    ----------
    out : Path
        Corpus folder to make.
    identity : dict
        Data set, options and source; a partial ingest of another identity is refused.

    Attributes
    ----------
    done : set of str
        Units that are safe on disk already.
    """

    def __init__(self, out, identity):
        self.out, self.identity = Path(out), identity
        self.partial = self.out.with_name(self.out.name + ".partial")
        self.partial.mkdir(parents=True, exist_ok=True)
        self.journal = self.partial / "journal.jsonl"
        self.lines = self._resume()
        self.done = {line["unit"] for line in self.lines}
        self._file = None

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if self._file:
            self._file.close()
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise DiskError(self.partial, "room for the corpus", "a full disk",
                            "Free some space and run the same command: it goes on where it stopped.") from error  # fmt: skip

    def _resume(self):
        """Read the journal, and cut off whatever a killed run wrote after its last line."""
        if not self.journal.exists():
            self.journal.write_text(json.dumps(self.identity) + "\n")
        text = self.journal.read_text()
        lines = [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
        if lines[0] != self.identity:
            raise SettingsError(self.partial, f"an unfinished ingest of {self.identity}", str(lines[0]),
                                "Delete that folder or choose another --out.")  # fmt: skip
        self.journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
        self.shard, self.offset = lines[-1].get("end", (0, 0)) if len(lines) > 1 else (0, 0)
        for path in sorted(self.partial.glob("signal-*.int16"))[self.shard :]:
            os.truncate(path, self.offset * 2 if path == self._shard_path() else 0)
        return lines[1:]

    def _shard_path(self):
        return self.partial / f"signal-{self.shard:05d}.int16"

    def add(self, unit, outcome):
        """Append one unit.

        Parameters
        ----------
        unit : str
        outcome : tuple of (list of Record, reason or None)
            Records, or the reason why the unit could not be read.
        """
        records, reason = outcome
        line = {"unit": unit, "records": [], "quarantined": {unit: reason} if reason else {}}
        for record in records:
            try:
                line["records"].append(self._append(unit, check_record(record)))
            except InputError as error:
                line["quarantined"][record.record_id] = str(error)
        if self._file:
            self._file.flush()
        line["end"] = (self.shard, self.offset)
        with self.journal.open("a") as journal:
            journal.write(json.dumps(line) + "\n")
        self.lines.append(line)

    def _append(self, unit, record):
        data = np.ascontiguousarray(record.signal.T).tobytes()
        self._roll(len(data))
        row = self._row(unit, record, hashlib.sha256(data).hexdigest())
        self._file.write(data)
        self.offset += len(data) // 2
        return row

    def _roll(self, size):
        if self.offset and self.offset * 2 + size > SHARD_BYTES:
            if self._file:
                self._file.close()
            self._file, self.shard, self.offset = None, self.shard + 1, 0
        if self._file is None:
            self._file = self._shard_path().open("ab")

    def _row(self, unit, record, sha256):
        return {
            "record_id": record.record_id, "unit": unit, "patient_id": record.patient_id, "label": record.label,
            "fs": record.fs, "n_samples": record.signal.shape[0], "n_leads": record.signal.shape[1],
            "leads": list(record.leads), "gain": record.gain.tolist(), "baseline": record.baseline.tolist(),
            "shard": self.shard, "offset": self.offset, "sha256": sha256,
            "beats": [record.beat_positions.tolist(), record.beat_classes.tolist()],
            "rhythms": [record.rhythm_positions.tolist(), record.rhythm_classes.tolist()],
        }  # fmt: skip

    def finish(self, card=None):
        """Write index, events and manifest, rename the folder into place and return the `Corpus`."""
        rows = [row for line in self.lines for row in line["records"]]
        quarantined = {key: reason for line in self.lines for key, reason in line["quarantined"].items()}
        if not rows:
            reasons = "; ".join(list(quarantined.values())[:2]) or "no records"
            raise InputError(self.out, "at least one usable record", reasons, "Nothing was made.")
        counts = {"records": len(rows), "labels": dict(sorted(Counter(row["label"] for row in rows).items()))}
        for kind, names in (("beats", BEAT_CLASSES), ("rhythms", RHYTHM_CLASSES)):
            counts[kind] = self._write_events(rows, kind, names)
        self._write_index(rows)
        manifest = {"format": FORMAT, **self.identity, "fingerprint": fingerprint(rows), "counts": counts,
                    "quarantined": quarantined, "checksums": self._checksums()}  # fmt: skip
        if card:
            manifest |= {"title": card.title, "url": card.url, "licence": card.licence}
        (self.partial / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
        self._file = self._file and self._file.close()
        self.journal.unlink()
        os.replace(self.partial, self.out)
        return Corpus(self.out)

    def _write_events(self, rows, kind, names):
        positions = [np.asarray(row[kind][0], np.int64) for row in rows]
        classes = np.concatenate([np.asarray(row[kind][1], np.int8) for row in rows])
        stops = np.cumsum([len(part) for part in positions])
        for row, start, stop in zip(rows, [0, *stops[:-1].tolist()], stops.tolist(), strict=True):
            row[f"{kind}_start"], row[f"{kind}_stop"] = start, stop
        np.savez(self.partial / f"{kind}.npz", positions=np.concatenate(positions), classes=classes)
        counts = np.bincount(classes, minlength=len(names))
        return {name: int(count) for name, count in zip(names, counts, strict=True) if count}

    def _write_index(self, rows):
        index = pd.DataFrame([{key: row[key] for key in INDEX_COLUMNS} for row in rows])
        index.to_parquet(self.partial / "index.parquet")

    def _checksums(self):
        if self._file:
            self._file.flush()
        paths = [path for path in sorted(self.partial.iterdir()) if path != self.journal]
        sums = {}
        for path in paths:
            with path.open("rb") as file:
                sums[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
        return sums


def fingerprint(rows):
    """SHA-256 over the content of all records, independent of shard layout and source path."""
    digest = hashlib.sha256()
    for row in rows:
        keys = ("record_id", "patient_id", "label", "fs", "gain", "baseline", "sha256", "beats", "rhythms")
        digest.update(json.dumps([row[key] for key in keys]).encode())
    return digest.hexdigest()
