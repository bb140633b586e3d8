import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.evaluation.benchmark_bracket import Bracket, bracket
from tests.evaluation.multi_label_arms import build_labels


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    labels = build_labels(150, rng, (0.5, 0.2, 0.02))
    return labels, labels + rng.normal(size=labels.shape)


def benchmark_way(labels, scores, n, seed):
    """Draw and score as the publication describes it, one resample after the other."""
    rng, macros = np.random.default_rng(seed), []
    while len(macros) < n:
        rows = rng.integers(len(labels), size=len(labels))
        if labels[rows].sum(axis=0).min() > 0:
            macros.append(roc_auc_score(labels[rows], scores[rows], average="macro"))
    return np.quantile(macros, [0.05, 0.95])


def test_the_bracket_is_the_larger_distance_to_the_quantiles(problem):
    found, (low, high) = bracket(*problem, seed=4), benchmark_way(*problem, 100, seed=4)
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.point == pytest.approx(roc_auc_score(*problem))
    assert found.distance == max(found.high - found.point, found.point - found.low)
    assert found.n_resamples == 100


def test_resamples_without_a_class_are_drawn_again_and_counted(problem):
    # three positives of 150 are missing from one resample in twenty
    share = (1 - 3 / 150) ** 150
    assert bracket(*problem, n=2000, seed=0).n_redrawn == pytest.approx(2000 * share / (1 - share), rel=0.3)
    assert bracket(problem[0][:, :2], problem[1][:, :2], seed=0).n_redrawn == 0


def test_it_is_printed_as_the_benchmark_prints():
    assert str(Bracket(0.9254, 0.92, 0.9333, 0.0079, 100, 0, {})) == ".925(07)"
    assert str(Bracket(0.9566, 0.93, 0.96, 0.0266, 100, 0, {})) == ".957(26)"
    assert str(Bracket(1.0, 1.0, 1.0, 0.0, 100, 0, {})) == "1.000(00)"


def test_the_seed_decides(problem):
    found = [bracket(*problem, n=20, seed=seed) for seed in (1, 1, 2)]
    assert found[0] == found[1]
    assert found[0].low != found[2].low


def test_classes_without_an_area_are_left_out_by_name(problem):
    labels, scores = problem
    labels[:, 2], labels[:, 0] = 0, 1
    found = bracket(labels, scores, seed=0)
    assert found.left_out == {2: "no positives", 0: "no negatives"}
    assert found.point == pytest.approx(roc_auc_score(labels[:, 1], scores[:, 1]))


def test_what_has_no_bracket_is_refused(problem):
    labels, scores = problem
    with pytest.raises(InputError, match="a class with positives and negatives"):
        bracket(np.zeros_like(labels), scores, seed=0)
    with pytest.raises(InputError, match="finite scores"):
        bracket(labels, np.full_like(scores, np.nan), seed=0)
    with pytest.raises(SettingsError, match="n_resamples"):
        bracket(labels, scores, n=1, seed=0)


def test_classes_that_are_never_all_drawn_end_the_search():
    labels = np.eye(30, dtype=int)
    with pytest.raises(InputError, match="2 that hold every class; got 0 of 2000"):
        bracket(labels, np.arange(900.0).reshape(30, 30), n=2, seed=0)
