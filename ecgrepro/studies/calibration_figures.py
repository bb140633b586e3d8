"""Figures of the `calibration` page, from its tables and from committed predictions."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from ecgrepro.evaluation.calibration_error import top_label
from ecgrepro.evaluation.calibration_inputs import indicators
from ecgrepro.evaluation.predictions import is_multi_label, labels
from ecgrepro.evaluation.reliability import reliability_table
from ecgrepro.studies import figures
from ecgrepro.studies.calibration import by_seed, calibrated, judged_classes
from ecgrepro.studies.calibration_tables import COMPARED, SCORES

#: Colours of a random start and of what is pre-trained, and of calibrators (Okabe & Ito's palette).
RANDOM, PRETRAINED = "#555555", "#0072B2"
COLOURS = {"none": "#555555", "temperature": "#0072B2", "temperature_per_class": "#56B4E9", "platt": "#009E73",
           "isotonic": "#D55E00", "beta": "#CC79A7", "prevalence": "#E69F00",
           "project_temperature": "#222222"}  # fmt: skip
CALLED = {"none": "not calibrated", "temperature": "one temperature",
          "temperature_per_class": "a temperature per class", "platt": "Platt scaling",
          "isotonic": "isotonic regression", "beta": "beta calibration", "prevalence": "prevalence alone",
          "project_temperature": "the project's temperature"}  # fmt: skip
TOP = "top label"
#: Bins of a reliability diagram at most, and the fewest different records for each.
N_BINS, RECORDS_PER_BIN = 15, 40
N_RESAMPLES = 1000
RELIABILITY_COLUMNS = ["net", "calibrator", "class", "lowest", "mean_probability", "highest", "n", "positives",
                       "observed", "low", "high", "interval"]  # fmt: skip


def reliability_of(table, net, names, together=None, calibrators=COMPARED):
    """Bin a net's test predictions of all seeds, class by class: DataFrame; see `reliability.reliability_table`.

    Parameters
    ----------
    table : DataFrame
        Predictions.
    net : str
        Named in the table.
    names : sequence of str
        Classes in the order of the logits; those with too few test records are left out.
    together : dict of str to str, optional
        Record to what it is drawn with.
    calibrators : sequence of str

    Notes
    -----
    A record that several seeds were tested on is in as many rows, which are drawn together.
    """
    tests, parts = by_seed(table, "test"), []
    ids = pd.concat([one["record_id"] for one in tests.values()])
    units = ids.map(lambda record: (together or {}).get(record, record)).to_numpy()
    truth = np.concatenate([labels(one) for one in tests.values()])
    alone = len(np.unique(units)) == len(units)
    n_bins = int(np.clip(ids.nunique() // RECORDS_PER_BIN, 3, N_BINS))
    how = {"n_bins": n_bins, "n_resamples": N_RESAMPLES, "clusters": None if alone else units}
    for name in calibrators:
        probabilities = np.concatenate(list(calibrated(table, name).values()))
        columns = _columns(probabilities, truth, names, judged_classes(tests), is_multi_label(table))
        parts += [reliability_table(*pair, **how).assign(**{"net": net, "calibrator": name, "class": each})
                  for each, pair in columns.items()]  # fmt: skip
    return pd.concat(parts, ignore_index=True)[RELIABILITY_COLUMNS]


def _columns(probabilities, truth, names, classes, multi_label):
    """Probabilities and outcomes of each judged class, and of the top label where there is one."""
    targets = indicators(truth, probabilities.shape)
    found = {names[k]: (probabilities[:, k], targets[:, k]) for k in classes}
    return found if multi_label else found | {TOP: top_label(probabilities, truth)}


def draw_reliability(found, *, synthetic=False):
    """Draw reliability diagrams: a column per class, not calibrated above and calibrated below. Returns the figure.

    Parameters
    ----------
    found : DataFrame
        See `reliability_of`, of one net or of a random start and a pre-trained one in this order.
    """
    classes, rows, nets = (list(dict.fromkeys(found[name])) for name in ("class", "calibrator", "net"))
    size = {"width": max(2.1 * len(classes), 5.0), "height": 2.2 * len(rows) + 0.6}
    made, axes = figures.figure(len(rows), len(classes), synthetic=synthetic, squeeze=False, sharey="col", sharex="col",
                                **size)  # fmt: skip
    for (row, name), (column, each) in ((a, b) for a in enumerate(rows) for b in enumerate(classes)):
        ax = axes[row, column]
        for place, net in enumerate(nets):
            part = found[(found.calibrator == name) & (found["class"] == each) & (found.net == net)]
            _draw_curve(ax, part, (RANDOM, PRETRAINED)[place], net)
        _diagonal(ax, found[found["class"] == each])
        ax.set_title(each if not row else "", fontsize="medium")
        ax.set_xlabel("probability" if row == len(rows) - 1 else "")
    for ax, name in zip(axes[:, 0], rows, strict=True):
        ax.set_ylabel(f"{CALLED.get(name, name)}\nobserved share")
    handles = axes[0, 0].get_legend_handles_labels()
    made.legend(*handles, frameon=False, loc="outside lower center", ncols=2)
    return made


def _draw_curve(ax, part, colour, name):
    middle = part.observed
    reach = np.maximum([middle - part.low, part.high - middle], 0)
    ax.errorbar(part.mean_probability, middle, reach, fmt="o-", color=colour, markersize=3.5, linewidth=0.9,
                elinewidth=0.9, label=name)  # fmt: skip


def _diagonal(ax, part):
    top = min(1.0, 1.06 * max(part.high.max(), part.mean_probability.max()))
    lowest = (
        0.0 if part.mean_probability.min() < 0.25 else 0.95 * min(part.low.min(), part.mean_probability.min())
    )
    ax.plot([lowest, top], [lowest, top], color="#222222", linewidth=0.7, linestyle="--", zorder=1)
    ax.set(xlim=(lowest, top), ylim=(lowest, top))
    ax.locator_params(nbins=4)


def draw_differences(found, *, synthetic=False):
    """Draw pre-trained minus random start, a panel per score, not calibrated and with one temperature.

    Parameters
    ----------
    found : DataFrame
        See `calibration_tables.difference_table`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    pairs = list(dict.fromkeys(found.pair))
    made, axes = figures.figure(1, len(SCORES), width=11.5, height=1.4 + 0.36 * max(len(pairs), 2), synthetic=synthetic,
                                sharey=True)  # fmt: skip
    y = pd.Series(-np.arange(len(pairs), dtype=float), index=pairs)
    for ax, (score, words) in zip(axes, SCORES.items(), strict=True):
        for place, name in enumerate(COMPARED):
            part = found[(found.score == score) & (found.calibrator == name)]
            if len(part):
                aside = part.pair.map(y) + 0.15 - 0.3 * place
                ax.errorbar(part.difference, aside, xerr=figures.reach(part), fmt="os"[place], color=COLOURS[name],
                            markersize=4, capsize=2, label=CALLED[name])  # fmt: skip
        ax.axvline(0, color="#222222", linewidth=0.8)
        ax.set_title(words, fontsize="medium")
        ax.tick_params(axis="x", labelrotation=35)
        ax.grid(axis="x", color="#eeeeee")
    axes[0].set_yticks(y.to_numpy(), pairs)
    made.supxlabel("pre-trained minus random start", fontsize="medium")
    handles = axes[0].get_legend_handles_labels()
    made.legend(*handles, frameon=False, loc="outside upper center", ncols=2)
    return made


def draw_temperatures(found, *, synthetic=False):
    """Draw the temperature of every seed, a line per net and share of labels. Returns the figure.

    Parameters
    ----------
    found : DataFrame
        See `calibration_tables.temperature_table`.
    """
    lines = found.assign(line=[f"{row.net}, {row.labels:.0%}" for row in found.itertuples()])
    names = list(dict.fromkeys(lines.line))
    made, ax = figures.figure(width=7.6, height=0.9 + 0.24 * max(len(names), 2), synthetic=synthetic)
    for place, name in enumerate(names):
        values = lines.temperature[lines.line == name]
        colour = RANDOM if "random start" in name else PRETRAINED
        ax.plot(values, np.full(len(values), -place), "o", color=colour, alpha=0.5, markersize=4)
        ax.plot(values.mean(), -place, "|", color=colour, markersize=13, markeredgewidth=2)
    ax.axvline(1, color="#222222", linewidth=0.8)
    ax.set_yticks(-np.arange(len(names)), names, fontsize="small")
    ax.set_xscale("log")
    ticks = [t for t in (0.25, 0.5, 1, 1.5, 2, 3, 4, 6, 8) if _within(t, found.temperature)]
    ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
    ax.minorticks_off()
    ax.set(xlabel="temperature: above one, the net is overconfident")
    ax.grid(axis="x", color="#eeeeee")
    return made


def _within(tick, values):
    return min(values.min(), 1) / 1.3 <= tick <= max(values.max(), 1) * 1.3


def draw_calibrators(found, scores=("brier", "log_loss", "classwise_debiased"), *, synthetic=False):
    """Draw how each calibrator changes a net's scores, a line per net; to the left is better. Returns the figure.

    Parameters
    ----------
    found : DataFrame
        See `calibration_tables.score_table`; prevalence alone is left out, as it would set the scale.
    """
    shown = found.assign(line=[f"{row.net}, {row.labels:.0%}" for row in found.itertuples()])
    raw = shown[shown.calibrator == "none"].set_index("line")
    shown, names = shown[~shown.calibrator.isin(["none", "prevalence"])], list(raw.index)
    made, axes = figures.figure(1, len(scores), width=11.5, height=1.3 + 0.26 * max(len(names), 2), synthetic=synthetic,
                                sharey=True)  # fmt: skip
    for ax, score in zip(axes, scores, strict=True):
        for name, part in shown.groupby("calibrator", sort=False):
            change = part[score] - raw.loc[part.line, score].to_numpy()
            ax.plot(change, [-names.index(line) for line in part.line], "o", color=COLOURS[name], markersize=5,
                    alpha=0.8, label=CALLED[name])  # fmt: skip
        ax.axvline(0, color="#222222", linewidth=0.8)
        ax.set_title(SCORES[score], fontsize="medium")
        ax.grid(axis="x", color="#eeeeee")
    axes[0].set_yticks(-np.arange(len(names)), names, fontsize="small")
    made.supxlabel("calibrated minus not calibrated", fontsize="medium")
    made.legend(*axes[0].get_legend_handles_labels(), frameon=False, loc="outside upper center", ncols=3)
    return made


def draw_sample_sizes(found, *, synthetic=False):
    """Draw what calibrators lose to the truth against the number of validation records. Returns the figure.

    Parameters
    ----------
    found : DataFrame
        See `calibration_demo.sample_sizes`.
    """
    made, ax = figures.figure(height=3.4, synthetic=synthetic)
    for name, part in found.groupby("calibrator", sort=False):
        means = part.groupby("records").excess.mean()
        ax.plot(means.index, means, "o-", color=COLOURS[name], markersize=4, linewidth=1, label=CALLED[name])
    sizes = sorted(set(found.records))
    ax.set(
        xscale="log", yscale="log", xlabel="validation records", ylabel="log loss above the truth's (nats)"
    )
    ax.set_xticks(sizes, [f"{size:,}" for size in sizes])
    ax.xaxis.set_minor_locator(plt.NullLocator())
    ax.legend(frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
    return made
