"""Reading weights kept as a NumPy file: `.npy` with one dictionary, or `.npz` with an array for every tensor.

The well-known `bvlc_alexnet.npy` (M. Guerzhoy, University of Toronto) is a dictionary pickled by Python 2. Pickles come
from strangers: they are read as `corpora.safe_pickle` reads them, arrays of numbers in plain containers and nothing
else; what it does not know, and is added here, is the array of one object in which NumPy wraps a dictionary.
"""

import io
import math
import zipfile
from pathlib import Path

import numpy as np

from ecgrepro.corpora import safe_pickle
from ecgrepro.errors import InputError
from ecgrepro.models.weight_file import LARGEST, Damaged, check_size

#: Names of a layer's two tensors in a `.npz`, as NAME/weights and NAME/biases.
WEIGHTS, BIASES = "weights", "biases"


def read_weight_dictionary(path):
    """Read the weights of every layer.

    Parameters
    ----------
    path : str or Path
        A `.npy` that holds a dictionary of layer name to [weights, biases], or a `.npz` of arrays named
        ``NAME/weights`` and ``NAME/biases``.

    Returns
    -------
    dict
        Name of layer to list of arrays, in the file's layout.

    Raises
    ------
    InputError
        A file that is cut short, too large, of another content, or with anything but arrays of numbers.
    """
    path = Path(path)
    try:
        check_size(path)
        if path.suffix == ".npz":
            return _from_archive(path)
        return _checked(_read(path.read_bytes(), path))
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            path, "a NumPy file of weights: layer name to [weights, biases]", str(error),
            "Fetch the file again: it is damaged, or another file.",
        ) from error  # fmt: skip


def _from_archive(path):
    layers = {}
    with zipfile.ZipFile(path) as archive:
        if sum(member.file_size for member in archive.infolist()) > LARGEST:
            raise Damaged(f"more than {LARGEST:,} bytes when unpacked")
        for member in archive.namelist():
            layer, _, part = member.removesuffix(".npy").rpartition("/")
            if not layer or part not in (WEIGHTS, BIASES):
                raise Damaged(f"an array {member!r}, not NAME/{WEIGHTS} or NAME/{BIASES}")
            layers.setdefault(layer, {})[part] = _read(archive.read(member), path)
    return _checked({name: [parts[part] for part in (WEIGHTS, BIASES) if part in parts]
                     for name, parts in layers.items()})  # fmt: skip


def _checked(layers):
    if not isinstance(layers, dict) or not layers:
        raise Damaged(f"{type(layers).__name__} instead of a dictionary of layers")
    for name, tensors in layers.items():
        listed = isinstance(tensors, (list, tuple)) and len(tensors) > 0
        if not (isinstance(name, str) and listed and all(map(_is_real, tensors))):
            raise Damaged(f"no list of arrays under {name!r}")
    return {name: list(tensors) for name, tensors in layers.items()}


def _is_real(tensor):
    return isinstance(tensor, np.ndarray) and tensor.dtype.kind == "f"


def _read(data, where):
    """Return what a `.npy` holds: an array of numbers, or the one object of an array of objects."""
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise Damaged(f"a .npy of version {version}")
    read_header = getattr(np.lib.format, f"read_array_header_{version[0]}_0")
    shape, fortran, dtype = read_header(file)
    if dtype.kind == "O":
        return _one_object(data[file.tell() :], where)
    if dtype.kind != "f" or math.prod(shape) * dtype.itemsize != len(data) - file.tell():
        raise Damaged(f"{len(data) - file.tell():,} bytes for an array {shape} of {dtype}")
    array = np.frombuffer(data, dtype, offset=file.tell())
    return array.reshape(shape, order="F" if fortran else "C")


def _one_object(data, where):
    try:
        array = _Unpickler(io.BytesIO(data), encoding="latin1").load()
        if type(array) is not _Array or len(array.objects) != 1:
            raise Damaged("a pickle of something else than one object in an array")
        return safe_pickle._plain_arrays(array.objects[0], {})
    except Exception as error:  # a hostile pickle can raise anything
        raise InputError(
            where, "a pickle of numpy arrays of numbers in lists, tuples and dicts",
            str(error)[:200] or type(error).__name__,
            "Do not load this file with another program: it may run code. Fetch it again.",
        ) from error  # fmt: skip


class _Dtype(safe_pickle._Dtype):
    """A type of numbers as before, or the type of objects."""

    def __init__(self, name, align=False, copy=True):
        self.objects = name in ("O", "O4", "O8")
        super().__init__("u8" if self.objects else name)  # no array is ever made of the former


class _Array(safe_pickle._Array):
    """An array of numbers as before, or a list of objects that keeps being one."""

    objects = ()

    def __setstate__(self, state):
        _, _, dtype, _, data = state
        if not getattr(dtype, "objects", False):
            super().__setstate__(state)
        elif type(data) is list:
            self.objects = data


def _empty_array(kind, shape, typecode):
    safe_pickle._empty_array(kind, shape, typecode)  # for its checks
    return np.ndarray.__new__(_Array, (0,), np.int8)


class _Unpickler(safe_pickle._Unpickler):
    """The safe reader with the array of objects."""

    dispatch = dict(safe_pickle._Unpickler.dispatch)
    made = {"dtype": safe_pickle._Maker(_Dtype), "_reconstruct": safe_pickle._Maker(_empty_array)}

    def find_class(self, module, name):
        known = super().find_class(module, name)
        return self.made.get(name, known)

    def load_build(self):
        state = self.stack.pop()
        self._top(_Array, _Dtype).__setstate__(state)

    dispatch[b"b"[0]] = load_build
