"""A corpus gives back what was ingested: signals, millivolts, events and what must stay together."""

import json
import shutil

import numpy as np
import pytest

from ecgrepro.corpora import icentia11k
from ecgrepro.corpora.corpus import INDEX_COLUMNS, Corpus
from ecgrepro.errors import InputError


@pytest.fixture
def two_leads():
    rng = np.random.default_rng(3)
    return rng.integers(-2000, 2000, (300, 2)).astype(np.int16)


def test_events_of_every_record_come_back_exactly(corpora, published):
    corpus = Corpus(corpora / "icentia11k")
    reader = icentia11k.Reader(published / "icentia11k_wfdb")
    records = [record for unit in reader.units() for record in reader.read(unit)]
    assert corpus.index.record_id.tolist() == [record.record_id for record in records]
    for row, record in zip(corpus.index.itertuples(), records, strict=True):
        for kind, name in (("beats", "beat"), ("rhythms", "rhythm")):
            part = slice(getattr(row, f"{kind}_start"), getattr(row, f"{kind}_stop"))
            positions, classes = (events[part] for events in getattr(corpus, kind))
            np.testing.assert_array_equal(positions, getattr(record, f"{name}_positions"))
            np.testing.assert_array_equal(classes, getattr(record, f"{name}_classes"))
    assert [events.dtype for events in corpus.beats] == [np.int64, np.int8]
    assert corpus.index.beats_stop.iloc[-1] == len(corpus.beats[0])


def test_a_signal_of_several_leads_comes_back(make_corpus, make_record, two_leads):
    record = make_record(
        "b", signal=two_leads, gain=np.array([200.0, 50.0]), baseline=np.array([1024.0, -7.0])
    )
    corpus = make_corpus([make_record("a"), record])
    np.testing.assert_array_equal(corpus.signal(1), two_leads)
    assert corpus.signal(1).dtype == np.int16
    np.testing.assert_allclose(corpus.millivolts(1), (two_leads - [1024.0, -7.0]) / [200.0, 50.0])
    # each lead lies contiguous in its shard
    row = corpus.index.iloc[1]
    np.testing.assert_array_equal(corpus.shards[0][row.offset + 300 : row.offset + 600], two_leads[:, 1])


def test_a_signal_is_a_view_that_cannot_be_written(corpora):
    corpus = Corpus(corpora / "cinc2017")
    assert np.shares_memory(corpus.signal(3), corpus.shards[0])
    with pytest.raises(ValueError, match="read-only"):
        corpus.signal(3)[0] = 1


def test_the_index_has_its_columns_and_one_row_per_record(corpora):
    corpus = Corpus(corpora / "cinc2017")
    assert tuple(corpus.index.columns) == INDEX_COLUMNS
    assert len(corpus) == len(corpus.index) == corpus.index.record_id.nunique() == 80


def test_groups_are_patients_or_records(make_corpus, make_record):
    corpus = make_corpus([make_record("a", "7"), make_record("b", "7"), make_record("c"), make_record("7")])
    assert corpus.groups().tolist() == ["patient 7", "patient 7", "record c", "record 7"]


def test_exact_copies_share_a_group(make_corpus, make_record):
    first = make_record("a")
    copies = [make_record("c", signal=first.signal), make_record("d", signal=first.signal.copy())]
    corpus = make_corpus([first, make_record("b"), *copies])
    assert corpus.groups().tolist() == ["record a", "record b", "record a", "record a"]


def test_groups_hold_together_whatever_is_linked(make_corpus, make_record):
    first = make_record("a", "1")
    # b is a copy of a under another patient's name, so that patient's c belongs to them too
    corpus = make_corpus([first, make_record("b", "2", signal=first.signal), make_record("c", "2"), make_record("d"),
                          make_record("e"), make_record("f")])  # fmt: skip
    groups = corpus.groups(same=[("d", "f")])
    assert groups.tolist() == ["patient 1"] * 3 + ["record d", "record e", "record d"]


def test_codes_folds_and_quality_are_kept(make_corpus, make_record):
    spans = {"quality_positions": np.array([40, 90]), "quality_classes": np.array([1, 3], np.int8)}
    corpus = make_corpus([make_record("a", codes=("NORM", "SR"), fold=9), make_record("b", **spans)])
    assert [list(codes) for codes in corpus.index.codes] == [["NORM", "SR"], []]
    assert corpus.index.fold.tolist() == [9, 0]
    assert [values.tolist() for values in corpus.events("quality", 1)] == [[40, 90], [1, 3]]
    assert len(corpus.events("quality", 0)[0]) == 0
    assert corpus.manifest["counts"]["codes"] == {"NORM": 1, "SR": 1}
    assert corpus.manifest["counts"]["folds"] == {"9": 1}
    assert corpus.manifest["counts"]["quality"] == {"all waves clear": 1, "unusable": 1}


def test_a_file_cut_short_is_told(corpora, tmp_path):
    copy = shutil.copytree(corpora / "cinc2017", tmp_path / "copy")
    shard = copy / "signal-00000.int16"
    shard.write_bytes(shard.read_bytes()[:-2])
    with pytest.raises(InputError, match=r"whole; got signal-00000\.int16 of \d+ bytes"):
        Corpus(copy)


def test_a_folder_without_corpus_is_told(tmp_path):
    with pytest.raises(InputError, match=r"manifest\.json.*got none.*ecgrepro data ingest"):
        Corpus(tmp_path)


def test_another_format_is_refused(corpora, tmp_path):
    copy = shutil.copytree(corpora / "cinc2017", tmp_path / "copy")
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps(manifest | {"format": 99}))
    with pytest.raises(InputError, match="format 2; got 99"):
        Corpus(copy)


@pytest.mark.parametrize("text", ["", "{", "{}", "[]"])
def test_a_damaged_manifest_is_told(corpora, tmp_path, text):
    copy = shutil.copytree(corpora / "cinc2017", tmp_path / "copy")
    (copy / "manifest.json").write_text(text)
    with pytest.raises(InputError, match=r"manifest\.json.*ingest again"):
        Corpus(copy)


@pytest.mark.parametrize("name", ["signal-00000.int16", "index.parquet", "beats-classes.int8"])
def test_a_lost_file_is_told(corpora, tmp_path, name):
    copy = shutil.copytree(corpora / "cinc2017", tmp_path / "copy")
    (copy / name).unlink()
    with pytest.raises(InputError, match=f"{name} of no bytes"):
        Corpus(copy)
