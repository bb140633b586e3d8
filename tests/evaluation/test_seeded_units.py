"""Designs are told apart, units are numbered, and each level draws what it should."""

import numpy as np
import pandas as pd
import pytest

from ecgrepro.errors import InputError
from ecgrepro.evaluation.pairwise_mcnemar import pairwise_mcnemar
from ecgrepro.evaluation.seeded_units import (
    estimate_fields,
    on_drawn_seeds,
    seeded_units,
    seeds_per_record,
    two_levels,
    usable_limits,
)

CROSSED = pd.DataFrame({"seed": [3, 3, 3, 5, 5, 5], "record_id": list("abccba")})
NESTED = CROSSED.assign(record_id=list("abcdef"))
#: Two partitions of four records into two folds each.
REPEATED = pd.DataFrame({"seed": [0, 0, 1, 1, 2, 2, 3, 3], "record_id": list("abcdcadb")})


def repeat(table, n_repeats=2):
    """Partition a nested table's records anew, into folds as large: the same answers under other seeds."""
    rng, folds = np.random.default_rng(0), table["seed"].to_numpy()
    n_folds = folds.max() + 1
    again = [table.assign(seed=n_folds * place + rng.permutation(folds)) for place in range(1, n_repeats)]
    repeated = pd.concat([table, *again]).sort_values(["seed", "record_id"], ignore_index=True)
    return repeated.assign(fold=repeated["seed"].to_numpy(np.int32))


def drawn_sizes(group, n_resamples, rng):
    """Scores that tell who was asked: 100 a group, one for each resample."""
    n_seeds = 2 if group is None else 1
    return 100 * (group or 0) + np.arange(n_resamples)[:, None] + 10 * np.arange(n_seeds)


def test_seeds_that_share_their_records_are_one_group():
    units = seeded_units(CROSSED)
    assert (units.crossed, units.n_records, units.seeds.tolist(), units.counts.tolist()) == (
        True, 3, [3, 5], [3, 3],
    )  # fmt: skip
    (group,) = units.groups
    assert group.n_units == 3
    assert [row.tolist() for row in group.rows] == [[0, 1, 2], [3, 4, 5]]
    assert [code.tolist() for code in group.codes] == [[0, 1, 2], [2, 1, 0]]


def test_seeds_with_records_of_their_own_are_a_group_each():
    units = seeded_units(NESTED, {"b": "a"})
    assert (units.crossed, units.n_records) == (False, 6)
    assert [group.n_units for group in units.groups] == [2, 3]
    assert [code.tolist() for code in units.groups[0].codes] == [[0, 0, 1]]


def test_seeds_of_several_partitions_are_one_group_with_units_of_their_own():
    units = seeded_units(REPEATED)
    assert (units.crossed, units.n_records, units.counts.tolist()) == (True, 4, [2, 2, 2, 2])
    (group,) = units.groups
    assert group.n_units == 4
    assert [row.tolist() for row in group.rows] == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert [code.tolist() for code in group.codes] == [[0, 1], [2, 3], [2, 0], [3, 1]]


def test_the_design_is_told_from_the_seeds_of_each_record():
    designs = [(seeds_per_record(one, one["seed"].nunique()), seeded_units(one).design)
               for one in (NESTED, CROSSED, REPEATED, NESTED[NESTED["seed"] == 3])]  # fmt: skip
    assert designs == [(1, "nested"), (2, "crossed"), (2, "repeated"), (1, "nested")]


def test_copies_tested_by_several_seeds_are_one_unit_of_the_repeated_design():
    (group,) = seeded_units(REPEATED, {"d": "a"}).groups
    assert group.n_units == 3
    assert [code.tolist() for code in group.codes] == [[0, 1], [2, 0], [2, 0], [0, 1]]


def test_designs_in_between_and_torn_clusters_are_refused():
    with pytest.raises(InputError, match="tested by 1 to 2 of 2 seeds"):
        seeded_units(CROSSED.iloc[1:])
    with pytest.raises(InputError, match="tested by 1 to 2 of 4 seeds.*Complete the missing trials"):
        seeded_units(REPEATED.iloc[1:])
    with pytest.raises(InputError, match="tested by 1 to 2 of 3 seeds"):
        seeded_units(REPEATED[REPEATED["seed"] < 3])
    with pytest.raises(InputError, match="1 in the test sets of several seeds, first 'x'"):
        seeded_units(NESTED, {"a": "x", "f": "x"})


def test_nested_seeds_are_scored_as_often_as_they_are_drawn():
    draws = np.array([[0, 0], [1, 0]])
    found = on_drawn_seeds(seeded_units(NESTED), drawn_sizes, draws, None)
    assert found.tolist() == [[0, 1], [100, 2]]


def test_crossed_seeds_are_taken_from_one_resample():
    def scored(group, n_resamples, rng):
        return drawn_sizes(None, n_resamples, rng)

    found = on_drawn_seeds(seeded_units(CROSSED), scored, np.array([[1, 1], [0, 1]]), None)
    assert found.tolist() == [[10, 10], [1, 11]]


def test_repeated_seeds_are_taken_from_one_resample_and_drawn_from_all_partitions():
    def scored(group, n_resamples, rng):
        assert group == 0
        return np.arange(n_resamples)[:, None] + 1000 * np.arange(4)

    found, records_only = two_levels(seeded_units(REPEATED), scored, 300, seed=0)
    assert (found % 1000 == np.arange(300)[:, None]).all()
    assert len(np.unique(np.sort(found // 1000, axis=1), axis=0)) > 30
    assert (records_only // 1000 == np.arange(4)).all()


def test_seeds_of_several_partitions_can_be_pooled_but_hold_no_vote(build_intervals):
    arms = {name: repeat(build_intervals(2, arm_seed=i, crossed=False)) for i, name in enumerate("ab")}
    assert pairwise_mcnemar(arms, unit="pooled")["n_clusters"].tolist() == [480]
    with pytest.raises(InputError, match="by 2 of 4 seeds"):
        pairwise_mcnemar(arms, unit="vote")


def test_records_alone_keep_every_seed_and_both_levels_draw_seeds():
    def scored(group, n_resamples, rng):
        return np.full((n_resamples, 1), float(group))

    two_level, records_only = two_levels(seeded_units(NESTED), scored, 200, seed=0)
    assert np.unique(records_only, axis=0).tolist() == [[0, 1]]
    assert np.unique(two_level, axis=0).tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]


def test_fields_hold_what_was_given():
    scores, replicates = np.array([0.5, 0.7]), np.array([0.4, np.nan, 0.8])
    fields = estimate_fields("auc", seeded_units(NESTED), scores, 0.65, replicates, replicates[::-1], 0.5)
    assert fields["estimate"] == pytest.approx(0.6)
    assert (fields["low"], fields["high"]) == pytest.approx((0.5, 0.7))
    assert (fields["records_low"], fields["pooled"]) == pytest.approx((0.5, 0.65))
    assert (fields["design"], fields["n_seeds"], fields["n_records"], fields["n_resamples"]) == (
        "nested", 2, 6, 3,
    )  # fmt: skip
    assert fields["per_seed"].to_dict("list") == {"seed": [3, 5], "n_records": [3, 3], "score": [0.5, 0.7]}


def test_limits_of_fewer_than_two_scores_are_refused():
    with pytest.raises(InputError, match="1 of 3"):
        usable_limits(np.array([np.nan, 1.0, np.inf]), 0.9)
