import hashlib
import json
from dataclasses import FrozenInstanceError, asdict, fields, replace

import pytest

from ecgrepro.errors import SettingsError
from ecgrepro.frames.af import AfInput
from ecgrepro.training.recipe import Adam, FineTuning, FuturePrediction, Pretraining, Stage, Transform
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


def test_a_described_trial_has_its_key_for_ever():
    # If this fails, the description means something else than before: results in the store would be taken for
    # runs that they are not. Raise RECIPE if training changed; otherwise put the description back.
    assert RECIPE == 1
    assert replace(TUNED, recipe=replace(TUNED.recipe, copies="exact")).key == "5ed60fcd85685a79"
    assert TUNED.key == "5c97cfc25e2c6a7d"
    assert TRAINED.key == "3d25e494f23765cb"


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


def test_what_is_written_as_json_hashes_to_the_key():
    read = json.loads(json.dumps(TUNED.to_dict(), indent=1))
    canonical = json.dumps(read, sort_keys=True, separators=(",", ":"))
    assert hashlib.sha256(canonical.encode()).hexdigest().startswith(TUNED.key)
    assert read["stage"] == "fine-tuning"
    known = json.loads(json.dumps(asdict(TUNED.recipe)))
    assert read["recipe"] == {name: known[name] for name in read["recipe"]}
    assert set(known) - set(read["recipe"]) == {"stages", "groups", "adapt_leads"}


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
    assert trained.optimiser == Adam(1e-3, 0.9, 0.98, 1e-9)
    assert (trained.fs, trained.length, trained.frames_per_patient) == (250.0, 2048, 4096)
    assert (trained.mean, trained.deviation, trained.held_out) == (0.0018, 1.3711, 0.05)


def test_what_can_be_run_passes_the_check():
    TUNED.check()
    TRAINED.check()


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
        (TUNED, {"frozen_batch_normalisation": "training"}, {}, "expected inference where nothing is frozen"),
        (TUNED, {"initialisation": "random"}, {"adapt_leads": True}, "adapt_leads: expected False without"),
        (
            TUNED,
            {"initialisation": "imagenet:beef", "model": "alexnet", "transform": Transform("cwt")},
            {},
            "transform: expected a `mean` where AlexNet starts from ImageNet",
        ),
        (TUNED, {"frozen_batch_normalisation": "eval"}, {}, "expected inference or training; got 'eval'"),
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
        (TUNED, {"corpora": (("svdb", "beef"),)}, {}, "corpora: expected cinc2017; got"),
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
