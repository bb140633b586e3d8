"""The class report's tables from its published runs: its digits, its ties, and the intervals that it does not give."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

from ecgrepro.claims import ledger
from ecgrepro.corpora.class_report import HISTORIES, PREDICTIONS
from ecgrepro.errors import InputError, SettingsError
from ecgrepro.evaluation.comparison import paired_difference
from ecgrepro.studies import class_report
from ecgrepro.studies.class_report import (
    epoch_table,
    f1_table,
    gain_table,
    missing,
    prediction_tables,
    score_table,
)
from tests.corpora.class_report_files import SEEDS, fabricated_runs, history_lines, write_published

SKILLS = {"random": 0.6, "1": 0.7, "20": 0.9}
LAST = {
    ("random", 10): 70,
    ("random", 20): 71,
    ("random", 30): 75,
    ("20", 10): 55,
    ("20", 20): 56,
    ("20", 30): 56,
}


@pytest.fixture
def folder(tmp_path):
    write_published(tmp_path, runs=fabricated_runs(SKILLS), lines=history_lines(LAST))
    return tmp_path


def as_the_report_counts(run, average):
    """`f1_score` of indicator columns: every class of the largest probability is an answer."""
    answers = run["y_prob"] >= run["y_prob"].max(axis=1, keepdims=True)
    return f1_score(run["y_true"], answers, average=average)


def claim(published, std):
    return SimpleNamespace(published=published, published_spread={"std": std, "n": 3})


@pytest.fixture
def published(monkeypatch):
    """A function that puts claims in the ledger's place: id to (figure, deviation)."""

    def put(claims):
        made = [SimpleNamespace(id=name, **vars(claim(*figures))) for name, figures in claims.items()]
        monkeypatch.setattr(ledger, "load", lambda: made)

    return put


def test_scores_are_scikit_learns_class_by_class(folder):
    table = score_table("1-D", folder).set_index(["arm", "seed"])
    for key, run in fabricated_runs(SKILLS).items():
        arm, seed = key.split("_")
        row = table.loc[(arm, int(seed))]
        by_name = dict(zip(run["classes"], as_the_report_counts(run, None), strict=True)) | {
            "macro": as_the_report_counts(run, "macro")
        }
        for metric, name in (("macro", "macro"), ("N", "N"), ("A", "A"), ("O", "O"), ("noisy", "~")):
            assert row[metric] == pytest.approx(by_name[name], abs=1e-12)
        assert row.ties == 0


def test_of_tied_classes_all_are_answers(tmp_path):
    runs = fabricated_runs(SKILLS, seeds=(10,))
    for run in runs.values():
        run["y_prob"][::3] = 0.25
    write_published(tmp_path, runs=runs)
    table = score_table("1-D", tmp_path).set_index("arm")
    assert table.ties.tolist() == [27, 27, 27]
    for arm in SKILLS:
        assert table.macro[arm] == pytest.approx(as_the_report_counts(runs[f"{arm}_10"], "macro"), abs=1e-12)


def test_a_table_is_printed_as_the_report_cuts_it_and_compared_with_the_ledger(folder, published):
    scores = [
        as_the_report_counts(run, "macro") for key, run in fabricated_runs(SKILLS).items() if key[:3] == "20_"
    ]
    shown = [float(str(value)[: len("0.123")]) for value in (np.mean(scores), np.std(scores, ddof=1))]
    published({"T1F-T2-20-macro": shown, "T1F-T2-0-macro": (0.123, 0.1), "T1F-T2-1-macro": (0.5, None)})
    table = f1_table("1-D", folder)
    rows = table[table.metric == "macro"].set_index("arm")
    assert list(rows.index) == list(SKILLS)
    assert rows["mean"]["20"] == pytest.approx(np.mean(scores), abs=1e-12)
    assert rows["std"]["20"] == pytest.approx(np.std(scores, ddof=1), abs=1e-12)
    assert [rows.printed["20"], rows.printed_std["20"]] == shown
    assert rows.agrees.tolist() == [False, False, True]
    assert np.isnan(rows.published_std["1"])
    others = table[table.metric != "macro"]
    assert others.agrees.isna().all()
    assert set(others.metric) == {"N", "A", "O", "noisy"}
    assert (table.seeds == len(SEEDS)).all()


def test_a_deviation_that_differs_is_no_agreement(folder, published):
    row = f1_table("1-D", folder).iloc[0]
    published({"T1F-T2-0-macro": (row.printed, row.printed_std + 0.001)})
    assert not f1_table("1-D", folder).agrees.iloc[0]


@pytest.mark.parametrize(("value", "digits", "cut"), [
    (0.7029999, 3, 0.702), (0.702, 3, 0.702), (0.29, 2, 0.29), (0.0009, 3, 0.0), (0.5, 3, 0.5), (1e-5, 3, 0.0),
])  # fmt: skip
def test_numbers_are_cut_not_rounded(value, digits, cut):
    assert class_report._cut(np.float64(value), digits) == cut


def test_last_epochs_are_rounded_and_compared(folder, published):
    published({"T1F-T1-0": (72.0, 2.6), "T1F-T1-20": (55.6, 0.6), "T1F-T2-0-macro": (0.1, 0.1)})
    table = epoch_table("1-D", folder).set_index("arm")
    assert table["mean"].tolist() == [72.0, pytest.approx(167 / 3)]
    assert table.printed.tolist() == [72.0, 55.7]
    assert table.printed_std.tolist() == [2.6, 0.6]
    assert table.agrees.tolist() == [True, False]


def test_the_two_nets_have_their_own_tables(folder, published):
    runs = fabricated_runs({"random": 0.5, "88": 1.0})
    write_published(folder, "2-D", runs=runs, lines=history_lines({("88", 10): 4}))
    published({"T1F-T4-88-macro": (1.0, 0.1), "T1F-T2-88-macro": (0.3, 0.1),
               "T1F-T3-88": (4.0, None), "T1F-T1-88": (1, 1)})  # fmt: skip
    rows = f1_table("2-D", folder).set_index(["arm", "metric"])
    assert rows.published["88", "macro"] == 1.0
    assert epoch_table("2-D", folder).agrees.tolist() == [True]


def test_every_figure_of_these_tables_in_the_ledger_would_be_compared():
    # an id of another form would silently have nothing that it is compared with
    ids = [one.id for one in ledger.load() if one.id.startswith("T1F-T") and one.rule == "value"]
    made = {f"T1F-T{table}-{percent}{metric}" for epochs, f1 in class_report.TABLES.values()
            for percent in (0, 1, 10, 20, 88, 100)
            for table, metric in [(epochs, ""), *((f1, f"-{name}") for name in class_report.METRICS)]}  # fmt: skip
    assert ids
    assert [name for name in ids if name not in made] == []


def test_predictions_keep_answers_and_confidence(folder):
    tables, runs = prediction_tables("1-D", folder), fabricated_runs(SKILLS)
    table = tables["20"][tables["20"].seed == 30]
    there = runs["20_30"]
    order = [there["classes"].index(name) for name in ("N", "A", "O", "~")]
    chance = np.exp(table.filter(like="logit_").to_numpy(np.float64))
    np.testing.assert_allclose(chance, there["y_prob"][:, order], rtol=1e-5)
    assert (table.label.to_numpy() == there["y_true"][:, order].argmax(axis=1)).all()
    assert table.record_id.tolist()[:2] == ["test0000", "test0001"]


def test_a_probability_of_zero_is_a_finite_logit(tmp_path):
    runs = fabricated_runs({"random": 1.0}, seeds=(10,))
    runs["random_10"]["y_prob"] = runs["random_10"]["y_true"].astype(float)
    write_published(tmp_path, runs=runs)
    logits = prediction_tables("1-D", tmp_path)["random"].filter(like="logit_").to_numpy()
    assert np.isfinite(logits).all()
    assert logits.min() < -80


def test_gains_are_paired_differences_to_random_with_both_intervals(folder):
    table = gain_table("1-D", folder, n_resamples=200).set_index(["arm", "metric"])
    tables = prediction_tables("1-D", folder)
    made = paired_difference(tables["20"], tables["random"], "macro_f1", n_resamples=200, seed=2017)
    row = table.loc[("20", "macro")]
    assert (row.difference, row.low, row.high) == (made.estimate, made.low, made.high)
    assert (row.records_low, row.records_high) == (made.records_low, made.records_high)
    assert 0 < row.low < row.difference < row.high
    assert (row.seeds, row.records) == (3, 80)
    assert {arm for arm, _ in table.index} == {"1", "20"}
    scores = score_table("1-D", folder).groupby("arm")["macro"].mean()
    assert row.difference == pytest.approx(scores["20"] - scores["random"], abs=1e-12)


def test_gains_can_be_asked_for_in_one_metric(folder):
    assert set(gain_table("1-D", folder, metrics=("O",), n_resamples=50).metric) == {"O"}


def test_without_a_random_arm_no_gain_is_told(tmp_path):
    write_published(tmp_path, runs=fabricated_runs({"1": 0.5}))
    with pytest.raises(InputError, match="expected an arm 'random'; got 1"):
        gain_table("1-D", tmp_path)


def test_what_is_missing_is_said_and_nothing_is_said_where_all_is_here(folder):
    assert missing("1-D", folder) == ""
    assert HISTORIES in missing("2-D", folder)
    write_published(folder, "2-D", lines=history_lines(LAST))
    assert PREDICTIONS in missing("2-D", folder)
    for table in (f1_table, gain_table):
        with pytest.raises(SettingsError, match="ecgrepro data fetch class_report"):
            table("2-D", folder)


def test_tables_are_plain(folder):
    for table in (
        f1_table("1-D", folder),
        epoch_table("1-D", folder),
        gain_table("1-D", folder, n_resamples=50),
    ):
        assert isinstance(table, pd.DataFrame)
        assert "," in table.to_csv(index=False)


def test_what_is_missing_is_told_without_this_machines_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("ECGREPRO_HOME", str(tmp_path))
    told = missing("1-D")
    assert "_work/published/class_report" in told
    assert str(tmp_path) not in told
