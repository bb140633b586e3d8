"""Synthetic recordings in the on-disk layout of the MIT-BIH Noise Stress Test Database.

``bw``, ``em``, ``ma`` (noise alone, format 212, gain 0 in the header) and ``118e24`` ... ``119e_6``: leads MLII and V1
of two simulated hearts with ``em`` added at a stated ratio (format 16, ``.atr`` with the beats). The headers of the
mixtures state a baseline of 1024 that their samples do not have, as published.

The ratio is that of the noise stress test (Moody GB, Muldrow WK, Mark RG, Computers in Cardiology 11:381-384, 1984;
program `nst` of the WFDB Software Package): in each lead, an eighth of the square of the mean peak-to-peak amplitude of
QRS over the square of the mean root mean square of 1-s windows of the noise, both without the largest and the smallest
5 %. Noise sets in after a sixth of the recording and then comes and goes, as it does after the first five minutes of
the published half-hours.
"""

from pathlib import Path

import numpy as np
import wfdb

from ecgrepro.corpora import synthetic_noise as noise
from ecgrepro.corpora.synthetic_butqdb import check_seconds
from ecgrepro.corpora.synthetic_diagnoses import diseased, draw_dipole
from ecgrepro.corpora.synthetic_folder import fresh_folder
from ecgrepro.corpora.synthetic_schedule import draw_schedule
from ecgrepro.corpora.synthetic_twelve_leads import LEADS, derive_limb_leads, heart_vector, peak_time, project

FS, GAIN = 360.0, 200.0
#: Records and what their hearts show: 118 has right bundle branch block and premature beats, as the original.
HEARTS = {"118": ("CRBBB", "PAC", "SR"), "119": ("PVC", "SR")}
RATIOS = {"e24": 24, "e18": 18, "e12": 12, "e06": 6, "e00": 0, "e_6": -6}
#: Root mean square of the noise records in ADC units, near those of the published bw and ma.
STRENGTH = {"bw": 60.0, "em": 80.0, "ma": 38.0}
#: Share of the record that is clean at first, and of each noisy and each clean stretch after it (5 and 2 of 30 min).
CLEAN, STRETCH = 1 / 6, 1 / 15
LARGEST_212 = 2047


def write_nstdb(destination, seed=0, seconds=60):
    """Write the layout of NSTDB.

    Parameters
    ----------
    destination : str or Path
        A folder that does not exist yet or is empty.
    seed : int
    seconds : int
        Length of every record, at least 10; 1,805 5/9 s as published.

    Returns
    -------
    Path
        The destination.

    Raises
    ------
    SettingsError
        A destination that holds something already, too short a record.
    DiskError
        No space, no permission.
    """
    check_seconds(seconds)
    n_samples = round(seconds * FS)
    with fresh_folder(destination) as folder:
        noises = {kind: simulate_noise(seed, kind, n_samples) for kind in STRENGTH}
        for kind, samples in noises.items():
            _write_noise(folder, kind, samples)
        for record in HEARTS:
            clean, beats, symbols = simulate_clean(seed, record, n_samples)
            for name, ratio in RATIOS.items():
                mixed = clean + noisy_stretches(noises["em"], clean, beats, ratio)
                _write_mixture(folder, f"{record}{name}", mixed, ratio)
                wfdb.wrann(f"{record}{name}", "atr", beats, symbol=symbols, write_dir=str(folder))
    return Path(destination)


def simulate_noise(seed, kind, n_samples):
    """Two channels of noise: int16 (n_samples, 2) in ADC units; `kind` is ``bw``, ``em`` or ``ma``."""
    rng = np.random.default_rng([seed, 1984, list(STRENGTH).index(kind)])
    channels = np.stack([_NOISES[kind](rng, n_samples) for _ in range(2)], axis=1)
    # the second electrode pair sees the same body: some of the noise is common
    channels = channels @ np.array([[1.0, 0.4], [0.2, 0.8]])
    scaled = STRENGTH[kind] * channels / channels.std(axis=0)
    return np.clip(np.rint(scaled), -LARGEST_212, LARGEST_212).astype(np.int16)


def _electrode_motion(rng, n_samples):
    bursts = noise.motion(rng, n_samples, FS, 1.0, 30.0)
    drift, muscle = noise.baseline_wander(rng, n_samples, FS), noise.muscle_noise(rng, n_samples, FS)
    return (
        bursts / max(bursts.std(), 1e-9)
        + 0.4 * drift
        + 0.2 * muscle
        + 0.5 * noise.band_noise(rng, n_samples, FS, 1, 10)
    )


_NOISES = {
    "bw": lambda rng, n_samples: noise.baseline_wander(rng, n_samples, FS),
    "em": _electrode_motion,
    "ma": lambda rng, n_samples: noise.muscle_noise(rng, n_samples, FS),
}  # fmt: skip


def simulate_clean(seed, record, n_samples):
    """A heart's leads MLII and V1 without noise.

    Returns
    -------
    signal : float64 (n_samples, 2)
        ADC units.
    beats : int64 (n_beats,)
        R peaks.
    symbols : list of str
        ``R`` (right bundle branch block), ``N`` or ``V``.
    """
    findings = HEARTS[record]
    rng = np.random.default_rng([seed, 1984, int(record)])
    dipole = diseased(rng, draw_dipole(rng), findings)
    schedule = draw_schedule(rng, findings, dipole.pr, n_samples / FS)
    leads = derive_limb_leads(project(heart_vector(rng, schedule, dipole, n_samples, FS)))
    delay = np.where(schedule.premature, peak_time(dipole.premature), peak_time(dipole.qrs))
    beats = np.rint((schedule.qrs_onsets + delay) * FS).astype(np.int64)
    inside = (beats >= 0) & (beats < n_samples)
    usual = "R" if "CRBBB" in findings else "N"
    symbols = np.where(schedule.premature, "V", usual)[inside].tolist()
    return GAIN * leads[:, [LEADS.index("II"), LEADS.index("V1")]], beats[inside], symbols


def noisy_stretches(samples, clean, beats, ratio):
    """Noise that comes and goes at a ratio in dB to the clean leads: float64 (n_samples, 2) in ADC units."""
    time = np.arange(len(clean)) / len(clean)
    sounding = (time >= CLEAN) & ((time - CLEAN) // STRETCH % 2 == 0)
    gain = np.sqrt(signal_power(clean, beats) / noise_power(samples) * 10 ** (-ratio / 10))
    return sounding[:, None] * gain * samples


def signal_power(clean, beats):
    """Power of leads (n, 2) by the noise-stress-test convention: (trimmed mean of QRS peak to peak)^2 / 8."""
    half = round(0.05 * FS)
    inside = beats[(beats >= half) & (beats < len(clean) - half)][:300]
    return _trimmed_mean(np.ptp(clean[inside[:, None] + np.arange(-half, half + 1)], axis=1)) ** 2 / 8


def noise_power(samples):
    """Power of noise (n, 2) by the same convention: (trimmed mean of the RMS of 1-s windows)^2."""
    width = round(FS)
    count = min(len(samples) // width, 300)
    return _trimmed_mean(samples[: count * width].reshape(count, width, -1).std(axis=1)) ** 2


def _trimmed_mean(values):
    cut = len(values) // 20
    return np.sort(values, axis=0)[cut : len(values) - cut].mean(axis=0)


def _write_noise(folder, kind, samples):
    leads = ["noise1", "noise2"]
    wfdb.wrsamp(
        kind, FS, ["mV"] * 2, leads, d_signal=samples, fmt=["212"] * 2, adc_gain=[GAIN] * 2, baseline=[0] * 2,
        write_dir=str(folder),
    )  # fmt: skip
    # the published header is uncalibrated: gain 0, which wfdb does not write
    _write_header(folder, kind, samples, leads, "212 0 12 0")


def _write_mixture(folder, name, mixed, ratio):
    samples = np.clip(np.rint(mixed), -32_767, 32_767).astype(np.int16)
    (folder / f"{name}.dat").write_bytes(samples.astype("<i2").tobytes())
    comment = f"# Created by `nst' from records {name[:3]} and em (SNR = {ratio} dB)\n"
    _write_header(folder, name, samples, ["MLII", "V1"], "16 200(1024) 11 0", comment)


def _write_header(folder, name, samples, leads, form, comment=""):
    lines = [f"{name} {len(leads)} {FS:.0f} {len(samples)}"]
    checksums = samples.sum(axis=0, dtype=np.int64).astype(np.int16)
    for lead, first, checksum in zip(leads, samples[0], checksums, strict=True):
        lines.append(f"{name}.dat {form} {first} {checksum} 0 {lead}")
    (folder / f"{name}.hea").write_bytes(("".join(f"{line}\n" for line in lines) + comment).encode("ascii"))
