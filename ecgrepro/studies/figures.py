"""What all study pages share: the look of figures and tables, and the mark of synthetic data."""

import base64
from html import escape

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

#: One colour per arm, the same on every page (Okabe & Ito's palette, told apart by colour-blind readers).
COLOURS = {"random": "#555555", "beat_512": "#56B4E9", "beat_2048": "#0072B2", "beat_4096": "#D55E00",
           "rhythm": "#CC79A7", "heart_rate": "#E69F00", "future": "#009E73",
           "random_2d": "#E69F00", "random_2d_constants": "#E69F00", "random_2d_matched": "#56B4E9",
           "random_2d_log": "#56B4E9", "random_2d_window_64": "#56B4E9", "random_2d_window_128": "#56B4E9",
           "random_2d_window_512": "#56B4E9", "beat_2d": "#D55E00", "beat_2d_scaled": "#D55E00",
           "beat_2d_constants": "#D55E00", "beat_2d_matched": "#009E73", "beat_2d_log": "#009E73",
           "patients_4_fixed": "#56B4E9", "patients_6_fixed": "#56B4E9", "patients_16_fixed": "#0072B2",
           "patients_100_fixed": "#0072B2", "patients_6_pass": "#D55E00", "patients_12_pass": "#CC79A7",
           "patients_25_pass": "#E69F00"}  # fmt: skip
#: How arms are called in figures.
ARMS = {"random": "random start", "beat_512": "beat, 2.0 s frames", "beat_2048": "beat, 8.2 s frames",
        "beat_4096": "beat, 16.4 s frames", "rhythm": "rhythm", "heart_rate": "heart rate",
        "future": "future prediction", "linear_probe": "linear probe on beat", "frozen_random": "frozen random net",
        "beat_mitbih": "beat, MIT-BIH alone", "random_resnet34": "ResNet-34, random start",
        "beat_resnet34": "ResNet-34, beat", "random_resnet50": "ResNet-50, random start",
        "beat_resnet50": "ResNet-50, beat", "random_62hz": "62.5 Hz, random start", "beat_62hz": "62.5 Hz, beat",
        "random_250hz": "250 Hz, random start", "beat_250hz": "250 Hz, beat",
        "random_2d": "2-D as published, random", "beat_2d": "2-D as published, beat",
        "beat_2d_scaled": "2-D, same scale, beat", "random_2d_constants": "2-D, 1-D net's layers, random",
        "beat_2d_constants": "2-D, 1-D net's layers, beat", "random_2d_matched": "2-D matched, random",
        "beat_2d_matched": "2-D matched, beat", "random_2d_log": "2-D matched, logarithm, random",
        "beat_2d_log": "2-D matched, logarithm, beat", "random_2d_window_64": "2-D matched, 256 ms window, random",
        "random_2d_window_128": "2-D matched, 512 ms window, random",
        "random_2d_window_512": "2-D matched, 2,048 ms window, random",
        "patients_4_fixed": "4 people, as many frames", "patients_16_fixed": "16 people",
        "patients_6_fixed": "6 people, as many frames", "patients_100_fixed": "100 people",
        "patients_6_pass": "6 people, one pass", "patients_12_pass": "12 people, one pass",
        "patients_25_pass": "25 people, one pass"}  # fmt: skip
WATERMARK = "SYNTHETIC DATA"


def figure(rows=1, columns=1, *, width=7.2, height=3.2, synthetic=False, **settings):
    """Make a figure in the book's look; `synthetic` watermarks it. Returns (figure, axes)."""
    made, axes = plt.subplots(rows, columns, figsize=(width, height), layout="constrained", **settings)
    for ax in made.axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(axis="y", color="#dddddd", linewidth=0.6)
        ax.set_axisbelow(True)
    if synthetic:
        made.text(0.5, 0.5, WATERMARK, ha="center", va="center", rotation=20, fontsize=30, color="#b00000",
                  alpha=0.16, weight="bold", zorder=10)  # fmt: skip
    return made, axes


def show(made):
    """Show a figure before what its cell shows next; left open it would come after the cell's tables."""
    from IPython.display import display  # of the extra `book`; tables need none of it

    display(made)
    plt.close(made)


def called(arm):
    """What pages call an arm: in words where there are some."""
    return ARMS.get(arm, arm.replace("_", " "))


def p_value(value):
    """Print a p-value; one that four decimals would make zero says so."""
    return "<0.0001" if value < 0.00005 else f"{value:.4f}"


#: How columns are printed, by name; other numbers get three decimals.
FORMATS = {
    **dict.fromkeys(("t_p", "welch_p", "tost_p", "p", "whole_p"), p_value),
    **dict.fromkeys(
        (
            "counted",
            "two outputs",
            "torchvision",
            "trainable parameters",
            "forward",
            "backward",
            "trainable_parameters",
            "parameters",
        ),
        "{:,}",
    ),
    **dict.fromkeys(("labels", "share of frames"), "{:.0%}"),
    **dict.fromkeys(
        (
            "seconds",
            "seconds per epoch",
            "frames per second",
            "milliseconds",
            "s per epoch",
            "s of the first",
            "peak memory, MB",
        ),
        "{:,.0f}",
    ),
    **dict.fromkeys(
        (
            "high quality",
            "low quality",
            "intervals",
            "records",
            "recordings",
            "found",
            "published",
            "pairs",
            "other recordings",
            "shorter",
            "frames",
        ),
        "{:,}",
    ),
    **dict.fromkeys(
        ("training records", "patients", "people", "from", "to", "steps", "frames of each"), "{:,.0f}"
    ),
}


def table(frame, caption, *, synthetic=False):
    """Style a table for the book, arms in words; `synthetic` says so in a caption that cannot be missed."""
    mark = f"<span class='synthetic'>{WATERMARK}</span> " if synthetic else ""
    style = frame.style.hide(axis="index").set_caption(mark + caption)
    numbers = frame.select_dtypes("number").columns
    formats = {name: FORMATS[name] for name in numbers if name in FORMATS}
    formats |= dict.fromkeys(frame.select_dtypes("bool").columns, lambda value: "yes" if value else "no")
    formats |= {"arm": called} if "arm" in frame else {}
    return style.set_table_attributes('class="dataframe results"').format(formats, precision=3, na_rep="")


class Html:
    """A part of a page that is HTML already."""

    def __init__(self, html):
        self._html = html

    def _repr_html_(self):
        return self._html


class Note(Html):
    """A paragraph of a page that its code words; it wraps, as printed text does not."""

    def __init__(self, text):
        super().__init__(f"<p>{escape(text)}</p>")
        self.text = text


def nothing():
    """Say that there is nothing to show yet."""
    return Note("Not run yet: none of the runs that this would be made of is committed.")


class Download:
    """A link that holds a table as CSV, so that a page needs no file beside it."""

    def __init__(self, text, name):
        self.text, self.name = text, name

    def _repr_html_(self):
        data = base64.b64encode(self.text.encode()).decode()
        name = escape(self.name)
        return f'<a class="csv" download="{name}" href="data:text/csv;base64,{data}">{name}</a>'


def csv(frame, name, *, synthetic=False):
    """Offer the numbers behind a figure or table as CSV; `synthetic` says so in the file's name.

    Parameters
    ----------
    frame : DataFrame
    name : str
        Without the ending, such as ``resnet1d_scores``.
    """
    mark = "_synthetic" if synthetic else ""
    return Download(frame.to_csv(index=False, lineterminator="\n"), f"{name}{mark}.csv")


def reach(table):
    """How far the interval of each row reaches below and above its estimate, as Matplotlib's `errorbar` takes it.

    Parameters
    ----------
    table : DataFrame or row of one
        With ``low``, ``high``, and ``estimate`` or ``difference``. A percentile interval may leave its estimate out; it
        is then drawn up to the estimate.
    """
    middle = table.estimate if hasattr(table, "estimate") else table.difference
    return np.maximum([middle - table.low, table.high - middle], 0)


def colour(arm):
    return COLOURS.get(arm, "#009E73")


def verdict_table(rows, fold=True):
    """Verdicts of a study: claims that are decided first, those not run folded away below.

    Columns: claim, published, ours with its interval, margin, verdict and why.

    Parameters
    ----------
    rows : list of dict
        Rows of `ecgrepro.claims.table.claims_table`.
    fold : bool
        Without it all rows are shown in the order given.
    """
    waiting = [row for row in rows if fold and row["verdict"] == "not run"]
    decided = [row for row in rows if row not in waiting]
    parts = [_styled_verdicts(decided)] if decided else []
    if waiting:
        told = f"<summary>{len(waiting)} claims not run yet, with what each one needs</summary>"
        parts.append(f'<details class="ledger-waiting">{told}{_styled_verdicts(waiting)}</details>')
    return Html("\n".join(parts))


def _styled_verdicts(rows):
    shown = pd.DataFrame(
        {
            "claim": [f"{row['statement']}<small>{row['id']}</small>" for row in rows],
            "published": [number(row["published"]) for row in rows],
            "ours": [f"{number(row['ours'])}<small>{interval(row['interval'])}</small>" for row in rows],
            "margin": [f"{number(row['margin'])}<small>{_smallest(row)}</small>" for row in rows],
            "verdict": [f"<b>{_word(row)}</b><small>{row['reason']}</small>" for row in rows],
        }
    )
    return shown.style.hide(axis="index").set_table_attributes('class="dataframe verdicts"').to_html()


def _word(row):
    substitute = row["substitute"] and row["verdict"] != "not run"
    return row["verdict"] + (" (substitute)" if substitute else "")


def _smallest(row):
    return "" if row["smallest_margin"] is None else f"smallest {number(row['smallest_margin'])}"


def number(value):
    """Print a number, or a mapping of them, in few digits; nothing for None."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return ", ".join(f"{name} {number(part)}" for name, part in value.items())
    if isinstance(value, int) or float(value).is_integer() and abs(value) >= 10:
        return f"{int(value):,}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}"


def interval(limits):
    """Print an interval; a mapping of part to interval as several."""
    if not limits:
        return ""
    if isinstance(limits, dict):
        return "; ".join(f"{name} {interval(part)}" for name, part in limits.items())
    return f"{number(limits[0])} to {number(limits[1])}"
