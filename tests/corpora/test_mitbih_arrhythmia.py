"""MIT-BIH's annotation codes become five classes, and 201 and 202 stay together."""

import numpy as np
import pytest

from ecgrepro.corpora import mitbih_arrhythmia
from ecgrepro.corpora.ingest import ingest
from ecgrepro.corpora.record import BEAT_CLASSES
from ecgrepro.errors import InputError

#: What each beat code of PhysioBank stands for, by class.
EXPECTED = {"normal": "NLRejnB", "PAC": "AJS", "aberrated": "a", "PVC": "VE", "undefined": "Q/fF!?"}
NO_BEATS = '+~|"[]x'


@pytest.mark.parametrize("name", EXPECTED)
def test_codes_become_classes(name, write_beats):
    path, _ = write_beats(symbols=EXPECTED[name].replace("!", "").replace("?", ""))
    (record,) = mitbih_arrhythmia.Reader(path.parent).read("100")
    assert set(record.beat_classes.tolist()) == {BEAT_CLASSES.index(name)}
    assert {mitbih_arrhythmia.BEAT_CODES[code] for code in EXPECTED[name]} == {BEAT_CLASSES.index(name)}


def test_no_other_code_is_a_beat(write_beats):
    assert set(mitbih_arrhythmia.BEAT_CODES) == set("".join(EXPECTED.values()))
    path, _ = write_beats(symbols="N" + NO_BEATS + "V")
    (record,) = mitbih_arrhythmia.Reader(path.parent).read("100")
    assert record.beat_positions.tolist() == [200, 200 * (len(NO_BEATS) + 2)]
    assert record.beat_classes.tolist() == [1, 4]


def test_signal_and_beats_come_back(write_beats):
    path, signal = write_beats(symbols="NAVaQ")
    (record,) = mitbih_arrhythmia.Reader(path.parent).read("100")
    np.testing.assert_array_equal(record.signal, signal)
    assert (record.record_id, record.fs, record.leads) == ("100", 360.0, ("MLII", "V5"))
    assert record.beat_positions.tolist() == [200, 400, 600, 800, 1000]
    assert record.beat_classes.tolist() == [1, 2, 4, 3, 0]
    assert len(record.rhythm_positions) == 0


def test_201_and_202_are_one_patient(write_beats, tmp_path):
    for name in ("200", "201", "202", "203"):
        path, _ = write_beats(name)
    corpus = ingest("mitbih_arrhythmia", path.parent, tmp_path / "out", progress=False)
    assert corpus.index.patient_id.tolist() == ["200", "201", "201", "203"]
    groups = corpus.groups()
    assert groups[1] == groups[2]
    assert len(set(groups)) == 3


def test_records_without_annotation_or_signal_are_set_aside(write_beats, tmp_path):
    for name in ("100", "101", "102"):
        path, _ = write_beats(name)
    (path.parent / "101.atr").unlink()
    (path.parent / "102.dat").write_bytes(b"")
    corpus = ingest("mitbih_arrhythmia", path.parent, tmp_path / "out", progress=False)
    assert corpus.index.record_id.tolist() == ["100"]
    assert set(corpus.manifest["quarantined"]) == {"101", "102"}
    assert "101.atr" in corpus.manifest["quarantined"]["101"]


def test_the_size_is_that_of_the_signals(write_beats):
    path, signal = write_beats()
    assert mitbih_arrhythmia.Reader(path.parent).size() == pytest.approx(signal.nbytes, rel=0.01)


def test_a_wrong_folder_is_told_before_anything_is_written(published, tmp_path):
    with pytest.raises(InputError, match="WFDB records"):
        ingest("mitbih_arrhythmia", published / "icentia11k_torrent", tmp_path / "out", progress=False)
    assert list(tmp_path.iterdir()) == []


def test_the_real_set_is_whole(real, tmp_path):
    corpus = ingest("mitbih_arrhythmia", real("mitbih_arrhythmia"), tmp_path / "out", progress=False)
    assert len(corpus) == 48
    assert corpus.index.patient_id.nunique() == 47
    assert corpus.manifest["quarantined"] == {}
    assert set(corpus.index.n_samples) == {650_000}
    # sums of the database's own table of annotation codes
    assert corpus.manifest["counts"]["beats"] == {
        "undefined": 33 + 7028 + 982 + 803 + 472, "normal": 75_052 + 8_075 + 7_259 + 16 + 229,
        "PAC": 2_546 + 83 + 2, "aberrated": 150, "PVC": 7_130 + 106,
    }  # fmt: skip
