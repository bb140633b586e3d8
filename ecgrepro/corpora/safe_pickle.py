"""Unpickling files from strangers: numpy arrays and plain containers, and nothing else.

An ordinary `pickle.load` runs whatever the file names. This one looks every global up in a short list of
names (how NumPy rebuilds arrays and scalars), so a pickle can only say "an array of numbers".
"""

import gzip
import io
import pickle
import zlib

import numpy as np

from ecgrepro.errors import InputError

#: (module, name) pairs that may be named; `numpy.core` is what NumPy 1 wrote, `numpy._core` NumPy 2.
_ARRAY_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")
#: Stands for `numpy.ndarray` in a pickle; not callable, so that no array is made but by the names below.
_NDARRAY = "numpy.ndarray"
_ALLOWED = {
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): lambda text, encoding: _latin1(text, encoding),
    **{(module, "_reconstruct"): lambda *args: _empty_array(*args) for module in _ARRAY_MODULES},
    **{(module, "scalar"): lambda *args: _scalar(*args) for module in _ARRAY_MODULES},
    **{
        (module, "_frombuffer"): lambda *args: _from_buffer(*args)
        for module in ("numpy.core.numeric", "numpy._core.numeric")
    },
}


def _latin1(text, encoding):
    # protocol 2 stores the bytes of an array as text; no other codec is ever needed
    if not isinstance(text, str) or encoding != "latin1":
        raise pickle.UnpicklingError(f"an encoding other than latin1: {encoding!r}")
    return text.encode("latin1")


def _plain(dtype):
    if not isinstance(dtype, np.dtype) or dtype.kind not in "biuf":
        raise pickle.UnpicklingError(f"an array of {dtype!r}, not of numbers")
    return dtype


class _Array(np.ndarray):
    """An array whose pickled state is checked before NumPy takes it: object arrays are refused."""

    def __setstate__(self, state):
        _plain(state[2])
        super().__setstate__(state)


def _empty_array(kind, shape, typecode):
    if kind is not _NDARRAY or shape != (0,):
        raise pickle.UnpicklingError(f"an array type {kind!r}")
    return np.ndarray.__new__(_Array, (0,), np.int8)


def _scalar(dtype, buffer):
    return np.frombuffer(buffer, _plain(dtype))[0]


def _from_buffer(buffer, dtype, shape, order):
    return np.frombuffer(buffer, _plain(dtype)).reshape(shape, order=order)


class _Unpickler(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"the forbidden object {module}.{name}")
        return _ALLOWED[module, name]

    def persistent_load(self, pid):
        raise pickle.UnpicklingError("a persistent id")


def loads(data, where="pickle"):
    """Unpickle bytes that hold numpy arrays of numbers in plain containers.

    Parameters
    ----------
    data : bytes
    where : str or Path
        Named in the error.

    Raises
    ------
    InputError
        Any other object, an array of objects, or a damaged pickle.
    """
    try:
        return _plain_arrays(_Unpickler(io.BytesIO(data)).load())
    except Exception as error:  # a hostile pickle can raise anything
        raise InputError(
            where, "a pickle of numpy arrays of numbers in lists, tuples and dicts", str(error),
            "Do not load this file with another program: it may run code. Fetch it again.",
        ) from error  # fmt: skip


def _plain_arrays(value):
    if isinstance(value, np.ndarray):
        return value.view(np.ndarray)
    if isinstance(value, (list, tuple)):
        return type(value)(_plain_arrays(item) for item in value)
    if isinstance(value, dict):
        return {key: _plain_arrays(item) for key, item in value.items()}
    return value


def load_gzip(path):
    """Read ``gzip(pickle(...))`` as Icentia11k's torrent ships it; see `loads`."""
    try:
        with gzip.open(path, "rb") as file:
            data = file.read()
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            path, "a complete gzip file", f"{type(error).__name__}: {error}",
            "Fetch the file again: it is truncated or damaged.",
        ) from error  # fmt: skip
    return loads(data, path)
