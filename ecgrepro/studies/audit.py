"""The audit of all ingested corpora: is anything in them twice, on both sides of a split, or not what was published?

    ecgrepro data audit                 # prints the tables; --out DIR writes them

A finding about recordings says "found" or "not comparable"; one about persons says a number or "unknown". Nothing here
ever says that there is no overlap of persons: where a publisher names none, nobody can know.
"""

import os
from pathlib import Path

import pandas as pd

from ecgrepro import paths
from ecgrepro.corpora.cinc2017 import DUPLICATES
from ecgrepro.corpora.corpus import Corpus
from ecgrepro.corpora.duplicates import exact_duplicates
from ecgrepro.corpora.fingerprints import fingerprint_corpus
from ecgrepro.corpora.near_duplicates import near_duplicates
from ecgrepro.errors import InputError
from ecgrepro.studies import arms
from ecgrepro.studies.copies import copies_table
from ecgrepro.studies.length_only import length_only
from ecgrepro.studies.published_counts import counts_table, short_table
from ecgrepro.studies.resnet1d import SCALES
from ecgrepro.studies.split_overlap import COLUMNS, overlaps, ptbxl_splits, resnet1d_splits, twins_of
from ecgrepro.training.workspace import Workspace

#: Tables of an audit in the order in which they are told, and what each is.
TABLES = {
    "counts": "recordings and classes beside the published ones",
    "short": "recordings that an input does not fit in",
    "exact": "recordings with the same samples",
    "near": "recordings that are the same, changed",
    "pairs": "pairs of corpora that share recordings",
    "known": "copies that are known to be there, and how many of them were found",
    "unusable": "recordings that could not be compared with others",
    "splits": "overlap of the splits that studies use",
    "copies": "groups of CinC 2017 recordings that hold one ECG",
    "length": "what the length of a CinC 2017 recording gives away",
}


def open_corpora(data):
    """Open every corpus of a folder: dict of folder name to `Corpus`; `InputError` where there is none."""
    corpora = {path.parent.name: Corpus(path.parent) for path in sorted(Path(data).glob("*/manifest.json"))}
    if not corpora:
        raise InputError(data, "a folder of ingested corpora", "none in it",
                         "Ingest one first: `ecgrepro data ingest NAME`.")  # fmt: skip
    return corpora


def audit(corpora, *, progress=True):
    """Audit corpora.

    Parameters
    ----------
    corpora : dict of str to Corpus
        By name; several of one data set (other rates, other label revisions) may be among them.
    progress : bool
        Show bars on standard error.

    Returns
    -------
    dict of str to DataFrame
        `TABLES`; "copies" and "length" are missing without CinC 2017.
    """
    prints = [fingerprint_corpus(corpus, name, progress=progress) for name, corpus in corpora.items()]
    exact, near = exact_duplicates(corpora, progress=progress), near_duplicates(prints, progress=progress)
    pairs = pd.concat([exact, near])[["corpus_a", "record_a", "corpus_b", "record_b"]].drop_duplicates()
    tables = {
        "counts": counts_table(corpora), "short": short_table(corpora), "exact": exact, "near": near,
        "pairs": pairs_of_corpora(pairs), "known": known_copies(corpora, pairs), "unusable": _unusable(prints),
        "splits": split_table(corpora, pairs),
    }  # fmt: skip
    if cinc := _of(corpora, "cinc2017"):
        tables["copies"] = copies_table(cinc, near)
        tables["length"] = length_only(cinc, SCALES["pilot"].fine_tuning)
    return tables


def _of(corpora, data_set, **options):
    """The first corpus of a data set with these options, or None."""
    for corpus in corpora.values():
        manifest = corpus.manifest
        if manifest["data_set"] == data_set and options.items() <= manifest["options"].items():
            return corpus
    return None


def pairs_of_corpora(pairs):
    """Count per pair of corpora: recordings of the first and of the second that have a copy in the other."""
    grouped = pairs.groupby(["corpus_a", "corpus_b"])
    table = grouped.agg(
        pairs=("record_a", "size"), records_a=("record_a", "nunique"), records_b=("record_b", "nunique")
    )
    return table.reset_index()


def known_copies(corpora, pairs):
    """Look for the copies that are known: DataFrame ``what``, ``expected``, ``found``, ``missed`` (their names)."""
    found = {
        frozenset([a, b]) for a, b in zip(_keys(corpora, pairs, "a"), _keys(corpora, pairs, "b"), strict=True)
    }
    rows = []
    for what, expected in _expected(corpora).items():
        missed = [" = ".join(sorted(record for _, record in pair)) for pair in expected if pair not in found]
        rows.append((what, len(expected), len(expected) - len(missed), ", ".join(missed)))
    return pd.DataFrame(rows, columns=["what", "expected", "found", "missed"])


def _keys(corpora, pairs, side):
    return zip(pairs[f"corpus_{side}"], pairs[f"record_{side}"], strict=True)


def _expected(corpora):
    """What is known to be there twice: sentence to list of frozenset of two (corpus, record)."""
    names = {name: set(corpus.index.record_id) for name, corpus in corpora.items()}
    by_set = {}
    for name, corpus in corpora.items():
        by_set.setdefault(corpus.manifest["data_set"], []).append(name)
    cinc = [
        frozenset([(name, a), (name, b)])
        for name in by_set.get("cinc2017", [])
        for a, b in DUPLICATES.items()
    ]
    rates = [
        frozenset([(a, record), (b, record)])
        for a in by_set.get("ptbxl", []) for b in by_set.get("ptbxl", []) if a < b
        for record in names[a] & names[b]
    ]  # fmt: skip
    challenge = [
        frozenset([(a, record), (b, f"HR{record}")])
        for a in by_set.get("ptbxl", []) for b in by_set.get("challenge_ptbxl", [])
        for record in names[a] if f"HR{record}" in names[b]
    ]  # fmt: skip
    noisy = [
        frozenset([(a, record), (b, record[:3])])
        for a in by_set.get("nstdb", []) for b in by_set.get("mitbih_arrhythmia", [])
        for record in names[a] if record[:3] in names[b]
    ]  # fmt: skip
    found = {
        "CinC 2017: listed duplicates": cinc,
        "PTB-XL: the same record at two rates or in two releases": rates,
        "PTB-XL inside the Challenge data, by number": challenge,
        "NSTDB: MIT-BIH records with noise added": noisy,
    }
    return {what: expected for what, expected in found.items() if expected}


def _unusable(prints):
    rows = [(one.name, record) for one in prints for record in one.not_comparable()]
    return pd.DataFrame(rows, columns=["corpus", "record"])


def split_table(corpora, pairs):
    """Overlap of the splits of every study whose corpora are all here; see `split_overlap`."""
    sets = {name: corpus.manifest["data_set"] for name, corpus in corpora.items()}
    twins = twins_of(pairs.assign(corpus_a=pairs.corpus_a.map(sets), corpus_b=pairs.corpus_b.map(sets)))
    tables = []
    scale = SCALES["pilot"]
    if all(name in corpora for name in (*scale.pretraining_corpora, "cinc2017")):
        here = [name for name in arms.corpora(scale) if name in corpora]
        workspace = Workspace(tuple((name, corpora[name].path) for name in here), paths.work())
        tables.append(overlaps("resnet1d", resnet1d_splits(workspace), twins))
    if ptbxl := _of(corpora, "ptbxl", version="1.0.3"):
        tables.append(overlaps("ptbxl_transfer", ptbxl_splits(ptbxl), twins))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=COLUMNS)


def write_audit(tables, folder):
    """Write the tables as CSV into a folder, each in one rename."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        partial = folder / f"{name}.partial"
        table.to_csv(partial, index=False, float_format="%.4f")
        os.replace(partial, folder / f"{name}.csv")


def read_audit(folder):
    """Read the tables that `write_audit` left: dict of name to DataFrame, empty where there are none."""
    found = {name: Path(folder) / f"{name}.csv" for name in TABLES}
    return {name: pd.read_csv(path, keep_default_na=False) for name, path in found.items() if path.exists()}
