import json
from dataclasses import asdict, replace
from types import SimpleNamespace

import pytest

from ecgrepro.errors import SettingsError
from ecgrepro.frames.af import AfInput
from ecgrepro.studies import pretrain_size, resnet1d, spectrogram2d
from ecgrepro.studies.arms import Arm, declared, trials
from ecgrepro.studies.resnet1d import SCALES
from ecgrepro.studies.scale import NAMES, configure
from ecgrepro.training.recipe import FineTuning
from tests.studies import fabricated

PILOT = SCALES["pilot"]
#: Arms that differ in nothing but their start.
ALIKE = ["random", "beat_2048"]


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
        ("seeds", [5, 9, 5], "seeds", (5, 9)),
        ("seeds", [0, 5, 10], "seeds", (0, 5, 10)),
        ("labels", 0.1, "labels", (0.1,)),
        ("labels", [1, 0.5], "labels", (1.0, 0.5)),
        ("width", 1, "width", 1.0),
        ("precision", "mixed_bfloat16", "precision", "mixed_bfloat16"),
        ("rotate_folds", False, "rotate_folds", False),
        ("label_revision", "v0", "label_revision", "v0"),
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
    changed = configure(SCALES, "pilot", arms=ALIKE, epochs=3, frames_per_patient=64, length=512)
    assert changed.fine_tuning == replace(PILOT.fine_tuning, epochs=3)
    expected = replace(PILOT.pretrainings["beat_2048"].recipe, frames_per_patient=64, length=512)
    assert changed.pretrainings["beat_2048"].recipe == expected
    assert changed.arms["random"] == Arm(labels=PILOT.arms["random"].labels)


def test_fields_reach_the_settings_that_an_arm_has_of_its_own():
    changed = configure(SCALES, "pilot", arms=["random_62hz", "beat_62hz"], epochs=3, input={"fs": 50})
    own = changed.arms["random_62hz"].fine_tuning
    assert (own.epochs, own.input.fs) == (3, 50.0)
    assert own.input.length == PILOT.arms["random_62hz"].fine_tuning.input.length


def test_a_field_of_both_recipes_is_changed_in_both():
    changed = configure(SCALES, "pilot", batch_size=8)
    assert changed.fine_tuning.batch_size == changed.pretrainings["beat_2048"].recipe.batch_size == 8


def test_a_nested_setting_takes_what_shall_differ():
    changed = configure(SCALES, "pilot", arms=ALIKE, input={"length": 1024}, optimiser={"learning_rate": 1})
    assert changed.fine_tuning.input == AfInput(fs=125.0, length=1024)
    assert changed.fine_tuning.optimiser.learning_rate == 1.0
    assert changed.pretrainings["beat_2048"].recipe.optimiser == replace(
        PILOT.pretrainings["beat_2048"].recipe.optimiser, learning_rate=1.0
    )
    assert configure(SCALES, "pilot", arms=ALIKE, input=AfInput()).fine_tuning.input == AfInput()


def test_numbers_take_the_kind_of_what_they_replace():
    changed = configure(SCALES, "pilot", epochs=20.0, held_out=1, checkpoints=[1])
    assert json.dumps(changed.fine_tuning.epochs) == "20"
    assert json.dumps(changed.pretrainings["beat_2048"].recipe.held_out) == "1.0"
    assert json.dumps(changed.pretrainings["beat_2048"].recipe.checkpoints) == "[1.0]"


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        ({"epoch": 3}, "parameter epoch: expected one of adapt_leads, aggregate, arms, .*; got 'epoch'"),
        ({"epochs": "many"}, "parameter epochs: expected something like 200; got 'many'"),
        ({"epochs": 2.5}, "parameter epochs"),
        ({"epochs": True}, "parameter epochs"),
        ({"width": "half"}, "parameter width: expected something like 0.125; got 'half'"),
        ({"rotate_folds": "no"}, "parameter rotate_folds"),
        ({"label_revision": 3}, "parameter label_revision"),
        ({"labels": []}, "parameter labels"),
        ({"labels": "all"}, "parameter labels"),
        ({"stages": [1]}, r"parameter stages: expected something like \(\)"),
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


# ---- what makes an arm what it is ----


@pytest.mark.parametrize("study", [resnet1d, spectrogram2d, pretrain_size])
@pytest.mark.parametrize("name", NAMES)
def test_what_says_how_much_is_computed_can_be_set_for_all_arms(study, name):
    changed = configure(study.SCALES, name, batch_size=128, epochs=3, held_out_frames=16)
    tuned = [changed.fine_tuning, *(arm.fine_tuning for arm in changed.arms.values() if arm.fine_tuning)]
    assert {(recipe.batch_size, recipe.epochs) for recipe in tuned} == {(128, 3)}
    trained = {
        (source.recipe.batch_size, source.recipe.held_out_frames) for source in changed.pretrainings.values()
    }
    assert trained == {(128, 16)}


@pytest.mark.parametrize(
    ("study", "scale", "overrides", "named"),
    [
        (pretrain_size, "demo", {"frames_per_patient": 64},
         "frames_per_patient: .* 1024 in patients_4_fixed; 256 in patients_16_fixed. "
         "Drop it, or choose `arms` without patients_16_fixed"),
        (pretrain_size, "demo", {"patients": 6}, "patients: .* 4 in patients_4_fixed; 16 in patients_16_fixed"),
        (pretrain_size, "pilot", {"shuffle_patients": 16}, "shuffle_patients: .* without one_run_6, .*one_run_100"),
        (pretrain_size, "paper", {"checkpoints": [1.0]}, "checkpoints: .* in beat_4096_1pct"),
        (resnet1d, "pilot", {"length": 512}, "length: .* 256 in beat_512; .* without beat_512, beat_4096, beat_62hz"),
        (resnet1d, "pilot", {"task": "rhythm"}, "task: .*'rhythm' in rhythm; 'heart_rate' in heart_rate"),
        (resnet1d, "pilot", {"select": "loss"}, "select: .* without select_loss, select_loss_beat_2048"),
        (resnet1d, "pilot", {"input": {"padding": "right"}},
         "input padding: .* without padding_right, padding_right_beat_2048"),
        (resnet1d, "pilot", {"input": AfInput()}, "input fs: .*62.5 in random_62hz"),
        (resnet1d, "paper", {"select": "macro_f1"}, "select: .* without .*report_random.*select_macro_f1"),
        (spectrogram2d, "pilot", {"mean": 0.5}, "mean: .*0.0 in beat_2d; .* without beat_2d"),
    ],
)  # fmt: skip
def test_a_setting_that_tells_arms_apart_is_refused_with_the_arms_that_agree(study, scale, overrides, named):
    with pytest.raises(SettingsError, match=f"parameter {named}"):
        configure(study.SCALES, scale, **overrides)


@pytest.mark.parametrize(
    ("study", "arms", "overrides", "named"),
    [
        (pretrain_size, ["patients_100_fixed"], {"patients": 6}, "patients: expected 100 in patients_100_fixed"),
        (pretrain_size, ["one_run_6", "one_run_12"], {"patients": 50},
         "patients: expected 100 in one_run_6, one_run_12"),
        (pretrain_size, ["one_run_6"], {"checkpoints": 1.0}, "checkpoints: .* in one_run_6"),
        (pretrain_size, ["one_run_6"], {"shuffle_patients": 100}, "shuffle_patients: expected 6 in one_run_6"),
        (pretrain_size, ["patients_6_fixed", "patients_6_pass"], {"sample": 1},
         "sample: expected 0 in patients_6_fixed"),
        (resnet1d, ["random", "rhythm"], {"task": "beat"}, "task: expected 'rhythm' in rhythm"),
        (resnet1d, ["random", "beat_2048"], {"task": "rhythm"}, "task: expected 'beat' in beat_2048"),
        (resnet1d, ["select_loss"], {"select": "macro_f1"}, "select: expected 'loss' in select_loss"),
        (resnet1d, ["padding_right"], {"input": {"padding": "left"}},
         "input padding: expected 'right' in padding_right"),
    ],
)  # fmt: skip
def test_an_arm_keeps_what_it_is_named_after_even_alone(study, arms, overrides, named):
    with pytest.raises(SettingsError, match=f"parameter {named}"):
        configure(study.SCALES, "pilot", arms=arms, **overrides)
    with pytest.raises(SettingsError, match=f"parameter {named}"):  # whatever is given first
        configure(study.SCALES, "pilot", **overrides, arms=arms)


@pytest.mark.parametrize(
    ("study", "scale", "arms", "overrides"),
    [
        (pretrain_size, "demo", ["random", "patients_4_fixed"], {"frames_per_patient": 64}),
        (pretrain_size, "demo", ["random", "patients_16_fixed"], {"frames_per_patient": 64, "length": 512}),
        (resnet1d, "pilot", ["random", "rhythm"], {"task": "rhythm", "patients": 6}),
        (
            resnet1d,
            "pilot",
            ["random", "beat_512"],
            {"length": 512, "select": "loss", "stop": "training_accuracy"},
        ),
        (resnet1d, "colab", None, {"patients": 10, "frames_per_patient": 64}),
        (resnet1d, "pilot", ["labels_v2", "random"], {"label_revision": "v0"}),
        (spectrogram2d, "pilot", ["beat_2d"], {"mean": 0.5}),
    ],
)
def test_arms_that_agree_take_any_setting(study, scale, arms, overrides):
    changed = configure(study.SCALES, scale, arms=arms, **overrides)
    source = next(arm.source for arm in changed.arms.values() if arm.source) if "task" in overrides else None
    assert source is None or changed.pretrainings[source].recipe.patients == 6
    assert list(changed.arms) == (arms or list(study.SCALES[scale].arms))


def test_what_is_refused_of_all_arms_can_be_set_for_those_that_the_error_names():
    everything = {name: source.recipe for name, source in PILOT.pretrainings.items()}
    without = ("beat_512", "beat_4096", "beat_62hz", "beat_250hz")
    chosen = [name for name in PILOT.arms if name not in without]
    changed = configure(SCALES, "pilot", length=512, arms=chosen)
    for name in ("beat_2048", "rhythm", "heart_rate", "future"):
        assert changed.pretrainings[name].recipe == replace(everything[name], length=512)


def test_a_label_revision_that_undoes_a_switch_is_refused():
    with pytest.raises(
        SettingsError, match="label_revision: .* that of labels_v2, labels_v2_beat_2048; got 'v2'"
    ):
        configure(SCALES, "pilot", label_revision="v2")
    assert configure(SCALES, "pilot", label_revision="v2", arms=ALIKE).label_revision == "v2"


# ---- seeds and folds ----


@pytest.mark.parametrize(
    ("scale", "overrides", "got"),
    [
        ("demo", {"seeds": 5}, "0, 1, 2, 3, 4 on 4 of 4 folds"),
        ("pilot", {"seeds": 6}, "on 5 of 5 folds"),
        ("pilot", {"seeds": [0, 5, 6]}, "0, 5, 6 on 2 of 5 folds"),
        ("pilot", {"folds": 4}, "0, 1, 2, 3, 4 on 4 of 4 folds"),
        ("pilot", {"folds": 2}, "on 2 of 2 folds"),
    ],
)
def test_seeds_that_share_folds_in_part_are_refused(scale, overrides, got):
    with pytest.raises(
        SettingsError, match=f"parameter seeds: expected .* same fold; got seeds .*{got}.* `folds`"
    ):
        configure(SCALES, scale, **overrides)


@pytest.mark.parametrize(
    ("scale", "overrides"),
    [
        ("demo", {"seeds": 4}),
        ("pilot", {"seeds": 10, "folds": 10}),
        ("pilot", {"seeds": 10, "rotate_folds": False}),
        ("pilot", {"seeds": [3, 8, 13]}),
        ("pilot", {"seeds": [9, 5, 11]}),
        ("paper", {"seeds": 20}),
    ],
)
def test_seeds_with_all_folds_different_or_all_the_same_are_taken(scale, overrides):
    configured = configure(SCALES, scale, **overrides)
    folds = {
        trial.seed: trial.fold for trial in fabricated.trials(configured) if trial.stage == "fine-tuning"
    }
    assert set(folds) == set(configured.seeds)
    assert len(set(folds.values())) in (1, len(folds))


def test_folds_to_rotate_through_are_two_or_more():
    with pytest.raises(SettingsError, match="parameter folds: expected two or more; got 0"):
        configure(SCALES, "pilot", folds=0)


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
        {"frames_per_patient": 64, "arms": ALIKE},
        {"seeds": [7]},
        {"labels": 0.75},
        {"input": {"length": 2048}, "arms": ALIKE},
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
