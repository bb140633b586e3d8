"""Prepared arrays on disk, each beside the table of its rows: made once, found again by content and settings."""

import hashlib
import json
import math
import os
from pathlib import Path

import numpy as np
import pandas as pd

from ecgrepro.corpora.ingest import require_space

#: Bumped when what is prepared changes for the same recordings and settings.
VERSION = 1


def keep(cache, name, content, make):
    """Make an array and its index, or open what was made before of the same content.

    Parameters
    ----------
    cache : str or Path, or None
        Folder; each file appears in one rename, the array last. None keeps nothing.
    name : str
        First part of the files' names.
    content : object
        All that decides the result, as JSON can write it.
    make : function of nothing to (float32 array, DataFrame)

    Returns
    -------
    float32 memmap (array where nothing is kept), DataFrame

    Raises
    ------
    DiskError
        Too little space.
    """
    if cache is None:
        return make()
    path = _path(cache, name, content)
    if not path.exists():
        inputs, index = make()
        # asked beforehand: the array is only worth having whole
        require_space(path, inputs.nbytes)
        _write(path.with_suffix(".parquet"), index.to_parquet)
        _write(path, lambda file: np.save(file, inputs))
    return np.load(path, mmap_mode="r"), pd.read_parquet(path.with_suffix(".parquet"))


def keep_filled(cache, name, content, shape, fill):
    """Fill an array on disk, for one that memory need not hold, or open what was made before of the same content.

    Parameters
    ----------
    cache, name, content
        As for `keep`; with None the array is in memory.
    shape : tuple of int
    fill : function of a float32 array (or memmap) of that shape
        Called with the array to write to.

    Returns
    -------
    float32 memmap (array where nothing is kept)

    Raises
    ------
    DiskError
        Too little space, told before anything is made.
    """
    if cache is None:
        made = np.empty(shape, np.float32)
        fill(made)
        return made
    path = _path(cache, name, content)
    if not path.exists():
        require_space(path, 4 * math.prod(shape))
        _write(path, lambda file: _fill(file, shape, fill))
    return np.load(path, mmap_mode="r")


def _fill(file, shape, fill):
    made = np.lib.format.open_memmap(file, "w+", np.float32, shape)
    fill(made)
    made.flush()


def _path(cache, name, content):
    key = hashlib.sha256(json.dumps([VERSION, content]).encode()).hexdigest()[:16]
    return Path(cache) / f"{name}-{key}.npy"


def _write(path, write):
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        write(partial)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
