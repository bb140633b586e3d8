from collections import Counter

import pytest

from ecgrepro.studies.resnet1d import SCALES
from ecgrepro.studies.scale import configure
from tests.studies import fabricated

PILOT = fabricated.trials(SCALES["pilot"])


def by_arm(trials, **wanted):
    found = [t for t in trials if all(getattr(t, name) == value for name, value in wanted.items())]
    return {t.arm: t for t in found}


@pytest.mark.parametrize("name", SCALES)
def test_trials_are_all_different_and_can_be_run(name):
    trials = fabricated.trials(SCALES[name])
    assert len({trial.key for trial in trials}) == len(trials)
    for trial in trials:
        trial.check()


def test_the_pilot_is_five_pretrainings_and_twenty_fine_tunings():
    assert Counter(trial.stage for trial in PILOT) == {"pretraining": 5, "fine-tuning": 20}
    assert Counter((t.arm, t.recipe.labels) for t in PILOT if t.stage == "fine-tuning") == {
        (arm, share): 5 for arm in ("random", "beat_2048") for share in (1.0, 0.1)
    }


def test_every_seed_has_a_pretraining_of_its_own_listed_before_its_heirs():
    seen = {}
    for trial in PILOT:
        if trial.stage == "pretraining":
            seen[trial.key] = trial
        elif trial.parent:
            assert seen[trial.parent].seed == trial.seed
            assert trial.start == (trial.parent, 1.0)
    assert len({trial.seed for trial in seen.values()}) == 5


def test_arms_of_a_seed_differ_in_nothing_but_their_start():
    for seed in range(5):
        arms = by_arm(PILOT, seed=seed, stage="fine-tuning")
        assert arms["random"].initialisation == "random"
        assert arms["random"].recipe == arms["beat_2048"].recipe
        assert arms["random"].fold == arms["beat_2048"].fold == seed


def test_with_fixed_folds_all_seeds_test_the_same_records():
    trials = fabricated.trials(SCALES["paper"])
    assert {trial.fold for trial in trials} == {0}
    assert len({trial.seed for trial in trials}) == 10


def test_more_seeds_than_folds_go_round():
    trials = fabricated.trials(configure(SCALES, "pilot", seeds=7))
    assert {t.seed: t.fold for t in trials if t.stage == "fine-tuning"} == {s: s % 5 for s in range(7)}


def test_a_share_of_labels_makes_no_other_pretraining():
    few = fabricated.trials(configure(SCALES, "pilot", labels=0.1))
    assert {t.key for t in few if t.stage == "pretraining"} == {
        t.key for t in PILOT if t.stage == "pretraining"
    }
    assert {trial.key for trial in few} < {trial.key for trial in PILOT}


def test_the_start_is_the_last_share_that_is_kept():
    trials = fabricated.trials(configure(SCALES, "pilot", checkpoints=[0.5, 0.75]))
    assert {trial.start[1] for trial in trials if trial.start} == {0.75}


def test_frames_of_the_pilot_last_as_long_as_the_published_ones():
    pilot, paper = (SCALES[name].arms["beat_2048"] for name in ("pilot", "paper"))
    assert pilot.length / pilot.fs == paper.length / paper.fs == pytest.approx(8.192)


def test_trials_name_the_corpora_of_their_stage():
    for trial in PILOT:
        names = tuple(name for name, _ in trial.corpora)
        assert names == (("mitbih_arrhythmia", "svdb") if trial.stage == "pretraining" else ("cinc2017",))


def test_the_paper_scale_is_full_width_at_the_published_rate():
    paper = SCALES["paper"]
    assert (paper.width, paper.fine_tuning.input.fs, paper.fine_tuning.input.length) == (1.0, 250.0, 16_384)
    assert [recipe and recipe.length for recipe in paper.arms.values()] == [None, 512, 2048, 4096]
