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


def test_the_first_pilot_is_part_of_the_pilot():
    few = fabricated.trials(configure(SCALES, "pilot", arms=["random", "beat_2048"], labels=[1.0, 0.1]))
    assert Counter(trial.stage for trial in few) == {"pretraining": 5, "fine-tuning": 20}
    assert {trial.key for trial in few} <= {trial.key for trial in PILOT}


def test_every_task_has_every_seed_at_all_labels_and_at_a_tenth():
    tuned = Counter((t.arm, t.recipe.labels) for t in PILOT if t.stage == "fine-tuning")
    for arm in ("random", "beat_512", "beat_2048", "beat_4096", "rhythm", "heart_rate", "future"):
        assert (tuned[arm, 1.0], tuned[arm, 0.1]) == (5, 5)


def test_every_seed_has_a_pretraining_of_its_own_listed_before_its_heirs():
    seen = {}
    for trial in PILOT:
        if trial.stage == "pretraining":
            seen[trial.key] = trial
        elif trial.parent:
            assert seen[trial.parent].seed == trial.seed
            assert trial.start == (trial.parent, 1.0)
            assert seen[trial.parent].width == trial.width
    assert {arm: len({t.seed for t in seen.values() if t.arm == arm}) for arm in ("beat_2048", "beat_62hz")} == {
        "beat_2048": 5, "beat_62hz": 3
    }  # fmt: skip


def test_arms_of_a_seed_differ_in_nothing_but_their_start():
    for seed in range(5):
        tuned = [t for t in PILOT if t.stage == "fine-tuning" and t.recipe.labels == 0.1]
        arms = by_arm(tuned, seed=seed)
        assert arms["random"].initialisation == "random"
        assert arms["random"].recipe == arms["beat_2048"].recipe
        assert arms["random"].fold == arms["beat_2048"].fold == seed


def test_with_fixed_folds_all_seeds_test_the_same_records():
    trials = fabricated.trials(SCALES["paper"])
    assert {trial.fold for trial in trials} == {0}
    assert len({trial.seed for trial in trials}) == 10


def test_seeds_beyond_the_folds_go_round():
    trials = fabricated.trials(configure(SCALES, "pilot", seeds=[2, 6, 8]))
    assert {t.seed: t.fold for t in trials if t.stage == "fine-tuning"} == {2: 2, 6: 1, 8: 3}


def test_a_share_of_labels_makes_no_other_pretraining():
    few = fabricated.trials(configure(SCALES, "pilot", labels=0.1, seeds=5))
    few = [trial for trial in few if "hz" not in trial.arm and "resnet" not in trial.arm]
    assert {trial.key for trial in few} < {trial.key for trial in PILOT}


def test_the_start_is_the_last_share_that_is_kept():
    trials = fabricated.trials(configure(SCALES, "pilot", checkpoints=[0.5, 0.75]))
    assert {trial.start[1] for trial in trials if trial.start} == {0.75}


def sources(name):
    return {source: part.recipe for source, part in SCALES[name].pretrainings.items()}


def test_frames_of_the_pilot_last_as_long_as_the_published_ones():
    pilot, paper = sources("pilot"), sources("paper")
    for arm in ("beat_512", "beat_2048", "beat_4096", "rhythm", "heart_rate", "future"):
        assert pilot[arm].length / pilot[arm].fs == paper[arm].length / paper[arm].fs
    for arm in ("beat_62hz", "beat_250hz"):
        assert pilot[arm].length / pilot[arm].fs == pytest.approx(8.192)
        tuned = SCALES["pilot"].arms[arm].fine_tuning.input
        assert tuned.length / tuned.fs == pytest.approx(32.768)


def test_tasks_of_the_pilot_see_nearly_as_many_frames():
    patients = {("mitbih_arrhythmia", "svdb"): 112, ("mitbih_rhythms",): 42}
    for name, source in SCALES["pilot"].pretrainings.items():
        people = patients[source.corpora or SCALES["pilot"].pretraining_corpora]
        frames = people * source.recipe.frames_per_patient * (10 if source.recipe.task == "future" else 1)
        assert frames == pytest.approx(112 * 4096, rel=0.26), name


def test_trials_name_the_corpora_of_their_stage():
    for trial in PILOT:
        names = tuple(name for name, _ in trial.corpora)
        if trial.stage == "pretraining":
            alone = trial.arm in ("rhythm", "beat_mitbih")
            assert names == (("mitbih_rhythms",) if alone else ("mitbih_arrhythmia", "svdb"))
        else:
            assert names == (("cinc2017_v2",) if "labels_v2" in trial.arm else ("cinc2017",))


def test_probes_train_the_head_alone_on_the_net_that_they_are_named_after():
    probe, control = (SCALES["pilot"].arms[name] for name in ("linear_probe", "frozen_random"))
    assert (probe.freeze_depth, probe.source) == (-1, "beat_2048")
    assert (control.freeze_depth, control.source) == (-1, None)


def test_the_paper_scale_is_full_width_at_the_published_rate():
    paper = SCALES["paper"]
    assert (paper.width, paper.fine_tuning.input.fs, paper.fine_tuning.input.length) == (1.0, 250.0, 16_384)
    assert [sources("paper")[f"beat_{frame}"].length for frame in (512, 2048, 4096)] == [512, 2048, 4096]


def test_every_publication_has_its_protocol_at_paper_scale():
    arms = SCALES["paper"].arms
    published = {
        "random": ("weimann_conrad_2021", 64, "loss", "polyphase", "cinc2017"),
        "report_random": ("class_report_2024", 128, "macro_f1", "fft", "cinc2017_v2"),
        "team_134_random": ("team_134", 64, "loss", "polyphase", "cinc2017_v2"),
    }
    for name, expected in published.items():
        arm = arms[name]
        recipe = arm.fine_tuning or SCALES["paper"].fine_tuning
        assert (arm.budget, recipe.batch_size, recipe.select, recipe.input.resampling, arm.corpus) == expected
    assert arms["team_134_heart_rate"].fine_tuning.epochs == 20
