import numpy as np
import pytest

from ecgrepro.claims import ledger
from ecgrepro.evaluation.flatness import flat_after
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
    assert (table.sizes == len(SIZES)).all()
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
    assert (table.top_low <= table.top_high).all()
    for line, fit in fits.items():
        assert table.top[line] == fit.top.value
        assert (table.doubts[line] == "none") == fit.is_identified
    remaining = curves.remaining_table(fits)
    assert remaining[(remaining.kind == "pass") & (remaining.labels == 0.1)].patients.tolist() == SIZES[:-1]
    assert list(curves.curve_table(fits).columns) == ["labels", "kind", "patients", "score", "low", "high"]


def test_neighbours_and_the_largest_are_paired_once_each(few, scores):
    table = curves.pair_table({0.1: few})
    fixed = table[table.kind == "fixed"]
    pairs = list(zip(fixed.patients, fixed.against, strict=True))
    assert len(set(pairs)) == len(pairs)
    assert pairs == [(6, 12), (12, 25), (25, 50), (50, 100), (6, 100), (12, 100), (25, 100)]
    for row in fixed.itertuples():
        assert row.difference == pytest.approx(scores["fixed", row.against] - scores["fixed", row.patients])
    inside = (table.low > -curves.margin()) & (table.high < curves.margin())
    assert (table.equal == inside).all()
    assert not table.equal.any()  # people help here, and sixty recordings are few


def test_flat_from_a_size_on_is_what_flatness_calls_so(few):
    flat = curves.flat_table(curves.pair_table({0.1: few}))
    assert list(zip(flat.kind, flat.patients, strict=True)) == [
        (kind, n) for kind in ("fixed", "pass") for n in SIZES[:-1]
    ]
    arms = [designs.stacked(few["pass", n]) for n in SIZES]
    for row in flat[flat.kind == "pass"].itertuples():
        made = flat_after(arms, SIZES, tables.METRIC, row.patients, curves.margin(), **RESAMPLING)
        expected = (made.estimate, made.low, made.high, made.p, made.within_margin)
        assert (row.furthest, row.low, row.high, row.p, row.flat) == expected


def test_flat_is_asked_at_every_share_of_labels(both):
    flat = curves.flat_table(curves.pair_table(both))
    assert flat[flat.labels == 1.0].patients.tolist() == sorted(study.IN_PLACE_OF)[:-1]
    assert flat.groupby(["labels", "kind"]).size().sum() == len(flat) == 4 + 4 + 3


def test_equal_scores_from_a_size_on_are_flat(monkeypatch):
    def saturated(trial):
        return fabricated_sizes.accuracy(trial) if trial.arm in ("random", "patients_6_fixed") else 1.0

    made = fabricated_sizes.results(
        accuracy=saturated, arms=[f"patients_{n}_fixed" for n in SIZES], labels=0.1
    )
    fabricated_sizes.commit(monkeypatch, fabricated_sizes.pilot() | {"pretrain_size": made})
    few = {place: runs for place, runs in tables.pilot(0.1).items() if place[0] == "fixed"}
    flat = curves.flat_table(curves.pair_table({0.1: few})).set_index("patients").flat
    assert flat.to_dict() == {6: False, 12: True, 25: True, 50: True}


def test_without_results_there_is_nothing_to_test():
    made = [curves.trend_table({}), curves.pair_table({}), curves.flat_table(curves.pair_table({}))]
    assert all(table.empty and len(table.columns) for table in made)
