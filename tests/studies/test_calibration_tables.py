import numpy as np
import pandas as pd
import pytest
from scipy import special
from sklearn import metrics
from sklearn.isotonic import IsotonicRegression

from ecgrepro.evaluation.calibration_error import debiased_calibration_error
from ecgrepro.evaluation.predictions import labels, logits
from ecgrepro.studies import calibration, designs
from ecgrepro.studies import calibration_tables as tables
from ecgrepro.studies.evidence import RESAMPLING
from tests.studies.test_calibration import MULTI_LABEL, PAIR, multi_label_runs, only


@pytest.fixture(autouse=True)
def _few_resamples(monkeypatch):
    monkeypatch.setitem(RESAMPLING, "n_resamples", 100)


@pytest.fixture(scope="module")
def runs():
    return PAIR.random.runs("pilot"), PAIR.pretrained.runs("pilot")


@pytest.fixture(scope="module")
def committed(runs):
    """The first two seeds of one committed pair."""
    return dict(zip((PAIR.random, PAIR.pretrained), (one[:2] for one in runs), strict=True))


#: A net that is three times too sure, and one that is not.
SURE = {MULTI_LABEL.random: multi_label_runs(3.0), MULTI_LABEL.pretrained: multi_label_runs(1.0)}


@pytest.fixture
def two_seeds(monkeypatch, committed):
    only(monkeypatch, committed)


@pytest.fixture
def multi_label(monkeypatch):
    only(monkeypatch, SURE)


@pytest.fixture(scope="module")
def scores(committed):
    with pytest.MonkeyPatch.context() as patch:
        only(patch, committed)
        return tables.score_table()


@pytest.fixture(scope="module")
def multi_label_scores():
    with pytest.MonkeyPatch.context() as patch:
        only(patch, SURE)
        return tables.score_table()


def test_scores_of_committed_predictions_are_those_of_scikit_learn(scores, runs):
    row = scores.set_index(["net", "calibrator"]).loc[(PAIR.random.net, "none")]
    expected = []
    for run in runs[0][:2]:
        test = run["predictions"].query("part == 'test'")
        probabilities = np.clip(special.softmax(logits(test).astype(float), axis=1), 1e-7, 1 - 1e-7)
        right = np.eye(4)[test.label]
        expected.append(
            (
                np.square(probabilities - right).sum(axis=1).mean(),
                -np.log(probabilities[np.arange(len(test)), test.label]).mean(),
                np.mean([metrics.roc_auc_score(right[:, k], probabilities[:, k]) for k in range(4)]),
                np.mean([debiased_calibration_error(probabilities[:, k], right[:, k]) for k in range(4)]),
            )
        )
    ours = row[["brier", "log_loss", "macro_auc", "classwise_debiased"]].astype(float)
    np.testing.assert_allclose(ours, np.mean(expected, axis=0), atol=1e-6)
    assert (row.validation_records, row.classes_judged, row.seeds, row.left_uncalibrated) == (427, 4, 2, 0)


def test_isotonic_probabilities_of_committed_predictions_are_those_of_scikit_learn(runs):
    table = runs[0][0]["predictions"]
    parts = {name: table.query("part == @name").sort_values("record_id") for name in ("validation", "test")}
    odds = {}
    for name, part in parts.items():
        x = special.log_softmax(logits(part).astype(float), axis=1)
        odds[name] = x - np.log1p(-np.exp(np.minimum(x, -1e-12)))
    columns = [
        IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
        .fit(odds["validation"][:, k], parts["validation"].label == k)
        .predict(odds["test"][:, k])
        for k in range(4)
    ]
    expected = np.clip(np.stack(columns, axis=1), 1e-7, 1 - 1e-7)
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(calibration.calibrated(table, "isotonic")[0], expected, atol=1e-6)


def test_prevalence_alone_ranks_nothing_and_has_hardly_a_calibration_error(scores):
    rows = scores.query("calibrator == 'prevalence'")
    assert (rows.macro_auc == 0.5).all()
    assert (rows.classwise_debiased.abs() < 1e-3).all()


def test_one_temperature_changes_no_answer_and_may_change_the_area_of_four_classes(scores):
    rows = scores.query("calibrator == 'temperature'")
    assert (rows.answers_changed == 0).all()
    assert (rows.auc_change.abs() > 1e-7).any()


def test_a_row_is_the_mean_of_the_differences_of_its_seeds(two_seeds, runs):
    found = tables.difference_table()
    assert len(found) == len(tables.COMPARED) * len(tables.SCORES)
    scores = [
        tables.scores_by_seed(
            calibration.by_seed(table, "test"), calibration.calibrated(table, "temperature")
        )
        for table in (designs.stacked(one[:2]) for one in runs)
    ]
    for score in ("brier", "classwise_debiased", "top_label_debiased"):
        row = found.query("calibrator == 'temperature' and score == @score").iloc[0]
        assert row.difference == pytest.approx((scores[1][score] - scores[0][score]).mean(), abs=1e-9)
        assert (row.seeds, row.design) == (2, "nested")


def test_what_makes_a_net_too_sure_shows_as_a_difference_and_goes_with_a_temperature(multi_label):
    found = tables.difference_table().set_index(["calibrator", "score"])
    assert found.loc[("none", "classwise_debiased"), "high"] < 0
    after = found.loc[("temperature", "classwise_debiased")]
    assert abs(after.difference) < 0.1 * abs(found.loc[("none", "classwise_debiased"), "difference"])
    assert set(found.design) == {"crossed"}


def test_a_multi_label_net_has_no_top_label_and_the_project_s_temperature_besides(
    multi_label, multi_label_scores
):
    assert multi_label_scores.top_label_debiased.isna().all()
    assert "project_temperature" in set(multi_label_scores.calibrator)
    assert "top_label_debiased" not in set(tables.difference_table().score)


def test_a_temperature_leaves_the_areas_of_a_multi_label_net_as_they_are(multi_label_scores):
    rows = multi_label_scores.query("calibrator == 'temperature'")
    assert rows.auc_change.abs().max() < 1e-9


def test_a_class_with_few_validation_records_is_left_out_counted_and_named(multi_label, multi_label_scores):
    rows = multi_label_scores.set_index(["net", "calibrator"])
    assert (
        rows.loc[(MULTI_LABEL.random.net, "platt"), "left_uncalibrated"] == 3
    )  # one class in each of three seeds
    assert rows.loc[(MULTI_LABEL.random.net, "platt"), "classes_judged"] == 4
    notes = tables.note_table().query("calibrator == 'platt'").set_index("net").loc[MULTI_LABEL.random.net]
    assert notes.times == 3
    assert notes.note.startswith("class 1: 6 positives")


def test_without_a_class_to_judge_there_is_no_error_and_no_area():
    run = multi_label_runs()[0]
    ((_, one),) = calibration.by_seed(run["predictions"], "test").items()
    found = tables.seed_scores(one, special.expit(logits(one).astype(float)), [])
    assert [found[name] for name in ("classwise_debiased", "macro_auc", "auc_change")] == [None] * 3
    assert found["brier"] > 0


def test_temperatures_are_told_by_seed_and_in_short(multi_label):
    found = tables.temperature_table()
    means = found.groupby("net").temperature.mean()
    assert means[MULTI_LABEL.random.net] == pytest.approx(3 * means[MULTI_LABEL.pretrained.net], rel=0.02)
    short = tables.temperature_summary(found).set_index("net")
    assert short.loc[MULTI_LABEL.random.net, "seeds above one"] == 3
    assert short.loc[MULTI_LABEL.random.net, "validation records"] == 240


def test_the_parts_of_a_brier_score_sum_up_to_it(two_seeds, scores):
    found = tables.decomposition_table()
    assert len(found) == 4 * 2 * 2
    total = found.reliability - found.resolution + found.uncertainty + found.within_bins
    np.testing.assert_allclose(total, found.brier, atol=1e-12)
    expected = scores.set_index(["net", "calibrator"]).brier
    summed = found.groupby(["net", "calibrator"]).brier.sum()
    assert all(summed[key] == pytest.approx(expected[key]) for key in summed.index)


def test_pairs_without_runs_are_told(two_seeds):
    state = tables.state_table().set_index("pair")
    assert (state.state == "committed").sum() == 1
    assert state.loc[PAIR.name, ["seeds", "validation records", "test records"]].tolist() == [2, 427, 1706]
    assert state.loc[MULTI_LABEL.name, "state"] == "no runs yet"


def test_without_runs_every_table_is_empty(monkeypatch):
    only(monkeypatch, {})
    made = (tables.score_table, tables.difference_table, tables.temperature_table, tables.note_table,
            tables.decomposition_table)  # fmt: skip
    assert all(isinstance(table(), pd.DataFrame) and table().empty for table in made)


def test_records_are_drawn_with_their_copies_recordings_or_patients(runs):
    assert tables.clusters(multi_label_runs()) == {"test0000": "test0000", "test0001": "test0000"}
    assert tables.clusters(runs[0]) == RESAMPLING["clusters"]
    quality = [{"trial": {"recipe": {"input": {"interval": {}}}},
                "predictions": pd.DataFrame({"record_id": ["A00001/0", "A00001/1"], "label": [0, 1]})}]  # fmt: skip
    assert tables.clusters(quality) == {"A00001/0": "A00001", "A00001/1": "A00001"}


def test_labels_of_the_multi_label_runs_are_of_both_kinds():
    assert set(np.unique(labels(multi_label_runs()[0]["predictions"]))) == {0, 1}
