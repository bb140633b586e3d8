"""What a run cost and where it ran: the part of a result that is not the result."""

import os
import platform
import resource
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import keras

PACKAGES = ("ecgrepro", "keras", "numpy", "scipy", "scikit-learn", "pandas")


def run_record(seconds, cpu_seconds, frames, **more):
    """Describe the run that ends now.

    Parameters
    ----------
    seconds, cpu_seconds : float
        Wall-clock and processor time of training alone, earlier sittings of a resumed run included.
    frames : int
        Frames that passed forward and backward.
    more : dict
        Further JSON-serialisable entries.

    Returns
    -------
    dict
        JSON-serialisable. ``peak_memory_MB`` is the process' since it started, earlier trials included.
    """
    return {
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "commit": git_commit(),
        "backend": keras.backend.backend(), "versions": versions(), "hardware": hardware(),
        "seconds": round(seconds, 1), "cpu_seconds": round(cpu_seconds, 1), "frames": int(frames),
        "frames_per_second": round(frames / max(seconds, 1e-9), 1),
        "peak_memory_MB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
                                / (1024 if sys.platform != "darwin" else 1 << 20)),
        **more,
    }  # fmt: skip


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
        "accelerators": _accelerators(),
    }  # fmt: skip


def _processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _accelerators():
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        devices = tf.config.list_physical_devices("GPU")
        return [
            tf.config.experimental.get_device_details(device).get("device_name", "GPU") for device in devices
        ]
    if keras.backend.backend() == "jax":
        import jax

        return [device.device_kind for device in jax.devices() if device.platform != "cpu"]
    return []
