"""What the page `ptbxl_transfer` prints of committed runs, computed again by pandas and scikit-learn from the files."""

import json

import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from ecgrepro import paths
from ecgrepro.evaluation.macro_auc import MINIMUM_POSITIVES
from ecgrepro.studies import artefact_tables, designs, diagnosis_tables

FOLDER = paths.home() / "results" / "pilot" / "ptbxl_transfer"
FEW = {"n_resamples": 10}  # what is compared are estimates, which need no resampling


def areas(path):
    """ROC area of each class on the test recordings of a run, and whether it counts: DataFrame by class' number."""
    table = pd.read_parquet(path).query("part == 'test'")
    labels, logits = (table.filter(regex=rf"^{name}_\d+$") for name in ("label", "logit"))
    enough = [min(column.sum(), (1 - column).sum()) >= MINIMUM_POSITIVES for _, column in labels.items()]
    return pd.DataFrame({"auc": roc_auc_score(labels, logits, average=None), "counts": enough})


@pytest.fixture(scope="module")
def found():
    return designs.finished("ptbxl_transfer", "pilot")[0]


@pytest.fixture(scope="module")
def runs(found):
    """Areas of every run that the page shows, read from the files: dict of (arm, seed) to DataFrame."""
    keys = {result["key"] for result in found}
    read = {}
    for key in keys:
        trial = json.loads((FOLDER / key / "trial.json").read_text())
        if trial["stage"] == "fine-tuning":
            read[trial["arm"], trial["seed"]] = areas(FOLDER / key / "predictions.parquet")
    if not read:
        pytest.skip("no training run of ptbxl_transfer is committed at scale pilot")
    return read


@pytest.fixture(scope="module")
def estimated(found):
    return diagnosis_tables.estimates(found, **FEW)


def mean(runs, arm, seeds=None, counted=True):
    """Mean over seeds of the mean over classes."""
    chosen = [
        table for (name, seed), table in runs.items() if name == arm and (seeds is None or seed in seeds)
    ]
    return sum(table.auc[table.counts if counted else slice(None)].mean() for table in chosen) / len(chosen)


def seeds_of(runs, arm):
    return {seed for name, seed in runs if name == arm}


def test_macros_match_to_the_last_printed_digit(runs, estimated):
    shown = diagnosis_tables.score_table(estimated)
    assert set(shown.arm) == {arm for arm, _ in runs}
    for _, row in shown.iterrows():
        assert f"{row['macro AUC']:.3f}" == f"{mean(runs, row.arm):.3f}"
        assert f"{row['all classes']:.3f}" == f"{mean(runs, row.arm, counted=False):.3f}"


def test_areas_of_every_class_match_to_the_last_printed_digit(runs, estimated):
    for arm, rows in diagnosis_tables.class_table(estimated).groupby("arm"):
        expected = sum(runs[arm, seed].auc for seed in seeds_of(runs, arm)) / len(seeds_of(runs, arm))
        assert [f"{value:.3f}" for value in rows.AUC] == [f"{value:.3f}" for value in expected]


def test_differences_between_starts_match_to_the_last_printed_digit(found, runs):
    shown = diagnosis_tables.difference_table(found, **FEW)
    assert len(shown)
    for _, row in shown.iterrows():
        both = seeds_of(runs, row["first"]) & seeds_of(runs, row["second"])
        first, second = (mean(runs, row[side], both) for side in ("first", "second"))
        assert f"{row.difference:+.3f}" == f"{first - second:+.3f}"


def test_what_artefacts_do_matches_to_the_last_printed_digit(found, runs):
    shown = artefact_tables.artefact_table(found, **FEW)
    for _, row in shown.iterrows():
        if row.against == "chance":
            expected = mean(runs, row.arm) - 0.5
        else:
            both = seeds_of(runs, row.arm) & seeds_of(runs, row.against)
            expected = mean(runs, row.arm, both) - mean(runs, row.against, both)
        assert f"{row.difference:+.3f}" == f"{expected:+.3f}", row.artefact
