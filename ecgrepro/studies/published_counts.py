"""What a corpus holds beside what its publisher says it holds, and which of its recordings a frame does not fit in."""

import pandas as pd

from ecgrepro.corpora import challenge, snomed
from ecgrepro.corpora.cinc2017 import CLASSES, PUBLISHED_COUNTS
from ecgrepro.corpora.ptbxl import FOLD_SIZES, SUPERCLASS_COUNTS
from ecgrepro.corpora.ptbxl_tables import fold_group
from ecgrepro.corpora.registry import data_set
from ecgrepro.corpora.scp_statements import superclasses

#: Inputs of the studies: study, the data sets it reads, seconds, what it is.
INPUTS = (
    ("resnet1d", ("icentia11k", "mitbih_arrhythmia", "svdb"), 2048 / 250, "pre-training frame of 2,048 samples"),
    ("resnet1d", ("icentia11k", "mitbih_arrhythmia", "svdb"), 4096 / 250, "pre-training frame of 4,096 samples"),
    ("resnet1d", ("cinc2017",), 16_384 / 250, "input of 16,384 samples; shorter ones are padded with zeros"),
    ("freezing", ("cinc2017", "butqdb", "mitbih_arrhythmia", "svdb", "ptbxl"), 5.0, "interval of five seconds"),
    ("ptbxl_transfer", ("ptbxl", *challenge.SOURCES), 2.5, "crop of 250 or 1,250 samples"),
    ("ptbxl_transfer", ("ptbxl", *challenge.SOURCES), 10.0, "whole recording, 1,000 or 5,000 samples"),
)  # fmt: skip


def counts_table(corpora):
    """Compare counts with the published ones.

    Parameters
    ----------
    corpora : dict of str to Corpus
        By any name.

    Returns
    -------
    DataFrame
        ``corpus``, ``what``, ``found``, ``published``, ``verdict``: "equal", "differs", "not published", or
        "part of it" where this copy holds fewer recordings than were published. Classes are compared in whole copies.
    """
    return pd.concat([_corpus_counts(name, corpus) for name, corpus in corpora.items()], ignore_index=True)


def _corpus_counts(name, corpus):
    card = data_set(corpus.manifest["data_set"])
    rows = [("recordings", len(corpus), card.records)]
    if len(corpus) >= card.records:
        rows += _classes(corpus)
    made = pd.DataFrame(rows, columns=["what", "found", "published"])
    made["verdict"] = [_verdict(*row) for row in rows]
    return made.assign(corpus=name)[["corpus", "what", "found", "published", "verdict"]]


def _verdict(what, found, published):
    if not published:
        return "not published"
    if what == "recordings" and found < published:
        return "part of it"
    return "equal" if found == published else "differs"


def _classes(corpus):
    """Rows of class, count found and count published."""
    name, counts = corpus.manifest["data_set"], corpus.manifest["counts"]
    if name == "cinc2017":
        published = dict(zip(CLASSES, PUBLISHED_COUNTS[corpus.manifest["options"]["labels"]], strict=True))
        return [(label, counts["labels"].get(label, 0), published[label]) for label in CLASSES]
    if name == "ptbxl":
        return _ptbxl_classes(corpus)
    if name in challenge.SOURCES:
        published = snomed.published_counts(name)
        return [(snomed.class_name(code), counts["codes"].get(code, 0), n) for code, n in published.items()]
    return []


def _ptbxl_classes(corpus):
    version = corpus.manifest["options"]["version"]
    found = pd.Series(
        [name for codes in corpus.index.codes for name in superclasses(codes) or ("none",)]
    ).value_counts()
    folds = corpus.index.fold.map(fold_group).value_counts()
    return [(name, int(found.get(name, 0)), n) for name, n in SUPERCLASS_COUNTS[version].items()] + [
        (f"folds {name}", int(folds.get(name, 0)), n) for name, n in FOLD_SIZES.items()
    ]


def short_table(corpora):
    """Count the recordings that a study's input does not fit in.

    Returns
    -------
    DataFrame
        ``study``, ``input``, ``lasts s``, ``corpus``, ``recordings``, ``shorter``: how many last less than the input.
    """
    rows = [
        (
            study,
            what,
            seconds,
            name,
            len(corpus),
            int((corpus.index.n_samples / corpus.index.fs < seconds).sum()),
        )
        for study, names, seconds, what in INPUTS
        for name, corpus in corpora.items()
        if corpus.manifest["data_set"] in names
    ]
    return pd.DataFrame(rows, columns=["study", "input", "lasts s", "corpus", "recordings", "shorter"])


def whole(corpora, name, **options):
    """The corpus of a data set with these options that holds all published recordings, or None."""
    for corpus in corpora.values():
        manifest, card = corpus.manifest, data_set(name)
        same = manifest["data_set"] == name and options.items() <= manifest["options"].items()
        if same and len(corpus) >= card.records:
            return corpus
    return None


def counted_claims(corpora):
    """Counts that the ledger's `data` claims ask for, of those data sets that are here whole.

    Returns
    -------
    dict
        ``records``: data set to recordings; ``label_support``: class shared by PTB-XL and Georgia to data set to the
        recordings with that statement, whatever its likelihood; ``icentia11k.annotations``: segments and beats by
        annotation code. What is not here whole is left out.
    """
    ptbxl, georgia = whole(corpora, "ptbxl", version="1.0.1"), whole(corpora, "georgia")
    found = {"ptbxl": ptbxl, "georgia": georgia}
    counts = {name: corpus.manifest["counts"] for name, corpus in found.items() if corpus}
    support = {
        shared.statement.replace("/", "_"): {
            name: part["codes"].get(shared.statement if name == "ptbxl" else shared.code, 0)
            for name, part in counts.items()
        }
        for shared in snomed.SHARED_CLASSES
    }
    made = {"records": {name: part["records"] for name, part in counts.items()}, "label_support": support}
    holter = whole(corpora, "icentia11k")
    if holter:
        beats = holter.manifest["counts"]["beats"]
        codes = {"N": "normal", "Q": "undefined", "S": "PAC", "V": "PVC"}
        made["icentia11k"] = {
            "annotations": {"segments": len(holter)}
            | {code: beats.get(name, 0) for code, name in codes.items()}
        }
    return made
