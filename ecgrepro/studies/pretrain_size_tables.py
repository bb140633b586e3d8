"""Tables of the `pretrain_size` page: what people, and what training steps, add to pre-training.

Functions take finished arms as `by_size` groups them: a dict of (kind, patients) to fine-tuning results by seed, with
the random start under `RANDOM`. Every one of them takes what is there, and gives an empty table where that is too
little. Differences are in macro F1 over four classes, by the two-level bootstrap of `ecgrepro.evaluation.comparison`.
"""

import math
from functools import partial

import numpy as np
import pandas as pd
from scipy import stats

from ecgrepro.evaluation.comparison import paired_difference
from ecgrepro.studies import designs
from ecgrepro.studies.arm_tables import pretraining_table, run_table, shares, tuned
from ecgrepro.studies.evidence import RESAMPLING
from ecgrepro.studies.pretrain_size import SCALES, STUDY, arm_of, sizes_of
from ecgrepro.studies.pretrain_size_design import KINDS

METRIC = "macro_f1"
RANDOM = ("random", 0)
_DIFFERENCE = ["difference", "low", "high", "t_low", "t_high", "t_p", "smallest_margin", "samples", "seeds",
               "records"]  # fmt: skip


def by_size(arms, complete, random):
    """Group finished arms by kind and number of patients.

    Parameters
    ----------
    arms : collection of str
        Names of all arms of a scale, finished or not.
    complete : callable
        From a name to the arm's fine-tuning results by seed, None where they are not all there.
    random : list of dict or None
        Those of the random start.

    Returns
    -------
    dict of (str, int) to list of dict
        Of the kinds of `by_kind`.
    """
    runs = {RANDOM: random} if random else {}
    finished = {name: done for name in arms if (done := complete(name))}
    for kind, line in by_kind(arms, finished).items():
        runs |= {(kind, n): finished[name] for n, name in line.items()}
    return runs


def by_kind(arms, present):
    """Find the arms that are present: dict of kind to dict of patients to name.

    A kind is left out that has no arm of its own name present, or whose arms are all in a longer line.
    """
    found = {
        kind: {n: name for n in sizes_of(arms) if (name := arm_of(arms, kind, n)) in present}
        for kind in KINDS
    }
    return {kind: line for kind, line in found.items() if _is_its_own(kind, line, found.values())}


def _is_its_own(kind, line, others):
    names = set(line.values())
    covered = any(names <= set(other.values()) for other in others if len(other) > len(line))
    return any(kind in name for name in names) and not covered


def pilot(labels):
    """Finished arms of the pilot at a share of the labels; the random start is that of `resnet1d`."""
    random = designs.complete("resnet1d", "pilot", "random", labels)
    return by_size(SCALES["pilot"].arms, lambda arm: designs.complete(STUDY, "pilot", arm, labels), random)


def live(found):
    """Group the arms of results that have just been made, at the largest share of labels in them."""
    share, design = shares(found)[0], SCALES[tuned(found)[0]["trial"]["scale"]]
    of_arm = partial(designs.fine_tuning, found, labels=share)
    return by_size(design.arms, of_arm, of_arm("random"))


def sizes_by_kind(runs, least=1):
    """Numbers of patients of each kind, ascending; kinds with fewer than `least` are left out."""
    found = {kind: sorted(n for own, n in runs if own == kind) for kind in KINDS}
    return {kind: sizes for kind, sizes in found.items() if len(sizes) >= least}


def lines(both, least=1, kinds=tuple(KINDS)):
    """Yield (share of labels, kind, sizes, runs) of every line of at least so many sizes.

    Parameters
    ----------
    both : dict of float to dict
        Share of labels to finished arms.
    """
    for share, runs in both.items():
        for kind, sizes in sizes_by_kind(runs, least).items():
            if kind in kinds:
                yield share, kind, sizes, runs


def gain_table(runs):
    """What each arm gains over the random start, with its 95 % interval: DataFrame.

    Where ``samples``, see `fewest_samples`, are fewer than ``seeds``, seeds share people and are not independent: the
    interval is in part for these people, not for others.
    """
    rows = [
        {"kind": kind, "patients": n} | _difference(runs[kind, n], runs[RANDOM])
        for kind, sizes in sizes_by_kind(runs).items()
        for n in sizes
        if RANDOM in runs
    ]
    return pd.DataFrame(rows, columns=["kind", "patients", *_DIFFERENCE]).astype({"samples": "Int64"})


def _difference(first, second):
    made = paired_difference(designs.stacked(first), designs.stacked(second), METRIC, **RESAMPLING)
    return {"difference": made.estimate, "low": made.low, "high": made.high, "t_low": made.t_test.low,
            "t_high": made.t_test.high, "t_p": made.t_test.p, "smallest_margin": made.smallest_margin,
            "samples": fewest_samples(first, second), "seeds": made.n_seeds, "records": made.n_records}  # fmt: skip


def fewest_samples(*arms):
    """Disjoint samples of people behind the seeds of the arm that has fewest; None where that cannot be said.

    A random start has no people and does not count. A checkpoint before the end of its run has a part of a sample,
    which overlaps that of another seed by chance.
    """
    trials = [[result["trial"] for result in done] for done in arms]
    found = [{_sample(trial) for trial in each} for each in trials if each[0]["initialisation"] != "random"]
    return min(map(len, found)) if found and None not in set().union(*found) else None


def seed_table(runs):
    """Score of every seed, its gain over the random start of that seed, and its sample of people: DataFrame.

    ``sample`` is blank for a checkpoint that has seen a part of one.
    """
    base = _scores(runs[RANDOM]) if RANDOM in runs else {}
    rows = [
        (kind, n, seed, _sample(done[0]["trial"] | {"seed": seed}), score, score - base.get(seed, math.nan))
        for (kind, n), done in runs.items()
        if kind in KINDS
        for seed, score in _scores(done).items()
    ]
    columns = ["kind", "patients", "seed", "sample", "score", "gain"]
    return pd.DataFrame(rows, columns=columns).astype({"sample": "Int64"})


def _scores(done):
    return run_table(done).set_index("seed")["test macro F1"].to_dict()


def _sample(trial):
    """Which of the disjoint samples of its size a net was pre-trained on; None of one that has seen a part of it."""
    design = SCALES[trial["scale"]]
    arm = design.arms[trial["arm"]]
    whole = arm.share in (None, 1.0)
    return trial["seed"] % design.pretrainings[arm.source].samples if whole else None


def contrast_table(runs):
    """Compare arms that differ in people alone, in steps alone, or in how a run is made up: DataFrame.

    The last has seen other people too, except at its end: see the module `pretrain_size`.

    Columns: ``question``, ``patients``, ``first`` and ``second`` (kind and patients), and first minus second.
    """
    rows = []
    for question, pairs in _contrasts(sizes_by_kind(runs)).items():
        for first, second in pairs:
            if first in runs and second in runs and _keys(runs[first]) != _keys(runs[second]):
                rows.append({"question": question, "patients": first[1], "first": _name(first),
                             "second": _name(second)} | _difference(runs[first], runs[second]))  # fmt: skip
    columns = ["question", "patients", "first", "second", *_DIFFERENCE]
    return pd.DataFrame(rows, columns=columns).astype({"samples": "Int64"})


def _contrasts(sizes):
    known = sorted({n for numbers in sizes.values() for n in numbers})
    fewest = {kind: numbers[0] for kind, numbers in sizes.items()}
    return {
        "same people, more steps": [
            ((more, n), (less, n)) for more, less in (("pass", "few"), ("fixed", "pass")) for n in known
        ],
        "many steps, more people": [(("fixed", n), ("fixed", fewest.get("fixed"))) for n in known[1:]],
        "few steps, more people": [(("few", n), ("few", fewest.get("few"))) for n in known[1:]],
        "checkpoint of one run, not a run of its own (other people too)": [
            (("one_run", n), ("pass", n)) for n in known
        ],
    }


def _keys(done):
    """Keys of results; one arm can stand at two places."""
    return [result["key"] for result in done]


def _name(place):
    return f"{place[0]} {place[1]}"


def held_out_table(found, scale="pilot"):
    """How well pre-trained nets do on people that no arm was trained on: DataFrame.

    Columns: ``kind``, ``patients``, and those of `arm_tables.pretraining_table`. A run with several checkpoints
    is judged at its end. Kinds are those of `by_kind`.
    """
    sources, made = SCALES[scale].pretrainings, pretraining_table(found)
    named = by_kind(sources, set(made.arm))
    places = [(kind, n, name) for kind, line in named.items() for n, name in line.items()]
    if "one_run" in sources:
        places.append(("one_run", sources["one_run"].recipe.patients, "one_run"))
    rows = pd.DataFrame(places, columns=["kind", "patients", "arm"])
    return rows.merge(made, on="arm").sort_values(["corpus", "kind", "patients", "seed"], ignore_index=True)


def spread_table(seeds):
    """How much the gain differs between seeds of each size with a fixed number of frames: DataFrame.

    Where a size has several disjoint samples of people, its seeds differ in people as well as in luck. ``ratio`` is
    that of the variances of this size and the one ``against``, with its 95 % interval and p: see `variance_ratio`. That
    is the largest finished size, where it has one sample, so that luck alone is left in it.

    Parameters
    ----------
    seeds : DataFrame
        See `seed_table`.
    """
    gains = seeds[seeds.kind == "fixed"].pivot(index="seed", columns="patients", values="gain").dropna()
    samples = seeds[seeds.kind == "fixed"].groupby("patients")["sample"].nunique()
    rows, last = [], gains.columns.max()
    for n in gains.columns if len(gains) > 2 else ():
        compared = None, *[math.nan] * 4
        if n < last and samples[last] == 1:
            compared = last, *variance_ratio(gains[n], gains[last])
        rows.append((n, samples[n], len(gains), gains[n].std(), *compared))
    columns = ["patients", "disjoint samples", "seeds", "deviation", "against", "ratio", "low", "high", "p"]
    return pd.DataFrame(rows, columns=columns).astype({"against": "Int64"})


def variance_ratio(first, second, level=0.95):
    """Compare the variances of two paired samples, which normal deviations are assumed for.

    Source: Pitman 1939, doi:10.1093/biomet/31.1-2.9, and Morgan 1939, doi:10.1093/biomet/31.1-2.13: the variances are
    equal where sum and difference do not correlate.

    Parameters
    ----------
    first, second : float arrays, (n,)
        Of the same seeds; three or more.
    level : float

    Returns
    -------
    tuple of float
        Variance of first over that of second, its limits, and the two-sided p.
    """
    n, ratio = len(first), np.var(first) / np.var(second)
    unshared = 1 - np.corrcoef(first, second)[0, 1] ** 2
    t = (ratio - 1) * math.sqrt((n - 2) / (4 * ratio * unshared))
    bend = 1 + 2 * unshared * stats.t.isf((1 - level) / 2, n - 2) ** 2 / (n - 2)
    reach = math.sqrt(bend**2 - 1)
    return ratio, ratio * (bend - reach), ratio * (bend + reach), 2 * stats.t.sf(abs(t), n - 2)
