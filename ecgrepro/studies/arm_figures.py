"""Figures of what a study's arms scored and of the runs behind it: shared by the study pages."""

import numpy as np
import seaborn as sns

from ecgrepro.corpora.cinc2017 import CLASSES
from ecgrepro.evaluation import metrics
from ecgrepro.evaluation.predictions import predicted_classes
from ecgrepro.studies.arm_tables import (
    METRICS,
    arms,
    difference_table,
    of_arms,
    run_table,
    score_table,
    shares,
    tuned,
)
from ecgrepro.studies.designs import fine_tuning, predictions
from ecgrepro.studies.figures import called, colour, figure, reach


def draw_scores(found, scores=None, *, synthetic=False):
    """Draw every seed's test macro F1 as a dot, the mean with its interval beside it. Returns the figure.

    `scores` is what `score_table` makes of `found`, where it is at hand: resampling takes its time.
    """
    scores = score_table(found, ["macro_f1"]) if scores is None else scores[scores.metric == "macro_f1"]
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
            ax.errorbar(place + 0.22, row.estimate, reach(row)[:, None], fmt="D",
                        color=colour(arm), capsize=4)  # fmt: skip
        ax.set(title=f"{share:.0%} of the labels", xlim=(-0.5, len(arms(found)) - 0.4))
        turned = {"rotation": 40, "ha": "right"} if len(arms(found)) > 3 else {}
        ax.set_xticks(range(len(arms(found))), [called(arm) for arm in arms(found)], **turned)
    axes[0][0].set_ylabel(METRICS["macro_f1"])
    return made


def draw_differences(found, table=None, *, synthetic=False, margin=0.02):
    """Draw paired differences to random start with 95 % intervals, the margin shaded. Returns the figure.

    `table` is what `difference_table` makes of `found`, where it is at hand: resampling takes its time.
    """
    table = difference_table(found) if table is None else table
    others = [arm for arm in arms(found) if arm != "random"]
    made, axes = figure(1, len(shares(found)), height=2.6 + 0.6 * max(len(others), 1), synthetic=synthetic, sharey=True,
                        sharex=True, squeeze=False)  # fmt: skip
    for ax, share in zip(axes[0], shares(found), strict=True):
        for shift, arm in enumerate(others):
            part = table[(table.labels == share) & (table.arm == arm)]
            y = -np.arange(len(part)) - 0.13 * shift
            ax.errorbar(part.difference, y, xerr=reach(part), fmt="o",
                        color=colour(arm), capsize=3, label=called(arm))  # fmt: skip
        ax.axvspan(-margin, margin, color="#dddddd", zorder=0)
        ax.axvline(0, color="#222222", linewidth=0.8)
        ax.set(title=f"{share:.0%} of the labels", xlabel="pre-trained minus random start")
        ax.set_yticks(-np.arange(len(METRICS)), list(METRICS.values()))
        ax.grid(axis="x", color="#eeeeee")
    if len(others) > 1:  # one arm needs no key, and has room for none
        handles = axes[0][0].get_legend_handles_labels()
        made.legend(*handles, frameon=False, fontsize="small", loc="outside lower center", ncols=3)
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
            axes[0, column].plot([], [], color=colour(arm), label=called(arm))
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
        ax.set(title=called(arm), xlabel="answered", ylabel="labelled")
    return made
