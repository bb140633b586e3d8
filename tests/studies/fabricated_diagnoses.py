"""Finished runs of `ptbxl_transfer` without training: the scale's own trials, with multi-label predictions."""

import json

import numpy as np
import pandas as pd

from ecgrepro.evaluation.predictions import prediction_table
from ecgrepro.studies import ptbxl_transfer as study
from tests.studies.fabricated import WORKSPACE, history

CLASSES = ("CD", "HYP", "MI", "NORM", "STTC")
#: Positives of each class in the test set: HYP has too few to count.
POSITIVES = (40, 12, 30, 50, 25)
RECORDS = 120
#: What the logits of positives gain, by arm; others as by default.
SIGNALS = {"random": 1.0, "beat": 1.6, "reshaped": 0.3, "permuted": 0.0}
#: Two recordings of one patient.
TOGETHER = [["test000", "test001"]]


def trials(*names, scale="pilot", seeds=None):
    """Fine-tuning trials of some arms of a scale, or of all."""
    listed = study.trials(study.SCALES[scale], WORKSPACE)
    return [
        trial for trial in listed if trial.stage == "fine-tuning" and (not names or trial.arm in names)
        and (seeds is None or trial.seed in seeds)
    ]  # fmt: skip


def labels(trial, n=RECORDS, positives=POSITIVES):
    """Multi-hot labels (n, 5); the same of every arm, but for permuted ones."""
    rng = np.random.default_rng(1 if getattr(trial.recipe, "permuted_labels", False) else 0)
    return (positives > rng.permuted(np.tile(np.arange(n), (len(positives), 1)), axis=1).T).astype(np.int8)


def predictions(trial, signal=None):
    """Test and validation predictions of a trial; arms of one seed share part of their luck."""
    signal = SIGNALS.get(trial.arm, 0.8) if signal is None else signal
    common, own = np.random.default_rng(trial.seed), np.random.default_rng([trial.seed, *trial.arm.encode()])
    tables = []
    for part, n in (("test", RECORDS), ("validation", 30)):
        truth = labels(trial)[:n]
        logits = signal * truth + common.normal(size=truth.shape) + 0.3 * own.normal(size=truth.shape)
        ids = [f"{part}{i:03d}" for i in range(n)]
        tables.append(prediction_table(ids, truth, logits, part=part, fold=trial.fold, seed=trial.seed))
    return pd.concat(tables, ignore_index=True)


def results(listed, classes=CLASSES, signal=None):
    """What the trials would leave, as `read_results` reads it, without a disk."""
    run = {"classes": list(classes), "drawn_together": TOGETHER, "seconds": 1.0}
    return [
        {"key": trial.key, "trial": json.loads(json.dumps(trial.to_dict())), "run": dict(run),
         "history": pd.DataFrame(history()), "predictions": predictions(trial, signal)}
        for trial in listed
    ]  # fmt: skip
