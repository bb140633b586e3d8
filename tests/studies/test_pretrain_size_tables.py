import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ecgrepro.studies import pretrain_size as study
from ecgrepro.studies import pretrain_size_tables as tables
from ecgrepro.studies.pretrain_size_design import design_table
from tests.studies import fabricated_sizes

SIZES = sorted(study.PILOT_SIZES)


@pytest.fixture
def few(monkeypatch):
    fabricated_sizes.commit(monkeypatch, fabricated_sizes.pilot())
    return tables.pilot(0.1)


def test_every_kind_has_every_size_and_the_random_start_is_that_of_resnet1d(few):
    assert tables.sizes_by_kind(few) == dict.fromkeys(tables.KINDS, SIZES)
    assert [run["trial"]["study"] for run in few[tables.RANDOM]] == ["resnet1d"] * 5
    assert tables._keys(few["pass", 100]) == tables._keys(few["fixed", 100])
    assert tables._keys(few["few", 6]) == tables._keys(few["pass", 6])


def test_with_all_labels_there_are_passes_alone(monkeypatch):
    fabricated_sizes.commit(monkeypatch, fabricated_sizes.pilot())
    assert tables.sizes_by_kind(tables.pilot(1.0)) == {"pass": sorted(study.IN_PLACE_OF)}


def test_lines_are_those_of_every_share_of_labels(few):
    both = {0.1: few, 1.0: tables.pilot(1.0)}
    found = [(share, kind) for share, kind, _, _ in tables.lines(both, least=4)]
    assert found == [*((0.1, kind) for kind in tables.KINDS), (1.0, "pass")]
    assert [kind for _, kind, *_ in tables.lines(both, kinds=("few",))] == ["few"]


def test_an_arm_that_lacks_a_seed_is_left_out_and_no_other_takes_its_place(monkeypatch):
    found = fabricated_sizes.pilot()
    left = [
        r
        for r in found["pretrain_size"]
        if (r["trial"]["arm"], r["trial"]["seed"]) != ("patients_100_fixed", 2)
    ]
    fabricated_sizes.commit(monkeypatch, found | {"pretrain_size": left})
    sizes = tables.sizes_by_kind(tables.pilot(0.1))
    assert sizes == {"fixed": SIZES[:-1], "pass": SIZES[:-1], "few": SIZES, "one_run": SIZES}


def test_without_results_every_table_is_empty(monkeypatch):
    fabricated_sizes.commit(monkeypatch, {})
    runs = tables.pilot(0.1)
    assert runs == {}
    made = [tables.gain_table(runs), tables.seed_table(runs), tables.contrast_table(runs),
            tables.held_out_table([]), tables.spread_table(tables.seed_table(runs))]  # fmt: skip
    assert all(table.empty and len(table.columns) for table in made)


def test_gains_need_the_random_start(few):
    del few[tables.RANDOM]
    assert tables.gain_table(few).empty
    assert tables.seed_table(few).gain.isna().all()
    assert not tables.contrast_table(few).empty


def test_a_gain_is_the_mean_of_its_seeds_gains(few):
    gains, seeds = tables.gain_table(few), tables.seed_table(few)
    assert len(gains) == 4 * len(SIZES)
    means = seeds.groupby(["kind", "patients"]).gain.mean()
    for row in gains.itertuples():
        assert row.difference == pytest.approx(means[row.kind, row.patients])
        assert row.low <= row.difference <= row.high
        assert row.seeds == 5


def test_seeds_are_told_which_sample_of_people_they_had(few):
    seeds = tables.seed_table(few)
    for n, samples in study.PILOT_SIZES.items():
        part = seeds[(seeds.patients == n) & (seeds.kind == "fixed")]
        assert part["sample"].tolist() == [seed % samples for seed in part.seed]
    parts = seeds[seeds.kind == "one_run"].set_index("patients")["sample"]
    assert parts[parts.index < 100].isna().all()
    assert (parts[100] == 0).all()


def test_differences_tell_how_many_samples_of_people_are_behind_their_seeds(few):
    gains = tables.gain_table(few).set_index(["kind", "patients"]).samples
    for kind in ("fixed", "pass", "few"):
        assert gains[kind].to_dict() == study.PILOT_SIZES
    assert gains["one_run"].isna().tolist() == [True] * 4 + [False]
    assert tables.fewest_samples(few["fixed", 6], few["fixed", 25]) == study.PILOT_SIZES[25]
    assert tables.fewest_samples(few["one_run", 6], few["pass", 6]) is None
    assert tables.fewest_samples(few["pass", 6][:2], few[tables.RANDOM]) == 2


def test_contrasts_differ_in_one_thing_and_never_compare_an_arm_with_itself(few):
    made = tables.contrast_table(few)
    assert made.groupby("question", sort=False).size().to_dict() == {
        "same people, more steps": 8, "many steps, more people": 4, "few steps, more people": 4,
        "checkpoint of one run, not a run of its own (other people too)": 5,
    }  # fmt: skip
    design = design_table().set_index(["kind", "patients"])
    for row in made.itertuples():
        first, second = (design.loc[(kind, int(n))] for kind, n in (row.first.split(), row.second.split()))
        if "more people" in row.question:
            assert abs(first.steps - second.steps) <= 1
            assert row.first.split()[1] != row.second.split()[1]
        elif "more steps" in row.question:
            assert first.steps > second.steps
            assert row.first.split()[1] == row.second.split()[1]
        else:
            assert abs(first.steps - second.steps) <= 1
    gains = tables.seed_table(few).groupby(["kind", "patients"]).score.mean()
    for row in made.itertuples():
        first, second = ((kind, int(n)) for kind, n in (row.first.split(), row.second.split()))
        assert row.difference == pytest.approx(gains[first] - gains[second])


def test_nets_are_judged_on_held_out_people_at_every_size(few):
    found = fabricated_sizes.pilot()["pretrain_size"]
    table = tables.held_out_table(found)
    assert set(table.corpus) == {"mitbih_arrhythmia", "svdb"}
    counted = table.groupby(["kind", "patients"]).seed.nunique()
    assert (counted == 5).all()
    assert set(counted.index) == {(kind, n) for kind in ("fixed", "pass", "few") for n in SIZES} | {
        ("one_run", 100)
    }


def test_a_net_is_not_shown_as_a_kind_that_has_none_of_its_own():
    found = fabricated_sizes.pilot()["pretrain_size"]
    passes = [r for r in found if r["trial"]["arm"] in ("patients_6_pass", "patients_12_pass")]
    assert set(tables.held_out_table(passes).kind) == {"pass"}
    more = passes + [r for r in found if r["trial"]["arm"] == "patients_12_few"]
    shown = tables.held_out_table(more)
    assert set(zip(shown.kind, shown.patients, strict=True)) == {
        (k, n) for k in ("pass", "few") for n in (6, 12)
    }


def test_spread_is_compared_with_a_size_of_one_sample_alone(few):
    seeds = tables.seed_table(few)
    assert tables.spread_table(seeds).against.dropna().tolist() == [100] * 4
    table = tables.spread_table(seeds[seeds.patients < 100])
    assert table["disjoint samples"].tolist() == [5, 5, 4, 2]
    assert table.deviation.notna().all()
    assert table[["against", "ratio", "low", "high", "p"]].isna().all(axis=None)


def test_spread_compares_every_size_with_the_largest(few):
    seeds = tables.seed_table(few)
    table = tables.spread_table(seeds).set_index("patients")
    assert table["disjoint samples"].to_dict() == study.PILOT_SIZES
    gains = seeds[seeds.kind == "fixed"].pivot(index="seed", columns="patients", values="gain")
    assert table.deviation.to_dict() == pytest.approx(gains.std().to_dict())
    assert table.ratio[6] == pytest.approx(gains[6].var() / gains[100].var())
    assert np.isnan(table.ratio[100])
    assert (table.low[:-1] < table.ratio[:-1]).all()
    assert (table.ratio[:-1] < table.high[:-1]).all()


def test_a_variance_ratio_is_tested_by_the_correlation_of_sum_and_difference():
    rng = np.random.default_rng(4)
    first, second = rng.normal(0, 3, 12), rng.normal(0, 1, 12)
    ratio, low, high, p = tables.variance_ratio(first, second)
    assert ratio == pytest.approx(first.var(ddof=1) / second.var(ddof=1))
    assert p == pytest.approx(stats.pearsonr(first + second, first - second).pvalue)
    assert low < ratio < high
    # a limit is the ratio that the test just does not reject
    for limit in (low, high):
        assert tables.variance_ratio(first / np.sqrt(limit), second)[3] == pytest.approx(0.05)
    back = tables.variance_ratio(second, first)
    assert back == pytest.approx((1 / ratio, 1 / high, 1 / low, p))


def test_live_results_are_grouped_as_they_come():
    found = fabricated_sizes.results(scale="demo")
    runs = tables.live(found)
    assert set(runs) == {tables.RANDOM, ("fixed", 4), ("fixed", 16)}
    assert len(tables.gain_table(runs)) == 2
    alone = tables.live([r for r in found if r["trial"]["arm"] == "random"])
    assert set(alone) == {tables.RANDOM}
    assert tables.gain_table(alone).empty


@pytest.mark.parametrize(
    ("chosen", "places"),
    [
        (["patients_6_pass", "patients_25_fixed"], {("pass", 6), ("fixed", 25)}),
        (["patients_25_pass", "patients_12_few"], {("pass", 25), ("few", 12)}),
        (["patients_6_pass", "patients_100_fixed"], {("pass", 6), ("pass", 100)}),
        (["one_run_6", "one_run_100"], {("one_run", 6), ("one_run", 100)}),
    ],
)
def test_arms_that_were_chosen_keep_their_place_in_the_design(few, chosen, places):
    found = [r for r in fabricated_sizes.pilot()["pretrain_size"] if r["trial"]["arm"] in chosen]
    found = [r for r in found if r["trial"]["recipe"].get("labels", 0.1) == 0.1]
    runs = tables.live(found + few[tables.RANDOM])
    assert set(runs) == {tables.RANDOM, *places}
    assert {done[0]["trial"]["arm"] for done in runs.values()} == {"random", *chosen}


def test_tables_of_the_pilot_know_no_shares_of_icentia11k(few):
    seeds, held_out = tables.seed_table(few), tables.held_out_table(fabricated_sizes.pilot()["pretrain_size"])
    made = [
        tables.gain_table(few),
        tables.contrast_table(few),
        tables.spread_table(seeds),
        design_table(),
    ]
    for table in (*made, seeds, held_out):
        text = table.to_csv()
        assert [word for word in ("%", "pct", "share") if word in text] == []
        assert pd.api.types.is_integer_dtype(table.patients)
