"""Made-up multi-label arms. Not to be run."""

import numpy as np

from ecgrepro.evaluation.predictions import combine_predictions, prediction_table

#: The last one has few positives in 200 records, and none is ever without positives or negatives.
SHARES = (0.5, 0.2, 0.75, 0.03)
CLASSES = ("NORM", "MI", "SR", "2AVB")


def build_labels(n_records, rng, shares=SHARES):
    """Return int8 labels (n_records, n_classes) with exactly these shares, rounded, of positives."""
    ranks = rng.permuted(np.tile(np.arange(n_records), (len(shares), 1)), axis=1).T
    return (ranks < np.maximum(1, np.round(np.array(shares) * n_records))).astype(np.int8)


def build_arm(
    signals=(1.0,), arm_seed=1, record_seed=0, n_records=200, crossed=False, shared=1.0, shares=SHARES
):
    """Return a stacked multi-label table; signals holds one value per seed, which the logits of positives gain.

    ``shared`` scales what a record's logits have in common in all arms of one ``record_seed``; logits are rounded to
    quarters, so that many tie.
    """
    common, own = np.random.default_rng(record_seed), np.random.default_rng(arm_seed)
    tables = []
    for seed, signal in enumerate(signals):
        if seed == 0 or not crossed:
            labels = build_labels(n_records, common, shares)
            luck = shared * common.normal(size=labels.shape)
        logits = np.round(4 * (signal * labels + luck + own.normal(size=labels.shape))) / 4
        ids = [f"{record_seed}-{0 if crossed else seed}-{index:04d}" for index in range(n_records)]
        fold = 0 if crossed else seed
        tables.append(prediction_table(ids, labels, logits, part="test", fold=fold, seed=seed))
    return combine_predictions(tables)
