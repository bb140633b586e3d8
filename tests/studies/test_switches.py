from dataclasses import replace

import numpy as np
import pytest

from ecgrepro.evaluation.comparison import arm_estimate
from ecgrepro.evaluation.predictions import combine_predictions
from ecgrepro.studies import resnet1d, switches
from ecgrepro.studies.switches import SWITCHES, arm_name, switch_arms, switch_effects
from ecgrepro.training.recipe import FineTuning
from tests.studies import fabricated

PILOT = resnet1d.SCALES["pilot"]
RESAMPLING = {"seed": 1, "n_resamples": 200}


def described(arm):
    """Fine-tuning trial of an arm of the pilot, as one flat dict."""
    trial = next(
        t
        for t in fabricated.trials(PILOT)
        if t.arm == arm and t.stage == "fine-tuning" and t.recipe.labels == 0.1
    )
    parts = trial.to_dict()
    recipe = parts.pop("recipe")
    how = recipe.pop("input")
    return parts | recipe | {f"input {name}": value for name, value in how.items()}


@pytest.mark.parametrize("name", SWITCHES)
def test_a_switch_changes_one_thing(name):
    for source in (None, "beat_2048") if SWITCHES[name].transfers else (None,):
        turned, default = described(arm_name(name, source)), described(source or "random")
        changed = {key for key in turned.keys() | default.keys() if turned.get(key) != default.get(key)} - {
            "arm"
        }
        assert len(changed) == 1


def test_a_pretrained_net_of_other_blocks_is_no_start():
    made = switch_arms(FineTuning(), (1.0,))
    assert "preactivation" in made
    assert "preactivation_beat_2048" not in made


def test_the_published_input_of_60_s_is_15_000_samples():
    assert SWITCHES["input_60s"].apply(FineTuning()).input.length == 15_000


def tables(accuracy):
    """Predictions of fabricated runs by arm, with an accuracy for each; None for others."""

    def find(arm, labels):
        if arm not in accuracy:
            return None
        trials = [t for t in fabricated.trials(PILOT) if t.arm == arm and t.stage == "fine-tuning"]
        runs = [fabricated.predictions(t, accuracy[arm]) for t in trials if t.recipe.labels == labels]
        return combine_predictions(runs)

    return find


def test_an_effect_is_the_turned_arm_minus_the_default():
    found = switch_effects(tables({"random": 0.5, "select_loss": 0.9}), 0.1, **RESAMPLING)
    assert [(row["switch"], row["start"], row["labels"]) for row in found] == [("select_loss", "random", 0.1)]
    assert 0 < found[0]["low"] < found[0]["estimate"] < found[0]["high"]
    assert (found[0]["n_seeds"], found[0]["n_records"]) == (5, 5 * fabricated.RECORDS)


def test_switches_without_runs_are_left_out():
    assert switch_effects(tables({"random": 0.5}), 0.1, **RESAMPLING) == []
    assert switch_effects(tables({"select_loss": 0.5}), 0.1, **RESAMPLING) == []


def test_other_labels_are_compared_as_other_recordings():
    accuracies = {"random": 0.5, "labels_v2": 0.9, "padding_right": 0.9}
    effects = {row["switch"]: row for row in switch_effects(tables(accuracies), 0.1, **RESAMPLING)}
    unpaired, paired = effects["labels_v2"], effects["padding_right"]
    assert (unpaired["paired"], paired["paired"]) == (False, True)
    assert unpaired["estimate"] == pytest.approx(paired["estimate"])
    turned, default = (
        arm_estimate(tables(accuracies)(arm, 0.1), "macro_f1", **RESAMPLING)
        for arm in ("labels_v2", "random")
    )
    above = np.hypot(turned.high - turned.estimate, default.estimate - default.low)
    below = np.hypot(turned.estimate - turned.low, default.high - default.estimate)
    assert unpaired["high"] - unpaired["estimate"] == pytest.approx(above)
    assert unpaired["estimate"] - unpaired["low"] == pytest.approx(below)


def test_the_register_of_discrepancies_describes_these_switches():
    from ecgrepro.claims import discrepancies

    assert {switch.name for switch in discrepancies.switches()} == set(SWITCHES)


def test_a_switch_can_be_turned_on_any_recipe():
    own = replace(FineTuning(), patience=3)
    assert switches.SWITCHES["ties_last"].apply(own) == replace(own, ties="last")
