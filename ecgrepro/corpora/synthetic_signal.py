"""From beats to millivolts: P, Q, R, S and T waves, fibrillatory and flutter waves.

Source of the waves: McSharry et al., IEEE Trans Biomed Eng 50:289-294 (2003), parameters of the dynamical
model (angle theta, strength a, width b of P, Q, R, S, T). Where this departs from it:

* The three differential equations are not integrated. On the limit cycle at constant angular speed, and
  without the slow return to the baseline, each wave of their solution is a Gaussian of the angle, its height
  in proportion to ``a b^2``; these Gaussians are summed in time, ``2 pi`` being one second at 60 beats per
  minute.
* At other rates, position and width of P and T scale with the square root of the RR interval (Bazett's form
  for the QT interval); Q, R and S do not scale.
* Each person has own heights, widths and a sign (the lead's axis); P and T are lowered to what single-lead
  recordings show. Ectopic shapes (`SHAPES`) are our own, after textbook descriptions in lead I.

Fibrillatory waves: after Stridh M, Sornmo L, IEEE Trans Biomed Eng 48:105-111 (2001), a sawtooth of a few
harmonics whose frequency and amplitude are modulated slowly. Departure: one modulated amplitude for all
harmonics, ranges of our own. Flutter waves: the same sawtooth without modulation, locked to the beats.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d

from ecgrepro.corpora.synthetic_rhythm import ABERRATED, FIBRILLATION, FLUTTER

#: McSharry et al. 2003, order P, Q, R, S, T.
THETA = np.array([-1 / 3, -1 / 12, 0, 1 / 12, 1 / 2]) * np.pi
STRENGTH = np.array([1.2, -5.0, 30.0, -7.5, 0.75])
WIDTH = np.array([0.25, 0.1, 0.1, 0.1, 0.4])
P, Q, R, S, T = range(5)
#: Heights of the waves as shares of the R wave's.
RELATIVE = STRENGTH * WIDTH**2 / (STRENGTH[R] * WIDTH[R] ** 2)
#: Whether position and width of the wave scale with the square root of the RR interval.
STRETCHES = np.array([True, False, False, False, True])

#: Per beat class, factors on height, width and distance from the R peak of P, Q, R, S, T.
#: PAC: P from another focus (inverted, nearer). Aberrated: the same P, right bundle branch block, in lead I a
#: late broad S and a T against it. PVC: no P, broad R and S, inverted T.
_SAME = [1, 1, 1, 1, 1]
SHAPES = {
    "height": [_SAME, _SAME, [-0.9, 1, 1, 1, 1], [-0.9, 0.5, 0.9, 2.6, -0.8], [0, 0, 1.4, 1.8, -1.8]],
    "width": [_SAME, _SAME, [0.8, 1, 1, 1, 1], [0.8, 1, 1.2, 2.4, 1], [1, 1, 2.6, 3, 1.1]],
    "distance": [_SAME, _SAME, [0.75, 1, 1, 1, 1], [0.75, 1, 1, 2.1, 1.1], [1, 1, 1, 3, 1.25]],
}  # fmt: skip


@dataclass(frozen=True)
class Morphology:
    """How one person's waves look in this lead.

    Attributes
    ----------
    heights, offsets, widths : float64 arrays, (5,)
        mV, s from the R peak and s (standard deviation) of P, Q, R, S, T at an RR interval of 1 s.
    fibrillatory_height, flutter_height : float
        mV, half of peak to peak.
    fibrillatory_frequency : float
        Hz.
    """

    heights: np.ndarray
    offsets: np.ndarray
    widths: np.ndarray
    fibrillatory_height: float
    flutter_height: float
    fibrillatory_frequency: float


def draw_morphology(rng, inverted_share):
    """Draw a person's waves; with probability `inverted_share` the lead looks at the heart from behind."""
    # logarithms of the factors on McSharry's heights: P and T are lower in one lead than in the model
    spread = np.exp(rng.normal([-0.6, -0.3, 0.0, -0.1, -0.4], [0.25, 0.5, 0.0, 0.5, 0.3]))
    sign = -1.0 if rng.random() < inverted_share else 1.0
    stretch = np.array([rng.uniform(0.9, 1.1), 1.0, 1.0, 1.0, rng.uniform(1.0, 1.25)])
    breadth = rng.uniform([0.5, 0.8, 0.75, 0.8, 0.65], [0.75, 1.1, 1.1, 1.1, 0.95])
    return Morphology(
        heights=sign * rng.uniform(0.5, 1.4) * RELATIVE * spread,
        offsets=THETA / (2 * np.pi) * stretch,
        widths=WIDTH / (2 * np.pi) * breadth,
        fibrillatory_height=rng.uniform(0.04, 0.11),
        flutter_height=rng.uniform(0.09, 0.2),
        fibrillatory_frequency=rng.uniform(4.5, 8.5),
    )


def draw_waves(rng, beats, morphology, n_samples, fs):
    """Sum the P-QRS-T waves of all beats: float64 (n_samples,) in mV.

    A P wave is missing in fibrillation and flutter. Heights vary by 4 % from beat to beat.
    """
    stretch = np.sqrt(np.clip(beats.intervals, 0.3, 1.5))
    signal = np.zeros(n_samples)
    no_p = np.isin(beats.rhythms, (FIBRILLATION, FLUTTER))
    for wave in (P, Q, R, S, T):
        factor = {name: np.array(table, float)[beats.classes, wave] for name, table in SHAPES.items()}
        scale = stretch if STRETCHES[wave] else 1.0
        heights = np.full(len(no_p), morphology.heights[wave])
        if wave in (Q, S):
            # a wide beat takes another way through the ventricles: the person's own Q and S do not show in it
            heights[beats.classes >= ABERRATED] = morphology.heights[R] * RELATIVE[wave]
        heights *= factor["height"] * (1 + rng.normal(0, 0.04, len(no_p)))
        heights[no_p & (wave == P)] = 0
        centres = beats.times + morphology.offsets[wave] * factor["distance"] * scale
        widths = morphology.widths[wave] * factor["width"] * scale
        signal += sum_gaussians(centres, widths, heights, n_samples, fs)
    return signal


def sum_gaussians(centres, widths, heights, n_samples, fs):
    """Sum Gaussians, each cut off beyond five standard deviations of the widest.

    Parameters
    ----------
    centres, widths, heights : float64 arrays, (n,)
        s, s (standard deviation), mV.

    Returns
    -------
    float64 array, (n_samples,)
    """
    if len(centres) == 0:
        return np.zeros(n_samples)
    reach = int(np.ceil(5 * widths.max() * fs))
    samples = np.rint(centres * fs).astype(np.int64)[:, None] + np.arange(-reach, reach + 1)
    values = heights[:, None] * np.exp(-0.5 * ((samples / fs - centres[:, None]) / widths[:, None]) ** 2)
    inside = (samples >= 0) & (samples < n_samples)
    return np.bincount(samples[inside], values[inside], n_samples)


def fibrillatory_waves(rng, n_samples, fs, height, frequency):
    """f-waves: float64 (n_samples,) in mV, `height` half of peak to peak, around `frequency` Hz."""
    time = np.arange(n_samples) / fs
    slow, swell = rng.uniform(0.1, 0.3), rng.uniform(0.1, 0.4)
    start, turn, rise = rng.uniform(0, 2 * np.pi, 3)
    deviation = rng.uniform(0.2, 0.4)  # Hz around the mean
    phase = 2 * np.pi * frequency * time + deviation / slow * np.sin(2 * np.pi * slow * time + turn) + start
    envelope = height * (1 + 0.4 * np.sin(2 * np.pi * swell * time + rise))
    return -envelope * _sawtooth(phase)


def flutter_waves(n_samples, fs, height, frequency, beat_times):
    """F-waves locked to the beat before: float64 (n_samples,) in mV.

    In flutter RR intervals are whole numbers of waves, so that the waves run on through every beat.
    """
    time = np.arange(n_samples) / fs
    latest = np.searchsorted(beat_times, time, side="right") - 1
    reference = beat_times[np.maximum(latest, 0)]
    return -height * _sawtooth(2 * np.pi * frequency * (time - reference))


def _sawtooth(phase, harmonics=5):
    orders = range(1, harmonics + 1)
    return sum(2 / (order * np.pi) * np.sin(order * phase) for order in orders)


def atrial_waves(rng, beats, starts, kinds, heart, morphology, n_samples, fs):
    """f- and F-waves of the stretches that are fibrillation or flutter: float64 (n_samples,) in mV."""
    span = np.searchsorted(starts, np.arange(n_samples) / fs, side="right") - 1
    signal = np.zeros(n_samples)
    if FIBRILLATION in kinds:
        height, frequency = morphology.fibrillatory_height, morphology.fibrillatory_frequency
        waves = fibrillatory_waves(rng, n_samples, fs, height, frequency)
        signal += waves * soft_mask(kinds[span] == FIBRILLATION, fs)
    if FLUTTER in kinds:
        waves = flutter_waves(n_samples, fs, morphology.flutter_height, heart.flutter_frequency, beats.times)
        signal += waves * soft_mask(kinds[span] == FLUTTER, fs)
    return signal


def soft_mask(mask, fs, seconds=0.2):
    """Turn a bool mask (n,) into float64 weights (n,) that rise and fall over `seconds`."""
    return uniform_filter1d(mask.astype(float), max(1, round(seconds * fs)), mode="nearest")
