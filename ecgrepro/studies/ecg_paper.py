"""Recordings as a cardiologist reads them: on ECG paper, 25 mm/s and 10 mm/mV.

Everything is laid out in millimetres of paper and drawn at one scale, so that 1 mV is as high as 0.4 s is wide; the
picture as a whole may be shown larger or smaller. Conventions of paper, calibration pulse and the 3 x 4 format:
Kligfield P et al., Recommendations for the standardization and interpretation of the electrocardiogram, part I,
Circulation 115:1306-1324 (2007).
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import LineCollection

from ecgrepro.corpora.record import BEAT_CLASSES
from ecgrepro.errors import SettingsError
from ecgrepro.studies.figures import figure

#: Millimetres of paper per second and per millivolt.
SPEED, GAIN = 25, 10
#: The standard 3 x 4 format, and the lead of the strip below it.
FORMAT_3X4 = (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6"))
RHYTHM_LEAD = "II"
#: Letter printed above a beat of each of `BEAT_CLASSES`: Icentia11k's symbols.
BEAT_LETTERS = ("Q", "N", "S", "a", "V")
#: Paper left of the signal, for the calibration pulse, and right of it; a strip's lowest and highest possible edges and
#: those it has at least, from its zero line. All in mm.
LEFT, RIGHT = 15, 5
LOWEST, HIGHEST, LOW, HIGH = -25, 30, -10, 15
#: White above the paper for the title, and that of a line of text, in mm.
TOP, LINE = 8, 5
#: A whole number of pixels per millimetre of paper keeps all grid lines equally wide.
INCHES_PER_MM = 0.03
DPI = 5 / INCHES_PER_MM
SCALE_NOTE = "25 mm/s, 10 mm/mV (small square 0.04 s, 0.1 mV). "
CUT_NOTE = (
    "\N{BLACK UP-POINTING TRIANGLE} \N{BLACK DOWN-POINTING TRIANGLE} the trace goes on beyond its strip"
)
PAPER, FINE, BOLD, INK, CLIPPED = "#fffafa", "#f8d9d9", "#eba9a9", "#1a1a1a", "#7b1fa2"


def draw_ecg_paper(
    millivolts, fs, leads, *, seconds=10, start=0.0, title="", beats=None, synthetic=False, notes=()
):
    """Draw a stretch of a recording on ECG paper.

    Twelve standard leads make three rows of four with a quarter of the stretch each, and a strip of lead II; any others
    a strip each. Where twelve leads last less than the stretch, the four columns show the same quarter, its first.

    Parameters
    ----------
    millivolts : float array, (n_samples, n_leads)
    fs : float
        Sampling rate in Hz.
    leads : sequence of str
        Names, length n_leads.
    seconds, start : float
        Length of the stretch, and where it begins in `millivolts`; of a recording that ends earlier what there is.
    title : str
    beats : tuple of (int array, int array), optional
        Positions in samples and classes (`BEAT_CLASSES`) as `Corpus.events` has them; printed as letters.
    synthetic : bool
        Watermarks the picture.
    notes : sequence of str
        Lines to be printed below the paper.

    Returns
    -------
    Figure
        Each lead's median over the stretch is taken away, which a note below says; where a lead leaves its strip it is
        cut and marked with a triangle.

    Raises
    ------
    SettingsError
        Names that do not match the signal, or a stretch without a sample.
    """
    millivolts = np.asarray(millivolts, np.float64)
    first, count = round(start * fs), round(seconds * fs)
    stretch = millivolts[first : first + count] if first >= 0 else millivolts[:0]
    if millivolts.ndim != 2 or len(leads) != millivolts.shape[1] or not len(stretch):
        raise SettingsError("ECG paper", "a stretch of a signal (n_samples, n_leads) and a name for each lead",
                            f"{len(stretch)} samples from {start:g} s on of {millivolts.shape}, {len(leads)} names",
                            "Check `start`, `seconds` and `leads`.")  # fmt: skip
    offsets = np.median(stretch, axis=0)
    leads = [(_standard(name), lead) for name, lead in zip(leads, (stretch - offsets).T, strict=True)]
    rows, remarks = _rows(leads, fs, seconds)
    paper = _Paper(rows, seconds, fs)
    notes = [*notes, SCALE_NOTE + _median_note([name for name, _ in leads], offsets), *remarks]
    if beats is not None:
        notes += paper.add_beats(beats[0] - first, beats[1], len(stretch))
    return paper.draw(title, notes + ([CUT_NOTE] if paper.cut else []), synthetic)


def _standard(name):
    """PTB-XL writes AVR, others aVR."""
    return {"AVR": "aVR", "AVL": "aVL", "AVF": "aVF"}.get(name.upper(), name)


def _rows(leads, fs, seconds):
    """Rows of (name, offset in s on the paper, values), and remarks for below the paper."""
    found, standard = dict(leads), {name for row in FORMAT_3X4 for name in row}
    if len(leads) != len(standard) or set(found) != standard:
        return [[(name, 0.0, values)] for name, values in leads], []
    count, available = round(seconds / 4 * fs), len(found[RHYTHM_LEAD])
    whole = available >= 0.95 * seconds * fs
    rows = [
        [
            (name, column * seconds / 4, found[name][column * count * whole :][:count])
            for column, name in enumerate(row)
        ]
        for row in FORMAT_3X4
    ]
    remark = f"Of {available / fs:.1f} s all four columns show the first {min(count, available) / fs:.1f} s."
    return [*rows, [(RHYTHM_LEAD, 0.0, found[RHYTHM_LEAD])]], [] if whole else [remark]


def _median_note(names, offsets):
    if len(names) <= 2:
        medians = (f"{name} {_signed(offset)} mV" for name, offset in zip(names, offsets, strict=True))
        return "Median taken away: " + ", ".join(medians)
    largest = int(np.abs(offsets).argmax())
    return f"Each lead's median taken away, the largest {_signed(offsets[largest])} mV ({names[largest]})"


def _signed(value):
    # rounded first: there is no negative zero to be printed
    return f"{round(value, 2) + 0.0:+.2f}".replace("-", "\N{MINUS SIGN}")


class _Paper:
    """A sheet in millimetres: x from its left edge, y upwards from its lower one."""

    def __init__(self, rows, seconds, fs):
        self.rows, self.fs, self.seconds = rows, fs, seconds
        self.edges = [_strip(row) for row in rows]
        heights = [high - low for low, high in self.edges]
        self.width = LEFT + 5 * int(np.ceil(seconds * SPEED / 5)) + RIGHT
        self.height = sum(heights)
        # rows follow from top to bottom
        self.zeros = [self.height - sum(heights[:i]) - self.edges[i][1] for i in range(len(rows))]
        self.cut = any(
            (values * GAIN < low).any() or (values * GAIN > high).any()
            for row, (low, high) in zip(rows, self.edges, strict=True)
            for _, _, values in row
        )
        self.letters = []

    def add_beats(self, positions, classes, n_samples):
        """Letters of beats, for above the paper; returns their legend."""
        inside = (positions >= 0) & (positions < n_samples)
        positions, classes = positions[inside], classes[inside]
        self.letters = [(LEFT + at / self.fs * SPEED, BEAT_LETTERS[kind])
                        for at, kind in zip(positions, classes, strict=True)]  # fmt: skip
        kinds = [f"{BEAT_LETTERS[kind]} {BEAT_CLASSES[kind]}" for kind in np.unique(classes)]
        return ["Beats as annotated: " + ", ".join(kinds)] if kinds else []

    def draw(self, title, notes, synthetic):
        above, below = TOP + LINE * bool(self.letters), LINE * (len(notes) + 1.4)
        height = self.height + above + below
        made, ax = figure(width=self.width * INCHES_PER_MM, height=height * INCHES_PER_MM, synthetic=synthetic,
                          dpi=DPI)  # fmt: skip
        made.set_layout_engine("none")
        ax.set(position=(0, 0, 1, 1), xlim=(0, self.width), ylim=(-below, self.height + above))
        ax.set_axis_off()
        self._draw_grid(ax)
        for row, zero, edges in zip(self.rows, self.zeros, self.edges, strict=True):
            self._draw_row(ax, row, zero, edges)
        for x, letter in self.letters:
            ax.text(x, self.height + 1, letter, ha="center", va="bottom", fontsize=10, color="#00508f")
        ax.text(0, self.height + above - LINE, title, fontsize=12, weight="bold", va="bottom")
        self._draw_seconds(ax)
        for line, note in enumerate(notes):
            ax.text(0, -LINE * (1.3 + line), note, va="top", fontsize=9.5, color="#333333")
        return made

    def _draw_grid(self, ax):
        ax.add_patch(plt.Rectangle((0, 0), self.width, self.height, facecolor=PAPER, zorder=0))
        x, y = np.arange(self.width + 1), np.arange(self.height + 1)
        for colour, width, step in ((FINE, 0.36, 1), (BOLD, 0.72, 5)):
            lines = [[(v, 0), (v, self.height)] for v in x[::step]]
            lines += [[(0, v), (self.width, v)] for v in y[::step]]
            ax.add_collection(LineCollection(lines, colors=colour, linewidths=width, zorder=step / 5))

    def _draw_row(self, ax, row, zero, edges):
        _draw_pulse(ax, zero)
        for number, (name, offset, values) in enumerate(row):
            x = LEFT + offset * SPEED
            height = values * GAIN
            # inside the strip by the width of the pen
            shown = np.clip(height, edges[0] + 0.3, edges[1] - 0.3)
            time = x + np.arange(len(values)) / self.fs * SPEED
            ax.plot(time, zero + shown, color=INK, linewidth=0.8, solid_joinstyle="round", zorder=3)
            _mark_cuts(ax, time, height, zero, edges)
            if number:
                ax.plot([x, x], [zero - 3, zero + 3], color=INK, linewidth=1.2, zorder=3)
            ax.text(x + 1, zero + edges[1] - 1.5, name, va="top", fontsize=12, weight="bold", zorder=2,
                    bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 0.8, "alpha": 0.75})  # fmt: skip

    def _draw_seconds(self, ax):
        for second in range(int(self.seconds) + 1):
            x = LEFT + second * SPEED
            ax.plot([x, x], [-1.2, 0], color="#555555", linewidth=0.8)
            text = f"{second} s" if second == 0 else str(second)
            ax.text(x, -1.6, text, ha="center", va="top", fontsize=9.5, color="#333333")


def _mark_cuts(ax, time, height, zero, edges):
    """A triangle over each stretch that was cut; stretches less than 2 mm apart share one."""
    low, high = edges
    for edge, beyond, marker in ((high - 1.2, height > high, "^"), (low + 1.2, height < low, "v")):
        cut = time[beyond]
        groups = np.split(cut, np.flatnonzero(np.diff(cut) > 2) + 1) if len(cut) else []
        middles = [group.mean() for group in groups]
        ax.plot(middles, [zero + edge] * len(middles), marker, color=CLIPPED, markersize=5, zorder=6)


def _strip(row):
    """Lower and upper edge in mm from the zero line, on bold grid lines, just wide enough for the row's leads."""
    values = np.concatenate([values for _, _, values in row]) * GAIN
    # 4 mm above the highest value are left for the leads' names
    low = np.clip(5 * np.floor((values.min() - 1) / 5), LOWEST, LOW)
    high = np.clip(5 * np.ceil((values.max() + 4) / 5), HIGH, HIGHEST)
    return int(low), int(high)


def _draw_pulse(ax, zero):
    """1 mV for 0.2 s."""
    x = np.array([2, 4, 4, 9, 9, 11])
    ax.plot(x, zero + np.array([0, 0, GAIN, GAIN, 0, 0]), color=INK, linewidth=0.8, zorder=3)
