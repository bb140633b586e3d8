"""Which committed runs belong to a study, which of its arms are whole, and which of them a claim may take."""

import pytest

from ecgrepro.claims import ledger
from ecgrepro.models.class_report_weights import START_POINTS
from ecgrepro.studies import designs, resnet1d
from ecgrepro.studies.scale import configure
from tests.studies import fabricated

PILOT = configure(resnet1d.SCALES, "pilot", seeds=2, arms=["random", "beat_2048"], labels=[1.0, 0.1])


@pytest.fixture
def commit(tmp_path, monkeypatch):
    """A function that leaves those results of a small pilot that it is asked to keep."""
    monkeypatch.setenv("ECGREPRO_HOME", str(tmp_path))
    monkeypatch.setitem(resnet1d.SCALES, "pilot", PILOT)
    folder = tmp_path / "results" / "pilot" / "resnet1d"

    def leave(keep=lambda trial: True):
        fabricated.commit(folder, [t for t in fabricated.trials(PILOT) if keep(t)], fabricated.gain)

    yield leave
    designs.forget()


def lacks_one(trial):
    return (trial.arm, trial.seed, getattr(trial.recipe, "labels", 1.0)) != ("beat_2048", 1, 0.1)


def test_an_arm_is_complete_with_every_seed_at_a_share_of_labels(commit):
    commit(lacks_one)
    assert [run["trial"]["seed"] for run in designs.complete("resnet1d", "pilot", "beat_2048", 1.0)] == [0, 1]
    assert designs.complete("resnet1d", "pilot", "beat_2048", 0.1) is None


def test_an_arm_or_share_that_is_not_listed_is_never_complete(commit):
    commit()
    assert designs.complete("resnet1d", "pilot", "rhythm", 1.0) is None
    assert designs.complete("resnet1d", "pilot", "random", 0.5) is None


def test_what_is_finished_leaves_out_arms_with_a_seed_missing(commit):
    commit(lacks_one)
    found, state = designs.finished("resnet1d", "pilot")
    told = [
        (r["trial"]["arm"], r["trial"]["recipe"]["labels"])
        for r in found
        if r["trial"]["stage"] == "fine-tuning"
    ]
    assert sorted(set(told)) == [("beat_2048", 1.0), ("random", 0.1), ("random", 1.0)]
    assert sum(r["trial"]["stage"] == "pretraining" for r in found) == 2
    rows = state.set_index(["arm", "labels"])
    assert (rows.seeds == 2).all()
    assert rows.finished["beat_2048", 0.1] == 1


def test_results_that_came_meanwhile_are_seen_once_the_old_ones_are_forgotten(commit):
    commit(lacks_one)
    before = len(designs.results("resnet1d", "pilot"))
    commit(lambda trial: not lacks_one(trial))
    assert len(designs.results("resnet1d", "pilot")) == before
    designs.forget()
    assert len(designs.results("resnet1d", "pilot")) == before + 1


def test_nothing_is_finished_without_results(commit):
    found, state = designs.finished("resnet1d", "pilot")
    assert found == []
    assert state.finished.sum() == 0


REPORT = "class_report_2024"


def test_of_arms_by_one_protocol_ours_go_first_then_those_of_the_study_and_the_weights_given_away_last():
    own, other = ("pretrain_size", "beat_4096_100pct"), ("resnet1d", "report_beat_100")
    given = ("resnet1d", "report_weights_100")
    for study, expected in (
        ("pretrain_size", [own, other, given]),
        ("resnet1d", [other, own, given]),
        ("spectrogram2d", [own, other, given]),  # neither is its own: the one of that very name
    ):
        assert designs.find_arms(study, "paper", "beat_4096_100pct", REPORT) == expected
        assert designs.find_arm(study, "paper", "beat_4096_100pct", REPORT) == expected[0]


def test_an_arm_by_another_protocol_never_takes_the_place_of_one_by_the_wanted():
    found = designs.find_arms("resnet1d", "paper", "random", REPORT)
    assert found == [("resnet1d", "report_random")]


@pytest.mark.parametrize("scale", ["pilot", "colab"])
def test_where_no_arm_follows_the_protocol_no_run_decides_which_of_them_is_taken(scale):
    for claim in ledger.load():
        for arm in claim.comparison.get("arms", ()):
            assert len(designs.find_arms(claim.study, scale, arm, claim.requires.get("budget"))) <= 1


def test_every_weight_that_the_report_gave_away_can_speak_for_an_arm_of_the_ledger():
    named = {arm for claim in ledger.load() for arm in claim.comparison.get("arms", ())}
    for study, module in designs.STUDIES.items():
        for own, arm in module.SCALES["paper"].arms.items():
            if arm.published in START_POINTS:
                (name,) = arm.stands_for
                assert name in named
                assert (study, own) in designs.find_arms(study, "paper", name, REPORT)
