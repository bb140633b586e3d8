"""The writer: shards that roll over, one process at a time, and a partial folder that is trusted only if whole."""

import hashlib
import os

import numpy as np
import pytest

from ecgrepro.corpora import corpus_writer
from ecgrepro.corpora.corpus_unit import CorpusUnit
from ecgrepro.corpora.corpus_writer import CorpusWriter
from ecgrepro.errors import DiskError, SettingsError

IDENTITY = {"data_set": "made", "options": {}, "source": "made"}


@pytest.fixture
def records(make_record):
    return [make_record(f"r{i}", n_samples=100 + i, beat_positions=np.array([10, 50 + i]),
                        beat_classes=np.array([1, 4], np.int8)) for i in range(10)]  # fmt: skip


def write(out, records, stop=None):
    with CorpusWriter(out, IDENTITY) as writer:
        for record in records[:stop]:
            if record.record_id not in writer.done:
                writer.add(record.record_id, [record])
        return writer.finish() if stop is None else writer


def check(corpus, records):
    assert corpus.index.record_id.tolist() == [record.record_id for record in records]
    for i, record in enumerate(records):
        np.testing.assert_array_equal(corpus.signal(i), record.signal)
        assert corpus.index.sha256[i] == hashlib.sha256(record.signal.T.tobytes()).hexdigest()


@pytest.mark.parametrize(("limit", "shards"), [(1 << 29, 1), (500, 5), (150, 10)])
def test_shards_roll_over_and_signals_read_back(tmp_path, records, monkeypatch, limit, shards):
    monkeypatch.setattr(corpus_writer, "SHARD_BYTES", limit)
    corpus = write(tmp_path / "out", records)
    assert len(corpus.shards) == shards
    # a record longer than a shard has one for itself
    assert all(shard.nbytes <= max(limit, 2 * 109) for shard in corpus.shards)
    check(corpus, records)


def test_the_fingerprint_does_not_depend_on_shards(tmp_path, records, monkeypatch):
    whole = write(tmp_path / "whole", records)
    monkeypatch.setattr(corpus_writer, "SHARD_BYTES", 300)
    assert write(tmp_path / "parts", records).fingerprint == whole.fingerprint


@pytest.mark.parametrize("change", [{"label": "N"}, {"patient_id": "7"}, {"gain": np.array([101.0])}, {"fs": 50.0},
                                    {"baseline": np.ones(1)}, {"beat_positions": np.array([10, 51])},
                                    {"beat_classes": np.array([1, 3], np.int8)}, {"codes": ("SR",)}, {"fold": 9},
                                    {"quality_positions": np.array([50]), "quality_classes": np.array([1], np.int8)},
                                    {"signal": np.arange(100, dtype=np.int16)[:, None]}])  # fmt: skip
def test_the_fingerprint_depends_on_all_content(tmp_path, records, make_record, change):
    first = {
        "beat_positions": records[0].beat_positions,
        "beat_classes": records[0].beat_classes,
        "n_samples": 100,
    }
    same, other = make_record("r0", **first), make_record("r0", **(first | change))
    whole = write(tmp_path / "whole", records).fingerprint
    assert write(tmp_path / "same", [same, *records[1:]]).fingerprint == whole
    assert write(tmp_path / "other", [other, *records[1:]]).fingerprint != whole


@pytest.mark.parametrize("stop", range(0, 10, 3))
def test_writing_goes_on_across_shards(tmp_path, records, monkeypatch, stop):
    monkeypatch.setattr(corpus_writer, "SHARD_BYTES", 500)
    write(tmp_path / "out", records, stop)
    made = write(tmp_path / "out", records)
    assert made.manifest == write(tmp_path / "whole", records).manifest
    check(made, records)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here to stand for a full disk")
def test_a_full_disk_is_told_though_closing_fails_too(tmp_path, records, monkeypatch):
    monkeypatch.setattr(corpus_writer, "SHARD_BYTES", 250)

    def fill():
        with CorpusWriter(tmp_path / "out", IDENTITY) as writer:
            writer.add("r0", records[:1])
            (writer.partial / "signal-00001.int16").symlink_to("/dev/full")
            writer.add("r1", records[1:2])

    with pytest.raises(DiskError, match="a full disk"):
        fill()
    check(write(tmp_path / "out", records), records)


def test_two_processes_do_not_write_one_corpus(tmp_path, records):
    with CorpusWriter(tmp_path / "out", IDENTITY) as writer:
        writer.add("r0", records[:1])
        with pytest.raises(SettingsError, match="no other process"):
            CorpusWriter(tmp_path / "out", IDENTITY)
    check(write(tmp_path / "out", records), records)


@pytest.mark.parametrize("damage", ["shorter shard", "lost shard", "damaged line"])
def test_a_partial_folder_that_lost_something_is_not_trusted(tmp_path, records, monkeypatch, damage):
    monkeypatch.setattr(corpus_writer, "SHARD_BYTES", 500)
    partial = write(tmp_path / "out", records, 7).partial
    shard, journal = partial / "signal-00001.int16", partial / "journal.jsonl"
    if damage == "shorter shard":
        shard.write_bytes(shard.read_bytes()[:-1])
    elif damage == "lost shard":
        shard.unlink()
    else:
        journal.write_bytes(journal.read_bytes().replace(b'{"unit": "r2"', b"{", 1))
    with pytest.raises(SettingsError, match="Delete that folder"):
        CorpusWriter(tmp_path / "out", IDENTITY)


def test_a_unit_that_could_not_be_read_is_named_with_its_reason(tmp_path, records):
    with CorpusWriter(tmp_path / "out", IDENTITY) as writer:
        writer.add("r0", records[:1])
        writer.append(CorpusUnit("r1", quarantined={"r1": "no such file"}))
        corpus = writer.finish()
    assert corpus.manifest["quarantined"] == {"r1": "no such file"}
    assert len(corpus) == 1
