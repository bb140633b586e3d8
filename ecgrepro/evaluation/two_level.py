"""Bootstrap over two levels at once: the seeds of an arm and the records each seed is tested on.

Three designs are known, told apart from the table itself.

nested
    Seed i is tested on records of its own (seed i takes fold i). Each drawn seed brings a fresh
    resample of its own records.
crossed
    Every seed is tested on all records. One resample of the records serves all drawn seeds, since
    a hard recording is hard for every seed (Owen 2007, doi:10.1214/07-AOAS122, "pigeonhole").
repeated
    The records are split into folds several times anew, and each seed is tested on one fold of one
    of these partitions: every record by the same number k of the n seeds, 1 < k < n. One resample
    of the records serves all drawn seeds, each scored on those it has tested, since a hard
    recording is hard whenever it is tested. Copies drawn together may be tested by several seeds.

A resample may hold no record of a class, and in the repeated design none at all of what a seed has
tested: of m units that happens in about exp(-m) of the resamples, 2e-9 for twenty. Every metric of
confusion matrices stays finite there, and is 0 where no record is left (`metrics`). An area of
ranks or a calibration score is NaN there, and `seeded_units.usable_limits` leaves that resample
out; macro ROC areas leave out the class, or the seed (`class_bootstrap`).

How far to trust it. Write n for the number of seeds, S for the variance that training again
causes and R for the sampling variance of one seed's test set; the truth for a nested mean over
seeds is (S + R) / n. The bootstrap's expectation is ((n - 1) / n * (S + R) + R) / n:

* drawing seeds shrinks their variance by (n - 1) / n, 20 % with five seeds;
* the spread between seeds already contains R, which the inner resample adds a second time.

With five seeds and no effect of the seed the interval is sqrt(1.8) = 1.34 times as wide as a
normal one; with nothing but an effect of the seed it is .89 times as wide, where a t interval with
four degrees of freedom would be 1.42 times as wide. It therefore errs on the safe side while
records dominate and is too narrow where seeds do. Read it next to the t interval over seeds.
In the crossed design R is shared by all seeds and is not counted twice, save for the part that
depends on seed and record together. (Davison & Hinkley 1997, Bootstrap Methods and their
Application, section 3.8, discuss both orders of resampling.)

In the repeated design k tests of a record tell no more of other recordings than one: if what is
hard depends on the record alone, the truth is (S + k R) / n, and the records-only interval is as
wide as that of a single partition. The bootstrap's expectation is
((n - 1) / n * S + (k + 2 * (n - k) / n) * R) / n, for drawing seeds adds both their spread and that
of their resampled records. With five folds twice the interval is sqrt(1.8) = 1.34 times as wide as
a normal one where only records matter (1.18 times with five folds four times) and sqrt(.9) = .95
times where only seeds do; what depends on seed and record together is counted almost three times,
as in the crossed design. The t interval over seeds takes all n for independent, which repeats of
one data set are not (Nadeau & Bengio 2003, Machine Learning 52:239, doi:10.1023/A:1024068626366).
Where only records matter its standard error is sqrt((n - k) / (n - 1) / k) of the true one, .67
with five folds twice, less with every further repeat: it is too narrow, and so are all tests over
seeds. Neither interval knows that the training sets overlap too: what nets trained on other
recordings would do differently in common is in no spread of one data set, however often it is
split. More repeats bring the mean of all partitions of these recordings, not more recordings.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np

from ecgrepro.evaluation.intervals import resampled_totals, unit_totals
from ecgrepro.evaluation.metrics import confusion_cells
from ecgrepro.evaluation.predictions import logit_columns, predicted_classes
from ecgrepro.evaluation.seeded_units import TwoLevelDesign, on_drawn_seeds, seeded_units


@dataclass(frozen=True, eq=False)
class SeededRecords(TwoLevelDesign):
    """Confusion counts of one or two arms by seed and by resampling unit.

    Attributes
    ----------
    seeds : int64 array, (n_seeds,)
        Ascending.
    matrices : int64 array, (n_seeds, n_arms, n_classes, n_classes)
        Observed counts.
    blocks : tuple of int64 arrays
        Nested: for each seed (n_units of the seed, n_arms * n_classes**2).
        Crossed and repeated: one of shape (n_units, n_seeds * n_arms * n_classes**2), in which a
        seed's columns are 0 for units that it has not tested.
    crossed : bool
        Whether one resample of the records serves all seeds: in the crossed and in the repeated
        design.
    n_records : int
        Distinct records over all seeds.
    """

    seeds: np.ndarray
    matrices: np.ndarray
    blocks: tuple
    crossed: bool
    n_records: int

    @property
    def counts(self):
        """Records of each seed, int64 (n_seeds,)."""
        return self.matrices[:, 0].sum((-2, -1))


def count_by_seed(tables, clusters=None):
    """Count one or two arms' confusions for the two-level bootstrap.

    Parameters
    ----------
    tables : list of pandas.DataFrame
        One per arm, with the same rows in the same order (seed, record_id, label).
    clusters : mapping of str to str, optional
        Record to the cluster it is drawn with, for instance ``{copy: original}``; records that
        are not named stand for themselves.

    Returns
    -------
    SeededRecords

    Raises
    ------
    InputError
        When not all records are tested by the same number of seeds, or in the nested design a
        cluster reaches over several seeds' own test sets.
    """
    units, n_classes = seeded_units(tables[0], clusters), len(logit_columns(tables[0]))
    answers = [predicted_classes(arm) for arm in tables]  # refuses what has several labels
    cells = [
        confusion_cells(arm["label"], found, n_classes) for arm, found in zip(tables, answers, strict=True)
    ]
    blocks = tuple(_block(group, cells, n_classes) for group in units.groups)
    shape = (len(units.seeds), len(tables), n_classes, n_classes)
    matrices = np.concatenate([block.sum(0) for block in blocks]).reshape(shape)
    return SeededRecords(units.seeds, matrices, blocks, units.crossed, units.n_records)


def _block(group, cells, n_classes):
    """Return int64 (n_units, n_seeds * n_arms * n_classes**2) of a group's rows."""
    n_arms, n_cells = len(cells), n_classes**2
    places = [(seed * n_arms + arm) * n_cells for seed in range(len(group.rows)) for arm in range(n_arms)]
    columns = [cell[rows] for rows in group.rows for cell in cells]
    columns = np.concatenate([place + column for place, column in zip(places, columns, strict=True)])
    codes = np.concatenate([codes for codes in group.codes for _ in cells])
    return unit_totals(codes, columns, len(places) * n_cells)


def bootstrap_means(records, score, n_resamples, rng, *, resample_seeds=True):
    """Return bootstrap replicates of the mean over seeds of a score.

    Parameters
    ----------
    records : SeededRecords
    score : callable
        Array (..., n_arms, n_classes, n_classes) to array (...).
    n_resamples : int
    rng : numpy.random.Generator
    resample_seeds : bool
        Without it the seeds stay as they are: a records-only interval, valid for these trained
        nets alone.

    Returns
    -------
    float64 array, (n_resamples,)
    """
    n_seeds = len(records.seeds)
    draws = np.tile(np.arange(n_seeds), (n_resamples, 1))
    if resample_seeds:
        draws = rng.integers(n_seeds, size=draws.shape)
    return on_drawn_seeds(records, partial(resampled_scores, records, score), draws, rng).mean(axis=1)


def resampled_scores(records, score, group, n_resamples, rng):
    """Return a score of one or several arms on resampled records, float64 (n_resamples, n_seeds of the group, ...).

    Parameters
    ----------
    records : SeededRecords
    score : callable
        As for `bootstrap_means`; the arms may stay apart, (..., n_arms).
    group : int
        Index of the block.
    n_resamples : int
    rng : numpy.random.Generator
    """
    totals = resampled_totals(records.blocks[group], n_resamples, rng)  # a chunk at a time
    return np.concatenate(
        [score(chunk.reshape(len(chunk), -1, *records.matrices.shape[1:])) for chunk in totals]
    )
