"""Fetching a data set from its publisher: checked, resumable, several files at once.

    fetch("icentia11k", "_work/published/icentia11k", patients=110, accept_licence=True)

The same call goes on where an earlier one stopped, and fetches nothing twice. Each part has its own file: `downloads`
is the table of what lies where, `fetch_plan` tells what is missing, `fetch_files` brings it, by `http_transfer` or by
`drive`, `fetch_folder` remembers what is finished, `archive` unpacks. A checksum is the arbiter: the publisher's where
there is one, else the one of the first fetch. A file that disagrees is removed and asked for at the next mirror.
"""

from pathlib import Path

from ecgrepro.corpora.downloads import CHECKSUM_LIST, DOWNLOADS, download
from ecgrepro.corpora.fetch_files import Fetcher, unpacked_folder
from ecgrepro.corpora.fetch_folder import CHECKSUMS, SELECTION, FetchFolder, accepted, read_journal, read_json
from ecgrepro.corpora.fetch_plan import chooser, require_space
from ecgrepro.errors import DiskError, EcgreproError, SettingsError

JOBS = 4


def fetch(name, folder, *, patients=None, extra=(), accept_licence=False, drive_ids=None, jobs=JOBS, progress=True,
          announce=None):  # fmt: skip
    """Fetch a data set, or what is missing of it, into a folder of its own.

    Parameters
    ----------
    name : str
        A name of `downloads.DOWNLOADS`.
    folder : str or Path
        Made where it is missing; holds the publisher's layout, as the data set's reader wants it.
    patients : int, optional
        Icentia11k: only the whole patients 0 to ``patients - 1``.
    extra : tuple of str
        Further parts to fetch: PTB-XL's ``"records500"``.
    accept_licence : bool
        Accept a non-commercial licence; remembered in the folder.
    drive_ids : dict of str to str, optional
        Other Google Drive ids to take files from, by file name: a reader's own copies.
    jobs : int
        Files under way at once.
    progress : bool
        Show a bar on standard error.
    announce : callable, optional
        Called with the `Plan` before the first byte of data.

    Returns
    -------
    Fetched

    Raises
    ------
    SettingsError
        An unknown name or option, a licence that has not been accepted, another process at the same folder, or a folder
        of another data set.
    InputError
        No mirror gives a file, or none the right one; a list or an archive that is not as published.
    DiskError
        Too little space, told before the first byte, or a disk that takes no more.
    KeyboardInterrupt
        As it came; the same call goes on from there.
    """
    entry, selection = download(name), {"patients": patients, "extra": sorted(extra)}
    _check_options(entry, selection, jobs)
    agreed = _check_licence(entry, folder, accept_licence)
    try:
        with FetchFolder(folder) as place, Fetcher(entry, place, jobs, progress) as fetcher:
            _check_owner(entry, place.path)
            if not agreed:
                place.accept(entry.licence)
            plan = fetcher.plan(selection, drive_ids or {})
            if announce:
                announce(plan)
            require_space(place.path, plan.size + plan.unpacked)
            place.write(SELECTION, {"data_set": name, "files": plan.total} | selection)
            return fetcher.run(plan)
    except EcgreproError:
        raise
    except OSError as error:
        raise DiskError(folder, "a folder that can be read and written", str(error),
                        "Mend it, or choose another folder.") from error  # fmt: skip


def fetched_state(name, folder):
    """Say what of a data set lies in a folder, without network: ``not fetched``, ``3 of 48 files``, ``complete``."""
    folder, entry = Path(folder), DOWNLOADS.get(name)
    if entry is None:
        return "no download known"
    selection = read_json(folder / SELECTION)
    if not isinstance(selection, dict) or selection.get("data_set") != name:
        return _state_without_selection(folder)
    chosen = chooser(entry, selection) if entry.pattern else lambda name: True
    here = sum(_is_here(folder / name, line) for name, line in read_journal(folder).items()
               if name != CHECKSUM_LIST and chosen(name))  # fmt: skip
    patients = f" ({selection['patients']:,} patients)" if selection.get("patients") else ""
    if here < selection.get("files", 0):
        return f"{here:,} of {selection['files']:,} files{patients}"
    packed = [
        file.name for file in entry.files if file.unpacked and not unpacked_folder(folder, file).exists()
    ]
    return f"{', '.join(packed)} not unpacked" if packed else f"complete{patients}"


def _state_without_selection(folder):
    if (folder / CHECKSUMS).exists():
        return "begun"
    return "files not fetched by this program" if folder.is_dir() and any(folder.iterdir()) else "not fetched"


def _is_here(path, line):
    return path.is_file() and path.stat().st_size == line["size"]


def _check_options(entry, selection, jobs):
    patients, known = selection["patients"], [name for name, _ in entry.extra]
    if patients is not None and not (entry.by_patient and patients >= 1):
        raise SettingsError("patients", "at least 1" if entry.by_patient else f"none, {entry.name} is fetched whole",
                            str(patients), "Leave it out for all.")  # fmt: skip
    if unknown := sorted(set(selection["extra"]) - set(known)):
        raise SettingsError("extra", f"parts among {known}", str(unknown), "Leave the others out.")
    if jobs < 1:
        raise SettingsError("jobs", "a whole number of at least 1", str(jobs), f"{JOBS} are usual.")


def _check_licence(entry, folder, accept_licence):
    """Return whether there is nothing to note: a free licence, or one that was accepted before."""
    agreed = not entry.non_commercial or accepted(folder, entry.licence)
    if not agreed and not accept_licence:
        raise SettingsError(f"data set {entry.name}", f"its licence accepted once ({entry.licence}; see {entry.page})",
                            "no such consent", "It forbids commercial use. If you agree: "
                            f"ecgrepro data fetch {entry.name} --accept-licence")  # fmt: skip
    return agreed


def _check_owner(entry, folder):
    selection = read_json(folder / SELECTION)
    owner = selection.get("data_set") if isinstance(selection, dict) else None
    if owner not in (None, entry.name):
        raise SettingsError(
            folder, f"a folder for {entry.name}", f"one that holds {owner}", "Choose another folder."
        )
