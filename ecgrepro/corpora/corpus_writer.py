"""Writing a `Corpus`: unit by unit, resumable after a kill, in constant memory, and visible only when it is whole.

Records are appended to ``OUT.partial``; a journal line per unit says what is safe on disk, so a run that was killed
goes on after the last unit. ``OUT`` appears in one rename when everything is there. What is held in memory is one unit,
and the names of those done: index, counts and fingerprint are made by reading the journal line by line.
"""

import contextlib
import errno
import json
import os
import shutil
from pathlib import Path

from ecgrepro.corpora.corpus import EVENTS, Corpus, event_files
from ecgrepro.corpora.corpus_summary import write_summary
from ecgrepro.corpora.corpus_unit import corpus_unit
from ecgrepro.corpora.folder_lock import take_lock
from ecgrepro.errors import DiskError, InputError, SettingsError

SHARD_BYTES = 1 << 29
_FULL = (errno.ENOSPC, errno.EDQUOT)
_JOURNAL = "journal.jsonl"


def partial_folder(out):
    """Where an unfinished corpus lies until it becomes `out`."""
    return Path(out).with_name(Path(out).name + ".partial")


class CorpusWriter:
    """Appends units to ``OUT.partial`` and turns it into ``OUT``.

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
        self.partial, self.done, self._files, self._journal = partial_folder(out), set(), {}, None
        self.shard, self.offset, self.n_events = 0, 0, dict.fromkeys(EVENTS, 0)
        if self.out.exists():
            raise SettingsError(self.out, "a name that is not taken", "a file or folder without a manifest.json",
                                "Choose another --out.")  # fmt: skip
        try:
            self.partial.mkdir(parents=True, exist_ok=True)
            self._journal = (self.partial / _JOURNAL).open("ab+")
            take_lock(self._journal, self.partial, "writing this corpus")
            self._resume()
        except BaseException as error:
            self._close()
            if not isinstance(error, OSError) or isinstance(error, DiskError):
                raise
            raise DiskError(self.partial, "a folder that can be written", str(error),
                            "Free some space or choose another --out.") from error  # fmt: skip

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self._close()
        if isinstance(error, OSError) and error.errno in _FULL:
            fix = "Free some space and run the same command: it goes on where it stopped."
            raise DiskError(self.partial, "room for the corpus", "a full disk", fix) from error

    def _close(self):
        for file in (*self._files.values(), self._journal):
            # on a full disk closing fails again; the error that led here tells more
            with contextlib.suppress(OSError):
                if file:
                    file.close()
        self._files = {}

    def _resume(self):
        """Read the journal, and cut off whatever a killed run wrote after its last line."""
        sizes = dict.fromkeys((name for kind in EVENTS for name in event_files(kind)), 0)
        for line in self._lines():
            for row in line["records"]:
                sizes[_shard(row["shard"])] = 2 * (row["offset"] + row["n_samples"] * row["n_leads"])
            self.shard, self.offset, self.n_events = line["end"]
            self.done.add(line["unit"])
        for kind, count in self.n_events.items():
            sizes |= dict(zip(event_files(kind), (8 * count, count), strict=True))
        self._journal.truncate(self._whole)
        if not self._whole:
            self._note(self.identity)
        self._cut(sizes)

    def _lines(self):
        """Yield the journal's whole lines but the first, the identity, which is checked."""
        self._journal.seek(0)
        self._whole = 0
        for data in iter(self._journal.readline, b""):
            if not data.endswith(b"\n"):
                return
            try:
                line = json.loads(data)
            except ValueError as error:
                raise self._unusable("a journal with a line for each unit", str(error)) from error
            if self._whole == 0 and line != self.identity:
                raise self._unusable(f"an unfinished ingest of {self.identity}", str(line))
            if self._whole:
                yield line
            self._whole += len(data)

    def _cut(self, sizes):
        """Bring every file to the size that the journal names."""
        for path in [*self.partial.glob("signal-*.int16"), *self.partial.glob("*-positions.int64"),
                     *self.partial.glob("*-classes.int8")]:  # fmt: skip
            size = sizes.pop(path.name, None)
            if size is None:
                path.unlink()
            elif path.stat().st_size < size:
                raise self._unusable("every sample that the journal names", f"a shorter {path.name}")
            else:
                os.truncate(path, size)
        lost = sorted(name for name, size in sizes.items() if size)
        if lost:
            raise self._unusable("every sample that the journal names", f"no {', '.join(lost)}")

    def _unusable(self, expected, got):
        return SettingsError(self.partial, expected, got, "Delete that folder or choose another --out.")

    def _note(self, line):
        self._journal.write(json.dumps(line).encode() + b"\n")
        self._journal.flush()

    def add(self, name, records):
        """Append one unit's Records; those that fail a check are quarantined."""
        self.append(corpus_unit(name, records))

    def append(self, unit):
        """Append a `CorpusUnit`; when this returns, a kill of this process does not lose it."""
        for row, data, events in zip(unit.rows, unit.signals, unit.events, strict=True):
            self._append(row, data, events)
        for file in self._files.values():
            file.flush()
        end = (self.shard, self.offset, self.n_events)
        self._note({"unit": unit.name, "records": unit.rows, "quarantined": unit.quarantined, "end": end})
        self.done.add(unit.name)

    def _append(self, row, data, events):
        self._roll(len(data))
        row |= {"shard": self.shard, "offset": self.offset}
        self._write(_shard(self.shard), data)
        self.offset += len(data) // 2
        for kind, arrays in events.items():
            row[f"{kind}_start"] = self.n_events[kind]
            self.n_events[kind] += len(arrays[0])
            row[f"{kind}_stop"] = self.n_events[kind]
            for name, values in zip(event_files(kind), arrays, strict=True):
                self._write(name, values.tobytes())

    def _roll(self, size):
        if self.offset and self.offset * 2 + size > SHARD_BYTES:
            if full := self._files.pop(_shard(self.shard), None):
                full.close()
            self.shard, self.offset = self.shard + 1, 0

    def _write(self, name, data):
        if name not in self._files:
            self._files[name] = (self.partial / name).open("ab")
        self._files[name].write(data)

    def finish(self, card=None):
        """Write index and manifest, rename the folder into place and return the `Corpus`.

        Raises `InputError`, and removes what there is, where no record was usable.
        """
        for kind in EVENTS:
            for name in event_files(kind):
                self._write(name, b"")
        for file in self._files.values():
            file.flush()
        try:
            write_summary(self.partial, self._lines(), self.identity, card)
        except InputError:
            self._close()
            shutil.rmtree(self.partial)
            raise
        self._close()
        os.replace(self.partial, self.out)
        (self.out / _JOURNAL).unlink()
        return Corpus(self.out)


def _shard(number):
    return f"signal-{number:05d}.int16"
