"""One recording as every reader yields it, and the beat classes all of them share."""

from dataclasses import dataclass, field

import numpy as np

#: Beat classes in the order of Icentia11k's `btype` list (position = class).
BEAT_CLASSES = ("undefined", "normal", "PAC", "aberrated", "PVC")
#: Rhythm classes in the order of Icentia11k's `rtype` list (position = class).
RHYTHM_CLASSES = ("null", "end", "noise", "NSR", "AFib", "AFlutter")
#: Signal quality as BUT QDB grades it (its classes 1, 2, 3), and stretches that nobody graded.
QUALITY_CLASSES = ("ungraded", "all waves clear", "only QRS reliable", "unusable")


def empty_events():
    """Return no events: positions int64 (0,), classes int8 (0,)."""
    return np.empty(0, np.int64), np.empty(0, np.int8)


@dataclass(frozen=True)
class Record:
    """One recording in ADC units.

    Attributes
    ----------
    record_id : str
        Unique within its corpus.
    patient_id : str
        The publisher's patient, or ``"unknown"`` where none is given.
    signal : int16 array, (n_samples, n_leads)
        ADC units. Millivolts are ``(signal - baseline) / gain``.
    gain, baseline : float64 arrays, (n_leads,)
        ADC units per millivolt; ADC value of 0 mV.
    fs : float
        Sampling rate in Hz.
    leads : tuple of str
        Lead names, length n_leads.
    label : str
        Label of the whole recording (CinC 2017: N, A, O, ~), or ``""``.
    beat_positions, beat_classes : int64 (n_beats,), int8 (n_beats,)
        Annotated samples, ascending, 0-based, and indices into `BEAT_CLASSES`.
        One convention for all corpora: the position is the annotated sample (the R peak) and is
        where the beat *ends*: beat k covers ``(position[k-1], position[k]]``.
    rhythm_positions, rhythm_classes : int64 (n_rhythms,), int8 (n_rhythms,)
        Same for `RHYTHM_CLASSES`, where the corpus has them.
    codes : tuple of str
        All statements on the recording as published, each once, in the publisher's order: SCP-ECG acronyms in
        PTB-XL, SNOMED CT codes in the Challenge 2020/2021 sources. ``()`` where the publisher gives none.
    fold : int
        The publisher's own fold, from 1; 0 where none is given.
    quality_positions, quality_classes : int64 (n_spans,), int8 (n_spans,)
        Spans of one signal quality: a span ends before sample ``position[k]`` and begins where the one before it
        ended (the first at sample 0); indices into `QUALITY_CLASSES`. Empty where the corpus has no grades.
    """

    record_id: str
    patient_id: str
    signal: np.ndarray
    gain: np.ndarray
    baseline: np.ndarray
    fs: float
    leads: tuple
    label: str = ""
    beat_positions: np.ndarray = field(default_factory=lambda: empty_events()[0])
    beat_classes: np.ndarray = field(default_factory=lambda: empty_events()[1])
    rhythm_positions: np.ndarray = field(default_factory=lambda: empty_events()[0])
    rhythm_classes: np.ndarray = field(default_factory=lambda: empty_events()[1])
    codes: tuple = ()
    fold: int = 0
    quality_positions: np.ndarray = field(default_factory=lambda: empty_events()[0])
    quality_classes: np.ndarray = field(default_factory=lambda: empty_events()[1])

    def millivolts(self):
        """Return the signal as float64 (n_samples, n_leads) in mV."""
        return (self.signal - self.baseline) / self.gain
