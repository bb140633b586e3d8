"""Annotation files: the same as `wfdb` reads, and every kind of damage told."""

import numpy as np
import pandas as pd
import pytest
import wfdb
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgrepro.corpora.wfdb_annotations import OwnCodesError, decode_annotations

CODES = sorted('NLRaVFJASEj/Q~|sT*D"=pB^t+u?![]en@xf()r')


def write(folder, samples, symbols, **fields):
    wfdb.wrann("made", "atr", np.array(samples), list(symbols), write_dir=str(folder), **fields)
    return (folder / "made.atr").read_bytes()


def same_as_wfdb(folder, data):
    samples, symbols, notes = decode_annotations(data)
    expected = wfdb.rdann(str(folder / "made"), "atr")
    assert samples.dtype == np.int64
    assert samples.tolist() == expected.sample.tolist()
    assert symbols == list(expected.symbol)
    assert notes == [(note or "").strip("\0 ") for note in expected.aux_note]


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(1, 5000) | st.sampled_from([1023, 1024, 70_000, 2**24]), st.sampled_from(CODES),
                          st.text("(ABFIL)xyz", max_size=9)), min_size=1, max_size=30))  # fmt: skip
def test_annotations_are_those_of_wfdb(tmp_path_factory, found):
    folder = tmp_path_factory.mktemp("made")
    steps, symbols, notes = zip(*found, strict=True)
    data = write(folder, np.cumsum(steps), symbols, aux_note=list(notes))
    same_as_wfdb(folder, data)


@pytest.mark.parametrize("fields", [{"fs": 250.0}, {"num": np.array([1, 2, 3])}, {"chan": np.array([0, 1, 1])},
                                    {"subtype": np.array([0, -1, 2])}])  # fmt: skip
def test_fields_beside_code_and_note_change_nothing(tmp_path, fields):
    same_as_wfdb(tmp_path, write(tmp_path, [28, 500, 90_000], "NVA", **fields))


def test_codes_of_its_own_are_left_to_wfdb(tmp_path):
    own = pd.DataFrame({"label_store": [45], "symbol": ["Y"], "description": ["mine"]})
    data = write(tmp_path, [28, 500], "NY", custom_labels=own)
    with pytest.raises(OwnCodesError):
        decode_annotations(data)


@pytest.mark.parametrize(("data", "words"), [
    (b"", "two zero bytes"),
    (b"\x00", "odd number"),
    (b"\x10\x04", "two zero bytes"),
    (b"\x10\x04\x00\x00\x10\x04\x00\x00", "behind the end"),
    (b"\x10\xec\x01\x00", "a skip that runs over the end"),
    (b"\x10\x04\x09\xfcAFIB", "a note of 9 bytes"),
    (b"\x04\xfcAFIB\x00\x00", "a note of 4 bytes"),
    (b"\x10\xb4\x00\x00", r"codes \[45\]"),
])  # fmt: skip
def test_damage_is_told(data, words):
    with pytest.raises(ValueError, match=words):
        decode_annotations(data)


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_any_bytes_are_annotations_or_a_value_error(data):
    try:
        samples, symbols, notes = decode_annotations(data)
    except ValueError:
        return
    assert len(samples) == len(symbols) == len(notes) <= len(data) / 2
