import hashlib
import json
from dataclasses import FrozenInstanceError, asdict, fields, replace
from pathlib import Path

import pytest

from ecgrepro.errors import SettingsError
from ecgrepro.frames.af import AfInput
from ecgrepro.frames.diagnosis_input import DiagnosisInput
from ecgrepro.frames.graded_segments import GradedInput
from ecgrepro.frames.interval_input import IntervalInput
from ecgrepro.frames.quality_mixture import MixtureInput
from ecgrepro.training.diagnosis_recipe import DiagnosisTraining
from ecgrepro.training.recipe import (
    LATER,
    Adam,
    FineTuning,
    FuturePrediction,
    Momentum,
    Pretraining,
    QualityTraining,
    Stage,
    Transform,
    describe_recipe,
)
from ecgrepro.training.trial import RECIPE, Trial

COMMON = {"study": "resnet1d", "scale": "pilot", "seed": 3, "model": "resnet18", "width": 0.125}
TUNED = Trial(
    arm="beat_2048", fold=3, corpora=(("cinc2017", "c0ffee"),), recipe=FineTuning(labels=0.1),
    initialisation="0123456789abcdef@1.0", **COMMON,
)  # fmt: skip
TRAINED = Trial(
    arm="beat_2048", fold=0, corpora=(("mitbih_arrhythmia", "beef"), ("svdb", "cafe")),
    recipe=Pretraining(fs=125.0, length=1024, checkpoints=(0.5, 1.0)), **COMMON,
)  # fmt: skip
BAND = IntervalInput(band=(0.5, 40.0))
MIXED = Trial(
    arm="band_7", fold=0, corpora=(("mitbih_arrhythmia", "beef"), ("nstdb", "cafe"), ("cinc2017", "c0ffee")),
    recipe=QualityTraining(input=MixtureInput(interval=BAND), optimiser=Momentum()), freeze_depth=7, **COMMON,
)  # fmt: skip
GRADED = replace(
    MIXED, arm="butqdb_7", corpora=MIXED.corpora[1:], recipe=QualityTraining(input=GradedInput())
)


def test_a_described_trial_has_its_key_for_ever():
    # If this fails, the description means something else than before: results in the store would be taken for
    # runs that they are not. Raise RECIPE if training changed; otherwise put the description back.
    assert RECIPE == 1
    assert replace(TUNED, recipe=replace(TUNED.recipe, copies="exact")).key == "5ed60fcd85685a79"
    assert TUNED.key == "5c97cfc25e2c6a7d"
    assert TRAINED.key == "3d25e494f23765cb"


COMMITTED = sorted((Path(__file__).parents[2] / "results").glob("*/*/*/trial.json"))


def rebuilt(kind, described, **parts):
    """An object of a kind from its description; what is left out has its value in `LATER`."""
    earlier = {field.name: LATER[field.name] for field in fields(kind) if field.name in LATER}
    return kind(**(earlier | described | parts))


def read_trial(described):
    """The Trial of a trial.json."""
    described = dict(described)
    stage, recipe = described.pop("stage"), described.pop("recipe")
    kind = Momentum if "momentum" in recipe["optimiser"] else Adam
    parts = {"optimiser": kind(**recipe["optimiser"])}
    if stage == "pretraining":
        parts |= {"checkpoints": tuple(recipe["checkpoints"]),
                  "future": FuturePrediction(**recipe.get("future", {}))}  # fmt: skip
        made = rebuilt(Pretraining, recipe, **parts)
    else:
        rates = [
            stage | {"learning_rate": _tuple(stage["learning_rate"])} for stage in recipe.get("stages", ())
        ]
        parts |= {
            "groups": tuple(recipe.get("groups", (0,))),
            "stages": tuple(Stage(**stage) for stage in rates),
        }
        made = _supervised(recipe, parts)
    shown = described.pop("transform", None)
    transform = shown and Transform(shown["kind"], tuple(map(_tuple, shown["settings"])))
    return rebuilt(Trial, described, recipe=made, corpora=_tuple(described["corpora"]), transform=transform)


def _supervised(recipe, parts):
    """The `FineTuning`, `QualityTraining` or `DiagnosisTraining` of a description, told apart by their inputs."""
    how = {name: _tuple(value) for name, value in recipe["input"].items()}
    if "task" in how:
        checkpoints = tuple(recipe["checkpoints"])
        return rebuilt(
            DiagnosisTraining, recipe, input=DiagnosisInput(**how), checkpoints=checkpoints, **parts
        )
    if "interval" not in how:
        return rebuilt(FineTuning, recipe, input=rebuilt(AfInput, how), **parts)
    interval = IntervalInput(**{name: _tuple(value) for name, value in how.pop("interval").items()})
    kind = MixtureInput if "low_snr_db" in how else GradedInput
    return rebuilt(QualityTraining, recipe, input=rebuilt(kind, how, interval=interval), **parts)


def _tuple(value):
    return tuple(map(_tuple, value)) if isinstance(value, list) else value


@pytest.mark.skipif(not COMMITTED, reason="no trials are committed")
def test_committed_trials_have_the_keys_that_their_folders_are_named_by():
    for path in COMMITTED:
        assert read_trial(json.loads(path.read_text())).key == path.parent.name, path


@pytest.mark.parametrize(
    "trial", [TUNED, TRAINED, MIXED, GRADED], ids=lambda trial: f"{trial.stage} {trial.arm}"
)
def test_a_trial_can_be_read_back_from_its_description(trial):
    assert read_trial(json.loads(json.dumps(trial.to_dict()))) == trial


def test_the_key_does_not_depend_on_the_order_of_fields():
    backwards = {field.name: getattr(TUNED, field.name) for field in reversed(fields(Trial))}
    recipe = {field.name: getattr(TUNED.recipe, field.name) for field in reversed(fields(FineTuning))}
    again = Trial(**(backwards | {"recipe": FineTuning(**recipe)}))
    assert again == TUNED
    assert hash(again) == hash(TUNED)
    assert again.key == TUNED.key


def other(value):
    """Another value of the same kind."""
    if isinstance(value, str):
        return value + "x"
    if value is None:
        return Transform("stft")
    if isinstance(value, (Adam, AfInput, FuturePrediction)):
        first = fields(value)[0].name
        return replace(value, **{first: other(getattr(value, first))})
    if isinstance(value, tuple):
        return (*value, value[0] if value else Stage(1, 0, 0.1))
    return not value if isinstance(value, bool) else value + 1


@pytest.mark.parametrize("trial", [TUNED, TRAINED], ids=lambda trial: trial.stage)
def test_every_field_changes_the_key(trial):
    keys = {trial.key}
    names = [field.name for field in fields(Trial) if field.name != "recipe"]
    keys |= {replace(trial, **{name: other(getattr(trial, name))}).key for name in names}
    settings = [field.name for field in fields(trial.recipe) if field.name != "future"]
    for name in settings:
        recipe = replace(trial.recipe, **{name: other(getattr(trial.recipe, name))})
        keys.add(replace(trial, recipe=recipe).key)
    assert len(keys) == 1 + len(names) + len(settings)


@pytest.mark.parametrize("name", [field.name for field in fields(Adam)])
def test_every_setting_of_the_optimiser_changes_the_key(name):
    optimiser = replace(TUNED.recipe.optimiser, **{name: 0.5})
    assert replace(TUNED, recipe=replace(TUNED.recipe, optimiser=optimiser)).key != TUNED.key


@pytest.mark.parametrize("name", [field.name for field in fields(AfInput)])
def test_every_setting_of_the_input_changes_the_key(name):
    how = replace(TUNED.recipe.input, **{name: other(getattr(TUNED.recipe.input, name))})
    assert replace(TUNED, recipe=replace(TUNED.recipe, input=how)).key != TUNED.key


def test_later_settings_are_described_where_they_differ_and_only_there():
    assert "padding" not in describe_recipe(FineTuning())["input"]
    how = AfInput(padding="right")
    found = describe_recipe(
        FineTuning(input=how, stop="training_accuracy", ties="last", constants="training")
    )
    assert found["input"]["padding"] == "right"
    assert (found["stop"], found["ties"], found["constants"]) == ("training_accuracy", "last", "training")
    assert not {"patients", "sample"} & set(describe_recipe(Pretraining()))
    found = describe_recipe(Pretraining(patients=6, sample=2))
    assert (found["patients"], found["sample"]) == (6, 2)


def test_what_is_written_as_json_hashes_to_the_key():
    read = json.loads(json.dumps(TUNED.to_dict(), indent=1))
    canonical = json.dumps(read, sort_keys=True, separators=(",", ":"))
    assert hashlib.sha256(canonical.encode()).hexdigest().startswith(TUNED.key)
    assert read["stage"] == "fine-tuning"
    known = json.loads(json.dumps(asdict(TUNED.recipe)))
    assert set(known.pop("input")) - set(read["recipe"].pop("input")) == {"padding"}
    assert read["recipe"] == {name: known[name] for name in read["recipe"]}
    left_out = {"stages", "groups", "adapt_leads", "stop", "ties", "constants"}
    assert set(known) - set(read["recipe"]) == left_out


def test_settings_of_future_prediction_are_described_where_they_matter():
    other_future = FuturePrediction(context=4)
    assert replace(TRAINED, recipe=replace(TRAINED.recipe, future=other_future)).key == TRAINED.key
    future = replace(TRAINED, recipe=replace(TRAINED.recipe, task="future"))
    assert future.key != replace(future, recipe=replace(future.recipe, future=other_future)).key


def test_the_recipe_says_the_stage():
    assert (TUNED.stage, TRAINED.stage) == ("fine-tuning", "pretraining")


def test_a_trial_knows_what_it_stems_from():
    assert (TUNED.parent, TUNED.start) == ("0123456789abcdef", ("0123456789abcdef", 1.0))
    assert (TRAINED.parent, TRAINED.start) == (None, None)


def test_a_trial_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        TUNED.seed = 4


def test_it_says_in_words_what_it_is():
    assert str(TUNED).startswith("resnet1d fine-tuning beat_2048, seed 3, fold 3, 10% of labels [")
    assert str(TRAINED).startswith("resnet1d pretraining beat_2048, seed 3 [")


def test_the_published_settings_are_the_defaults():
    tuned, trained = FineTuning(), Pretraining()
    assert (tuned.input.fs, tuned.input.length, tuned.validation) == (250.0, 16_384, 0.0625)
    assert (tuned.epochs, tuned.patience, tuned.batch_size) == (200, 50, 64)
    assert tuned.optimiser == Adam(1e-3, 0.9, 0.999, 1e-7)
    assert (tuned.stop, tuned.ties, tuned.constants) == ("validation_loss", "first", "all")
    assert (trained.patients, trained.sample) == (None, 0)
    assert trained.optimiser == Adam(1e-3, 0.9, 0.98, 1e-9)
    assert (trained.fs, trained.length, trained.frames_per_patient) == (250.0, 2048, 4096)
    assert (trained.mean, trained.deviation, trained.held_out) == (0.0018, 1.3711, 0.05)


def test_what_can_be_run_passes_the_check():
    TUNED.check()
    TRAINED.check()
    replace(TRAINED, recipe=replace(TRAINED.recipe, patients=6, sample=2)).check()


@pytest.mark.parametrize("name", ["cinc2017", "cinc2017_v2", "cinc2017_v0"])
def test_a_fine_tuning_is_of_any_label_revision(name):
    replace(TUNED, corpora=((name, "c0ffee"),)).check()


STAGED = {"stages": (Stage(3, 0, 0.1), Stage(4, 0, 0.1)), "epochs": 7, "patience": 7}


def test_stages_pass_the_check():
    replace(TUNED, recipe=replace(TUNED.recipe, **STAGED)).check()


@pytest.mark.parametrize(
    ("trial", "changes", "settings", "named"),
    [
        (TUNED, {"version": 0}, {}, "version: expected 1, the present recipe; got 0"),
        (TRAINED, {"freeze_depth": 3}, {}, "freeze_depth: expected 0 in pre-training, .*; got 3"),
        (TRAINED, {"frozen_batch_normalisation": "training"}, {}, "with nothing said of frozen layers"),
        (TRAINED, {"initialisation": "beef@1.0"}, {}, "initialisation: expected random in pre-training"),
        (TRAINED, {"fold": 1}, {}, "fold: expected 0 in pre-training"),
        (
            TRAINED,
            {"transform": Transform("fourier")},
            {"task": "future"},
            "expected none in future prediction",
        ),
        (TUNED, {"initialisation": "beef@most"}, {}, "initialisation: expected random, KEY@SHARE"),
        (TUNED, {"model": "resnet19"}, {}, "model: expected one of resnet18"),
        (TUNED, {"freeze_depth": 1}, STAGED, "stages: expected freeze_depth 0"),
        (TUNED, {}, STAGED | {"patience": 6}, "stages: .*patience of all epochs"),
        (TUNED, {}, STAGED | {"optimiser": Adam(0.5)}, "stages: .*the default optimiser"),
        (TUNED, {}, {"groups": (0, 3)}, "groups: expected .* without stages"),
        (
            TUNED,
            {"frozen_batch_normalisation": "training"},
            {},
            "expected inference or all where nothing is frozen",
        ),
        (TUNED, {"initialisation": "random"}, {"adapt_leads": True}, "adapt_leads: expected False without"),
        (
            TUNED,
            {"initialisation": "imagenet:beef", "model": "alexnet", "transform": Transform("cwt")},
            {},
            "transform: expected a `mean` where AlexNet starts from ImageNet",
        ),
        (
            TUNED,
            {"frozen_batch_normalisation": "eval"},
            {},
            "expected inference or training or all; got 'eval'",
        ),
        (
            TUNED,
            {"transform": Transform("sftf")},
            {},
            "transform: expected one of stft, cwt, fourier; got 'sftf'",
        ),
        (
            TUNED,
            {},
            {"stages": (Stage(3, 0, 0.1), Stage(4, 0, 0.1))},
            "epochs: expected 7, those of the stages; got 200",
        ),
        (TUNED, {"fold": 5}, {}, "fold: expected 0 to 4; got 5"),
        (
            TUNED,
            {"corpora": (("svdb", "beef"),)},
            {},
            "corpora: expected one of cinc2017, cinc2017_v2, cinc2017_v0",
        ),
        (
            TUNED,
            {"corpora": (("cinc2017", "a"), ("cinc2017_v2", "b"))},
            {},
            "corpora: expected one of cinc2017",
        ),
        (TUNED, {}, {"input": AfInput(padding="both")}, "padding: expected left or right; got 'both'"),
        (
            TUNED,
            {},
            {"input": AfInput(resampling="sinc")},
            "resampling: expected polyphase or fft; got 'sinc'",
        ),
        (TUNED, {}, {"input": AfInput(length=0)}, "length: expected a whole number of at least 1; got 0"),
        (TUNED, {}, {"stop": "f1"}, "stop: expected validation_loss or training_accuracy; got 'f1'"),
        (TUNED, {}, {"ties": "best"}, "ties: expected first or last; got 'best'"),
        (TUNED, {}, {"ties": "last", "select": "last"}, "ties: expected first where the last epoch is taken"),
        (TUNED, {}, {"constants": "test"}, "constants: expected all or training; got 'test'"),
        (TUNED, {}, {"validation": 0.0}, "validation: expected a share between 0 and 1; got 0.0"),
        (TUNED, {}, {"folds": 1}, "folds: expected at least 2; got 1"),
        (TUNED, {}, STAGED | {"stop": "training_accuracy"}, "stages: .*the default optimiser and stop"),
        (
            TRAINED,
            {},
            {"patients": 0},
            "patients: expected a whole number of at least 1, or None for all; got 0",
        ),
        (TRAINED, {}, {"patients": 2.5}, "patients: expected a whole number"),
        (TRAINED, {}, {"patients": 6, "sample": -1}, "sample: expected a whole number from 0"),
        (TRAINED, {}, {"sample": 1}, "sample: expected .* 0 where `patients` is None; got 1"),
        (TRAINED, {}, {"length": 0}, "length: expected a whole number of at least 1; got 0"),
        (TRAINED, {}, {"frames_per_patient": 0}, "frames_per_patient: expected a whole number of at least 1"),
        (TUNED, {}, {"select": "accuracy"}, "select: expected macro_f1, loss or last; got 'accuracy'"),
        (TUNED, {}, {"labels": 10.0}, "labels: expected a share above 0, at most 1; got 10"),
        (TUNED, {}, {"labels": 0.0}, "labels: expected a share above 0"),
        (TUNED, {}, {"epochs": 0}, "epochs: expected at least 1"),
        (TUNED, {}, {"patience": 0}, "patience: expected at least 1"),
        (TUNED, {}, {"batch_size": 0}, "batch_size: expected at least 1"),
        (TRAINED, {}, {"task": "ecg"}, "task: expected one of beat, rhythm, heart_rate, future; got 'ecg'"),
        (TRAINED, {}, {"checkpoints": (0.5, 1.5)}, "checkpoints: expected shares above 0, at most 1"),
        (TRAINED, {}, {"checkpoints": ()}, "checkpoints: expected shares"),
        (TRAINED, {}, {"held_out": 1.0}, "held_out: expected a share between 0 and 1"),
    ],
)
def test_what_no_run_could_follow_is_refused(trial, changes, settings, named):
    changed = replace(trial, recipe=replace(trial.recipe, **settings), **changes)
    with pytest.raises(SettingsError, match=named):
        changed.check()
