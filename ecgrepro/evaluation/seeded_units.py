"""Which seed was tested on which records, and the resampling of both: what all scores over two levels share.

The designs, and how far intervals of each can be trusted: `ecgrepro.evaluation.two_level`.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ecgrepro.errors import InputError
from ecgrepro.evaluation.intervals import percentile_limits


@dataclass(frozen=True, eq=False)
class UnitGroup:
    """Seeds that share their records, and so one resample of them.

    Attributes
    ----------
    n_units : int
        Resampling units: records, or clusters of records that are drawn together.
    rows : tuple of int arrays
        The table's rows of each seed.
    codes : tuple of int arrays
        For each seed the unit of these rows, 0 .. n_units - 1. In the repeated design a seed has only some units.
    """

    n_units: int
    rows: tuple
    codes: tuple


class TwoLevelDesign:
    """The design's name, for classes with the attributes crossed, counts and n_records of `SeededUnits`."""

    @property
    def design(self):
        """One of "nested", "crossed", "repeated", as `ecgrepro.evaluation.two_level` describes them."""
        if not self.crossed:
            return "nested"
        return "crossed" if (self.counts == self.n_records).all() else "repeated"


@dataclass(frozen=True, eq=False)
class SeededUnits(TwoLevelDesign):
    """The seeds of a table and the resampling units of their records.

    Attributes
    ----------
    seeds : int64 array, (n_seeds,)
        Ascending.
    counts : int64 array, (n_seeds,)
        Records of each.
    n_records : int
        Distinct records over all seeds.
    crossed : bool
        Whether one resample of the records serves all seeds: in the crossed and in the repeated design.
    groups : tuple of UnitGroup
        Crossed and repeated: one with all seeds. Nested: one for each seed.
    """

    seeds: np.ndarray
    counts: np.ndarray
    n_records: int
    crossed: bool
    groups: tuple


def seeded_units(table, clusters=None):
    """Tell the design of a table, and number its resampling units.

    Parameters
    ----------
    table : pandas.DataFrame
        With columns seed and record_id, each record once within a seed.
    clusters : mapping of str to str, optional
        Record to the cluster it is drawn with, for instance ``{copy: original}``; records that are not named stand
        for themselves.

    Returns
    -------
    SeededUnits

    Raises
    ------
    InputError
        When not all records are tested by the same number of seeds, or in the nested design a cluster reaches over
        several seeds' own test sets.
    """
    seeds, codes = np.unique(table["seed"], return_inverse=True)
    crossed = seeds_per_record(table, len(seeds)) > 1
    names = cluster_names(table["record_id"], clusters)
    if not crossed:
        _check_clusters_nested(names, codes)
    rows = [np.flatnonzero(codes == code) for code in range(len(seeds))]
    groups = tuple(_group(names, part) for part in ([rows] if crossed else [[row] for row in rows]))
    return SeededUnits(seeds, np.bincount(codes), table["record_id"].nunique(), crossed, groups)


def _group(names, rows):
    units, codes = np.unique(names[np.concatenate(rows)], return_inverse=True)
    ends = np.cumsum([len(row) for row in rows])[:-1]
    return UnitGroup(len(units), tuple(rows), tuple(np.split(codes, ends)))


def seeds_per_record(table, n_seeds):
    """Return how many of the seeds test each record, int; raise InputError unless that is the same for all records.

    1 in the nested design, ``n_seeds`` in the crossed one, and between them in the repeated one.
    """
    repeats = table["record_id"].value_counts()
    if repeats.min() == repeats.max():
        return int(repeats.max())
    got = f"records tested by {repeats.min()} to {repeats.max()} of {n_seeds} seeds"
    fix = "Complete the missing trials, or compare the seeds that belong together."
    expected = "each record tested by one seed, or by every seed, or all by the same number of seeds"
    raise InputError("predictions", expected, got, fix)


def cluster_names(record_ids, clusters):
    """Return the cluster each record is drawn with, str (n_records,); its own id where none is named."""
    clusters = {} if clusters is None else dict(clusters)
    codes, records = pd.factorize(record_ids)
    return np.array([str(clusters.get(record, record)) for record in records])[codes]


def _check_clusters_nested(names, seed_codes):
    pairs = pd.DataFrame({"unit": names, "seed": seed_codes}).drop_duplicates()
    torn = pairs["unit"][pairs["unit"].duplicated()]
    if len(torn):
        got = f"{len(torn)} in the test sets of several seeds, first {torn.iloc[0]!r}"
        fix = "Keep copies of a recording in one fold: a net may have trained on its own test record."
        raise InputError("clusters", "each cluster within one seed's test set", got, fix)


def two_levels(units, resampled, n_resamples, seed):
    """Return scores under resampling of seeds and records, and of records alone.

    Parameters
    ----------
    units : SeededUnits
    resampled : callable
        (group's index, n_resamples, numpy.random.Generator) to the scores of the group's seeds on resamples of its
        records, float64 (n_resamples, n_seeds of the group, ...).
    n_resamples : int
    seed : int or numpy.random.SeedSequence

    Returns
    -------
    two_level, records_only : float64 arrays, (n_resamples, n_seeds, ...)
    """
    sequence = seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(seed)
    streams = [np.random.default_rng(stream) for stream in sequence.spawn(3)]
    n_seeds = len(units.seeds)
    draws = streams[0].integers(n_seeds, size=(n_resamples, n_seeds))
    if units.crossed or n_seeds == 1:
        # one set of resamples serves both: drawing seeds needs no further score
        scores = resampled(0, n_resamples, streams[1])
        return _taken(scores, draws), scores
    every_seed = np.tile(np.arange(n_seeds), (n_resamples, 1))
    return tuple(
        on_drawn_seeds(units, resampled, drawn, stream)
        for drawn, stream in zip((draws, every_seed), streams[1:], strict=True)
    )


def on_drawn_seeds(units, resampled, draws, rng):
    """Return scores of drawn seeds on resampled records, float64 (n_resamples, n_seeds, ...).

    Parameters
    ----------
    units : SeededUnits or two_level.SeededRecords
    resampled : callable
        As for `two_levels`.
    draws : integer array, (n_resamples, n_seeds)
        Which seeds a resample holds. In the crossed and the repeated design all of them are on the same resample of the
        records; in the nested one each is on a fresh resample of its own.
    rng : numpy.random.Generator
    """
    if units.crossed:
        return _taken(resampled(0, len(draws), rng), draws)
    found = None
    for code in range(len(units.seeds)):
        drawn = draws == code
        if drawn.any():
            scores = resampled(code, np.count_nonzero(drawn), rng)[:, 0]
            found = np.empty((*draws.shape, *scores.shape[1:])) if found is None else found
            found[drawn] = scores
    return found


def _taken(scores, draws):
    return scores[np.arange(len(draws))[:, None], draws]


def estimate_fields(metric, units, scores, pooled, two_level, records_only, level):
    """Return the fields of `comparison.ArmEstimate` by name.

    Parameters
    ----------
    metric : str
    units : SeededUnits or two_level.SeededRecords
    scores : float array, (n_seeds,)
        As observed.
    pooled : float
        Score of all seeds' records as one set.
    two_level, records_only : float arrays, (n_resamples,)
        Means over seeds of resampled scores; NaN where a resample has none, which is then left out.
    level : float

    Raises
    ------
    InputError
        Where fewer than two resamples have a score.
    """
    low, high = usable_limits(two_level, level)
    records_low, records_high = usable_limits(records_only, level)
    return {
        "metric": metric, "estimate": float(scores.mean()), "low": low, "high": high, "level": level,
        "records_low": records_low, "records_high": records_high, "pooled": float(pooled),
        "per_seed": pd.DataFrame({"seed": units.seeds, "n_records": units.counts, "score": scores}),
        "n_seeds": len(units.seeds), "n_records": units.n_records, "n_resamples": len(two_level),
        "design": units.design,
    }  # fmt: skip


def usable_limits(replicates, level):
    """Return the percentile limits of the replicates that are finite; raise InputError for fewer than two."""
    usable = replicates[np.isfinite(replicates)]
    if len(usable) < 2:
        fix = "Test on more records of every class, or count fewer bins."
        raise InputError(
            "resamples", "two or more that have a score", f"{len(usable)} of {len(replicates)}", fix
        )
    return percentile_limits(usable, level)
