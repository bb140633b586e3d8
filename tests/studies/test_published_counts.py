"""Counts beside the published ones: only a whole copy is compared class by class."""

from dataclasses import replace

import pytest

from ecgrepro.corpora import cinc2017, ptbxl, snomed
from ecgrepro.corpora.registry import DATA_SETS
from ecgrepro.studies import published_counts as module
from ecgrepro.studies.published_counts import counted_claims, counts_table, short_table


@pytest.fixture
def corpus_of(make_corpus, make_record):
    """A function from a data set, its records' fields by id, and its options to a Corpus of it."""

    def make(name, records, **options):
        corpus = make_corpus([make_record(record, **fields) for record, fields in records.items()], name)
        corpus.manifest |= {"data_set": name, "options": options}
        return corpus

    return make


@pytest.fixture
def published(monkeypatch):
    """A function that changes how many recordings a data set is said to have."""

    def say(name, records):
        monkeypatch.setitem(DATA_SETS, name, replace(DATA_SETS[name], records=records))

    return say


def verdicts(table):
    return {row.what: (row.found, row.published, row.verdict) for row in table.itertuples()}


def test_a_part_of_a_data_set_is_called_that_and_its_classes_are_not_compared(corpus_of):
    table = counts_table({"cinc2017": corpus_of("cinc2017", {"A1": {"label": "N"}}, labels="v3")})
    assert verdicts(table) == {"recordings": (1, 8528, "part of it")}


def test_classes_of_a_whole_copy_are_compared_one_by_one(corpus_of, published, monkeypatch):
    monkeypatch.setitem(cinc2017.PUBLISHED_COUNTS, "v2", (2, 0, 0, 0))
    published("cinc2017", 2)
    corpus = corpus_of("cinc2017", {"A1": {"label": "N"}, "A2": {"label": "~"}}, labels="v2")
    found = verdicts(counts_table({"copy": corpus}))
    assert found["recordings"] == (2, 2, "equal")
    assert found["N"] == (1, 2, "differs")
    assert found["~"] == (1, 0, "not published")


def test_superclasses_and_folds_of_a_whole_ptbxl_are_counted(corpus_of, published, monkeypatch):
    monkeypatch.setitem(ptbxl.SUPERCLASS_COUNTS, "1.0.3", {"NORM": 1, "MI": 2, "none": 1})
    monkeypatch.setattr(module, "FOLD_SIZES", {"1-8": 2, "9": 1, "10": 1})
    published("ptbxl", 3)
    records = {"00001": {"codes": ("NORM", "SR"), "fold": 3}, "00002": {"codes": ("IMI", "ASMI"), "fold": 9},
               "00003": {"codes": ("SR",), "fold": 10}}  # fmt: skip
    found = verdicts(counts_table({"ptbxl": corpus_of("ptbxl", records, version="1.0.3")}))
    assert found["MI"] == (1, 2, "differs")
    assert found["none"] == (1, 1, "equal")
    assert found["folds 1-8"] == (1, 2, "differs")
    assert found["folds 9"] == (1, 1, "equal")


def test_codes_of_a_whole_challenge_source_are_compared_by_name(corpus_of, published, monkeypatch):
    published("georgia", 1)
    code = snomed.SHARED_CLASSES[0].code
    monkeypatch.setattr(snomed, "published_counts", lambda source: {code: 5})
    found = verdicts(counts_table({"g": corpus_of("georgia", {"E00001": {"codes": (code,)}})}))
    assert found[snomed.class_name(code)] == (1, 5, "differs")


def test_recordings_that_an_input_does_not_fit_in_are_counted(corpus_of):
    corpus = corpus_of(
        "georgia", {"E1": {"n_samples": 1000}, "E2": {"n_samples": 999}, "E3": {"n_samples": 200}}
    )
    table = short_table({"georgia": corpus}).set_index("lasts s")
    assert table.shorter.to_dict() == {2.5: 1, 10.0: 2}
    assert (table.recordings == 3).all()


def test_claims_are_counted_on_whole_sets_alone(corpus_of, published):
    first = snomed.SHARED_CLASSES[0]
    georgia = corpus_of("georgia", {"E00001": {"codes": (first.code,)}, "E00002": {}})
    copy = corpus_of("ptbxl", {"00001": {"codes": (first.statement,)}}, version="1.0.1")
    assert counted_claims({"g": georgia, "p": copy})["records"] == {}
    published("georgia", 2)
    counts = counted_claims({"g": georgia, "p": copy})
    assert counts["records"] == {"georgia": 2}
    assert counts["label_support"][first.statement] == {"georgia": 1}
    published("ptbxl", 1)
    counts = counted_claims({"g": georgia, "p": copy})
    assert counts["label_support"][first.statement] == {"georgia": 1, "ptbxl": 1}
    assert len(counts["label_support"]) == 18


def test_beats_of_a_whole_icentia_are_counted_by_annotation_code(corpus_of, published):
    import numpy as np

    published("icentia11k", 1)
    beats = {"beat_positions": np.array([5, 9, 20]), "beat_classes": np.array([1, 1, 4], np.int8)}
    corpus = corpus_of("icentia11k", {"p00000_s00": beats})
    counts = counted_claims({"icentia11k": corpus})["icentia11k"]["annotations"]
    assert counts == {"segments": 1, "N": 2, "Q": 0, "S": 0, "V": 1}
