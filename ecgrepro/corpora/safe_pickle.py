"""Unpickling files from strangers: numpy arrays and plain containers, and nothing else.

An ordinary `pickle.load` runs whatever the file names. This one looks every global up in a short list of
names (how NumPy rebuilds arrays and scalars) and answers with stand-ins of its own, so a pickle can only say
"an array of numbers". None of NumPy's objects is handed out: `numpy.ndarray` could be laid over any memory, and
the state of a `numpy.dtype` can turn a type of numbers into one of objects, that is, of addresses.

Python's own implementation in Python does the reading, not the one in C: that one allocates what a length or an
index in the file says before it looks whether the file goes on (ten bytes are enough to fill any memory).
"""

import gzip
import io
import pickle
import re
import zlib
from functools import partial

import numpy as np

from ecgrepro.errors import InputError

_LONGEST_MESSAGE = 200
#: Largest unpacked file in bytes; a published patient (50 segments of 1,048,577 samples in 64 bits) has 4.2e8.
LARGEST = 2**30
_AT_ONCE = 2**20


class _Maker:
    """A function that a pickle may call."""

    __slots__ = ("_make",)

    def __init__(self, make):
        self._make = make

    def __call__(self, *args):
        return self._make(*args)


class _Dtype:
    """Stands for `numpy.dtype`: a type of numbers, with its byte order and nothing else."""

    def __init__(self, name, align=False, copy=True):
        if not isinstance(name, str) or not re.fullmatch(r"[biuf]\d", name):
            raise pickle.UnpicklingError(f"an array of {name!r}, not of numbers")
        self.dtype = np.dtype(name)

    def __setstate__(self, state):
        # (version, byte order, subarray, names, fields, size, alignment, flags): the rest is for other types
        if any(part is not None for part in state[2:5]):
            raise pickle.UnpicklingError("a type of numbers with parts")
        self.dtype = self.dtype.newbyteorder(state[1])


def _latin1(text, encoding):
    # protocols 0 to 2 store the bytes of an array as text; no other codec is ever needed
    if not isinstance(text, str) or encoding != "latin1":
        raise pickle.UnpicklingError(f"an encoding other than latin1: {encoding!r}")
    return text.encode("latin1")


def _no_bytes():
    # how protocols 0 to 2 store an empty array
    return b""


def _ndarray(*args):
    raise pickle.UnpicklingError("numpy.ndarray called directly")


def _numbers(dtype):
    if not isinstance(dtype, _Dtype):
        raise pickle.UnpicklingError(f"an array of {dtype!r}, not of numbers")
    return dtype.dtype


class _Array(np.ndarray):
    """An array whose pickled state is checked before NumPy takes it."""

    def __setstate__(self, state):
        version, shape, dtype, fortran, data = state
        super().__setstate__((version, shape, _numbers(dtype), fortran, data))


def _empty_array(kind, shape, typecode):
    if kind is not _NDARRAY or shape != (0,):
        raise pickle.UnpicklingError(f"an array type {kind!r}")
    return np.ndarray.__new__(_Array, (0,), np.int8)


def _scalar(dtype, buffer):
    return np.frombuffer(buffer, _numbers(dtype))[0]


def _from_buffer(buffer, dtype, shape, order, axis_order=None):
    array = np.frombuffer(buffer, _numbers(dtype))
    if order == "K" and axis_order is not None:  # NumPy 2.3 and later
        return array.reshape(shape).transpose(axis_order)
    return array.reshape(shape, order=order)


_NDARRAY = _Maker(_ndarray)
#: (module, name) pairs that may be named; `numpy.core` is what NumPy 1 wrote, `numpy._core` NumPy 2.
_ALLOWED = {
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): _Maker(_Dtype),
    ("_codecs", "encode"): _Maker(_latin1),
    ("__builtin__", "bytes"): _Maker(_no_bytes),
}
for _core in ("numpy.core", "numpy._core"):
    _ALLOWED[f"{_core}.multiarray", "_reconstruct"] = _Maker(_empty_array)
    _ALLOWED[f"{_core}.multiarray", "scalar"] = _Maker(_scalar)
    _ALLOWED[f"{_core}.numeric", "_frombuffer"] = _Maker(_from_buffer)


class _Unpickler(pickle._Unpickler):
    """Reads the operations that plain containers, numbers, text and arrays need; the others have no use here."""

    dispatch = dict(pickle._Unpickler.dispatch)

    def find_class(self, module, name):
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"the forbidden object {module}.{name}")
        return _ALLOWED[module, name]

    def persistent_load(self, pid):
        raise pickle.UnpicklingError("a persistent id")

    def _top(self, *kinds):
        value = self.stack[-1]
        if type(value) not in kinds:
            raise pickle.UnpicklingError(f"an operation on a {type(value).__name__} that it has no use for")
        return value

    def load_reduce(self):
        args = self._top(tuple)
        self.stack.pop()
        self.stack[-1] = self._top(_Maker)(*args)

    def load_build(self):
        state = self.stack.pop()
        self._top(_Array, _Dtype).__setstate__(state)

    def load_append(self):
        value = self.stack.pop()
        self._top(list).append(value)

    def load_appends(self):
        items = self.pop_mark()
        self._top(list).extend(items)

    def load_setitem(self):
        value, key = self.stack.pop(), self.stack.pop()
        self._top(dict)[key] = value

    def load_setitems(self):
        items = self.pop_mark()
        self._top(dict).update(zip(items[::2], items[1::2], strict=True))

    def load_bytearray8(self):
        # protocol 5's form of an array's bytes; inherited, it fills memory of the stated length with zeros first
        self.append(bytearray(self.read(int.from_bytes(self.read(8), "little"))))


for _name in ("reduce", "build", "append", "appends", "setitem", "setitems", "bytearray8"):
    _Unpickler.dispatch[getattr(pickle, _name.upper())[0]] = getattr(_Unpickler, f"load_{_name}")
for _name in (
    "additems",
    "inst",
    "obj",
    "newobj",
    "newobj_ex",
    "ext1",
    "ext2",
    "ext4",
    "persid",
    "binpersid",
):
    del _Unpickler.dispatch[getattr(pickle, _name.upper())[0]]


def loads(data, where="pickle"):
    """Unpickle bytes that hold numpy arrays of numbers in plain containers.

    Parameters
    ----------
    data : bytes
        A pickle of any protocol, 0 to 5.
    where : str or Path
        Named in the error.

    Returns
    -------
    object
        Arrays of booleans, integers or floats, plain numbers, text, and lists, tuples and dicts of them.

    Raises
    ------
    InputError
        Any other object, an array of objects, or a damaged pickle; nothing that it names was called.
    """
    try:
        return _plain_arrays(_Unpickler(io.BytesIO(data)).load(), {})
    except Exception as error:  # a hostile pickle can raise anything
        raise InputError(
            where, "a pickle of numpy arrays of numbers in lists, tuples and dicts",
            str(error)[:_LONGEST_MESSAGE] or type(error).__name__,
            "Do not load this file with another program: it may run code. Fetch it again.",
        ) from error  # fmt: skip


def _plain_arrays(value, done):
    # a pickle can hold one list twice in each of many lists: what is done once is not done again
    if id(value) not in done:
        done[id(value)] = _plain(value, done)
    return done[id(value)]


def _plain(value, done):
    if isinstance(value, np.ndarray):
        return value.view(np.ndarray)
    if isinstance(value, (list, tuple)):
        return type(value)(_plain_arrays(item, done) for item in value)
    if isinstance(value, dict):
        return {key: _plain_arrays(item, done) for key, item in value.items()}
    if isinstance(value, (_Maker, _Dtype)):
        raise pickle.UnpicklingError("a function or a type instead of a value")
    return value


def load_gzip(path):
    """Read ``gzip(pickle(...))`` of at most `LARGEST` bytes as Icentia11k's torrent ships it; see `loads`."""
    try:
        with gzip.open(path, "rb") as file:
            # read in pieces: memory follows what the file holds
            data = b"".join(iter(partial(_piece, file, path), b""))
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            path, "a complete gzip file", f"{type(error).__name__}: {error}",
            "Fetch the file again: it is truncated or damaged.",
        ) from error  # fmt: skip
    return loads(data, path)


def _piece(file, path):
    if file.tell() > LARGEST:
        raise InputError(
            path, f"at most {LARGEST:,} bytes when unpacked", "more", "No published patient is so large."
        )
    return file.read(_AT_ONCE)
