"""What the calibration page prints of committed runs, computed again by scipy alone from the files."""

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, special

from ecgrepro import paths
from ecgrepro.studies import calibration, calibration_tables

RESULTS = paths.home() / "results" / "pilot"
#: One net of four classes, one of two, one of several labels.
PAIRS = (
    "1-D ResNet, beats, 10% of labels",
    "quality by AlexNet, beats, 100% of labels",
    "PTB-XL, beats, 100% of labels",
)


def read(one):
    """Logits and targets (n_records, n_classes) of both parts of every seed of a set, from the files."""
    found = {}
    for run in one.runs("pilot"):
        table = pd.read_parquet(RESULTS / one.study / run["key"] / "predictions.parquet")
        parts = {part: arrays(table[table.part == part]) for part in ("validation", "test")}
        found[run["trial"]["seed"]] = parts
    return found


def arrays(table):
    logits = table.filter(regex=r"^logit_\d+$").to_numpy(float)
    if "label" in table:
        return logits, np.eye(logits.shape[1])[table["label"]]
    return logits, table.filter(regex=r"^label_\d+$").to_numpy(float)


def probabilities(logits, targets):
    return special.softmax(logits, axis=1) if (targets.sum(axis=1) == 1).all() else special.expit(logits)


def losses(given, targets):
    """Brier score and log loss as the page has them: summed over exclusive classes, mean over several labels."""
    exclusive = (targets.sum(axis=1) == 1).all()
    given = np.clip(given, 1e-7, 1 - 1e-7)
    squares, entropy = (given - targets) ** 2, -special.xlogy(targets, given)
    if not exclusive:
        entropy -= special.xlogy(1 - targets, 1 - given)
    return tuple((part.sum(axis=1) if exclusive else part).mean() for part in (squares, entropy))


def best_temperature(logits, targets):
    def loss(inverse):
        return losses(probabilities(inverse * logits, targets), targets)[1]

    return 1 / optimize.minimize_scalar(loss, bounds=(0.02, 5), method="bounded", options={"xatol": 1e-9}).x


@pytest.fixture(scope="module", params=PAIRS)
def pair(request):
    pair = next(one for one in calibration.PAIRS if one.name == request.param)
    if calibration.tables(pair, "pilot") is None:
        pytest.skip(f"{pair.name} is not committed")
    return pair


def test_temperatures_are_those_of_the_validation_records(pair):
    shown = calibration_tables.temperature_table("pilot")
    for one in (pair.random, pair.pretrained):
        rows = shown[(shown.net == one.net) & (shown.labels == one.labels)].set_index("seed")
        for seed, parts in read(one).items():
            assert rows.temperature[seed] == pytest.approx(best_temperature(*parts["validation"]), rel=1e-3)


@pytest.mark.parametrize("calibrator", ["none", "temperature"])
def test_differences_match_to_the_last_printed_digit(pair, calibrator, monkeypatch):
    monkeypatch.setattr(calibration_tables, "N_RESAMPLES", 10)  # what is compared are estimates
    shown = calibration_tables.differences(*calibration.tables(pair, "pilot"), calibrator)
    random, pretrained = (read(one) for one in (pair.random, pair.pretrained))
    expected = [
        np.subtract(judged(pretrained[seed], calibrator), judged(random[seed], calibrator))
        for seed in sorted(set(random) & set(pretrained))
    ]
    for row, value in zip(shown, np.mean(expected, axis=0), strict=False):
        assert (row["score"], f"{row['difference']:.4f}") == (row["score"], f"{value:.4f}")
    assert [row["score"] for row in shown[:2]] == ["brier", "log_loss"]


def judged(parts, calibrator):
    logits, targets = parts["test"]
    temperature = best_temperature(*parts["validation"]) if calibrator == "temperature" else 1
    return losses(probabilities(logits / temperature, targets), targets)
