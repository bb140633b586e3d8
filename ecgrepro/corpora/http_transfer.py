"""One file over HTTP into a ``.part`` file, resumed where it broke (RFC 9110: Range, If-Range, Content-Range).

Why not pooch: it begins a broken transfer again from the first byte, and Icentia11k has a tebibyte. So transport is
requests, and what stands here is only what neither has: resuming, its bounds, and the refusal of what is no data.

A ``.part`` holds bytes of one version of one file from one server. Beside it ``.part.json`` says which (URL, ETag or
Last-Modified, length), and is written before its first byte. A server that ignores the range, or whose file has changed
meanwhile, makes the transfer start again; two versions are never joined.
"""

import json
import random
import threading
import time
from pathlib import Path

import requests
import urllib3

from ecgrepro.corpora import http_answer
from ecgrepro.corpora.http_answer import Broken, TransferError
from ecgrepro.errors import DiskError

#: Bytes asked for at once; what arrived is written as it comes.
CHUNK = 1 << 18
#: Seconds to connect, and to wait for the next bytes.
TIMEOUT = (10, 30)
#: Failures in a row that end the attempt on a server; `PROGRESS` new bytes start the count anew.
ATTEMPTS, PROGRESS = 6, 1 << 20
#: Seconds before the second try, doubled for each further one up to the longest wait, each drawn from its upper half.
BACKOFF, LONGEST_WAIT = 1.0, 60.0
#: A connection that gives fewer bytes per second, counted over so many seconds, is taken as broken.
SLOWEST, OVER = 256, 60
MAX_REDIRECTS = 5


class Stopped(Exception):
    """The caller asked for the end; what has arrived stays."""


class Session(requests.Session):
    """A connection to several hosts that leads nowhere by itself.

    Even when told not to follow a redirect, requests reads its whole body, however long, and parses the address.
    """

    def __init__(self):
        super().__init__()
        self.headers["User-Agent"] = "ecgrepro"

    def get_redirect_target(self, resp):
        return None


class Transfer:
    """Fetches one URL into `part`; call `run`.

    Parameters
    ----------
    url : str
    part : Path
        File to append to. What an earlier transfer of the same URL left there is gone on with.
    session : Session
        One per thread: requests does not promise that it may be shared.
    hosts : set of str
        Hosts, with port where one is named, that a redirect may lead to.
    limit : int
        Most bytes the file may have.
    size : int, optional
        Its exact number of bytes where that is known.
    judged : bool
        A checksum will judge the whole file: then a server that names no version may be resumed too.
    stop : threading.Event, optional
        Set from outside, it ends the transfer within the time-out.
    advance : callable, optional
        Called with the change of the number of bytes in `part`; negative where the transfer starts again.

    Attributes
    ----------
    received : int
        Bytes of content that came over the network, those fetched twice included.
    """

    def __init__(self, url, part, session, *, hosts, limit, size=None, judged=False, stop=None, advance=None):
        self.url, self.part, self.session, self.hosts = url, Path(part), session, set(hosts)
        self.limit, self.size, self.judged = limit, size, judged
        self.stop, self.advance = stop or threading.Event(), advance or (lambda change: None)
        self.note, self.received = note_of(self.part), 0

    def run(self):
        """Fetch until the file is whole.

        Raises
        ------
        TransferError
            The server refuses, gives something else, or fails too often.
        Stopped
            `stop` was set.
        DiskError
            The disk does not take the bytes.
        """
        failures, mark = 0, self._here()
        while True:
            try:
                return self._attempt()
            except Broken as error:
                failures += 1
                if self._here() >= mark + PROGRESS:
                    failures, mark = 1, self._here()
                if failures >= ATTEMPTS:
                    raise TransferError(f"{error}, {failures} times in a row") from error
                self._pause(failures, error.wait)
            except DiskError:
                raise
            except OSError as error:
                fix = "Free some space or mend the folder, then run the same command: it goes on where it stopped."
                raise DiskError(self.part, "a file that can be written", str(error), fix) from error

    def _here(self):
        return self.part.stat().st_size if self.part.exists() else 0

    def _pause(self, failures, asked):
        # drawn, so that those who were cut off together do not all come back at the same moment
        wait = min(BACKOFF * 2 ** (failures - 1), LONGEST_WAIT) * random.uniform(0.5, 1)
        if self.stop.wait(min(max(wait, asked), LONGEST_WAIT)):
            raise Stopped

    def _attempt(self):
        if self.stop.is_set():
            raise Stopped
        note = _read_note(self.part)
        offset = self._resumable(note)
        if offset and offset == note.get("total"):
            return
        try:
            with self._open(_headers(offset, note)) as response:
                self._copy(response, self._begin(response, offset, note))
        # requests' errors are children of OSError, but the disk is not at fault
        except requests.exceptions.SSLError as error:
            raise TransferError(f"no safe connection ({http_answer.reason(error)}): "
                                "check the machine's clock, its certificates and its proxy") from error  # fmt: skip
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            # a ValueError is an address that cannot be asked for
            kind = TransferError if isinstance(error, ValueError) else Broken
            raise kind(http_answer.reason(error)) from error

    def _resumable(self, note):
        """Number of bytes to go on after; 0 where nothing says that the server still has the same version."""
        here, total = self._here(), note.get("total")
        known = note.get("etag") or note.get("modified") or self.judged
        fits = here <= min(total if isinstance(total, int) else self.limit, self.limit)
        return here if known and fits and note.get("url") == self.url else 0

    def _open(self, headers):
        url = self.url
        for _ in range(MAX_REDIRECTS + 1):
            response = self.session.get(
                url, headers=headers, stream=True, allow_redirects=False, timeout=TIMEOUT
            )
            if response.status_code not in http_answer.REDIRECTS:
                return response
            response.close()
            url = http_answer.redirected(url, response.headers.get("Location", ""), self.hosts)
        raise TransferError(f"more than {MAX_REDIRECTS} redirects")

    def _begin(self, response, offset, note):
        """Check an answer's head, bring `part` to where its body begins, and return the file's size or None."""
        if response.status_code == 206 and offset:
            return self._resume(response, offset, note)
        if response.status_code in (206, 416):
            self._discard()
            raise Broken(f"HTTP {response.status_code}: a range that does not fit the file")
        if response.status_code != 200:
            http_answer.refuse_status(response)
        total = http_answer.length(response)
        http_answer.refuse_kind(response)
        self._check_size(total)
        self._discard()
        # the note comes first: were it the second, a crash between them would leave bytes of an unknown version
        self.note.write_text(json.dumps({"url": self.url, "total": total} | http_answer.version(response)))
        return total

    def _resume(self, response, offset, note):
        first, total = http_answer.span(response)
        same = all(
            note.get(key) in (None, value) for key, value in http_answer.version(response).items() if value
        )
        if first != offset or note.get("total") not in (None, total) or not same:
            self._discard()
            raise Broken("the file changed on the server while it was fetched")
        http_answer.refuse_kind(response)
        self._check_size(total)
        return total

    def _check_size(self, total):
        if total is not None and self.size is not None and total != self.size:
            raise TransferError(f"a file of {total:,} bytes instead of {self.size:,}")
        if total is not None and total > self.limit:
            raise TransferError(f"a file of {total:,} bytes, more than the {self.limit:,} that it may have")

    def _discard(self):
        self.advance(-self._here())
        discard(self.part)

    def _copy(self, response, total):
        here = counted = self._here()
        began = time.monotonic()
        with self.part.open("ab") as file:
            while data := response.raw.read1(CHUNK, decode_content=False):
                self._check_data(data, here)
                file.write(data)
                here, self.received = here + len(data), self.received + len(data)
                self.advance(len(data))
                if self.stop.is_set():
                    raise Stopped
                if (now := time.monotonic()) - began > OVER:
                    if here - counted < SLOWEST * OVER:
                        raise Broken(f"fewer than {SLOWEST} bytes per second")
                    began, counted = now, here
        self._check_end(here, total)

    def _check_data(self, data, here):
        if here + len(data) > self.limit:
            raise TransferError(f"more than the {self.limit:,} bytes that the file may have")
        if here == 0 and http_answer.is_html(data):
            raise TransferError("an HTML page instead of the file")

    def _check_end(self, here, total):
        if total is not None and here < total:
            raise Broken(f"the connection ended after {here:,} of {total:,} bytes")
        if self.size is not None and here != self.size:
            self._discard()
            raise TransferError(f"a file of {here:,} bytes instead of {self.size:,}")


def note_of(part):
    """Where the version of a ``.part`` file is noted."""
    return part.with_name(part.name + ".json")


def url_of(part):
    """Where a ``.part`` file came from, or None."""
    return _read_note(part).get("url")


def _read_note(part):
    try:
        note = json.loads(note_of(part).read_text())
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def discard(part):
    """Remove a ``.part`` file and its note."""
    part.unlink(missing_ok=True)
    note_of(part).unlink(missing_ok=True)


def _headers(offset, note):
    # identity: a range counts bytes of the file, not of its compressed form
    headers = {"Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
        if validator := note.get("etag") or note.get("modified"):
            headers["If-Range"] = str(validator)
    return headers
