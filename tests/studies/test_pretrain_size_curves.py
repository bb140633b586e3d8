from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ecgrepro.claims import ledger
from ecgrepro.evaluation.comparison import equivalence
from ecgrepro.evaluation.saturation import Parameter
from ecgrepro.studies import designs
from ecgrepro.studies import pretrain_size as study
from ecgrepro.studies import pretrain_size_curves as curves
from ecgrepro.studies import pretrain_size_tables as tables
from ecgrepro.studies.evidence import RESAMPLING
from tests.studies import fabricated_sizes

SIZES = sorted(study.PILOT_SIZES)


@pytest.fixture
def few(monkeypatch):
    fabricated_sizes.commit(monkeypatch, fabricated_sizes.pilot())
    return tables.pilot(0.1)


@pytest.fixture
def both(few):
    return {0.1: few, 1.0: tables.pilot(1.0)}


@pytest.fixture
def scores(few):
    return tables.seed_table(few).groupby(["kind", "patients"]).score.mean()


def test_the_margin_is_the_ledgers():
    claim = next(claim for claim in ledger.load() if claim.id == curves.FLAT_CLAIM)
    assert claim.rule == "equivalence"
    assert curves.margin() == claim.margin


def test_a_trend_per_kind_is_found_where_people_help(few, scores):
    table = curves.trend_table({0.1: few}).set_index("kind")
    assert list(table.index) == list(tables.KINDS)
    assert (table[["from", "to", "sizes"]] == [SIZES[0], SIZES[-1], len(SIZES)]).all(axis=None)
    x = np.log10(SIZES)
    slope = np.polyfit(x, scores["fixed"].loc[SIZES], 1)[0]
    assert table.change["fixed"] == pytest.approx(slope * (x[-1] - x[0]))
    assert (table.p < 0.05).all()
    assert (table.low > 0).all()
    assert (table.whole_p >= 2 / 120).all()


def test_whole_arms_are_not_reordered_where_there_are_few(few):
    runs = {place: done for place, done in few.items() if place in (("few", 6), ("few", 12), ("few", 25))}
    table = curves.trend_table({0.1: runs})
    assert table.kind.tolist() == ["few"]
    assert table.whole_p.isna().all()


def test_trends_are_tested_at_every_share_of_labels(both):
    table = curves.trend_table(both)
    assert table[["labels", "kind", "sizes"]].to_numpy().tolist() == [
        *([0.1, kind, 5] for kind in tables.KINDS), [1.0, "pass", 4]
    ]  # fmt: skip


def test_curves_of_passes_alone_start_at_the_random_start(both, scores):
    fits = curves.saturation_fits(both)
    assert list(fits) == [(0.1, "fixed"), (0.1, "pass"), (1.0, "pass")]
    assert fits[0.1, "fixed"].arms["size"].tolist() == SIZES
    assert fits[0.1, "pass"].arms["size"].tolist() == [0, *SIZES]
    assert fits[0.1, "pass"].arms.score.tolist()[1:] == pytest.approx(scores["pass"].loc[SIZES].tolist())


def test_curves_need_four_sizes(few):
    runs = {
        place: done for place, done in few.items() if place in (("fixed", 6), ("fixed", 12), ("fixed", 25))
    }
    fits = curves.saturation_fits({0.1: runs})
    assert fits == {}
    assert curves.saturation_table(fits).empty
    assert curves.curve_table(fits).empty
    assert curves.remaining_table(fits).empty


def test_fits_are_printed_with_their_intervals_and_doubts(both):
    fits = curves.saturation_fits(both)
    table = curves.saturation_table(fits).set_index(["labels", "kind"])
    assert table.index.tolist() == list(fits)
    for line, fit in fits.items():
        assert all(doubt in table.doubts[line] for doubt in fit.doubts)
    remaining = curves.remaining_table(fits)
    rises = remaining[(remaining.kind == "pass") & (remaining.labels == 0.1)]
    assert rises["from"].tolist() == SIZES[:-1]
    assert (rises["to"] == SIZES[-1]).all()
    assert all(pd.api.types.is_integer_dtype(remaining[name]) for name in ("from", "to"))
    assert list(curves.curve_table(fits).columns) == ["labels", "kind", "patients", "score", "low", "high"]


@pytest.mark.parametrize(
    ("top", "doubts", "printed"),
    [
        (Parameter(0.8, 0.75, 0.9), (), True),
        (Parameter(0.8, 0.75, 0.9), ("no top in sight",), False),
        (Parameter(0.9, 0.75, 1.05), (), False),
        (Parameter(1.05, 0.75, 0.95), (), False),
    ],
)
def test_parameters_that_are_in_doubt_are_left_blank(few, top, doubts, printed):
    line, fit = next(iter(curves.saturation_fits({0.1: few}).items()))
    row = curves.saturation_table({line: replace(fit, top=top, doubts=doubts)}).iloc[0]
    values = row[["top", "top_low", "top_high", "power", "power_low", "power_high"]].to_list()
    if printed:
        assert values == [*top, *fit.power]
    else:
        assert np.isnan(values).all()
    assert (row.doubts == "none") is printed
    assert all(doubt in row.doubts for doubt in doubts)


def test_neighbours_and_the_largest_are_paired_once_each(few, scores):
    table = curves.pair_table({0.1: few})
    fixed = table[table.kind == "fixed"]
    pairs = list(zip(fixed.patients, fixed.against, strict=True))
    assert len(set(pairs)) == len(pairs)
    assert pairs == [(6, 12), (12, 25), (25, 50), (50, 100), (6, 100), (12, 100), (25, 100)]
    for row in fixed.itertuples():
        assert row.difference == pytest.approx(scores["fixed", row.against] - scores["fixed", row.patients])
    margin = curves.margin()
    answers = np.where((table.low > margin) | (table.high < -margin), "different", "open")
    assert (table["they are"] == answers).all()  # people help here, and sixty recordings are few
    assert set(answers) == {"different", "open"}
    assert fixed.samples.tolist() == [study.PILOT_SIZES[n] for n in fixed.against]
    assert (table.seeds == 5).all()


def test_from_every_size_on_all_are_compared_with_the_largest(few):
    flat = curves.flat_table(curves.pair_table({0.1: few}))
    assert list(zip(flat.kind, flat["from"], strict=True)) == [
        (kind, n) for kind in ("fixed", "pass") for n in SIZES[:-1]
    ]
    assert (flat["to"] == SIZES[-1]).all()
    assert (flat.samples == study.PILOT_SIZES[SIZES[-1]]).all()
    arms = [designs.stacked(few["pass", n]) for n in SIZES]
    pairs = [equivalence(arms[-1], arm, tables.METRIC, curves.margin(), **RESAMPLING) for arm in arms[:-1]]
    for place, (_, row) in enumerate(flat[flat.kind == "pass"].iterrows()):
        chosen = [made.difference for made in pairs[place:]]
        assert row.furthest == max((made.estimate for made in chosen), key=abs)
        assert row["lowest limit"] == min(made.low for made in chosen)
        assert row["highest limit"] == max(made.high for made in chosen)
        assert row.p == max(made.test.p for made in pairs[place:])


@pytest.mark.parametrize(
    ("answers", "flat"),
    [
        (["equal", "equal"], ["yes", "yes"]),
        (["open", "equal"], ["open", "yes"]),
        (["different", "open"], ["no", "open"]),
        (["equal", "different"], ["no", "no"]),
    ],
)
def test_flat_is_a_matter_of_every_size_from_there_on(few, answers, flat):
    runs = {place: done for place, done in few.items() if place in (("few", 6), ("few", 12), ("few", 25))}
    pairs = curves.pair_table({0.1: runs}, kinds=("few",))
    pairs = pairs[pairs.against == 25].sort_values("patients").assign(**{"they are": answers})
    assert curves.flat_table(pairs).flat.tolist() == flat


def test_flat_is_asked_at_every_share_of_labels(both):
    flat = curves.flat_table(curves.pair_table(both))
    assert flat[flat.labels == 1.0]["from"].tolist() == sorted(study.IN_PLACE_OF)[:-1]
    assert flat.groupby(["labels", "kind"]).size().sum() == len(flat) == 4 + 4 + 3


def test_equal_scores_from_a_size_on_are_flat(monkeypatch):
    def saturated(trial):
        return fabricated_sizes.accuracy(trial) if trial.arm in ("random", "patients_6_fixed") else 1.0

    made = fabricated_sizes.results(
        accuracy=saturated, arms=[f"patients_{n}_fixed" for n in SIZES], labels=0.1
    )
    fabricated_sizes.commit(monkeypatch, fabricated_sizes.pilot() | {"pretrain_size": made})
    few = {place: runs for place, runs in tables.pilot(0.1).items() if place[0] == "fixed"}
    flat = curves.flat_table(curves.pair_table({0.1: few})).set_index("from").flat
    assert flat.to_dict() == {6: "no", 12: "yes", 25: "yes", 50: "yes"}


def test_without_results_there_is_nothing_to_test():
    made = [curves.trend_table({}), curves.pair_table({}), curves.flat_table(curves.pair_table({}))]
    assert all(table.empty and len(table.columns) for table in made)
