"""How many seeds a published effect needs to be seen, with the spread that was observed here.

Three answers, for three questions. Over seeds alone, as `seed_tests.seeds_needed` counts: each further seed brings its
own training and, in a nested design, its own test records. With the records fixed: the same recordings, those of all
seeds together, however many nets are trained; then only the part of the variance that training causes shrinks with the
seeds, and where the records' part alone hides the effect no number of seeds suffices. With one test split, as
published: the records are fixed too, but they are as many as one seed tests, so that their part is larger.
"""

import math
from dataclasses import dataclass

from scipy import stats

from ecgrepro.errors import InputError
from ecgrepro.evaluation.seed_tests import seeds_needed, smallest_number, t_test_power

# More seeds than anybody runs: beyond, the answer is "none suffices".
_MOST_SEEDS = 1_000_000


@dataclass(frozen=True)
class SeedsToSee:
    """Seeds that a paired comparison needs to find an effect.

    Attributes
    ----------
    effect : float
        The difference to be found, in the metric's unit.
    n_seeds : int
        By the t test over seeds.
    n_seeds_fixed_records : int or None
        With the records of all seeds fixed; None where no number suffices.
    n_seeds_one_split : int or None
        With one test split fixed that is as large as one seed's; None where no number suffices. The same as with the
        records fixed where all seeds share their records.
    sd : float
        Observed standard deviation over seeds of the paired difference.
    seeds_sd : float
        Its part from training alone.
    records_sd : float
        Standard deviation of the mean difference over resampled records: what no further seed removes.
    split_sd : float
        The same of one test split as large as one seed's.
    smallest_effect, smallest_effect_one_split : float
        Found with the wanted power by endless seeds on these records, and on one such split.
    power, alpha : float
    """

    effect: float
    n_seeds: int
    n_seeds_fixed_records: int | None
    n_seeds_one_split: int | None
    sd: float
    seeds_sd: float
    records_sd: float
    split_sd: float
    smallest_effect: float
    smallest_effect_one_split: float
    power: float
    alpha: float


def n_seeds_to_see(effect, paired, *, power=0.8, alpha=0.05):
    """Return how many seeds a design like the observed one needs to find an effect.

    Parameters
    ----------
    effect : float
        For instance the published difference; its sign does not matter.
    paired : PairedDifference
        The observed comparison, of two or more seeds.
    power, alpha : float
        Probability of finding it; level of the two-sided test.

    Returns
    -------
    SeedsToSee

    Raises
    ------
    InputError
        For a comparison of one seed.
    SettingsError
        As `seed_tests.seeds_needed`.

    Notes
    -----
    The records' variance is read from the width of the records-only interval, as if it were normal. In a nested
    design the spread between seeds holds the sampling of each seed's own records once, that is n_seeds times the
    records' variance of the mean; what is left, if anything, is training's. One test split then has that variance,
    for it is as large as one seed's. In a crossed design all seeds share one split, and the whole spread is
    training's. With records fixed, the power for n seeds is that of a t test with n - 1 degrees of freedom whose
    standard error is sqrt(seeds_sd**2 / n + records_sd**2), with split_sd in its place for one split.
    """
    if paired.n_seeds < 2:
        fix = "Run more seeds: one tells nothing about the spread between them."
        raise InputError("seeds", "two or more", str(paired.n_seeds), fix)
    sd = float(paired.per_seed["difference"].std(ddof=1))
    n_seeds = seeds_needed(effect, sd, power=power, alpha=alpha)
    records_sd, split_sd, seeds_sd = _parts(paired, sd)
    fixed, one_split = (
        _n_seeds_fixed_records(abs(effect), seeds_sd, part, power, alpha) for part in (records_sd, split_sd)
    )
    found = _detectable(power, alpha)
    return SeedsToSee(effect, n_seeds, fixed, one_split, sd, seeds_sd, records_sd, split_sd,
                      records_sd * found, split_sd * found, power, alpha)  # fmt: skip


def _parts(paired, sd):
    """Standard deviations from the records of all seeds, from one test split, and from training."""
    width = paired.records_high - paired.records_low
    records_sd = float(width / 2 / stats.norm.isf((1 - paired.level) / 2))
    if paired.design == "crossed":
        return records_sd, records_sd, sd
    split_sd = math.sqrt(paired.n_seeds) * records_sd
    return records_sd, split_sd, math.sqrt(max(0.0, sd**2 - split_sd**2))


def _detectable(power, alpha):
    """Effect in standard errors that a two-sided normal test finds; the wrong side's share is left out."""
    return float(stats.norm.isf(alpha / 2) + stats.norm.ppf(power))


def _n_seeds_fixed_records(effect, seeds_sd, records_sd, power, alpha):
    """Smallest number of seeds, at least 2, whose power suffices; None where there is none."""
    if effect <= records_sd * _detectable(power, alpha):
        return None
    if seeds_sd == records_sd == 0:
        return 2

    def suffices(n):
        # the test's power multiplies an effect by sqrt(n); this one grows less than that
        return t_test_power(effect / math.sqrt(seeds_sd**2 + n * records_sd**2), n, alpha) >= power

    return smallest_number(suffices, _MOST_SEEDS)
