"""Ingest: what it leaves, that a killed one goes on to the same result, and what it refuses."""

import errno
import hashlib
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from ecgrepro.corpora import cinc2017, corpus_writer, registry
from ecgrepro.corpora import ingest as ingest_module
from ecgrepro.corpora.corpus import Corpus
from ecgrepro.corpora.ingest import ingest, require_space
from ecgrepro.corpora.registry import data_set, open_reader
from ecgrepro.errors import DiskError, InputError, SettingsError

#: Ingests slowly enough to be killed between two records.
SLOW = """
import sys, time
from ecgrepro.corpora import cinc2017
from ecgrepro.corpora.ingest import ingest
read = cinc2017.Reader.read
cinc2017.Reader.read = lambda self, unit: time.sleep(0.02) or read(self, unit)
ingest("cinc2017", sys.argv[1], sys.argv[2], progress=False)
"""


class Stop(Exception):
    """What a test raises in the middle of an ingest."""


@pytest.fixture
def out(tmp_path):
    return tmp_path / "corpora" / "cinc2017"


@pytest.fixture
def source(published):
    return published / "cinc2017"


def stop_at(monkeypatch, unit, action):
    """Have `action()` happen, once, when the reader comes to a unit."""
    read, done = cinc2017.Reader.read, []

    def until(self, name):
        if name == unit and not done:
            done.append(name)
            action()
        return read(self, name)

    monkeypatch.setattr(cinc2017.Reader, "read", until)


def raise_stop():
    raise Stop


def journal(out):
    return out.with_name(out.name + ".partial") / "journal.jsonl"


def same(made, expected):
    """Two corpora with the same content, file by file, and nothing beside the one just made."""
    assert made.fingerprint == expected.fingerprint
    assert made.manifest == expected.manifest
    pd.testing.assert_frame_equal(made.index, expected.index)
    assert {path.name for path in made.path.iterdir()} == {path.name for path in expected.path.iterdir()}
    for path in made.path.iterdir():
        assert path.read_bytes() == (expected.path / path.name).read_bytes(), path.name
    assert [path.name for path in made.path.parent.iterdir()] == [made.path.name]


def test_the_manifest_says_what_is_there(corpora, published):
    corpus = Corpus(corpora / "cinc2017")
    manifest = corpus.manifest
    assert (manifest["data_set"], manifest["source"], manifest["options"]) == (
        "cinc2017",
        "cinc2017",
        {"labels": "v3"},
    )
    assert manifest["counts"]["records"] == 80
    assert manifest["counts"]["labels"] == corpus.index.label.value_counts().sort_index().to_dict()
    assert manifest["quarantined"] == {}
    card = data_set("cinc2017")
    assert (manifest["title"], manifest["url"], manifest["licence"]) == (card.title, card.url, card.licence)
    beats = Corpus(corpora / "icentia11k").manifest["counts"]["beats"]
    assert sum(beats.values()) == len(Corpus(corpora / "icentia11k").beats[0])


@pytest.mark.parametrize("name", ["cinc2017", "icentia11k"])
def test_checksums_cover_every_file_and_verify(corpora, name):
    folder = corpora / name
    manifest = Corpus(folder).manifest
    sizes = {path.name: path.stat().st_size for path in folder.iterdir() if path.name != "manifest.json"}
    assert manifest["files"] == sizes
    checksums = manifest["checksums"]
    assert set(checksums) == {name for name in sizes if not name.startswith("signal-")}
    for path, stated in checksums.items():
        assert hashlib.sha256((folder / path).read_bytes()).hexdigest() == stated
    for row in Corpus(folder).index.itertuples():
        data = Corpus(folder).shards[row.shard][row.offset : row.offset + row.n_samples * row.n_leads]
        assert hashlib.sha256(data.tobytes()).hexdigest() == row.sha256


def test_both_layouts_give_the_same_beats_and_signals(corpora, published, tmp_path):
    torrent = ingest("icentia11k", published / "icentia11k_torrent", tmp_path / "out", progress=False)
    physionet = Corpus(corpora / "icentia11k")
    columns = [
        "record_id",
        "patient_id",
        "fs",
        "n_samples",
        "gain",
        "baseline",
        "sha256",
        "beats_start",
        "beats_stop",
    ]
    pd.testing.assert_frame_equal(torrent.index[columns], physionet.index[columns])
    for found, expected in zip(torrent.beats, physionet.beats, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_corpus_that_is_there_is_opened_again(corpora, source):
    before = (corpora / "cinc2017" / "manifest.json").stat().st_mtime_ns
    assert ingest("cinc2017", source, corpora / "cinc2017", progress=False).fingerprint
    assert (corpora / "cinc2017" / "manifest.json").stat().st_mtime_ns == before


def test_a_corpus_of_other_options_is_not_taken_for_it(corpora, source):
    with pytest.raises(SettingsError, match=r"'labels': 'v2'.*'labels': 'v3'"):
        ingest("cinc2017", source, corpora / "cinc2017", progress=False, labels="v2")
    assert Corpus(corpora / "cinc2017").manifest["options"] == {"labels": "v3"}


@pytest.mark.parametrize("what", ["folder", "file"])
def test_a_name_that_is_taken_is_refused_and_left_alone(out, source, what):
    out.parent.mkdir()
    if what == "folder":
        out.mkdir()
        (out / "mine.txt").write_text("mine")
    else:
        out.write_text("mine")
    with pytest.raises(SettingsError, match="not taken"):
        ingest("cinc2017", source, out, progress=False)
    assert [path.name for path in out.parent.iterdir()] == [out.name]
    assert (out / "mine.txt" if what == "folder" else out).read_text() == "mine"


@pytest.mark.parametrize("unit", ["A00001", "A00002", "A00050", "A00080"])
def test_an_interrupted_ingest_goes_on_to_the_same_corpus(out, source, corpora, monkeypatch, unit):
    stop_at(monkeypatch, unit, raise_stop)
    with pytest.raises(Stop):
        ingest("cinc2017", source, out, progress=False)
    assert not out.exists()
    done = int(unit[1:]) - 1
    assert len(journal(out).read_text().splitlines()) == done + 1
    units = []
    monkeypatch.setattr(cinc2017.Reader, "read", spy(cinc2017.Reader.read, units))
    same(ingest("cinc2017", source, out, progress=False), Corpus(corpora / "cinc2017"))
    assert len(units) == 80 - done


def spy(read, units):
    def spied(self, unit):
        units.append(unit)
        return read(self, unit)

    return spied


def test_what_a_kill_left_half_written_is_cut_off(out, source, corpora, monkeypatch):
    stop_at(monkeypatch, "A00040", raise_stop)
    with pytest.raises(Stop):
        ingest("cinc2017", source, out, progress=False)
    partial = journal(out).parent
    with (partial / "signal-00000.int16").open("ab") as file:
        file.write(b"half a record")
    (partial / "signal-00001.int16").write_bytes(b"a shard that no line names")
    with journal(out).open("a") as file:
        file.write('{"unit": "A00040", "records": [{"record_id": "A000')
    same(ingest("cinc2017", source, out, progress=False), Corpus(corpora / "cinc2017"))


def test_a_kill_before_the_first_line_is_no_hindrance(out, source, corpora):
    journal(out).parent.mkdir(parents=True)
    journal(out).write_text('{"data_set": "cin')
    same(ingest("cinc2017", source, out, progress=False), Corpus(corpora / "cinc2017"))


@pytest.mark.parametrize("place", ["corpus_writer.os.replace", "corpus_summary.hashlib.file_digest"])
def test_a_kill_while_finishing_is_no_hindrance(out, source, corpora, monkeypatch, place):
    with monkeypatch.context() as patch:
        patch.setattr(f"ecgrepro.corpora.{place}", lambda *_, **__: raise_stop())
        with pytest.raises(Stop):
            ingest("cinc2017", source, out, progress=False)
    same(ingest("cinc2017", source, out, progress=False), Corpus(corpora / "cinc2017"))


def test_several_processes_make_the_same_corpus(out, source, corpora):
    made = ingest("cinc2017", source, out, progress=False, jobs=2)
    same(made, Corpus(corpora / "cinc2017"))
    assert [shard.tobytes() for shard in made.shards] == [
        s.tobytes() for s in Corpus(corpora / "cinc2017").shards
    ]


def test_no_process_at_all_is_refused(out, source):
    with pytest.raises(SettingsError, match="at least 1"):
        ingest("cinc2017", source, out, progress=False, jobs=0)


class _EndsItself:
    """A reader whose third unit ends the process that reads it, as a machine short of memory does."""

    options: ClassVar[dict] = {}

    def __init__(self, source):
        self.reader = cinc2017.Reader(source)

    def units(self):
        return self.reader.units()

    def size(self):
        return self.reader.size()

    def read(self, unit):
        if unit == "A00003" and multiprocessing.parent_process():
            os.kill(os.getpid(), signal.SIGKILL)
        return self.reader.read(unit)


def test_a_process_that_the_machine_ended_is_told_and_nothing_is_lost(out, source, tmp_path, monkeypatch):
    card = replace(cinc2017.DATA_SET, reader=_EndsItself, options=())
    # a worker is a fresh interpreter: it finds the reader through this module, not through the registry
    monkeypatch.setattr(ingest_module, "_open", _open_the_one_that_ends)
    monkeypatch.setitem(registry.DATA_SETS, "cinc2017", card)
    with pytest.raises(DiskError, match="fewer --jobs"):
        ingest("cinc2017", source, out, progress=False, jobs=2)
    done = len(journal(out).read_text().splitlines()) - 1
    made = ingest("cinc2017", source, out, progress=False)
    assert (done <= 2, len(made)) == (True, 80)


def _open_the_one_that_ends(name, source, options):
    ingest_module._reader = _EndsItself(source)


@pytest.mark.parametrize("lines", [3, 25])
def test_an_ingest_killed_with_sigkill_goes_on_to_the_same_corpus(out, source, corpora, lines):
    root = Path(ingest_module.__file__).parents[2]
    process = subprocess.Popen([sys.executable, "-c", SLOW, str(source), str(out)], cwd=root)
    try:
        deadline = time.monotonic() + 60
        while not journal(out).exists() or journal(out).read_bytes().count(b"\n") < lines:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    finally:
        process.kill()
        process.wait()
    assert not out.exists()
    assert lines <= len(journal(out).read_bytes().splitlines()) < 81
    same(ingest("cinc2017", source, out, progress=False), Corpus(corpora / "cinc2017"))


def test_an_unfinished_ingest_is_told_when_it_is_opened(out, source, monkeypatch):
    stop_at(monkeypatch, "A00005", raise_stop)
    with pytest.raises(Stop):
        ingest("cinc2017", source, out, progress=False)
    with pytest.raises(InputError, match="an unfinished ingest"):
        Corpus(out)


def test_an_unfinished_ingest_of_other_options_is_refused_and_kept(out, source, corpora, monkeypatch):
    stop_at(monkeypatch, "A00005", raise_stop)
    with pytest.raises(Stop):
        ingest("cinc2017", source, out, progress=False)
    before = journal(out).read_bytes()
    with pytest.raises(SettingsError, match=r"'labels': 'v2'.*Delete that folder"):
        ingest("cinc2017", source, out, progress=False, labels="v2")
    assert journal(out).read_bytes() == before
    same(ingest("cinc2017", source, out, progress=False), Corpus(corpora / "cinc2017"))


Usage = namedtuple("Usage", "total used free")


def test_too_little_space_is_told_before_anything_is_written(out, source, monkeypatch):
    asked = []
    monkeypatch.setattr(ingest_module.shutil, "disk_usage", lambda path: asked.append(path) or Usage(9, 8, 1))
    with pytest.raises(DiskError, match=r"MB free.*Free some space"):
        ingest("cinc2017", source, out, progress=False)
    assert asked == [out.parent.parent]
    assert not out.parent.exists()


def test_space_that_an_interrupted_ingest_holds_counts_as_free(tmp_path, monkeypatch):
    monkeypatch.setattr(ingest_module.shutil, "disk_usage", lambda path: Usage(0, 0, 600))
    require_space(tmp_path / "out", 500)
    with pytest.raises(DiskError):
        require_space(tmp_path / "out", 1000)
    (tmp_path / "out.partial").mkdir()
    (tmp_path / "out.partial" / "signal-00000.int16").write_bytes(bytes(600))
    require_space(tmp_path / "out", 1000)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here to stand for a full disk")
def test_a_disk_that_fills_up_is_told_and_the_ingest_goes_on_later(out, source, monkeypatch):
    monkeypatch.setattr(corpus_writer, "SHARD_BYTES", 100_000)
    expected = ingest("cinc2017", source, out.parent.parent / "expected", progress=False)

    def fill():
        last = max(int(path.stem[-5:]) for path in journal(out).parent.glob("signal-*"))
        (journal(out).parent / f"signal-{last + 1:05d}.int16").symlink_to("/dev/full")

    stop_at(monkeypatch, "A00030", fill)
    with pytest.raises(DiskError, match=r"a full disk.*goes on where it stopped"):
        ingest("cinc2017", source, out, progress=False)
    assert not out.exists()
    done = len(journal(out).read_text().splitlines()) - 1
    assert done >= 29
    units = []
    monkeypatch.setattr(cinc2017.Reader, "read", spy(cinc2017.Reader.read, units))
    same(ingest("cinc2017", source, out, progress=False), expected)
    assert len(units) == 80 - done


@pytest.mark.parametrize("place", ["pyarrow.parquet.ParquetWriter.write_table", "pathlib.Path.write_text"])
def test_a_disk_that_fills_up_at_the_end_is_told_too(out, source, corpora, monkeypatch, place):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(place, full)
        with pytest.raises(DiskError, match="a full disk"):
            ingest("cinc2017", source, out, progress=False)
    assert not out.exists()
    same(ingest("cinc2017", source, out, progress=False), Corpus(corpora / "cinc2017"))


def test_a_folder_that_cannot_be_made_is_told(tmp_path, source):
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match="a folder that can be written"):
        ingest("cinc2017", source, tmp_path / "file" / "out", progress=False)


def test_a_set_without_one_usable_record_leaves_nothing(write_cinc, tmp_path):
    folder = write_cinc({"A00001": "N", "A00002": "A"})
    for path in (folder / "training2017").glob("*.mat"):
        path.write_bytes(b"")
    with pytest.raises(InputError, match=r"at least one usable record.*truncated"):
        ingest("cinc2017", folder, tmp_path / "out", progress=False)
    assert {path.name for path in tmp_path.iterdir()} == {"cinc2017"}


@pytest.mark.parametrize("name", ["cinc2017", "icentia11k", "mitbih_arrhythmia", "svdb"])
def test_a_wrong_folder_leaves_nothing(tmp_path, name):
    (tmp_path / "empty").mkdir()
    for source in ("empty", "nowhere"):
        with pytest.raises(InputError, match=source):
            ingest(name, tmp_path / source, tmp_path / "out", progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_an_unknown_data_set_or_option_is_refused(source, out):
    with pytest.raises(SettingsError, match="cinc2017, icentia11k, mitbih_arrhythmia, svdb"):
        ingest("cinc2018", source, out)
    with pytest.raises(SettingsError, match=r"options among \['labels'\].*patients"):
        open_reader("cinc2017", source, patients=3)
    assert not out.parent.exists()


def test_progress_goes_to_standard_error(write_cinc, tmp_path, capsys):
    folder = write_cinc({"A00001": "N"})
    ingest("cinc2017", folder, tmp_path / "out")
    told = capsys.readouterr()
    assert told.out == ""
    assert "ingest cinc2017" in told.err


def test_the_source_is_named_however_it_was_given(write_cinc, tmp_path, monkeypatch):
    folder = write_cinc({"A00001": "N"}, name="given")
    monkeypatch.chdir(folder)
    assert ingest("cinc2017", ".", tmp_path / "out", progress=False).manifest["source"] == "given"
    shutil.rmtree(tmp_path / "out")
    assert ingest("cinc2017", f"{folder}/", tmp_path / "out", progress=False).manifest["source"] == "given"
