"""Google Drive, by gdown: files and folders that anybody with the link may read.

Drive has no checksums to give and no address that stays; gdown finds the way through its pages. What is added here:
what gdown's failures mean for a person, the refusal of web pages, a bound on size, and that only whole files are kept.
A broken transfer starts again, since gdown's own resuming does not ask whether the file is still the same.
"""

import errno
import inspect
from pathlib import PurePosixPath

import requests

from ecgrepro.corpora.downloads import File, limit
from ecgrepro.corpora.http_answer import is_html
from ecgrepro.corpora.http_transfer import TIMEOUT, Stopped
from ecgrepro.errors import DiskError, InputError, SettingsError

ATTEMPTS = 3
_PASSING = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
#: Files in one Drive folder; more is not what was published.
MAX_FILES = 5_000
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EPERM, errno.EIO)
#: What a failure's text holds, what it means, and what to do besides putting the file in its place by hand.
_FAILURES = (
    (("too many users", "quota", "download limit", "rate limit"), "its quota for this file is used up",
     "Wait up to 24 hours, or copy the file into a Drive of your own and give the copy's id (--drive-id {name}=ID)"),
    (("public link", "many accesses"), "no public link: the permission was taken back or the quota is used up",
     "Open {link} in a browser to see which. Wait up to 24 hours, or copy the file into a Drive of your own, "
     "open it to anyone with the link, and give the copy's id (--drive-id {name}=ID)"),
    (("permission", "access denied", "forbidden", "401", "403", "sign in"), "permission denied",
     "Ask its owner for access at {link}, copy it into a Drive of your own, open that to anyone with the link, "
     "and give the copy's id (--drive-id {name}=ID)"),
    (("404", "not found", "does not exist"), "no such file any more", "See {link}"),
    (("connection", "timeout", "timed out", "resolve", "proxy", "ssl"), "no connection",
     "Check the network and run the same command again"),
)  # fmt: skip


def list_folder(folder):
    """Ask Drive what a folder holds.

    Parameters
    ----------
    folder : File
        Its `remote` is the folder's id, its `size` that of the whole.

    Returns
    -------
    list of File
        Named below the folder's own name, each with the folder's size as what may come.

    Raises
    ------
    InputError
        Drive refuses, or names files outside the folder.
    """
    link = f"https://drive.google.com/drive/folders/{folder.remote}"
    items = _ask("download_folder", folder, link, f"in the folder {folder.name}",
                 id=folder.remote, quiet=True, use_cookies=False, skip_download=True)  # fmt: skip
    names = [str(PurePosixPath(folder.name) / _safe(item.path, link)) for item in items or ()]
    if not names or len(names) > MAX_FILES or len(set(names)) < len(names):
        raise InputError(link, f"1 to {MAX_FILES:,} files of different names", f"{len(names):,} files",
                         "See the folder in a browser.")  # fmt: skip
    size = folder.size // len(names)
    return [File(name, size, remote=item.id) for name, item in zip(names, items, strict=True)]


def _safe(name, link):
    path = PurePosixPath(str(name).replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or not path.parts or not path.name.isprintable():
        raise InputError(link, "names below the folder", repr(str(name)[:80]), "See the folder in a browser.")
    return path


def fetch_file(file, part, place, *, stop=None, advance=None):
    """Fetch one Drive file into `part`.

    Parameters
    ----------
    file : File
        Its `remote` is the file's id.
    part : Path
        Made anew; removed where it does not become whole.
    place : Path
        Where the file is meant to be: named in the error, for who fetches it by hand.
    stop : threading.Event, optional
    advance : callable, optional
        Called with the number of new bytes.

    Returns
    -------
    int
        Bytes received.

    Raises
    ------
    InputError
        Drive refuses, or gives a web page or too much.
    Stopped
        `stop` was set.
    """
    link = f"https://drive.google.com/file/d/{file.remote}/view"
    for attempt in range(ATTEMPTS):
        with _Sink(part, file, stop, advance) as sink:
            try:
                _ask("download", file, link, place, id=file.remote, output=sink, quiet=True, use_cookies=False,
                     **_where_known(timeout=TIMEOUT, cancel=stop))  # fmt: skip
                if not sink.size:
                    raise _refused(link, place, file, "no bytes at all")
                return sink.keep()
            except InputError as error:
                passing = isinstance(error.__cause__, _PASSING) or "incomplete" in str(error.__cause__)
                if not passing or attempt + 1 == ATTEMPTS:
                    raise


class _Sink:
    """Where gdown writes to: a file that takes no web page and no more than a bound, and goes unless it is kept."""

    def __init__(self, part, file, stop, advance):
        self.part, self.most, self.stop, self.advance, self.size = part, limit(file), stop, advance, 0

    def __enter__(self):
        self.check()
        self.kept, self._file = False, self.part.open("wb")
        return self

    def __exit__(self, *_):
        self._file.close()
        if not self.kept:
            self.part.unlink(missing_ok=True)
            self._advance(-self.size)

    def _advance(self, change):
        if self.advance:
            self.advance(change)

    def check(self):
        if self.stop is not None and self.stop.is_set():
            raise Stopped

    def write(self, data):
        self.check()
        if self.size == 0 and is_html(data):
            raise _Refused("a web page instead of the file")
        if self.size + len(data) > self.most:
            raise _Refused(f"more than {self.most:,} bytes")
        self.size += len(data)
        self._advance(len(data))
        return self._file.write(data)

    def flush(self):
        self._file.flush()

    def keep(self):
        self.kept = True
        return self.size


class _Refused(Exception):
    """What came is not the file."""


def _where_known(**options):
    # Colab ships gdown 5.2, which knows neither
    known = inspect.signature(_gdown().download).parameters
    return {key: value for key, value in options.items() if key in known}


def _gdown():
    try:
        import gdown
    except ImportError as error:
        raise SettingsError("gdown", "the package installed", str(error), "pip install gdown") from error
    return gdown


def _ask(function, file, link, place, **arguments):
    """Call a function of gdown; whatever goes wrong in it becomes an `InputError` that says what to do."""
    try:
        return getattr(_gdown(), function)(**arguments)
    except (Stopped, SettingsError):
        raise
    except Exception as error:  # gdown lets through errors of five libraries
        if type(error).__name__ == "DownloadCancelled":
            raise Stopped from error
        if isinstance(error, OSError) and error.errno in _DISK:
            raise DiskError(place, "a file that can be written", str(error),
                            "Free some space and run the same command.") from error  # fmt: skip
        raise _refused(link, place, file, f"{type(error).__name__}: {error}") from error


def _refused(link, place, file, got):
    got = " ".join(got.split())
    meaning, remedy = next(((meaning, remedy) for words, meaning, remedy in _FAILURES
                            if any(word in got.lower() for word in words)),
                           ("no answer that can be used", "See {link}"))  # fmt: skip
    fix = f"{remedy.format(link=link, name=file.name)}; or fetch it in a browser and put it at {place}."
    return InputError(link, "the file from Google Drive", f"{meaning} ({got[:200]})", fix)
