"""What the freezing page says in words."""

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from ecgrepro import paths
from ecgrepro.corpora.cinc2017 import CLASSES
from ecgrepro.frames.quality_intervals import CINC2017_COUNTS
from ecgrepro.studies import designs, freezing_cost, freezing_page, openings, quality_tables
from tests.studies import fabricated_sizes
from tests.studies.test_quality_tables import run


@pytest.fixture(scope="module")
def found():
    return [run(f"{start}_{depth}", seed, 2 + depth * (start == "beat")) for start in ("beat", "random")
            for depth in (0, 5, 7) for seed in (0, 1, 2)]  # fmt: skip


def test_the_deepest_freezing_of_each_start_is_compared_with_none(found):
    rows = freezing_page.deepest(found)
    assert [(row["start"], row["depth"]) for row in rows] == [
        ("AlexNet, beats", 7),
        ("AlexNet, random start", 7),
    ]
    expected = quality_tables.equality_table(found, metrics=("balanced_accuracy",)).query("depth == 7")
    assert [row["difference"] for row in rows] == expected.difference.tolist()


def test_areas_of_the_deepest_freezing_are_those_of_scikit_learn(found):
    def area(start, depth):
        tables = [one["predictions"].query("part == 'test'") for one in found
                  if one["trial"]["arm"] == f"{start}_{depth}"]  # fmt: skip
        return np.mean([roc_auc_score(table.label, table.logit_1 - table.logit_0) for table in tables])

    rows = freezing_page.deepest_areas(found)
    assert [row["start"] for row in rows] == ["AlexNet, beats", "AlexNet, random start"]
    for row, start in zip(rows, ("beat", "random"), strict=True):
        assert row["depth"] == 7
        assert row["difference"] == pytest.approx(area(start, 7) - area(start, 0))
        assert row["low"] <= row["difference"] <= row["high"]


def test_without_depth_0_there_is_nothing_to_compare_with(found):
    frozen = [one for one in found if one["trial"]["freeze_depth"]]
    assert freezing_page.deepest(frozen) == freezing_page.deepest_areas(frozen) == []


def test_the_opening_tells_each_difference_with_its_interval(found, monkeypatch):
    state = pd.DataFrame([{"arm": "beat_0", "labels": 1.0, "seeds": 9, "finished": 6}])
    monkeypatch.setattr(designs, "finished", lambda study, scale: (found, state))
    text = re.sub("<[^>]+>", "", openings.freezing()._repr_html_())
    assert text.startswith("So far (6 of 9 ")
    for row in freezing_page.deepest(found):
        assert f"{row['start']}, 7 layers frozen: {row['difference']:+.3f}".replace("-", "−") in text
    for row in freezing_page.deepest_areas(found):
        assert f"{row['start']} {row['difference']:+.3f}".replace("-", "−") in text
    assert "ImageNet, whose weights were not at hand" in text


def test_without_a_run_the_question_is_open(monkeypatch):
    state = pd.DataFrame([{"arm": "beat_0", "labels": 1.0, "seeds": 9, "finished": 0}])
    monkeypatch.setattr(designs, "finished", lambda study, scale: ([], state))
    assert "is open" in openings.freezing()._repr_html_()


def test_rhythms_are_those_that_resnet1d_was_tested_with(monkeypatch):
    made = fabricated_sizes.pilot()
    fabricated_sizes.commit(monkeypatch, made)
    labels = freezing_page.rhythms("pilot")
    assert labels.index.is_unique
    assert set(labels) <= set(CLASSES)
    run = next(one for one in made["resnet1d"] if one["trial"]["stage"] == "fine-tuning")
    tested = run["predictions"].query("part == 'test'").set_index("record_id").label
    assert (labels[tested.index] == tested.map(dict(enumerate(CLASSES)))).all()


def test_without_runs_of_resnet1d_no_rhythm_is_known(monkeypatch):
    monkeypatch.setattr(designs, "results", lambda study, scale: [])
    assert freezing_page.rhythms("pilot") is None


def test_no_revision_of_the_labels_gives_the_printed_numbers_of_intervals():
    table = freezing_page.interval_table().set_index("counted by")
    assert (table["high quality"] + table["low quality"] == table["intervals"]).all()
    assert table.loc["the paper"].tolist() == [47_439, 1_168, 48_607, pytest.approx(47_439 / 48_607)]
    ours = table.drop("the paper")
    assert ours.loc["this project, labels v3", ["high quality", "low quality"]].tolist() == list(
        CINC2017_COUNTS["v3"]
    )
    assert (ours["high quality"] > 47_439).all()


def test_without_counts_there_is_no_table(tmp_path, monkeypatch):
    monkeypatch.setenv("ECGREPRO_HOME", str(tmp_path))
    assert freezing_page.interval_table().empty


def test_a_cost_table_for_readers_has_the_measured_numbers_under_plain_names():
    costs = freezing_cost.read_costs(paths.results("pilot", "freezing") / "measured" / "pilot")
    brief = freezing_page.brief_costs(costs)
    assert brief["ms per interval"].tolist() == costs.milliseconds_per_interval.tolist()
    assert brief["trainable parameters"].tolist() == costs.trainable_parameters.tolist()
    assert len(brief.columns) < len(costs.columns)


def test_starts_are_named_in_words_and_unknown_ones_kept():
    table = pd.DataFrame({"start": ["beat", "wide"], "depth": [0, 1]})
    assert freezing_page.in_words(table).start.tolist() == ["AlexNet, beats", "wide"]
