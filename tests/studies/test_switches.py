from dataclasses import asdict, replace
from functools import lru_cache

import numpy as np
import pytest

from ecgrepro.errors import SettingsError
from ecgrepro.evaluation.comparison import arm_estimate
from ecgrepro.evaluation.predictions import combine_predictions
from ecgrepro.studies import resnet1d, switches
from ecgrepro.studies.switches import BACK, SWITCHES, arm_name, switch_arms, switch_effects
from ecgrepro.training.recipe import FineTuning
from tests.studies import fabricated

PILOT = resnet1d.SCALES["pilot"]
RESAMPLING = {"seed": 1, "n_resamples": 200}


#: Scales that list switches, with the share of labels at which they are run.
SCALES = {
    name: scale.arms["padding_right"].labels[0]
    for name, scale in resnet1d.SCALES.items()
    if "padding_right" in scale.arms
}
STARTED = [
    (name, start)
    for name, switch in SWITCHES.items()
    for start in (None, "beat_2048")[: 1 + switch.transfers]
]


@lru_cache
def described(scale):
    """Fine-tuning trials of the first seed at the switches' share of labels, each as one flat dict, by arm."""
    found = {}
    for trial in fabricated.trials(resnet1d.SCALES[scale]):
        if trial.seed == 0 and trial.stage == "fine-tuning" and trial.recipe.labels == SCALES[scale]:
            # what a trial is and does, but for its name
            parts = asdict(trial) | {"arm": ""}
            recipe = parts.pop("recipe")
            how = recipe.pop("input")
            found[trial.arm] = parts | recipe | {f"input {name}": value for name, value in how.items()}
    return found


def listed_name(scale, switch):
    """The switch's arm at a scale: its own name, or that of the arm that turns it back."""
    return next(name for name in (switch, *BACK.get(switch, ())[:1]) if name in resnet1d.SCALES[scale].arms)


def test_pilot_and_paper_have_switches():
    assert set(SCALES) == {"pilot", "paper"}


@pytest.mark.parametrize("scale", SCALES)
def test_a_switch_changes_exactly_one_thing_at_every_scale(scale):
    trials = described(scale)
    changed = {}
    for name, source in STARTED:
        turned, default = trials[arm_name(listed_name(scale, name), source)], trials[source or "random"]
        assert turned.keys() == default.keys()
        changed[name, source] = {key for key in turned if turned[key] != default[key]}
    assert {pair: keys for pair, keys in changed.items() if len(keys) != 1} == {}
    assert len({tuple(keys) for (_, source), keys in changed.items() if source is None}) == 9


@pytest.mark.parametrize("scale", SCALES)
def test_all_arms_of_switches_are_different_and_all_are_compared(scale):
    names = {arm_name(listed_name(scale, name), source) for name, source in STARTED}
    assert names == set(switch_arms(resnet1d.SCALES[scale].fine_tuning, (1.0,)))
    assert len({str(sorted(described(scale)[name].items())) for name in names}) == len(STARTED)


def test_the_pilot_turns_selection_to_the_loss_and_the_paper_scale_turns_it_back():
    assert listed_name("pilot", "select_loss") == "select_loss"
    assert listed_name("paper", "select_loss") == "select_macro_f1"
    assert {scale: described(scale)["random"]["select"] for scale in SCALES} == {
        "pilot": "macro_f1", "paper": "loss"
    }  # fmt: skip
    assert described("pilot")["select_loss"]["select"] == "loss"
    assert described("paper")["select_macro_f1_beat_2048"]["select"] == "macro_f1"
    assert "select_loss" not in resnet1d.SCALES["paper"].arms


def test_the_register_says_where_a_switch_is_turned_back():
    from ecgrepro.claims import discrepancies

    register = {switch.name: switch for switch in discrepancies.switches()}
    for name, (back, _) in BACK.items():
        turned_back = [scale for scale in SCALES if listed_name(scale, name) == back]
        assert turned_back
        for scale in turned_back:
            assert f"`{scale}`" in register[name].usual
            assert f"`{back}`" in register[name].default


def test_a_default_that_has_a_switch_turned_for_good_is_refused():
    with pytest.raises(SettingsError, match="switch ties_last: expected a default that has it not turned"):
        switch_arms(FineTuning(ties="last"), (1.0,))


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


def test_an_arm_that_turns_a_switch_back_gives_the_same_effect():
    turned = switch_effects(tables({"random": 0.5, "select_loss": 0.9}), 0.1, **RESAMPLING)
    runs = {"random": 0.9, "select_macro_f1": 0.5}

    def find(arm, labels):  # the runs are those of the pilot's `random`, whatever their name
        return tables({"random": runs[arm]})("random", labels) if arm in runs else None

    assert switch_effects(find, 0.1, **RESAMPLING) == turned
    assert turned[0]["estimate"] > 0.3


def test_switches_without_runs_are_left_out():
    assert switch_effects(tables({"random": 0.5}), 0.1, **RESAMPLING) == []
    assert switch_effects(tables({"select_loss": 0.5}), 0.1, **RESAMPLING) == []
    assert switch_effects(lambda arm, labels: None, 0.1, **RESAMPLING) == []


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
