from collections import defaultdict
from dataclasses import replace

import pytest

from ecgrepro.studies import pretrain_size as study
from ecgrepro.studies import resnet1d
from ecgrepro.studies.scale import configure
from tests.studies import fabricated

PILOT = study.trials(study.SCALES["pilot"], fabricated.WORKSPACE)
FACTORIAL = [study.PILOT_SOURCES, study.PAPER_SOURCES, study.DEMO_SOURCES, study.COLAB_SOURCES]
#: People of MIT-BIH and SVDB that are not held out.
PEOPLE = 112


def frames(recipe):
    return recipe.patients * recipe.frames_per_patient


def steps(recipe):
    return frames(recipe) // recipe.batch_size


@pytest.mark.parametrize("name", study.SCALES)
def test_trials_are_all_different_and_can_be_run(name):
    trials = study.trials(study.SCALES[name], fabricated.WORKSPACE)
    assert len({trial.key for trial in trials}) == len(trials)
    for trial in trials:
        trial.check()


@pytest.mark.parametrize("sources", FACTORIAL)
def test_of_each_kind_people_alone_or_frames_of_each_alone_differ(sources):
    largest, smallest = max(study.sizes_of(sources)), min(study.sizes_of(sources))
    for n in study.sizes_of(sources):
        fixed, each, few = (
            sources[study.arm_of(sources, kind, n)].recipe for kind in ("fixed", "pass", "few")
        )
        assert replace(fixed, frames_per_patient=1) == replace(each, frames_per_patient=1)
        assert each.frames_per_patient == sources[f"patients_{largest}_fixed"].recipe.frames_per_patient
        assert abs(frames(fixed) - frames(each) * largest / n) <= n
        assert abs(frames(few) - frames(each) * smallest / n) <= n


@pytest.mark.parametrize("sources", FACTORIAL)
@pytest.mark.parametrize("kind", ["fixed", "few"])
def test_a_fixed_number_of_frames_is_as_many_steps_for_all_sizes(sources, kind):
    made = [steps(sources[study.arm_of(sources, kind, n)].recipe) for n in study.sizes_of(sources)]
    assert max(made) - min(made) <= max(made) / 100
    if sources is study.PILOT_SOURCES:
        assert len(set(made)) == 1


@pytest.mark.parametrize("sources", FACTORIAL)
def test_frames_of_all_people_of_an_arm_are_mixed(sources):
    assert all(source.recipe.shuffle_patients >= source.recipe.patients for source in sources.values())


def test_one_run_meets_its_people_in_turn_and_stops_after_as_many_steps_as_a_pass():
    recipe, arms = study.ONE_RUN, study.SCALES["pilot"].arms
    assert recipe.shuffle_patients <= min(study.PILOT_SIZES)
    for n in study.PILOT_SIZES:
        share = arms[f"one_run_{n}"].share
        assert share in recipe.checkpoints
        one_pass = study.PILOT_SOURCES[study.arm_of(study.PILOT_SOURCES, "pass", n)].recipe
        assert share * steps(recipe) == pytest.approx(steps(one_pass), abs=1)


def test_every_line_has_every_size():
    arms = study.SCALES["pilot"].arms
    assert study.sizes_of(arms) == sorted(study.PILOT_SIZES)
    found = {
        kind: [study.arm_of(arms, kind, n) for n in study.PILOT_SIZES]
        for kind in ("fixed", "pass", "few", "one_run")
    }
    assert all(name in arms for names in found.values() for name in names)
    assert found["pass"][-1] == found["fixed"][-1]
    assert found["few"][0] == found["pass"][0]
    assert {name for names in found.values() for name in names} == set(arms)


def test_an_arm_that_is_not_listed_stands_for_none():
    arms = {"patients_4_fixed", "patients_16_fixed"}
    assert study.arm_of(arms, "few", 4) is None
    assert study.arm_of(arms, "pass", 16) == "patients_16_fixed"
    assert study.arm_of(arms, "pass", 4) is None
    assert study.arm_of(arms, "one_run", 16) is None
    assert study.arm_of([], "fixed", 4) is None


def test_samples_are_disjoint_where_people_suffice_and_taken_in_turn():
    for n, samples in study.PILOT_SIZES.items():
        assert samples <= PEOPLE // n
        assert samples >= (3 if n <= 25 else 1)
    taken = defaultdict(dict)
    for trial in PILOT:
        if trial.stage == "pretraining" and trial.arm != "one_run":
            taken[trial.recipe.patients][trial.seed, trial.arm] = trial.recipe.sample
    for n, samples in study.PILOT_SIZES.items():
        assert {(seed, sample) for (seed, _), sample in taken[n].items()} == {
            (s, s % samples) for s in range(5)
        }


def test_small_shares_of_icentia11k_have_three_disjoint_samples():
    people = max(study.PAPER_SIZES)
    for n, samples in study.PAPER_SIZES.items():
        assert samples == (3 if n < people else 1)
        assert n * samples <= people


def test_the_random_start_of_resnet1d_is_tuned_on_the_same_records():
    random = resnet1d.SCALES["pilot"]
    ours = configure(study.SCALES, "pilot", arms=["patients_6_fixed"], labels=0.1)
    tuned = [t for t in study.trials(ours, fabricated.WORKSPACE) if t.stage == "fine-tuning"]
    other = configure(resnet1d.SCALES, "pilot", arms=["random"], labels=0.1)
    base = [t for t in resnet1d.trials(other, fabricated.WORKSPACE) if t.arm == "random"]
    assert [(t.seed, t.fold, t.recipe, t.corpora, t.width) for t in tuned] == [
        (t.seed, t.fold, t.recipe, t.corpora, t.width) for t in base
    ]
    for arm in study.SCALES["pilot"].arms.values():
        assert set(arm.labels or study.SCALES["pilot"].labels) <= set(random.arms["random"].labels)


def test_the_random_start_at_paper_scale_follows_the_reports_protocol_too():
    start, ours = resnet1d.SCALES["paper"].arms["report_random"], study.SCALES["paper"]
    assert start.source is None
    for arm in ours.arms.values():
        assert (arm.fine_tuning or ours.fine_tuning, arm.corpus) == (start.fine_tuning, start.corpus)


def test_the_reports_sizes_are_checkpoints_of_two_runs_by_its_protocol():
    arms = {name: arm for name, arm in study.SCALES["paper"].arms.items() if arm.budget}
    assert {arm.published_share: (arm.source, arm.share) for arm in arms.values()} == {
        0.01: ("report_100pct", 0.01),
        0.1: ("report_20pct", 0.5),
        0.2: ("report_20pct", 1.0),
        1.0: ("report_100pct", 1.0),
    }
    for arm in arms.values():
        recipe = study.REPORT_SOURCES[arm.source].recipe
        assert (recipe.length, recipe.frames_per_patient, recipe.batch_size, recipe.shuffle_patients) == (
            4096,
            4096,
            512,
            16,
        )
        assert arm.share in recipe.checkpoints
        assert (arm.fine_tuning.batch_size, arm.corpus) == (128, "cinc2017_v2")


def test_passes_that_take_the_place_of_the_reports_sizes_are_tuned_on_all_labels_too():
    both = {name: arm.stands_for for name, arm in study.SCALES["pilot"].arms.items() if 1.0 in arm.labels}
    assert both == {
        "patients_6_pass": ("beat_4096_1pct",),
        "patients_12_pass": ("beat_4096_10pct",),
        "patients_25_pass": ("beat_4096_20pct",),
        "patients_100_fixed": ("beat_4096_100pct",),
    }
