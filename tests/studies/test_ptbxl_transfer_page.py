"""What the page of `ptbxl_transfer` says in words, with and without runs, and that its notebook is a pair."""

from types import SimpleNamespace

import pandas as pd
import pytest

from ecgrepro import paths
from ecgrepro.studies import artefact_tables, book_numbers, designs
from ecgrepro.studies import diagnosis_tables as tables
from ecgrepro.studies import ptbxl_transfer_page as page
from ecgrepro.studies.book_notebooks import read_pair
from tests.studies import fabricated_diagnoses as made


@pytest.fixture(scope="module")
def found():
    return made.results(made.trials("random", "beat", "reshaped", "permuted", seeds=(0, 1)))


@pytest.fixture
def finish(monkeypatch):
    """A function that lets `designs.finished` answer with runs."""

    def finished(runs):
        state = pd.DataFrame(
            {"arm": ["random"], "labels": [1.0], "seeds": [5], "finished": [len(runs) and 5]}
        )
        monkeypatch.setattr(designs, "finished", lambda study, scale: (runs, state))

    return finished


def test_the_opening_says_that_nothing_has_run(finish):
    finish([])
    text = page.opening()._repr_html_()
    assert "So far (0 of 5 fine-tuning runs of the pilot)" in text
    assert "No run on real recordings is committed" in text
    assert "Georgia" in text


def test_the_opening_holds_the_differences_of_the_tables(finish, found):
    finish(found)
    text = page.opening()._repr_html_()
    (row,) = tables.difference_table(found, [("beat", "random")]).to_dict("records")
    assert f"<b>{row['difference']:+.3f}</b>" in text
    assert "Of 1 comparisons with and without a fault or a choice, 1 move" in text  # the control is none
    assert "leads and time mixed, changes it by <b>−" in text
    assert text.startswith('<p class="opening"><b>Printed:</b> a gain of +0.073 macro AUC')
    assert "labels with fewer than 20 positives in a fold bring 65% of it" in text
    assert "<b>Found:</b> Starting from beats" in text


def test_what_rests_on_a_single_class_is_not_counted_among_macros(found):
    artefacts = artefact_tables.artefact_table(found, n_resamples=50)
    assert page._counted(artefacts).startswith("Of 1 comparisons")
    assert page._counted(artefacts.assign(counted=1)).startswith("Of 0 comparisons")


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [(-0.03, 0.01, "undecided"), (0.001, 0.05, "above zero"), (-0.05, -0.03, "below zero"),
     (0.001, 0.019, "too small to matter")],
)  # fmt: skip
def test_a_difference_is_worded_by_its_interval(low, high, word):
    assert word in page.told(SimpleNamespace(difference=(low + high) / 2, low=low, high=high))


def test_the_rule_names_who_counts_and_who_does_not(found):
    estimated = tables.estimates(found, ["random"], n_resamples=50)
    text = page.rule_sentence(estimated, "random").text
    assert "at least 20 positives" in text
    assert "50 NORM" in text
    assert text.endswith("Left out of the macro: HYP (positives: 12, fewer than 20).")
    assert page.rule_sentence({}, "random").text.startswith("Not run yet")


def test_the_benchmark_comes_from_the_widest_scale_that_has_it(monkeypatch):
    runs = made.results(made.trials("benchmark_superdiagnostic", scale="colab"))
    monkeypatch.setattr(designs, "finished", lambda study, scale: (runs if scale == "colab" else [], None))
    assert page.benchmark_runs() is runs
    monkeypatch.setattr(designs, "finished", lambda study, scale: ([], None))
    assert page.benchmark_runs() == []


def test_the_projects_runs_come_from_a_scale_that_has_them(monkeypatch):
    runs = made.results(made.trials("fine_tuned", scale="colab"))
    monkeypatch.setattr(designs, "finished", lambda study, scale: (runs if scale == "colab" else [], None))
    assert page.project_runs() is runs
    assert page.benchmark_runs() == []


def test_a_demo_counts_every_class_and_others_keep_the_rule():
    assert [page.minimum_positives(scale) for scale in ("demo", "pilot", "paper")] == [1, 20, 20]


def test_the_notebook_is_a_pair_and_holds_no_typed_result():
    notebook = read_pair(paths.home(), "ptbxl_transfer")
    assert any("parameters" in cell.metadata.get("tags", ()) for cell in notebook.cells)
    book_numbers.check_prose([paths.home() / "notebooks" / "ptbxl_transfer.md"])
