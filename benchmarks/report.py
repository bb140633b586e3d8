"""What a benchmark leaves behind: rows for the book's table of speed, with the machine and the versions.

Not to be run. A benchmark ends with `report.write("NAME", rows)`, which prints the rows and writes
``results/benchmarks/NAME.json``, or NAME-BACKEND-ACCELERATOR.json where that is not TensorFlow on a processor; the
book's page on speed shows these files as they are.
"""

import json
import re
import time

import keras

from ecgrepro import paths
from ecgrepro.training.run_record import git_commit, hardware, versions


def row(what, measured, unit, target=None, *, bound="at least", note=""):
    """Describe one measured figure.

    Parameters
    ----------
    what : str
        What was measured against what, as a reader would say it.
    measured : float
    unit : str
        ``"times"`` for a ratio against a reference of the same run.
    target : float, optional
        What was aimed at, written down before the measurement.
    bound : {"at least", "at most"}
        Side of the target that is wanted.
    note : str
        What the figure hides, such as a processor without the instruction that the target is about.
    """
    met = None if target is None else (measured >= target if bound == "at least" else measured <= target)
    return {"what": what, "measured": float(f"{measured:.4g}"), "unit": unit, "target": target, "bound": bound,
            "met": None if met is None else bool(met), "note": note}  # fmt: skip


def write(name, rows, folder=None):
    """Print rows, leave them with machine and versions in ``results/benchmarks``, and return the file's path."""
    for one in rows:
        aim = "" if one["target"] is None else f" (target {one['bound']} {one['target']:g})"
        note = f"; {one['note']}" if one["note"] else ""
        print(f"{one['what']}: {one['measured']:,.4g} {one['unit']}{aim}{note}", flush=True)
    content = {"benchmark": name, "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
               "commit": git_commit(), "hardware": hardware(), "versions": versions(), "rows": rows}  # fmt: skip
    folder = folder or paths.home() / "results" / "benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    backend = "" if keras.backend.backend() == "tensorflow" else keras.backend.backend()
    about = " ".join([backend, *content["hardware"]["accelerators"][:1]])
    where = "-".join(re.findall("[a-z0-9]+", about.lower()))
    path = folder / f"{name}{'-' * bool(where)}{where}.json"
    path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
    return path
