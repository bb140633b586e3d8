"""Features of a frozen prefix, computed once per recording and kept under a memory and a disk budget.

A net whose first layers are frozen gives the same features in every epoch, and in every trial that starts from the same
weights. `ecgrepro.training.freezing.cut` finds where they can be taken; this file computes them, in batches of one
shape, and keeps them as float32 (exact for what a bfloat16 or float16 prefix computes). They equal those of an uncached
pass to 1e-5 of their largest value: another batch composition may round otherwise.
"""

import hashlib
import io
import json
import logging
import math
import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from ecgrepro.errors import DiskError
from ecgrepro.training.store import locked

BATCH_SIZE = 64
# every prefix is a model of its own, traced once; TensorFlow takes them for one function that is traced over and over
logging.getLogger("tensorflow").addFilter(lambda record: "tf.function retracing" not in record.getMessage())
#: Share of the largest feature by which kept and recomputed features may differ: float32, and lower precision.
TOLERANCE, LOW_TOLERANCE = 1e-5, 2e-2


def cached_features(prefix, inputs, *, key, folder=None, memory_budget=0, disk_budget=None, batch_size=BATCH_SIZE,
                    progress=True):  # fmt: skip
    """Give the features of all inputs, computed at most once.

    Parameters
    ----------
    prefix : keras.Model
        As `freezing.cut` gives it; from (batch, ...) to (batch, ...).
    inputs : float32 array, (n_rows, ...)
        May be memory-mapped. Rows must not change from epoch to epoch, as random crops would.
    key : str
        Names the content of `inputs`, such as the fingerprint of a corpus and how its recordings are prepared.
    folder : str or Path, optional
        Where features are kept, for other trials and for a run that is killed: it goes on where it was. Without a
        folder they are in memory alone.
    memory_budget : int
        Bytes of features that may be held in memory; what needs more is memory-mapped.
    disk_budget : int, optional
        Bytes of features that may lie in `folder`, the oldest of which make room; the free space by default.
    batch_size : int
    progress : bool
        Show a bar with the estimated time left.

    Returns
    -------
    float32 array or memmap, (n_rows, ...)
        Features row by row.

    Raises
    ------
    DiskError
        Neither budget has room (told before anything is computed), or the disk fills up all the same. Training without
        the cache gives the same results, only later.

    Notes
    -----
    Kept features are found by a hash of all that determines them (`features_key`), and some rows are computed again and
    compared before they are used: features of other weights, inputs or code are never taken.
    """
    job = _Job(prefix, inputs, batch_size, progress)
    in_memory = job.size <= memory_budget
    if folder is not None:
        path = Path(folder) / f"features-{features_key(prefix, key, inputs.shape, batch_size)}.npy"
        with locked(path.with_suffix(".lock")):  # of several processes one computes, the others find the file
            if _keep(job, path, disk_budget):
                return np.load(path, mmap_mode=None if in_memory else "r")
    if not in_memory:
        got = f"{memory_budget / 1e6:,.0f} MB of memory, and {_disk(folder, disk_budget)}"
        raise DiskError(prefix.name, f"room for {job.size / 1e6:,.0f} MB of features", got,
                        "Raise a budget, or train without the cache: the results are the same.")  # fmt: skip
    return np.concatenate(list(job.batches(0)))


def features_key(prefix, key, shape, batch_size=BATCH_SIZE):
    """Hash of what determines features: inputs, weights, settings of the layers, precision, backend; 16 hex digits."""
    digest = hashlib.sha256()
    layers = [[type(one).__name__, str(one.output.shape), _settings(one)] for one in prefix.operations]
    about = [key, list(shape), batch_size, keras.backend.backend(), layers]
    digest.update(json.dumps(about, sort_keys=True, default=str).encode())
    for weight in prefix.weights:
        digest.update(f"{weight.shape} {weight.dtype}".encode())
        digest.update(np.ascontiguousarray(np.asarray(weight)).tobytes())
    return digest.hexdigest()[:16]


def _settings(operation):
    """Numbers and words of a layer's configuration, but not its name, which may count the layers made before."""
    if not isinstance(operation, keras.Layer):
        return {}
    plain = (bool, int, float, str, list, tuple)
    config = operation.get_config().items()
    return {name: value for name, value in config if name != "name" and isinstance(value, plain)} | {
        "precision": operation.dtype_policy.name
    }


class _Job:
    """A prefix and the inputs it is to see."""

    def __init__(self, prefix, inputs, batch_size, progress):
        self.prefix, self.inputs, self.batch_size, self.progress = prefix, inputs, batch_size, progress
        self.shape = (len(inputs), *prefix.compute_output_shape((1, *inputs.shape[1:]))[1:])
        self.row, self.size = 4 * math.prod(self.shape[1:]), 4 * math.prod(self.shape)

    def features(self, rows):
        """Features of rows: float32 (n_rows, ...); one shape of batch, since each would be compiled anew."""
        filled = np.resize(rows, self.batch_size)
        found = self.prefix.predict_on_batch(np.asarray(self.inputs[filled], np.float32))
        return np.asarray(found, np.float32)[: len(rows)]

    def batches(self, first):
        """Features from row `first` on, batch by batch, under a bar."""
        n = self.shape[0]
        # without `disable` the bar follows tqdm's own variable TQDM_DISABLE
        hidden = {} if self.progress else {"disable": True}
        with tqdm(total=n, initial=first, desc="features", unit="record", file=sys.stderr, **hidden) as bar:
            for start in range(first, n, self.batch_size):
                rows = np.arange(start, min(start + self.batch_size, n))
                yield self.features(rows)
                bar.update(len(rows))

    def agrees(self, kept):
        """Whether kept features are these, as far as a batch of rows from first to last tells."""
        if kept.shape != self.shape or kept.dtype != np.float32:
            return False
        rows = np.unique(np.linspace(0, len(kept) - 1, self.batch_size).astype(int))
        found = self.features(rows)
        precise = keras.backend.standardize_dtype(self.prefix.output.dtype) == "float32"
        tolerance = (TOLERANCE if precise else LOW_TOLERANCE) * np.abs(found).max(initial=0)
        return bool((np.abs(kept[rows] - found) <= tolerance).all())


def _keep(job, path, budget):
    """See to it that the features lie at `path`; False where there is no room for them."""
    if path.exists():
        if _readable(job, path):
            os.utime(path)  # what was used last makes room last
            return True
        path.unlink()
    if not _make_room(path, job.size, budget):
        return False
    _write(job, path)
    return True


def _readable(job, path):
    try:
        return job.agrees(np.load(path, mmap_mode="r"))
    except (ValueError, EOFError):  # cut short
        return False


def _make_room(path, size, budget):
    """Whether `path` may take `size` bytes, once older features have made room for it."""
    ours = path.with_suffix(".partial")
    others = {}
    for one in path.parent.glob("features-*"):
        if one.suffix != ".lock" and one != ours:
            with suppress(FileNotFoundError):  # another process has just finished or removed it
                others[one] = one.stat()
    used = sum(about.st_size for about in others.values())
    for old, about in sorted(others.items(), key=lambda item: item[1].st_mtime):
        if budget is None or size > budget or used + size <= budget:
            break
        with locked(old.with_suffix(".lock"), wait=False) as idle:
            if idle:
                old.unlink(missing_ok=True)
                used -= about.st_size
    begun = ours.stat().st_size if ours.exists() else 0
    free = shutil.disk_usage(path.parent).free + begun
    return free >= 1.1 * size and (budget is None or used + size <= budget)


def _disk(folder, budget):
    if folder is None:
        return "no folder"
    free = f"{shutil.disk_usage(folder).free / 1e6:,.0f} MB free in {folder}"
    return free if budget is None else f"{free}, of which features may take {budget / 1e6:,.0f} MB"


def _write(job, path):
    """Compute features into a file that appears in one rename; what a killed run computed is taken over."""
    partial = path.with_suffix(".partial")
    try:
        with partial.open("ab") as file:
            for features in job.batches(_resume(job, file)):
                file.write(features.tobytes())
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        fix = "Free some space, or train without the cache: the results are the same."
        raise DiskError(path, f"room for {job.size / 1e6:,.0f} MB of features", str(error), fix) from error


def _resume(job, file):
    """Prepare a file to be appended to, and tell from which row on; the last batch begun is computed again."""
    header = io.BytesIO()
    about = {"descr": "<f4", "fortran_order": False, "shape": job.shape}
    np.lib.format.write_array_header_1_0(header, about)
    whole = (file.tell() - len(header.getvalue())) // (job.row * job.batch_size)
    done = max(0, whole - 1) * job.batch_size
    if not done:
        file.truncate(0)
        file.write(header.getvalue())
        return 0
    file.truncate(len(header.getvalue()) + done * job.row)
    return done
