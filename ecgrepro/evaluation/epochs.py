"""One number per run, such as epochs until the best: arms and their paired differences over seeds.

The t interval over seeds is all there is: a number of epochs has no records to resample. It assumes independent
seeds and a mean that is nearly normal; epochs are counts with a long tail, so read few seeds with care. The results
have the names of `comparison.ArmEstimate` and `comparison.PairedDifference` where they mean the same.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.evaluation.arms import check_several_seeds
from ecgrepro.evaluation.intervals import check_resampling
from ecgrepro.evaluation.seed_tests import TTest, paired_t_test, welch_t_test

#: Numbers that can be read from a fine-tuning result, `training.store.read_result`. Epochs are counted from 0 here,
#: as in the class report's Tables 1 and 3; histories and run records count from 1.
QUANTITIES = {
    "last_epoch": lambda result: result["run"]["epochs"] - 1,
    "lowest_loss_epoch": lambda result: int(np.argmin(result["history"]["val_loss"])),
    "best_epoch": lambda result: result["run"]["best_epoch"] - 1,
}


@dataclass(frozen=True, eq=False)
class RunEstimate:
    """A mean over seeds with its t interval.

    Attributes
    ----------
    metric : str
    estimate, low, high, level : float
    per_seed : pandas.DataFrame
        seed, score; a difference has first, second, difference in place of score.
    n_seeds : int
    n_records : None
        No records take part.
    design : "runs"
    """

    metric: str
    estimate: float
    low: float
    high: float
    level: float
    per_seed: pd.DataFrame
    n_seeds: int
    n_records: None
    design: str


@dataclass(frozen=True, eq=False)
class RunDifference(RunEstimate):
    """First minus second arm, run by run; the fields of `RunEstimate` and two tests.

    Attributes
    ----------
    t_test : TTest
        Paired over seeds; the interval is its own.
    welch : TTest
        Ignoring the pairing, as two separate publications would be compared.
    """

    t_test: TTest
    welch: TTest

    @property
    def smallest_margin(self):
        """Half the interval's width: no narrower margin could hold the interval, whatever the estimate."""
        return (self.high - self.low) / 2


def values_by_seed(results, quantity):
    """Return one number of each run as a float64 Series by seed, ascending.

    Parameters
    ----------
    results : iterable of dict
        Fine-tuning results of one arm.
    quantity : {"last_epoch", "lowest_loss_epoch", "best_epoch"}
        All counted from 0. Early stopping counts its patience from the epoch of lowest validation loss; the best
        epoch is the one whose weights were kept, by loss or by macro F1 as the recipe says.

    Raises
    ------
    SettingsError
        For another quantity.
    InputError
        For no result or a seed that comes twice.
    """
    if quantity not in QUANTITIES:
        raise SettingsError(
            "quantity", f"one of {', '.join(QUANTITIES)}", repr(quantity), "Name one of them."
        )
    pairs = [(result["trial"]["seed"], QUANTITIES[quantity](result)) for result in results]
    seeds = [seed for seed, _ in pairs]
    if not seeds or len(set(seeds)) < len(seeds):
        fix = "Pass the runs of one arm at one share of the labels."
        raise InputError("results", "one run per seed", f"seeds {sorted(seeds)}", fix)
    return pd.Series(dict(pairs), dtype=np.float64, name=quantity).sort_index().rename_axis("seed")


def run_estimate(values, metric, *, level=0.95):
    """Return the mean of one number per run with its t interval over seeds.

    Parameters
    ----------
    values : pandas.Series or mapping of seed to float
    metric : str
        What the numbers are.
    level : float

    Returns
    -------
    RunEstimate

    Raises
    ------
    InputError
        For fewer than two seeds, numbers that are not finite, or the same number in every run.
    SettingsError
        For an impossible level.
    """
    values = _series(values, metric)
    test = _tested(values.to_numpy(), np.zeros(len(values)), metric, level)
    per_seed = pd.DataFrame({"seed": values.index, "score": values.to_numpy()})
    return RunEstimate(**_summary(metric, values.mean(), test, per_seed))


def run_difference(first, second, metric, *, level=0.95):
    """Return the mean over seeds of first - second, one number per run, with its paired t interval.

    Parameters
    ----------
    first, second : pandas.Series or mapping of seed to float
        Of the same seeds.
    metric, level
        As for `run_estimate`.

    Returns
    -------
    RunDifference

    Raises
    ------
    InputError
        For arms of different seeds, the same difference in every run, and as `run_estimate`.
    SettingsError
        For an impossible level.
    """
    first, second = (_series(values, metric) for values in (first, second))
    if not first.index.equals(second.index):
        got = f"{first.index.tolist()} and {second.index.tolist()}"
        raise InputError(metric, "the same seeds in both arms", got, "Run the missing trials.")
    scores = first.to_numpy(), second.to_numpy()
    test = _tested(*scores, metric, level)
    columns = {
        "seed": first.index,
        "first": scores[0],
        "second": scores[1],
        "difference": scores[0] - scores[1],
    }
    summary = _summary(metric, (first - second).mean(), test, pd.DataFrame(columns))
    return RunDifference(**summary, t_test=test, welch=welch_t_test(*scores, level))


def _series(values, metric):
    values = pd.Series(values, dtype=np.float64).sort_index()
    if not np.isfinite(values.to_numpy()).all() or values.index.has_duplicates:
        raise InputError(metric, "one finite number per seed", str(values.to_dict()), "Look at the runs.")
    check_several_seeds(len(values))
    return values


def _tested(first, second, metric, level):
    check_resampling(level, len(first))
    test = paired_t_test(first, second, level)
    if np.isnan(test.low):
        fix = "Without spread there is no interval: show the runs themselves, or run more seeds."
        raise InputError(metric, "runs that differ", f"the same value in all {len(first)} runs", fix)
    return test


def _summary(metric, estimate, test, per_seed):
    return {
        "metric": metric, "estimate": float(estimate), "low": test.low, "high": test.high, "level": test.level,
        "per_seed": per_seed, "n_seeds": len(per_seed), "n_records": None, "design": "runs",
    }  # fmt: skip
