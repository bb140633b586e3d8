"""Small recordings in the published form of the Challenge, written one by one so that one of them can be damaged."""

import numpy as np
from scipy.io import savemat

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")


def noise(unit, n_samples=300, n_leads=12):
    """Signal of a record: int16 (n_leads, n_samples)."""
    return (
        np.random.default_rng(list(unit.encode())).integers(-900, 900, (n_leads, n_samples)).astype(np.int16)
    )


def write(folder, unit, leads=LEADS, gains=("1000/mV",), fs=500, dx="426783006", signal=None, zeros=(0,)):
    """Write one record in the published form; gains and ADC zeros are repeated for every lead."""
    folder.mkdir(parents=True, exist_ok=True)
    signal = noise(unit, n_leads=len(leads)) if signal is None else signal
    savemat(folder / f"{unit}.mat", {"val": signal}, format="4")
    lines = [f"{unit} {len(leads)} {fs} {signal.shape[1]}"]
    for i, (lead, values) in enumerate(zip(leads, signal, strict=True)):
        checksum = (int(values.sum(dtype=np.int64)) + 32768) % 65536 - 32768
        gain, zero = gains[i % len(gains)], zeros[i % len(zeros)]
        lines.append(f"{unit}.mat 16+24 {gain} 16 {zero} {values[0]} {checksum} 0 {lead}")
    lines += ["#Age: 56", "#Sex: Female", f"#Dx: {dx}", "#Rx: Unknown", ""]
    (folder / f"{unit}.hea").write_text("\n".join(lines))
    return folder


def change(folder, unit, old, new, count=1):
    path = folder / f"{unit}.hea"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, count))
