import numpy as np
import pytest
from scipy import special

from ecgrepro.errors import InputError
from ecgrepro.evaluation.predictions import combine_predictions
from ecgrepro.studies import calibration
from ecgrepro.studies import calibration_transfer as transfer
from tests.studies.test_calibration import MULTI_LABEL, PAIR, multi_label_runs, multi_label_table, only


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
