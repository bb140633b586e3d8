"""The baseline of signal-quality indices: the nets' own segments, and never made twice."""

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from ecgrepro.errors import DiskError, InputError, SettingsError
from ecgrepro.evaluation.quality import low_quality_scores
from ecgrepro.frames.graded_segments import GradedInput
from ecgrepro.frames.interval_input import IntervalInput
from ecgrepro.frames.quality_intervals import interval_index
from ecgrepro.frames.quality_mixture import MixtureInput
from ecgrepro.frames.signal_quality import INDICES, index_classifier, quality_indices
from ecgrepro.studies import quality_baselines
from ecgrepro.studies.freezing import SCALES
from ecgrepro.studies.quality_baselines import baseline, read_baselines
from ecgrepro.training.examples import examples_of
from ecgrepro.training.recipe import FineTuning, QualityTraining
from ecgrepro.training.trial import Trial
from ecgrepro.training.workspace import Workspace
from tests.studies import fabricated
from tests.training import tiny

INTERVAL = IntervalInput(fs=125.0)
#: What anyone could tell apart: no noise at all, and noise that drowns everything.
EASY = MixtureInput(per_class=24, validation_per_class=12, held_out=0.4, low_snr_db=(-20.0,), high_snr_db=(None,),
                    wander_snr_db=(None,), interval=INTERVAL)  # fmt: skip
OTHER = replace(EASY, low_snr_db=(-10.0,))
GRADED = GradedInput(per_class=6, validation_per_class=3, held_out=0.4, interval=INTERVAL)
LEARNT = ("icentia11k", "nstdb")


@pytest.fixture(scope="module")
def workspace(corpora, tmp_path_factory):
    return tiny.open_quality_workspace(corpora, tmp_path_factory.mktemp("baselines"))


def trial_of(workspace, *, learnt=LEARNT, seed=0, recipe=None, **changes):
    recipe = recipe or QualityTraining(input=changes.pop("input", EASY), **changes)
    names = learnt if isinstance(recipe, QualityTraining) else ()
    corpora = workspace.fingerprints(*names, "cinc2017")
    return Trial("tests", "demo", "random", seed, 0, corpora, "resnet18", 0.0625, recipe)


def ran(workspace, folder, **changes):
    return baseline(trial_of(workspace, **changes), workspace, folder, progress=False)


def told(folder, seed=0):
    return json.loads((folder / f"seed-{seed}.json").read_text())


@pytest.fixture
def measured(monkeypatch):
    """Numbers of intervals of which indices are measured, call by call."""
    counts = []

    def counting(intervals, fs):
        counts.append(len(intervals))
        return quality_indices(intervals, fs)

    monkeypatch.setattr(quality_baselines, "quality_indices", counting)
    return counts


@pytest.mark.parametrize(("part", "least"), [("validation", 0.95), ("test", 0.85)])
def test_noise_that_drowns_everything_is_low_quality(workspace, tmp_path, part, least):
    ran(workspace, tmp_path)
    found = read_baselines(tmp_path).query(f"part == '{part}'")
    scores = low_quality_scores(found)
    assert roc_auc_score(found.label, scores) > least
    assert np.median(scores[found.label == 1]) > 0 > np.median(scores[found.label == 0])


@pytest.mark.parametrize(("learnt", "how"), [(LEARNT, EASY), (("butqdb",), GRADED)])
def test_segments_and_log_odds_are_those_of_the_nets_examples(workspace, tmp_path, learnt, how):
    ran(workspace, tmp_path, learnt=learnt, input=how)
    examples = examples_of(trial_of(workspace, learnt=learnt, input=how), workspace)
    train = examples.train
    model = index_classifier().fit(
        quality_indices(examples.known.inputs[train, :, 0], 125.0), examples.known.labels[train]
    )
    for part in ("validation", "test"):
        found = read_baselines(tmp_path).query(f"part == '{part}'")
        rows, positions = examples.part(part)
        assert found.record_id.tolist() == rows.ids[positions].tolist()
        assert found.label.tolist() == rows.labels[positions].tolist()
        chances = model.predict_proba(quality_indices(rows.inputs[positions, :, 0], 125.0))
        expected = np.log(chances[:, 1] / chances[:, 0])
        np.testing.assert_allclose(low_quality_scores(found), expected, rtol=1e-3, atol=1e-3)
    assert set(found.fold) == {0}
    every = interval_index(workspace.corpus("cinc2017"), INTERVAL)
    assert found.record_id.tolist() == every.record_id.tolist()


def test_nets_with_standardised_inputs_see_the_same_segments_in_the_same_order(workspace, tmp_path):
    ran(workspace, tmp_path)
    seen = examples_of(
        trial_of(workspace, input=replace(EASY, interval=replace(INTERVAL, standardised=True))), workspace
    )
    found = read_baselines(tmp_path)
    expected = [*seen.known.ids[seen.validation], *seen.unseen.ids]
    assert found.record_id.tolist() == expected


def test_the_file_beside_tells_what_it_was_made_of_and_of_what_it_costs(workspace, tmp_path, measured):
    place = Workspace(workspace.corpora, tmp_path / "work")
    ran(place, tmp_path)
    found, trial = told(tmp_path), trial_of(place)
    assert found["corpora"] == [list(pair) for pair in trial.corpora]
    assert found["input"]["low_snr_db"] == [-20.0]
    assert found["input"]["interval"]["fs"] == 125.0
    assert found["records"]["train"] == 48
    assert found["cost"]["indices"]["intervals"] == sum(measured) == sum(found["records"].values())
    assert found["cost"]["indices"]["seconds"] > 0
    assert "seconds" in found["cost"]["fit"]
    assert {"python", "numpy", "scikit-learn"} <= set(found["versions"])
    assert found["label_revision"] == "v3"


def test_coefficients_by_name_give_the_log_odds(workspace, tmp_path):
    ran(workspace, tmp_path)
    found, examples = told(tmp_path), examples_of(trial_of(workspace), workspace)
    values = quality_indices(examples.known.inputs[examples.validation, :, 0], 125.0)
    odds = found["intercept"] + sum(
        found["coefficients"][name] * (values[name] - found["means"][name]) / found["deviations"][name]
        for name in INDICES
    )
    validation = read_baselines(tmp_path).query("part == 'validation'")
    np.testing.assert_allclose(low_quality_scores(validation), odds, rtol=1e-5, atol=1e-5)


def test_a_second_call_does_nothing_whatever_the_net(workspace, tmp_path, monkeypatch):
    place = ran(workspace, tmp_path)
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.iterdir()}
    monkeypatch.delattr(quality_baselines, "examples_of")
    assert ran(workspace, tmp_path, epochs=3, patience=3) == place
    assert before == {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.iterdir()}


@pytest.mark.parametrize("missing", ["seed-0.json", "seed-0.parquet"])
def test_half_a_result_is_none_and_is_made_anew(workspace, tmp_path, missing):
    ran(workspace, tmp_path)
    (tmp_path / missing).unlink()
    assert read_baselines(tmp_path) is None
    ran(workspace, tmp_path)
    assert read_baselines(tmp_path) is not None


@pytest.mark.parametrize("text", ['{"seed": 0', '{"seed": 0}', "[]"])
def test_a_description_that_is_none_counts_as_missing(workspace, tmp_path, text):
    ran(workspace, tmp_path)
    (tmp_path / "seed-0.json").write_text(text)
    assert read_baselines(tmp_path) is None
    ran(workspace, tmp_path)
    assert told(tmp_path)["records"]["train"] == 48


def test_another_input_is_made_anew(workspace, tmp_path):
    ran(workspace, tmp_path)
    first = read_baselines(tmp_path)
    ran(workspace, tmp_path, input=OTHER)
    assert told(tmp_path)["input"]["low_snr_db"] == [-10.0]
    assert not read_baselines(tmp_path).equals(first)


def test_indices_of_the_test_are_measured_once_for_all_seeds(workspace, tmp_path, measured):
    place = Workspace(workspace.corpora, tmp_path / "work")
    for seed in (0, 1):
        ran(place, tmp_path / "found", seed=seed)
    n_test = told(tmp_path / "found")["records"]["test"]
    assert measured == [72, n_test, 72]
    assert told(tmp_path / "found", 1)["cost"]["indices"]["intervals"] == 72
    ran(place, tmp_path / "filtered", input=replace(EASY, interval=replace(INTERVAL, band=(0.5, 40.0))))
    assert measured[3:] == [72, n_test]  # another interval has other indices


def test_seeds_come_in_ascending_order(workspace, tmp_path):
    for seed in (10, 2):
        ran(workspace, tmp_path, seed=seed, learnt=("butqdb",), input=GRADED)
    table = read_baselines(tmp_path)
    assert table.seed.drop_duplicates().tolist() == [2, 10]
    validation = table.query("part == 'validation'").groupby("seed").record_id.agg(set)
    assert validation[2] != validation[10]


def test_seeds_of_different_inputs_are_not_read_as_one(workspace, tmp_path):
    ran(workspace, tmp_path)
    ran(workspace, tmp_path, seed=1, input=OTHER)
    with pytest.raises(InputError, match="2 kinds"):
        read_baselines(tmp_path)


def test_where_nothing_was_run_there_is_none(tmp_path):
    assert read_baselines(tmp_path) is None
    assert read_baselines(tmp_path / "no folder") is None


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("failing", ["write_predictions", "json"])
def test_a_failed_write_leaves_what_was_there_and_nothing_else(
    workspace, tmp_path, monkeypatch, failing, before
):
    if before:
        ran(workspace, tmp_path, input=OTHER)
    kept = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(*arguments, **named):
        raise OSError(28, "No space left on device")

    if failing == "json":
        monkeypatch.setattr("pathlib.Path.write_text", full)
    else:
        monkeypatch.setattr(quality_baselines, "write_predictions", full)
    with pytest.raises(DiskError, match="No space left"):
        ran(workspace, tmp_path)
    assert kept == {path.name: path.read_bytes() for path in tmp_path.iterdir()}


def test_a_process_that_dies_between_the_files_leaves_no_wrong_description(workspace, tmp_path, monkeypatch):
    ran(workspace, tmp_path, input=OTHER)
    replaced, replace_file = [], quality_baselines.os.replace

    def die(source, target):
        if target == tmp_path / "seed-0.json":
            raise KeyboardInterrupt
        replaced.append(target)
        replace_file(source, target)

    monkeypatch.setattr(quality_baselines.os, "replace", die)
    with pytest.raises(KeyboardInterrupt):
        ran(workspace, tmp_path)
    assert tmp_path / "seed-0.parquet" in replaced
    assert read_baselines(tmp_path) is None


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"input": replace(EASY, interval=replace(INTERVAL, standardised=True))}, "standardised=False"),
        ({"input": replace(EASY, interval=replace(INTERVAL, fs=40.0))}, "sampling rate"),
        ({"input": replace(EASY, held_out=1.0)}, "held_out"),
        ({"recipe": FineTuning()}, "QualityTraining"),
    ],
)
def test_what_has_no_indices_is_refused(workspace, tmp_path, changes, named):
    with pytest.raises(SettingsError, match=named):
        ran(workspace, tmp_path, **changes)
    assert not list(tmp_path.iterdir())


def test_other_recordings_than_the_trial_names_are_refused(workspace, tmp_path):
    trial = trial_of(workspace)
    other = tuple((name, "0" * 64) for name, _ in trial.corpora)
    with pytest.raises(InputError, match="other recordings"):
        baseline(replace(trial, corpora=other), workspace, tmp_path)


def test_the_bar_names_what_is_measured_and_is_silent_when_asked(workspace, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    place = Workspace(workspace.corpora, tmp_path / "work")
    ran(place, tmp_path / "silent", seed=1)
    assert capsys.readouterr().err == ""
    baseline(trial_of(place), place, tmp_path / "told")
    assert "signal-quality indices, seed 0: 100%" in capsys.readouterr().err


def test_every_seed_of_a_study_has_its_baseline_and_settings_of_ones_own_do_not_replace_it(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("ECGREPRO_HOME", str(tmp_path))
    made = []
    monkeypatch.setattr(quality_baselines, "open_workspace", lambda settings, data: fabricated.WORKSPACE)
    monkeypatch.setattr(
        quality_baselines, "baseline", lambda trial, place, folder, progress: made.append((trial, folder))
    )
    quality_baselines.run_baselines("freezing", "pilot")
    assert [trial.seed for trial, _ in made] == [0, 1, 2, 3, 4]
    assert {folder for _, folder in made} == {tmp_path / "results" / "pilot" / "freezing" / "signal_quality"}
    assert all(trial.recipe.input == SCALES["pilot"].fine_tuning.input for trial, _ in made)
    assert {trial.corpora[0][0] for trial, _ in made} == {"mitbih_arrhythmia"}
    made.clear()
    quality_baselines.run_baselines("freezing", "pilot", seeds=1, input={"per_class": 100})
    ((trial, folder),) = made
    assert trial.recipe.input.per_class == 100
    assert (tmp_path / "_work") in folder.parents
