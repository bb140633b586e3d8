import json
from dataclasses import asdict, replace

import pytest

from ecgrepro.errors import SettingsError
from ecgrepro.frames.af import AfInput
from ecgrepro.studies.resnet1d import SCALES
from ecgrepro.studies.scale import NAMES, configure, declares
from ecgrepro.training.recipe import FineTuning
from tests.studies import fabricated

PILOT = SCALES["pilot"]


def test_without_overrides_a_scale_is_as_written():
    assert configure(SCALES, "pilot") == PILOT
    assert configure(SCALES, "pilot", seeds=None, width=None, epochs=None, data=None) == PILOT


def test_every_scale_has_its_name():
    assert set(SCALES) == set(NAMES)
    assert all(scale.name == name for name, scale in SCALES.items())


@pytest.mark.parametrize(
    ("key", "value", "field", "expected"),
    [
        ("seeds", 2, "seeds", (0, 1)),
        ("seeds", 7, "seeds", (0, 1, 2, 3, 4, 5, 6)),
        ("seeds", [5, 9, 5], "seeds", (5, 9)),
        ("labels", 0.1, "labels", (0.1,)),
        ("labels", [1, 0.5], "labels", (1.0, 0.5)),
        ("width", 1, "width", 1.0),
        ("precision", "mixed_bfloat16", "precision", "mixed_bfloat16"),
        ("rotate_folds", False, "rotate_folds", False),
        ("label_revision", "v2", "label_revision", "v2"),
    ],
)
def test_settings_of_the_scale_are_replaced(key, value, field, expected):
    changed = configure(SCALES, "pilot", **{key: value})
    assert getattr(changed, field) == expected
    assert replace(changed, **{field: getattr(PILOT, field)}) == PILOT


def test_a_share_given_as_a_whole_number_describes_the_same_trials():
    # 1 and 1.0 are equal, but their JSON, and so the key of the trial, is not
    (one,) = configure(SCALES, "pilot", labels=1).labels
    assert isinstance(one, float)
    keys = [trial.key for trial in fabricated.trials(configure(SCALES, "pilot", labels=1, width=1))]
    assert keys == [
        trial.key for trial in fabricated.trials(configure(SCALES, "pilot", labels=1.0, width=1.0))
    ]


def test_arms_are_chosen_by_name():
    assert configure(SCALES, "pilot", arms="random").arms == {"random": None}
    assert list(configure(SCALES, "paper", arms=["beat_512", "random"]).arms) == ["beat_512", "random"]


def test_fields_reach_the_recipe_that_has_them():
    changed = configure(SCALES, "pilot", epochs=3, frames_per_patient=64, length=512)
    assert changed.fine_tuning == replace(PILOT.fine_tuning, epochs=3)
    expected = replace(PILOT.arms["beat_2048"], frames_per_patient=64, length=512)
    assert changed.arms == {"random": None, "beat_2048": expected}


def test_a_field_of_both_recipes_is_changed_in_both():
    changed = configure(SCALES, "pilot", batch_size=8)
    assert changed.fine_tuning.batch_size == changed.arms["beat_2048"].batch_size == 8


def test_a_nested_setting_takes_what_shall_differ():
    changed = configure(SCALES, "pilot", input={"length": 1024}, optimiser={"learning_rate": 1})
    assert changed.fine_tuning.input == AfInput(fs=125.0, length=1024)
    assert changed.fine_tuning.optimiser.learning_rate == 1.0
    assert changed.arms["beat_2048"].optimiser == replace(
        PILOT.arms["beat_2048"].optimiser, learning_rate=1.0
    )
    assert configure(SCALES, "pilot", input=AfInput()).fine_tuning.input == AfInput()


def test_numbers_take_the_kind_of_what_they_replace():
    changed = configure(SCALES, "pilot", epochs=20.0, held_out=1, checkpoints=[1])
    assert json.dumps(changed.fine_tuning.epochs) == "20"
    assert json.dumps(changed.arms["beat_2048"].held_out) == "1.0"
    assert json.dumps(changed.arms["beat_2048"].checkpoints) == "[1.0]"


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        ({"epoch": 3}, "parameter epoch: expected one of adapt_leads, arms, batch_size, .*; got 'epoch'"),
        ({"epochs": "many"}, "parameter epochs: expected something like 200; got 'many'"),
        ({"epochs": 2.5}, "parameter epochs"),
        ({"epochs": True}, "parameter epochs"),
        ({"width": "half"}, "parameter width: expected something like 0.125; got 'half'"),
        ({"rotate_folds": "no"}, "parameter rotate_folds"),
        ({"label_revision": 3}, "parameter label_revision"),
        ({"labels": []}, "parameter labels"),
        ({"labels": "all"}, "parameter labels"),
        ({"input": {"lenght": 512}}, "parameter input: expected something like AfInput"),
        ({"input": 512}, "parameter input"),
        ({"arms": "beat_512"}, "arms: expected names among random, beat_2048; got 'beat_512'"),
        ({"arms": []}, "arms: expected names"),
        ({"arms": 2}, "arms: expected names"),
        ({"seeds": 0}, "seeds: expected a number above 0 or a list of seeds; got 0"),
        ({"seeds": True}, "seeds: expected"),
        ({"seeds": [-1]}, "seeds: expected"),
        ({"seeds": []}, "seeds: expected"),
        ({"seeds": "two"}, "seeds: expected"),
    ],
)
def test_what_is_not_known_or_of_another_kind_is_refused(overrides, named):
    with pytest.raises(SettingsError, match=named):
        configure(SCALES, "pilot", **overrides)


def test_an_unknown_scale_is_refused():
    with pytest.raises(SettingsError, match="scale: expected one of demo, pilot, colab, paper; got 'huge'"):
        configure(SCALES, "huge")


def finished(trial, **run):
    """A result as it is read again from its folder."""
    return {"trial": json.loads(json.dumps(trial.to_dict())), "run": {"label_revision": "v3"} | run}


@pytest.mark.parametrize("name", SCALES)
def test_a_scale_declares_its_own_trials(name):
    assert all(declares(SCALES[name], finished(trial)) for trial in fabricated.trials(SCALES[name]))


@pytest.mark.parametrize(
    "overrides",
    [
        {"width": 0.25},
        {"precision": "mixed_bfloat16"},
        {"epochs": 20},
        {"frames_per_patient": 64},
        {"seeds": [7]},
        {"labels": 0.5},
        {"input": {"length": 2048}},
    ],
)
def test_a_scale_does_not_declare_runs_with_other_settings(overrides):
    changed = configure(SCALES, "pilot", **overrides)
    foreign = [trial for trial in fabricated.trials(changed) if not declares(PILOT, finished(trial))]
    mine = {trial.key for trial in fabricated.trials(PILOT)}
    touched = [trial for trial in fabricated.trials(changed) if trial.key not in mine]
    # an heir of another pre-training has a key of its own, but its own settings are the scale's
    assert {trial.key for trial in foreign} >= {t.key for t in touched if t.initialisation == "random"} - mine
    assert foreign


def test_runs_on_other_labels_or_corpora_are_not_declared():
    trained, tuned = fabricated.trials(PILOT)[:2]
    assert not declares(PILOT, finished(tuned, label_revision="v2"))
    assert not declares(PILOT, finished(replace(trained, corpora=(("svdb", "x"),))))
    assert not declares(PILOT, finished(replace(trained, arm="beat_512")))


def test_the_published_fine_tuning_is_what_paper_runs():
    assert asdict(SCALES["paper"].fine_tuning) == asdict(FineTuning())
