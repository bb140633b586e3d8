"""The same ECG recorded again in CinC 2017: who is whose copy, and a picture of the largest group."""

import numpy as np
import pandas as pd

from ecgrepro.corpora.cinc2017 import COPIES
from ecgrepro.studies.figures import figure


def copies_table(corpus, near):
    """Groups of recordings that hold one ECG.

    Parameters
    ----------
    corpus : Corpus
        CinC 2017.
    near : DataFrame
        Near-duplicates of the audit: ``corpus_a``, ``record_a``, ``corpus_b``, ``record_b``, ``correlation``.

    Returns
    -------
    DataFrame
        ``recordings`` with their labels, ``labels`` (how often each), ``lowest correlation`` of the pairs found.
    """
    labels = dict(zip(corpus.index.record_id, corpus.index.label, strict=True))
    groups = [[record for record in group if record in labels] for group in COPIES]
    rows = [_group(group, labels, near) for group in groups if len(group) > 1]
    return pd.DataFrame(rows, columns=["recordings", "labels", "lowest correlation"])


def _group(group, labels, near):
    pairs = near[near.record_a.isin(group) & near.record_b.isin(group) & (near.corpus_a == near.corpus_b)]
    counts = pd.Series([labels[record] for record in group]).value_counts()
    names = ", ".join(f"{record} {labels[record]}" for record in group)
    return names, ", ".join(f"{label} {n}" for label, n in counts.items()), pairs.correlation.abs().min()


def draw_copies(corpus, group=COPIES[0], seconds=10):
    """Draw the first seconds of a group's recordings below one another, with their labels. Returns the figure."""
    place = pd.Series(np.arange(len(corpus)), index=corpus.index.record_id)
    present = [record for record in group if record in place.index]
    made, ax = figure(height=0.45 * len(present) + 0.6)
    for row, record in enumerate(present):
        i = place[record]
        fs = corpus.index.fs.iat[i]
        values = corpus.millivolts(i)[: round(seconds * fs), 0]
        ax.plot(
            np.arange(len(values)) / fs,
            values - np.median(values) - 1.2 * row,
            color="#222222",
            linewidth=0.6,
        )
    names = [f"{record}  {corpus.index.label.iat[place[record]]}" for record in present]
    ax.set(xlabel="seconds from the start of each recording", yticks=-1.2 * np.arange(len(present)), yticklabels=names,
           xlim=(0, seconds))  # fmt: skip
    return made
