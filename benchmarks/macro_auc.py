"""AUC with intervals of 71 classes from 1,000 resamples, beside `sklearn.metrics.roc_auc_score` in a loop.

    python benchmarks/macro_auc.py                  # about a minute
    python benchmarks/macro_auc.py --folder DIR     # leaves its rows there and not in results/benchmarks

A made-up test set of PTB-XL's shape: 2,198 records, 71 classes with 1 to 1,700 positives, float32 logits. The loop
calls scikit-learn once per class and resample, for all classes of a few resamples; their time is scaled to 1,000, as
every resample has as many records. Ours draws the resamples, sorts, counts and takes the quantiles. First both are
compared on the same resamples: areas may differ by 1e-12. Both take turns, round by round, and the ratio is the median
over rounds.

Target: at least 20 times as fast.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import report
from sklearn.metrics import roc_auc_score

from ecgrepro.evaluation.class_ranks import ClassRanks, resampled_auc
from ecgrepro.evaluation.intervals import resampled_counts

RECORDS, CLASSES, RESAMPLES, PART, ROUNDS, TARGET = 2198, 71, 1000, 4, 5, 20.0


def make_problem(rng):
    """Return labels and logits; the rarest class has one positive, the most common one three records of four."""
    counts = np.geomspace(1, 1700, CLASSES).round()
    places = rng.permuted(np.tile(np.arange(RECORDS), (CLASSES, 1)), axis=1).T
    labels = (places < counts).astype(np.int8)
    return labels, (2 * labels + rng.normal(size=labels.shape)).astype(np.float32)


def ours(labels, logits):
    """Return the 95 % limits of every class, (2, n_classes), from new resamples."""
    ranks, rng = ClassRanks(labels, logits), np.random.default_rng(0)
    areas = np.concatenate(
        [ranks.areas(weights).data for weights in resampled_counts(RECORDS, RESAMPLES, rng)]
    )
    return np.nanquantile(areas, [0.025, 0.975], axis=0)


def loop(labels, logits, rows):
    """Return the area of each class on each resample, (n_resamples, n_classes), NaN where a resample lacks it."""
    found = np.full((len(rows), CLASSES), np.nan)
    for place, drawn in enumerate(rows):
        for k in np.flatnonzero(labels[drawn].any(axis=0)):
            found[place, k] = roc_auc_score(labels[drawn, k], logits[drawn, k])
    return found


def check(labels, logits, rows):
    """Compare both on the same resamples and return the largest difference and the number of areas."""
    counts = np.stack([np.bincount(drawn, minlength=RECORDS) for drawn in rows])
    mine, theirs = resampled_auc(labels, logits, counts), loop(labels, logits, rows)
    assert (mine.mask == np.isnan(theirs)).all(), "other classes are left out"
    worst = np.abs(mine.compressed() - theirs[~mine.mask]).max()
    assert worst <= 1e-12, f"areas differ by {worst:.1e}"
    return worst, mine.count()


def timed(run, *arguments):
    began = time.perf_counter()
    run(*arguments)
    return time.perf_counter() - began


def main(folder):
    rng = np.random.default_rng(0)
    labels, logits = make_problem(rng)
    rows = rng.integers(RECORDS, size=(PART, RECORDS))
    worst, n_areas = check(labels, logits, rows)
    seconds = np.array(
        [[timed(ours, labels, logits), timed(loop, labels, logits, rows)] for _ in range(ROUNDS)]
    )
    whole = seconds[:, 1] * RESAMPLES / PART
    note = f"loop measured on {PART} resamples, {n_areas} areas; largest difference {worst:.1e}"
    what = f"{CLASSES} classes, {RECORDS:,} records, {RESAMPLES:,} resamples"
    report.write("macro_auc", [
        report.row(f"AUC with limits against roc_auc_score in a loop: {what}", np.median(whole / seconds[:, 0]),
                   "times", TARGET, note=note),
        report.row("AUC with limits, ours", np.median(seconds[:, 0]), "s"),
        report.row("roc_auc_score in a loop", np.median(n_areas / seconds[:, 1]), "areas/s"),
    ], folder)  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path)
    main(parser.parse_args().folder)
