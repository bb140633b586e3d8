"""What a fetch will do: which files, how many bytes are missing, and what a person has to know before it begins."""

import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from ecgrepro.corpora.downloads import CHECKSUM_LIST, Download, File, digest_of_lines
from ecgrepro.errors import DiskError, InputError

#: Longer lines do not occur in a list of checksums.
MAX_LINE = 4_096
_LINE = re.compile(r"([0-9a-fA-F]{64})[ \t]+\*?(?:\./)?(\S.*)")


@dataclass(frozen=True)
class Plan:
    """What is to be fetched, before the first byte of it.

    Attributes
    ----------
    entry : Download
    folder : Path
    missing : list of File
    total : int
        Number of files of the selection, those that are here included.
    selection : dict
        Number of patients and further parts asked for.
    here : int
        Bytes of the missing files that an earlier fetch has left.
    """

    entry: Download
    folder: Path
    missing: list
    total: int
    selection: dict = field(default_factory=dict)
    here: int = 0

    @property
    def size(self):
        """Bytes still to come, roughly."""
        return max(sum(file.size for file in self.missing) - self.here, 0)

    @property
    def unpacked(self):
        """Bytes that archives will take beside themselves."""
        return sum(file.unpacked for file in self.missing)

    def describe(self):
        """Return the lines that a person reads before the transfer begins."""
        entry, patients = self.entry, self.selection.get("patients")
        files = f"{self.total:,}, {self.total - len(self.missing):,} of them here"
        unpacked = f", and {self.unpacked / 1e6:,.1f} MB unpacked" if self.unpacked else ""
        lines = {
            "data set": f"{entry.name}: {entry.title}"
            + (f", the first {patients:,} patients" if patients else ""),
            "from": entry.page,
            "licence": entry.licence + (" (not for commercial use)" if entry.non_commercial else ""),
            "files": files,
            "bytes": f"about {self.size / 1e6:,.1f} MB to fetch{unpacked}; {free(self.folder) / 1e6:,.0f} MB are free",
            "to": str(self.folder),
        }
        return "\n".join(f"{key:9} {value}" for key, value in lines.items())


def free(folder):
    """Free bytes on the disk where a folder is or will be."""
    folder = Path(folder).absolute()
    return shutil.disk_usage(next(place for place in (folder, *folder.parents) if place.exists())).free


def require_space(folder, needed):
    """Raise `DiskError` unless `needed` bytes and a twentieth are free."""
    if free(folder) < needed * 1.05:
        raise DiskError(folder, f"{needed * 1.05 / 1e6:,.0f} MB free", f"{free(folder) / 1e6:,.0f} MB",
                        "Free some space, choose another folder or ask for less.")  # fmt: skip


def chooser(entry, selection):
    """Return a function that tells whether a listed file, by its name after the prefix, belongs to a selection."""
    wanted = [pattern for name, pattern in entry.extra if name in selection.get("extra", ())]
    patterns = [re.compile(pattern, re.ASCII) for pattern in (entry.pattern, *wanted)]
    patients = selection.get("patients")

    def chosen(name):
        match = next((found for pattern in patterns if (found := pattern.fullmatch(name))), None)
        number = match and match.groupdict().get("patient")
        return bool(match) and (patients is None or number is None or int(number) < patients)

    return chosen


def listed_files(entry, path, selection):
    """Read the publisher's list of checksums.

    Parameters
    ----------
    entry : Download
    path : Path
        The list as it was fetched: ``checksum  name`` a line, names from the top of the mirror.
    selection : dict
        See `Plan`.

    Returns
    -------
    list of File
        Those of the selection, in the list's order. For all of Icentia11k, 1.6 million, they take about half a GiB.

    Raises
    ------
    InputError
        A line of another form, a file named twice with two checksums, none of the selection, or another list than
        the one whose checksum is known.
    """
    chosen, found = chooser(entry, selection), {}
    for name, checksum in read_list(path):
        if name.startswith(entry.prefix) and chosen(name := name[len(entry.prefix) :]) \
                and found.setdefault(name, checksum) != checksum:  # fmt: skip
            raise _wrong(path, "every file once", f"{name[:80]!r} with two checksums")
    if not found:
        raise _wrong(path, f"names like {entry.prefix}{entry.pattern}", "none of that form")
    if entry.listed_sha256 and digest_of_lines(found, entry.listed_pattern) != entry.listed_sha256:
        raise _wrong(path, f"the published checksums (together {entry.listed_sha256})", "others")
    return [File(name, entry.expected(name), checksum) for name, checksum in found.items()]


def read_list(path):
    """Yield name and SHA-256 of each line of a list of checksums, in constant memory."""
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(MAX_LINE), b""), 1):
            text = line.decode("utf-8", "replace").strip()
            if not text:
                continue
            match = _LINE.fullmatch(text)
            if not match:
                raise _wrong(path, "`checksum  name` in every line", f"line {number}: {text[:80]!r}")
            yield match[2], match[1].lower()


def _wrong(path, expected, got):
    return InputError(path, expected, got, f"Delete {CHECKSUM_LIST} and its line in checksums.jsonl, and fetch again; "
                      "if it stays like this, the publisher has changed the data set.")  # fmt: skip
