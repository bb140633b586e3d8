"""How long the recordings of each corpus are."""

import numpy as np
import pandas as pd
from matplotlib.ticker import NullFormatter

from ecgrepro.studies.figures import figure

#: Bins of the figure in seconds: 20 to a factor of ten, the last one ending at 88 h.
EDGES = np.logspace(0, 5.5, 111)
#: What the axis says, at how many seconds.
TICKS = {1: "1 s", 10: "10 s", 60: "1 min", 600: "10 min", 3600: "1 h", 86_400: "1 day"}


def recording_lengths(corpora):
    """Count recordings by length, from the indices alone.

    Parameters
    ----------
    corpora : dict of str to Corpus
        By any name.

    Returns
    -------
    DataFrame
        ``corpus``, ``seconds`` (to a tenth), ``recordings``.
    """
    tables = []
    for name, corpus in corpora.items():
        seconds = (corpus.index.n_samples / corpus.index.fs).round(1).rename("seconds")
        counts = seconds.value_counts().sort_index().rename("recordings").reset_index()
        tables.append(counts.assign(corpus=name)[["corpus", "seconds", "recordings"]])
    return pd.concat(tables, ignore_index=True)


def draw_recording_lengths(table, *, synthetic=False):
    """Draw the lengths of each corpus in a row of its own, on a logarithmic axis. Returns the figure.

    `table` is one of `recording_lengths`.
    """
    names = list(table.corpus.unique())
    made, ax = figure(height=0.7 + 0.42 * len(names), synthetic=synthetic)
    for place, name in enumerate(names):
        part = table[table.corpus == name]
        shares, _ = np.histogram(part.seconds.clip(EDGES[0], EDGES[-1]), EDGES, weights=part.recordings)
        ax.stairs(-place + 0.75 * shares / shares.max(), EDGES, baseline=-place, fill=True, color="#0072B2")
        ax.text(EDGES[-1] * 1.15, -place, describe(part), va="center", fontsize="small")
    ax.set(xscale="log", xlim=(EDGES[0], EDGES[-1]), ylim=(-len(names) + 0.75, 0.9))
    ax.set(xticks=list(TICKS), xticklabels=TICKS.values(), yticks=-np.arange(len(names)), yticklabels=names)
    ax.set_xlabel("length of a recording (height: share of recordings, by the fullest bin of each row)")
    ax.xaxis.set_minor_formatter(NullFormatter())
    return made


def describe(part):
    """Number of recordings and range of their lengths, in words; `part` holds a corpus' rows."""
    count, low, high = part.recordings.sum(), part.seconds.min(), part.seconds.max()
    return f"{count:,}: {duration(low)}" + (
        "" if duration(low) == duration(high) else f" to {duration(high)}"
    )


def duration(seconds):
    """Print a length in the unit that suits it."""
    unit, size = next(
        ((unit, size) for unit, size in (("h", 3600), ("min", 60)) if seconds >= 2 * size), ("s", 1)
    )
    return f"{seconds / size:.1f} {unit}"
