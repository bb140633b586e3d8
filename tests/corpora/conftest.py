"""Small data sets in the published formats, written record by record so that one of them can be damaged."""

import numpy as np
import pytest
import wfdb
from scipy.io import savemat


@pytest.fixture
def write_cinc(tmp_path):
    """A function from {record id: label} to a CinC 2017 folder with so many short recordings and v3 labels."""

    def write(labels, name="cinc2017"):
        folder = tmp_path / name
        (folder / "training2017").mkdir(parents=True)
        for number, record_id in enumerate(labels):
            signal = np.random.default_rng(number).integers(-900, 900, 3000 + number).astype(np.int16)
            savemat(folder / "training2017" / f"{record_id}.mat", {"val": signal[None]}, format="4")
            (folder / "training2017" / f"{record_id}.hea").write_text(
                f"{record_id} 1 300 {len(signal)} \n{record_id}.mat 16+24 1000/mV 16 0 {signal[0]} 0 0 ECG \n"
            )
        text = "".join(f"{record_id},{label}\n" for record_id, label in labels.items())
        (folder / "REFERENCE-v3.csv").write_text(text)
        return folder

    return write


@pytest.fixture
def write_beats(tmp_path):
    """A function that writes one MIT-BIH-like record (format 212, two leads) and returns its path and signal."""

    def write(name="100", symbols="NNVA", fs=360, folder="wfdb", **changes):
        place = tmp_path / folder
        place.mkdir(exist_ok=True)
        rng = np.random.default_rng(int(name))
        signal = rng.integers(-900, 900, (200 * len(symbols) + 400, 2)).astype(np.int16)
        header = {"units": ["mV", "mV"], "sig_name": ["MLII", "V5"], "adc_gain": [200.0, 200.0]} | changes
        wfdb.wrsamp(
            name, fs, d_signal=signal, fmt=["212", "212"], baseline=[0, 0], write_dir=str(place), **header
        )
        samples = 200 * np.arange(1, len(symbols) + 1)
        wfdb.wrann(name, "atr", samples, symbol=list(symbols), write_dir=str(place))
        return place / name, signal

    return write
