"""When atria and ventricles beat in a twelve-lead recording: sinus rhythm, fibrillation, flutter, ectopy, block.

RR intervals are those of `synthetic_rhythm`. Second-degree block is added here: every P wave has its place, and some of
them are not conducted.
"""

from dataclasses import dataclass, replace

import numpy as np

from ecgrepro.corpora.synthetic_rhythm import FIBRILLATION, FLUTTER, PAC, PVC, SINUS, Heart, place_beats

#: Beats per minute.
RATES = {"SBRAD": (42, 57), "STACH": (104, 135)}
USUAL_RATE = (61, 96)
#: Shares of beats that are premature where the statement is made.
ATRIAL_ECTOPY, VENTRICULAR_ECTOPY = 0.2, 0.17
#: s before the first sample and after the last: waves of beats outside reach into the recording.
MARGIN = 1.0
#: Wenckebach: s by which PR is longer than at the group's first beat; the last P wave of a group is blocked.
WENCKEBACH = np.array([0.0, 0.10, 0.16, 0.19, 0.19])


@dataclass(frozen=True)
class Schedule:
    """When atria and ventricles are excited, in s from the start; values before it and after the end are welcome.

    Attributes
    ----------
    p_onsets : float64 (n_p,)
        Onsets of P waves; a P wave without a beat is a blocked one.
    p_premature : bool (n_p,)
        Those from an ectopic atrial focus.
    qrs_onsets, intervals : float64 (n_beats,)
        Onsets of QRS, and s since the beat before.
    premature : bool (n_beats,)
        Ventricular premature beats.
    atrial : int
        `FIBRILLATION` or `FLUTTER` where the atria do so, otherwise 0.
    frequency : float
        Hz of f- or F-waves.
    """

    p_onsets: np.ndarray
    p_premature: np.ndarray
    qrs_onsets: np.ndarray
    intervals: np.ndarray
    premature: np.ndarray
    atrial: int = 0
    frequency: float = 0.0


def regular_schedule(onsets, interval, pr):
    """A `Schedule` of equal beats: QRS at `onsets` (n_beats,), P `pr` s before each."""
    onsets = np.asarray(onsets, float)
    never = np.zeros(len(onsets), bool)
    return Schedule(onsets - pr, never, onsets, np.full(len(onsets), float(interval)), never)


def draw_schedule(rng, findings, pr, seconds):
    """Draw the beats of a recording.

    Parameters
    ----------
    rng : numpy.random.Generator
    findings : tuple of str
        PTB-XL statements, the rhythm last.
    pr : float
        PR in s of conducted beats.
    seconds : float

    Returns
    -------
    Schedule
    """
    if "2AVB" in findings:
        return blocked_schedule(rng, pr, seconds)
    kind = {"AFIB": FIBRILLATION, "AFLT": FLUTTER}.get(findings[-1], SINUS)
    heart = _draw_heart(rng, findings)
    beats = place_beats(rng, np.zeros(1), np.array([kind]), seconds + 2 * MARGIN, heart)
    times, intervals, classes = (
        beats.times - MARGIN,
        beats.intervals,
        _with_ectopy(rng, beats, findings, seconds),
    )
    # a premature atrial beat is conducted a little faster, from its nearer focus
    p_onsets = times - np.where(classes == PAC, 0.85, 1.0) * pr
    has_p = (classes != PVC) & (kind == SINUS)
    frequency = heart.flutter_frequency if kind == FLUTTER else rng.uniform(5, 8)
    return Schedule(p_onsets[has_p], (classes == PAC)[has_p], times, intervals, classes == PVC,
                    kind if kind != SINUS else 0, frequency)  # fmt: skip


def _draw_heart(rng, findings):
    return Heart(
        rate=rng.uniform(*RATES.get(findings[-1], USUAL_RATE)),
        arrhythmia=rng.uniform(0.13, 0.2) if findings[-1] == "SARRH" else rng.uniform(0.005, 0.03),
        breathing=rng.uniform(0.2, 0.3),
        ectopy=(ATRIAL_ECTOPY * ("PAC" in findings), 0.0, VENTRICULAR_ECTOPY * ("PVC" in findings)),
        fibrillation_rate=rng.uniform(75, 125),
        flutter_frequency=rng.uniform(4.5, 5.3),
    )


def _with_ectopy(rng, beats, findings, seconds):
    """Classes of the beats; where a stated premature beat was not drawn, one beat becomes one in its place."""
    classes = beats.classes.copy()
    # seen from before P to after T
    inside = np.flatnonzero((beats.times > MARGIN + 0.4) & (beats.times < MARGIN + seconds - 0.6))
    for name, kind in (("PAC", PAC), ("PVC", PVC)):
        if name in findings and not (classes[inside] == kind).any():
            chosen = int(rng.choice(inside))
            classes[chosen] = kind
            # early by a quarter, as if it had been drawn
            beats.times[chosen] -= 0.25 * beats.intervals[chosen]
            beats.intervals[chosen] *= 0.75
    return classes


def blocked_schedule(rng, pr, seconds):
    """Second-degree block: P goes on regularly, the last P of every group of 3 to 5 is not conducted.

    Wenckebach: PR grows within a group. Mobitz II: it does not, and groups are of 3 or 4.
    """
    wenckebach = rng.random() < 0.6
    group = int(rng.integers(3, 6 if wenckebach else 5))
    cycle = 60 / rng.uniform(72, 92)
    count = int((seconds + 4 * MARGIN) / cycle)
    p_onsets = -2 * MARGIN + cycle * (np.arange(count) + rng.normal(0, 0.008, count))
    place = (np.arange(count) + int(rng.integers(group))) % group
    onsets = (p_onsets + pr + (WENCKEBACH[place] if wenckebach else 0.0))[place < group - 1]
    intervals = np.diff(onsets, prepend=onsets[0] - cycle)
    blocked = regular_schedule(onsets, cycle, pr)
    return replace(blocked, p_onsets=p_onsets, p_premature=np.zeros(count, bool), intervals=intervals)
