"""Tables of what a study's arms scored and of the runs behind it: shared by the study pages."""

import pandas as pd

from ecgrepro.corpora.cinc2017 import CLASSES
from ecgrepro.evaluation import metrics
from ecgrepro.evaluation.comparison import arm_estimate, paired_difference
from ecgrepro.evaluation.predictions import logit_columns, predicted_classes
from ecgrepro.studies.designs import predictions
from ecgrepro.studies.evidence import RESAMPLING
from ecgrepro.studies.figures import called

#: Metrics of the pages, with how they are called; the first decides.
METRICS = {
    "macro_f1": "macro F1, four classes", "challenge_f1": "challenge F1, three classes", "f1_N": "F1 normal",
    "f1_A": "F1 AF", "f1_O": "F1 other", "f1_noisy": "F1 noisy",
}  # fmt: skip
#: So many unfinished arms are named.
NAMED = 8
DIFFERENCE_COLUMNS = ["labels", "arm", "metric", "difference", "low", "high", "records_low", "records_high", "t_low",
                      "t_high", "t_p", "welch_p", "pooled", "smallest_margin", "seeds", "records"]  # fmt: skip
#: What a recording is paired by.
PAIRING = ["seed", "record_id", "part", "label", "fold"]
PRETRAINING_COLUMNS = ["arm", "seed", "corpus", "frames", "balanced accuracy", "majority class", "seconds"]


def tuned(found):
    """Fine-tuning results among all results."""
    return [result for result in found if result["trial"]["stage"] == "fine-tuning"]


def arms(found):
    """Arms in the order random, then the others as they come."""
    names = dict.fromkeys(result["trial"]["arm"] for result in tuned(found))
    return sorted(names, key=lambda arm: arm != "random")


def shares(found):
    """Shares of labels, largest first."""
    return sorted({result["trial"]["recipe"]["labels"] for result in tuned(found)}, reverse=True)


def of_arms(found, names, labels=None):
    """Fine-tuning results of some arms, and of some shares of labels if given, in the order of `names`."""
    return [
        result
        for name in names
        for result in tuned(found)
        if result["trial"]["arm"] == name
        and (labels is None or result["trial"]["recipe"]["labels"] in labels)
    ]


def state_sentence(state):
    """Say how much of a scale is finished, from `ecgrepro.studies.designs.finished`."""
    whole = state[state.finished == state.seeds]
    left = state[state.finished < state.seeds]
    text = f"{state.finished.sum()} of {state.seeds.sum()} fine-tuning runs of this design are committed"
    if left.empty:
        return f"{text}: it is complete."
    names = [f"{called(row.arm)} ({row.labels:.0%})" for row in left.itertuples()]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    told = f"{', '.join(names[:NAMED])}{more}"
    return f"{text}; {len(whole)} of {len(state)} arms are whole. Not shown, for want of runs: {told}."


def score_table(found, names=tuple(METRICS)):
    """Mean over seeds with its 95 % interval, per arm, share of labels and metric of `names`: DataFrame."""
    rows = []
    for share in shares(found):
        for arm in arms(found):
            table = predictions(found, arm, share)
            for metric in names if table is not None else ():
                made = arm_estimate(table, metric, **RESAMPLING)
                rows.append({"labels": share, "arm": arm, "metric": metric, "estimate": made.estimate, "low": made.low,
                             "high": made.high, "pooled": made.pooled, "seeds": made.n_seeds,
                             "records": made.n_records})  # fmt: skip
    return pd.DataFrame(rows)


def difference_table(found, reference="random"):
    """Paired differences to the reference arm, per share of labels and metric: DataFrame, empty without a pair.

    An arm with fewer seeds is compared with those of the reference arm alone; one of other recordings, or of another
    label revision, cannot be paired and is left out.
    """
    rows = []
    for share in shares(found):
        reference_table = predictions(found, reference, share)
        for arm in arms(found):
            table = predictions(found, arm, share)
            if arm == reference or reference_table is None or table is None:
                continue
            base = reference_table[reference_table.seed.isin(table.seed.unique())]
            for metric in METRICS if _paired(table, base) else ():
                made = paired_difference(table, base, metric, **RESAMPLING)
                rows.append({"labels": share, "arm": arm, "metric": metric, "difference": made.estimate,
                             "low": made.low, "high": made.high, "records_low": made.records_low,
                             "records_high": made.records_high, "t_low": made.t_test.low, "t_high": made.t_test.high,
                             "t_p": made.t_test.p, "welch_p": made.welch.p, "pooled": made.pooled,
                             "smallest_margin": made.smallest_margin, "seeds": made.n_seeds,
                             "records": made.n_records})  # fmt: skip
    return pd.DataFrame(rows, columns=DIFFERENCE_COLUMNS)


def _paired(first, second):
    """Whether two prediction tables are of the same recordings, folds and labels, seed by seed."""
    keys = (table[PAIRING].sort_values(PAIRING, ignore_index=True) for table in (first, second))
    return next(keys).equals(next(keys))


def run_table(found):
    """One row per fine-tuning run: seed, fold, epochs, best epoch, validation and test scores, seconds."""
    rows = []
    for result in tuned(found):
        trial, run = result["trial"], result["run"]
        test = result["predictions"].query("part == 'test'")
        matrix = metrics.confusion_matrix(test.label.to_numpy(), predicted_classes(test), len(CLASSES))
        best = result["history"].set_index("epoch").loc[run["best_epoch"]]
        rows.append({"labels": trial["recipe"]["labels"], "arm": trial["arm"], "seed": trial["seed"],
                     "fold": trial["fold"], "training records": run["records"]["train"], "epochs": run["epochs"],
                     "best epoch": run["best_epoch"], "hit cap": run["hit_epoch_cap"],
                     "validation macro F1": best.val_macro_f1, "test macro F1": metrics.macro_f1(matrix),
                     "seconds": run["seconds"]})  # fmt: skip
    keys = ["labels", "seed", "arm"]
    return pd.DataFrame(rows).sort_values(keys, ascending=[False, True, False], ignore_index=True)


def history_table(found):
    """Every epoch of fine-tuning runs: their histories with labels, arm and seed. DataFrame."""
    parts = []
    for result in tuned(found):
        trial = result["trial"]
        parts.append(
            result["history"].assign(labels=trial["recipe"]["labels"], arm=trial["arm"], seed=trial["seed"])
        )
    return pd.concat(parts, ignore_index=True)


def confusion_table(found):
    """Confusion counts of every arm and share of labels over all seeds' test records: DataFrame, a row per label."""
    rows = []
    for share in shares(found):
        for arm in arms(found):
            table = predictions(found, arm, share)
            if table is None:
                continue
            test = table.query("part == 'test'")
            matrix = metrics.confusion_matrix(test.label.to_numpy(), predicted_classes(test), len(CLASSES))
            rows += [
                {"labels": share, "arm": arm, "labelled": name}
                | dict(zip(CLASSES, row.tolist(), strict=True))
                for name, row in zip(CLASSES, matrix, strict=True)
            ]
    return pd.DataFrame(rows)


def pretraining_table(found):
    """How each pre-trained net does on patients it never saw, per corpus: DataFrame, empty without such a net.

    Balanced accuracy over the classes present, beside what the constant answer "majority class" gets.
    """
    rows = []
    for result in found:
        if result["trial"]["stage"] != "pretraining":
            continue
        table = result["predictions"]
        for corpus, part in table.groupby(table.record_id.str.split("/").str[0]):
            answers = predicted_classes(part)
            matrix = metrics.confusion_matrix(part.label.to_numpy(), answers, len(logit_columns(part)))
            rows.append({"arm": result["trial"]["arm"], "seed": result["trial"]["seed"], "corpus": corpus,
                         "frames": len(part), "balanced accuracy": metrics.balanced_accuracy(matrix),
                         "majority class": metrics.majority_balanced_accuracy(matrix),
                         "seconds": result["run"]["seconds"]})  # fmt: skip
    table = pd.DataFrame(rows, columns=PRETRAINING_COLUMNS)
    return table.sort_values(["arm", "corpus", "seed"], ignore_index=True)


def pretraining_summary(table):
    """Shorten a `pretraining_table` to one row per arm and corpus: DataFrame, balanced accuracy as mean and range."""
    groups = table.groupby(["arm", "corpus"], sort=False)
    made = groups.agg(
        nets=("seed", "nunique"),
        frames=("frames", "first"),
        mean=("balanced accuracy", "mean"),
        lowest=("balanced accuracy", "min"),
        highest=("balanced accuracy", "max"),
        constant=("majority class", "mean"),
        seconds=("seconds", "median"),
    ).reset_index()
    return made.rename(columns={"mean": "balanced accuracy", "constant": "majority class"})
