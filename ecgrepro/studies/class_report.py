"""The class report's own tables, recomputed from the runs that its authors published, and what they did not print.

    if not missing("1-D"):
        f1_table("1-D"), epoch_table("1-D"), gain_table("1-D")

Tables 1 and 3 hold the last epochs, tables 2 and 4 the F1 of the test recordings, of the 1-D and the 2-D net: mean and
standard deviation over ten seeds. Source: myles-i/DLH_TransferLearning 736e4ab (`report/common.py`, `analysis1d.py`,
`analysis2d.py`). Two of its ways are kept, so that digits can be compared: in tables 2 and 4 a decimal number is cut
after its third digit, not rounded; and where several classes share the largest probability, all of them are answers.

Intervals follow our own rules (`ecgrepro.evaluation.comparison`), on tables made of the published probabilities: their
logarithm is taken for the logit, which is the logit less a number that all classes of a recording share. All seeds were
tested on one split: the interval is for other seeds and other recordings of this kind. Copies of a recording cannot be
drawn together, since the published runs do not name their recordings.
"""

import os
from decimal import ROUND_DOWN, Decimal

import numpy as np
import pandas as pd

from ecgrepro import paths
from ecgrepro.claims import ledger
from ecgrepro.corpora import class_report
from ecgrepro.errors import InputError, SettingsError
from ecgrepro.evaluation.comparison import paired_difference
from ecgrepro.evaluation.predictions import combine_predictions, prediction_table
from ecgrepro.studies.evidence import RESAMPLING

#: Numbers of the report's tables by net: last epochs, F1.
TABLES = {"1-D": (1, 2), "2-D": (3, 4)}
#: Columns of tables 2 and 4, as claims name them, with our metrics.
METRICS = {"macro": "macro_f1", "N": "f1_N", "A": "f1_A", "O": "f1_O", "noisy": "f1_noisy"}
REFERENCE = "random"
COMPARED = [
    "arm",
    "metric",
    "mean",
    "std",
    "seeds",
    "printed",
    "printed_std",
    "published",
    "published_std",
    "agrees",
]


def missing(net, folder=None):
    """Say what of a net's published runs is not on this machine, and how to get it; "" where all is."""
    names = (
        f"{class_report.RUNS[net]}/{file}" for file in (class_report.HISTORIES, class_report.PREDICTIONS)
    )
    for name in names:
        try:
            class_report.find(name, folder)
        except SettingsError as error:
            return str(error).replace(
                f"{paths.home()}{os.sep}", ""
            )  # shown on a page, whose reader has another home
    return ""


def f1_table(net, folder=None):
    """Recompute table 2 (1-D) or 4 (2-D).

    Parameters
    ----------
    net : {"1-D", "2-D"}
    folder : str or Path, optional
        See `ecgrepro.corpora.class_report.find`.

    Returns
    -------
    pandas.DataFrame
        One row per arm and metric: arm, metric (key of `METRICS`), mean and std (n - 1) over seeds, seeds, printed and
        printed_std (these, cut to three digits as the report does), published and published_std (from the ledger, NaN
        where it has no such claim), agrees (both printed are as published; NA where nothing is published).

    Raises
    ------
    SettingsError, InputError
        As `ecgrepro.corpora.class_report.read_runs`.
    """
    return _compared(
        score_table(net, folder), METRICS, f"T1F-T{TABLES[net][1]}", lambda value: _cut(value, 3)
    )


def epoch_table(net, folder=None):
    """Recompute table 1 (1-D) or 3 (2-D): index of the last epoch, from 0 and with the patience of 50.

    Returns
    -------
    pandas.DataFrame
        As `f1_table`, with the one metric ``last_epoch``, rounded to one digit.

    Raises
    ------
    SettingsError, InputError
        As `ecgrepro.corpora.class_report.read_histories`.
    """
    histories = class_report.read_histories(net, folder)
    last = histories.groupby(["arm", "seed"], sort=False)["epoch"].max().rename("last_epoch").reset_index()
    return _compared(last, ["last_epoch"], f"T1F-T{TABLES[net][0]}", lambda value: round(value, 1))


def score_table(net, folder=None):
    """F1 of each published run: DataFrame of arm, seed, the keys of `METRICS`, ties (recordings with several answers).

    Raises
    ------
    SettingsError, InputError
        As `ecgrepro.corpora.class_report.read_runs`.
    """
    rows = []
    for run in class_report.read_runs(net, folder):
        answers = run.probabilities >= run.probabilities.max(axis=1, keepdims=True)
        scores = _f1_per_class(np.eye(answers.shape[1], dtype=bool)[run.labels], answers)
        named = dict(zip(METRICS, (scores.mean(), *scores), strict=True))
        rows.append(
            {"arm": run.arm, "seed": run.seed} | named | {"ties": int((answers.sum(axis=1) > 1).sum())}
        )
    return pd.DataFrame(rows)


def _f1_per_class(true, answers):
    """F1 of each column of two bool arrays (n_records, n_classes); 0 for a class neither true nor answered.

    Not `metrics.f1_per_class`: a recording may have several answers here, and no confusion matrix holds those.
    """
    both, marked = (true & answers).sum(axis=0), true.sum(axis=0) + answers.sum(axis=0)
    return np.divide(2.0 * both, marked, out=np.zeros(len(both)), where=marked > 0)


def prediction_tables(net, folder=None):
    """Tables of predictions of a net's arms: dict of arm to DataFrame, see `ecgrepro.evaluation.predictions`.

    Logits are logarithms of the published probabilities (0 is taken for the smallest float32); record_id is the place
    in the test split, "test0000" and on; fold is 0.

    Raises
    ------
    SettingsError, InputError
        As `ecgrepro.corpora.class_report.read_runs`.
    """
    tables = {}
    for run in class_report.read_runs(net, folder):
        logits = np.log(np.maximum(run.probabilities, np.finfo(np.float32).tiny))
        ids = [f"test{place:04d}" for place in range(len(run.labels))]
        table = prediction_table(ids, run.labels, logits, part="test", fold=0, seed=run.seed)
        tables.setdefault(run.arm, []).append(table)
    return {arm: combine_predictions(parts) for arm, parts in tables.items()}


def gain_table(net, folder=None, *, metrics=tuple(METRICS), n_resamples=2000):
    """What each arm gains over random weights, with the intervals that the report does not give.

    Parameters
    ----------
    net, folder
        As `f1_table`.
    metrics : sequence of str
        Keys of `METRICS`; each arm and metric takes a second or two.
    n_resamples : int

    Returns
    -------
    pandas.DataFrame
        One row per pre-trained arm and metric: arm, metric, difference (mean over seeds), low and high (95 %, two-level
        bootstrap over seeds and recordings), records_low and records_high (recordings alone), t_low, t_high and t_p
        (paired over seeds), welch_p (as two publications would be compared), smallest_margin, seeds, records. A tied
        answer counts for the first class here.

    Raises
    ------
    SettingsError, InputError
        As `ecgrepro.corpora.class_report.read_runs`; also runs without a random arm, or arms of different seeds.
    """
    tables = prediction_tables(net, folder)
    if REFERENCE not in tables:
        got = ", ".join(tables)
        raise InputError(f"runs of {net}", f"an arm {REFERENCE!r}", got, "Fetch the published file again.")
    reference = tables.pop(REFERENCE)
    rows = [
        _gain(arm, metric, table, reference, n_resamples)
        for arm, table in tables.items()
        for metric in metrics
    ]
    return pd.DataFrame(rows)


def _gain(arm, metric, table, reference, n_resamples):
    made = paired_difference(table, reference, METRICS[metric], n_resamples=n_resamples, **RESAMPLING)
    return {"arm": arm, "metric": metric, "difference": made.estimate, "low": made.low, "high": made.high,
            "records_low": made.records_low, "records_high": made.records_high, "t_low": made.t_test.low,
            "t_high": made.t_test.high, "t_p": made.t_test.p, "welch_p": made.welch.p,
            "smallest_margin": made.smallest_margin, "seeds": made.n_seeds, "records": made.n_records}  # fmt: skip


def _compared(scores, metrics, table, shown):
    """Mean and deviation of each arm's scores beside what the report printed; `shown` turns a number into that."""
    claims, rows = ledger.by_id(), []
    for arm, part in scores.groupby("arm", sort=False):
        for metric in metrics:
            mean, std = float(part[metric].mean()), float(part[metric].std())
            percent = "0" if arm == REFERENCE else arm
            name = f"{table}-{percent}" if metric == "last_epoch" else f"{table}-{percent}-{metric}"
            published = _published(claims.get(name))
            printed = shown(mean), shown(std)
            agrees = pd.NA if np.isnan(published).all() else _same(printed, published)
            row = (arm, metric, mean, std, len(part), *printed, *published, agrees)
            rows.append(dict(zip(COMPARED, row, strict=True)))
    return pd.DataFrame(rows, columns=COMPARED).astype({"agrees": "boolean"})


def _published(claim):
    if claim is None:
        return np.nan, np.nan
    return float(claim.published), float((claim.published_spread or {}).get("std") or np.nan)


def _same(printed, published):
    """Whether numbers are equal wherever one is published; they are printed ones, of three digits at most."""
    return all(
        np.isnan(there) or abs(here - there) < 1e-6 for here, there in zip(printed, published, strict=True)
    )


def _cut(value, digits):
    """A number without the decimals after the first few: what slicing its text gives. NaN stays NaN."""
    if np.isnan(value):
        return value
    return float(Decimal(str(value)).quantize(Decimal(1).scaleb(-digits), ROUND_DOWN))
