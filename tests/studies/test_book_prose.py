from pathlib import Path

import pytest

from ecgrepro.errors import InputError
from ecgrepro.studies.book_prose import context, render
from tests.studies.ledger_rows import LEVEL, measured_rows, rows


@pytest.fixture
def names(tmp_path):
    return context(tmp_path, measured_rows(), tmp_path / "figures")


def page(folder, text):
    path = folder / "page.md"
    path.write_text(text)
    return path


def test_values_are_bound_to_the_ledger(tmp_path, names):
    path = page(tmp_path, "{{ claim('" + LEVEL + "').published | number }} of {{ total }}\n")
    assert render(path, names) == f"0.731 of {len(rows())}\n"


@pytest.mark.parametrize(
    "expression", ["no_such_name", "claim('NO-SUCH').published", "claim('" + LEVEL + "').no_such.key", "1 +"]
)
def test_what_binds_to_nothing_is_refused_with_page_and_line(tmp_path, names, expression):
    with pytest.raises(InputError, match=r"page\.md:2"):
        render(page(tmp_path, "first line\n{{ " + expression + " }}\n"), names)


def test_figures_are_drawn_with_alternative_text(tmp_path, names):
    text = names["forest_figure"]("How to read it.")
    assert (tmp_path / "figures" / "forest.svg").exists()
    assert ":alt: Measured differences for 1 claims" in text


def test_without_measurements_there_is_no_forest(tmp_path):
    assert context(tmp_path, rows(), tmp_path / "figures")["forest_figure"]("How to read it.") == ""
    assert not (tmp_path / "figures" / "forest.svg").exists()


def test_front_page_tells_what_pre_training_gained_at_each_share_of_labels(tmp_path):
    gains = [
        {"arm": "beat_2048", "labels": share, "estimate": gain, "low": gain - 0.02, "high": gain + 0.02,
         "n_seeds": 5, "n_records": 8528}
        for share, gain in ((1.0, 0.0432), (0.1, 0.1234))
    ]  # fmt: skip
    front = Path(__file__).parents[2] / "book" / "index.md"
    text = render(front, context(tmp_path, measured_rows(), tmp_path / "figures", gains))
    assert "with 100 % of the training labels **0.043** (interval 0.023 to 0.063);" in text
    assert "with 10 % of the training labels **0.123**" in text
    assert "of the training labels" not in render(
        front, context(tmp_path, measured_rows(), tmp_path / "figures")
    )


def test_front_page_tells_what_pilots_found_that_no_claim_stands_beside(tmp_path):
    front = Path(__file__).parents[2] / "book" / "index.md"
    scores = [{"name": name, "estimate": -0.0432, "low": -0.06, "high": 0.01} for name in ("one", "another")]
    pilots = [{"study": "freezing", "asked": "frozen minus not", "scores": scores}]
    text = render(front, context(tmp_path, measured_rows(), tmp_path / "figures", pilots=pilots))
    told = "**−0.043** (−0.060 to 0.010)"
    assert f"* [freezing](/notebooks/freezing.ipynb), frozen minus not: one {told}, another {told}." in text
    assert "What these two pilots found" not in render(
        front, context(tmp_path, measured_rows(), tmp_path / "figures")
    )
