"""The folder of a fetch: what it believes to be finished, and that one process at a time writes it."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgrepro.corpora.fetch_folder import (
    CHECKSUMS,
    LICENCE,
    FetchFolder,
    accepted,
    read_journal,
    read_json,
    sha256_of,
)
from ecgrepro.errors import DiskError, SettingsError

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # of "abc", FIPS 180-2 appendix B.1


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "file").write_text("abc")
    with FetchFolder(tmp_path) as folder:
        yield folder


def test_a_file_is_finished_when_its_checksum_agrees(folder, tmp_path):
    assert sha256_of(tmp_path / "file") == ABC
    assert not folder.finished("file", "0" * 64)
    assert folder.finished("file", ABC)
    assert not folder.finished("file", ABC, size=4)
    assert not folder.finished("missing")
    assert folder.pinned("file") == ABC


def test_a_file_without_known_checksum_is_pinned_when_it_is_first_seen(folder, tmp_path):
    assert folder.finished("file")
    (tmp_path / "file").write_text("abd")
    os.utime(tmp_path / "file", ns=(5, 5))
    assert not folder.finished("file")
    folder.forget("file")
    assert not (tmp_path / "file").exists()
    assert folder.pinned("file") is None
    assert read_journal(tmp_path) == {}


def test_a_finished_file_is_not_read_again(folder, tmp_path, monkeypatch):
    folder.finished("file")
    monkeypatch.setattr("ecgrepro.corpora.fetch_folder.sha256_of", None)
    assert folder.finished("file", ABC)


def test_the_journal_survives_the_process(tmp_path):
    (tmp_path / "file").write_text("abc")
    with FetchFolder(tmp_path) as folder:
        folder.note("file", ABC)
    assert read_journal(tmp_path)["file"]["sha256"] == ABC
    with FetchFolder(tmp_path) as folder:
        assert folder.pinned("file") == ABC


@settings(max_examples=100, deadline=None, database=None)
@given(st.binary(max_size=100))
def test_any_journal_can_be_opened_and_written(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("any")
    (path / "file").write_text("abc")
    (path / CHECKSUMS).write_bytes(data)
    with FetchFolder(path) as folder:
        folder.note("file", ABC)
    assert read_journal(path)["file"]["sha256"] == ABC


def test_a_licence_is_accepted_by_its_name(folder, tmp_path):
    assert not accepted(tmp_path, "CC BY-NC")
    folder.accept("CC BY-NC")
    assert accepted(tmp_path, "CC BY-NC")
    assert not accepted(tmp_path, "CC BY-NC-SA")
    (tmp_path / LICENCE).write_text("[]")
    assert not accepted(tmp_path, "CC BY-NC")
    (tmp_path / LICENCE).write_bytes(b"\xff")
    assert read_json(tmp_path / LICENCE) is None


def test_one_process_at_a_time(folder, tmp_path):
    pytest.importorskip("fcntl", reason="this system has no file locks")
    with pytest.raises(SettingsError, match="no other process"), FetchFolder(tmp_path):
        pass


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match="Choose another folder"), FetchFolder(tmp_path / "file" / "below"):
        pass
