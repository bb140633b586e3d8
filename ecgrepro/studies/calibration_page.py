"""What the `calibration` page says in words, and its tables as a reader sees them."""

import numpy as np
import pandas as pd

from ecgrepro.studies import figures
from ecgrepro.studies.calibration import PAIRS, class_names, drawn_sets, tables
from ecgrepro.studies.calibration_figures import CALLED, reliability_of
from ecgrepro.studies.calibration_tables import COMPARED, SCORES, clusters

NOT_KNOWN = (
    "Not known: Georgia, whose recordings were not at hand, and nets of published width; the slides that announce "
    "calibration give no result that could be met."
)
NO_TESTS = (
    "In all others the interval holds zero. Pairs share test recordings and several share one random start, so the "
    "counts are no independent tests; no interval is corrected for their number."
)
#: Scores that the opening counts pairs by, in its order: calibration first.
_COUNTED = ("classwise_debiased", "top_label_debiased", "log_loss")
#: Shares of the labels in words; others are told in percent.
_SHARES = {0.5: "half", 0.25: "a quarter", 0.1: "a tenth", 0.05: "a twentieth"}
#: Columns by what a reader calls them.
WORDS = SCORES | {
    "macro_auc": "macro AUC", "auc_change": "change of AUC", "answers_changed": "answers changed",
    "left_uncalibrated": "classes left out", "classes_judged": "classes judged",
    "validation_records": "validation records", "within_bins": "within bins", "brier": "Brier score",
}  # fmt: skip
#: Columns of `calibration_tables.score_table` that its CSV alone has.
_CSV_ONLY = ["clipped", "classes", "multi_label", "seeds"]


def in_words(table):
    """Name the columns and calibrators of a table as a reader would: DataFrame."""
    if "calibrator" in table:
        table = table.assign(calibrator=[CALLED.get(name, name) for name in table["calibrator"]])
    if "score" in table:
        table = table.assign(score=[SCORES.get(name, name) for name in table["score"]])
    return table.rename(columns=WORDS)


def show(table, caption, *, synthetic=False):
    """Style a table for the page with four decimals, which calibration errors need, and zero without a sign."""
    shown = in_words(table)
    numbers = [name for name in shown.select_dtypes("float").columns if name != "labels"]
    shown = shown.assign(**{name: shown[name].round(4) + 0.0 for name in numbers})
    return figures.table(shown, caption, synthetic=synthetic).format(precision=4, na_rep="", subset=numbers)


def brief_scores(scores):
    """Choose from `calibration_tables.score_table` the drawn nets, and what a reader compares calibrators by."""
    drawn = {(one.net, one.labels) for one in drawn_sets()}
    chosen = [(row.net, row.labels) in drawn for row in scores.itertuples()]
    return scores[chosen].drop(columns=_CSV_ONLY)


def notes(found):
    """Show a `calibration_tables.note_table` without isotonic knots, or say that there is nothing else."""
    told = found[~found.note.str.contains("knots")]
    if told.empty:
        return figures.Note("Nothing but knots of isotonic regression at zero or one had to be noted.")
    return show(told, "What calibrators did other than usual; knots of isotonic regression are in the CSV.")


def with_intervals(differences):
    """Put the scores of `calibration_tables.difference_table` side by side, each with its interval as text.

    Returns
    -------
    DataFrame
        A row per pair and calibrator.
    """
    told = [_told(row) for row in differences.itertuples()]
    made = differences.assign(told=told).pivot_table(
        index=["pair", "calibrator"], columns="score", values="told", aggfunc="first", sort=False
    )
    kept = [name for name in SCORES if name in made]
    return made[kept].reset_index().rename_axis(columns=None)


def _told(row):
    return f"{row.difference:+.4f} ({row.low:.4f} to {row.high:.4f})".replace("-", "−")


def reliability(scale, name):
    """Bin the test predictions of one of `PAIRS`: DataFrame as `calibration_figures.reliability_of`, or None."""
    pair = next(one for one in PAIRS if one.name == name)
    found = tables(pair, scale)
    if found is None:
        return None
    runs = pair.random.runs(scale)
    nets = zip((pair.random.net, pair.pretrained.net), found, strict=True)
    parts = [reliability_of(table, net, class_names(runs), clusters(runs)) for net, table in nets]
    return pd.concat(parts, ignore_index=True)


def counts(differences, score, calibrator):
    """Count the pairs whose interval lies below zero, above zero, or holds it: tuple of int."""
    rows = differences[(differences.score == score) & (differences.calibrator == calibrator)]
    below, above = int((rows.high < 0).sum()), int((rows.low > 0).sum())
    return below, above, len(rows) - below - above


def opening(differences, temperatures):
    """Word what the committed predictions say so far. Returns `Html`.

    Parameters
    ----------
    differences, temperatures : DataFrame
        See `calibration_tables.difference_table` and `temperature_table`.
    """
    if differences.empty:
        text = "no pair of runs on real recordings is committed, so the question of this page is open."
        return figures.Html(f'<p class="opening"><b>So far:</b> {text} {NOT_KNOWN}</p>')
    text = [*(_sentence(differences, name) for name in COMPARED), NO_TESTS]
    n_above, n = int((temperatures.temperature > 1).sum()), len(temperatures)
    text.append(
        f"On their validation records {n_above} of {n} runs are overconfident: the fitted temperature lies above one."
    )
    if waiting := [pair.name for pair in PAIRS if pair.name not in set(differences.pair)]:
        text.append(f"No runs yet of: {'; '.join(waiting)}.")
    return figures.Html(f'<p class="opening"><b>Found:</b> {" ".join(text)} {NOT_KNOWN}</p>')


def _sentence(differences, calibrator):
    """Count for pairs with fewer labels and with all; the sentence on nets as they are names the scores."""
    clauses = []
    for words, rows in _by_share(differences).items():
        named = calibrator == "none" and not clauses
        told = [_lowered(rows, score, calibrator, named) for score in _COUNTED]
        verb = ", pre-training lowers" if named else " in"
        clauses.append(f"with {words}{verb} {', '.join(told[:-1])} and {told[-1]}")
    begin = "" if calibrator == "none" else "After temperature scaling of every net, in the same order: "
    text = f"{begin}{'; '.join(clauses)}."
    return text[0].upper() + text[1:]


def _by_share(differences):
    """Rows of the pairs with fewer labels, then of those with all, each by what a sentence calls its share: dict."""
    labels = {pair.name: pair.pretrained.labels for pair in PAIRS}
    share = np.array([labels[name] for name in differences.pair])
    found = {}
    if (share < 1).any():
        largest = float(share[share < 1].max())
        found[f"{_SHARES.get(largest, f'{largest:.0%}')} of the labels or fewer"] = differences[share < 1]
    if (share == 1).any():
        found["all labels"] = differences[share == 1]
    return found


def _lowered(rows, score, calibrator, named):
    below, above, undecided = counts(rows, score, calibrator)
    begin, noun = (f"the {SCORES[score]} in ", " pairs") if named else ("", "")
    raised = f" (raises it in {above})" if above else ""
    return f"{begin}<b>{below}</b> of {below + above + undecided}{noun}{raised}"


def control(scores):
    """Word the control: one temperature must not move ROC areas where classes keep their order. Returns `Note`."""
    rows = scores[scores.calibrator == "temperature"]
    kept = rows.multi_label | (rows.classes == 2)
    text = []
    for chosen, words in ((kept, "two classes, or of several labels"), (~kept, "more than two classes")):
        part = rows[chosen]
        if len(part):
            text.append(f"{part.auc_change.abs().max():.1e} among {len(part)} nets of {words}")
    changed = f"It changes {rows.answers_changed.max():.0%} of the answers at most."
    return figures.Note(f"One temperature changes macro AUC by at most {', and '.join(text)}. {changed}")
