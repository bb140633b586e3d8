import pytest

from ecgrepro.studies import resnet1d_page as page


def test_printed_figures_are_set_against_the_random_arm_of_their_table():
    table = page.printed_table().set_index("comparison")
    best = table.loc["Weimann & Conrad: beat, 2,048 samples"]
    assert best.difference_from <= 0.779 - 0.731 <= best.difference_to
    report = table.loc["class report: beat, 4,096 samples"]
    assert report.difference_to - report.difference_from < 0.01
    assert not set(table.first_mean) & set(table.second_mean)


def test_published_effects_are_the_papers_differences():
    from ecgrepro.claims.table import claims_table

    assert page.published_effects(claims_table())["beat_2048", "random"] == pytest.approx(0.048)
