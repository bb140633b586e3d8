"""Whether two waveforms are one, given about where: the second, exact look at a candidate pair.

Both are aligned to a fraction of a sample and compared by the normalised cross-correlation over a stretch of the
overlap: half of it, 4 to 30 s, the best-matching one. Noise in the other half, or the transients with which recordings
begin, do no harm. A steady rhythm goes along with another of the same rate and shape for a while, a paced one for
minutes; so what is left, 1 - |correlation|, has to be small in one of two ways (below). It is taken over the whole
stretch and as the median of blocks of `BLOCK` s, and the larger one counts: a single large artefact that two
recordings happen to share is not enough.

* at most `ERROR_PER_SECOND` x length, and at most `ERROR`: 0.004 over 4 s, 0.015 over 15 s; or,
* over `IRREGULAR` s or more, at most `SHARE_OF_OWN` of what is left when the stretch is compared with itself a
  heartbeat or more later. An irregular rhythm is its own proof: a copy of it may be noisy.

Two recordings of several leads must agree in two of them at the same offset, whatever these are called and whichever
way they are turned.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from ecgrepro.corpora.signal_fingerprint import RATE

#: s; shortest and longest stretch that is compared.
SHORTEST, LONGEST = 4.0, 30.0
#: What may be left of a correlation of 1. benchmarks/near_duplicates.py shows how far from it recordings of different
#: people stay: in the real ones at hand, more than twice as much is left.
ERROR_PER_SECOND, ERROR = 0.001, 0.015
#: s; length from which a stretch is compared with itself, and the share of what is left then. At most `NOISE` is left.
IRREGULAR, SHARE_OF_OWN, NOISE = 10.0, 0.15, 0.1
#: s; length of the blocks, every other one overlapping its neighbours by half.
BLOCK = 2.0
#: Samples; the shortest heartbeat, which a stretch is at least shifted by against itself.
_BEAT = 3 * RATE // 10
#: Samples around the guess in which the alignment is looked for, and s of signal on either side it is judged by.
_REACH, _AROUND = 4, 6 * RATE
_HOP = RATE // 4


class Match(NamedTuple):
    """A waveform found twice.

    Attributes
    ----------
    lead_a, lead_b : int
        The leads that agree best.
    offset : float
        s; time 0 of b on the clock of a.
    overlap, stretch : float
        s; how long both last together, and over how much of it they were compared.
    correlation : float
        Over the stretch; negative where the polarity is turned.
    n_leads : int
        Leads of a that agree with a lead of b.
    """

    lead_a: int
    lead_b: int
    offset: float
    overlap: float
    stretch: float
    correlation: float
    n_leads: int


def match_waveforms(a, b, lead_a, lead_b, offset, time, tolerance=1.0):
    """Compare two recordings at a guessed offset.

    Parameters
    ----------
    a, b : float16 or float32 arrays, (n_leads, n_samples)
        Waveforms at `RATE`.
    lead_a, lead_b : int
        Leads that look alike.
    offset : float
        s; time 0 of b on the clock of a, within 0.03 s.
    time : float
        s; where on the clock of a they look alike.
    tolerance : float
        Factor on what may be left of a correlation of 1.

    Returns
    -------
    Match or None
        None where they are not the same recording, or overlap by less than `SHORTEST`.
    """
    shift = _align(a[lead_a], b[lead_b], offset * RATE, round(time * RATE))
    if shift is None:
        return None
    first, last = _overlap(a.shape[1], b.shape[1], shift)
    length = stretch_samples(last - first)
    if length is None:
        return None
    x, y = a[lead_a, first:last].astype(np.float32), _shifted(b[lead_b], shift, first, last)
    start, correlation = _best_stretch(x, y, length)
    if 1 - abs(correlation) > tolerance * NOISE:
        return None
    stop = start + length
    left = left_over(x[start:stop], y[start:stop])
    allowed = allowed_error(left, x[start:stop], y[start:stop], tolerance)
    if left > allowed:
        return None
    begin, end = first + start, first + stop
    found = _matching_leads(a[:, begin:end].astype(np.float32), _shifted(b, shift, begin, end), allowed)
    return found and Match(*found[:2], shift / RATE, (last - first) / RATE, length / RATE, *found[2:])


def allowed_error(left, x, y, tolerance=1.0):
    """What may be left of a correlation of 1 between two aligned stretches.

    Parameters
    ----------
    left : float
        What is left.
    x, y : float32 arrays, (n_samples,)
    tolerance : float
        Factor on the result.

    Returns
    -------
    float
    """
    steady = tolerance * min(ERROR_PER_SECOND * len(x) / RATE, ERROR)
    if left <= steady or left > tolerance * NOISE or len(x) < IRREGULAR * RATE:
        return steady
    own = 1 - max(_self_likeness(x), _self_likeness(y))
    return max(steady, tolerance * min(SHARE_OF_OWN * own, NOISE))


def _self_likeness(x):
    """Largest median correlation of a stretch's blocks with itself, shifted by a heartbeat to half of its length."""
    n, size = len(x), round(BLOCK * RATE)
    parts = np.lib.stride_tricks.sliding_window_view(x, size)
    starts = np.arange(0, len(parts), size // 2)
    power = np.einsum("ij,ij->i", parts, parts)
    correlation = parts[starts] @ parts.T / np.sqrt(np.maximum(np.outer(power[starts], power), 1e-12))
    place = starts[:, None] + np.arange(_BEAT, n // 2 + 1)
    values = np.take_along_axis(correlation, np.minimum(place, len(parts) - 1), axis=1)
    return float(np.nanmedian(np.where(place < len(parts), values, np.nan), axis=0).max())


def left_over(x, y):
    """What is left of a correlation of 1, whole or in the median block, whichever is more.

    Parameters
    ----------
    x, y : float32 arrays, (n_samples,)
        Aligned; of `BLOCK` s or more.

    Returns
    -------
    float
    """
    size = round(BLOCK * RATE)
    pairs = [np.lib.stride_tricks.sliding_window_view(z, size)[:: size // 2] for z in (x, y)]
    blocks, whole = _correlation(*pairs), _correlation(x[None], y[None])[0]
    return 1 - min(abs(whole), float(np.median(blocks * np.sign(whole))))


def _correlation(x, y):
    """Normalised, row by row."""
    xy, xx, yy = (np.einsum("ij,ij->i", *pair) for pair in ((x, y), (x, x), (y, y)))
    return xy / np.sqrt(np.maximum(xx * yy, 1e-12))


def stretch_samples(overlap):
    """Samples to compare in an overlap of so many samples; None where it is too short."""
    if overlap < SHORTEST * RATE:
        return None
    return int(np.clip(overlap / 2, SHORTEST * RATE, LONGEST * RATE))


def _align(a, b, shift, centre):
    """Refine `shift` (b[i - shift] is a[i]) to a fraction of a sample; None with too little to judge by."""
    middle = round(shift)
    first = max(0, middle + _REACH, centre - _AROUND)
    last = min(len(a), len(b) + middle - _REACH, centre + _AROUND)
    if last - first < RATE:
        return None
    x = a[first:last].astype(np.float32)
    reach = b[first - middle - _REACH : last - middle + _REACH].astype(np.float32)
    lagged = np.lib.stride_tricks.sliding_window_view(reach, len(x))
    correlation = lagged @ x / np.sqrt(np.maximum(np.einsum("ij,ij->i", lagged, lagged) * (x @ x), 1e-12))
    best = int(np.abs(correlation).argmax())
    return middle + _REACH - best - _between(np.abs(correlation), best)


def _between(values, best):
    """Where the parabola through the best value and its neighbours has its top, in samples from the best."""
    if not 0 < best < len(values) - 1:
        return 0.0
    before, top, after = values[best - 1 : best + 2]
    bend = before - 2 * top + after
    return float(0.5 * (before - after) / bend) if bend < 0 else 0.0


def _overlap(n_a, n_b, shift):
    """First and last sample of a where the shifted b can be read between four of its samples."""
    return max(0, int(np.ceil(shift)) + 2), min(n_a, n_b + int(np.floor(shift)) - 2)


def _shifted(b, shift, first, last):
    """Read b (..., n_samples) at first - shift, ... by the cubic through four samples: (..., last - first)."""
    start = int(np.floor(first - shift))
    f = first - shift - start
    part = b[..., start - 1 : start + last - first + 2].astype(np.float32)
    weights = (-f * (f - 1) * (f - 2) / 6, (f + 1) * (f - 1) * (f - 2) / 2,
               -(f + 1) * f * (f - 2) / 2, (f + 1) * f * (f - 1) / 6)  # fmt: skip
    n = last - first
    return sum(np.float32(weight) * part[..., k : k + n] for k, weight in enumerate(weights))


def _best_stretch(x, y, length):
    """Start and correlation of the stretch of so many samples in which x and y agree best."""
    xy, xx, yy = (np.concatenate([[0], np.cumsum(z, dtype=np.float64)]) for z in (x * y, x * x, y * y))
    start = np.arange(0, len(x) - length + 1, _HOP)
    stop = start + length
    power = (xx[stop] - xx[start]) * (yy[stop] - yy[start])
    correlation = (xy[stop] - xy[start]) / np.sqrt(np.maximum(power, 1e-12))
    best = np.abs(correlation).argmax()
    return int(start[best]), float(correlation[best])


def _matching_leads(a, b, allowed):
    """(lead_a, lead_b, correlation, number of agreeing leads), or None where too few leads agree."""
    power_a, power_b = (np.einsum("ij,ij->i", part, part) for part in (a, b))
    alive_a, alive_b = (power > 1e-6 * power.max(initial=0) for power in (power_a, power_b))
    correlation = a @ b.T / np.sqrt(np.maximum(np.outer(power_a, power_b), 1e-12))
    leads_a, leads_b = linear_sum_assignment(-np.abs(correlation))
    values = correlation[leads_a, leads_b]
    agree = int(np.count_nonzero(1 - np.abs(values) <= allowed))
    if agree < min(2, np.count_nonzero(alive_a), np.count_nonzero(alive_b)):
        return None
    best = int(np.abs(values).argmax())
    return int(leads_a[best]), int(leads_b[best]), float(np.clip(values[best], -1, 1)), agree
