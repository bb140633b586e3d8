"""How the `ptbxl_transfer` page calls arms, and its tables as a reader wants them: intervals in words."""

import numpy as np
import pandas as pd

from ecgrepro.studies.figures import called

#: How arms are called on the page; others by their names.
CALLED = {
    "random": "random start", "beat": "pre-trained on beats", "beat_probe": "beats, linear probe",
    "beat_gradual": "beats, gradual unfreezing",
    "beat_gradual_frozen_bn": "beats, gradual, frozen layers in inference mode",
    "beat_frozen_bn": "beats, batch normalisation frozen",
    "georgia_random": "Georgia, random start", "georgia_fine_tuned": "pre-trained on PTB-XL",
    "georgia_probe": "PTB-XL, linear probe", "georgia_gradual": "PTB-XL, gradual unfreezing",
    "georgia_gradual_frozen_bn": "PTB-XL, gradual, frozen layers in inference mode",
    "georgia_frozen_bn": "PTB-XL, batch normalisation frozen",
    "fine_tuned": "as coded, from PTB-XL", "fine_tuned_as_told": "as told, from PTB-XL",
    "independent_xresnet1d101": "as coded, Georgia alone",
    "reshaped": "leads and time mixed", "unscaled": "microvolts, not scaled",
    "reshaped_unscaled": "mixed and not scaled", "permuted": "permuted labels",
    "fourier_high": "Fourier, as the project cropped it", "fourier_low": "Fourier, frequencies of an ECG",
    "selected": "epoch by validation", "selected_on_test": "epoch by test",
    "centre_crop": "window in the middle", "mean_of_windows": "mean of windows",
    "rate_500hz": "500 Hz", "rate_100hz": "100 Hz, same files",
}  # fmt: skip


def name_of(arm):
    """What the page calls an arm."""
    return CALLED.get(arm, called(arm))


def with_interval(estimate, low, high, sign=""):
    """Print estimates with their intervals: list of str; `sign` "+" prints the sign of the estimate."""
    printed = [
        "" if np.isnan(value) else f"{round(value, 3) + 0.0:{sign}.3f} ({least:.3f} to {most:.3f})"
        for value, least, most in zip(estimate, low, high, strict=True)
    ]
    return [text.replace("-", "\N{MINUS SIGN}") for text in printed]


def brief_scores(scores):
    """A `score_table` as a reader wants it: both macros with their intervals in words. DataFrame."""
    counted = [f"{row.counted} of {row.classes}" for row in scores.itertuples()]
    return pd.DataFrame({
        "training": [name_of(arm) for arm in scores.arm],
        "macro AUC": with_interval(scores["macro AUC"], scores.low, scores.high), "classes counted": counted,
        "of all classes": with_interval(scores["all classes"], scores.all_low, scores.all_high),
        "seeds": scores.seeds, "records": scores.records,
    })  # fmt: skip


def brief_classes(classes):
    """A `class_table` as a reader wants it: DataFrame with ``training`` in words and the interval in words."""
    auc = with_interval(classes.AUC, classes.low, classes.high)
    counts = ["yes" if row.counted else classes["why not"][row.Index] for row in classes.itertuples()]
    return pd.DataFrame({"training": [name_of(arm) for arm in classes.arm], "class": classes["class"],
                         "positives": classes.positives, "AUC": auc, "counts in the macro": counts})  # fmt: skip


def brief_differences(differences):
    """A `difference_table` as a reader wants it: DataFrame, both differences with their intervals in words."""
    shown = differences
    return pd.DataFrame({
        "comparison": [f"{name_of(row['first'])} − {name_of(row['second'])}" for _, row in shown.iterrows()],
        "difference": with_interval(shown.difference, shown.low, shown.high, "+"),
        "of all classes": with_interval(shown["all classes"], shown.all_low, shown.all_high, "+"),
        "smallest margin": shown.smallest_margin, "t_p": shown.t_p,
        "paired": ["yes" if paired else "no" for paired in shown.paired], "seeds": shown.seeds,
    })  # fmt: skip


def brief_class_differences(table, first, second):
    """A `class_difference_table` as a reader wants it: DataFrame, arms in words."""
    return pd.DataFrame({
        "class": table["class"], "positives": table.positives, name_of(first): table["first"],
        name_of(second): table["second"], "difference": with_interval(table.difference, table.low, table.high, "+"),
    })  # fmt: skip
