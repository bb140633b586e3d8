import json
from dataclasses import asdict, replace
from types import SimpleNamespace

import pytest

from ecgrepro.errors import SettingsError
from ecgrepro.frames.af import AfInput
from ecgrepro.studies.arms import Arm, declared, trials
from ecgrepro.studies.resnet1d import SCALES
from ecgrepro.studies.scale import NAMES, configure
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
    assert replace(changed, **{field: getattr(PILOT, field), "arms": PILOT.arms}) == PILOT
    own = {"seeds": (), "labels": ()}.get(field)
    assert own is None or all(getattr(arm, field) == own for arm in changed.arms.values())


def test_a_share_given_as_a_whole_number_describes_the_same_trials():
    # 1 and 1.0 are equal, but their JSON, and so the key of the trial, is not
    (one,) = configure(SCALES, "pilot", labels=1).labels
    assert isinstance(one, float)
    keys = [trial.key for trial in fabricated.trials(configure(SCALES, "pilot", labels=1, width=1))]
    assert keys == [
        trial.key for trial in fabricated.trials(configure(SCALES, "pilot", labels=1.0, width=1.0))
    ]


def test_arms_are_chosen_by_name():
    assert list(configure(SCALES, "pilot", arms="random").arms) == ["random"]
    assert list(configure(SCALES, "paper", arms=["beat_512", "random"]).arms) == ["beat_512", "random"]


def test_fields_reach_the_recipe_that_has_them():
    changed = configure(SCALES, "pilot", epochs=3, frames_per_patient=64, length=512)
    assert changed.fine_tuning == replace(PILOT.fine_tuning, epochs=3)
    expected = replace(PILOT.pretrainings["beat_2048"].recipe, frames_per_patient=64, length=512)
    assert changed.pretrainings["beat_2048"].recipe == expected
    assert changed.arms["random"] == Arm(labels=PILOT.arms["random"].labels)


def test_fields_reach_the_settings_that_an_arm_has_of_its_own():
    changed = configure(SCALES, "pilot", epochs=3, input={"fs": 50})
    own = changed.arms["random_62hz"].fine_tuning
    assert (own.epochs, own.input.fs) == (3, 50.0)
    assert own.input.length == PILOT.arms["random_62hz"].fine_tuning.input.length


def test_a_field_of_both_recipes_is_changed_in_both():
    changed = configure(SCALES, "pilot", batch_size=8)
    assert changed.fine_tuning.batch_size == changed.pretrainings["beat_2048"].recipe.batch_size == 8


def test_a_nested_setting_takes_what_shall_differ():
    changed = configure(SCALES, "pilot", input={"length": 1024}, optimiser={"learning_rate": 1})
    assert changed.fine_tuning.input == AfInput(fs=125.0, length=1024)
    assert changed.fine_tuning.optimiser.learning_rate == 1.0
    assert changed.pretrainings["beat_2048"].recipe.optimiser == replace(
        PILOT.pretrainings["beat_2048"].recipe.optimiser, learning_rate=1.0
    )
    assert configure(SCALES, "pilot", input=AfInput()).fine_tuning.input == AfInput()


def test_numbers_take_the_kind_of_what_they_replace():
    changed = configure(SCALES, "pilot", epochs=20.0, held_out=1, checkpoints=[1])
    assert json.dumps(changed.fine_tuning.epochs) == "20"
    assert json.dumps(changed.pretrainings["beat_2048"].recipe.held_out) == "1.0"
    assert json.dumps(changed.pretrainings["beat_2048"].recipe.checkpoints) == "[1.0]"


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
        ({"arms": "beat_1024"}, "arms: expected names among random, beat_2048, .*; got 'beat_1024'"),
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
    described = json.loads(json.dumps(trial.to_dict()))
    return {"trial": described, "key": trial.key, "run": {"label_revision": "v3"} | run}


def declares(scale, *found):
    return [result["key"] for result in declared("resnet1d", scale, list(found))]


@pytest.mark.parametrize("name", SCALES)
def test_a_scale_declares_its_own_trials(name):
    listed = fabricated.trials(SCALES[name])
    found = [
        finished(trial, label_revision="v2" if trial.corpora[0][0] == "cinc2017_v2" else "v3")
        for trial in listed
    ]
    assert declares(SCALES[name], *found) == [trial.key for trial in listed]


@pytest.mark.parametrize(
    "overrides",
    [
        {"width": 0.25},
        {"precision": "mixed_bfloat16"},
        {"epochs": 20},
        {"frames_per_patient": 64},
        {"seeds": [7]},
        {"labels": 0.75},
        {"input": {"length": 2048}},
    ],
)
def test_a_scale_does_not_declare_runs_with_other_settings(overrides):
    mine = {trial.key for trial in fabricated.trials(PILOT)}
    changed = [t for t in fabricated.trials(configure(SCALES, "pilot", **overrides)) if t.key not in mine]
    assert changed
    assert not declares(PILOT, *map(finished, changed))


def test_runs_on_other_labels_or_corpora_are_not_declared():
    listed = fabricated.trials(PILOT)
    trained, tuned = listed[0], next(trial for trial in listed if trial.arm == "random")
    assert not declares(PILOT, finished(tuned, label_revision="v2"))
    assert not declares(PILOT, finished(replace(trained, corpora=(("svdb", "x"),))))
    assert not declares(PILOT, finished(replace(trained, arm="beat_2047")))


def test_runs_of_another_recipe_are_not_declared():
    tuned = next(trial for trial in fabricated.trials(PILOT) if trial.arm == "random")
    assert not declares(PILOT, finished(replace(tuned, version=tuned.version + 1)))


def test_the_same_trials_on_recordings_ingested_anew_are_declared_too():
    other = SimpleNamespace(fingerprints=lambda *names: tuple((name, f"{name} anew") for name in names))
    found = [finished(t) for t in (*fabricated.trials(PILOT), *trials("resnet1d", PILOT, other))]
    found = [result for result in found if result["trial"]["arm"] in ("random", "beat_2048")]
    assert len(declares(PILOT, *found)) == len(found)


def test_the_published_fine_tuning_is_what_paper_runs():
    published = asdict(FineTuning()) | {"select": "loss"}
    assert asdict(SCALES["paper"].fine_tuning) == published
