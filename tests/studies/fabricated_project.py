"""Finished runs of `ptbxl_transfer` at paper scale without training: its own trials, with logits that know a share."""

import json

import numpy as np
import pandas as pd

from ecgrepro.evaluation.predictions import prediction_table
from ecgrepro.studies import ptbxl_transfer
from tests.studies.fabricated import WORKSPACE

#: So many recordings are tested by each fold.
RECORDS = 80
CLASSES = ("1AVB", "LAO/LAE", "LVH")


def trials(scale):
    """The trials that a scale lists."""
    return ptbxl_transfer.trials(scale, WORKSPACE)


def predictions(trial, knowledge):
    """Test and validation predictions of a trial; arms of one seed have the same luck, of one fold the same records."""
    tables = []
    for part, n in (("validation", 30), ("test", RECORDS)):
        records = np.random.default_rng([trial.fold, part == "test"])
        labels = (records.random((n, len(CLASSES))) < (0.3, 0.3, 0.5)).astype(np.int8)
        luck = np.random.default_rng([trial.seed, trial.fold, n]).normal(size=labels.shape)
        logits = knowledge * (2.0 * labels - 1) + luck
        ids = [f"fold{trial.fold}/{part}{i:03d}" for i in range(n)]
        tables.append(prediction_table(ids, labels, logits, part=part, fold=trial.fold, seed=trial.seed))
    return pd.concat(tables, ignore_index=True)


def results(listed, knowledge):
    """What a store holds of trials, as `read_results` reads it, without a disk; `knowledge` takes a trial."""
    run = {"finished": "2026-01-01T00:00:00Z", "rules": {}, "hit_epoch_cap": True, "classes": list(CLASSES),
           "drawn_together": [["fold0/test000", "fold0/test001"]]}  # fmt: skip
    return [
        {"key": trial.key, "trial": json.loads(json.dumps(trial.to_dict())), "run": run,
         "predictions": predictions(trial, knowledge(trial))}
        for trial in listed
    ]  # fmt: skip
