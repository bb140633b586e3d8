"""Overlap of splits: what is planted is found, and what cannot be known is said to be unknown."""

from itertools import count

import numpy as np
import pandas as pd
import pytest

from ecgrepro.corpora.corpus import Corpus
from ecgrepro.studies.split_overlap import (
    make_split,
    overlaps,
    ptbxl_splits,
    resnet1d_splits,
    shared_patients,
    shared_recordings,
    twins_of,
)
from ecgrepro.training.workspace import Workspace

PAIRS = ["corpus_a", "record_a", "corpus_b", "record_b"]
NONE = pd.DataFrame(columns=PAIRS)


@pytest.fixture
def splits(make_corpus, make_record):
    """A function from patients by record to a `Split`, of data set `ptbxl` unless named otherwise."""

    made = count()

    def make(name, patients, data_set="ptbxl"):
        corpus = make_corpus([make_record(record, patient) for record, patient in patients.items()],
                             f"{data_set}-{next(made)}")  # fmt: skip
        corpus.manifest["data_set"] = data_set
        return make_split(name, (corpus, np.arange(len(corpus))))

    return make


def test_a_recording_in_both_splits_is_counted(splits):
    train, test = splits("train", {"a": "1", "b": "2"}), splits("test", {"b": "2", "c": "3"})
    assert shared_recordings(train, test, {}) == 1
    assert shared_recordings(train, splits("other", {"b": "2"}, "svdb"), {}) == 0


def test_a_planted_copy_under_another_name_is_counted(splits):
    train, test = splits("train", {"a": "1"}), splits("test", {"c": "3", "d": "4"})
    pairs = pd.DataFrame([("ptbxl", "c", "ptbxl", "a"), ("ptbxl", "d", "svdb", "800")], columns=PAIRS)
    assert shared_recordings(train, test, twins_of(pairs)) == 1
    assert shared_recordings(test, train, twins_of(pairs)) == 1


def test_shared_patients_are_counted_among_those_known(splits):
    train = splits("train", {"a": "1", "b": "2", "c": "unknown"})
    test = splits("test", {"d": "2", "e": "3"})
    assert shared_patients(train, test) == "1 of 3 known, unknown for 1 recordings"


def test_where_no_ids_exist_the_answer_is_unknown(splits):
    nameless = splits("train", {"a": "unknown"})
    assert shared_patients(nameless, splits("test", {"b": "7"})) == "unknown: no patient ids"


def test_ids_of_two_publishers_are_not_compared(splits):
    first, second = splits("train", {"a": "118"}), splits("test", {"b": "118"}, "mitbih_arrhythmia")
    assert shared_patients(first, second).startswith("unknown: other publishers")


def test_the_noise_stress_test_names_the_people_of_mitbih(splits):
    first = splits("train", {"118e00": "118"}, "nstdb")
    second = splits("test", {"118": "118", "119": "119"}, "mitbih_arrhythmia")
    assert shared_patients(first, second) == "1 of 2 known"


def test_of_several_trials_the_worst_is_shown(splits):
    clean = [splits("train", {"a": "1"}), splits("test", {"b": "2"})]
    leaking = [splits("train", {"a": "1", "c": "3"}), splits("test", {"c": "3"})]
    table = overlaps("made", [clean, leaking], twins_of(NONE))
    assert table["same recordings"].tolist() == [1]
    assert table["same patients"].tolist() == ["0 of 2 known; 1 of 2 known"]


def test_no_recording_is_on_two_sides_of_a_trial(make_corpus, make_record, corpora, tmp_path):
    records = [make_record(f"A{label}{i}", label=label) for label in "NAO~" for i in range(12)]
    make_corpus(records, "cinc2017")
    paths = (("cinc2017", tmp_path / "cinc2017"), ("icentia11k", corpora / "icentia11k"))
    workspace = Workspace(paths, tmp_path)
    table = overlaps("resnet1d", resnet1d_splits(workspace, "demo"), twins_of(NONE))
    assert (table["same recordings"] == 0).all()
    answers = table.set_index(["split", "other split"])["same patients"]
    assert answers["pre-training", "held-out patients"] == "0 of 6 known"
    assert answers["training", "test"] == "unknown: no patient ids"
    assert len(table) == 1 + 6
    # a copy of a test recording among the training ones is seen, under whatever name
    splits = [found for found in resnet1d_splits(workspace, "demo") if len(found) == 4][0]
    train, test = (
        sorted(next(s for s in splits if s.name == name).records)[0] for name in ("training", "test")
    )
    planted = pd.DataFrame([(*train, *test)], columns=PAIRS)
    leaking = overlaps("resnet1d", resnet1d_splits(workspace, "demo"), twins_of(planted))
    assert leaking.set_index(["split", "other split"])["same recordings"]["training", "test"] == 1


def test_the_official_folds_of_ptbxl_are_compared(make_corpus, make_record):
    folds = {"a": (1, "1"), "b": (-8, "2"), "c": (9, "1"), "d": (10, "unknown")}
    corpus = make_corpus(
        [make_record(name, patient, fold=fold) for name, (fold, patient) in folds.items()], "ptbxl"
    )
    table = overlaps("ptbxl_transfer", ptbxl_splits(Corpus(corpus.path)), {}).set_index(
        ["split", "other split"]
    )
    assert table["recordings"].tolist() == [2, 2, 1]
    assert table["same patients"]["folds 1-8", "folds 9"] == "1 of 2 known"
    assert table["same patients"]["folds 1-8", "folds 10"] == "unknown: no patient ids"
