"""Macro AUC of arms and classes, and differences, computed again with scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from ecgrepro.errors import InputError
from ecgrepro.studies import diagnosis_tables as tables
from tests.studies import fabricated_diagnoses as made

COUNTED = [0, 2, 3, 4]
FEW = {"n_resamples": 200}


@pytest.fixture(scope="module")
def found():
    return made.results(made.trials("random", "beat", "beat_probe", "permuted"))


@pytest.fixture(scope="module")
def estimated(found):
    return tables.estimates(found, **FEW)


def areas(found, arm):
    """AUC by seed and class, (n_seeds, n_classes), from scikit-learn."""
    rows = []
    for result in found:
        if result["trial"]["arm"] == arm:
            test = result["predictions"].query("part == 'test'")
            truth, scores = (test.filter(regex=f"^{name}_").to_numpy() for name in ("label", "logit"))
            rows.append(roc_auc_score(truth, scores, average=None))
    return np.array(rows)


def test_both_macros_of_every_arm_are_those_of_scikit_learn(found, estimated):
    scores = tables.score_table(estimated).set_index("arm")
    assert list(scores.index) == ["random", "beat", "beat_probe", "permuted"]
    for arm, row in scores.iterrows():
        by_seed = areas(found, arm)
        assert row["macro AUC"] == pytest.approx(by_seed[:, COUNTED].mean(), abs=1e-9)
        assert row["all classes"] == pytest.approx(by_seed.mean(), abs=1e-9)
        assert row.low < row["macro AUC"] < row.high
        assert (row.counted, row.classes, row.seeds) == (4, 5, len(by_seed))


def test_every_seed_has_its_own_macros(found, estimated):
    seeds = tables.seed_table(estimated)
    shown = seeds[seeds.arm == "beat"]
    expected = areas(found, "beat")
    assert shown.macro_auc.to_numpy() == pytest.approx(expected[:, COUNTED].mean(axis=1))
    assert shown.macro_auc_of_all_classes.to_numpy() == pytest.approx(expected.mean(axis=1))


def test_a_class_with_few_positives_is_shown_and_does_not_count(found, estimated):
    classes = tables.class_table(estimated, ["beat"]).set_index("class")
    assert classes.positives.to_list() == list(made.POSITIVES)
    assert classes.AUC.to_numpy() == pytest.approx(areas(found, "beat").mean(axis=0))
    assert classes.counted.to_dict() == {name: name != "HYP" for name in made.CLASSES}
    assert classes["why not"]["HYP"] == "positives: 12, fewer than 20"


def test_an_arm_with_fewer_seeds_is_paired_on_those_that_both_have(found):
    table = tables.difference_table(found, [("beat_probe", "random")], **FEW)
    (row,) = table.to_dict("records")
    probe, random = (areas(found, arm)[:3, COUNTED].mean() for arm in ("beat_probe", "random"))
    assert row["difference"] == pytest.approx(probe - random)
    assert (row["of first"], row["of second"]) == pytest.approx((probe, random))
    assert (row["seeds"], row["paired"]) == (3, True)


def test_differences_have_the_t_test_of_scipy(found):
    from scipy.stats import ttest_rel

    (row,) = tables.difference_table(found, [("beat", "random")], **FEW).to_dict("records")
    first, second = (areas(found, arm)[:, COUNTED].mean(axis=1) for arm in ("beat", "random"))
    assert row["t_p"] == pytest.approx(ttest_rel(first, second).pvalue)


def test_arms_with_other_labels_are_not_paired(found):
    compared = tables.compare(found, "permuted", "random", **FEW)
    assert not compared.paired
    expected = [areas(found, arm)[:, COUNTED].mean() for arm in ("permuted", "random")]
    assert tables.levels(compared) == pytest.approx(tuple(expected))
    paired = tables.compare(found, "beat", "random", **FEW)
    assert compared.made.high - compared.made.low > paired.made.high - paired.made.low


def test_recordings_of_a_patient_are_drawn_together(found, estimated):
    together = [f"test{i:03d}" for i in range(made.RECORDS)]
    pairs = [together[i : i + 2] for i in range(0, made.RECORDS, 2)]
    linked = [{**result, "run": result["run"] | {"drawn_together": pairs}} for result in found]
    other = tables.estimates(linked, ["beat"], **FEW)["beat"]
    assert other.estimate == estimated["beat"].estimate
    assert other.low != estimated["beat"].low


def test_nothing_has_run():
    assert tables.estimates([]) == {}
    for table in (tables.score_table({}), tables.seed_table({}), tables.class_table({}, ["beat"]),
                  tables.difference_table([])):  # fmt: skip
        assert table.empty
        assert len(table.columns)


def test_runs_of_two_tasks_are_refused(found):
    mixed = [*found[:1], {**found[1], "run": found[1]["run"] | {"classes": list("abcde")}}]
    with pytest.raises(InputError, match="runs of one task"):
        tables.classes_of(mixed)


def test_an_arm_of_which_no_class_counts_is_refused_by_name(found):
    with pytest.raises(InputError, match="200 positives"):
        tables.estimates(found, ["random"], minimum_positives=200, **FEW)


def test_parts_hold_their_recordings_and_the_classes_of_those_whose_labels_are_committed():
    found = made.results(made.trials("random", seeds=(0,)))
    found[0]["run"]["records"] = {"train": 700, "validation": 30, "test": made.RECORDS}
    parts = tables.parts_table(found, "random").set_index("part")
    assert parts.recordings.to_dict() == {"train": 700, "validation": 30, "test": made.RECORDS}
    assert parts.loc["test", list(made.CLASSES)].tolist() == list(made.POSITIVES)
    assert parts.loc["train", list(made.CLASSES)].isna().all()
    assert tables.parts_table(found, "beat").empty


def test_the_classes_of_training_recordings_are_those_of_the_run_record():
    found = trained(made.results(made.trials("random", seeds=(0,))), (300, 0, 100, 700, 5))
    found[0]["run"]["records"] |= {"validation": 30, "test": made.RECORDS}
    parts = tables.parts_table(found, "random").set_index("part")
    assert parts.loc["train", list(made.CLASSES)].tolist() == [300, 0, 100, 700, 5]
    assert parts.loc["test", list(made.CLASSES)].tolist() == list(made.POSITIVES)
    assert list(parts.index) == ["train", "validation", "test"]


def trained(found, positives, records=700):
    """Results whose run records say how many recordings of each class were trained on."""
    told = {"records": {"train": records}, "positives": {"train": list(positives)}}
    return [{**result, "run": result["run"] | told} for result in found]


def test_a_class_without_positives_in_training_is_shown_and_does_not_count(found, estimated):
    # of the first seed alone: it is enough that one run learnt nothing
    told = trained(found[:1], (0, 50, 50, 700, 50)) + found[1:]
    now = tables.estimates(told, ["random"], **FEW)
    classes = tables.class_table(now).set_index("class")
    assert classes["why not"].to_dict() == {
        "CD": "no positives in training", "HYP": "positives: 12, fewer than 20", "MI": "",
        "NORM": "no negatives in training", "STTC": "",
    }  # fmt: skip
    assert classes.AUC.tolist() == tables.class_table(estimated, ["random"]).AUC.tolist()
    assert now["random"].estimate == pytest.approx(areas(told, "random")[:, [2, 4]].mean())
    assert now["random"].all_classes.estimate == estimated["random"].all_classes.estimate


@pytest.mark.parametrize("second", ["random", "permuted"])
def test_arms_are_compared_over_classes_that_both_learnt_about(found, second):
    lacking = [result for result in found if result["trial"]["arm"] == second]
    others = [result for result in found if result["trial"]["arm"] == "beat"]
    compared = tables.compare(others + trained(lacking, (0, 50, 50, 50, 50)), "beat", second, **FEW)
    assert compared.paired == (second == "random")
    assert compared.made.classes.set_index("class").counted.to_dict() == {
        "CD": False, "HYP": False, "MI": True, "NORM": True, "STTC": True
    }  # fmt: skip


def test_of_training_recordings_that_a_run_record_does_not_count_nothing_is_left_out(found, estimated):
    enough = tables.estimates(trained(found, (50, 50, 50, 50, 50)), ["beat"], **FEW)["beat"]
    assert enough.estimate == estimated["beat"].estimate
    assert estimated["beat"].classes.counted.sum() == len(COUNTED)


def test_differences_class_by_class_are_paired_and_in_the_order_of_the_classes():
    found = made.results(made.trials("random", "beat", seeds=(0, 1, 2)))
    table = tables.class_difference_table(found, "beat", "random", n_resamples=50)
    assert table["class"].tolist() == list(made.CLASSES)
    np.testing.assert_allclose(table.difference, table["first"] - table["second"])
    assert ((table.low < table.difference) & (table.difference < table.high)).all()
    assert tables.class_difference_table([], "beat", "random").empty
