"""A folder that appears whole or not at all."""

import errno
import os
import shutil
from contextlib import contextmanager
from pathlib import Path

from ecgrepro.errors import DiskError, EcgreproError, SettingsError


@contextmanager
def fresh_folder(destination):
    """Yield a hidden sibling of `destination` to fill; rename it at the end, remove it on failure.

    Raises
    ------
    SettingsError
        The destination is a file or a folder that is not empty.
    DiskError
        Any failure of the file system inside the block, out of space above all.
    """
    destination = Path(destination).absolute()
    _check_empty(destination)
    partial = destination.with_name(f".{destination.name}.{os.getpid()}.partial")
    try:
        partial.mkdir(parents=True)
        yield partial
        if destination.exists():
            destination.rmdir()
        partial.rename(destination)
    except EcgreproError:
        raise
    except OSError as error:
        raise _disk_error(destination, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _check_empty(destination):
    if destination.is_file() or (destination.is_dir() and any(destination.iterdir())):
        raise SettingsError(
            destination, "a folder that does not exist yet or is empty",
            "a file" if destination.is_file() else "a folder with something in it",
            "Choose another folder, or remove this one first.",
        )  # fmt: skip


def _disk_error(destination, error):
    denied = error.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
    fix = "Choose a folder you may write to." if denied else "Free some space, or choose another disk."
    return DiskError(
        destination, "a disk that takes the files", str(error), f"{fix} Nothing half-written was left."
    )


def check_positive(**numbers):
    """Raise SettingsError, naming the parameter, where one of the numbers is below 1."""
    for name, value in numbers.items():
        if value < 1:
            raise SettingsError(name, "a whole number of at least 1", str(value), "Ask for at least one.")
