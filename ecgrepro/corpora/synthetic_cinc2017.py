"""Synthetic recordings in the on-disk format of the CinC 2017 training set.

``training2017/A00001.mat`` (MAT v4, ``val`` int16 (1, samples)), ``A00001.hea`` with checksum 0 as in every
published header, ``RECORDS``, and beside the folder the label revisions v0 (``REFERENCE-v1-original.csv``),
v2 (with a header row, as it circulates) and v3. ``training2017/REFERENCE.csv`` is v2, as in the published
zip.
"""

import csv
import zipfile
from pathlib import Path

import numpy as np
from scipy.io import savemat

from ecgrepro.corpora.synthetic import LABELS, simulate_handheld
from ecgrepro.corpora.synthetic_folder import check_positive, fresh_folder

#: Records of each class in revision v3, and what they were called in v0 and v2 where that differs (412 and
#: 148 records), counted from the published label files.
V3_COUNTS = {"N": 5076, "A": 758, "O": 2415, "~": 279}
EARLIER_LABELS = {
    "v0": {"~": {"N": 114, "O": 87, "A": 32}, "A": {"O": 65, "N": 9}, "N": {"O": 38, "A": 19},
           "O": {"A": 36, "N": 12}},
    "v2": {"A": {"O": 42, "N": 8, "~": 6}, "N": {"O": 30, "A": 14, "~": 4}, "O": {"A": 18, "N": 13, "~": 4},
           "~": {"A": 4, "O": 4, "N": 1}},
}  # fmt: skip


def handheld_records(seed, records):
    """Yield `records` synthetic hand-held Records with their labels."""
    check_positive(records=records)
    for index in range(records):
        yield simulate_handheld(seed, index)


def write_cinc2017(destination, records, seed=0, zipped=False):
    """Write the layout of the CinC 2017 training set.

    Parameters
    ----------
    destination : str or Path
        A folder that does not exist yet or is empty.
    records : iterable of Record
        As `handheld_records` yields them; their labels are revision v3.
    seed : int
        Of the start times and of what the earlier label revisions called otherwise.
    zipped : bool
        Write ``training2017.zip`` beside the folder too.

    Returns
    -------
    Path
        The destination.

    Raises
    ------
    SettingsError
        A destination that holds something already.
    DiskError
        No space, no permission.
    """
    with fresh_folder(destination) as folder:
        inner, labels = folder / "training2017", {}
        inner.mkdir()
        for number, record in enumerate(records):
            savemat(inner / f"{record.record_id}.mat", {"val": record.signal.T}, format="4")
            _write_text(inner / f"{record.record_id}.hea", _cinc_header(record, seed, number))
            labels[record.record_id] = record.label
        _write_text(inner / "RECORDS", "".join(f"{name}\n" for name in labels))
        _write_labels(folder, labels, seed)
        if zipped:
            _zip(inner)
    return Path(destination)


def _cinc_header(record, seed, number):
    hour, minute, second = np.random.default_rng([seed, number]).integers((0, 0, 0), (24, 60, 60))
    name, first = record.record_id, int(record.signal[0, 0])
    # form and fields of the published headers: checksum 0 in all of them, blanks before the line ends
    return (
        f"{name} 1 {record.fs:.0f} {len(record.signal)} {hour:02d}:{minute:02d}:{second:02d} 1/05/2000 \r\n"
        f"{name}.mat 16+24 {record.gain[0]:.0f}/mV 16 0 {first} 0 0 {record.leads[0]} \r\n"
    )


def _write_labels(folder, labels, seed):
    v0, v2 = (earlier_labels(labels, revision, seed) for revision in ("v0", "v2"))
    _write_csv(folder / "training2017" / "REFERENCE.csv", v2, "\n")
    _write_csv(folder / "REFERENCE-v1-original.csv", v0, "\r\n")
    _write_csv(folder / "REFERENCE-v2.csv", {"data_source": "class"} | v2, "\r\n")
    _write_csv(folder / "REFERENCE-v3.csv", labels, "\n")


def earlier_labels(labels, revision, seed):
    """What an earlier label revision would have called records: dict of record id to class.

    Parameters
    ----------
    labels : dict of str to str
        Record id to class in revision v3.
    revision : {"v0", "v2"}
    seed : int

    Of each class the published share is renamed (`EARLIER_LABELS`), spread evenly, so that small sets differ
    too.
    """
    rng, earlier = np.random.default_rng([seed, int(revision[1])]), dict(labels)
    for label in LABELS:
        names = rng.permutation([name for name, given in labels.items() if given == label])
        places = (np.arange(len(names)) + rng.random()) / max(len(names), 1)
        renamed = EARLIER_LABELS[revision][label]
        choice = np.searchsorted(np.cumsum(list(renamed.values())) / V3_COUNTS[label], places, side="right")
        earlier.update(zip(names.tolist(), np.array([*renamed, label])[choice].tolist(), strict=True))
    return earlier


def _write_csv(path, rows, line_end):
    with open(path, "w", newline="") as file:
        csv.writer(file, lineterminator=line_end).writerows(rows.items())


def _write_text(path, text):
    path.write_bytes(text.encode("ascii"))


def _zip(folder):
    with zipfile.ZipFile(folder.with_suffix(".zip"), "w") as archive:
        for path in sorted(folder.iterdir()):
            # a fixed time: the same records give the same bytes
            entry = zipfile.ZipInfo(f"{folder.name}/{path.name}")
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
