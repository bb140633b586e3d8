"""Training set for signal quality from graded recordings: BUT QDB, as many segments of high quality as of low.

Source of the grades: `quality_intervals`, which lists the intervals. Huerta et al. (CinC 2022) train on 10,000 of each
class, balanced; so does this, from people who are not those for validation. Departure: in BUT QDB most of what is
unusable is one person's, so whichever side that person is on has nearly all low quality there is. `split_graded` sees
to it that each side has some; how many people it comes from stands in the index.
"""

from dataclasses import dataclass, field

import numpy as np

from ecgrepro.errors import SettingsError
from ecgrepro.frames.interval_input import IntervalInput, OfIntervals
from ecgrepro.frames.noise import PARTS
from ecgrepro.frames.quality_intervals import (
    HIGH,
    LOW,
    graded_index,
    prepare_graded,
    split_graded,
    without_faults,
)


@dataclass(frozen=True)
class GradedInput(OfIntervals):
    """What is drawn from graded recordings, and how it becomes an input.

    Attributes
    ----------
    per_class, validation_per_class : int
        Segments of high quality, and as many of low, in the part for training and in that for validation. So few that
        they can be had whichever side the person with most of low quality is on.
    held_out : float
        Share of the people who are for validation.
    interval : IntervalInput
    """

    per_class: int = 1_000
    validation_per_class: int = 200
    held_out: float = 0.2
    interval: IntervalInput = field(default_factory=IntervalInput)


def prepare_segments(corpus, how, seed, part, cache):
    """Draw the training or the validation set of a repeat from a graded corpus.

    Parameters
    ----------
    corpus : Corpus
        BUT QDB.
    how : GradedInput
    seed : int
        Of the repeat; decides who is held out and what is drawn.
    part : {"training", "validation"}
    cache : str or Path, optional
        As in `kept_arrays.keep`: all graded intervals are prepared once, for every seed.

    Returns
    -------
    inputs : float32 array, (2 * n, how.length)
        High and low quality take turns, as in `quality_mixture.prepare_mixture`. Flat, saturated and interrupted
        intervals are left out.
    labels : int32 array, (2 * n,)
        0 high, 1 low.
    index : DataFrame, (2 * n, ...)
        See `quality_intervals.graded_index`.

    Raises
    ------
    SettingsError
        More segments than there are, an unknown part.
    InputError
        A corpus without grades, or with too few people.
    """
    inputs, index = prepare_graded(corpus, how.interval, cache, progress=False)
    usable, _ = without_faults(index)
    rows = _draw(index, usable, how, seed, part)
    drawn = index.iloc[rows].reset_index(drop=True)
    return np.asarray(inputs[rows]), drawn.label.to_numpy(np.int32), drawn


def draw_segments(corpus, how, seed, part):
    """Draw as `prepare_segments` would if no interval were faulty: its index, without a look at a signal."""
    index = graded_index(corpus, how.interval)
    return index.iloc[_draw(index, np.ones(len(index), bool), how, seed, part)].reset_index(drop=True)


def _draw(index, usable, how, seed, part):
    """Rows of a part: as many of each class, in turns and at random."""
    if part not in PARTS:
        raise SettingsError("part", f"one of {', '.join(PARTS)}", repr(part), "People are held out.")
    people = split_graded(index, how.held_out, seed)[PARTS.index(part)]
    rows = people[usable[people]]
    size = how.per_class if part == "training" else how.validation_per_class
    labels, rng = index.label.to_numpy()[rows], np.random.default_rng([seed, PARTS.index(part)])
    classes = [rng.permutation(rows[labels == label]) for label in (HIGH, LOW)]
    most = min(map(len, classes))
    if not 0 < size <= most:
        raise SettingsError(f"segments for {part}", f"1 to {most} of each class", str(size),
                            "Take fewer, or another seed: who is held out has most of low quality.")  # fmt: skip
    return np.stack([found[:size] for found in classes], axis=1).ravel()
