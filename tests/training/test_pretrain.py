import hashlib
import math

import numpy as np
import pytest

from ecgrepro.errors import SettingsError
from ecgrepro.frames.beat import BeatTask
from ecgrepro.training import pretrain as module
from ecgrepro.training.pretrain import pretrain, samplers
from ecgrepro.training.recipe import FuturePrediction
from ecgrepro.training.runner import RUN, run
from ecgrepro.training.start import start_model
from tests.training import children, tiny


def test_no_held_out_patient_gives_a_training_frame(workspace):
    train, held_out = samplers(tiny.pretraining(workspace), workspace)
    groups = train.streams.table.group
    drawn = [
        {group for step in range(one.n_steps) for group in groups.iloc[one.places(step)[0]]}
        for one in (train, held_out)
    ]
    assert drawn[0] == set(train.patients)
    assert drawn[1] == set(held_out.patients)
    assert not drawn[0] & drawn[1]


def test_other_seeds_hold_other_patients_out(workspace):
    found = {
        tuple(samplers(tiny.pretraining(workspace, seed=seed), workspace)[1].patients) for seed in range(8)
    }
    assert len(found) > 1


def test_predictions_are_of_held_out_patients_only(finished):
    found = finished.results["parent"]
    assert set(found["predictions"].part) == {"test"}
    patients = {name.split("/")[1].split("_")[0] for name in found["predictions"].record_id}
    assert len(found["run"]["held_out_patients"]) == len(patients) == 1
    (patient,) = patients
    assert found["run"]["held_out_patients"][0].endswith(patient.lstrip("p").lstrip("0") or "0")
    assert found["run"]["patients"] == 5


def test_labels_of_predictions_are_those_of_the_task(finished, workspace):
    table = finished.results["parent"]["predictions"]
    _, held_out = samplers(finished.trials["parent"], workspace)
    rows, starts = held_out.places(0)
    names = held_out.streams.table.record_id.iloc[rows]
    labels = BeatTask().labels(held_out.streams.events, held_out.axis[rows] + starts, held_out.length)
    by_id = table.set_index("record_id").label
    for name, start, label in zip(names, starts, labels, strict=True):
        (found,) = (value for key, value in by_id.items() if f"/{name}/" in key and key.endswith(f"/{start}"))
        assert found == label


def test_weights_are_kept_at_the_shares_asked_for(finished):
    key = finished.trials["parent"].key
    half, whole = (dict(np.load(finished.store.weights(key, share))) for share in (0.5, 1.0))
    assert set(half) == set(whole)
    assert any((half[name] != whole[name]).any() for name in half)


def test_the_history_ends_with_the_pass(finished):
    history = finished.results["parent"]["history"]
    assert history.step.tolist() == list(range(4, 44, 4))
    assert (history.frames == 16 * history.step).all()
    assert np.isfinite(history.loss).all()
    assert finished.results["parent"]["run"]["frames"] == 640


def test_shares_that_fall_on_one_step_are_both_kept(finished):
    key, (first, second, _) = finished.trials["parent"].key, finished.trials["parent"].recipe.checkpoints
    assert math.ceil(first * 40) == math.ceil(second * 40) == 20
    assert finished.store.weights(key, first).read_bytes() == finished.store.weights(key, second).read_bytes()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"batch_size": 1000}, "batch_size: expected at most the frames of one pass; got 1000 of 640"),
        ({"held_out_frames": 8}, "batch_size: expected at most the frames of one pass; got 16 of 8"),
        ({"length": 10**6}, "length: expected a recording longer than 1000000 samples; got 1000000, longest"),
        ({"patients": 6}, "patients: expected 1 to 5, those not held out; got 6"),
        (
            {"patients": 2, "sample": 2},
            "sample: expected 0 to 1: 5 patients make 2 disjoint samples of 2; got 2",
        ),
        ({"task": "rhytm"}, "task: expected one of beat, rhythm, heart_rate, future"),
    ],
)
def test_settings_that_cannot_work_are_told_before_training(workspace, tmp_path, changes, named):
    store = tiny.open_store(tmp_path)
    with pytest.raises(SettingsError, match=named):
        pretrain(tiny.pretraining(workspace, **changes), store, workspace)
    assert not store.results.exists()
    assert not store.work.exists()


@pytest.fixture(scope="module")
def tasks(workspace, tmp_path_factory):
    """A pre-training by each of the other tasks, and what stems from it."""
    store, found = tiny.open_store(tmp_path_factory.mktemp("tasks")), {}
    for task in ("rhythm", "heart_rate", "future"):
        changes = {"future": FuturePrediction(context=2, layers=1, heads=2)} if task == "future" else {}
        parent = tiny.pretraining(workspace, task=task, frames_per_patient=64, checkpoints=(1.0,), **changes)
        trials = [parent, tiny.fine_tuning(workspace, parent=parent, epochs=1)]
        run(trials, store, workspace, progress=False)
        found[task] = [store.results_of(trial.key) for trial in trials]
    return found


@pytest.mark.parametrize(("task", "classes"), [("rhythm", 6), ("heart_rate", 4), ("future", 2)])
def test_every_task_trains_and_hands_its_extractor_on(tasks, task, classes):
    parent, heir = tasks[task]
    assert parent["trial"]["recipe"]["task"] == task
    assert np.isfinite(parent["history"].loss).all()
    logits = parent["predictions"].filter(like="logit_")
    assert logits.shape[1] == classes
    assert parent["predictions"].label.between(0, classes - 1).all()
    assert np.isfinite(heir["history"].loss).all()


def test_future_prediction_finds_the_next_frame_at_random_places(tasks):
    labels = tasks["future"][0]["predictions"].label
    assert 0.2 < labels.mean() < 0.8


@pytest.fixture(scope="module")
def sampled(workspace, tmp_path_factory):
    """A pre-training on a sample of two patients that keeps early weights, and what stems from these."""
    store = tiny.open_store(tmp_path_factory.mktemp("sampled"))
    parent = tiny.pretraining(workspace, patients=2, sample=1, checkpoints=(0.06, 0.12, 1.0))
    heirs = [tiny.fine_tuning(workspace, parent=parent, share=share) for share in parent.recipe.checkpoints]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(RUN, "records", children.pretend)
        run([parent, *heirs], store, workspace, progress=False)
    return store, parent, heirs


def test_a_sample_is_trained_on_and_named_in_the_run_record(sampled, workspace):
    store, parent, _ = sampled
    found = store.results_of(parent.key)["run"]
    train, held_out = samplers(parent, workspace)
    assert found["patients"] == len(train.patients) == 2
    assert found["sampled_patients"] == train.patients
    assert found["held_out_patients"] == held_out.patients
    assert found["frames"] == 2 * parent.recipe.frames_per_patient
    assert not set(train.patients) & set(held_out.patients)


def test_of_a_large_sample_the_run_record_holds_a_hash(workspace, monkeypatch):
    monkeypatch.setattr(module, "NAMED", 2)
    trial = tiny.pretraining(workspace, patients=3)
    assert module._sampled(trial, ["a", "b"]) == {"sampled_patients": ["a", "b"]}
    expected = hashlib.sha256(b"a\nb\nc").hexdigest()
    assert module._sampled(trial, ["a", "b", "c"]) == {"sampled_patients_sha256": expected}
    assert module._sampled(tiny.pretraining(workspace), ["a", "b", "c"]) == {}


def test_seeds_share_the_people_of_a_sample_and_not_their_frames(workspace):
    (first, held), (second, same_held) = (
        samplers(tiny.pretraining(workspace, seed=seed, patients=3), workspace) for seed in (0, 1)
    )
    assert (first.patients, held.patients) == (second.patients, same_held.patients)
    assert (first.places(0)[1] != second.places(0)[1]).any()


def test_early_weights_are_kept_and_can_be_started_from(sampled):
    store, parent, heirs = sampled
    kept = [dict(np.load(store.weights(parent.key, share))) for share in parent.recipe.checkpoints]
    for earlier, later in zip(kept, kept[1:], strict=False):
        assert any((earlier[name] != later[name]).any() for name in later)
    for heir, weights in zip(heirs, kept, strict=True):
        assert store.has(heir)
        net = start_model(heir, store, (256, 1), 4)
        for layer in net.layers[:-1]:
            for variable in layer.variables:
                np.testing.assert_array_equal(variable, weights[f"{layer.name}/{variable.name}"])
