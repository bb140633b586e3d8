"""Energy of a run, from counters that the machine itself keeps; where none can be read there is no figure.

Processor: the kernel's powercap files of RAPL (Documentation/power/powercap/powercap.rst in the Linux source), packages
and memory. Linux lets only the administrator read them since 2020 (CVE-2020-8694). Accelerator: NVML's count of the GPU
in use since the driver was loaded (`nvmlDeviceGetTotalEnergyConsumption`, Volta and newer), where the package `pynvml`
(of `nvidia-ml-py`) is installed. A counter belongs to a chip and not to a process: whatever else runs there is in it.
"""

import os
import threading
from functools import lru_cache
from pathlib import Path

from ecgrepro.training.cost import accelerators

POWERCAP = Path("/sys/class/powercap")
#: Seconds between two readings. The smallest RAPL counter starts again after 65 kJ (2^32 times 15 µJ): 130 s at 500 W.
INTERVAL = 30


class Rapl:
    """One RAPL zone: micro-joules that start again at ``max_energy_range_uj``.

    Parameters
    ----------
    folder : Path
        Of the zone, such as ``intel-rapl:0``.
    """

    def __init__(self, folder):
        self.name, self._file = (folder / "name").read_text().strip(), folder / "energy_uj"
        self._range = int((folder / "max_energy_range_uj").read_text())
        self._last = int(self._file.read_text())

    def joules(self):
        """Joules since the last call; right as long as the counter has started again once at most."""
        now = int(self._file.read_text())
        passed = now - self._last if now >= self._last else now + self._range - self._last
        self._last = now
        return passed / 1e6


class Nvml:
    """The GPU that this process uses, through NVML.

    Parameters
    ----------
    library : module
        `pynvml`.
    """

    def __init__(self, library):
        self._library = library
        library.nvmlInit()
        self._handle = _handle(library)
        self.name = str(library.nvmlDeviceGetName(self._handle))
        self._last = self._millijoules()

    def _millijoules(self):
        return self._library.nvmlDeviceGetTotalEnergyConsumption(self._handle)

    def joules(self):
        """Joules since the last call."""
        now = self._millijoules()
        passed, self._last = now - self._last, now
        return passed / 1e3


class Meter:
    """Sums counters; a thread reads them often enough that none starts again twice between two readings.

    Parameters
    ----------
    counters : list
        With ``name`` and ``joules()``.
    interval : float
        Seconds between two readings.
    """

    def __init__(self, counters, interval=INTERVAL):
        self.names = [counter.name for counter in counters]
        self._counters, self._total, self._lock = counters, 0.0, threading.Lock()
        self._failed = not counters
        self._stop = threading.Event()
        if counters:
            threading.Thread(target=self._watch, args=(interval,), daemon=True, name="energy").start()

    def joules(self):
        """Joules since the meter was made, None where there is no counter or one has failed."""
        with self._lock:
            try:
                self._total += sum(counter.joules() for counter in self._counters)
            except Exception:  # whatever a driver's library raises: from here on a sum would lack a part
                self._failed = True
            return None if self._failed else self._total

    def close(self):
        """End the readings."""
        self._stop.set()

    def _watch(self, interval):
        while not self._stop.wait(interval) and self.joules() is not None:
            pass


@lru_cache(maxsize=1)
def meter():
    """The meter of this process; its counters are found on the first call."""
    return Meter([*rapl_zones(), *nvml_devices()])


def joules():
    """Joules since the first call, of processor packages, memory and the GPU in use; None where nothing counts."""
    return meter().joules()


def rapl_zones(folder=POWERCAP):
    """Readable RAPL zones of packages and memory.

    Cores and graphics are parts of a package; ``psys``, the whole platform, would count the packages twice. Package and
    memory are published under more than one control type on some machines: the first is taken.
    """
    found = {}
    for place in sorted(folder.glob("*rapl*:*")):
        try:
            zone = Rapl(place)
        except (OSError, ValueError):
            continue
        # memory is a zone below its package, and is called "dram" in each of them
        part = ":".join(place.name.split(":")[1:])
        if zone.name.startswith("package") or zone.name == "dram":
            found.setdefault((zone.name, part), zone)
    return list(found.values())


def nvml_devices():
    """The counter of the GPU in use, in a list; empty where the backend uses none or NVML cannot be asked."""
    if not accelerators():
        return []
    try:
        import pynvml

        return [Nvml(pynvml)]
    except Exception:  # not installed, no driver, an older GPU: `pynvml` has an error of its own for each
        return []


def _handle(library):
    """The first device that CUDA may use: ``CUDA_VISIBLE_DEVICES`` holds numbers or UUIDs."""
    first = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")[0].strip() or "0"
    if first.isdigit():
        return library.nvmlDeviceGetHandleByIndex(int(first))
    return library.nvmlDeviceGetHandleByUUID(first)
