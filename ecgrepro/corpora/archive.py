"""Unpacking zip and tar archives from strangers: nothing outside the folder, no links, nothing absurd in size.

Every member is checked by name, kind and stated size before it is written, and counted again while it is written. The
folder appears in one rename when it is whole; a refused archive leaves nothing. Memory is bounded too: a tar header may
ask for any number of bytes, and an xz stream for any dictionary.
"""

import bz2
import errno
import gzip
import lzma
import os
import shutil
import stat
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from contextlib import contextmanager, nullcontext
from pathlib import Path, PurePosixPath

from ecgrepro.errors import DiskError, InputError

#: Most members, and most bytes unpacked for each byte of the archive: recordings reach some 10, text some 100.
MAX_MEMBERS, MAX_RATIO = 200_000, 1_000
#: Most bytes that a single read inside a tar may ask for, and that an xz stream may take for its dictionary.
MAX_READ = 64 << 20
_CHUNK = 1 << 20
_OPENERS = {b"\x1f\x8b": gzip.open, b"\xfd7": lzma.open, b"BZ": bz2.open}
#: What the disk says of an archive's own faults: a place before its beginning, a name that no disk takes.
_ITS_OWN = (errno.EINVAL, errno.ENAMETOOLONG)
_DAMAGE = (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, struct.error,
           EOFError, ValueError, LookupError, RuntimeError, OverflowError, MemoryError)  # fmt: skip


def unpack(archive, folder, *, max_bytes):
    """Unpack an archive into a new folder.

    Parameters
    ----------
    archive : Path
        Zip, or tar as it is or compressed by gzip, xz or bzip2.
    folder : Path
        To be made. A single top folder of the same name inside the archive is not doubled.
    max_bytes : int
        Most bytes that the content may have.

    Returns
    -------
    int
        Number of files.

    Raises
    ------
    InputError
        An archive that is damaged, encrypted, too large, or has a member outside the folder, a link, a device, or
        two members of one name. Nothing stays of it.
    DiskError
        The disk does not take the files.
    """
    archive, folder = Path(archive), Path(folder)
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with _opened(archive, max_bytes) as members:
            count = _unpack(archive, members, partial, max_bytes)
        inner = partial / folder.name
        os.replace(inner if [path.name for path in partial.iterdir()] == [folder.name] else partial, folder)
        return count
    except InputError:
        raise
    except _DAMAGE as error:
        raise _damaged(archive, f"{type(error).__name__}: {error}") from error
    except OSError as error:
        if error.errno in (None, *_ITS_OWN):
            raise _damaged(archive, str(error)) from error
        raise DiskError(folder, "a folder that can be written", str(error),
                        "Free some space and run the same command.") from error  # fmt: skip
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _damaged(archive, got):
    return InputError(archive, "a whole archive of plain files", got, "Delete it and fetch it again.")


def _unpack(archive, members, partial, max_bytes):
    names, left = {}, min(max_bytes, archive.stat().st_size * MAX_RATIO)
    partial.mkdir(parents=True)
    for name, size, kind, content in members:
        path = _safe(archive, name)
        if kind not in ("file", "folder"):
            raise _refused(archive, "files and folders only", f"a {kind} {name[:80]!r}")
        if not path.parts:
            continue
        _once(archive, path, kind, names)
        if (left := left - size) < 0:
            raise _refused(
                archive, f"at most {max_bytes:,} bytes and {MAX_RATIO:,} times its size", "more than that"
            )
        if kind == "folder":
            (partial / path).mkdir(parents=True, exist_ok=True)
        else:
            _write(archive, content, partial / path, size)
    if "file" not in names.values():
        raise _damaged(archive, "no file in it")
    return list(names.values()).count("file")


def _refused(archive, expected, got):
    return InputError(
        archive, expected, got, "This is not the published archive: delete it, and find out who changed it."
    )


def _safe(archive, name):
    """A member's path below the folder."""
    path = PurePosixPath(name)
    strange = "\\" in name or ":" in name or any(ord(letter) < 32 for letter in name)
    if path.is_absolute() or ".." in path.parts or strange or len(name) > 1_000:
        raise _refused(archive, "names below the folder", f"{name[:80]!r}")
    return path


def _once(archive, path, kind, names):
    # two names that one disk or another takes for the same
    def key(part):
        return unicodedata.normalize("NFC", str(part)).casefold()

    above = [key(parent) for parent in path.parents if parent.parts]
    taken = names.get(key(path)) in (("file",) if kind == "folder" else ("file", "folder"))
    if taken or any(names.get(name) == "file" for name in above):
        raise _refused(archive, "every name once", f"{str(path)[:80]!r} again")
    names.update(dict.fromkeys(above, "folder") | {key(path): kind})
    if len(names) > MAX_MEMBERS:
        raise _refused(archive, f"at most {MAX_MEMBERS:,} members", "more")


def _write(archive, content, path, size):
    path.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with content() as source, path.open("xb") as file:
        while data := source.read(_CHUNK):
            written += len(data)
            if written > size:
                break
            file.write(data)
    if written != size:
        raise _refused(archive, f"{size:,} bytes in {path.name}, as stated", "another number")


@contextmanager
def _opened(archive, max_bytes):
    """Yield an iterator over (name, size, kind, function that opens the content)."""
    with archive.open("rb") as file:
        start = file.read(4)
        file.seek(0)
        if start[:2] == b"PK":
            with zipfile.ZipFile(file) as opened:
                yield list(_zip_members(archive, opened))
            return
        if start[:2] == b"\xfd7":
            # LZMAFile knows no limit; the decoder tells at the first header what it would take
            lzma.LZMADecompressor(memlimit=2 * MAX_READ).decompress(file.read(_CHUNK), max_length=1)
            file.seek(0)
        with _OPENERS.get(start[:2], nullcontext)(file) as stream, _tar(stream, max_bytes) as opened:
            yield _tar_members(opened)


def _zip_members(archive, opened):
    if len(opened.infolist()) > MAX_MEMBERS:
        raise _refused(archive, f"at most {MAX_MEMBERS:,} members", "more")
    for info in opened.infolist():
        mode = stat.S_IFMT(info.external_attr >> 16)
        kind = "folder" if info.is_dir() else "file"
        if mode not in (0, stat.S_IFREG, stat.S_IFDIR):
            kind = "link or device"
        elif info.flag_bits & 0x1:
            kind = "locked (encrypted) file"
        # orig_filename: zipfile cuts names at a NUL and turns separators
        yield info.orig_filename, info.file_size, kind, lambda info=info: opened.open(info)


def _tar_members(opened):
    for member in opened:
        kind = "file" if member.isreg() else "folder" if member.isdir() else "link or device"
        yield member.name, member.size, kind, lambda member=member: opened.extractfile(member)


def _tar(stream, max_bytes):
    # besides the content, a header of 512 bytes and as much padding for each member, and their long names
    return tarfile.open(fileobj=_Bounded(stream, max_bytes + 4_096 * MAX_MEMBERS), mode="r:")


class _Bounded:
    """A stream that refuses to give very much, at once or in all."""

    def __init__(self, stream, limit):
        self._stream, self._limit, self.seek, self.tell = stream, limit, stream.seek, stream.tell

    def read(self, size=-1):
        if not 0 <= size <= MAX_READ or self.tell() > self._limit:
            raise ValueError(f"a header that asks for {size:,} bytes at once")
        return self._stream.read(size)
