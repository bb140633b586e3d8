"""How fast hearts beat in each corpus: from annotated beats where it has them, else from detected ones.

A rate is 60 s over the median interval between two beats of a recording. It describes the corpora, for example what a
net trained on one of them meets in the next; it is no diagnosis of a recording, least of all of a noisy one, and
`detector_errors` says how often the detected ones are wrong.
"""

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator, PercentFormatter

from ecgrepro.studies.figures import figure
from ecgrepro.studies.qrs_detector import detect_qrs

#: Beats that a rate needs: two intervals.
BEATS = 3
#: Detected recordings are read in stretches of so many seconds: a day at 1,000 Hz does not fit into memory as floats.
STRETCH = 300
#: Width of a bin in beats per minute, and where bins begin and end: what lies beyond is counted in the outermost ones.
BIN, LOWEST, HIGHEST = 5, 20, 205
#: A detected rate counts as right within this share of the annotated one.
TOLERANCE = 0.05


def heart_rates(corpora):
    """Heart rate of every recording.

    Parameters
    ----------
    corpora : dict of str to Corpus
        By any name.

    Returns
    -------
    DataFrame
        ``corpus``, ``record_id``, ``bpm`` (beats per minute; NaN where there are fewer than `BEATS` beats) and
        ``source``: "annotated" in a corpus with annotated beats, those of every class counted; "detected" in others.
    """
    rows = [
        (name, record_id, *recording_rate(corpus, i))
        for name, corpus in corpora.items()
        for i, record_id in enumerate(corpus.index.record_id)
    ]
    return pd.DataFrame(rows, columns=["corpus", "record_id", "bpm", "source"])


def recording_rate(corpus, i):
    """Beats per minute of the i-th recording, and "annotated" or "detected"."""
    if corpus.manifest["counts"]["beats"]:
        return rate([corpus.events("beats", i)[0]], corpus.index.fs.iat[i]), "annotated"
    return detected_rate(corpus, i), "detected"


def detected_rate(corpus, i):
    """Beats per minute of the i-th recording from detected beats, whatever is annotated."""
    fs, n = corpus.index.fs.iat[i], corpus.index.n_samples.iat[i]
    starts = np.arange(0, n, round(STRETCH * fs))
    return rate([detect_qrs(_millivolts(corpus, i, a, a + round(STRETCH * fs)), fs) for a in starts], fs)


def _millivolts(corpus, i, first, last):
    """Only the stretch becomes floats, unlike `Corpus.millivolts`."""
    row = corpus.index.iloc[i]
    return (corpus.signal(i)[first:last] - np.asarray(row.baseline)) / np.asarray(row.gain)


def rate(stretches, fs):
    """Beats per minute from the median interval.

    Parameters
    ----------
    stretches : list of int arrays, (n_beats,)
        Samples of beats; no interval spans two stretches.
    fs : float

    Returns
    -------
    float
        NaN for fewer than `BEATS` beats, or where half of the intervals are of no length.
    """
    intervals = np.concatenate([np.diff(beats) for beats in stretches])
    middle = np.median(intervals) if len(intervals) >= BEATS - 1 else 0
    return float(60 * fs / middle) if middle > 0 else np.nan


def rate_counts(rates):
    """Recordings per `BIN` beats per minute: the derived table that a page is drawn from.

    Returns
    -------
    DataFrame
        ``corpus``, ``source``, ``bpm`` (lower end of the bin; NaN for recordings without a rate), ``recordings``.
    """
    lower = (rates.bpm // BIN * BIN).clip(LOWEST, HIGHEST - BIN)
    grouped = rates.assign(bpm=lower).groupby(["corpus", "source", "bpm"], dropna=False, sort=False)
    counts = grouped.size().rename("recordings").reset_index()
    order = {name: i for i, name in enumerate(rates.corpus.unique())}
    return counts.sort_values(["corpus", "bpm"], key=lambda c: c.map(order) if c.name == "corpus" else c,
                              ignore_index=True)  # fmt: skip


def rate_summary(rates):
    """Per corpus: ``source``, ``recordings``, ``without a rate``, and 5th percentile, median, 95th of ``bpm``."""
    rows = []
    for (name, source), part in rates.groupby(["corpus", "source"], sort=False):
        low, median, high = part.bpm.quantile([0.05, 0.5, 0.95])
        rows.append({"corpus": name, "source": source, "recordings": len(part),
                     "without a rate": int(part.bpm.isna().sum()), "5 % below": low, "median": median,
                     "5 % above": high})  # fmt: skip
    return pd.DataFrame(rows)


def detector_errors(corpora, lengths=(None, 30, 10), stretches=12):
    """Compare detected with annotated rates on corpora that have annotated beats; others are passed over.

    Half an hour forgives what ten seconds do not, and two leads what one does not: both are measured, because the
    corpora without annotations have recordings of 10 to 60 s, CinC 2017 of one lead.

    Parameters
    ----------
    corpora : dict of str to Corpus
    lengths : tuple
        Seconds of the stretches, evenly spread over each recording; None for whole recordings.
    stretches : int
        Stretches per recording.

    Returns
    -------
    DataFrame
        ``corpus``, ``leads`` ("all" or "first"), ``seconds`` ("whole" or a number), ``compared`` (those with `BEATS`
        annotated beats), ``within 5 %`` (their share; no rate is an error) and ``median error`` in beats per minute.
    """
    rows = []
    for name, corpus in corpora.items():
        for seconds in lengths if corpus.manifest["counts"]["beats"] else ():
            pairs = [pair for i in range(len(corpus)) for pair in _pairs(corpus, i, seconds, stretches)]
            rows += _error_rows(name, seconds, np.array([pair for pair in pairs if not np.isnan(pair[0])]))
    columns = ["corpus", "leads", "seconds", "compared", "within 5 %", "median error"]
    return pd.DataFrame(rows, columns=columns)


def _pairs(corpus, i, seconds, stretches):
    """Yield annotated rate, detected in all leads, detected in the first: each in beats per minute."""
    fs, n = corpus.index.fs.iat[i], corpus.index.n_samples.iat[i]
    length = n if seconds is None else round(seconds * fs)
    starts = [0] if seconds is None else np.linspace(0, n - length, stretches).astype(int)
    beats = corpus.events("beats", i)[0]
    for start in starts if length <= n else ():
        annotated = rate([beats[(beats >= start) & (beats < start + length)]], fs)
        values = _millivolts(corpus, i, start, start + length)
        yield annotated, *(rate([detect_qrs(part, fs)], fs) for part in (values, values[:, :1]))


def _error_rows(name, seconds, pairs):
    length = "whole" if seconds is None else str(seconds)
    for place, leads in enumerate(("all", "first"), 1) if len(pairs) else ():
        annotated, detected = pairs[:, 0], pairs[:, place]
        right = np.abs(detected / annotated - 1) <= TOLERANCE
        error = np.abs(detected - annotated)[~np.isnan(detected)]
        middle = np.median(error) if len(error) else np.nan
        yield name, leads, length, len(pairs), float(right.mean()), float(middle)


def error_note(errors):
    """One sentence per compared corpus on how often detected rates are right, to be printed beside them."""
    parts = []
    for name, rows in errors[errors.leads == "first"].groupby("corpus", sort=False):
        shares = [
            f"{row['within 5 %']:.1%} of {row.compared:,} "
            + ("whole recordings" if row.seconds == "whole" else f"stretches of {row.seconds} s")
            for _, row in rows.iterrows()
        ]
        parts.append(f"{name}: {', '.join(shares)}")
    return "Detected in one lead, within 5 % of the annotated rate:\n" + "\n".join(parts)


def draw_heart_rates(counts, errors=None, *, synthetic=False):
    """Draw the rates of each corpus, one above the other.

    Parameters
    ----------
    counts : DataFrame
        Of `rate_counts`.
    errors : DataFrame, optional
        Of `detector_errors`; their sentence stands below the figure.
    synthetic : bool

    Returns
    -------
    Figure
    """
    names = list(counts.corpus.unique())
    lines = 1 + errors.corpus.nunique() if errors is not None and len(errors) else 0
    height = 0.75 + 0.72 * len(names) + 0.17 * lines
    made, axes = figure(len(names), height=height, synthetic=synthetic, sharex=True, squeeze=False)
    for ax, name in zip(axes[:, 0], names, strict=True):
        _draw_rates(ax, name, counts[counts.corpus == name])
    axes[-1, 0].set(xlim=(LOWEST, HIGHEST), xticks=range(LOWEST, HIGHEST, 20))
    axes[-1, 0].set_xlabel("beats per minute (median interval of a recording; dotted: 60 and 100)")
    made.supylabel("share of recordings", fontsize="medium")
    if lines:
        # takes its place in the layout, unlike text at a position of its own
        axes[-1, 0].annotate(error_note(errors), (0, 0), (0, -34), "axes fraction", textcoords="offset points",
                             va="top", fontsize="x-small")  # fmt: skip
    return made


def _draw_rates(ax, name, part):
    known = part.dropna(subset="bpm")
    edges = np.arange(LOWEST, HIGHEST + BIN, BIN)
    shares, _ = np.histogram(known.bpm, edges, weights=known.recordings / max(1, part.recordings.sum()))
    detected = (part.source == "detected").all()
    ax.stairs(shares, edges, fill=True, color="#56B4E9" if detected else "#0072B2", alpha=0.85)
    for limit in (60, 100):
        ax.axvline(limit, color="#999999", linewidth=0.8, linestyle=":")
    missing = int(part.recordings.sum() - known.recordings.sum())
    text = f"{name}: {part.recordings.sum():,} recordings, {part.source.iat[0]}"
    ax.text(0.995, 0.93, text + (f"\n{missing:,} without a rate" if missing else ""), ha="right", va="top",
            transform=ax.transAxes, fontsize="small")  # fmt: skip
    ax.yaxis.set_major_locator(MaxNLocator(2))
    ax.yaxis.set_major_formatter(PercentFormatter(1, 0))
