"""Two classes of signal quality, 0 high and 1 low, and test intervals named after their recording.

The order is that of `metrics`: ``sensitivity`` is the recall of class 0, ``specificity`` of class 1, as Huerta et al.
(2022) use the words. Scores and ranks are those of low quality, the rare class that is looked for.
"""

import numpy as np
import pandas as pd

from ecgrepro.errors import InputError
from ecgrepro.evaluation.predictions import logit_columns

#: Classes in label order.
HIGH, LOW = 0, 1


def low_quality_scores(table):
    """Return how much the net prefers low to high quality: ``logit_1 - logit_0``, float64 (n_records,).

    The log odds of low quality where the logits come from a softmax: above 0 the net answers "low".

    Parameters
    ----------
    table : pandas.DataFrame
        Predictions with two logits.

    Raises
    ------
    InputError
        For another number of classes.
    """
    if len(logit_columns(table)) != 2:
        got = f"{len(logit_columns(table))} logits"
        raise InputError("predictions", "two classes, 0 high and 1 low quality", got, "Pass a quality task.")
    return np.subtract(table["logit_1"], table["logit_0"], dtype=np.float64).to_numpy()


def recordings(interval_ids):
    """Return the recording of each interval, as ``clusters`` of `comparison` and its neighbours takes them.

    Intervals of one recording share its noise, its electrodes and its label: they are drawn together.

    Parameters
    ----------
    interval_ids : sequence of str
        Recording and number of the interval, such as ``A00001/3``; may repeat.

    Returns
    -------
    dict of str to str
        For instance ``{"A00001/3": "A00001"}``.

    Raises
    ------
    InputError
        For an id without a slash, or with nothing before or after the last one.
    """
    found = {interval: interval.rpartition("/") for interval in pd.unique(np.asarray(interval_ids, object))}
    bad = [interval for interval, (recording, _, number) in found.items() if not (recording and number)]
    if bad:
        got = f"{len(bad)} others, first {bad[0]!r}"
        fix = "Name an interval recording/number, or pass no clusters."
        raise InputError("interval_ids", "names such as 'A00001/3'", got, fix)
    return {interval: recording for interval, (recording, _, _) in found.items()}
