"""MIT-BIH's annotation codes become five classes, rhythm notes marks at beats, and 201 and 202 stay together."""

from collections import Counter

import numpy as np
import pytest
import wfdb

from ecgrepro.corpora import icentia11k, mitbih_arrhythmia
from ecgrepro.corpora.ingest import ingest
from ecgrepro.corpora.mitbih_arrhythmia import RHYTHM_CODES, rhythm_classes
from ecgrepro.corpora.record import BEAT_CLASSES, RHYTHM_CLASSES
from ecgrepro.corpora.registry import open_reader
from ecgrepro.corpora.wfdb_files import read_events
from ecgrepro.errors import InputError, SettingsError

#: What each beat code of PhysioBank stands for, by class.
EXPECTED = {"normal": "NLRejnB", "PAC": "AJS", "aberrated": "a", "PVC": "VE", "undefined": "Q/fF!?"}
NO_BEATS = '+~|"[]x'
#: The rhythms that Icentia11k has a class for, by their notes here.
NAMED = {"(N": "NSR", "(AFIB": "AFib", "(AFL": "AFlutter"}


@pytest.fixture
def write_rhythms(write_beats):
    """A function that writes a record with these annotations, (sample, code, note) each, and returns its path."""

    def write(annotations, name="100"):
        path, _ = write_beats(name, symbols="N" * 9)
        samples, symbols, notes = zip(*annotations, strict=True)
        wfdb.wrann(
            name, "atr", np.array(samples), list(symbols), aux_note=list(notes), write_dir=str(path.parent)
        )
        return path

    return write


def marks(path):
    (record,) = mitbih_arrhythmia.Reader(path.parent, rhythms=True).read(path.name)
    assert record.rhythm_classes.dtype == np.int8
    classes = [RHYTHM_CLASSES[rhythm] for rhythm in record.rhythm_classes]
    return list(zip(record.rhythm_positions.tolist(), classes, strict=True))


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


def test_a_rhythm_lasts_from_its_note_to_the_next_and_is_marked_at_each_beat(write_rhythms):
    path = write_rhythms([
        (10, "+", "(N"), (200, "N", ""), (400, "V", ""), (450, "~", ""), (500, "+", "(AFIB"), (600, "N", ""),
        (800, "N", ""), (850, '"', "MISSB"), (900, "+", "(B"), (1000, "V", ""), (1100, "+", "(AFL"), (1200, "N", ""),
    ])  # fmt: skip
    assert marks(path) == [
        (200, "NSR"), (400, "NSR"), (600, "AFib"), (800, "AFib"), (1000, "null"), (1200, "AFlutter")
    ]  # fmt: skip


def test_a_note_at_a_beat_counts_for_it_and_the_last_of_several_wins(write_rhythms):
    path = write_rhythms([
        (200, "N", ""), (300, "+", "(AFIB"), (350, "+", "(N"), (400, "N", ""), (600, "+", "(AFIB"), (600, "N", ""),
        (800, "N", ""), (800, "+", "(N"),
    ])  # fmt: skip
    assert marks(path) == [(200, "null"), (400, "NSR"), (600, "AFib"), (800, "NSR")]


@pytest.mark.parametrize("note", RHYTHM_CODES)
def test_only_three_rhythms_have_a_class(write_rhythms, note):
    assert marks(write_rhythms([(10, "+", note), (200, "N", "")])) == [(200, NAMED.get(note, "null"))]


def test_rhythms_are_marked_as_icentia11k_marks_them():
    # there a run of beats is opened by a note at its first beat and closed by one at its last
    beats = np.arange(1, 7) * 100
    theirs = icentia11k.rhythm_ends(
        np.array([100, 100, 200, 200, 300, 400, 400, 500, 600, 600]),
        ["(N", "", "", ")", "", "(AFIB", "", "", "", ")"],
    )
    ours = rhythm_classes(
        beats, np.array([20, 250, 350]), [RHYTHM_CODES[note] for note in ("(N", "(B", "(AFIB")]
    )
    np.testing.assert_array_equal(theirs[0], beats)
    np.testing.assert_array_equal(theirs[1], ours)


def test_rhythms_are_dropped_unless_asked_for(write_rhythms, tmp_path):
    path = write_rhythms([(10, "+", "(N"), (200, "N", ""), (400, "V", "")])
    plain, marked = (
        ingest("mitbih_arrhythmia", path.parent, tmp_path / name, progress=False, **options)
        for name, options in {"plain": {}, "rhythms": {"rhythms": True}}.items()
    )
    assert (plain.manifest["options"], marked.manifest["options"]) == ({}, {"rhythms": True})
    assert (len(plain.rhythms[0]), len(marked.rhythms[0])) == (0, 2)
    assert plain.fingerprint != marked.fingerprint
    for ours, theirs in zip(marked.beats, plain.beats, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(SettingsError, match="no corpus, or one of"):
        ingest("mitbih_arrhythmia", path.parent, tmp_path / "plain", progress=False, rhythms=True)


@pytest.mark.parametrize("note", ["(AFIBX", "(", "AFIB", ""])
def test_a_rhythm_that_the_database_does_not_have_sets_the_record_aside(write_rhythms, tmp_path, note):
    write_rhythms([(10, "+", "(N"), (200, "N", "")], "101")
    path = write_rhythms([(10, "+", note), (200, "N", "")])
    corpus = ingest("mitbih_arrhythmia", path.parent, tmp_path / "out", progress=False, rhythms=True)
    assert corpus.index.record_id.tolist() == ["101"]
    assert f"got {note!r}" in corpus.manifest["quarantined"]["100"]


def test_a_set_without_rhythms_has_no_such_option(write_beats):
    with pytest.raises(SettingsError, match="data set svdb"):
        open_reader("svdb", write_beats()[0].parent, rhythms=True)


@pytest.mark.parametrize("options", [{}, {"rhythms": True}])
def test_201_and_202_are_one_patient(write_beats, tmp_path, options):
    for name in ("200", "201", "202", "203"):
        path, _ = write_beats(name, symbols="NNVA")
    corpus = ingest("mitbih_arrhythmia", path.parent, tmp_path / "out", progress=False, **options)
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
    # what committed results were made from: their trials name this fingerprint
    assert corpus.fingerprint == "45d0d6c40f91ba33a23293c3a8dd1a29be6b124790c8a6bce41a67b9fc44dec2"


def test_the_real_rhythms_are_those_that_the_module_tells_of(real, tmp_path):
    source = real("mitbih_arrhythmia")
    notes = Counter()
    for header in source.glob("*.hea"):
        beats = mitbih_arrhythmia.Reader(source).read(header.stem)[0].beat_positions
        samples, symbols, texts = read_events(header.with_suffix(""))
        found = [
            (sample, text) for sample, code, text in zip(samples, symbols, texts, strict=True) if code == "+"
        ]
        notes.update(text.removeprefix("(") for _, text in found)
        # beats ahead of each note: none of the first, more of each than of the one before
        ahead = np.searchsorted(beats, [sample for sample, _ in found])
        assert ahead[0] == 0
        assert (np.diff(np.append(ahead, len(beats))) > 0).all()
        assert not np.isin(beats, [sample for sample, _ in found]).any()
    told = " ".join(mitbih_arrhythmia.__doc__.split())
    assert f"{notes.total():,} notes: {', '.join(f'{note} {n}' for note, n in notes.most_common())}." in told
    assert {f"({note}" for note in notes} == set(RHYTHM_CODES)


def test_the_real_marks_are_those_that_the_module_tells_of(real, tmp_path):
    source = real("mitbih_arrhythmia")
    plain = ingest("mitbih_arrhythmia", source, tmp_path / "plain", progress=False)
    corpus = ingest("mitbih_arrhythmia", source, tmp_path / "rhythms", progress=False, rhythms=True)
    for ours, theirs in zip(corpus.beats, plain.beats, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(corpus.rhythms[0], corpus.beats[0])
    np.testing.assert_array_equal(corpus.index.sha256, plain.index.sha256)
    np.testing.assert_array_equal(corpus.groups(), plain.groups())
    people = {name: set() for name in RHYTHM_CLASSES}
    for i, patient in enumerate(corpus.index.patient_id):
        for rhythm in np.unique(corpus.events("rhythms", i)[1]):
            people[RHYTHM_CLASSES[rhythm]].add(patient)
    counts = corpus.manifest["counts"]["rhythms"]
    (first, n), *others = counts.items()
    words = [f"{name} {count:,} of {len(people[name])}" for name, count in others]
    told = (
        f"{sum(counts.values()):,} beats: {first} {n:,} of {len(people[first])} people, {', '.join(words)}."
    )
    assert told in " ".join(mitbih_arrhythmia.__doc__.split())
