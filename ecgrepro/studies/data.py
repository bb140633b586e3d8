"""Study `data`: are the recordings what the documents say, and does what we read of them hold?

    ecgrepro run data                  # synthetic recordings
    ecgrepro run data --scale pilot    # the real ones: counts, audit, pictures, into results/pilot/data

Counts of the real recordings are derived tables and committed under ``results/pilot/data``; recordings are not.
"""

import json
from itertools import combinations

import numpy as np
import pandas as pd

from ecgrepro import paths
from ecgrepro.corpora.cinc2017 import CLASSES, LABEL_FILES
from ecgrepro.corpora.cinc2017 import Reader as CincReader
from ecgrepro.corpora.record import BEAT_CLASSES
from ecgrepro.studies.figures import figure, number

STUDY = "data"
#: Samples of Huerta et al.'s 5-s intervals at CinC 2017's 300 Hz.
INTERVAL = 1500


def count_cinc2017(corpus, source):
    """Count what the ledger's `data` claims speak of.

    Parameters
    ----------
    corpus : Corpus
        CinC 2017, ingested with any revision.
    source : str or Path
        The publisher's folder with the label files.

    Returns
    -------
    dict
        ``v0``, ``v2``, ``v3``: class to count; ``changed``: records whose label differs between revisions;
        ``segments_5s``: per revision ``total``, ``high`` and ``low`` quality; ``duplicates``: pairs of records.
    """
    labels = {revision: CincReader(source, labels=revision).labels for revision in LABEL_FILES}
    counts = {name: {c: list(found.values()).count(c) for c in CLASSES} for name, found in labels.items()}
    counts["changed"] = {
        f"{a}_{b}": sum(labels[a][record] != labels[b][record] for record in labels[a])
        for a, b in combinations(labels, 2)
    }
    segments = dict(zip(corpus.index.record_id, corpus.index.n_samples // INTERVAL, strict=True))
    counts["segments_5s"] = {name: _segments(found, segments) for name, found in labels.items()}
    groups = corpus.index.groupby("sha256").record_id.apply(list)
    counts["duplicates"] = sorted(group for group in groups if len(group) > 1)
    return counts


def _segments(labels, segments):
    low = int(sum(n for record, n in segments.items() if labels[record] == "~"))
    total = int(sum(segments.values()))
    return {"total": total, "high": total - low, "low": low}


def lengths(corpus):
    """Recordings per whole second of length and class: DataFrame ``label``, ``seconds``, ``recordings``."""
    seconds = (corpus.index.n_samples / corpus.index.fs).astype(int)
    table = pd.DataFrame({"label": corpus.index.label, "seconds": seconds})
    counts = table.value_counts().rename("recordings").reset_index()
    return counts.sort_values(["label", "seconds"], ignore_index=True)


def annotation_offsets(corpus, i=0, window=0.1):
    """How far the beat annotations of a recording lie from the R peak.

    Parameters
    ----------
    corpus : Corpus
    i : int
    window : float
        Seconds searched on either side of an annotation.

    Returns
    -------
    DataFrame
        ``milliseconds`` (peak minus annotation) and ``beats``; the peak of a normal beat is the largest absolute
        deviation from the window's median in the first lead.
    """
    fs, signal = corpus.index.fs.iat[i], corpus.signal(i)[:, 0].astype(float)
    positions, classes = corpus.events("beats", i)
    reach = round(window * fs)
    normal = classes == BEAT_CLASSES.index("normal")
    inside = positions[normal & (positions >= reach) & (positions < len(signal) - reach)]
    windows = signal[inside[:, None] + np.arange(-reach, reach + 1)]
    windows -= np.median(windows, axis=1, keepdims=True)
    offsets = (np.abs(windows).argmax(axis=1) - reach) * 1000 / fs
    values, beats = np.unique(offsets, return_counts=True)
    return pd.DataFrame({"milliseconds": values, "beats": beats})


def committed_counts(scale="pilot"):
    """Committed counts of the real recordings, or None."""
    path = paths.results(scale, STUDY) / "counts.json"
    return json.loads(path.read_text()) if path.exists() else None


def corpus_table(manifests):
    """One row per corpus from its manifest: recordings, quarantined, counts, licence. Returns a DataFrame."""
    rows = []
    for name, manifest in manifests.items():
        counts, licence = manifest["counts"], short_licence(manifest.get("licence", ""))
        rows.append({"corpus": name, "recordings": counts["records"], "quarantined": len(manifest["quarantined"]),
                     "labelled with": _labelled_with(counts), "licence": licence})  # fmt: skip
    return pd.DataFrame(rows)


def short_licence(name):
    """A licence as its publisher abbreviates it: CC BY 4.0, ODC-By 1.0."""
    words = {
        "Creative Commons ": "CC ", "Attribution-NonCommercial-ShareAlike": "BY-NC-SA", "Open Data Commons ": "ODC-",
        "Attribution License": "By", "Attribution": "BY", " International": "",
    }  # fmt: skip
    for long, short in words.items():
        name = name.replace(long, short)
    return name


def _labelled_with(counts):
    """Labels, beats or graded spans and their numbers; of many codes how many there are."""
    found = {
        key: n for kind in ("labels", "beats", "quality") for key, n in counts.get(kind, {}).items() if key
    }
    codes = counts.get("codes")
    return number(found) + (f"{len(codes)} different codes" if codes else "")


def most_varied(corpus, seconds=10):
    """Find the stretch with most kinds of beats and none undefined: (record position, start in seconds)."""
    best = (0, 0, 0.0)
    for i, row in enumerate(corpus.index.itertuples()):
        positions, classes = corpus.events("beats", i)
        for start in range(0, int(row.n_samples / row.fs - seconds), seconds):
            inside = (positions >= start * row.fs) & (positions < (start + seconds) * row.fs)
            kinds = set(classes[inside].tolist())
            best = max(best, (len(kinds) if 0 not in kinds else 0, -i, -float(start)))
    return -best[1], -best[2]


def draw_lengths(table):
    """Draw the shares of recording lengths per class of CinC 2017. Returns the figure."""
    made, ax = figure(height=2.8)
    edges = np.arange(5, 66, 5)
    for label, colour in zip(CLASSES, ("#555555", "#D55E00", "#0072B2", "#CC79A7"), strict=True):
        part = table[table.label == label]
        share, _ = np.histogram(part.seconds, edges, weights=part.recordings / part.recordings.sum())
        mean = np.average(part.seconds + 0.5, weights=part.recordings)
        name = f"{label} ({part.recordings.sum():,}; mean {mean:.0f} s)"
        ax.stairs(share, edges, color=colour, linewidth=1.8, label=name)
    ax.set(xlabel="length in seconds", ylabel="share of the class")
    ax.legend(frameon=False)
    return made


def draw_offsets(table):
    """Draw where Icentia11k's annotations lie relative to the R peak. Returns the figure."""
    made, ax = figure(height=2.2)
    ax.bar(table.milliseconds, table.beats, width=3.2, color="#0072B2")
    ax.axvline(0, color="#D55E00", linewidth=1)
    ax.set(xlabel="largest deflection minus annotated sample, ms", ylabel="normal beats")
    return made
