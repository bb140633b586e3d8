"""The folder that a data set is fetched into: who may write it, what is finished in it, what was agreed to.

* ``checksums.jsonl``: a line for every finished file (path, bytes, SHA-256, time of change, day). Lines, not one JSON
  document: each is added in one write, and Icentia11k has 1.6 million files. The first line of a file pins its
  checksum: whatever arrives later under that name has to agree.
* ``licence.json``: the licence that was accepted, and when.
* ``selection.json``: what was asked for last, so that the state can be told without network.
"""

import datetime
import hashlib
import json
import os
import threading
from pathlib import Path

from ecgrepro.corpora.folder_lock import take_lock
from ecgrepro.corpora.http_answer import is_html
from ecgrepro.errors import DiskError

CHECKSUMS, LICENCE, SELECTION, LOCK = "checksums.jsonl", "licence.json", "selection.json", ".fetch.lock"


class FetchFolder:
    """Opens a folder for fetching, as a context manager; makes it where it is missing.

    Parameters
    ----------
    path : str or Path

    Raises
    ------
    SettingsError
        Another process is fetching into it.
    DiskError
        A folder that cannot be written.
    """

    def __init__(self, path):
        self.path = Path(path)
        self._lock, self._journal, self._guard = None, None, threading.Lock()

    def __enter__(self):
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = (self.path / LOCK).open("a")
            take_lock(self._lock, self.path, "fetching into this folder")
            self._finished = read_journal(self.path)
            self._journal = (self.path / CHECKSUMS).open("a")
            _end_line(self._journal, self.path / CHECKSUMS)
        except BaseException as error:
            self.__exit__()
            if not isinstance(error, OSError) or isinstance(error, DiskError):
                raise
            raise DiskError(self.path, "a folder that can be written", str(error),
                            "Choose another folder, or mend this one.") from error  # fmt: skip
        return self

    def __exit__(self, *_):
        for file in (self._journal, self._lock):
            if file:
                file.close()

    def place(self, name):
        """Path of a file by its name below the folder."""
        return self.path / name

    def pinned(self, name):
        """SHA-256 that a file had when it was first fetched, or None."""
        return self._finished[name]["sha256"] if name in self._finished else None

    def finished(self, name, sha256=None, size=None):
        """Whether a file is here and is what it has to be.

        A file of the size and the time of change that were noted is believed. Any other, one put here by hand for
        instance, is read through: it has to have the checksum given or, where none is known, becomes the pinned one.
        """
        try:
            found = self.place(name).stat()
        except OSError:
            return False
        line, expected = self._finished.get(name), sha256 or self.pinned(name)
        if size not in (None, found.st_size):
            return False
        if line and (line["size"], line["changed"]) == (found.st_size, found.st_mtime_ns):
            return line["sha256"] == expected
        if expected is None and _is_html(self.place(name)):
            return False
        got = sha256_of(self.place(name))
        if expected in (None, got):
            self.note(name, got)
        return expected in (None, got)

    def keep(self, part, name, sha256):
        """Turn a finished ``.part`` into the file by one rename, and note it."""
        os.replace(part, self.place(name))
        self.note(name, sha256)

    def note(self, name, sha256):
        """Note a finished file; safe to call from several threads."""
        found = self.place(name).stat()
        line = {"size": found.st_size, "sha256": sha256, "changed": found.st_mtime_ns}
        with self._guard:
            self._finished[name] = line
            today = datetime.date.today().isoformat()
            self._journal.write(json.dumps({"file": name} | line | {"day": today}) + "\n")
            self._journal.flush()

    def forget(self, name):
        """Remove a file that turned out to be damaged, and the checksum that it pinned."""
        with self._guard:
            self._finished.pop(name, None)
            self._journal.write(json.dumps({"file": name, "forgotten": True}) + "\n")
            self._journal.flush()
        self.place(name).unlink(missing_ok=True)

    def accept(self, licence):
        """Note that a licence was accepted today."""
        day = datetime.date.today().isoformat()
        self.write(LICENCE, {"licence": licence, "accepted": day})

    def write(self, name, content):
        """Write a small JSON file in one rename."""
        draft = self.place(name + ".partial")
        draft.write_text(json.dumps(content, indent=1) + "\n")
        os.replace(draft, self.place(name))


def read_journal(folder):
    """Finished files of a folder by name: size in bytes, SHA-256, time of change. Torn lines are left out."""
    finished = {}
    path = Path(folder) / CHECKSUMS
    if not path.exists():
        return finished
    with path.open(errors="replace") as file:
        for text in file:
            try:
                line = json.loads(text)
                if line.get("forgotten"):
                    finished.pop(line["file"], None)
                    continue
                finished[line["file"]] = {key: line[key] for key in ("size", "sha256", "changed")}
            except (ValueError, TypeError, KeyError, AttributeError):
                continue
    return finished


def accepted(folder, licence):
    """Whether this very licence was accepted in this folder."""
    found = read_json(Path(folder) / LICENCE)
    return isinstance(found, dict) and found.get("licence") == licence


def read_json(path):
    """Content of a small JSON file; None where it is missing or damaged."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


def sha256_of(path):
    """SHA-256 of a file, as hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_html(path):
    with path.open("rb") as file:
        return is_html(file.read(1024))


def _end_line(journal, path):
    """Close a line that a crash left open, so that the next one does not join it."""
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) and file.seek(-1, os.SEEK_END) >= 0 and file.read(1) != b"\n":
            journal.write("\n")
            journal.flush()
