"""Figures of the `ptbxl_transfer` page show what their tables hold."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from ecgrepro.studies import artefact_tables
from ecgrepro.studies import diagnosis_figures as draw
from ecgrepro.studies import diagnosis_tables as tables
from ecgrepro.studies.figures import WATERMARK
from tests.studies import fabricated_diagnoses as made

FEW = {"n_resamples": 50}


@pytest.fixture(scope="module")
def found():
    return made.results(made.trials("random", "beat", "reshaped", "permuted", seeds=(0, 1, 2)))


@pytest.fixture(scope="module")
def estimated(found):
    return tables.estimates(found, **FEW)


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def marks(axes):
    """x and y of what is drawn with intervals: list of (n, 2) arrays."""
    return [np.column_stack(container[0].get_data()) for container in axes.containers]


def test_macros_show_every_arm_and_every_seed(estimated):
    scores, seeds = tables.score_table(estimated), tables.seed_table(estimated)
    (axes,) = draw.draw_macros(scores, seeds).axes
    counted, every = marks(axes)
    assert counted[:, 0] == pytest.approx(scores["macro AUC"].to_numpy())
    assert every[:, 0] == pytest.approx(scores["all classes"].to_numpy())
    dots = [line for line in axes.get_lines() if line.get_markersize() == 3]
    assert sum(len(line.get_xdata()) for line in dots) == 2 * len(seeds)
    assert [text.get_text() for text in axes.get_yticklabels()][0] == "random start"


def test_one_macro_is_enough_where_all_classes_count(found):
    estimated = tables.estimates(found, ["random"], minimum_positives=1, **FEW)
    (axes,) = draw.draw_macros(tables.score_table(estimated), tables.seed_table(estimated)).axes
    assert len(marks(axes)) == 1


def test_differences_that_are_not_paired_are_hollow(found):
    table = artefact_tables.artefact_table(found, **FEW)
    (axes,) = draw.draw_differences(table, words="artefact").axes
    hollow = [c[0].get_markerfacecolor() == "white" for c in axes.containers]
    assert hollow == [False, True, False, True]
    assert marks(axes)[0][:, 0] == pytest.approx(table.difference[table.paired].to_numpy(float))
    assert marks(axes)[1][:, 0] == pytest.approx(table.difference[~table.paired.astype(bool)].to_numpy(float))
    assert axes.get_yticklabels()[1].get_text() == "permuted labels\nminus chance"


def test_differences_of_starts_are_named_in_words(found):
    (axes,) = draw.draw_differences(tables.difference_table(found, **FEW)).axes
    assert axes.get_yticklabels()[0].get_text() == "pre-trained on beats\nminus random start"


def test_a_macro_of_a_single_class_is_named_so(found):
    table = artefact_tables.artefact_table(found, **FEW)
    (axes,) = draw.draw_differences(table.assign(counted=1), words="artefact").axes
    assert all("(one class)" in text.get_text() for text in axes.get_yticklabels())
    (axes,) = draw.draw_differences(table, words="artefact").axes
    assert not any("(one class)" in text.get_text() for text in axes.get_yticklabels())


def test_classes_stand_in_the_order_of_their_positives(estimated):
    classes = tables.class_table(estimated, ["random", "beat"])
    (axes,) = draw.draw_classes(classes).axes
    order = ["NORM", "CD", "MI", "STTC", "HYP"]
    ticks = [text.get_text() for text in axes.get_xticklabels()]
    assert [tick.split("\n")[0] for tick in ticks] == order
    assert ticks[-1] == "HYP\n12"
    random = classes[classes.arm == "random"].set_index("class").AUC
    assert marks(axes)[0][:, 1] == pytest.approx(random[order[:-1]].to_numpy())
    assert marks(axes)[1][:, 1] == pytest.approx([random["HYP"]])


def test_synthetic_data_is_watermarked(estimated):
    scores, seeds = tables.score_table(estimated), tables.seed_table(estimated)
    assert WATERMARK in [text.get_text() for text in draw.draw_macros(scores, seeds, synthetic=True).texts]


@pytest.mark.parametrize("name", ["macros", "differences", "classes"])
def test_an_empty_table_says_so(name):
    drawn = {
        "macros": lambda: draw.draw_macros(tables.score_table({}), tables.seed_table({})),
        "differences": lambda: draw.draw_differences(tables.difference_table([])),
        "classes": lambda: draw.draw_classes(tables.class_table({})),
    }[name]()
    assert drawn.axes[0].get_title() == "no finished run"
