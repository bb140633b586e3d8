import dataclasses

import numpy as np
import pytest
from scipy import stats

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.evaluation import intervals
from ecgrepro.evaluation.intervals import record_bootstrap, resampled_counts, resampled_totals
from ecgrepro.evaluation.metrics import accuracy, confusion_matrix, macro_f1


def simulate(rng, n_records, n_classes=4, right=0.8):
    labels = rng.choice(n_classes, size=n_records, p=[0.55, 0.1, 0.3, 0.05][:n_classes])
    wrong = (labels + rng.integers(1, n_classes, size=n_records)) % n_classes
    return labels, np.where(rng.random(n_records) < right, labels, wrong)


def test_standard_error_of_accuracy_is_that_of_a_proportion():
    labels = np.zeros(1000, int)
    predictions = (np.arange(1000) < 200).astype(int)
    result = record_bootstrap(labels, predictions, "accuracy", n_classes=2, n_resamples=20_000, seed=0)
    assert result.estimate == 0.8
    assert result.standard_error == pytest.approx(np.sqrt(0.8 * 0.2 / 1000), rel=0.03)
    limits = np.array(stats.binom.interval(0.95, 1000, 0.8)) / 1000
    np.testing.assert_allclose([result.low, result.high], limits, atol=0.0015)


def test_agrees_with_scipy_bootstrap_of_record_indices():
    labels, predictions = simulate(np.random.default_rng(1), 300)
    ours = record_bootstrap(labels, predictions, "macro_f1", n_classes=4, n_resamples=4000, seed=0)
    theirs = stats.bootstrap(
        (labels, predictions),
        lambda a, b: macro_f1(confusion_matrix(a, b, 4)),
        paired=True,
        vectorized=False,
        method="percentile",
        n_resamples=4000,
        rng=np.random.default_rng(2),
    )
    assert ours.standard_error == pytest.approx(theirs.standard_error, rel=0.06)
    limits = theirs.confidence_interval
    np.testing.assert_allclose([ours.low, ours.high], [limits.low, limits.high], atol=0.006)


def test_a_95_percent_interval_covers_about_95_percent():
    rng = np.random.default_rng(3)
    truth = macro_f1(confusion_matrix(*simulate(rng, 2_000_000), 4))
    trials = [
        record_bootstrap(*simulate(rng, 800), "macro_f1", n_classes=4, n_resamples=400, seed=trial)
        for trial in range(400)
    ]
    coverage = np.mean([trial.low <= truth <= trial.high for trial in trials])
    assert 0.92 <= coverage <= 0.98


def test_the_order_of_records_does_not_matter():
    labels, predictions = simulate(np.random.default_rng(4), 500)
    clusters = np.arange(500) // 3
    order = np.random.default_rng(5).permutation(500)
    for names in (None, clusters):
        shuffled = None if names is None else names[order]
        settings = {"n_classes": 4, "seed": 0, "n_resamples": 200}
        first = record_bootstrap(labels, predictions, "macro_f1", clusters=names, **settings)
        again = record_bootstrap(labels[order], predictions[order], "macro_f1", clusters=shuffled, **settings)
        assert first == again


def test_the_same_seed_gives_the_same_interval_and_another_seed_another():
    labels, predictions = simulate(np.random.default_rng(6), 200)
    draws = [record_bootstrap(labels, predictions, "macro_f1", n_classes=4, seed=seed) for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]


def test_copies_drawn_together_give_the_interval_of_the_originals():
    labels, predictions = simulate(np.random.default_rng(7), 400)
    once = record_bootstrap(labels, predictions, "macro_f1", n_classes=4, seed=0)
    copied = record_bootstrap(
        np.tile(labels, 2),
        np.tile(predictions, 2),
        "macro_f1",
        n_classes=4,
        clusters=np.tile(np.arange(400), 2),
        seed=0,
    )
    assert (copied.low, copied.high) == pytest.approx((once.low, once.high))
    assert (copied.n_records, copied.n_clusters) == (800, 400)


def test_copies_taken_for_new_records_narrow_the_interval_falsely():
    labels, predictions = np.tile(simulate(np.random.default_rng(7), 400), 4)
    settings = {"n_classes": 4, "seed": 0}
    naive = record_bootstrap(labels, predictions, "macro_f1", **settings)
    honest = record_bootstrap(
        labels, predictions, "macro_f1", clusters=np.tile(np.arange(400), 4), **settings
    )
    assert honest.standard_error / naive.standard_error == pytest.approx(2, rel=0.1)


def test_clusters_of_unequal_size_weigh_by_their_records():
    rows = np.array([[3, 0], [0, 1]])
    totals = np.concatenate(list(resampled_totals(rows, 4000, np.random.default_rng(0))))
    kinds, counts = np.unique(totals, axis=0, return_counts=True)
    assert kinds.tolist() == [[0, 2], [3, 1], [6, 0]]
    np.testing.assert_allclose(counts / 4000, [0.25, 0.5, 0.25], atol=0.03)


def test_chunks_bound_memory_and_do_not_change_the_draws(monkeypatch):
    rows = np.random.default_rng(0).integers(0, 5, size=(40, 6))
    whole = list(resampled_totals(rows, 100, np.random.default_rng(1)))
    monkeypatch.setattr(intervals, "_CHUNK_ELEMENTS", 400)
    parts = list(resampled_totals(rows, 100, np.random.default_rng(1)))
    assert len(whole) == 1
    assert max(map(len, parts)) == 10
    np.testing.assert_array_equal(np.concatenate(parts), whole[0])


def test_resamples_that_lose_a_class_are_counted_and_score_it_zero():
    labels = np.array([0] * 99 + [1])
    result = record_bootstrap(labels, labels, "macro_f1", n_classes=2, n_resamples=1000, seed=0)
    assert result.n_degenerate / 1000 == pytest.approx(0.99**100, abs=0.05)
    assert result.estimate == 1
    assert result.low == 0.5


def test_a_class_of_the_problem_counts_even_if_no_record_has_it():
    labels = np.arange(30) % 3
    assert record_bootstrap(labels, labels, "macro_f1", n_classes=4, seed=0).estimate == 0.75


def test_an_interval_cannot_be_changed():
    result = record_bootstrap([0, 1], [0, 1], "accuracy", n_classes=2, n_resamples=10, seed=0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.low = 0


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"clusters": [0]}, InputError, "one cluster per record"),
        ({"level": 95}, SettingsError, r"Write \.95 for 95 %"),
        ({"n_resamples": 0}, SettingsError, "n_resamples"),
        ({"metric": "f1"}, SettingsError, "say which"),
        ({"n_classes": 1}, InputError, "integers from 0 to 0"),
    ],
)
def test_impossible_settings_are_refused(settings, error, message):
    given = {"metric": "accuracy", "n_classes": 2, "seed": 0} | settings
    with pytest.raises(error, match=message):
        record_bootstrap([0, 1], [0, 1], **given)


def test_accuracy_replicates_stay_between_0_and_1():
    labels, predictions = simulate(np.random.default_rng(8), 50)
    rows = intervals.unit_totals(np.arange(50) // 7, labels * 4 + predictions, 16)
    totals = np.concatenate(list(resampled_totals(rows, 200, np.random.default_rng(0))))
    scores = accuracy(totals.reshape(-1, 4, 4))
    assert scores.min() >= 0
    assert scores.max() <= 1
    assert np.ptp(scores) > 0


def test_chunks_of_counts_do_not_change_the_draws():
    whole, parts = (
        np.concatenate(list(resampled_counts(9, 50, np.random.default_rng(0), chunk)), axis=1)
        for chunk in (50, 7)
    )
    np.testing.assert_array_equal(whole, parts)
    assert set(whole.sum(axis=0)) == {9.0}
