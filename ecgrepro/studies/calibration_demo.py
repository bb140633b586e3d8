"""Simulated logits of known truth: what calibrators can and cannot repair, and how many records they need.

Nothing here is a net's. Each record has a true probability of every class, its label is drawn from them, and what is
shown to the calibrators is distorted on purpose. So the best log loss that is possible is known, and what a calibrator
loses to it is known too. The demo of the `calibration` page; it decides nothing.
"""

import numpy as np
import pandas as pd
from scipy import special

from ecgrepro.evaluation.calibrators import CALIBRATORS
from ecgrepro.evaluation.log_loss import log_loss
from ecgrepro.evaluation.predictions import labels, prediction_table
from ecgrepro.studies.calibration import apply, by_seed, fit, judged_classes
from ecgrepro.studies.calibration_tables import seed_scores

#: How the true log-probabilities are distorted, by name: a scale of all, then a shift of each class.
DISTORTIONS = {
    "overconfident": (2.5, (0.0, 0.0, 0.0, 0.0)),
    "underconfident": (0.5, (0.0, 0.0, 0.0, 0.0)),
    "overconfident, one class favoured": (2.5, (0.0, 2.0, 0.0, 0.0)),
}
#: Shares of the classes before a record is seen, about those of CinC 2017.
PRIORS = (0.6, 0.1, 0.25, 0.05)
CALIBRATED = tuple(name for name in CALIBRATORS if name != "project_temperature")
#: What the table calls the true probabilities.
TRUTH = "the truth"


def truth(n_records, seed):
    """Draw records: true probabilities float64 (n_records, n_classes), and labels int64 (n_records,)."""
    rng = np.random.default_rng([seed, n_records])
    scores = np.log(PRIORS) + rng.normal(0, 1.5, size=(n_records, len(PRIORS)))
    probabilities = special.softmax(scores, axis=1)
    places = rng.random((n_records, 1)) > probabilities.cumsum(axis=1)
    return probabilities, np.minimum(places.sum(axis=1), len(PRIORS) - 1)


def simulated(distortion, n_validation, n_test, seed):
    """Simulate predictions of one seed, and the true probabilities of its test records.

    Parameters
    ----------
    distortion : str
        A key of `DISTORTIONS`. Of "overconfident" the scale is the temperature that repairs it.
    n_validation, n_test : int
    seed : int

    Returns
    -------
    tuple of DataFrame and float64 array, (n_test, n_classes)
        Predictions as `ecgrepro.evaluation.predictions` has them.
    """
    scale, shift = DISTORTIONS[distortion]
    parts, kept = [], None
    for part, n, drawn in (("validation", n_validation, 2 * seed), ("test", n_test, 2 * seed + 1)):
        kept, answers = truth(n, drawn)
        ids = [f"synthetic/{part}{i:06d}" for i in range(n)]
        logits = np.log(kept) * scale + np.array(shift)
        parts.append(prediction_table(ids, answers, logits, part=part, fold=0, seed=seed))
    return pd.concat(parts, ignore_index=True), kept


def demo_scores(seeds=(0, 1, 2), n_validation=400, n_test=4000):
    """Score every calibrator on every distortion, and the truth itself: DataFrame, mean over seeds.

    Columns: ``distortion``, ``calibrator``, those of `calibration_tables.seed_scores`, and ``excess``: log loss above
    that of the true probabilities.
    """
    rows = []
    for distortion in DISTORTIONS:
        for seed in seeds:
            table, right = simulated(distortion, n_validation, n_test, seed)
            rows += [{"distortion": distortion} | row for row in _scored(table, right)]
    found = pd.DataFrame(rows)
    return found.groupby(["distortion", "calibrator"], sort=False).mean().reset_index()


def _scored(table, right):
    validation, tests = by_seed(table, "validation"), by_seed(table, "test")
    ((seed, one),) = tests.items()
    made = {name: apply(fit(validation, name), tests)[seed] for name in CALIBRATED} | {TRUTH: right}
    best, classes = log_loss(right, labels(one)).value, judged_classes(tests)
    for name, probabilities in made.items():
        found = seed_scores(one, probabilities, classes)
        yield {"calibrator": name} | found | {"excess": found["log_loss"] - best}


def sample_sizes(
    distortion="overconfident, one class favoured", sizes=(50, 100, 200, 400, 800, 1600), seeds=(0, 1, 2)
):
    """Measure what each calibrator loses to the truth with so many validation records: DataFrame.

    Columns: ``calibrator``, ``records``, ``seed``, ``excess`` (nats above the log loss of the true probabilities).
    """
    rows = []
    for size in sizes:
        for seed in seeds:
            table, right = simulated(distortion, size, 4000, seed)
            validation, tests = by_seed(table, "validation"), by_seed(table, "test")
            best = log_loss(right, labels(tests[seed])).value
            for name in CALIBRATED:
                loss = log_loss(apply(fit(validation, name), tests)[seed], labels(tests[seed])).value
                rows.append({"calibrator": name, "records": size, "seed": seed, "excess": loss - best})
    return pd.DataFrame(rows)
