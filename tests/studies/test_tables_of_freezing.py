"""What the freezing page prints of committed runs, computed again by pandas and scikit-learn alone from the files."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from ecgrepro import paths
from ecgrepro.studies import designs, quality_tables
from ecgrepro.studies.quality_tables import STARTS

FOLDER = paths.home() / "results" / "pilot" / "freezing"
FEW = {"n_resamples": 10}  # what is compared are estimates, which need no resampling


def scores(path):
    """Metrics of one run's test intervals, as scikit-learn has them."""
    table = pd.read_parquet(path).query("part == 'test'")
    margin = table.logit_1.to_numpy(float) - table.logit_0.to_numpy(float)
    answers = (margin > 0).astype(int)
    return {
        "balanced_accuracy": metrics.balanced_accuracy_score(table.label, answers),
        "accuracy": metrics.accuracy_score(table.label, answers),
        "sensitivity": metrics.recall_score(table.label, answers, pos_label=0),
        "specificity": metrics.recall_score(table.label, answers),
        "matthews_correlation": metrics.matthews_corrcoef(table.label, answers),
        "roc_auc": metrics.roc_auc_score(table.label, margin),
        "average_precision": metrics.average_precision_score(table.label, margin),
    }


@pytest.fixture(scope="module")
def found():
    return designs.finished("freezing", "pilot")[0]


@pytest.fixture(scope="module")
def runs(found):
    """Scores of every run that the page shows, by arm and seed, read from the files."""
    rows = []
    for result in found:
        folder = FOLDER / result["key"]
        trial = json.loads((folder / "trial.json").read_text())
        if trial["stage"] == "fine-tuning":
            rows.append({"arm": trial["arm"], "seed": trial["seed"]} | scores(folder / "predictions.parquet"))
    if not rows:
        pytest.skip("no training run of freezing is committed at scale pilot")
    return pd.DataFrame(rows).set_index(["arm", "seed"])


def test_scores_of_every_depth_match_to_the_last_printed_digit(found, runs):
    shown = quality_tables.depth_table(found, **FEW).dropna(subset=["depth"])
    assert len(shown)
    means = runs.groupby("arm").mean()
    for row in shown.itertuples():
        expected = means.loc[f"{row.start}_{row.depth}", row.metric]
        assert f"{row.estimate:.3f}" == f"{expected:.3f}", (row.start, row.depth, row.metric)


def test_scores_of_every_run_match_to_the_last_printed_digit(found, runs):
    for row in quality_tables.run_table(found).to_dict("records"):
        expected = runs.loc[(f"{row['start']}_{row['depth']}", row["seed"])]
        for name in quality_tables.METRICS:
            assert f"{row[name]:.3f}" == f"{expected[name]:.3f}"


def test_differences_to_nothing_frozen_match_to_the_last_printed_digit(found, runs):
    for row in quality_tables.equality_table(found, **FEW).itertuples():
        own, none = (runs.loc[f"{row.start}_{depth}"][row.metric] for depth in (row.depth, 0))
        assert f"{row.difference:.3f}" == f"{(own - none).mean():.3f}"


def test_the_constant_answer_is_that_of_the_classes(found, runs):
    key = next(one["key"] for one in found if one["trial"]["stage"] == "fine-tuning")
    labels = pd.read_parquet(FOLDER / key / "predictions.parquet").query("part == 'test'").label
    shown = quality_tables.depth_table(found, **FEW)
    row = shown[(shown.start == quality_tables.CONSTANT) & (shown.metric == "accuracy")].iloc[0]
    assert row.estimate == pytest.approx(np.mean(labels == 0))
    assert quality_tables.CONSTANT not in STARTS
