"""Several arms of one design at once: the same seeds and records, scored on the same resamples."""

from functools import partial

from ecgrepro.errors import InputError
from ecgrepro.evaluation.comparison import check_paired, select_part
from ecgrepro.evaluation.seeded_units import on_drawn_seeds
from ecgrepro.evaluation.two_level import resampled_scores


def matching_arms(tables, part="test"):
    """Return the rows of a part of every arm, checked to differ in nothing but the logits.

    Parameters
    ----------
    tables : list of pandas.DataFrame
        Predictions of two or more arms for the same seeds, folds, records and labels, rows in any order.
    part : {"test", "validation"}

    Returns
    -------
    list of pandas.DataFrame
        In the order given, rows by seed and record, as `two_level.count_by_seed` takes them.

    Raises
    ------
    InputError
        For fewer than two arms, an arm that `comparison.arm_estimate` would refuse, or one that does not pair
        with the first.
    """
    tables = list(tables)
    if len(tables) < 2:
        got = f"{len(tables)} of them"
        raise InputError("arms", "two or more tables of predictions", got, "Pass one table per arm.")
    arms = [select_part(table, part, f"arm {place}") for place, table in enumerate(tables, 1)]
    for place, arm in enumerate(arms[1:], 2):
        try:
            check_paired(arms[0], arm)
        except InputError as error:
            raise InputError(f"arms 1 and {place}", error.expected, error.got, error.fix) from error
    return arms


def check_several_seeds(n_seeds):
    """Raise InputError for a single seed: nothing in it tells what training again would change."""
    if n_seeds < 2:
        fix = "Run more seeds; with one, an interval over records is all there is."
        raise InputError("seeds", "two or more", str(n_seeds), fix)


def arm_replicates(records, metric, n_resamples, rng):
    """Return bootstrap replicates of every arm's mean score over seeds, all arms on the same resamples.

    The two-level bootstrap of `ecgrepro.evaluation.two_level`, whose `bootstrap_means` gives one score per
    resample; here any function of several arms can be taken of one row.

    Parameters
    ----------
    records : SeededRecords
    metric : Metric
    n_resamples : int
    rng : numpy.random.Generator

    Returns
    -------
    float64 array, (n_resamples, n_arms)
    """
    n_seeds = len(records.seeds)
    draws = rng.integers(n_seeds, size=(n_resamples, n_seeds))
    return on_drawn_seeds(records, partial(resampled_scores, records, metric), draws, rng).mean(axis=1)
