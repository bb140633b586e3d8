"""The answer that looks at nothing: one class for every record, the floor of every table.

Where one class is rare a constant answer is hard to beat in accuracy: "high quality" is right for .976 of the intervals
of CinC 2017 that Huerta et al. (2022) count. Its balanced accuracy is 1 / classes present, which
`metrics.majority_balanced_accuracy` gives of a confusion matrix. As a table of predictions it goes through the same
functions as any arm, so that every metric has its own floor, with an interval.
"""

import numpy as np

from ecgrepro.errors import SettingsError
from ecgrepro.evaluation.predictions import logit_columns, validate_predictions
from ecgrepro.evaluation.quality import HIGH


def constant_answer(table, answer=HIGH):
    """Return the predictions of a net that always answers one class, on the records of a table.

    Parameters
    ----------
    table : pandas.DataFrame
        Predictions of any arm, of one or more seeds and parts.
    answer : int
        Class index; the default is high quality where the classes are those of `quality`.

    Returns
    -------
    pandas.DataFrame
        The same records, labels, folds and seeds; logits 1 for the answer and 0 for other classes, so that all
        scores tie: the ROC area is 1/2 and average precision the share of low quality.

    Raises
    ------
    InputError
        For an invalid table.
    SettingsError
        For a class that the table does not have.
    """
    table = validate_predictions(table)
    columns = logit_columns(table)
    if answer not in range(len(columns)):
        fix = "Classes are counted from 0 in the order of the logits."
        raise SettingsError("answer", f"a class from 0 to {len(columns) - 1}", repr(answer), fix)
    return table.assign(**{column: np.float32(index == answer) for index, column in enumerate(columns)})
