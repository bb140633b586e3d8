"""Prepared arrays are made once, appear whole, and are told apart by their content."""

import numpy as np
import pandas as pd
import pytest

from ecgrepro.corpora import ingest as ingest_module
from ecgrepro.errors import DiskError
from ecgrepro.frames.kept_arrays import keep, keep_filled

INPUTS, INDEX = np.arange(6, dtype=np.float32).reshape(3, 2), pd.DataFrame({"record_id": ["a", "b", "c"]})


def never():
    raise AssertionError("made again")


def test_what_was_made_is_opened_and_not_made_again(tmp_path):
    first, _ = keep(tmp_path / "new", "kept", ["content"], lambda: (INPUTS, INDEX))
    again, index = keep(tmp_path / "new", "kept", ["content"], never)
    assert isinstance(again, np.memmap)
    np.testing.assert_array_equal(again, first)
    np.testing.assert_array_equal(again, INPUTS)
    pd.testing.assert_frame_equal(index, INDEX)


def test_other_content_is_another_array(tmp_path):
    keep(tmp_path, "kept", ["content", 1], lambda: (INPUTS, INDEX))
    other, _ = keep(tmp_path, "kept", ["content", 2], lambda: (INPUTS + 1, INDEX))
    np.testing.assert_array_equal(other, INPUTS + 1)


def test_an_interrupted_write_leaves_nothing_that_counts(tmp_path, monkeypatch):
    def interrupted(file, array):
        file.write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(np, "save", interrupted)
        with pytest.raises(KeyboardInterrupt):
            keep(tmp_path, "kept", [], lambda: (INPUTS, INDEX))
    assert not list(tmp_path.glob("*.npy"))
    np.testing.assert_array_equal(keep(tmp_path, "kept", [], lambda: (INPUTS, INDEX))[0], INPUTS)


def test_nothing_is_kept_without_a_folder():
    assert keep(None, "kept", [], lambda: (INPUTS, INDEX)) == (INPUTS, INDEX)


def test_a_full_disk_is_told_before_writing(tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 1})()
    monkeypatch.setattr(ingest_module.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(DiskError, match="MB free"):
        keep(tmp_path, "kept", [], lambda: (INPUTS, INDEX))
    assert list(tmp_path.iterdir()) == []


def fill(array):
    array[:] = INPUTS


def test_a_filled_array_is_opened_and_not_filled_again(tmp_path):
    first = keep_filled(tmp_path / "new", "kept", ["content"], (3, 2), fill)
    again = keep_filled(tmp_path / "new", "kept", ["content"], (3, 2), never)
    assert isinstance(again, np.memmap)
    for found in (first, again, keep_filled(None, "kept", [], (3, 2), fill)):
        np.testing.assert_array_equal(found, INPUTS)
        assert found.dtype == np.float32


def test_an_interrupted_filling_leaves_nothing(tmp_path):
    def interrupted(array):
        array[0] = 1
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        keep_filled(tmp_path, "kept", [], (3, 2), interrupted)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_before_filling(tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 1})()
    monkeypatch.setattr(ingest_module.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(DiskError, match="MB free"):
        keep_filled(tmp_path, "kept", [], (3, 2), never)
