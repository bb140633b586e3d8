from dataclasses import replace

import pytest

from ecgrepro.corpora.corpus import Corpus
from ecgrepro.errors import InputError, SettingsError
from ecgrepro.frames.af import AfInput
from ecgrepro.training.feasibility import check_all, check_with
from ecgrepro.training.pretrain import samplers
from ecgrepro.training.recipe import FuturePrediction, Stage
from ecgrepro.training.workspace import Workspace
from tests.training import tiny


@pytest.fixture
def no_signal(monkeypatch):
    """Reading a signal fails."""
    monkeypatch.setattr(Corpus, "signal", None)
    monkeypatch.setattr(Corpus, "millivolts", None)


@pytest.fixture
def other_work(workspace, tmp_path, no_signal):
    """The same corpora with an untouched working folder."""
    return Workspace(workspace.corpora, tmp_path / "work")


def test_trials_that_can_be_run_pass_and_leave_nothing(finished, workspace, other_work):
    sample = tiny.pretraining(workspace, patients=2, sample=1, fs=125.0, length=128)
    heir = replace(tiny.fine_tuning(workspace), freeze_depth=-1)
    check_all([*finished.trials.values(), sample, heir], other_work)
    assert not other_work.work.exists()


PRETRAINING = [
    (
        {"length": 10**6},
        "length: expected a recording longer than 1000000 samples; got 1000000, longest recording 16384",
    ),
    ({"length": 16_384}, "length: expected a recording longer than 16384 samples"),
    (
        {"length": 8192, "fs": 125.0},
        "length: expected a recording longer than 8192 samples; .* longest recording 8192",
    ),
    (
        {"task": "future", "length": 6000, "future": FuturePrediction(context=2)},
        "length: expected a recording longer than 18000 samples; got 6000",
    ),
    ({"patients": 6}, "patients: expected 1 to 5, those not held out; got 6"),
    ({"patients": 2, "sample": 2}, "sample: expected 0 to 1: 5 patients make 2 disjoint samples of 2; got 2"),
    ({"held_out": 0.99}, "held_out: expected a share that leaves patients to train on; got 0.99 of 6"),
    (
        {"batch_size": 1000},
        r"batch_size: expected at most the frames of one pass; got 1000 of 640 \(trained on\)",
    ),
    ({"held_out_frames": 8}, r"batch_size: .*got 16 of 8 \(held out\)"),
    ({"patients": 0}, "patients: expected a whole number of at least 1"),
]


@pytest.mark.parametrize(("changes", "named"), PRETRAINING)
def test_a_pretraining_that_cannot_be_run_is_told_by_the_parameter(workspace, other_work, changes, named):
    with pytest.raises(SettingsError, match=named):
        check_with(tiny.pretraining(workspace, **changes), other_work)
    assert not other_work.work.exists()


@pytest.mark.parametrize("changes", [{"length": 8191}, {"length": 8192}])
def test_what_is_told_beforehand_is_what_the_sampler_finds_at_another_rate(workspace, tmp_path, changes):
    workspace = Workspace(workspace.corpora, tmp_path)
    trial, found = tiny.pretraining(workspace, fs=125.0, **changes), []
    for look in (check_with, samplers):
        try:
            look(trial, workspace)
            found.append(None)
        except SettingsError as error:
            found.append(str(error))
    assert found[0] == found[1]
    assert (found[0] is None) == (changes["length"] < 8192)


def test_a_task_whose_marks_are_missing_is_told(make_corpus, make_record, tmp_path):
    made = make_corpus([make_record(f"r{i}", n_samples=1000, fs=250.0) for i in range(4)], "plain")
    workspace = Workspace((("plain", made.path),), tmp_path / "work")
    trial = replace(tiny.pretraining(Unlooked, task="rhythm"), corpora=workspace.fingerprints("plain"))
    with pytest.raises(
        SettingsError, match="task: expected rhythms marked in every corpus; got rhythm, and none in plain"
    ):
        check_with(trial, workspace)


class Unlooked:
    """Stands in for a workspace whose corpora are not opened."""

    @staticmethod
    def fingerprints(*names):
        return tuple((name, "") for name in names)


@pytest.mark.parametrize(
    ("changes", "settings", "named"),
    [
        (
            {},
            {"labels": 0.02},
            "labels: expected at least two recordings of every class on each side; got 0.02",
        ),
        ({}, {"labels": 0.06}, "labels: expected a share that leaves 2 records of every class; got 0.06"),
        ({}, {"validation": 0.01}, "validation: expected at least two recordings of every class"),
        ({"freeze_depth": 18}, {}, "freeze_depth: expected .*18 learnable layers"),
        ({"freeze_depth": -18}, {}, "freeze_depth: expected .*18 learnable layers"),
        (
            {},
            {"stages": (Stage(3, -1, 0.1), Stage(3, 20, 0.1)), "patience": 6},
            "freeze_depth: expected .*18 learnable layers.*got 20",
        ),
        ({}, {"input": AfInput(fs=25.0, length=256, padding="middle")}, "padding: expected left or right"),
    ],
)
def test_a_fine_tuning_that_cannot_be_run_is_told_by_the_parameter(
    workspace, other_work, changes, settings, named
):
    with pytest.raises(SettingsError, match=named):
        check_with(replace(tiny.fine_tuning(workspace, **settings), **changes), other_work)
    assert not other_work.work.exists()


def test_more_folds_than_recordings_of_any_class_are_told(workspace, other_work):
    with pytest.raises(InputError, match="folds: expected at least 240 recordings of a class"):
        check_with(tiny.fine_tuning(workspace, folds=240), other_work)


def test_another_corpus_than_was_described_is_refused(workspace):
    trial = replace(tiny.fine_tuning(workspace), corpora=(("cinc2017", "c0ffee"),))
    with pytest.raises(InputError, match="describe it again"):
        check_with(trial, workspace)
