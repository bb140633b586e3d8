"""Records per second of our WFDB reading, beside a plain loop over `wfdb.rdrecord(physical=False)` in the same run.

    python benchmarks/wfdb_reading.py                       # generated records, under a minute
    python benchmarks/wfdb_reading.py --source FOLDER ...   # records found in or below published folders

Both read the same records from warm cache, in turns, round by round; the ratio is the median over rounds, and the
samples are compared before anything is timed. Target: 5 times as fast. What is generated are the shapes of PTB-XL (10
s, 12 leads, format 16, 100 and 500 Hz), of the Challenge (`.mat`), and of MIT-BIH (30 min, 2 leads, format 212).
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import wfdb
from scipy.io import savemat

from ecgrepro.corpora.wfdb_files import read_signal
from ecgrepro.errors import InputError

ROUNDS, TARGET, MOST_RECORDS = 7, 5.0, 200
LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
#: What is generated: records, leads, samples, sampling rate in Hz, format.
SHAPES = {
    "10 s, 12 leads, 100 Hz, format 16": (100, 12, 1000, 100, "16"),
    "10 s, 12 leads, 500 Hz, format 16": (100, 12, 5000, 500, "16"),
    "10 s, 12 leads, 500 Hz, .mat": (100, 12, 5000, 500, "16+24"),
    "30 min, 2 leads, 360 Hz, format 212": (6, 2, 650_000, 360, "212"),
}


def generate(folder, n_records, n_leads, n_samples, fs, form):
    """Write records of a noisy wave around 0, as filtered leads are, and return their paths without suffix."""
    rng, paths = np.random.default_rng(0), [folder / f"r{number:03d}" for number in range(n_records)]
    wave = 800 * np.sin(np.arange(n_samples) / fs * 7)[:, None]
    for path in paths:
        signal = (wave + rng.normal(0, 100, (n_samples, n_leads))).astype(np.int16)
        write(path, signal, fs, form)
    return paths


def write(path, signal, fs, form):
    n_leads, leads = signal.shape[1], list(LEADS[: signal.shape[1]])
    if form != "16+24":
        wfdb.wrsamp(path.name, fs, ["mV"] * n_leads, leads, d_signal=signal, fmt=[form] * n_leads,
                    adc_gain=[1000.0] * n_leads, baseline=[0] * n_leads, write_dir=str(path.parent))  # fmt: skip
        return
    savemat(path.with_suffix(".mat"), {"val": signal.T}, format="4")
    sums = signal.sum(axis=0, dtype=np.int64) & 0xFFFF
    lines = [f"{path.name}.mat 16+24 1000/mV 16 0 {first} {total} 0 {lead}"
             for first, total, lead in zip(signal[0], sums, leads, strict=True)]  # fmt: skip
    header = [
        f"{path.name} {n_leads} {fs} {len(signal)} 05-May-2020 14:50:55",
        *lines,
        "#Age: 56",
        "#Dx: 426783006",
    ]
    path.with_suffix(".hea").write_text("\n".join(header) + "\n")


def published(folder):
    """Find records that both can read, at most `MOST_RECORDS`; those that either refuses are counted and left out."""
    paths = [path.with_suffix("") for path in sorted(Path(folder).rglob("[!.]*.hea"))]
    paths, readable = paths[:: max(len(paths) // MOST_RECORDS, 1)][:MOST_RECORDS], []
    for path in paths:
        try:
            read_signal(path), wfdb.rdheader(str(path))
        except (InputError, ValueError) as error:
            print(f"  left out: {error}"[:160])
        else:
            readable.append(path)
    return readable


def compare(name, paths):
    """Print seconds per record of both and the median ratio, after their samples were found to be the same."""
    for path in paths:
        np.testing.assert_array_equal(
            read_signal(path)["signal"], wfdb.rdrecord(str(path), physical=False).d_signal
        )
    seconds = np.array([[timed(ours, paths), timed(theirs, paths)] for _ in range(ROUNDS)])
    ratio, (mine, plain) = np.median(seconds[:, 1] / seconds[:, 0]), np.median(seconds, axis=0) * 1e3
    print(f"{name}: {len(paths)} records, {mine:.2f} ms each, wfdb {plain:.2f} ms: {ratio:.1f} times as fast "
          f"(target {TARGET:g})")  # fmt: skip
    return ratio


def ours(path):
    return read_signal(path)["signal"]


def theirs(path):
    return wfdb.rdrecord(str(path), physical=False).d_signal


def timed(read, paths):
    began = time.perf_counter()
    for path in paths:
        read(path)
    return (time.perf_counter() - began) / len(paths)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--source", nargs="+", type=Path, default=[], help="folders of published WFDB records"
    )
    for folder in (sources := parser.parse_args().source):
        if paths := published(folder):
            compare(str(folder), paths)
    if not sources:
        for name, shape in SHAPES.items():
            with tempfile.TemporaryDirectory() as folder:
                compare(name, generate(Path(folder), *shape))


if __name__ == "__main__":
    main()
