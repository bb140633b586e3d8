"""How much memory a call takes: beyond what is in use before it, and in a process in which nothing else has run.

Peaks do not go down, and what one call has given back serves the next: only a new process tells what a call alone
takes of a processor's memory.
"""

import gc
from contextlib import suppress
from pathlib import Path

import keras

from ecgrepro.errors import SettingsError
from ecgrepro.training import cost
from ecgrepro.training.trial_process import DIED, TrialProcess, pack, unpack


def in_own_process(function, *given):
    """Call a function of a module in a new process with this one's environment, and return what it returns.

    Raises
    ------
    SettingsError
        The process died, for want of memory as a rule. What the function raises is raised here.
    """
    process = TrialProcess()
    try:
        kind, found = process.call(pack(_without_lines, function, *given), print, lambda: False)
    finally:
        process.end()
    if kind == DIED:
        got = f"a process that ended with status {found.decode()}"
        raise SettingsError(function.__name__, "a process that has memory enough", got,
                            "Free some memory, or take a narrower net, smaller inputs or smaller batches.")  # fmt: skip
    return unpack(kind, found)


def _without_lines(say, function, *given):
    return function(*given)


def memory_of(run):
    """MB (of 2^20 bytes) that a call takes at its highest beyond what is in use before it.

    Of an accelerator by the backend's own count, else resident memory. The process' record of its highest so far is
    lost on Linux and on TensorFlow's accelerators. JAX cannot set its own back: an earlier peak is counted if it was
    higher. Where the system tells no present memory (macOS), only what goes beyond an earlier peak is counted.
    """
    gc.collect()
    if not cost.accelerators():
        with suppress(OSError):  # Linux: the highest resident memory becomes the present one
            Path("/proc/self/clear_refs").write_text("5")
    elif keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.reset_memory_stats("GPU:0")
    before, _ = _in_use()
    run()
    return (_in_use()[1] - before) / (1 << 20)


def _in_use():
    """Bytes in use now, and at the highest."""
    if not cost.accelerators():
        return _resident()
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        found = tf.config.experimental.get_memory_info("GPU:0")
        return found["current"], found["peak"]
    import jax

    found = jax.devices()[0].memory_stats()
    return found["bytes_in_use"], found["peak_bytes_in_use"]


def _resident():
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        found = dict(line.split(":", 1) for line in lines)
        # the process' own: what `getrusage` tells of a new process begins with its parent's
        return tuple(int(found[name].split()[0]) << 10 for name in ("VmRSS", "VmHWM"))
    except (OSError, KeyError):
        return (cost.peak_memory_mb() << 20,) * 2
