"""Tables and figures of the `resnet1d` page, from results of a demo or of committed runs."""

import numpy as np
import pandas as pd
import seaborn as sns

from ecgrepro.claims import ledger
from ecgrepro.corpora.cinc2017 import CLASSES
from ecgrepro.evaluation import metrics
from ecgrepro.evaluation.comparison import arm_estimate, paired_difference
from ecgrepro.evaluation.predictions import logit_columns, predicted_classes
from ecgrepro.evaluation.published import published_differences
from ecgrepro.studies.designs import fine_tuning, predictions
from ecgrepro.studies.evidence import RESAMPLING
from ecgrepro.studies.figures import ARMS, colour, figure

#: Metrics of the page, with how they are called; the first decides.
METRICS = {
    "macro_f1": "macro F1, four classes", "challenge_f1": "challenge F1, three classes", "f1_N": "F1 normal",
    "f1_A": "F1 AF", "f1_O": "F1 other", "f1_noisy": "F1 noisy",
}  # fmt: skip
#: Arms of the main question, in reading order.
TASKS = ("random", "beat_512", "beat_2048", "beat_4096", "rhythm", "heart_rate", "future")
#: Pairs of arms, first minus second: what probes hold, and what pre-training gains in other nets and at other rates.
PROBES = (("linear_probe", "random"), ("linear_probe", "frozen_random"), ("rhythm", "beat_mitbih"))
DEPTHS_AND_RATES = (("beat_resnet34", "random_resnet34"), ("beat_resnet50", "random_resnet50"),
                    ("beat_62hz", "random_62hz"), ("beat_250hz", "random_250hz"))  # fmt: skip
DIFFERENCE_COLUMNS = ["labels", "arm", "metric", "difference", "low", "high", "records_low", "records_high", "t_low",
                      "t_high", "t_p", "welch_p", "pooled", "smallest_margin", "seeds", "records"]  # fmt: skip
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
    arms = ", ".join(dict.fromkeys(f"{row.arm} ({row.labels:.0%})" for row in left.itertuples()))
    return f"{text}; {len(whole)} of {len(state)} arms are whole. Not shown, for want of runs: {arms}."


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
    """Paired differences to the reference arm, per share of labels and metric: DataFrame, empty without a pair."""
    rows = []
    for share in shares(found):
        base = predictions(found, reference, share)
        for arm in arms(found):
            if arm == reference or base is None:
                continue
            table = predictions(found, arm, share)
            for metric in METRICS if table is not None else ():
                made = paired_difference(table, base, metric, **RESAMPLING)
                rows.append({"labels": share, "arm": arm, "metric": metric, "difference": made.estimate,
                             "low": made.low, "high": made.high, "records_low": made.records_low,
                             "records_high": made.records_high, "t_low": made.t_test.low, "t_high": made.t_test.high,
                             "t_p": made.t_test.p, "welch_p": made.welch.p, "pooled": made.pooled,
                             "smallest_margin": made.smallest_margin, "seeds": made.n_seeds,
                             "records": made.n_records})  # fmt: skip
    return pd.DataFrame(rows, columns=DIFFERENCE_COLUMNS)


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


def printed_table():
    """What the printed means and spreads of macro F1 say against the random arm of the same table: DataFrame.

    Weimann & Conrad's table 1 and the class report's table 2. Ends of a range are what rounding leaves open.
    """
    rows = []
    for prefix, reference in (("WC-T1", "WC-T1-none-macro"), ("T1F-T2", "T1F-T2-0-macro")):
        claims = [
            claim for claim in ledger.load() if claim.id.startswith(prefix) and claim.id.endswith("-macro")
        ]
        found = published_differences(claims, reference)
        rows += [
            {"source": prefix, "first": row.first, "difference": row.difference_from, "low": row.low_from,
             "high": row.high_to, "t from": row.t_from, "t to": row.t_to, "p at most": row.p_to,
             "runs needed, at most": row.seeds_needed_to}
            for row in found[found.pair == "reference"].itertuples()
        ]  # fmt: skip
    return pd.DataFrame(rows)


def published_effects(rows):
    """Published differences to the random arm, by pair of arms, from rows of the ledger."""
    wanted = {
        f"WC-T1-beat{frame}-macro-minus-random": (f"beat_{frame}", "random") for frame in (512, 2048, 4096)
    }
    return {wanted[row["id"]]: row["published"] for row in rows if row["id"] in wanted}


def draw_scores(found, *, synthetic=False):
    """Draw every seed's test macro F1 as a dot, the mean with its interval beside it. Returns the figure."""
    scores = score_table(found, ["macro_f1"])
    runs = run_table(found)
    made, axes = figure(1, len(shares(found)), height=3.0, synthetic=synthetic, sharey=True, squeeze=False)
    for ax, share in zip(axes[0], shares(found), strict=True):
        for place, arm in enumerate(arms(found)):
            dots = runs[(runs.labels == share) & (runs.arm == arm)].sort_values("seed")["test macro F1"]
            if dots.empty:
                continue
            x = place + np.linspace(-0.15, 0.05, len(dots))
            ax.plot(x, dots, "o", color=colour(arm), alpha=0.55, markersize=5)
            row = scores[(scores.labels == share) & (scores.arm == arm)].iloc[0]
            ax.errorbar(place + 0.22, row.estimate, [[row.estimate - row.low], [row.high - row.estimate]], fmt="D",
                        color=colour(arm), capsize=4)  # fmt: skip
        ax.set(title=f"{share:.0%} of the labels", xlim=(-0.5, len(arms(found)) - 0.4))
        ax.set_xticks(range(len(arms(found))), [ARMS.get(arm, arm) for arm in arms(found)])
    axes[0][0].set_ylabel(METRICS["macro_f1"])
    return made


def draw_differences(found, *, synthetic=False, margin=0.02):
    """Draw paired differences to random start with 95 % intervals, the margin shaded. Returns the figure."""
    table = difference_table(found)
    made, axes = figure(1, len(shares(found)), height=3.2, synthetic=synthetic, sharey=True, sharex=True,
                        squeeze=False)  # fmt: skip
    others = [arm for arm in arms(found) if arm != "random"]
    for ax, share in zip(axes[0], shares(found), strict=True):
        for shift, arm in enumerate(others):
            part = table[(table.labels == share) & (table.arm == arm)]
            y = -np.arange(len(part)) - 0.15 * shift
            ax.errorbar(part.difference, y, xerr=[part.difference - part.low, part.high - part.difference], fmt="o",
                        color=colour(arm), capsize=3, label=ARMS.get(arm, arm))  # fmt: skip
        ax.axvspan(-margin, margin, color="#dddddd", zorder=0)
        ax.axvline(0, color="#222222", linewidth=0.8)
        ax.set(title=f"{share:.0%} of the labels", xlabel="pre-trained minus random start")
        ax.set_yticks(-np.arange(len(METRICS)), list(METRICS.values()))
        ax.grid(axis="x", color="#eeeeee")
    if len(others) > 1:  # one arm needs no key, and has room for none
        axes[0][-1].legend(frameon=False, fontsize="small", loc="lower right")
    if table.empty:
        axes[0][0].set_title("needs the random arm and another one")
    return made


def draw_learning_curves(found, *, synthetic=False):
    """Draw validation loss and macro F1 of every run over epochs, the selected epoch marked. Returns the figure."""
    columns = {"val_loss": "validation loss", "val_macro_f1": "validation macro F1"}
    made, axes = figure(2, len(shares(found)), height=5.0, synthetic=synthetic, squeeze=False, sharey="row")
    for column, share in enumerate(shares(found)):
        for arm in arms(found):
            for result in fine_tuning(found, arm, share):
                history, best = result["history"], result["run"]["best_epoch"]
                chosen = history.set_index("epoch").loc[best]
                for ax, name in zip(axes[:, column], columns, strict=True):
                    ax.plot(history.epoch, history[name], color=colour(arm), linewidth=0.9, alpha=0.75)
                    ax.plot(best, chosen[name], "o", color=colour(arm), markersize=4)
            axes[0, column].plot([], [], color=colour(arm), label=ARMS.get(arm, arm))
        axes[0, column].set(title=f"{share:.0%} of the labels")
        axes[1, column].set(xlabel="epoch")
    for ax, label in zip(axes[:, 0], columns.values(), strict=True):
        ax.set_ylabel(label)
    axes[0, 0].legend(frameon=False, fontsize="small")
    top = np.quantile(np.concatenate([result["history"].val_loss for result in tuned(found)]), 0.97)
    axes[0, 0].set_ylim(0, top * 1.05)
    return made


def draw_confusion(found, *, synthetic=False, share=None):
    """Draw the confusion matrix of every arm over all seeds' test records, rows as shares. Returns the figure."""
    share = share or shares(found)[0]
    found = of_arms(found, arms(found), (share,))
    made, axes = figure(1, len(arms(found)), height=3.0, synthetic=synthetic, squeeze=False)
    for ax, arm in zip(axes[0], arms(found), strict=True):
        test = predictions(found, arm, share).query("part == 'test'")
        matrix = metrics.confusion_matrix(test.label.to_numpy(), predicted_classes(test), len(CLASSES))
        rows = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
        sns.heatmap(rows, vmin=0, vmax=1, annot=matrix, fmt=",.0f", cmap="Blues", cbar=False, square=True, ax=ax,
                    xticklabels=CLASSES, yticklabels=CLASSES)  # fmt: skip
        ax.set(title=ARMS.get(arm, arm), xlabel="answered", ylabel="labelled")
    return made
