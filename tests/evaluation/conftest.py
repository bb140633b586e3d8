"""Made-up arms: tables of predictions with a chosen accuracy, per seed and per record."""

import numpy as np
import pytest

from ecgrepro.evaluation.predictions import combine_predictions, prediction_table

CLASS_SHARES = (0.6, 0.1, 0.26, 0.04)


def logits_for(predictions, rng, n_classes=4):
    """Return float32 logits whose largest entry is the prediction."""
    logits = rng.normal(size=(len(predictions), n_classes))
    logits[np.arange(len(predictions)), predictions] += 10
    return logits.astype(np.float32)


def answer(labels, right, rng, n_classes=4):
    """Return the label where right, else another class."""
    shift = rng.integers(1, n_classes, size=len(labels))
    return np.where(right, labels, (labels + shift) % n_classes)


def build_arm(accuracies, difficulty_seed=0, arm_seed=1, n_records=200, crossed=False, shared=1.0):
    """Return a stacked table; accuracies holds one value per seed.

    ``shared`` is the part of each record's luck that depends on the record and not on the arm.
    """
    common, own = np.random.default_rng(difficulty_seed), np.random.default_rng(arm_seed)
    tables = []
    for seed, accuracy in enumerate(accuracies):
        if seed == 0 or not crossed:
            labels = common.choice(4, size=n_records, p=CLASS_SHARES)
            luck = common.random(n_records)
        mixed = np.where(own.random(n_records) < shared, luck, own.random(n_records))
        ids = [f"R{(0 if crossed else seed) * n_records + index:05d}" for index in range(n_records)]
        logits = logits_for(answer(labels, mixed < accuracy, own), own)
        fold = 0 if crossed else seed
        tables.append(prediction_table(ids, labels, logits, part="test", fold=fold, seed=seed))
    return combine_predictions(tables)


@pytest.fixture(name="build_arm")
def _build_arm():
    return build_arm


def build_intervals(
    n_seeds=1, n_recordings=60, n_intervals=4, arm_seed=1, noise=1.0, part="test", crossed=True
):
    """Return two-class predictions of intervals ``R0001/0`` and so on, every fourth recording of low quality.

    Scores are rounded to halves, so that many tie; ``noise`` is the part that an arm has for itself.
    """
    common, own = np.random.default_rng(0), np.random.default_rng(arm_seed)
    tables = []
    for seed in range(n_seeds):
        first = 0 if crossed else seed * n_recordings
        recording = np.repeat(np.arange(first, first + n_recordings), n_intervals)
        ids = [f"R{name:04d}/{place % n_intervals}" for place, name in enumerate(recording)]
        labels = (recording % 4 == 0).astype(int)
        if seed == 0 or not crossed:
            shared = np.repeat(common.normal(size=n_recordings), n_intervals)
        scores = np.round(2 * (2 * labels - 1 + shared + noise * own.normal(size=len(labels)))) / 2
        logits = np.stack([-scores / 2, scores / 2], axis=1)
        tables.append(prediction_table(ids, labels, logits, part=part, fold=0, seed=seed))
    return combine_predictions(tables)


@pytest.fixture(name="build_intervals")
def _build_intervals():
    return build_intervals
