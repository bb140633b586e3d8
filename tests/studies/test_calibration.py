"""Which predictions are calibrated, and by what: the calibrator of a seed sees its validation records alone."""

import numpy as np
import pandas as pd
import pytest
from scipy import special
from sklearn.metrics import log_loss

from ecgrepro.errors import InputError
from ecgrepro.evaluation.predictions import labels, logits, prediction_table
from ecgrepro.studies import calibration, calibration_transfer, designs

PAIR = next(one for one in calibration.PAIRS if one.name == "1-D ResNet, beats, 10% of labels")
MULTI_LABEL = next(one for one in calibration.PAIRS if one.name == "PTB-XL, beats, 100% of labels")
SUPERCLASSES = ["CD", "HYP", "MI", "NORM", "STTC"]


def multi_label_table(seed, scale=2.0, n=240, rare=6):
    """Predictions of five classes, `scale` times too sure; the second class has `rare` positives in each part."""
    parts = []
    for place, part in enumerate(("validation", "test")):
        rng = np.random.default_rng([place, 7])
        truth = rng.normal(-0.5, 1.5, size=(n, 5))
        found = (rng.random((n, 5)) < special.expit(truth)).astype(np.int8)
        found[:, 1] = np.arange(n) < rare
        noise = np.random.default_rng([seed, place]).normal(0, 0.3, size=truth.shape)
        ids = [f"{part}{i:04d}" for i in range(n)]
        parts.append(
            prediction_table(ids, found, scale * (truth + noise), part=part, fold=place + 8, seed=seed)
        )
    return pd.concat(parts, ignore_index=True)


def multi_label_runs(scale=2.0, seeds=(0, 1, 2)):
    """Results of one arm, as far as the study reads them; two tested recordings are of one patient."""
    return [
        {"trial": {"seed": seed, "recipe": {"input": {"task": "superdiagnostic"}}},
         "run": {"classes": SUPERCLASSES, "drawn_together": [["test0000", "test0001"]]},
         "predictions": multi_label_table(seed, scale)}
        for seed in seeds
    ]  # fmt: skip


def only(monkeypatch, found):
    """Let these results be all that is committed: dict of PredictionSet to results by seed."""
    named = {(one.study, one.arm, one.labels): runs for one, runs in found.items()}
    monkeypatch.setattr(
        calibration, "complete", lambda study, scale, arm, labels: named.get((study, arm, labels))
    )


@pytest.fixture(scope="module")
def committed():
    return designs.predictions(designs.results("resnet1d", "pilot"), "random", 0.1)


def test_every_arm_that_is_compared_is_listed_by_its_study():
    for one in {one for pair in calibration.PAIRS for one in (pair.random, pair.pretrained)}:
        scales = designs.STUDIES[one.study].SCALES.values()
        listed = [scale.arms[one.arm].labels or scale.labels for scale in scales if one.arm in scale.arms]
        assert any(one.labels in shares for shares in listed), one


def test_names_are_unique_and_those_drawn_and_carried_over_exist():
    names = [pair.name for pair in calibration.PAIRS]
    assert len(set(names)) == len(names)
    assert set(calibration.DRAWN) <= set(names)
    sets = {one.name for pair in calibration.PAIRS for one in (pair.random, pair.pretrained)}
    sets |= {one.name for one in calibration.OTHERS}
    assert {name for both in calibration_transfer.TRANSFERS for name in both} <= sets
    assert len(calibration.drawn_sets()) == len(set(calibration.drawn_sets()))


def test_the_temperature_of_committed_predictions_is_the_best_of_their_validation_records(committed):
    validation = committed.query("part == 'validation' and seed == 0")
    grid = np.exp(np.linspace(-1, 2, 601))
    scaled = logits(validation).astype(float)
    losses = [
        log_loss(validation.label, special.softmax(scaled / each, axis=1), labels=range(4)) for each in grid
    ]
    found = calibration.fitted(committed, "temperature")[0].parameters["temperature"]
    assert found == pytest.approx(grid[np.argmin(losses)], rel=0.006)
    test = committed.query("part == 'test' and seed == 0").sort_values("record_id")
    expected = special.softmax(logits(test).astype(float) / found, axis=1)
    np.testing.assert_allclose(calibration.calibrated(committed, "temperature")[0], expected, atol=1e-12)


@pytest.mark.parametrize("name", ["temperature", "platt", "isotonic", "prevalence"])
def test_a_calibrator_never_sees_a_label_of_the_test(committed, name):
    test = committed.part == "test"
    other = committed.assign(label=committed.label.where(~test, (committed.label + 1) % 4))
    for seed, one in calibration.calibrated(committed, name).items():
        assert np.array_equal(one, calibration.calibrated(other, name)[seed])
    seen = calibration.calibrated(committed, name, "test")[0]
    assert not np.allclose(seen, calibration.calibrated(other, name, "test")[0], atol=1e-3)


def test_rows_are_in_the_order_of_their_ids_whatever_the_table(committed):
    mixed = committed.sample(frac=1, random_state=0)
    ours, theirs = (calibration.calibrated(table, "none") for table in (committed, mixed))
    assert list(ours) == [0, 1, 2, 3, 4]
    assert all(np.array_equal(ours[seed], theirs[seed]) for seed in ours)


def test_a_seed_without_validation_records_is_refused(committed):
    left = committed[(committed.part == "test") | (committed.seed > 0)]
    with pytest.raises(InputError, match="none of seed 0"):
        calibration.calibrated(left, "temperature")


def test_a_seed_without_a_calibrator_is_refused(committed):
    maps = calibration.fitted(committed[committed.seed < 2], "temperature")
    with pytest.raises(InputError, match=r"none for \[2, 3, 4\]"):
        calibration.apply(maps, calibration.by_seed(committed, "test"))


def test_both_nets_of_a_committed_pair_are_tested_on_the_same_records():
    first, second = calibration.tables(PAIR, "pilot")
    for seed, one in calibration.by_seed(first, "test").items():
        other = calibration.by_seed(second, "test")[seed]
        assert one.record_id.tolist() == other.record_id.tolist()
        assert (labels(one) == labels(other)).all()


def test_a_pair_lacks_nothing_or_is_not_compared(monkeypatch):
    only(monkeypatch, {MULTI_LABEL.random: multi_label_runs()})
    assert calibration.tables(MULTI_LABEL, "pilot") is None
    assert list(calibration.prediction_sets("pilot")) == [MULTI_LABEL.random]


def test_nets_with_other_test_records_are_refused(monkeypatch):
    other = multi_label_runs()
    other[1]["predictions"] = other[1]["predictions"].iloc[:-1]
    only(monkeypatch, {MULTI_LABEL.random: multi_label_runs(), MULTI_LABEL.pretrained: other})
    with pytest.raises(InputError, match="others in seed 1"):
        calibration.tables(MULTI_LABEL, "pilot")


def test_of_nets_with_unequal_seeds_the_shared_ones_are_compared(monkeypatch):
    only(
        monkeypatch,
        {MULTI_LABEL.random: multi_label_runs(), MULTI_LABEL.pretrained: multi_label_runs(seeds=(0, 2))},
    )
    assert [set(table.seed) for table in calibration.tables(MULTI_LABEL, "pilot")] == [{0, 2}, {0, 2}]


def test_classes_are_named_in_the_order_of_the_logits():
    assert calibration.class_names(multi_label_runs()) == SUPERCLASSES
    assert calibration.class_names(PAIR.random.runs("pilot"))[1] == "AF"


def test_a_class_with_few_positives_in_any_seed_is_not_judged():
    tests = calibration.by_seed(multi_label_table(0), "test")
    assert calibration.judged_classes(tests) == [0, 2, 3, 4]
    assert calibration.judged_classes(tests, minimum=6) == [0, 1, 2, 3, 4]
