import base64

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from ecgrepro.studies import figures
from tests.studies import ledger_rows


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.mark.parametrize("synthetic", [True, False])
def test_a_figure_of_synthetic_data_carries_the_mark(synthetic):
    made, axes = figures.figure(1, 2, synthetic=synthetic)
    assert len(axes) == 2
    assert ([text.get_text() for text in made.texts] == [figures.WATERMARK]) is synthetic


@pytest.mark.parametrize("synthetic", [True, False])
def test_a_table_of_synthetic_data_says_so_in_its_caption(synthetic):
    html = figures.table(pd.DataFrame({"x": [0.12345, None]}), "A caption.", synthetic=synthetic).to_html()
    assert "A caption." in html
    assert (figures.WATERMARK in html) is synthetic
    assert "0.123" in html
    assert "nan" not in html


def test_columns_are_printed_as_their_name_asks():
    frame = pd.DataFrame({"labels": [0.1], "t_p": [0.00049], "records": [8528], "difference": [0.04812]})
    html = figures.table(frame, "A caption.").to_html()
    for printed in ("10%", "0.0005", "8,528", "0.048"):
        assert f">{printed}<" in html


@pytest.mark.parametrize(
    ("p", "printed"), [(0.00004, "<0.0001"), (0.00006, "0.0001"), (0.5, "0.5000"), (0.0, "<0.0001")]
)
def test_no_p_value_is_printed_as_zero(p, printed):
    made = figures.table(pd.DataFrame({"t_p": [p]}), "Tests.").to_html()
    assert f">{printed}<" in made.replace("&lt;", "<")


def test_a_sentence_of_code_is_a_paragraph_of_text():
    assert figures.Note("5 < 6 arms")._repr_html_() == "<p>5 &lt; 6 arms</p>"
    assert figures.nothing()._repr_html_().startswith("<p>Not run yet: ")


def test_a_table_shows_no_row_numbers():
    html = figures.table(pd.DataFrame({"x": ["a", "b"]}), "").to_html()
    assert "row_heading" not in html


@pytest.mark.parametrize(
    "together",
    [
        ["random", "beat_512", "beat_2048", "beat_4096", "rhythm", "heart_rate", "future"],
        ["random_2d", "beat_2d", "random_2d_matched", "beat_2d_matched"],
        ["random", "patients_6_pass", "patients_6_fixed", "patients_100_fixed"],
    ],
)
def test_arms_of_one_figure_have_a_colour_each(together):
    colours = [figures.colour(arm) for arm in together]
    assert len(set(colours)) == len(colours)
    assert set(together) <= set(figures.ARMS)


def test_an_arm_that_nobody_named_has_a_colour():
    assert figures.colour("an arm of tomorrow")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ""),
        (0, "0"),
        (8528, "8,528"),
        (8528.0, "8,528"),
        (0.7314, "0.731"),
        (-0.02, "-0.020"),
        (2.0, "2.000"),
        (188.25, "188.2"),
        ({"N": 5076, "A": 758}, "N 5,076, A 758"),
    ],
)
def test_numbers_are_printed_in_few_digits(value, expected):
    assert figures.number(value) == expected


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (None, ""),
        ([0.01, 0.05], "0.010 to 0.050"),
        ({"a": [0, 1], "b": [0.5, 0.75]}, "a 0 to 1; b 0.500 to 0.750"),
    ],
)
def test_intervals_are_printed_from_low_to_high(limits, expected):
    assert figures.interval(limits) == expected


def test_verdicts_show_what_was_measured_and_mark_substitutes():
    rows = [row for row in ledger_rows.measured_rows(0.03) if row["id"] == ledger_rows.GAIN]
    html = figures.verdict_table(rows)._repr_html_()
    assert "supported (substitute)" in html
    assert "0.030" in html
    assert "0.020 to 0.040" in html


def test_what_was_not_run_is_not_called_a_substitute():
    rows = [row for row in ledger_rows.rows() if row["id"] in (ledger_rows.GAIN, ledger_rows.LEVEL)]
    html = figures.verdict_table(rows)._repr_html_()
    assert "not run" in html
    assert "(substitute)" not in html


def test_all_claims_are_shown_and_those_not_run_are_folded_away():
    rows = ledger_rows.measured_rows()
    decided, waiting = figures.verdict_table(rows)._repr_html_().split("<details")
    not_run = [row for row in rows if row["verdict"] == "not run"]
    assert decided.count("<tr>") == len(rows) - len(not_run) + 1
    assert waiting.count("<tr>") == len(not_run) + 1
    assert f"{len(not_run)} claims not run yet" in waiting
    assert "<details" not in figures.verdict_table(rows, fold=False)._repr_html_()


def test_arms_are_called_by_their_words_and_truth_by_yes_and_no():
    frame = pd.DataFrame(
        {"arm": ["beat_2048", "select_loss"], "hit cap": [True, False], "training records": [2.0, 5110.0]}
    )
    html = figures.table(frame, "")
    html = html.to_html()
    for word in ("beat, 8.2 s frames", "select loss", ">yes<", ">no<", ">5,110<"):
        assert word in html


@pytest.mark.parametrize(("synthetic", "name"), [(True, "scores_synthetic.csv"), (False, "scores.csv")])
def test_a_table_can_be_downloaded_from_the_page_itself(synthetic, name):
    frame = pd.DataFrame({"arm": ["random", "beat, 8.2 s"], "estimate": [0.25, None]})
    html = figures.csv(frame, "scores", synthetic=synthetic)._repr_html_()
    assert f'download="{name}"' in html
    data = html.split("base64,")[1].split('"')[0]
    assert base64.b64decode(data).decode() == 'arm,estimate\nrandom,0.25\n"beat, 8.2 s",\n'


def test_an_interval_that_leaves_its_estimate_out_can_be_drawn():
    rows = pd.DataFrame({"estimate": [0.5, 0.5], "low": [0.4, 0.6], "high": [0.7, 0.8]})
    assert np.allclose(figures.reach(rows), [[0.1, 0.0], [0.2, 0.3]])
    row = next(rows.rename(columns={"estimate": "difference"}).itertuples())
    assert np.allclose(figures.reach(row), [0.1, 0.2])


def test_a_figure_is_shown_once_and_not_again_at_the_end_of_its_cell(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    made, _ = figures.figure()
    figures.show(made)
    assert shown == [made]
    assert not plt.fignum_exists(made.number)
