"""What a run cost and where it ran: the part of a result that is not the result."""

import os
import platform
import subprocess
import time
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import keras

from ecgrepro.training import cost, energy

PACKAGES = ("ecgrepro", "keras", "numpy", "scipy", "scikit-learn", "pandas")


def run_record(seconds, cpu_seconds, frames, *, flops=None, precision="float32", energy_joules=None, **more):
    """Describe the run that ends now.

    Parameters
    ----------
    seconds, cpu_seconds : float
        Wall-clock and processor time of training alone, earlier sittings of a resumed run included.
    frames : int
        Frames that passed forward and backward.
    flops : float, optional
        Operations per frame, see `ecgrepro.training.cost.training_flops`.
    precision : {"float32", "mixed_bfloat16", "mixed_float16"}
        What the net computed in; only read with `flops`.
    energy_joules : float, optional
        Of all sittings, see `metered`.
    more : dict
        Further JSON-serialisable entries.

    Returns
    -------
    dict
        JSON-serialisable. ``peak_memory_MB`` is the process' since it started, earlier trials included. Only where
        they are known: ``flops_per_frame``, ``share_of_peak`` with ``peak_flops_per_second`` and ``peak_source``,
        ``accelerator_peak_memory_MB``, ``energy_joules`` with ``energy_counters``.
    """
    speed = frames / max(seconds, 1e-9)
    return {
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "commit": git_commit(),
        "backend": keras.backend.backend(), "versions": versions(), "hardware": hardware(),
        "seconds": round(seconds, 1), "cpu_seconds": round(cpu_seconds, 1), "frames": int(frames),
        "frames_per_second": round(speed, 1), "peak_memory_MB": cost.peak_memory_mb(),
        **_arithmetic(flops, speed, precision), **_accelerator_memory(), **_energy(energy_joules), **more,
    }  # fmt: skip


def _arithmetic(flops, speed, precision):
    if flops is None:
        return {}
    peak, source = cost.device_peak(precision)
    return {"flops_per_frame": round(flops), "share_of_peak": float(f"{flops * speed / peak:.4g}"),
            "peak_flops_per_second": float(f"{peak:.4g}"), "peak_source": source}  # fmt: skip


def _accelerator_memory():
    highest = cost.accelerator_peak_memory_mb()
    return {} if highest is None else {"accelerator_peak_memory_MB": highest}


def _energy(joules):
    if joules is None:
        return {}
    return {"energy_joules": round(joules, 1), "energy_counters": energy.meter().names}


@contextmanager
def metered(run):
    """Add what the block costs to a run's ``seconds``, ``cpu_seconds`` and ``energy_joules``.

    The last is None, and stays so, where no counter can be read or an earlier sitting had none: a part of the energy is
    no energy of the run. Nothing is added for a block that fails.
    """
    began, cpu, before = time.perf_counter(), time.process_time(), energy.joules()
    yield
    after, known = energy.joules(), run.get("energy_joules", None if run.get("seconds") else 0.0)
    run["seconds"] = run.get("seconds", 0.0) + time.perf_counter() - began
    run["cpu_seconds"] = run.get("cpu_seconds", 0.0) + time.process_time() - cpu
    complete = None not in (before, after, known)
    run["energy_joules"] = known + after - before if complete else None


def git_commit():
    """Commit of the package's checkout, ``-dirty`` appended where its Python files differ.

    "" without git, and where the package is installed inside a checkout of something else.
    """
    try:
        _git("ls-files", "--error-unmatch", Path(__file__).name)
        changed = _git("status", "--porcelain", ":(top)ecgrepro/*.py")
        return _git("rev-parse", "--short=12", "HEAD") + ("-dirty" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return ""


def _git(*words):
    done = subprocess.run(["git", *words], cwd=Path(__file__).parent, capture_output=True, text=True, check=True,
                          timeout=10)  # fmt: skip
    return done.stdout.strip()


def versions():
    """Versions of Python, the backend and what numbers depend on: dict of name to version."""
    backend = keras.backend.backend()
    found = {"python": platform.python_version(), backend: _backend_version(backend)}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # a package run from a checkout has no metadata
            found[name] = "not installed"
    return found


def _backend_version(name):
    return __import__(name).__version__


def hardware():
    """Processor, cores, threads asked for, accelerators."""
    return {
        "processor": _processor(), "cores": os.cpu_count(), "threads": os.environ.get("TF_NUM_INTRAOP_THREADS", "all"),
        "accelerators": cost.accelerators(),
    }  # fmt: skip


def _processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
