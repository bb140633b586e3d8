"""The audit: planted copies are found, known ones are looked for, and the tables survive a way through files."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ecgrepro.corpora.corpus import Corpus
from ecgrepro.corpora.ingest import ingest
from ecgrepro.corpora.synthetic import simulate_handheld
from ecgrepro.errors import InputError
from ecgrepro.frames.resample import resample
from ecgrepro.studies.audit import (
    TABLES,
    audit,
    known_copies,
    open_corpora,
    pairs_of_corpora,
    read_audit,
    write_audit,
)


def changed(record, record_id, fs=125.0, start=3.0, gain=0.6):
    """Another name, rate, start, gain and polarity for a recording."""
    values = resample(record.signal[int(start * record.fs) :].astype(np.float64), record.fs, fs)
    none = np.empty(0, np.int64), np.empty(0, np.int8)
    events = {
        "beat_positions": none[0],
        "beat_classes": none[1],
        "rhythm_positions": none[0],
        "rhythm_classes": none[1],
    }
    return replace(
        record, record_id=record_id, signal=np.rint(-gain * values).astype(np.int16), fs=fs, **events
    )


@pytest.fixture(scope="module")
def leaking(tmp_path_factory):
    """Two corpora of synthetic recordings: CinC 2017's with an exact and a changed copy, and a set that has another."""
    from ecgrepro.corpora.corpus_writer import CorpusWriter

    folder = tmp_path_factory.mktemp("leaking")
    records = [replace(simulate_handheld(3, i), label="NAO~"[i % 4]) for i in range(24)]
    first = {record.record_id: record for record in records}
    exact = replace(records[4], record_id="A00090")
    sets = {
        "cinc2017": [*records, exact, changed(first["A00007"], "A00091")],
        "georgia": [changed(first["A00010"], "E00001")],
    }
    for name, found in sets.items():
        options = {"labels": "v3"} if name == "cinc2017" else {}
        with CorpusWriter(folder / name, {"data_set": name, "options": options, "source": name}) as writer:
            for record in found:
                writer.add(record.record_id, [record])
            writer.finish()
    return folder


@pytest.fixture(scope="module")
def tables(leaking):
    return audit(open_corpora(leaking), progress=False)


def found(table):
    return {frozenset([row.record_a, row.record_b]) for row in table.itertuples()}


def test_an_exact_copy_is_found(tables):
    assert found(tables["exact"]) == {frozenset(["A00005", "A00090"])}


def test_changed_copies_are_found_within_and_across_corpora_and_nothing_else_is(tables):
    expected = [["A00005", "A00090"], ["A00007", "A00091"], ["A00010", "E00001"]]
    assert found(tables["near"]) == {frozenset(pair) for pair in expected}


def test_every_table_is_there(tables):
    assert list(tables) == list(TABLES)
    assert tables["pairs"].set_index(["corpus_a", "corpus_b"]).records_b.to_dict() == {
        ("cinc2017", "cinc2017"): 2, ("cinc2017", "georgia"): 1
    }  # fmt: skip


def test_tables_survive_the_way_through_files(tables, tmp_path):
    write_audit(tables, tmp_path / "audit")
    again = read_audit(tmp_path / "audit")
    assert list(again) == list(TABLES)
    assert found(again["near"]) == found(tables["near"])
    assert [path.suffix for path in (tmp_path / "audit").iterdir()] == [".csv"] * len(TABLES)


def test_where_nothing_was_ingested_the_way_out_is_told(tmp_path):
    with pytest.raises(InputError, match="ecgrepro data ingest NAME"):
        open_corpora(tmp_path)


def test_twins_of_ptbxl_inside_the_challenge_data_are_known_and_found(published_all, tmp_path):
    for name, source in (("ptbxl", "ptbxl"), ("challenge_ptbxl", "challenge2021")):
        ingest(name, published_all / source, tmp_path / name, progress=False)
    known = audit(open_corpora(tmp_path), progress=False)["known"].set_index("what")
    row = known.loc["PTB-XL inside the Challenge data, by number"]
    assert (row.expected, row.found, row.missed) == (12, 12, "")


def test_a_known_copy_that_is_missed_is_named(leaking, tables):
    corpora = {"cinc2017": Corpus(leaking / "cinc2017")}
    corpora["cinc2017"].index.loc[:1, "record_id"] = ["A00227", "A01176"]
    none = pd.DataFrame(columns=["corpus_a", "record_a", "corpus_b", "record_b"])
    known = known_copies(corpora, none).iloc[0]
    assert known.expected == 2
    assert known.found == 0
    assert "A00227 = A01176" in known.missed


def test_pairs_are_counted_by_recording():
    pairs = pd.DataFrame(
        [("a", "1", "b", "x"), ("a", "2", "b", "x")], columns=["corpus_a", "record_a", "corpus_b", "record_b"]
    )
    row = pairs_of_corpora(pairs).iloc[0]
    assert (row.pairs, row.records_a, row.records_b) == (2, 2, 1)
