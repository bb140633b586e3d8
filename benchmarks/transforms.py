"""Frames per second of the spectrogram and scalogram layers, beside SciPy and PyWavelets in the same run.

    python benchmarks/transforms.py         # about a minute

STFT: frames of 4,096 samples, window 256, hop 32, against `scipy.signal.stft` of one frame after the other in float64,
as a data generator calls it; a second row is against SciPy given the whole float32 batch at once. CWT: 1,250 samples,
349 scales, 48 per octave, against `pywt.cwt(method="fft")` of one record after the other, and of the whole batch at
once. Every arm ends in magnitudes in main memory. The layers' results are checked against their references first, to
the tolerances that their modules state; PyWavelets is timed at its default precision of 12, which is faster and less
accurate than what it is checked at.

Targets: STFT at least 3 times SciPy, CWT at least 4 times PyWavelets, one frame or record at a time. Arms take turns,
round by round, and a ratio is the median over rounds. Uses `tests/frames/wavelet_reference.py`: run it in the
repository.
"""

import sys
import time
from pathlib import Path

import numpy as np
import pywt
import report
from scipy import signal as scipy_signal

from ecgrepro.frames.cwt import OMEGA0, Scalogram, scales
from ecgrepro.frames.stft import STFT

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "frames"))
from wavelet_reference import MORLET, scalogram_by_pywavelets

ROUNDS, FRAMES, RECORDS, N_SCALES, FS = 9, 256, 16, 349, 250.0


def stft_by_scipy(signals):
    """Magnitudes of (..., length): (..., bins, frames)."""
    found = scipy_signal.stft(signals, nperseg=256, noverlap=224, boundary="zeros", padded=False)[2]
    return np.abs(found[..., 1:, : signals.shape[-1] // 32]) * 128


def stft_arms(rng):
    """Name to function without arguments; checks the layer first."""
    frames = rng.standard_normal((FRAMES, 4096), np.float32)
    doubles, layer = frames.astype("float64"), STFT()
    reference, ours = stft_by_scipy(doubles), np.asarray(layer(frames[..., None]))[..., 0]
    _check("STFT", np.abs(ours - reference).max() / reference.max(), 2e-6)
    return {
        "layer": lambda: np.asarray(layer(frames[..., None])),
        "one by one": lambda: [stft_by_scipy(frame) for frame in doubles],
        "float32 batch": lambda: stft_by_scipy(frames),
    }


def cwt_arms(rng):
    """Name to function without arguments; checks the layer first."""
    band = scipy_signal.butter(6, [0.5, 60], "band", fs=FS, output="sos")
    noise = rng.standard_normal((RECORDS, 1250), np.float32)
    records = scipy_signal.sosfiltfilt(band, noise, axis=1).astype("float32")
    rows = scales(1250, FS)[:N_SCALES]
    lowest = OMEGA0 * FS / (2 * np.pi * rows[-1])
    plain = {"fs": FS, "lowest": lowest, "size": None, "colour": None, "padding": "zeros", "norm": "L2"}
    layer, image = Scalogram(**plain), Scalogram(fs=FS, lowest=lowest)
    ours, reference = (
        np.asarray(layer(records[..., None]))[..., 0],
        scalogram_by_pywavelets(records[:1], rows),
    )
    assert ours.shape == (RECORDS, N_SCALES, 1250), ours.shape
    errors = np.abs(ours[:1] - reference).max(axis=(0, 2)) / reference.max(axis=(0, 2))
    _check("CWT below 80 Hz", errors[OMEGA0 * FS / (2 * np.pi * rows) < 80].max(), 1e-3)
    _check("CWT", errors.max(), 2e-2)
    return {
        "layer": lambda: np.asarray(layer(records[..., None])),
        "layer with image": lambda: np.asarray(image(records[..., None])),
        "one by one": lambda: [np.abs(pywt.cwt(one, rows, MORLET, method="fft")[0]) for one in records],
        "batch": lambda: np.abs(pywt.cwt(records, rows, MORLET, method="fft")[0]),
    }


def _check(what, error, tolerance):
    print(f"{what}: largest error {error:.1e}, stated {tolerance:.0e}", flush=True)
    assert error <= tolerance, f"{what} is off by {error:.1e}"


def timed(arms):
    """Seconds of each arm in every round but the first, which compiles."""
    times = {name: [] for name in arms}
    for _ in range(ROUNDS + 1):
        for name, run in arms.items():
            began = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - began)
    return {name: np.array(taken[1:]) for name, taken in times.items()}


def main():
    rng = np.random.default_rng(0)
    stft, cwt = timed(stft_arms(rng)), timed(cwt_arms(rng))

    def times(found, reference, arm="layer"):
        return np.median(found[reference] / found[arm])

    report.write("transforms", [
        report.row("STFT layer against scipy.signal.stft, one float64 frame at a time", times(stft, "one by one"),
                   "times", 3.0),
        report.row("STFT layer against scipy.signal.stft of the float32 batch", times(stft, "float32 batch"), "times"),
        report.row("STFT layer, frames of 4,096 samples", FRAMES / np.median(stft["layer"]), "frames/s"),
        report.row("CWT layer against pywt.cwt(method='fft'), one record at a time", times(cwt, "one by one"),
                   "times", 4.0, note=f"{N_SCALES} scales, 1,250 samples"),
        report.row("CWT layer against pywt.cwt(method='fft') of the batch", times(cwt, "batch"), "times"),
        report.row("CWT layer, magnitudes", RECORDS / np.median(cwt["layer"]), "records/s"),
        report.row("CWT layer with its image of 227 x 227 x 3 against pywt.cwt alone, one record at a time",
                   times(cwt, "one by one", "layer with image"), "times"),
        report.row("CWT layer, images of 227 x 227 x 3", RECORDS / np.median(cwt["layer with image"]), "records/s"),
    ])  # fmt: skip


if __name__ == "__main__":
    main()
