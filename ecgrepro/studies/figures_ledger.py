"""Pictures of the ledger: how many claims met which verdict, and how large the claimed gains are here and in print.

Both are SVG files that come out the same, byte for byte, from the same rows. Rows are those of
`ecgrepro.claims.ledger.claims_table`.
"""

import math

import matplotlib
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ecgrepro.claims.schema import RUN_METRICS
from ecgrepro.claims.verdicts import WORDS

#: One colour and one mark per verdict: the mark and the legend carry it where colour cannot be seen.
COLOURS = {"supported": "#1b7f4b", "contradicted": "#b3261e", "inconclusive": "#9a6700", "not run": "#8b949e"}
MARKS = {"supported": "o", "contradicted": "X", "inconclusive": "D", "not run": "s"}
HATCHES = {"supported": "", "contradicted": "xx", "inconclusive": "//", "not run": ".."}
_STYLE = {"svg.hashsalt": "ecgrepro", "font.size": 11, "font.family": "DejaVu Sans", "hatch.linewidth": 0.4}
_INCHES_PER_ROW = 0.36
_PRINTED = {"marker": "|", "color": "black", "markersize": 13, "markeredgewidth": 2, "linestyle": "none"}
_GAIN_RULES = ("difference", "equivalence", "trend")
_WIDTH_INCHES = 6.0


def draw_counts(rows, path):
    """Write stacked bars, claims per verdict and study, as SVG to `path`; returns the alternative text."""
    counts = counts_by_study(rows)
    with matplotlib.rc_context(_STYLE):
        figure, axes = _axes(1.1 + 0.6 * len(counts))
        longest = max(sum(found.values()) for found in counts.values())
        for position, found in enumerate(counts.values()):
            _bars(axes, position, found, longest)
        axes.set_yticks(range(len(counts)), list(counts))
        axes.invert_yaxis()
        axes.set_xlabel("published claims")
        _legend(axes, WORDS, "patch")
        _save(figure, path)
    told = (
        f"{study}: " + ", ".join(f"{n} {word}" for word, n in found.items() if n)
        for study, found in counts.items()
    )
    return "Claims per verdict. " + "; ".join(told) + "."


def draw_forest(rows, path):
    """Write claimed and measured gains, one line per claim, as SVG to `path`.

    Returns the alternative text, or "" (and writes nothing) where no row is one of `gains`.
    """
    drawn = gains(rows)
    if not drawn:
        return ""
    with matplotlib.rc_context(_STYLE):
        figure, axes = _axes(1.3 + _INCHES_PER_ROW * len(drawn))
        for position, row in enumerate(drawn):
            _gain(axes, position, row)
        axes.axvline(0, color="black", linewidth=1)
        axes.set_yticks(
            range(len(drawn)), [row["id"].removesuffix("-minus-random") for row in drawn], fontsize=10
        )
        axes.set_ylim(len(drawn) - 0.4, -0.6)
        axes.set_xlabel("difference of the two arms' scores")
        _legend(axes, [word for word in WORDS if any(verdict_word(row) == word for row in drawn)], "mark")
        _save(figure, path)
    return _told(drawn)


def counts_by_study(rows):
    """{study: {word: number of claims}}, studies in the ledger's order and the sum of all last where several."""
    studies = list(dict.fromkeys(row["study"] for row in rows))
    counts = {
        study: {
            word: sum(row["study"] == study and verdict_word(row) == word for row in rows) for word in WORDS
        }
        for study in studies
    }
    if len(studies) > 1:
        counts["all"] = {word: sum(found[word] for found in counts.values()) for word in WORDS}
    return counts


def verdict_word(row):
    """The bare verdict of a row, whatever marks (such as "substitute") stand behind it."""
    return next(word for word in WORDS if str(row["verdict"]).startswith(word))


def gains(rows):
    """Rows about a difference of scores that a run has measured, with an interval and one printed number."""
    return [
        row
        for row in rows
        if row["rule"] in _GAIN_RULES
        and row["metric"] not in RUN_METRICS  # epochs are on another axis
        and _is_number(row["published"])
        and _is_number(row["ours"])
        and row["interval"]
    ]


def _is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _axes(height):
    # Figure, not pyplot: nothing is left open, and no window system is asked for
    figure = Figure(figsize=(_WIDTH_INCHES, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _bars(axes, position, found, longest):
    """One study's stretches with their numbers; where a stretch is too short for its number, it stands above."""
    start, free_from = 0, 0.0
    for word, width in found.items():
        if not width:
            continue
        axes.barh(
            position,
            width,
            left=start,
            height=0.6,
            color=COLOURS[word],
            hatch=HATCHES[word],
            edgecolor="white",
        )
        middle, needed = start + width / 2, 0.05 * longest
        if width >= needed:
            box = {"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.85}
            axes.text(middle, position, str(width), ha="center", va="center", fontsize=10, bbox=box)
        else:
            middle = max(middle, free_from)
            free_from = middle + needed
            axes.text(
                middle,
                position - 0.32,
                str(width),
                ha="center",
                va="bottom",
                fontsize=10,
                color=COLOURS[word],
            )
        start += width


def _gain(axes, position, row):
    word = verdict_word(row)
    axes.barh(position, 2 * row["margin"], left=-row["margin"], height=0.8, color="#d0d7de", alpha=0.6)
    axes.plot(row["interval"], [position, position], color=COLOURS[word], linewidth=2.5)
    axes.plot(row["ours"], position, MARKS[word], color=COLOURS[word], markersize=8)
    axes.plot(row["published"], position, **_PRINTED)


def _legend(axes, words, kind):
    handles = [
        Patch(facecolor=COLOURS[word], hatch=HATCHES[word], edgecolor="white", label=word)
        if kind == "patch"
        else Line2D([], [], color=COLOURS[word], marker=MARKS[word], label=word)
        for word in words
    ]
    if kind == "mark":
        handles.append(Line2D([], [], label="as printed", **_PRINTED))
    axes.figure.legend(
        handles=handles, loc="outside upper center", ncols=len(handles), frameon=False, fontsize=10,
        columnspacing=1, handletextpad=0.5,
    )  # fmt: skip


def _told(drawn):
    measured = [row["ours"] for row in drawn]
    above = sum(row["interval"][0] > 0 for row in drawn)
    return (
        f"Measured differences for {len(drawn)} claims, from {min(measured):+.3f} to {max(measured):+.3f}, beside the "
        f"printed ones; {above} of the intervals lie wholly above zero."
    )


def _save(figure, path):
    figure.savefig(path, format="svg", metadata={"Date": None})
