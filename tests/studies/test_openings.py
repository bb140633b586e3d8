import re

import pytest

from ecgrepro.evaluation.comparison import paired_difference
from ecgrepro.studies import (
    designs,
    diagnosis_tables,
    evidence,
    freezing_page,
    openings,
    resnet1d,
    spectrogram2d,
)
from tests.studies import fabricated_diagnoses, fabricated_sizes
from tests.studies.test_quality_tables import run as quality_run


@pytest.fixture(autouse=True)
def _forget():
    designs.forget()
    yield
    designs.forget()


def words(opening):
    return re.sub("<[^>]+>", "", opening._repr_html_())


def accuracy(trial):
    return 0.8 if trial.initialisation != "random" else 0.4


@pytest.fixture(scope="module")
def found():
    """Some arms of two studies: the pre-trained are far better than the others."""
    chosen = {
        "resnet1d": (resnet1d, ["random", "beat_2048", "rhythm"]),
        "spectrogram2d": (spectrogram2d, ["random_2d_matched", "beat_2d_matched"]),
    }
    made = {
        name: fabricated_sizes.results(study, accuracy=accuracy, arms=arms)
        for name, (study, arms) in chosen.items()
    }
    return made | {"pretrain_size": fabricated_sizes.pilot()["pretrain_size"]}


def test_the_gain_is_told_with_its_interval_for_each_share_of_labels(found, monkeypatch):
    fabricated_sizes.commit(monkeypatch, found)
    text = words(openings.resnet1d())
    for share in (1.0, 0.1):
        arms = [designs.predictions(found["resnet1d"], arm, share) for arm in ("beat_2048", "random")]
        made = paired_difference(*arms, "macro_f1", **evidence.RESAMPLING)
        assert (
            f"{made.estimate:+.3f} ({made.low:.3f} to {made.high:.3f}, above zero) with {share:.0%}" in text
        )
    for share in ("100%", "10%"):
        assert f"Other pre-training, with {share} of the labels: rhythm +" in text
    assert "heart rate" not in text


def test_how_much_is_done_stands_first(found, monkeypatch):
    fabricated_sizes.commit(monkeypatch, found)
    _, state = designs.finished("resnet1d", "pilot")
    assert words(openings.resnet1d()).startswith(
        f"So far ({state.finished.sum()} of {state.seeds.sum()} fine-tuning runs of the pilot): beat pre-training"
    )
    assert words(openings.pretrain_size()).startswith("Found: with 10% of the labels")


def test_nets_are_compared_by_their_start(found, monkeypatch):
    fabricated_sizes.commit(monkeypatch, found)
    text = words(openings.spectrogram2d())
    assert "2-D net minus that of the 1-D net, matched in all else: from a random start +0.000" in text
    assert "after beat pre-training +0.000" in text
    assert "too small to matter" in text
    assert "as published" not in text


def test_sizes_are_told_one_by_one_and_people_at_as_many_steps(found, monkeypatch):
    fabricated_sizes.commit(monkeypatch, found | {"resnet1d": fabricated_sizes.pilot()["resnet1d"]})
    text = words(openings.pretrain_size())
    for n in (6, 12, 25, 50, 100):
        assert re.search(rf"\b{n} people [+−]", text)
    assert "100 people against 6, as many steps for both" in text
    assert "100 people against 6, as few steps for both" in text
    assert "A pass against few steps, of the same 100 people: +" in text


@pytest.mark.parametrize("study", ["resnet1d", "spectrogram2d", "pretrain_size"])
def test_without_runs_the_question_is_open(study, monkeypatch):
    fabricated_sizes.commit(monkeypatch, {})
    text = words(getattr(openings, study)())
    assert text.startswith("So far (0 of ")
    assert "the question of this page is open" in text


def test_a_difference_is_called_by_its_interval():
    class Made:
        estimate, low, high = 0.01, -0.001, 0.015

    assert "too small to matter" in openings._told(Made)
    Made.high = 0.05
    assert "undecided" in openings._told(Made)
    Made.low = 0.005
    assert "above zero" in openings._told(Made)
    Made.estimate, Made.low, Made.high = -0.05, -0.07, -0.03
    assert openings._told(Made) == "<b>−0.050</b> (−0.070 to −0.030, below zero)"


def test_the_front_page_has_the_pilots_that_no_claim_stands_beside(monkeypatch):
    quality = [quality_run(f"random_{depth}", seed, 2 - depth / 7) for depth in (0, 7) for seed in (0, 1, 2)]
    diagnoses = fabricated_diagnoses.results(fabricated_diagnoses.trials("random", "beat", seeds=(0, 1, 2)))
    made = {"freezing": quality, "ptbxl_transfer": diagnoses}
    monkeypatch.setattr(designs, "finished", lambda study, scale: (made[study], None))
    found = openings.pilots()
    assert [one["study"] for one in found] == ["freezing", "ptbxl_transfer"]
    frozen, started = (one["scores"] for one in found)
    assert [score["name"] for score in frozen] == ["balanced accuracy", "ROC area"]
    assert [score["estimate"] for score in frozen] == [
        freezing_page.deepest(quality)[0]["difference"],
        freezing_page.deepest_areas(quality)[0]["difference"],
    ]
    (row,) = diagnosis_tables.difference_table(diagnoses, [("beat", "random")]).to_dict("records")
    assert started == [
        {"name": "macro AUC", "estimate": row["difference"], "low": row["low"], "high": row["high"]}
    ]


def test_without_runs_the_front_page_has_no_pilots(monkeypatch):
    monkeypatch.setattr(designs, "finished", lambda study, scale: ([], None))
    assert openings.pilots() == []


def test_switches_that_matter_are_named_and_the_others_counted():
    limits = {"select_loss": (-0.14, -0.07), "ties_last": (0.0, 0.0), "padding_right": (0.01, 0.05)}
    effects = [
        {"switch": name, "start": "random", "estimate": sum(ends) / 2, "low": ends[0], "high": ends[1]}
        for name, ends in limits.items()
    ]
    text = words(openings.switches(effects))
    assert text.startswith(
        "Of 3 switches turned, 1 change macro F1 by more than the margin: select_loss from random"
    )
    assert "−0.105 (−0.140 to −0.070)" in text
    assert text.endswith("1 change it by less, and the others are open.")
    assert "0 change macro F1 by more than the margin. 0" in words(openings.switches([]))
