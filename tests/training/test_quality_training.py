"""Training on signal quality: what it learns from, what is tested, and what pictures and features kept may change."""

from dataclasses import replace

import numpy as np
import pytest

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.frames.graded_segments import GradedInput
from ecgrepro.frames.interval_input import IntervalInput
from ecgrepro.frames.quality_intervals import interval_index
from ecgrepro.frames.quality_mixture import MixtureInput, draw_mixture
from ecgrepro.training.examples import examples_of
from ecgrepro.training.feasibility import check_with
from ecgrepro.training.finetune import finetune
from ecgrepro.training.recipe import Momentum, QualityTraining, Transform
from ecgrepro.training.runner import run
from ecgrepro.training.trial import Trial
from ecgrepro.training.workspace import Workspace
from tests.training import tiny

INTERVAL = IntervalInput(fs=50.0, standardised=True)
MIXTURE = MixtureInput(per_class=24, validation_per_class=12, held_out=0.4, interval=INTERVAL)
SCALOGRAM = Transform(
    "cwt", (("fs", 50.0), ("highest", 20.0), ("lowest", 4.0), ("size", (67, 67)), ("voices", 8))
)
LEARNT = ("icentia11k", "nstdb")


@pytest.fixture(scope="module")
def workspace(corpora, tmp_path_factory):
    return tiny.open_quality_workspace(corpora, tmp_path_factory.mktemp("quality"))


def trial_of(
    workspace, *, learnt=LEARNT, model="resnet18", width=0.0625, depth=0, transform=None, seed=0, **recipe
):
    chosen = replace(QualityTraining(input=MIXTURE, batch_size=16, epochs=2, patience=2), **recipe)
    return Trial("tests", "demo", "random", seed, 0, workspace.fingerprints(*learnt, "cinc2017"), model, width, chosen,
                 freeze_depth=depth, transform=transform)  # fmt: skip


def scalograms(workspace, depth, **changes):
    return trial_of(workspace, model="alexnet", depth=depth, transform=SCALOGRAM, **changes)


def trained(trial, workspace, folder):
    store = tiny.open_store(folder)
    finetune(trial, store, workspace)
    return store.results_of(trial.key)


def test_it_learns_from_mixtures_and_is_tested_on_every_interval_of_cinc_2017(workspace, tmp_path):
    found = trained(trial_of(workspace), workspace, tmp_path)
    expected = interval_index(workspace.corpus("cinc2017"), INTERVAL)
    test = found["predictions"].query("part == 'test'")
    assert test.record_id.tolist() == expected.record_id.tolist()
    assert test.label.tolist() == expected.label.tolist()
    drawn = draw_mixture(
        [workspace.corpus("icentia11k")], workspace.corpus("nstdb"), MIXTURE, 0, "validation"
    )
    validation = found["predictions"].query("part == 'validation'")
    assert validation.record_id.tolist() == drawn.record_id.tolist()
    assert validation.label.mean() == 0.5
    assert found["run"]["records"] == {"train": 48, "validation": 24, "test": len(expected)}
    assert found["run"]["label_revision"] == "v3"
    assert {"val_macro_f1", "val_balanced_accuracy"} <= set(found["history"])
    assert found["run"]["best_epoch"] == len(found["history"]) == 2  # nothing selects: the last


def test_every_seed_draws_its_own_segments(workspace):
    first, again, other = (examples_of(trial_of(workspace, seed=seed), workspace) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.known.inputs, again.known.inputs)
    assert first.known.key == again.known.key != other.known.key
    assert set(first.known.ids) != set(other.known.ids)
    assert first.unseen.key == other.unseen.key
    assert set(first.known.ids[first.train]).isdisjoint(first.known.ids[first.validation])


def test_graded_recordings_give_as_many_segments_of_both_classes_and_nobody_to_both_parts(workspace):
    how = GradedInput(per_class=6, validation_per_class=3, held_out=0.4, interval=INTERVAL)
    made = examples_of(trial_of(workspace, learnt=("butqdb",), input=how), workspace)
    assert made.sizes["train"] == 12
    assert made.sizes["validation"] == 6
    for part in ("train", "validation"):
        assert made.known.labels[getattr(made, part)].mean() == 0.5
    index = workspace.corpus("butqdb").index.set_index("record_id")
    people = [{index.patient_id[name.rpartition("/")[0]] for name in made.known.ids[getattr(made, part)]}
              for part in ("train", "validation")]  # fmt: skip
    assert people[0]
    assert people[1]
    assert people[0].isdisjoint(people[1])


@pytest.mark.parametrize("depth", [0, 5])
def test_kept_pictures_and_features_give_the_logits_of_the_whole_net(workspace, tmp_path, depth):
    results = {}
    for name, room in (("kept", 1 << 28), ("whole", 0)):
        place = Workspace(workspace.corpora, tmp_path / name, feature_memory=room, feature_disk=room)
        results[name] = trained(scalograms(workspace, depth), place, tmp_path / f"store {name}")
    ours, expected = (found["predictions"].filter(like="logit_").to_numpy() for found in results.values())
    assert np.ptp(expected) > 1e-3
    np.testing.assert_allclose(ours, expected, rtol=2e-3, atol=2e-3 * np.abs(expected).max())
    assert results["kept"]["run"]["cached_features"] == (depth >= 5)
    kept = list((tmp_path / "kept" / "features").glob("features-*.npy"))
    assert len(kept) == (
        3 if depth else 2
    )  # pictures to learn from and of the test; features of the first alone


def test_depths_of_one_seed_share_pictures_and_all_seeds_those_of_the_test(workspace, tmp_path):
    place = Workspace(workspace.corpora, tmp_path)
    counts = []
    for depth, seed in ((0, 0), (2, 0), (0, 1)):
        trained(scalograms(workspace, depth, seed=seed), place, tmp_path / "store")
        counts.append(len(list((tmp_path / "features").glob("*.npy"))))
    assert counts == [2, 2, 3] or counts == [2, 3, 4]  # frozen layers may be worth keeping too


def test_an_interrupted_training_goes_on_and_gives_the_same(workspace, tmp_path):
    trial, whole, stopped = (
        trial_of(workspace),
        tiny.open_store(tmp_path / "a"),
        tiny.open_store(tmp_path / "b"),
    )
    finetune(trial, whole, workspace)

    def stop(line):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finetune(trial, stopped, workspace, stop)
    finetune(trial, stopped, workspace)
    ours, expected = (store.results_of(trial.key) for store in (stopped, whole))
    assert ours["run"]["resumed"] == 1
    assert ours["predictions"].equals(expected["predictions"])


def test_an_extractor_that_learnt_beats_from_scalograms_is_taken_over(workspace, tmp_path):
    parent = replace(tiny.pretraining(workspace, fs=50.0, length=250), model="alexnet", transform=SCALOGRAM)
    trial = replace(scalograms(workspace, 7), initialisation=f"{parent.key}@1.0", arm="beat")
    store = tiny.open_store(tmp_path)
    run([parent, trial], store, workspace, progress=False)
    assert store.results_of(trial.key)["run"]["trainable_parameters"] == 2 * 256 + 2


def test_momentum_is_another_optimiser_than_adam(workspace, tmp_path):
    ours, adam = (
        trained(trial_of(workspace, optimiser=chosen, epochs=1, patience=1), workspace, tmp_path)
        for chosen in (Momentum(1e-2), QualityTraining().optimiser)
    )
    assert not ours["predictions"].equals(adam["predictions"])
    assert ours["trial"]["recipe"]["optimiser"] == {"learning_rate": 1e-2, "momentum": 0.9}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"learnt": ("icentia11k",)}, "corpora"),
        ({"learnt": ("nstdb",)}, "corpora"),
        ({"labels": 0.5}, "labels"),
        ({"input": replace(MIXTURE, held_out=1.0)}, "held_out"),
        ({"input": replace(MIXTURE, per_class=0)}, "per_class"),
        ({"input": replace(MIXTURE, interval=replace(INTERVAL, resampling="linear"))}, "resampling"),
        ({"input": GradedInput()}, "corpora"),
        ({"input": replace(MIXTURE, per_class=100_000)}, "segments for training"),
        ({"input": replace(MIXTURE, interval=IntervalInput(seconds=0.013))}, "seconds"),
        ({"model": "alexnet", "transform": Transform("cwt", (("fs", 50.0), ("size", (60, 60))))}, "67"),
        ({"depth": 18}, "freeze_depth"),
        ({"ties": "last"}, "ties"),
    ],
)  # fmt: skip
def test_what_cannot_be_run_is_refused_before_the_first_step(workspace, changes, named):
    with pytest.raises((SettingsError, InputError), match=named):
        check_with(trial_of(workspace, **changes), workspace)


def test_a_fold_is_refused_where_all_of_a_corpus_is_tested(workspace):
    with pytest.raises(SettingsError, match="fold"):
        replace(trial_of(workspace), fold=1).check()


def test_a_name_tells_no_fold_and_no_share_of_labels(workspace):
    assert "fold" not in str(trial_of(workspace))
    assert "labels" not in str(trial_of(workspace))
