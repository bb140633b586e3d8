import pytest

from ecgrepro.claims import ledger
from ecgrepro.evaluation.published import level_claims
from ecgrepro.studies.printed_tables import SHOWN, printed_gains, printed_pairs, readable

CLAIMS = {claim.id: claim for claim in ledger.load()}
PAIRS = {"large": ("T1F-T4-88-macro", "T1F-T2-100-macro"), "none": ("T1F-T4-0-macro", "T1F-T2-0-macro")}


def test_pairs_are_first_minus_second_over_all_that_the_print_can_stand_for():
    table = printed_pairs(PAIRS)
    assert table.comparison.tolist() == list(PAIRS)
    for row, (first, second) in zip(table.itertuples(), PAIRS.values(), strict=True):
        printed = CLAIMS[first].published - CLAIMS[second].published
        assert (row.first_mean, row.second_mean) == (CLAIMS[first].published, CLAIMS[second].published)
        assert row.difference_from < printed < row.difference_to
        assert row.margin == CLAIMS[first].margin
    assert (table.p_from <= table.p_to).all()


def test_gains_are_to_the_reference_and_to_the_size_before():
    claims = level_claims(ledger.load(), "spectrogram2d", "macro_f1", "report2024")
    table = printed_gains("spectrogram2d", "T1F-T4-0-macro")
    assert table.pair.tolist() == ["reference"] * (len(claims) - 1) + ["neighbours"] * (len(claims) - 2)
    assert table.comparison.iloc[0] == "beat_2d_1pct − random_2d"


def test_readable_tables_print_a_range_where_the_print_leaves_one():
    found = printed_pairs(PAIRS)
    shown = readable(found)
    assert list(shown) == ["comparison", *(heading for heading, _ in SHOWN.values()), "margin"]
    low, high = found.t_from.iloc[0], found.t_to.iloc[0]
    assert shown["t"].iloc[0] == f"{low:.2f} to {high:.2f}"
    assert " to " in shown["difference"].iloc[0]


@pytest.mark.parametrize(
    ("ends", "text"), [((0.5, 0.5), "0.500"), ((0.25, float("inf")), "0.250 to no number")]
)
def test_equal_ends_are_one_number_and_no_number_is_said_so(ends, text):
    found = printed_pairs(PAIRS).iloc[:1].copy()
    found["difference_from"], found["difference_to"] = ends
    assert readable(found)["difference"].tolist() == [text]
