"""Prepared arrays are made once, appear whole, and are told apart by their content."""

import numpy as np
import pandas as pd
import pytest

from ecgrepro.corpora import ingest as ingest_module
from ecgrepro.errors import DiskError
from ecgrepro.frames.kept_arrays import keep

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
