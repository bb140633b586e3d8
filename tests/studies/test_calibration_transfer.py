import numpy as np
import pandas as pd
import pytest
from scipy import special

from ecgrepro.errors import InputError
from ecgrepro.evaluation.predictions import combine_predictions, prediction_table
from ecgrepro.studies import calibration
from ecgrepro.studies import calibration_transfer as transfer
from tests.studies.test_calibration import (
    MULTI_LABEL,
    PAIR,
    SUPERCLASSES,
    multi_label_runs,
    multi_label_table,
    only,
)


def test_a_calibrator_carried_over_to_its_own_net_loses_nothing():
    table = multi_label_table(0)
    for row in transfer.carried(table, table, "platt"):
        assert row["lost"] == 0
        assert row["own"] == row["carried"]


def test_a_temperature_of_a_surer_net_is_too_high_for_another():
    rows = transfer.carried(multi_label_table(0, 4.0), multi_label_table(0, 1.0), "temperature")
    assert all(row["lost"] > 0 for row in rows)
    assert rows[0]["none"] < rows[0]["carried"]


def test_a_calibrator_that_has_seen_what_it_is_judged_on_is_refused():
    table = multi_label_table(0)
    seen = table.assign(record_id=table.record_id.str.replace("validation", "test"))
    with pytest.raises(InputError, match="240 of seed 0"):
        transfer.carried(seen, table, "temperature")


def test_committed_nets_are_carried_over_within_their_folds():
    first, second = (combine_predictions([runs[0]["predictions"]]) for runs in
                     (PAIR.random.runs("pilot"), PAIR.pretrained.runs("pilot")))  # fmt: skip
    row = next(row for row in transfer.carried(first, second, "temperature") if row["score"] == "log_loss")
    temperature = calibration.fitted(first, "temperature")[0].parameters["temperature"]
    test = second.query("part == 'test'")
    chosen = special.log_softmax(test.filter(like="logit_").to_numpy(float) / temperature, axis=1)
    assert row["carried"] == pytest.approx(-chosen[np.arange(len(test)), test.label].mean(), abs=1e-6)


def test_the_table_has_a_row_for_each_score_of_what_is_committed(monkeypatch):
    only(monkeypatch, {MULTI_LABEL.random: multi_label_runs(3.0), MULTI_LABEL.pretrained: multi_label_runs()})
    found = transfer.transfer_table()
    assert len(found) == 2 * len(transfer.CARRIED) * len(transfer.JUDGED)
    assert set(found["judged on"]) == {MULTI_LABEL.random.name, MULTI_LABEL.pretrained.name}
    only(monkeypatch, {})
    assert transfer.transfer_table().empty


def test_a_net_with_fewer_seeds_is_calibrated_on_those_that_both_have():
    few, many = (pd.concat([multi_label_table(seed, scale) for seed in seeds])
                 for scale, seeds in ((4.0, (1, 2, 5)), (1.0, (0, 1, 2))))  # fmt: skip
    both = [table[table.seed.isin((1, 2))] for table in (few, many)]
    assert transfer.carried(few, many, "platt") == transfer.carried(*both, "platt")
    assert transfer.carried(many, few, "platt") == transfer.carried(*both[::-1], "platt")


def test_nets_without_a_seed_in_common_are_refused():
    with pytest.raises(InputError, match=r"a seed that both nets have; got \[0\] and \[1\]"):
        transfer.carried(multi_label_table(0), multi_label_table(1), "temperature")


def test_nets_of_other_classes_are_not_carried_over(monkeypatch):
    other = multi_label_runs()
    for run in other:
        run["run"] = run["run"] | {"classes": SUPERCLASSES[::-1]}
    only(monkeypatch, {MULTI_LABEL.random: multi_label_runs(), MULTI_LABEL.pretrained: other})
    with pytest.raises(InputError, match="the same classes in the same order"):
        transfer.transfer_table()


QUALITY = next(one for one in calibration.PAIRS if one.name == "quality by AlexNet, beats, 100% of labels")
LEARNT = [["mitbih_arrhythmia", "0a"], ["nstdb", "0b"], ["cinc2017", "0c"]]


def quality_runs(shift, seeds=(0, 1), n=400):
    """Results of a net of two classes, calibrated where it is validated, by `shift` too sure of the second class where
    it is tested; tested intervals come in pairs of one recording."""
    return [
        {"trial": {"seed": seed, "recipe": {"input": {"interval": {}}}, "corpora": LEARNT}, "run": {},
         "predictions": pd.concat([quality_rows("validation", 0.0, seed, n), quality_rows("test", shift, seed, n)],
                                  ignore_index=True)}
        for seed in seeds
    ]  # fmt: skip


def quality_rows(part, shift, seed, n):
    rng = np.random.default_rng(len(part))
    truth = rng.normal(0, 2, n)
    label = (rng.random(n) < special.expit(truth - shift)).astype(int)
    odds = truth + np.random.default_rng(seed).normal(0, 0.1, n)
    names = {"test": "A{:05d}/{}", "validation": "mitbih_arrhythmia {}/{}"}
    ids = [names[part].format(i // 2, i % 2) for i in range(n)]
    return prediction_table(ids, label, np.stack([0 * odds, odds], axis=1), part=part, fold=0, seed=seed)


def of_two_data_sets(monkeypatch, runs):
    alike = multi_label_runs()
    for run in alike:
        run["trial"]["corpora"] = [["ptbxl", "0d"]]
    only(monkeypatch, {MULTI_LABEL.random: alike, QUALITY.random: runs})
    return transfer.data_set_table()


def test_only_nets_tested_on_another_data_set_are_in_the_table_of_data_sets(monkeypatch):
    found = of_two_data_sets(monkeypatch, quality_runs(0.0))
    assert list(found.columns) == transfer.DATA_SET_COLUMNS
    assert set(found.net) == {QUALITY.random.net}
    assert len(found) == len(transfer.CARRIED) * len(transfer.JUDGED)
    assert (set(found["fitted on"]), set(found["judged on"])) == ({"mitbih_arrhythmia, nstdb"}, {"cinc2017"})
    assert set(found.seeds) == {2}
    only(monkeypatch, {})
    assert transfer.data_set_table().empty
    assert list(transfer.data_set_table().columns) == transfer.DATA_SET_COLUMNS


def test_a_calibrator_of_another_data_set_loses_what_the_data_sets_differ_by(monkeypatch):
    same, other = (of_two_data_sets(monkeypatch, quality_runs(shift, n=2000)).query("calibrator == 'platt'")
                   .set_index("score") for shift in (0.0, 2.0))  # fmt: skip
    for table in (same, other):
        assert (table["carried"] - table["own data set"]).tolist() == pytest.approx(table.lost.tolist())
    assert abs(same.lost).max() < 0.01
    assert (other.lost > 0.03).all()


def test_ways_between_data_sets_are_those_of_the_table_by_what_was_fitted_on():
    runs = quality_runs(1.0)
    rows = {(row["calibrator"], row["score"]): row for row in transfer.between_data_sets(runs)}
    same = {
        (row["calibrator"], row["fitted on"]): row for row in transfer.same_records(runs, transfer.CARRIED)
    }
    for (name, score), row in rows.items():
        assert row["none"] == same["none", "nothing"][score]
        assert row["carried"] == same[name, "validation"][score]
        assert row["own data set"] == same[name, "other half"][score]


def test_intervals_of_a_recording_are_in_one_half_between_data_sets(monkeypatch):
    seen = {}

    def noted(tests, calibrator, together):
        seen[calibrator] = [transfer.halves(rows, together) for rows in tests.values()]
        return calibration.apply(calibration.fit(tests, calibrator), tests)

    monkeypatch.setattr(transfer, "of_other_half", noted)
    transfer.between_data_sets(quality_runs(1.0))
    assert set(seen) == set(transfer.CARRIED)
    for second in (half for found in seen.values() for half in found):
        assert (second[::2] == second[1::2]).all()
        assert 0 < second.mean() < 1


def test_validation_records_that_are_tested_too_are_of_no_other_data_set():
    runs = quality_runs(0.0)
    table = runs[1]["predictions"]
    tested = table[table.part == "test"].iloc[0]
    table.loc[0, ["record_id", "label"]] = tested.record_id, tested.label
    with pytest.raises(InputError, match="1 of seed 1"):
        transfer.between_data_sets(runs)


def test_the_calibrator_of_ptb_xl_is_carried_to_georgia_once_both_have_run(monkeypatch):
    names = ("PTB-XL, shared diagnoses, 100%", "Georgia, random start, 100%")
    assert names in transfer.TRANSFERS
    sets = [calibration.PredictionSet(name.removesuffix(", 100%"), "ptbxl_transfer", "any") for name in names]
    georgia = multi_label_runs(1.0, seeds=(0, 1))
    for run in georgia:
        run["predictions"]["record_id"] = "E" + run["predictions"]["record_id"]
    found = dict(zip(sets, (multi_label_runs(3.0), georgia), strict=True))
    monkeypatch.setattr(transfer, "prediction_sets", lambda scale: found)
    table = transfer.transfer_table()
    assert set(zip(table["fitted on"], table["judged on"], strict=True)) == {names}
    assert table[table.score == "log_loss"].lost.min() > 0


def test_halves_keep_together_what_is_drawn_together():
    rows = multi_label_table(0).query("part == 'test'")
    together = {"test0000": "patient", "test0007": "patient", "test0100": "patient"}
    second = transfer.halves(rows, together)
    assert len(set(second[rows.record_id.isin(together)])) == 1
    assert abs(second.mean() - 0.5) < 0.01


def test_the_other_half_never_judges_itself():
    tests = calibration.by_seed(multi_label_table(0), "test")
    before = transfer.of_other_half(tests, "isotonic")[0]
    second = transfer.halves(tests[0], None)
    row = np.flatnonzero(second)[3]
    changed = {
        0: tests[0].assign(label_0=tests[0].label_0.where(np.arange(240) != row, 1 - tests[0].label_0))
    }
    after = transfer.of_other_half(changed, "isotonic")[0]
    assert np.array_equal(before[second], after[second])
    assert not np.array_equal(before[~second], after[~second])


def test_calibrated_on_the_same_records_many_parameters_flatter(monkeypatch):
    runs = multi_label_runs(2.0)
    rows = {(row["calibrator"], row["fitted on"]): row
            for row in transfer.same_records(runs, ("temperature", "isotonic"))}  # fmt: skip
    flattery = {
        name: rows[name, "other half"]["log_loss"] - rows[name, "same records"]["log_loss"]
        for name in ("temperature", "isotonic")
    }
    assert flattery["isotonic"] > 10 * abs(flattery["temperature"])
    assert rows["none", "nothing"]["brier"] > rows["temperature", "validation"]["brier"]
    assert ("project_temperature", "as the project") in rows


def test_probabilities_of_one_become_one_half_in_the_project_s_way():
    net = np.array([[0.0, 2.0, 40.0, -200.0]], np.float32)
    found, n = transfer.recovered_logits(net)
    np.testing.assert_allclose(found, [[0.0, 2.0, 0.0, 0.0]], atol=1e-5)
    assert n == 2


def test_what_the_project_replaced_is_counted_over_all_seeds(monkeypatch):
    only(monkeypatch, {MULTI_LABEL.random: multi_label_runs(8.0)})
    found = transfer.same_records_table(calibrators=("temperature",))
    row = found.query("calibrator == 'project_temperature'").iloc[0]
    expected = sum(
        int((special.expit(run["predictions"].query("part == 'test'").filter(like="logit_").to_numpy()) == 1).sum())
        for run in multi_label_runs(8.0)
    )  # fmt: skip
    assert row.replaced == expected > 0
    assert found.drop(row.name).replaced.isna().all()


def test_ways_stand_side_by_side_with_the_net_as_it_is(monkeypatch):
    only(monkeypatch, {MULTI_LABEL.random: multi_label_runs(), MULTI_LABEL.pretrained: multi_label_runs(1.0)})
    found = transfer.same_records_table(calibrators=("temperature",))
    wide = transfer.wide(found, "brier").set_index(["net", "calibrator"])
    assert list(wide.columns[1:]) == list(transfer.WAYS)
    none = found.query("calibrator == 'none'").set_index("net").brier
    for net in none.index:
        assert wide.loc[(net, "temperature"), "nothing"] == none[net]
