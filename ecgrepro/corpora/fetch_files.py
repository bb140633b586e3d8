"""Bringing the files of a data set, several at once, each from the first mirror that gives the right one."""

import sys
import threading
import time
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from urllib.parse import quote, urlsplit

from tqdm import tqdm

from ecgrepro.corpora import archive, drive
from ecgrepro.corpora.downloads import CHECKSUM_LIST, File, limit
from ecgrepro.corpora.fetch_folder import sha256_of
from ecgrepro.corpora.fetch_plan import Plan, listed_files, require_space
from ecgrepro.corpora.http_answer import TransferError
from ecgrepro.corpora.http_transfer import Session, Transfer, discard, url_of
from ecgrepro.errors import InputError

#: So many files that cannot be had end the fetch; fewer are told when all others are here.
TOO_MANY = 3


@dataclass(frozen=True)
class Fetched:
    """What a fetch did: files of the selection, those that are new, their bytes, bytes received for them, seconds."""

    folder: Path
    files: int
    new_files: int
    new_bytes: int
    received: int
    seconds: float

    def describe(self):
        """Return one line for a person."""
        rate = self.received / 1e6 / max(self.seconds, 1e-9)
        return (f"{self.folder}: {self.files:,} files, {self.new_files:,} of them new ({self.new_bytes / 1e6:,.1f} MB "
                f"in {self.seconds:,.1f} s, {rate:,.1f} MB/s); every checksum agrees")  # fmt: skip


class Fetcher:
    """Fetches files into an open `FetchFolder`, several at once; a context manager that ends what is under way."""

    def __init__(self, entry, place, jobs, progress):
        self.entry, self.place, self.progress = entry, place, progress
        # Drive counts what one address asks for, and then refuses
        self.jobs = jobs if entry.mirrors else 1
        self.stop, self.received, self._guard, self._sessions = threading.Event(), 0, threading.Lock(), []
        self._bar, self._local, self._failures = None, threading.local(), Counter()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for session in self._sessions:
            session.close()

    def plan(self, selection, drive_ids):
        """Find out which files the selection has, and which of them are missing."""
        files = list(self._files(selection, drive_ids))
        missing = [file for file in files if not self._finished(file)]
        return Plan(self.entry, self.place.path, missing, len(files), selection, self._begun(missing))

    def _begun(self, files):
        """Bytes that earlier fetches have left of unfinished files."""
        parts = (self._part(file) for file in files)
        return sum(part.stat().st_size for part in parts if part.exists())

    def _files(self, selection, drive_ids):
        yield from self.entry.files
        for file in self.entry.drive:
            yield replace(file, remote=drive_ids.get(file.name, file.remote))
        for folder in self.entry.drive_folders:
            yield from drive.list_folder(replace(folder, remote=drive_ids.get(folder.name, folder.remote)))
        if self.entry.pattern:
            listing = File(CHECKSUM_LIST, self.entry.list_size, remote=CHECKSUM_LIST)
            if not self._finished(listing):
                require_space(self.place.path, listing.size)
                self._run([listing])
            yield from listed_files(self.entry, self.place.place(CHECKSUM_LIST), selection)

    def run(self, plan):
        """Fetch what is missing, unpack what is to be unpacked."""
        began = time.monotonic()
        self._run(plan.missing)
        for file in self.entry.files:
            if file.unpacked and not unpacked_folder(self.place.path, file).exists():
                self._unpack(file)
        new = sum(self.place.place(file.name).stat().st_size for file in plan.missing)
        return Fetched(
            self.place.path, plan.total, len(plan.missing), new, self.received, time.monotonic() - began
        )

    def _unpack(self, file):
        packed = self.place.place(file.name)
        try:
            archive.unpack(
                packed, unpacked_folder(self.place.path, file), max_bytes=2 * file.unpacked + (16 << 20)
            )
        except InputError:
            # an archive that nobody can open must not be what later ones are compared with
            self.place.forget(file.name)
            raise

    def _finished(self, file):
        return self.place.finished(file.name, file.sha256, file.size if file.exact else None)

    def _part(self, file):
        path = self.place.place(file.name)
        return path.with_name(path.name + ".part")

    def _run(self, files):
        """Fetch files side by side, with a bar; an error or Ctrl-C ends all of them, and what has arrived stays."""
        failed, waiting = [], set()
        bar = tqdm(total=sum(file.size for file in files), initial=self._begun(files), unit="B", unit_scale=True,
                   desc=f"fetch {self.entry.name}", disable=not self.progress, file=sys.stderr)  # fmt: skip
        with bar as self._bar, ThreadPoolExecutor(self.jobs) as pool:
            try:
                for file in files:
                    waiting.add(pool.submit(self._one, file))
                    # not all at once: a million of them are under way for weeks
                    if len(waiting) > 2 * self.jobs:
                        waiting = _settle(waiting, failed)
                while waiting:
                    waiting = _settle(waiting, failed)
            except BaseException:
                self.stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        _tell(failed)

    def _one(self, file):
        part = self._part(file)
        part.parent.mkdir(parents=True, exist_ok=True)
        expected, reasons = file.sha256 or self.place.pinned(file.name), []
        for name, bring in self._sources(file, part, judged=expected is not None):
            try:
                bring()
            except TransferError as error:
                self._failures[name] += 1
                reasons.append(f"{urlsplit(name).netloc or name}: {error}")
                continue
            got = sha256_of(part)
            if expected in (None, got):
                self._advance(0, part.stat().st_size - file.size)
                self.place.keep(part, file.name, got)
                return discard(part)  # its note
            self._advance(-part.stat().st_size)
            discard(part)
            reasons.append(f"{urlsplit(name).netloc or name}: a file of SHA-256 {got}")
        raise InputError(self.place.place(file.name), f"the file with SHA-256 {expected}" if expected else "the file",
                         "; ".join(reasons), _advice(file, expected))  # fmt: skip

    def _sources(self, file, part, judged):
        """Yield the name of each source and a function that brings `part` from there, the likeliest first."""
        if not self.entry.mirrors:
            yield "Google Drive", lambda: self._from_drive(file, part)
        urls = {
            mirror + quote(file.remote or self.entry.prefix + file.name): mirror
            for mirror in self.entry.mirrors
        }
        begun = url_of(part)
        # where it began, it can go on; and a server that is down is not waited for with every file
        for url in sorted(urls, key=lambda url: (url != begun, self._failures[urls[url]])):
            yield urls[url], lambda url=url: self._transfer(url, file, part, judged)

    def _from_drive(self, file, part):
        place = self.place.place(file.name)
        self._count(drive.fetch_file(file, part, place, stop=self.stop, advance=self._advance))

    def _transfer(self, url, file, part, judged):
        transfer = Transfer(
            url, part, self._session(), hosts=self.entry.all_hosts, limit=limit(file), judged=judged, stop=self.stop,
            size=file.size if file.exact else None, advance=self._advance,
        )  # fmt: skip
        try:
            transfer.run()
        finally:
            self._count(transfer.received)

    def _session(self):
        if not hasattr(self._local, "session"):
            self._local.session = Session()
            with self._guard:
                self._sessions.append(self._local.session)
        return self._local.session

    def _count(self, received):
        with self._guard:
            self.received += received

    def _advance(self, change, more=0):
        with self._guard:
            # sizes in the table are rough: the bar learns the true one when a file is whole
            self._bar.total += more
            self._bar.update(change)


def _settle(waiting, failed):
    """Wait for a file; note one that could not be had, and raise when there are too many of them."""
    done, rest = wait(waiting, return_when=FIRST_COMPLETED)
    for future in done:
        try:
            future.result()
        except InputError as error:
            failed.append(error)
    if len(failed) >= TOO_MANY:
        _tell(failed)
    return rest


def _tell(failed):
    if failed:
        first, more = failed[0], f"; {len(failed) - 1} more files failed too" if len(failed) > 1 else ""
        raise InputError(first.where, first.expected, first.got + more, first.fix) from first


def _advice(file, expected):
    if file.sha256:
        return (f"Run the same command later. If it stays so, the publisher has changed the data set: delete "
                f"{CHECKSUM_LIST} and its line in checksums.jsonl.")  # fmt: skip
    if expected:
        return ("It is not the file that was first fetched: see whether its publisher has changed it. To take the new "
                "one for good, delete its line in checksums.jsonl.")  # fmt: skip
    return "Run the same command later: it goes on where it stopped. Or put the file there by hand."


def unpacked_folder(folder, file):
    """Where an archive's content goes."""
    return folder / PurePosixPath(file.name).stem
