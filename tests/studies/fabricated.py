"""Finished runs of `resnet1d` without training: the scale's own trials, with predictions of a chosen accuracy."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd

from ecgrepro.evaluation.predictions import prediction_table
from ecgrepro.studies import resnet1d
from ecgrepro.training.store import TrialStore

#: So many recordings are tested by each seed.
RECORDS = 60
WORKSPACE = SimpleNamespace(
    fingerprints=lambda *names: tuple((name, f"fingerprint of {name}") for name in names),
    published_start=lambda name: {"imagenet": f"imagenet:{'0' * 40}"}.get(
        name, f"class_report:{name}:{'0' * 64}"
    ),
)


def trials(scale):
    """The trials that a scale lists."""
    return resnet1d.trials(scale, WORKSPACE)


def predictions(trial, accuracy):
    """Test and validation predictions of a trial; arms of one seed have the same records, labels and luck."""
    rng = np.random.default_rng([trial.seed, trial.stage == "pretraining"])
    n_classes = 4 if trial.stage == "fine-tuning" else 5
    tables = []
    for part, n in (("validation", 20), ("test", RECORDS)):
        labels = np.arange(n) % n_classes
        answers = np.where(rng.random(n) < accuracy, labels, (labels + 1) % n_classes)
        logits = 4.0 * np.eye(n_classes)[answers]
        ids = [f"fold{trial.fold}/{part}{i:03d}" for i in range(n)]
        tables.append(prediction_table(ids, labels, logits, part=part, fold=trial.fold, seed=trial.seed))
    if trial.stage == "pretraining":
        held_out = tables[1]
        names = [f"{trial.corpora[i % len(trial.corpora)][0]}/{i}/ECG/0" for i in range(RECORDS)]
        return held_out.assign(record_id=names)
    return pd.concat(tables, ignore_index=True)


def run_record(trial, **changes):
    """What `ecgrepro.training.run_record` leaves, as far as pages and evidence read it."""
    record = {"seconds": 12.5, "finished": "2026-01-01T00:00:00Z", "label_revision": "v3", "rules": {}}
    if trial.stage == "fine-tuning":
        record |= {"epochs": 3, "best_epoch": 2, "hit_epoch_cap": False, "records": {"train": 100}}
    return record | changes


def history():
    """Three epochs, the second of which is taken."""
    scores = [
        {"epoch": e, "loss": 1 / e, "val_loss": 0.5 + 1 / e, "val_macro_f1": 0.1 * e} for e in (1, 2, 3)
    ]
    return [row | {"val_challenge_f1": row["val_macro_f1"]} for row in scores]


def commit(folder, listed, accuracy, **changes):
    """Commit results of trials; `accuracy` takes a trial. Returns the store."""
    store = TrialStore(folder, folder.parent / "work")
    for trial in listed:
        store.commit(trial, history(), predictions(trial, accuracy(trial)), run_record(trial, **changes))
    return store


def results(listed, accuracy, **changes):
    """What `commit` leaves, as `read_results` reads it, without a disk."""
    return [
        {"key": trial.key, "trial": json.loads(json.dumps(trial.to_dict())), "run": run_record(trial, **changes),
         "history": pd.DataFrame(history()), "predictions": predictions(trial, accuracy(trial))}
        for trial in listed
    ]  # fmt: skip


def gain(trial):
    """Pre-trained arms are right more often."""
    return 0.6 if trial.arm == "random" else 0.85
