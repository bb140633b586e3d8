"""Finished runs of `pretrain_size`, and the random start of `resnet1d`, in memory: people help, steps do a little."""

import json
from functools import lru_cache
from math import log10

import numpy as np
import pandas as pd

from ecgrepro.studies import designs, pretrain_size, resnet1d
from ecgrepro.studies.evidence import RESAMPLING
from ecgrepro.studies.scale import configure
from tests.studies import fabricated


def accuracy(trial):
    """Share of right answers: rises with people, is higher for more steps, and differs by chance from run to run."""
    chance = np.random.default_rng([trial.seed, *trial.arm.encode()]).normal(0, 0.02)
    if trial.arm == "random":
        return 0.5 + chance
    patients = next((int(part) for part in trial.arm.split("_") if part.isdigit()), 100)
    return 0.55 + 0.12 * log10(patients) + 0.05 * ("fixed" in trial.arm) + chance


def finished(trial, accuracy=accuracy):
    """One result as `ecgrepro.training.store.read_result` gives it."""
    history = [
        {"epoch": e, "loss": 1 / e, "val_loss": 0.5 + 1 / e, "val_macro_f1": 0.1 * e} for e in (1, 2, 3)
    ]
    described, run = json.loads(json.dumps(trial.to_dict())), fabricated.run_record(trial)
    predictions = fabricated.predictions(trial, accuracy(trial))
    return {"key": trial.key, "trial": described, "run": run, "history": pd.DataFrame(history),
            "predictions": predictions}  # fmt: skip


def results(study=pretrain_size, scale="pilot", accuracy=accuracy, **overrides):
    """Results of all trials that a scale lists."""
    trials = study.trials(configure(study.SCALES, scale, **overrides), fabricated.WORKSPACE)
    return [finished(trial, accuracy) for trial in trials]


@lru_cache
def pilot():
    """Everything that the page takes from the pilot: dict of study to results."""
    random = results(resnet1d, arms=["random"], labels=[1.0, 0.1])
    return {"pretrain_size": results(), "resnet1d": random}


def commit(monkeypatch, found):
    """Let the studies find these results of the pilot: dict of study to results; intervals are drawn less often."""
    monkeypatch.setitem(RESAMPLING, "n_resamples", 100)
    monkeypatch.setattr(
        designs, "results", lambda study, scale: found.get(study, []) if scale == "pilot" else []
    )
