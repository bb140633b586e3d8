"""What each artefact of the CSC2541 project does to macro AUC, and the benchmark beside ours, for `ptbxl_transfer`.

An artefact is a fault of the project's, or a choice of its, that an arm of the pilot has on purpose and another arm has
not (`ecgrepro.studies.ptbxl_transfer.FAULTS`).
"""

import re

import numpy as np
import pandas as pd

from ecgrepro.claims import ledger
from ecgrepro.errors import InputError
from ecgrepro.evaluation.benchmark_bracket import bracket
from ecgrepro.evaluation.macro_auc import MINIMUM_POSITIVES
from ecgrepro.evaluation.predictions import labels, logits
from ecgrepro.studies.designs import fine_tuning
from ecgrepro.studies.diagnosis_tables import compare, estimates, levels
from ecgrepro.studies.diagnosis_words import with_interval
from ecgrepro.studies.evidence import RESAMPLING
from ecgrepro.studies.ptbxl_transfer import SCALES, STUDY

#: What an arm is held against that has other test labels than any other: the answer of chance.
CHANCE, CHANCE_NAME = 0.5, "chance"
#: Arm with the artefact, arm without (None: chance), what it is.
ARTEFACTS = (
    ("reshaped", "random", "leads and time mixed: 12 rows of samples reshaped, not transposed"),
    ("unscaled", "random", "microvolts as in the files, nothing scaled"),
    ("reshaped_unscaled", "random", "both: how the net trained on Georgia alone read its recordings"),
    ("permuted", None, "labels of other recordings, against chance"),
    ("fourier_high", "fourier_low", "Fourier amplitudes as the project cropped them (at 100 Hz: 37.5 to 50 Hz) in "
     "place of the logarithm of those of 0.5 to 40 Hz"),
    ("fourier_high", "random", "Fourier amplitudes of 37.5 to 50 Hz in place of the signal"),
    ("fourier_low", "random", "Fourier amplitudes of an ECG's frequencies, logarithm, in place of the signal"),
    ("selected", "random", "the best epoch by the validation fold in place of the last"),
    ("selected_on_test", "selected", "the test fold as validation fold: the best epoch by the test itself"),
    ("centre_crop", "random", "trained on the window in the middle alone, in place of windows drawn anew"),
    ("mean_of_windows", "random", "mean of a recording's windows in place of their maximum"),
    ("rate_500hz", "rate_100hz", "500 Hz in place of 100 Hz, made of the same files"),
)  # fmt: skip
COLUMNS = ["artefact", "arm", "against", "without", "with", "difference", "low", "high", "all classes", "all_low",
           "all_high", "counted", "paired", "seeds", "records"]  # fmt: skip
BENCHMARK_COLUMNS = ["task", "net", "published", "bracket", "ours", "our bracket", "low", "high", "difference",
                     "seeds", "records"]  # fmt: skip
_TASK = re.compile(r"benchmark_(?P<task>[a-z]+?)(?:_(?P<net>inception1d))?$")


def artefact_table(found, *, minimum_positives=MINIMUM_POSITIVES, **settings):
    """What every artefact of `ARTEFACTS` does: DataFrame, without those that lack runs.

    ``difference`` is the macro AUC ``with`` it minus that ``without``, over the classes that count and over ``all
    classes``, with 95 % intervals. ``paired`` is False for an arm whose test labels are not those of any other: it is
    held against chance.

    Parameters
    ----------
    found : list of dict
        See `ecgrepro.studies.designs.results`.
    minimum_positives, settings
        See `diagnosis_tables.estimates`.
    """
    settings |= {"minimum_positives": minimum_positives}
    rows = []
    for arm, against, words in ARTEFACTS:
        row = _from_chance(found, arm, settings) if against is None else _pair(found, arm, against, settings)
        rows += [[words, arm, against or CHANCE_NAME, *row]] if row else []
    return pd.DataFrame(rows, columns=COLUMNS)


def _pair(found, arm, against, settings):
    compared = compare(found, arm, against, **settings)
    if not compared:
        return None
    made, every, (with_it, without) = compared.made, compared.made.all_classes, levels(compared)
    return [without, with_it, made.estimate, made.low, made.high, every.estimate, every.low, every.high,
            int(made.classes.counted.sum()), compared.paired, made.n_seeds, made.n_records]  # fmt: skip


def _from_chance(found, arm, settings):
    made = estimates(found, [arm], **settings).get(arm)
    if not made:
        return None
    every = made.all_classes
    differences = [value - CHANCE for value in (made.estimate, made.low, made.high, every.estimate, every.low,
                                                every.high)]  # fmt: skip
    counted = int(made.classes.counted.sum())
    return [CHANCE, made.estimate, *differences, counted, False, made.n_seeds, made.n_records]


def brief_artefacts(table, legend=None):
    """An `artefact_table` as a reader wants it: DataFrame with both differences and their intervals in words.

    Parameters
    ----------
    table : DataFrame
    legend : DataFrame, optional
        See `ecgrepro.studies.printed_transfer.legend_table`. It adds a row of printed gains, which no run is behind.
    """
    counts = table[["counted", "seeds", "records"]].astype("Int64")
    shown = pd.DataFrame({
        "what": table.artefact, "without": table.without, "with": table["with"],
        "difference": with_interval(table.difference, table.low, table.high, "+"),
        "of all classes": with_interval(table["all classes"], table.all_low, table.all_high, "+"),
        "classes counted": counts.counted, "paired": ["yes" if paired else "no" for paired in table.paired],
        "seeds": counts.seeds, "records": counts.records,
    })  # fmt: skip
    return shown if legend is None else pd.concat([shown, _legend_row(legend)], ignore_index=True)


def _legend_row(legend):
    swapped, right = legend["mean gain of the fine-tuned net"]
    row = {"what": "the figure's two lines with their names exchanged: mean gain as printed, not an AUC, no run",
           "without": right, "with": swapped, "difference": f"{swapped - right:+.2f}".replace("-", "\N{MINUS SIGN}"),
           "of all classes": "", "paired": ""}  # fmt: skip
    return pd.DataFrame([row])


def benchmark_table(found, **settings):
    """Published AUCs of PTB-XL's benchmark beside ours: DataFrame, a row per task and net that this project has.

    ``published`` and its ``bracket`` are the ledger's; ``ours`` is the mean over seeds of the macro over all classes,
    as published, with its 95 % interval over seeds and recordings; ``our bracket`` is that of the first seed, in
    thousandths as the benchmark prints it (`ecgrepro.evaluation.benchmark_bracket`). Without runs they are missing.

    Parameters
    ----------
    found : list of dict
    settings
        See `diagnosis_tables.estimates`.
    """
    rows = []
    for claim in ledger.load():
        arm = claim.comparison.get("arm", "") if claim.study == STUDY else ""
        if arm not in SCALES["paper"].arms or not (named := _TASK.match(arm)):
            continue
        row = [named["task"], named["net"] or "xresnet1d101", claim.published, published_bracket(claim)]
        rows.append(row + _ours(fine_tuning(found, arm, 1.0), claim.published, arm, settings))
    return pd.DataFrame(rows, columns=BENCHMARK_COLUMNS)


def published_bracket(claim):
    """The bracket that a claim of the benchmark notes: float. Raises InputError where it notes none."""
    noted = re.search(r"Bracket: (0?\.\d+)", claim.note)
    if not noted:
        raise InputError(f"ledger claim {claim.id}", 'a note such as "Bracket: .007."', repr(claim.note),
                         "Write the bracket into the claim's note.")  # fmt: skip
    return float(noted[1])


def _ours(runs, published, arm, settings):
    if not runs:
        return [np.nan] * 5 + [0, 0]
    # the published macro has no minimum
    made = estimates(runs, [arm], minimum_positives=1, **settings)[arm].all_classes
    test = runs[0]["predictions"].query("part == 'test'")
    distance = bracket(labels(test), logits(test), seed=RESAMPLING["seed"]).distance
    return [made.estimate, distance, made.low, made.high, made.estimate - published, made.n_seeds,
            made.n_records]  # fmt: skip


def brief_benchmark(table):
    """A `benchmark_table` as a reader wants it: DataFrame."""
    shown = table.seeds > 0
    return pd.DataFrame({
        "task": table.task, "net": table.net, "as published": as_printed(table.published, table.bracket),
        "ours": [text if there else "no run" for text, there in zip(
            as_printed(table.ours, table["our bracket"]), shown, strict=True)],
        "95 % interval": [f"{row.low:.3f} to {row.high:.3f}" if row.seeds else "" for row in table.itertuples()],
        "difference": [f"{value:+.3f}" if there else "" for value, there in zip(table.difference, shown, strict=True)],
        "seeds": table.seeds,
    })  # fmt: skip


def as_printed(values, distances):
    """Print AUCs with their brackets as the benchmark does, such as .925(07): list of str, "" where missing."""
    return [
        "" if np.isnan(value) else f"{value:.3f}({int(round(1000 * distance, 6)):02d})".removeprefix("0")
        for value, distance in zip(values, distances, strict=True)
    ]
