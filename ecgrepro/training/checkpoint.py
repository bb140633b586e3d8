"""Saving a run so that going on after a kill gives the same numbers as never having been killed."""

import json
import os
from contextlib import suppress
from pathlib import Path

import numpy as np

from ecgrepro.errors import DiskError, InputError


def state(model):
    """All variables of model and optimiser as a list of arrays, in Keras' order."""
    return [np.asarray(variable) for variable in (*model.variables, *model.optimizer.variables)]


def restore(model, arrays):
    """Give model and optimiser the values that `state` returned."""
    variables = (*model.variables, *model.optimizer.variables)
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)


def save(path, progress, **groups):
    """Write a checkpoint in one rename.

    Parameters
    ----------
    path : Path
    progress : dict
        JSON-serialisable.
    groups : lists of arrays

    Raises
    ------
    DiskError
        Nothing can be written; the checkpoint before stays.
    """
    arrays = {f"{name}/{i}": array for name, group in groups.items() for i, array in enumerate(group)}
    _write(Path(path), {"progress": np.array(json.dumps(progress))} | arrays)


def _write(path, arrays):
    """Write arrays in one rename: after a kill there is the file before or the file after, never half a one."""
    partial = path.with_suffix(".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            np.savez(file, **arrays)
        os.replace(partial, path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        fix = "Free some space and run again: training goes on from its last checkpoint."
        raise DiskError(path, "a folder with room for the weights", str(error), fix) from error


def load(path):
    """Read a checkpoint: (progress dict, dict of group name to list of arrays), or None if there is none."""
    if not Path(path).exists():
        return None
    groups = {}
    with np.load(path) as file:
        names = sorted(
            (name for name in file.files if name != "progress"), key=lambda n: int(n.split("/")[1])
        )
        for name in names:
            groups.setdefault(name.split("/")[0], []).append(file[name])
        return json.loads(str(file["progress"])), groups


def save_extractor(path, model, head):
    """Write the weights of every layer but the head, by layer name, in one rename."""
    arrays = {
        f"{layer.name}/{variable.name}": np.asarray(variable)
        for layer in model.layers
        if layer.name != head
        for variable in layer.variables
    }
    _write(Path(path), arrays)


def load_extractor(path, model, head):
    """Give a model the weights that `save_extractor` wrote; every tensor must find its place.

    Raises
    ------
    InputError
        A missing or left-over tensor, or one of another shape.
    """
    with np.load(path) as file:
        arrays = dict(file)
    places = {
        f"{layer.name}/{v.name}": v for layer in model.layers if layer.name != head for v in layer.variables
    }
    wrong = sorted(
        set(arrays) ^ set(places)
        | {n for n in set(arrays) & set(places) if arrays[n].shape != places[n].shape}
    )
    if wrong:
        got = f"{len(wrong)} that do not fit: {wrong[:3]}"
        fix = "Model and width of the pre-training trial must be this one's."
        raise InputError(path, f"the {len(places)} tensors of {model.name}", got, fix)
    for name, variable in places.items():
        variable.assign(arrays[name])
