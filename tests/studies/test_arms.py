"""Trials from sources and arms: who starts from what, with which settings of their own."""

from dataclasses import replace

import pytest

from ecgrepro.studies.arms import Arm, Source, corpora, revision, seeds, trials
from ecgrepro.studies.scale import Scale
from ecgrepro.training.recipe import FineTuning, Pretraining, Transform
from tests.studies.fabricated import WORKSPACE

SCALE = Scale(
    name="pilot",
    pretraining_corpora=("icentia11k",),
    seeds=(0, 1, 2),
    pretrainings={"beat": Source(Pretraining(checkpoints=(0.5, 1.0)))},
    arms={"random": Arm(), "beat": Arm("beat")},
    labels=(1.0,),
    fine_tuning=FineTuning(folds=2),
    width=0.5,
    rotate_folds=True,
)


def listed(stage="fine-tuning", **changes):
    return [trial for trial in trials("study", replace(SCALE, **changes), WORKSPACE) if trial.stage == stage]


def arm(**settings):
    """The trials of one arm, that of another name left out."""
    return listed(arms={"one": Arm(**settings)})


def test_an_arm_starts_from_its_sources_last_checkpoint_or_the_one_it_names():
    keys = [trial.key for trial in listed("pretraining")]
    assert [trial.start for trial in arm(source="beat")] == [(key, 1.0) for key in keys]
    assert [trial.start for trial in arm(source="beat", share=0.5)] == [(key, 0.5) for key in keys]


def test_arms_of_one_source_share_its_trial():
    both = {"a": Arm("beat"), "b": Arm("beat", freeze_depth=-1)}
    assert len(listed("pretraining", arms=both)) == 3
    assert len({trial.parent for trial in listed(arms=both)}) == 3


def test_a_source_that_no_arm_needs_is_not_trained():
    assert listed("pretraining", arms={"random": Arm()}) == []


def test_what_an_arm_does_not_say_is_the_scales():
    for trial in arm():
        assert (trial.width, trial.model, trial.transform, trial.freeze_depth) == (0.5, "resnet18", None, 0)
        assert trial.recipe == SCALE.fine_tuning
        assert (trial.study, trial.scale, trial.arm) == ("study", "pilot", "one")


def test_what_an_arm_says_is_its_own():
    shown, own = Transform("stft"), FineTuning(folds=3)
    first, *_ = arm(width=0.25, model="resnet18_2d", transform=shown, fine_tuning=own, corpus="cinc2017_v2")
    assert (first.width, first.model, first.transform, first.recipe) == (0.25, "resnet18_2d", shown, own)
    assert [name for name, _ in first.corpora] == ["cinc2017_v2"]


def test_folds_rotate_by_the_arms_own_number_of_folds():
    assert [trial.fold for trial in arm()] == [0, 1, 0]
    assert [trial.fold for trial in arm(fine_tuning=FineTuning(folds=3))] == [0, 1, 2]
    assert {trial.fold for trial in listed(rotate_folds=False)} == {0}


def test_an_arm_with_fewer_seeds_takes_those_of_the_scale_that_it_names():
    assert seeds(SCALE, Arm(seeds=(1, 2, 9))) == (1, 2)
    assert [trial.seed for trial in arm(source="beat", seeds=(1,))] == [1]
    assert len(listed("pretraining", arms={"one": Arm("beat", seeds=(1,))})) == 1


def test_shares_of_labels_are_the_arms_own_or_the_scales():
    tuned = listed(arms={"a": Arm(labels=(0.1,)), "b": Arm()}, seeds=(0,))
    assert [(trial.arm, trial.recipe.labels) for trial in tuned] == [("b", 1.0), ("a", 0.1)]


def test_disjoint_samples_take_turns_over_the_seeds():
    source = Source(Pretraining(patients=6), samples=2)
    made = listed("pretraining", pretrainings={"beat": source})
    assert [(trial.seed, trial.recipe.sample) for trial in made] == [(0, 0), (1, 1), (2, 0)]


def test_corpora_are_those_that_trials_need():
    source = Source(Pretraining(), corpora=("svdb",))
    scale = replace(SCALE, pretrainings=SCALE.pretrainings | {"other": source})
    assert corpora(scale) == ("cinc2017", "icentia11k")
    more = {"a": Arm("other", corpus="cinc2017_v2")}
    assert corpora(replace(scale, arms=more)) == ("svdb", "cinc2017_v2")
    assert corpora(replace(scale, arms={"random": Arm()})) == ("cinc2017",)


@pytest.mark.parametrize(
    ("corpus", "expected"), [("cinc2017", "v3"), ("cinc2017_v2", "v2"), ("cinc2017_v0", "v0")]
)
def test_the_label_revision_is_in_the_corpus_name_or_the_scales(corpus, expected):
    assert revision(corpus, SCALE) == expected
