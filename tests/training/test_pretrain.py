import math

import numpy as np
import pytest

from ecgrepro.errors import SettingsError
from ecgrepro.frames.beat import BeatTask
from ecgrepro.training.pretrain import pretrain, samplers
from ecgrepro.training.recipe import FuturePrediction
from ecgrepro.training.runner import run
from tests.training import tiny


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
        ({"length": 10**6}, "frame length: expected a recording longer than a frame"),
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
