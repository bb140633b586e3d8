"""Saving a run so that going on after a kill gives the same numbers as never having been killed.

A checkpoint is written beside its place, read back, and moved there in one rename; the one before stays beside it. So
a process that dies, a disk that is full and a mounted drive that fails now and then all leave a whole checkpoint.
"""

import errno
import hashlib
import json
import os
import time
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np

from ecgrepro.errors import DiskError, InputError
from ecgrepro.models.transfer import fit_leads

#: Seconds before each new try to write or read; a mounted drive comes back within these or is gone.
PAUSES = (0.5, 2, 8)
#: What no waiting mends.
FINAL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR)
#: What a file that was cut short or changed raises on reading.
DAMAGED = (ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)


def state(model):
    """All variables of model and optimiser as a list of arrays, in Keras' order; random generators are among them."""
    return [np.asarray(variable) for variable in (*model.variables, *model.optimizer.variables)]


def restore(model, arrays):
    """Give model and optimiser the values that `state` returned."""
    variables = (*model.variables, *model.optimizer.variables)
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)


def weights(model):
    """All variables of a model, without its optimiser's, as a list of arrays in Keras' order."""
    return [np.asarray(variable) for variable in model.variables]


def restore_weights(model, arrays):
    """Give a model the values that `weights` returned."""
    for variable, array in zip(model.variables, arrays, strict=True):
        variable.assign(array)


def digest(model):
    """SHA-256 of all variables of a model: equal where two runs ended in the same weights, bit for bit."""
    found = hashlib.sha256()
    for array in weights(model):
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def save(path, progress, **groups):
    """Write a checkpoint in one rename; the one before stays as ``NAME.previous``.

    Parameters
    ----------
    path : Path
    progress : dict
        JSON-serialisable.
    groups : lists of arrays

    Raises
    ------
    DiskError
        Nothing can be written, after some tries; the checkpoint before stays.
    """
    arrays = {f"{name}/{i}": array for name, group in groups.items() for i, array in enumerate(group)}
    _write(Path(path), {"progress": np.array(json.dumps(progress))} | arrays, keep=True)


def _write(path, arrays, keep=False):
    """Write arrays in one rename: after a kill there is the file before or the file after, never half a one."""
    partial = path.with_suffix(".partial")
    try:
        _patiently(_write_partial, partial, arrays)
        if keep and path.exists():
            _patiently(os.replace, path, previous(path))
        _patiently(os.replace, partial, path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        fix = "Free some space and run again: training goes on from its last checkpoint."
        raise DiskError(path, "a folder with room for the weights", str(error), fix) from error


def previous(path):
    """Where the checkpoint before the one at `path` lies."""
    return path.with_name(f"{path.stem}.previous{path.suffix}")


def _patiently(do, *given):
    """Try an operation on files again after a pause, as a mounted drive that fails now and then needs."""
    for pause in PAUSES:
        try:
            return do(*given)
        except OSError as error:
            if error.errno in FINAL:
                raise
        time.sleep(pause)
    return do(*given)


def _write_partial(partial, arrays):
    """Write arrays, and read them back: what a drive says it has written is not always what it holds."""
    partial.parent.mkdir(parents=True, exist_ok=True)
    with partial.open("wb") as file:
        np.savez(file, **arrays)
        file.flush()
        os.fsync(file.fileno())
    try:
        read = _read(partial)
    except DAMAGED as error:
        raise OSError(f"not what was written: {error}") from error
    for name, array in arrays.items():
        if np.asarray(array).tobytes() != read[name].tobytes():
            raise OSError(f"{name} is not what was written")


def _read(path):
    with Path(path).open("rb") as opened, np.load(opened) as file:  # numpy leaves a damaged one open
        return {name: file[name] for name in file.files}


def load(path):
    """Read a checkpoint: (progress dict, dict of group name to list of arrays), or None if there is none.

    Of a damaged one the checkpoint before is taken: the run goes on from there, with the same numbers.

    Raises
    ------
    InputError
        Neither can be read.
    """
    path = Path(path)
    found = [one for one in (path, previous(path)) if one.exists()]
    for one in found:
        with suppress(*DAMAGED):
            return _groups(_read_patiently(one))
    if not found:
        return None
    fix = f"Delete {' and '.join(map(str, found))} to begin this trial anew; no other is touched."
    raise InputError(path, "a whole checkpoint", "a damaged one, and none before it that is whole", fix)


def _read_patiently(path):
    try:
        return _patiently(_read, path)
    except OSError as error:
        raise DiskError(
            path, "a file that can be read", str(error), "Mount the drive and run again."
        ) from error


def _groups(arrays):
    groups = {}
    for name in sorted((name for name in arrays if name != "progress"), key=lambda n: int(n.split("/")[1])):
        groups.setdefault(name.split("/")[0], []).append(arrays[name])
    return json.loads(str(arrays["progress"])), groups


def discard(path):
    """Remove a checkpoint and the one before it."""
    for one in (Path(path), previous(Path(path))):
        one.unlink(missing_ok=True)


def save_extractor(path, model, head):
    """Write the weights of every layer but the head, by layer name, in one rename."""
    _write(Path(path), {name: np.asarray(variable) for name, variable in _places(model, head).items()})


def load_extractor(path, model, head, *, adapt_leads=False):
    """Give a model the weights that `save_extractor` wrote; every tensor must find its place.

    Parameters
    ----------
    path : Path
    model : keras.Model
    head : str
        Layer whose weights stay.
    adapt_leads : bool
        Fit kernels that read the leads to the model's number of them (`ecgrepro.models.transfer.fit_leads`).

    Raises
    ------
    InputError
        A file cut short, a missing or left-over tensor, or one of another shape.
    """
    try:
        arrays = _read_patiently(path)
    except DAMAGED as error:
        fix = "Delete it and run again: the pre-training trial makes it anew."
        raise InputError(path, "weights as a pre-training trial leaves them", str(error), fix) from error
    places = _places(model, head)
    if adapt_leads:
        arrays = fit_leads(arrays, {name: place.shape for name, place in places.items()})
    assign(path, arrays, places, model.name)


def _places(model, head):
    return {
        f"{layer.name}/{v.name}": v for layer in model.layers if layer.name != head for v in layer.weights
    }


def assign(path, arrays, places, model_name):
    """Assign arrays to the variables of the same names; `path` and `model_name` are for the error alone."""
    wrong = sorted(
        set(arrays) ^ set(places)
        | {n for n in set(arrays) & set(places) if arrays[n].shape != tuple(places[n].shape)}
    )
    if wrong:
        got = f"{len(wrong)} that do not fit: {wrong[:3]}"
        fix = "Model and width of the pre-training trial must be this one's."
        raise InputError(path, f"the {len(places)} tensors of {model_name}", got, fix)
    for name, variable in places.items():
        variable.assign(arrays[name])
