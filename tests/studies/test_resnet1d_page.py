import pytest

from ecgrepro.studies import resnet1d_page as page


def test_printed_figures_are_set_against_the_random_arm_of_their_table():
    table = page.printed_table().set_index("first")
    best = table.loc["WC-T1-beat2048-macro"]
    assert best.difference == pytest.approx(0.779 - 0.731, abs=0.0011)
    assert best["t from"] <= best["t to"]
    assert "T1F-T2-100-macro" in table.index


def test_published_effects_are_the_papers_differences():
    from ecgrepro.claims.table import claims_table

    assert page.published_effects(claims_table())["beat_2048", "random"] == pytest.approx(0.048)
