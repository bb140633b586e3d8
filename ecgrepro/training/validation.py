"""Loss and scores of the validation records after an epoch: of one class each, or of several or none."""

import numpy as np

from ecgrepro.evaluation import metrics
from ecgrepro.evaluation.class_ranks import class_auc


def class_loss(labels, logits):
    """Mean cross-entropy of one class each: float."""
    return float(metrics.cross_entropy(logits, labels))


def class_scores(labels, logits, names):
    """Metrics of `ecgrepro.evaluation.metrics` by name: dict of str to float."""
    matrix = metrics.confusion_matrix(labels, logits.argmax(axis=1), logits.shape[1])
    return {name: float(metrics.get_metric(name)(matrix)) for name in names}


def diagnosis_loss(labels, logits):
    """Mean binary cross-entropy over records and classes: float."""
    logits = np.asarray(logits, np.float64)
    return float(np.mean(np.logaddexp(0, logits) - labels * logits))


def diagnosis_scores(labels, logits, names):
    """``macro_auc``: mean over those classes that have records of both kinds; one has (`diagnosis_parts`)."""
    found = class_auc(labels, logits).areas.compressed()
    return {name: float(found.mean()) for name in names}


#: Loss and scores by the number of axes of the labels: 1 for one class each, 2 for several or none.
RULES = {1: (class_loss, class_scores), 2: (diagnosis_loss, diagnosis_scores)}
