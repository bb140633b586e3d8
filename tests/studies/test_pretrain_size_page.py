import re
from pathlib import Path

import jupytext
import matplotlib.pyplot as plt
import numpy as np
import pytest

from ecgrepro.studies import pretrain_size as study
from ecgrepro.studies import pretrain_size_curves as curves
from ecgrepro.studies import pretrain_size_design as design
from ecgrepro.studies import pretrain_size_page as page
from ecgrepro.studies import pretrain_size_tables as tables
from ecgrepro.studies.figures import WATERMARK, Download, Note
from tests.studies import fabricated_sizes

SIZES = sorted(study.PILOT_SIZES)
NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "pretrain_size.md"
#: Percentages that are none of people.
NOT_OF_PEOPLE = re.compile(r"\d+ ?% (of the labels|intervals?)")


@pytest.fixture(scope="module")
def runs():
    with pytest.MonkeyPatch.context() as patch:
        fabricated_sizes.commit(patch, fabricated_sizes.pilot())
        return {share: tables.pilot(share) for share in (0.1, 1.0)}


@pytest.fixture(scope="module")
def made(runs):
    """Every table that is drawn."""
    few = runs[0.1]
    return {
        "gains": {share: tables.gain_table(part) for share, part in runs.items()},
        "seeds": {share: tables.seed_table(part) for share, part in runs.items()},
        "fits": curves.saturation_fits(runs), "pairs": curves.pair_table(runs), "contrasts": tables.contrast_table(few),
        "held_out": tables.held_out_table(fabricated_sizes.pilot()["pretrain_size"]),
        "design": design.design_table(), "report": design.report_table(), "published": design.printed_table(),
    }  # fmt: skip


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


DRAWN = {
    page.draw_design: ("design", "report"), page.draw_gains: ("gains", "seeds"), page.draw_curves: ("fits",),
    page.draw_pairs: ("pairs",), page.draw_contrasts: ("contrasts",), page.draw_held_out: ("held_out",),
    page.draw_printed: ("published",),
}  # fmt: skip


def texts(figure, axes=None):
    """Everything that is written in a figure."""
    found = [*figure.texts]
    for ax in axes or figure.axes:
        found += [ax.title, ax._left_title, ax.xaxis.label, ax.yaxis.label, *ax.texts]
        found += [*ax.get_xticklabels(), *ax.get_yticklabels()]
        found += ax.get_legend().get_texts() if ax.get_legend() else []
    return [text.get_text() for text in found]


@pytest.mark.parametrize("draw", DRAWN)
@pytest.mark.parametrize("synthetic", [True, False])
def test_figures_of_synthetic_data_carry_the_mark_and_others_do_not(made, draw, synthetic):
    figure = draw(*(made[name] for name in DRAWN[draw]), synthetic=synthetic)
    figure.canvas.draw()
    assert (WATERMARK in texts(figure)) is synthetic


@pytest.mark.parametrize("draw", [draw for draw in DRAWN if draw is not page.draw_printed])
def test_figures_of_the_pilot_know_no_shares_of_icentia11k(made, draw):
    figure = draw(*(made[name] for name in DRAWN[draw]))
    figure.canvas.draw()
    axes = figure.axes[1:] if draw is page.draw_design else figure.axes  # the first panel is the report's
    assert not [text for text in texts(figure, axes) if "%" in NOT_OF_PEOPLE.sub("", text)]


def test_every_seed_of_every_arm_has_its_dot(made):
    figure = page.draw_gains(made["gains"], made["seeds"])
    for ax, share in zip(figure.axes, made["gains"], strict=True):
        dots = [y for line in ax.lines if line.get_markersize() == 3 for y in line.get_ydata()]
        assert sorted(dots) == sorted(made["seeds"][share].gain)
        assert ax.get_title() == f"{share:.0%} of the labels"


def test_a_share_of_labels_without_gains_is_drawn_empty(made):
    none = made["gains"][0.1].iloc[:0]
    figure = page.draw_gains({0.1: none}, {0.1: made["seeds"][0.1].iloc[:0]})
    figure.canvas.draw()
    assert figure.axes[0].get_legend() is None


def test_one_kind_alone_has_its_key_too(made):
    alone = {1.0: made["gains"][1.0]}
    figure = page.draw_gains(alone, {1.0: made["seeds"][1.0]})
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == [design.KINDS["pass"]]


def test_checkpoints_of_one_run_lie_at_the_people_that_they_have_seen(made):
    figure = page.draw_design(made["design"], made["report"])
    drawn = {line.get_label(): line.get_xdata().tolist() for line in figure.axes[1].lines}
    checkpoints = made["design"][made["design"].kind == "one_run"]
    assert drawn[design.KINDS["one_run"]] == checkpoints["patients seen"].tolist()


def test_the_arms_of_the_largest_size_and_of_one_share_lie_at_their_size(made):
    figure = page.draw_gains(made["gains"], made["seeds"])
    ticks = [tick.get_text() for tick in figure.axes[0].get_xticklabels()]
    assert ticks == [str(n) for n in SIZES]
    for line in figure.axes[0].lines[:1]:
        nearest = [min(SIZES, key=lambda n, x=x: abs(np.log(n / x))) for x in line.get_xdata()]
        assert nearest == SIZES


def test_the_random_start_has_a_place_of_its_own_beside_the_curve_of_passes(made):
    figure = page.draw_curves(made["fits"])
    labels = [[tick.get_text() for tick in ax.get_xticklabels()] for ax in figure.axes]
    assert labels[:2] == [[str(n) for n in SIZES], ["none", *(str(n) for n in SIZES)]]


def test_every_difference_has_its_row(made):
    figure = page.draw_contrasts(made["contrasts"])
    rows = [tick.get_text() for ax in figure.axes for tick in ax.get_yticklabels()]
    assert rows == [f"{row.first} − {row.second}" for row in made["contrasts"].itertuples()]
    assert [ax.get_title("left") for ax in figure.axes] == list(dict.fromkeys(made["contrasts"].question))
    figure = page.draw_pairs(made["pairs"])
    assert "100 − 6" in [tick.get_text() for tick in figure.axes[0].get_yticklabels()]


def code_cells():
    return [cell for cell in jupytext.read(NOTEBOOK).cells if cell.cell_type == "code"]


@pytest.mark.parametrize("found", ["nothing", "random alone", "some arms", "everything"])
def test_the_evidence_of_the_page_runs_with_whatever_is_committed(monkeypatch, capsys, found):
    everything = fabricated_sizes.pilot()
    some = [
        r
        for r in everything["pretrain_size"]
        if r["trial"]["arm"] in ("patients_6_fixed", "patients_12_pass")
    ]
    states = {"nothing": {}, "random alone": {"resnet1d": everything["resnet1d"]},
              "some arms": everything | {"pretrain_size": some}, "everything": everything}  # fmt: skip
    fabricated_sizes.commit(monkeypatch, states[found])
    shown = []
    names = {"display": shown.append}
    sources = [cell.source for cell in code_cells()]
    start = next(i for i, source in enumerate(sources) if "designs.finished" in source)
    stop = next(i for i, source in enumerate(sources) if "verdict_table" in source)
    imports = next(source for source in sources if "import pretrain_size as study" in source)
    for source in (imports, *sources[start:stop]):
        exec(source, names)
    printed = capsys.readouterr().out
    notes = [item.text for item in shown if isinstance(item, Note)]
    assert "fine-tuning runs of this design are committed" in notes[0]
    assert ("random start is missing" in printed) == (found == "nothing")
    assert (len(notes) < len(shown)) == (found in ("some arms", "everything"))
    assert ("Not run yet" in " ".join(notes)) == (found != "everything")
    files = [item.name for item in shown if isinstance(item, Download)]
    assert ("pretrain_size_histories.csv" in files) == (found == "everything")
    captions = [item.caption for item in shown if hasattr(item, "caption")]
    assert not [text for text in captions if "%" in NOT_OF_PEOPLE.sub("", text)]


def test_cells_are_short_and_every_figure_says_how_to_read_it():
    cells = jupytext.read(NOTEBOOK).cells
    for cell, after in zip(cells, cells[1:], strict=False):
        if cell.cell_type == "code" and "parameters" not in cell.metadata.get("tags", ()):
            assert len(cell.source.splitlines()) <= 10
        if cell.cell_type == "code" and ("page.draw" in cell.source or "common.draw" in cell.source):
            assert after.source.startswith("How to read it") or "for share, gain" in after.source
