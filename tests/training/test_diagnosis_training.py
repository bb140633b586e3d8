"""Training on diagnoses: whom it learns from and tests, what it leaves, and that others can start from it."""

from dataclasses import replace

import numpy as np
import pytest

from ecgrepro.corpora.ingest import ingest
from ecgrepro.corpora.synthetic_writers import write_demo_data
from ecgrepro.errors import SettingsError
from ecgrepro.frames.diagnosis_input import DiagnosisInput, labelled_recordings
from ecgrepro.training.diagnosis_parts import diagnosed, untrained
from ecgrepro.training.diagnosis_recipe import DiagnosisTraining
from ecgrepro.training.examples import examples_of, unscored_classes
from ecgrepro.training.feasibility import check_with
from ecgrepro.training.finetune import finetune
from ecgrepro.training.recipe import Stage
from ecgrepro.training.runner import run
from ecgrepro.training.trial import Trial
from ecgrepro.training.workspace import Workspace
from tests.training import tiny

ONE = (Stage(1, 0, 1e-2),)
RECIPE = DiagnosisTraining(
    input=DiagnosisInput(fs=25.0), split="fifths", window=64, stride=64, batch_size=16, epochs=1, stages=ONE
)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    folder = tmp_path_factory.mktemp("diagnosis")
    write_demo_data(folder / "published", patients=1, segments=1, samples=4096, records=8, seed=1, all_layouts=True,
                    twelve_lead_records=60, quality_seconds=20)  # fmt: skip
    for name, source in (("ptbxl", "ptbxl"), ("georgia", "challenge2021")):
        ingest(name, folder / "published" / source, folder / name, progress=False)
    return Workspace(tuple((name, folder / name) for name in ("ptbxl", "georgia")), folder / "work")


def trial_of(workspace, corpus="ptbxl", *, seed=0, fold=0, parent=None, arm="random", **recipe):
    start = f"{parent.key}@1.0" if parent else "random"
    return Trial("tests", "demo", arm, seed, fold, workspace.fingerprints(corpus), "resnet18", 0.0625,
                 replace(RECIPE, **recipe), initialisation=start)  # fmt: skip


@pytest.fixture(scope="module")
def trial(workspace):
    return trial_of(workspace, epochs=2, stages=(Stage(2, 0, 1e-2),))


@pytest.fixture(scope="module")
def found(trial, workspace, tmp_path_factory):
    store = tiny.open_store(tmp_path_factory.mktemp("found"))
    finetune(trial, store, workspace)
    return store.results_of(trial.key)


def test_every_recording_of_a_part_is_answered_once_class_by_class(workspace, trial, found):
    corpus = workspace.corpus("ptbxl")
    told = diagnosed(trial, corpus)
    for part, rows in (("validation", told.parts.validation), ("test", told.parts.test)):
        table = found["predictions"][found["predictions"].part == part]
        assert table.record_id.tolist() == corpus.index.record_id.iloc[told.positions[rows]].tolist()
        columns = [f"label_{k}" for k in range(len(told.classes))]
        assert table[columns].to_numpy().tolist() == told.labels[rows].tolist()
    assert found["run"]["classes"] == list(told.classes)
    assert found["run"]["records"] == {name: len(rows) for name, rows in told.parts._asdict().items()}
    assert found["run"]["positives"] == {
        name: [int(n) for n in told.labels[rows].sum(axis=0)] for name, rows in told.parts._asdict().items()
    }
    assert sum(found["run"]["positives"]["train"]) > 0
    assert {"val_loss", "val_macro_auc"} <= set(found["history"])


def test_no_patient_is_in_two_parts_and_all_labelled_recordings_are_in_one(workspace):
    found = diagnosed(trial_of(workspace), workspace.corpus("ptbxl"))
    groups = [set(found.groups[rows]) for rows in found.parts]
    assert sum(map(len, groups)) == len(set().union(*groups))
    assert sorted(np.concatenate(found.parts)) == list(range(len(found.positions)))


def test_constants_are_those_of_the_training_recordings(workspace):
    made = examples_of(trial_of(workspace), workspace)
    assert made.notes["standardised_with"] == {
        "mean": pytest.approx(made.known.inputs[made.train].mean(dtype=np.float64), abs=1e-6),
        "deviation": pytest.approx(made.known.inputs[made.train].std(dtype=np.float64), rel=1e-5),
    }
    plain = examples_of(trial_of(workspace, input=replace(RECIPE.input, scaler="none")), workspace)
    assert plain.notes["standardised_with"] == {"mean": 0.0, "deviation": 1.0}


def test_a_share_of_the_labels_leaves_the_other_parts_as_they_are(workspace):
    whole, half = (
        diagnosed(trial_of(workspace, labels=share), workspace.corpus("ptbxl")).parts for share in (1.0, 0.5)
    )
    assert set(half.train) < set(whole.train)
    assert half.test.tolist() == whole.test.tolist()
    assert half.validation.tolist() == whole.validation.tolist()


def test_switches_change_whom_the_labels_belong_to_and_what_validates(workspace):
    corpus = workspace.corpus("ptbxl")
    _, labels, _ = labelled_recordings(corpus, RECIPE.input)
    permuted = diagnosed(trial_of(workspace, permuted_labels=True), corpus).labels
    assert permuted.sum(axis=0).tolist() == labels.sum(axis=0).tolist()
    assert not np.array_equal(permuted, labels)
    parts = diagnosed(trial_of(workspace, validate_on="test"), corpus).parts
    assert parts.validation.tolist() == parts.test.tolist()


def test_what_starts_from_another_training_takes_its_weights_and_its_constants(workspace, tmp_path):
    shared = replace(RECIPE.input, task="shared")
    parent = trial_of(workspace, input=shared, checkpoints=(1.0,), arm="source")
    child = trial_of(workspace, "georgia", parent=parent, input=replace(shared, scaler="start"), arm="fine_tuned",
                     stages=(Stage(1, -1, 1e-2),))  # fmt: skip
    store = tiny.open_store(tmp_path)
    run([child, parent], store, workspace, progress=False)
    before, after = (store.results_of(trial.key)["run"] for trial in (parent, child))
    assert (parent.stage, child.stage) == ("pretraining", "fine-tuning")
    assert after["standardised_with"] == before["standardised_with"]
    assert after["trainable_parameters"] < before["trainable_parameters"]


def test_an_interrupted_training_goes_on_and_gives_the_same(workspace, trial, found, tmp_path):
    store = tiny.open_store(tmp_path)

    def stop(line):
        if line.startswith("epoch"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finetune(trial, store, workspace, stop)
    finetune(trial, store, workspace)
    ours = store.results_of(trial.key)
    assert ours["run"]["resumed"] == 1
    assert ours["predictions"].equals(found["predictions"])


def test_a_class_that_validation_leaves_out_is_named_in_one_line(workspace, trial):
    made = examples_of(trial, workspace)
    labels = made.known.labels.copy()
    labels[:, 1] = 0
    labels[made.validation, 2] = 1
    labels[made.train, 3] = 0
    labels[made.validation, 0], labels[made.validation[0], 0] = 0, 1
    labels[made.validation, 3], labels[made.validation[0], 3] = 1, 0
    told = unscored_classes(replace(made, known=replace(made.known, labels=labels)))
    assert set(told) & set(made.classes[:4]) == set(made.classes[1:3])


def test_what_validation_leaves_out_is_reported_before_the_first_epoch(
    workspace, trial, tmp_path, monkeypatch
):
    def without(trial, workspace, start):
        made = examples_of(trial, workspace, start)
        labels = made.known.labels.copy()
        labels[np.ix_(made.validation, [1, 2])] = 0
        labels[np.ix_(made.validation[:2], [0, 3, 4])] = [[0], [1]]
        return replace(made, known=replace(made.known, labels=labels))

    lines = []

    def stop(line):
        lines.append(line)
        if line.startswith("epoch"):
            raise KeyboardInterrupt

    monkeypatch.setattr("ecgrepro.training.finetune.examples_of", without)
    with pytest.raises(KeyboardInterrupt):
        finetune(trial, tiny.open_store(tmp_path), workspace, stop)
    names = ", ".join(examples_of(trial, workspace).classes[1:3])
    assert lines[0] == f"validation with all or none of {names}: not in its macro AUC"
    assert lines[1].startswith("epoch 1")


def result_of(positives=None, records=10):
    """A finished trial, as far as it tells what was learnt from."""
    told = {} if positives is None else {"positives": {"train": positives}}
    return {"run": {"records": {"train": records}} | told}


def test_classes_that_nothing_could_be_learnt_about_are_those_that_any_run_lacks():
    assert untrained([result_of([0, 3, 10, 5]), result_of([4, 3, 9, 0])]) == {
        0: "no positives in training", 2: "no negatives in training", 3: "no positives in training",
    }  # fmt: skip
    assert untrained([result_of([1, 3]), result_of([1, 3], records=4)]) == {}
    assert untrained([result_of([1, 3]), result_of([1, 3], records=3)]) == {1: "no negatives in training"}


def test_of_runs_that_do_not_say_nothing_is_known():
    assert untrained([]) == untrained([result_of()]) == {}
    assert untrained([result_of(), result_of([0, 1])]) == {0: "no positives in training"}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"split": "thirds"}, "split"),
        ({"window": 10_000}, "window"),
        ({"labels": 1.5}, "labels"),
        ({"fold": 5}, "fold"),
        ({"split": "official", "fold": 1}, "fold"),
        ({"select": "macro_f1"}, "select"),
        ({"checkpoints": (0.5,)}, "checkpoints"),
        ({"epochs": 2}, "epochs"),
    ],
)
def test_a_description_that_no_run_could_follow_is_refused_by_name(workspace, changes, named):
    with pytest.raises(SettingsError, match=named):
        check_with(trial_of(workspace, **changes), workspace)


def test_another_scaler_than_that_of_a_start_without_constants_is_asked_for(workspace, tmp_path):
    trial = trial_of(workspace, input=replace(RECIPE.input, scaler="start"))
    with pytest.raises(SettingsError, match="scaler"):
        finetune(trial, tiny.open_store(tmp_path), workspace)
