"""Writing a `Corpus`: record by record, resumable after a kill, and visible only when it is whole.

Records are appended to ``OUT.partial``; a journal line per unit says what is safe on disk, so a run that was killed
goes on after the last unit. ``OUT`` appears in one rename when everything is there.
"""

import contextlib
import errno
import hashlib
import json
import os
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from ecgrepro.corpora.corpus import FORMAT, INDEX_COLUMNS, Corpus
from ecgrepro.corpora.quality import check_record
from ecgrepro.corpora.record import BEAT_CLASSES, RHYTHM_CLASSES
from ecgrepro.errors import DiskError, InputError, SettingsError

try:
    import fcntl
except ImportError:  # not on Windows: there nothing stops two processes from writing one corpus
    fcntl = None

SHARD_BYTES = 1 << 29
_FULL = (errno.ENOSPC, errno.EDQUOT)
_JOURNAL = "journal.jsonl"


def partial_folder(out):
    """Where an unfinished corpus lies until it becomes `out`."""
    return Path(out).with_name(Path(out).name + ".partial")


def _events(positions, classes):
    return [np.asarray(positions, np.int64), np.asarray(classes, np.int8)]


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

    Raises
    ------
    SettingsError
        `out` exists, ``OUT.partial`` is of another identity or damaged, or another process is writing it.
    DiskError
        A folder that cannot be written; from the `with` block, a full disk.
    """

    def __init__(self, out, identity):
        self.out, self.identity = Path(out), json.loads(json.dumps(identity))
        self.partial, self._file, self._journal = partial_folder(out), None, None
        if self.out.exists():
            raise SettingsError(self.out, "a name that is not taken", "a file or folder without a manifest.json",
                                "Choose another --out.")  # fmt: skip
        try:
            self.partial.mkdir(parents=True, exist_ok=True)
            self._journal = (self.partial / _JOURNAL).open("ab+")
            self._lock()
            self.lines = self._resume()
        except BaseException as error:
            self._close()
            if not isinstance(error, OSError):
                raise
            raise DiskError(self.partial, "a folder that can be written", str(error),
                            "Free some space or choose another --out.") from error  # fmt: skip
        self.done = {line["unit"] for line in self.lines}

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self._close()
        if isinstance(error, OSError) and error.errno in _FULL:
            fix = "Free some space and run the same command: it goes on where it stopped."
            raise DiskError(self.partial, "room for the corpus", "a full disk", fix) from error

    def _close(self):
        for file in (self._file, self._journal):
            # on a full disk closing fails again; the error that led here tells more
            with contextlib.suppress(OSError):
                if file:
                    file.close()

    def _lock(self):
        try:
            if fcntl:
                fcntl.flock(self._journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SettingsError(self.partial, "no other process writing this corpus", "one that is at it",
                                "Wait until it has finished, then run the same command.") from error  # fmt: skip
        except OSError:
            pass  # some network drives know no locks

    def _resume(self):
        """Read the journal, and cut off whatever a killed run wrote after its last line."""
        self._journal.seek(0)
        data = self._journal.read()
        data = data[: data.rfind(b"\n") + 1]
        self._journal.truncate(len(data))
        try:
            lines = [json.loads(line) for line in data.splitlines()]
        except ValueError as error:
            raise self._unusable("a journal with a line for each unit", str(error)) from error
        if not lines:
            self._note(self.identity)
        elif lines[0] != self.identity:
            raise self._unusable(f"an unfinished ingest of {self.identity}", str(lines[0]))
        self._restore(lines[1:])
        return lines[1:]

    def _unusable(self, expected, got):
        return SettingsError(self.partial, expected, got, "Delete that folder or choose another --out.")

    def _note(self, line):
        self._journal.write(json.dumps(line, default=np.ndarray.tolist).encode() + b"\n")
        self._journal.flush()

    def _restore(self, lines):
        """Bring shards and rows to where the journal ends."""
        self.shard, self.offset = lines[-1]["end"] if lines else (0, 0)
        rows = [row for line in lines for row in line["records"]]
        for row in rows:
            for kind in ("beats", "rhythms"):
                row[kind] = _events(*row[kind])
        ends = {row["shard"]: 2 * (row["offset"] + row["n_samples"] * row["n_leads"]) for row in rows}
        for path in sorted(self.partial.glob("signal-*.int16")):
            number = int(path.stem.removeprefix("signal-"))
            if path.stat().st_size < ends.pop(number, 0):
                raise self._unusable("every sample that the journal names", f"a shorter {path.name}")
            if number > self.shard:
                path.unlink()
        if ends:
            raise self._unusable("every sample that the journal names", f"no shard {sorted(ends)}")
        if self._shard_path().exists():
            os.truncate(self._shard_path(), self.offset * 2)

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
        self._note(line)
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
            "beats": _events(record.beat_positions, record.beat_classes),
            "rhythms": _events(record.rhythm_positions, record.rhythm_classes),
        }  # fmt: skip

    def finish(self, card=None):
        """Write index, events and manifest, rename the folder into place and return the `Corpus`.

        Raises `InputError`, and removes what there is, where no record was usable.
        """
        rows = [row for line in self.lines for row in line["records"]]
        quarantined = {key: reason for line in self.lines for key, reason in line["quarantined"].items()}
        if not rows:
            shutil.rmtree(self.partial)
            reasons = (
                "; ".join(reason.rstrip(".") for reason in list(quarantined.values())[:2]) or "no records"
            )
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
        self._close()
        os.replace(self.partial, self.out)
        (self.out / _JOURNAL).unlink()
        return Corpus(self.out)

    def _write_events(self, rows, kind, names):
        positions = [row[kind][0] for row in rows]
        classes = np.concatenate([row[kind][1] for row in rows])
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
        sums = {}
        for path in sorted([*self.partial.glob("signal-*.int16"), *self.partial.glob("*.npz"),
                            self.partial / "index.parquet"]):  # fmt: skip
            with path.open("rb") as file:
                sums[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
        return sums


def fingerprint(rows):
    """SHA-256 over the content of all records, independent of shard layout and source path."""
    digest = hashlib.sha256()
    for row in rows:
        keys = ("record_id", "patient_id", "label", "fs", "gain", "baseline", "sha256", "beats", "rhythms")
        digest.update(json.dumps([row[key] for key in keys], default=np.ndarray.tolist).encode())
    return digest.hexdigest()
