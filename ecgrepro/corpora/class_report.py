"""What the class report's authors left on Google Drive: which file is what, and their runs read.

`ecgrepro data fetch class_report --accept-licence` brings the files (their Drive ids stand in `downloads`) and pins
their checksums; a file put there by hand is pinned when it is first read. Either way a file that is another one later
is refused.

Source of the layout: myles-i/DLH_TransferLearning 736e4ab (`report/DL4H_Team_1_final.ipynb`,
`jupyter_notebooks/collate_1d_finetune_results.ipynb`, `report/common.py`) with `save_pkl` and `read_predictions` of
kweimann/ecg-transfer-learning c255af5 (`transplant/utils.py`). A folder of runs holds

* ``history_all.csv``: Keras' log of all runs, one below the other. Columns epoch (counted from 0), acc, f1 (of the
  validation records, macro), loss, val_acc, val_loss, weight_type ("random", or the per cent of Icentia11k), seed.
* ``predictions_all.pkl``: a compressed pickle of a dictionary, "WEIGHTTYPE_SEED" to y_true (one column per class, 0 or
  1), y_prob (softmax outputs) and classes (the columns' names, sorted: A, N, O, ~). Names of the recordings were not
  kept: a row is known by its place in the one test split that all runs share.
"""

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ecgrepro import paths
from ecgrepro.corpora import safe_pickle
from ecgrepro.corpora.cinc2017 import CLASSES
from ecgrepro.corpora.downloads import download
from ecgrepro.corpora.fetch_folder import FetchFolder, read_journal, sha256_of
from ecgrepro.errors import DiskError, InputError, SettingsError

NAME = "class_report"
HISTORIES, PREDICTIONS = "history_all.csv", "predictions_all.pkl"
#: Columns of the histories there and here.
COLUMNS = {"weight_type": "arm", "seed": "seed", "epoch": "epoch", "loss": "loss", "acc": "accuracy",
           "val_loss": "val_loss", "val_acc": "val_accuracy", "f1": "val_macro_f1"}  # fmt: skip
_RUN = re.compile(r"(random|\d{1,3})_(\d{1,9})", re.ASCII)
#: Published probabilities have seven digits or more.
_ROUNDING = 1e-4


@dataclass(frozen=True)
class PublishedFile:
    """A file or folder of the class report.

    Attributes
    ----------
    name : str
        Below the folder of the data set, as in `downloads`.
    kind : {"runs", "weights", "model", "recordings"}
    content : str
    net : {"1-D", "2-D", ""}
        The net that it is of.
    percent, patients : int or None
        Of Icentia11k, that pre-trained weights have seen: as the report rounds it, and counted.
    """

    name: str
    kind: str
    content: str
    net: str = ""
    percent: int | None = None
    patients: int | None = None


FILES = (
    # Fine-tuning runs of all arms, ten seeds each: what tables 1 to 4 of the report were made of.
    PublishedFile("resnet1d_predictions", "runs", "histories and test predictions of 50 runs", "1-D"),
    PublishedFile("resnet2d_predictions", "runs", "histories and test predictions of 50 runs", "2-D"),
    # Weights after pre-training, head removed. 20 % are patients 0 to 2,047; 88 % are patients 0 to 9,680 (the
    # report's text says 9,068). The weights of the 1 and 10 % arms were not published.
    PublishedFile("resnet1d_pretrained_20_percent", "weights", "after 16,384 steps of 512", "1-D", 20, 2_048),
    PublishedFile(
        "resnet1d_pretrained_100_percent", "weights", "after 88,000 steps of 512", "1-D", 100, 11_000
    ),
    PublishedFile("resnet2d_pretrained_20_percent", "weights", "after 16,384 steps of 512", "2-D", 20, 2_048),
    PublishedFile("resnet2d_pretrained_88_percent", "weights", "after one pass", "2-D", 88, 9_681),
    # One fine-tuned net with its head, and what the report's demonstration reads.
    PublishedFile("resnet1d_best_20_percent", "model", "fine-tuned, from the 20 % weights", "1-D", 20, 2_048),
    PublishedFile("cinc2017", "recordings", "CinC 2017 as read: recordings and labels"),
    PublishedFile("physionet_train.pkl", "recordings", "CinC 2017, one part of the split"),
    PublishedFile("physionet_test.pkl", "recordings", "CinC 2017, the other part of the split"),
    PublishedFile("00000_batched.npy", "recordings", "Icentia11k, signal of patient 0"),
    PublishedFile("00000_batched_lbls.npz", "recordings", "Icentia11k, labels of patient 0"),
)
#: Folder of runs by net.
RUNS = {file.net: file.name for file in FILES if file.kind == "runs"}


@dataclass(frozen=True, eq=False)
class PublishedRun:
    """The test predictions of one fine-tuning.

    Attributes
    ----------
    arm : str
        "random", or the per cent of Icentia11k.
    seed : int
    labels : int64 array, (n_records,)
        Indices into `cinc2017.CLASSES`.
    probabilities : float64 array, (n_records, 4)
        In the order of `cinc2017.CLASSES`.
    """

    arm: str
    seed: int
    labels: np.ndarray
    probabilities: np.ndarray


def find(name, folder=None):
    """Find a published file and see that it is the one that was first seen.

    Parameters
    ----------
    name : str
        Below the data set's folder, such as "resnet1d_predictions/history_all.csv".
    folder : str or Path, optional
        Of the data set; `paths.published()` / "class_report" unless given.

    Returns
    -------
    Path

    Raises
    ------
    SettingsError
        Not fetched; the message says how to, and where to put what a browser has brought.
    InputError
        Another file than the one whose checksum was pinned.
    """
    folder = Path(folder or paths.published() / NAME)
    path = folder / name
    if not path.is_file():
        fix = (f"Run `ecgrepro data fetch {NAME} --accept-licence`; or open {link(name)} in a browser "
               f"and put what it gives at {path}.")  # fmt: skip
        raise SettingsError(path, "a file that the class report's authors published", "no such file", fix)
    _check_pinned(folder, name, path)
    return path


def _check_pinned(folder, name, path):
    found, pinned = path.stat(), read_journal(folder).get(name)
    if pinned is None:
        # a folder that takes no note, or that another process notes in: the next reader pins it
        with suppress(SettingsError, DiskError), FetchFolder(folder) as place:
            place.note(name, sha256_of(path))
        return
    if (found.st_size, found.st_mtime_ns) == (pinned["size"], pinned["changed"]):
        return
    if (got := sha256_of(path)) != pinned["sha256"]:
        fix = "Put the first one back; or, to take this one for good, delete its line in checksums.jsonl."
        raise InputError(path, f"the file that was first seen here (SHA-256 {pinned['sha256']})", got, fix)


def link(name):
    """Where a person finds a published file, or the folder that it is in, on Google Drive."""
    entry, top = download(NAME), name.split("/")[0]
    places = {
        file.name: f"https://drive.google.com/drive/folders/{file.remote}" for file in entry.drive_folders
    }
    places |= {file.name: f"https://drive.google.com/file/d/{file.remote}/view" for file in entry.drive}
    if top not in places:
        raise SettingsError("published file", f"one of {', '.join(places)}", repr(name), "Name one of these.")
    return places[top]


def read_histories(net, folder=None):
    """Read the learning curves of all runs of a net.

    Parameters
    ----------
    net : {"1-D", "2-D"}
    folder : str or Path, optional
        See `find`.

    Returns
    -------
    pandas.DataFrame
        One row per epoch: arm (str), seed, epoch (from 0), loss, accuracy, val_loss, val_accuracy, val_macro_f1.

    Raises
    ------
    SettingsError
        An unknown net, or not fetched.
    InputError
        Another content.
    """
    path = find(f"{_runs_folder(net)}/{HISTORIES}", folder)
    try:
        table = pd.read_csv(path, dtype={"weight_type": str, "seed": "int64", "epoch": "int64"})
        table = table[list(COLUMNS)].rename(columns=COLUMNS)
        numbers = table.drop(columns="arm").astype(float)
    except (ValueError, KeyError, pd.errors.ParserError) as error:
        raise _another(path, f"a table with the columns {', '.join(COLUMNS)}", str(error)) from error
    known = table["arm"].str.fullmatch(r"random|\d{1,3}").fillna(False)
    if table.empty or not known.all() or not np.isfinite(numbers).all(axis=None):
        raise _another(
            path, "arms called random or a number, and finite values", f"{len(table)} rows of others"
        )
    return table


def read_runs(net, folder=None):
    """Read the test predictions of all runs of a net; pickles are read without running what they name.

    Parameters
    ----------
    net : {"1-D", "2-D"}
    folder : str or Path, optional
        See `find`.

    Returns
    -------
    list of PublishedRun
        Random first, then by per cent; within an arm by seed. Rows of all runs are the same recordings in one order.

    Raises
    ------
    SettingsError
        An unknown net, or not fetched.
    InputError
        Another content, or runs that were tested on different recordings.
    """
    path = find(f"{_runs_folder(net)}/{PREDICTIONS}", folder)
    content = safe_pickle.load_gzip(path)
    if not isinstance(content, dict) or not content:
        raise _another(path, "a dictionary of runs", type(content).__name__)
    runs = [_run(path, key, value) for key, value in content.items()]
    if any(not np.array_equal(run.labels, runs[0].labels) for run in runs):
        raise _another(path, "runs tested on one split, in one order", "labels that differ between runs")
    return sorted(runs, key=lambda run: (run.arm != "random", int(run.arm.replace("random", "0")), run.seed))


def _runs_folder(net):
    if net not in RUNS:
        raise SettingsError("net", f"one of {', '.join(RUNS)}", repr(net), "The report has these two.")
    return RUNS[net]


def _run(path, key, value):
    match = _RUN.fullmatch(key) if isinstance(key, str) else None
    if not match or not isinstance(value, dict) or not {"y_true", "y_prob", "classes"} <= set(value):
        raise _another(path, "entries WEIGHTTYPE_SEED with y_true, y_prob and classes", repr(key)[:80])
    names, true, probabilities = value["classes"], value["y_true"], value["y_prob"]
    if not isinstance(names, list) or sorted(map(str, names)) != sorted(CLASSES):
        raise _another(path, f"the classes {sorted(CLASSES)}", repr(names)[:80])
    if not (_is_table(true, "biuf") and _is_table(probabilities, "f") and len(true) == len(probabilities)):
        raise _another(path, "two arrays of four columns", f"others in {key}")
    if not (_is_distribution(true) and np.isin(true, (0, 1)).all() and _is_distribution(probabilities)):
        raise _another(
            path, "one true class and probabilities of sum 1 in every row", f"other values in {key}"
        )
    order = [names.index(name) for name in CLASSES]
    labels = true[:, order].argmax(axis=1)
    return PublishedRun(match[1], int(match[2]), labels, np.asarray(probabilities[:, order], np.float64))


def _is_table(array, kinds):
    shaped = isinstance(array, np.ndarray) and array.ndim == 2 and array.shape[1] == len(CLASSES)
    return shaped and len(array) > 0 and array.dtype.kind in kinds


def _is_distribution(array):
    # a NaN fails both comparisons
    return bool((array >= 0).all() and (np.abs(array.sum(axis=1) - 1.0) <= _ROUNDING).all())


def _another(path, expected, got):
    return InputError(path, expected, got, "It is another file than the one the report read: fetch it again.")
