"""What was computed from committed runs, kept on disk: notebooks, the book, the ledger and tests ask for the same.

An estimate with its interval takes half a second, and the ledger has hundreds. It is computed anew whenever the
package, the runs or the settings are others: all three are in the name that it is kept under.
"""

import hashlib
import os
import pickle
import shutil
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

from ecgrepro import paths

PACKAGE = Path(__file__).parents[1]
#: Seconds after which what another state of the package computed is cleared away.
KEPT = 7 * 86_400
#: What reading a file that was cut short raises.
DAMAGED = (OSError, EOFError, pickle.UnpicklingError, AttributeError, ValueError)


def remembered(what, runs, settings, make):
    """Give `make()`, or what it gave before.

    Parameters
    ----------
    what : str
        Names what is computed.
    runs : iterable of Result
        That it is computed from. Runs that lie in no folder are not known again: `make` is called.
    settings : object
        All else that it depends on, as its `repr` tells it apart.
    make : callable
        Without arguments; gives something that can be pickled.
    """
    folders = [getattr(run, "folder", None) for run in runs]
    if not folders or None in folders:
        return make()
    key = hashlib.sha256(
        repr((what, [_content(folder) for folder in folders], settings)).encode()
    ).hexdigest()
    path = paths.work() / "computed" / _package() / f"{key[:32]}.pickle"
    with suppress(*DAMAGED):
        return pickle.loads(path.read_bytes())
    made = make()
    _keep(path, made)
    return made


def _keep(path, made):
    """Write in one rename; a disk that is full or read-only costs time alone."""
    partial = path.with_suffix(f".{os.getpid()}.partial")
    with suppress(OSError):
        if not path.parent.exists():
            _clear(path.parent.parent)
            path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(pickle.dumps(made))
        os.replace(partial, path)


def _clear(folder):
    for old in folder.glob("*"):
        if time.time() - old.stat().st_mtime > KEPT:
            shutil.rmtree(old, ignore_errors=True)


def _content(folder):
    """Hash of a run's files, read again where one of them has been written since."""
    files = [(path, path.stat()) for path in sorted(Path(folder).iterdir())]
    return _digest(tuple((path, about.st_mtime_ns, about.st_size) for path, about in files))


@cache
def _digest(files):
    digest = hashlib.sha256()
    for path, *_ in files:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


@cache
def _package():
    """Hash of the package's sources: 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for path in sorted(path for suffix in ("*.py", "*.yaml") for path in PACKAGE.rglob(suffix)):
        digest.update(f"{path.relative_to(PACKAGE)}".encode() + path.read_bytes())
    return digest.hexdigest()[:16]
