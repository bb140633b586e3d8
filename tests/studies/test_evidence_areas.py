"""Claims on macro AUC and on one class: what the ledger's estimate is made of, from fabricated runs at paper scale."""

from dataclasses import replace

import pytest
from sklearn.metrics import roc_auc_score

from ecgrepro.claims import decide, ledger
from ecgrepro.evaluation.predictions import labels, logits
from ecgrepro.studies import designs, evidence, evidence_areas, evidence_parts, ptbxl_transfer
from ecgrepro.studies.evidence_areas import patients
from tests.studies import fabricated_project as fabricated

CLAIMS = {claim.id: claim for claim in ledger.load()}
PAPER = ptbxl_transfer.SCALES["paper"]
NAMES = (
    "fine_tuned",
    "independent_xresnet1d101",
    "ptbxl_25",
    "ptbxl_50",
    "ptbxl_75",
    "fine_tuned_fourier_abs",
)
SCALE = replace(PAPER, seeds=(0, 1, 2), arms={name: PAPER.arms[name] for name in NAMES})


def knowledge(trial):
    """What is fine-tuned knows more, the less the fewer recordings it learnt from; with other inputs nothing."""
    if trial.arm == "fine_tuned_fourier_abs":
        return 0.0
    if trial.initialisation == "random":
        return 0.3
    more = int(trial.arm.removeprefix("ptbxl_")) / 100 if trial.arm.startswith("ptbxl_") else 1.0
    return 0.5 + 0.5 * more + 0.2 * trial.recipe.labels


@pytest.fixture(scope="module")
def found():
    return fabricated.results(fabricated.trials(SCALE), knowledge)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch, found):
    """A home whose results are the fabricated ones; intervals are drawn with fewer resamples, for time."""
    monkeypatch.setenv("ECGREPRO_HOME", str(tmp_path))
    monkeypatch.setitem(ptbxl_transfer.SCALES, "paper", SCALE)
    listed = lambda study, scale: found if (study, scale) == ("ptbxl_transfer", "paper") else []  # noqa: E731
    monkeypatch.setattr(designs, "results", listed)
    monkeypatch.setattr(evidence, "results", listed)
    monkeypatch.setattr(evidence_parts, "results", listed)
    monkeypatch.setattr(evidence_areas, "RESAMPLES", 200)


def mean_auc(arm, share, classes=range(3)):
    """Mean over seeds of the mean area, by scikit-learn."""
    scores = []
    for run in designs.complete("ptbxl_transfer", "paper", arm, share):
        test = run["predictions"][run["predictions"].part == "test"]
        known, said = labels(test), logits(test)
        scores.append(sum(roc_auc_score(known[:, k], said[:, k]) for k in classes) / len(classes))
    return sum(scores) / len(scores)


def test_a_level_is_the_mean_over_all_classes():
    made = evidence.estimate(CLAIMS["SL-ft"], "paper")
    assert made.value == pytest.approx(mean_auc("fine_tuned", 1.0))
    assert made.low < made.value < made.high
    assert made.substitutes == ()


def test_a_class_goes_by_the_name_that_the_ledger_gives_it():
    claim = next(
        one
        for one in CLAIMS.values()
        if one.rule == "value" and one.comparison.get("metric") == "auc_LAO_LAE"
    )
    made = evidence.estimate(claim, "paper")
    assert made.value == pytest.approx(mean_auc(claim.comparison["arm"], 1.0, classes=[1]))


def test_a_class_that_the_task_lacks_has_no_estimate():
    claim = next(
        one for one in CLAIMS.values() if one.rule == "value" and one.comparison.get("metric") == "auc_NDT"
    )
    assert evidence.estimate(claim, "paper") is None


def test_arms_that_were_tested_on_different_recordings_are_not_paired():
    made = evidence.estimate(CLAIMS["SL-ft-gain"], "paper")
    assert made.value == pytest.approx(
        mean_auc("fine_tuned", 1.0) - mean_auc("independent_xresnet1d101", 1.0)
    )
    assert "unpaired" in made.detail
    assert decide(CLAIMS["SL-ft-gain"], made).word == "supported"


def test_two_shares_of_one_arm_are_paired():
    made = evidence.estimate(CLAIMS["SL-E1-drop"], "paper")
    assert made.value == pytest.approx(mean_auc("fine_tuned", 0.9) - mean_auc("fine_tuned", 0.1))
    assert "unpaired" not in made.detail


def test_a_trend_goes_along_arms():
    made = evidence.estimate(CLAIMS["SL-E2-claim"], "paper")
    areas = [mean_auc(arm, 0.1) for arm in ("ptbxl_25", "ptbxl_50", "ptbxl_75", "fine_tuned")]
    expected = sum(weight * area for weight, area in zip((-1.5, -0.5, 0.5, 1.5), areas, strict=True)) * 3 / 5
    assert made.value == pytest.approx(expected)


def test_a_trend_of_a_difference_goes_along_shares():
    made = evidence.estimate(CLAIMS["SL-E1-trend"], "paper")
    shares = CLAIMS["SL-E1-trend"].comparison["label_fraction"]
    gains = [mean_auc("fine_tuned", share) - mean_auc("independent_xresnet1d101", share) for share in shares]
    weights = [place - 3 for place in range(7)]
    assert made.value == pytest.approx(sum(w * g for w, g in zip(weights, gains, strict=True)) * 6 / 28)


def test_a_spectrum_is_another_input_than_the_signal():
    made = evidence.estimate(CLAIMS["SL-E5-georgia-abs"], "paper")
    assert made.substitutes == ()
    parts = evidence.supplied("ptbxl_transfer", "fine_tuned_fourier_abs", "paper",
                              designs.complete("ptbxl_transfer", "paper", "fine_tuned_fourier_abs", 1.0))  # fmt: skip
    assert (parts["input"], parts["pretraining_task"], parts["sampling_rate"]) == (
        "fourier_abs",
        "diagnostic",
        500.0,
    )


def test_recordings_of_one_patient_are_drawn_together():
    assert patients([fabricated_run()]) == {"a": "a", "b": "a"}


def fabricated_run():
    return {"run": {"drawn_together": [["a", "b"]]}}


def test_one_temperature_leaves_the_order_of_every_class(monkeypatch):
    scale = replace(SCALE, arms=SCALE.arms | {"georgia_random": PAPER.arms["georgia_random"]})
    runs = fabricated.results(
        fabricated.trials(replace(scale, arms={"georgia_random": scale.arms["georgia_random"]})), knowledge
    )
    monkeypatch.setitem(ptbxl_transfer.SCALES, "paper", scale)
    listed = lambda study, name: runs if (study, name) == ("ptbxl_transfer", "paper") else []  # noqa: E731
    for module in (designs, evidence, evidence_parts):
        monkeypatch.setattr(module, "results", listed)
    made = evidence.estimate(CLAIMS["SL-E4-rank"], "paper")
    assert made.value == pytest.approx(0, abs=1e-4)
    assert made.substitutes == ()
    assert decide(CLAIMS["SL-E4-rank"], made).word == "supported"
