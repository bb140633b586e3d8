"""What the pages print of committed runs, computed again by pandas and scikit-learn alone from the files."""

import json
import re

import pandas as pd
import pytest
from sklearn.metrics import f1_score

from ecgrepro import paths
from ecgrepro.studies import arm_tables, designs, figures
from ecgrepro.studies.evidence import RESAMPLING

CLASSES = {"f1_N": 0, "f1_A": 1, "f1_O": 2, "f1_noisy": 3}
STUDIES = ["resnet1d", "spectrogram2d", "pretrain_size"]


def scores(table):
    """Metrics of one run's test records, as scikit-learn has them."""
    answers = table.filter(like="logit_").to_numpy().argmax(axis=1)
    f1 = f1_score(table.label, answers, labels=range(4), average=None, zero_division=0)
    return {"macro_f1": f1.mean(), "challenge_f1": f1[:3].mean()} | {k: f1[i] for k, i in CLASSES.items()}


@pytest.fixture(autouse=True)
def _few_resamples(monkeypatch):
    """What is compared here are estimates, which need no resampling."""
    monkeypatch.setitem(RESAMPLING, "n_resamples", 20)


@pytest.fixture(scope="module", params=STUDIES)
def committed(request):
    """The runs of a study that its page shows, and the scores of every run, read from the files."""
    folder = paths.home() / "results" / "pilot" / request.param
    rows = []
    for path in folder.glob("*/trial.json"):
        trial = json.loads(path.read_text())
        if trial["stage"] == "fine-tuning":
            table = pd.read_parquet(path.with_name("predictions.parquet")).query("part == 'test'")
            rows.append({"arm": trial["arm"], "labels": trial["recipe"]["labels"], "seed": trial["seed"],
                         "records": len(table)} | scores(table))  # fmt: skip
    if not rows:
        pytest.skip(f"no fine-tuning run of {request.param} is committed at scale pilot")
    found, _ = designs.finished(request.param, "pilot")
    return found, pd.DataFrame(rows)


def printed(table, column):
    """The cells of a column as the page has them."""
    html = figures.table(table[[column]], "").to_html()
    return [cell.replace(",", "") for cell in re.findall(r"<td[^>]*>([^<]*)</td>", html)]


def test_scores_of_arms_match_to_the_last_printed_digit(committed):
    found, runs = committed
    shown = arm_tables.score_table(found)
    assert len(shown)
    means = runs.groupby(["arm", "labels"]).mean()
    expected = [f"{means.loc[(row.arm, row.labels), row.metric]:.3f}" for row in shown.itertuples()]
    assert printed(shown, "estimate") == expected


def test_scores_of_runs_match_to_the_last_printed_digit(committed):
    found, runs = committed
    shown = arm_tables.run_table(found)
    of_run = runs.set_index(["arm", "labels", "seed"]).macro_f1
    expected = [f"{of_run[row.arm, row.labels, row.seed]:.3f}" for row in shown.itertuples()]
    assert printed(shown, "test macro F1") == expected


def test_paired_differences_match_to_the_last_printed_digit(committed):
    found, runs = committed
    if "random" not in arm_tables.arms(found):
        pytest.skip("this study's random arm is another study's")
    shown = arm_tables.difference_table(found)
    of_run = {key: part.set_index("seed") for key, part in runs.groupby(["arm", "labels"])}

    def difference(row):
        own, base = (of_run[arm, row.labels][row.metric] for arm in (row.arm, "random"))
        return (own - base.loc[own.index]).mean()

    expected = [f"{difference(row):.3f}".replace("-0.000", "0.000") for row in shown.itertuples()]
    assert [cell.replace("-0.000", "0.000") for cell in printed(shown, "difference")] == expected
