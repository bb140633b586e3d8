"""The class report's pre-trained weights: found on this machine, converted once, written the same everywhere.

Source: the README of myles-i/DLH_TransferLearning (736e4ab) links four files of weights, "preprocessed with
pretraining.utils.get_pretrained_weights to remove the classification layer", that is, TensorFlow checkpoints of the
extractor. A checkpoint is several files and a link leads to one: what is behind it is taken for an archive of them, but
a folder of that name with the checkpoint's own files is read as well.

The converted file is a `.npz` of the extractor's tensors by our names (``stem_conv/kernel``), float32, uncompressed, in
the order of the names and dated 1980: its bytes hang on the weights alone. So its SHA-256 names the same weights on
every machine, and a trial can be described with it. Reading it needs no TensorFlow, making it does.
"""

import io
import os
import tempfile
import zipfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ecgrepro import paths
from ecgrepro.corpora import archive, class_report
from ecgrepro.errors import DiskError, InputError, SettingsError
from ecgrepro.models.catalogue import build
from ecgrepro.models.tensorflow_checkpoint import convert
from ecgrepro.models.weight_file import LARGEST

#: Names the environment variable that may hold the folder of converted weights.
VARIABLE = "ECGREPRO_CLASS_REPORT_WEIGHTS"
_DATED = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class StartPoint:
    """Published weights that a fine-tuning can start from.

    Attributes
    ----------
    published : str
        Name of the file in `ecgrepro.corpora.class_report.FILES`.
    model : str
        Name in `ecgrepro.models.catalogue.MODELS`.
    percent : int
        Of Icentia11k's patients, as the report rounds it.
    shape : tuple of int
        Of one input as in pre-training; the weights fit any length.
    width : float
    """

    published: str
    model: str
    percent: int
    shape: tuple
    width: float = 1.0


_NETS = {"1-D": ("resnet1d", "resnet18", (4096, 1)), "2-D": ("resnet2d", "resnet18_2d", (128, 128, 1))}
#: Start points by name: resnet1d_20, resnet1d_100, resnet2d_20, resnet2d_88.
START_POINTS = {
    f"{_NETS[file.net][0]}_{file.percent}": StartPoint(file.name, _NETS[file.net][1], file.percent, _NETS[file.net][2])
    for file in class_report.FILES if file.kind == "weights"
}  # fmt: skip


def start_point(name):
    """Return a start point by its name; `SettingsError` names the known ones."""
    if name not in START_POINTS:
        raise SettingsError(
            "start point", f"one of {', '.join(START_POINTS)}", repr(name), "Only these are published."
        )
    return START_POINTS[name]


def find_weights(name):
    """Find the converted weights of a start point, or make them of the published file.

    Parameters
    ----------
    name : str
        Of `START_POINTS`.

    Returns
    -------
    Path
        ``class_report_NAME.npz`` in ``_work/weights``, or in the folder that `VARIABLE` names.

    Raises
    ------
    SettingsError
        An unknown name; neither the converted nor the published file is here (the message says how to get it); or
        TensorFlow, which conversion needs, is not installed.
    InputError
        A published file that is no checkpoint of this net, or not the one that was first seen.
    DiskError
        The converted file cannot be written.
    """
    path = _converted(name)
    if not path.is_file():
        convert_published(name, path)
    return path


def is_here(name):
    """Whether the weights of a start point, converted or as published, are on this machine."""
    return _converted(name).is_file() or (_published() / start_point(name).published).exists()


def _converted(name):
    start_point(name)
    folder = Path(os.environ.get(VARIABLE) or paths.work() / "weights")
    return folder / f"class_report_{name}.npz"


def _published():
    return paths.published() / class_report.NAME


def convert_published(name, path, published=None):
    """Write the weights of a start point as a `.npz`, whole or not at all.

    Parameters
    ----------
    name : str
        Of `START_POINTS`.
    path : Path
        Replaced where it is.
    published : str or Path, optional
        Folder of the fetched files; see `ecgrepro.corpora.class_report.find`.

    Returns
    -------
    list of str
        Tensors that were set aside, see `tensorflow_checkpoint.convert`.

    Raises
    ------
    SettingsError, InputError, DiskError
        As `find_weights`.
    """
    start = start_point(name)
    model = build(start.model, start.shape, 0, width=start.width)
    with _checkpoint(start.published, published) as found:
        aside = convert(found, model)
    _write(
        Path(path), {f"{layer.name}/{v.name}": np.asarray(v) for layer in model.layers for v in layer.weights}
    )
    return aside


@contextmanager
def _checkpoint(name, published):
    """Yield the path of a published checkpoint, unpacked where it is an archive."""
    folder = Path(published or _published()) / name
    if folder.is_dir():
        yield _only(folder)
        return
    path = class_report.find(name, published)
    with tempfile.TemporaryDirectory() as scratch:
        unpacked = Path(scratch) / "unpacked"
        try:
            archive.unpack(path, unpacked, max_bytes=LARGEST)
        except InputError as error:
            fix = (f"See {class_report.link(name)} in a browser. If it is one file of a checkpoint, put that and its "
                   f"companion (NAME.index, NAME.data-00000-of-00001) into a folder {path}.")  # fmt: skip
            raise InputError(path, "an archive of a TensorFlow checkpoint", error.got, fix) from error
        yield _only(unpacked)


def _only(folder):
    """The one checkpoint in a folder or below it."""
    # a Mac's archives hold a "._NAME" beside each NAME
    found = sorted(path for path in folder.rglob("*.index") if not path.name.startswith("._"))
    if len(found) != 1:
        got = f"{len(found)} of them: {[str(path.relative_to(folder)) for path in found[:4]]}"
        raise InputError(folder, "one checkpoint (NAME.index)", got, "Leave the published one there, alone.")
    return found[0]


def _write(path, arrays):
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(partial, "w") as file:
            for name, array in sorted(arrays.items()):
                member = zipfile.ZipInfo(f"{name}.npy", _DATED)
                member.create_system = 3  # else it says on which system it was made
                file.writestr(member, _npy(array))
        os.replace(partial, path)
    except OSError as error:
        expected, fix = (
            "a folder with room for the weights",
            f"Free some space, or set {VARIABLE} to another folder.",
        )
        raise DiskError(path, expected, str(error), fix) from error
    finally:
        with suppress(OSError):
            partial.unlink()


def _npy(array):
    content = io.BytesIO()
    np.lib.format.write_array(content, np.ascontiguousarray(array, "<f4"), (1, 0), allow_pickle=False)
    return content.getvalue()
