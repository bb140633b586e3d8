import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from ecgrepro.errors import InputError
from ecgrepro.evaluation.predictions import labels, logits
from ecgrepro.studies import calibration, designs
from ecgrepro.studies.calibration_rank import rank_control, with_temperature
from tests.studies.test_calibration import MULTI_LABEL, PAIR, multi_label_runs, only

GEORGIA = next(one for one in calibration.PAIRS if one.name.startswith("Georgia"))


def test_macro_auc_is_the_same_after_one_temperature(monkeypatch):
    only(monkeypatch, {MULTI_LABEL.random: multi_label_runs(3.0)})
    found = rank_control("ptbxl_transfer", "pilot", n_resamples=100)
    assert found.place == ("ptbxl_transfer", "random")
    assert len(found.runs) == 3
    expected = []
    for run in multi_label_runs(3.0):
        test = run["predictions"].query("part == 'test'")
        expected.append(roc_auc_score(labels(test), logits(test), average="macro"))
    assert found.before == pytest.approx(np.mean(expected), abs=1e-12)
    assert found.after == pytest.approx(found.before, abs=1e-6)
    limits = found.difference.low, found.difference.estimate, found.difference.high
    np.testing.assert_allclose(limits, 0, atol=1e-6)


def test_georgia_goes_before_ptbxl(monkeypatch):
    only(monkeypatch, {MULTI_LABEL.random: multi_label_runs(), GEORGIA.random: multi_label_runs()})
    assert rank_control("ptbxl_transfer", "paper", n_resamples=100).place[1] == "georgia_random"
    named = rank_control("ptbxl_transfer", "paper", arm="random", n_resamples=100)
    assert named.place[1] == "random"


def test_without_runs_there_is_no_control(monkeypatch):
    only(monkeypatch, {})
    assert rank_control("ptbxl_transfer", "pilot") is None


def test_a_softmax_has_no_such_control():
    with pytest.raises(InputError, match="multi-label"):
        rank_control(PAIR.random.study, "pilot")


def test_each_seed_has_the_temperature_of_its_own_validation_records():
    runs = multi_label_runs(2.0, seeds=(0,)) + multi_label_runs(4.0, seeds=(1,))
    table = designs.stacked(runs)
    maps, scaled = calibration.fitted(table, "temperature"), with_temperature(table)
    assert maps[1].parameters["temperature"] > 1.5 * maps[0].parameters["temperature"]
    for seed, made in maps.items():
        rows = table.seed == seed
        expected = logits(table[rows]) / made.parameters["temperature"]
        np.testing.assert_allclose(logits(scaled[rows]), expected, rtol=1e-6)
    assert scaled.drop(columns=scaled.filter(like="logit_")).equals(
        table.drop(columns=table.filter(like="logit_"))
    )
