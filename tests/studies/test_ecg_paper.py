"""ECG paper: a millivolt and a second have their size, whatever is drawn on it."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pytest

from ecgrepro.errors import SettingsError
from ecgrepro.studies import ecg_paper as module
from ecgrepro.studies.ecg_paper import CLIPPED, CUT_NOTE, GAIN, INK, LEFT, SPEED, draw_ecg_paper
from ecgrepro.studies.figures import WATERMARK

FS = 100
TWELVE = [name for row in module.FORMAT_3X4 for name in row]


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def ramp(n_leads=1, seconds=10, millivolts=1.0):
    """Leads from -`millivolts` to +`millivolts`, each sample another value, so that a curve tells its samples."""
    n = round(seconds * FS)
    return np.linspace(-millivolts, millivolts, n)[:, None] * np.ones(n_leads)


def curves(made):
    """Curves of leads: (x, y) arrays; pulses and separators have fewer points."""
    lines = [line.get_xydata().T for line in made.axes[0].lines if line.get_color() == INK]
    return [line for line in lines if line.shape[1] > 6]


def words(made):
    return [text.get_text() for text in made.axes[0].texts]


def triangles(made):
    return sum(len(line.get_xdata()) for line in made.axes[0].lines if line.get_color() == CLIPPED)


def test_a_millivolt_is_as_high_as_two_fifths_of_a_second_is_wide():
    made = draw_ecg_paper(ramp(), FS, ["I"])
    (curve,) = curves(made)
    assert curve[0] == pytest.approx(LEFT + np.arange(1000) / FS * SPEED)
    assert curve[1] - curve[1].mean() == pytest.approx(ramp()[:, 0] * GAIN)
    made.canvas.draw()
    pixels = made.axes[0].transData.transform([(0, 0), (0.4 * SPEED, 0), (0, 1.0 * GAIN)])
    assert pixels[1, 0] - pixels[0, 0] == pytest.approx(pixels[2, 1] - pixels[0, 1])
    assert (pixels[1, 0] - pixels[0, 0]) / (0.4 * SPEED) == pytest.approx(5), "whole pixels per millimetre"


def test_the_grid_has_fine_and_bold_lines_and_the_zero_line_lies_on_a_bold_one():
    made = draw_ecg_paper(ramp(), FS, ["I"])
    fine, bold = made.axes[0].collections
    height = max(path.vertices[:, 1].max() for path in fine.get_paths())
    assert len(fine.get_paths()) == (250 + 20 + 1) + (height + 1)
    assert len(bold.get_paths()) == (250 + 20) // 5 + 1 + height // 5 + 1
    pulse = next(line.get_ydata() for line in made.axes[0].lines if len(line.get_xdata()) == 6)
    assert pulse[0] % 5 == 0
    assert pulse.max() - pulse.min() == 10


def test_twelve_leads_are_printed_in_the_standard_format():
    values = ramp(12) + np.arange(12) / 100
    made = draw_ecg_paper(values, FS, TWELVE)
    drawn = curves(made)
    assert [len(curve[0]) for curve in drawn] == [250] * 12 + [1000]
    assert [word for word in words(made) if word in TWELVE] == [*TWELVE, "II"]
    for column in range(4):
        x, y = drawn[column]
        assert x[0] == pytest.approx(LEFT + 2.5 * column * SPEED)
        part = ramp()[250 * column : 250 * (column + 1), 0]
        assert y - y.mean() == pytest.approx((part - part.mean()) * GAIN)


def test_leads_are_found_by_name_whatever_their_order_and_spelling():
    values = np.random.default_rng(0).normal(0, 0.2, (1000, 12))
    shuffled = np.random.default_rng(1).permutation(12)
    plain = draw_ecg_paper(values, FS, TWELVE)
    other = draw_ecg_paper(values[:, shuffled], FS, [TWELVE[i].replace("aV", "AV") for i in shuffled])
    for a, b in zip(curves(plain), curves(other), strict=True):
        np.testing.assert_array_equal(a, b)
    assert "aVR" in words(other)


def test_twelve_leads_shorter_than_the_stretch_all_show_their_beginning():
    made = draw_ecg_paper(ramp(12, seconds=5), FS, TWELVE)
    drawn = curves(made)
    assert [len(curve[0]) for curve in drawn] == [250] * 12 + [500]
    assert drawn[3][1] == pytest.approx(drawn[0][1])
    assert "Of 5.0 s all four columns show the first 2.5 s." in words(made)


@pytest.mark.parametrize("leads", [["I"], ["MLII", "V5"], ["ECG", "ECG", "ECG"], [*TWELVE[:-1], "V7"]])
def test_any_other_leads_have_a_strip_each(leads):
    made = draw_ecg_paper(ramp(len(leads)), FS, leads)
    assert [len(curve[0]) for curve in curves(made)] == [1000] * len(leads)
    assert [word for word in words(made) if word in leads] == leads
    middles = [curve[1].mean() for curve in curves(made)]
    assert (np.diff(middles) < -20).all(), "from top to bottom, without overlap"


def test_a_short_recording_is_drawn_whole_on_paper_of_the_full_width():
    short, full = (draw_ecg_paper(ramp(seconds=seconds), FS, ["I"]) for seconds in (3, 10))
    assert len(curves(short)[0][0]) == 300
    assert short.axes[0].get_xlim() == full.axes[0].get_xlim()


def test_a_stretch_begins_where_it_is_told_to():
    (curve,) = curves(draw_ecg_paper(ramp(seconds=20), FS, ["I"], start=12, seconds=4))
    part = ramp(seconds=20)[1200:1600, 0]
    assert curve[0][0] == LEFT
    assert curve[1] - curve[1].mean() == pytest.approx((part - part.mean()) * GAIN)


def test_a_baseline_far_off_is_taken_away_and_told():
    plain = draw_ecg_paper(ramp(2), FS, ["MLII", "V5"])
    moved = draw_ecg_paper(ramp(2) + [-5.12, 0.3], FS, ["MLII", "V5"])
    for a, b in zip(curves(plain), curves(moved), strict=True):
        assert a[1] == pytest.approx(b[1])
    assert any("MLII \N{MINUS SIGN}5.12 mV, V5 +0.30 mV" in word for word in words(moved))
    assert any("MLII +0.00 mV" in word for word in words(plain))


def test_of_twelve_medians_the_largest_is_told():
    values = ramp(12)
    values[:, TWELVE.index("V3")] -= 0.5
    (note,) = [
        word for word in words(draw_ecg_paper(values, FS, TWELVE)) if word.startswith(module.SCALE_NOTE)
    ]
    assert note.endswith("the largest \N{MINUS SIGN}0.50 mV (V3)")


def test_what_leaves_its_strip_is_cut_and_marked():
    values = np.zeros((1000, 1))
    values[200:210], values[600:605], values[607] = 9.0, -7.0, -7.0
    made = draw_ecg_paper(values, FS, ["I"])
    (curve,) = curves(made)
    assert np.ptp(curve[1]) < module.HIGHEST - module.LOWEST
    assert triangles(made) == 2, "the two deflections downwards are 0.5 mm apart and share one"
    assert CUT_NOTE in words(made)


def test_high_waves_get_a_higher_strip_before_anything_is_cut():
    low, high = (draw_ecg_paper(ramp(millivolts=size), FS, ["I"]) for size in (0.3, 2.4))
    assert high.get_size_inches()[1] > low.get_size_inches()[1]
    assert triangles(high) == 0
    assert CUT_NOTE not in words(high)


def test_beats_stand_above_their_samples_as_letters():
    positions, classes = np.array([50, 1000, 1130, 1990, 2000]), np.array([1, 1, 4, 2, 1], np.int8)
    made = draw_ecg_paper(ramp(seconds=30), FS, ["I"], start=10, beats=(positions, classes))
    letters = {text.get_text(): text.get_position()[0] for text in made.axes[0].texts}
    assert letters["N"] == LEFT
    assert letters["V"] == pytest.approx(LEFT + 1.3 * SPEED)
    assert letters["S"] == pytest.approx(LEFT + 9.9 * SPEED)
    assert words(made).count("N") == 1, "those before and after the stretch are left out"
    assert "Beats as annotated: N normal, S PAC, V PVC" in words(made)


@pytest.mark.parametrize("synthetic", [True, False])
def test_synthetic_recordings_are_marked(synthetic):
    made = draw_ecg_paper(ramp(), FS, ["I"], title="A title", notes=["A note."], synthetic=synthetic)
    assert (WATERMARK in [text.get_text() for text in made.texts]) is synthetic
    assert {"A title", "A note."} <= set(words(made))


def test_a_picture_is_no_larger_than_a_page_can_bear():
    values = np.random.default_rng(0).normal(0, 0.3, (5000, 12))
    file = io.BytesIO()
    draw_ecg_paper(values, 500, TWELVE).savefig(file, format="png")
    assert file.tell() < 400_000


@pytest.mark.parametrize(
    ("values", "leads", "start"),
    [
        (ramp(2), ["I"], 0),
        (ramp()[:, 0], ["I"], 0),
        (ramp(), ["I"], 10),
        (ramp(), ["I"], -1),
        (ramp(seconds=0), ["I"], 0),
    ],
)
def test_what_cannot_be_drawn_is_told(values, leads, start):
    with pytest.raises(SettingsError, match="a name for each lead"):
        draw_ecg_paper(values, FS, leads, start=start)
