"""Prepared arrays on disk, each beside the table of its rows: made once, found again by content and settings."""

import hashlib
import json
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
    key = hashlib.sha256(json.dumps([VERSION, content]).encode()).hexdigest()[:16]
    path = Path(cache) / f"{name}-{key}.npy"
    if not path.exists():
        inputs, index = make()
        path.parent.mkdir(parents=True, exist_ok=True)
        # asked beforehand: the array is only worth having whole
        require_space(path, inputs.nbytes)
        _write(path.with_suffix(".parquet"), index.to_parquet)
        _write(path, lambda file: np.save(file, inputs))
    return np.load(path, mmap_mode="r"), pd.read_parquet(path.with_suffix(".parquet"))


def _write(path, write):
    partial = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        write(partial)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
