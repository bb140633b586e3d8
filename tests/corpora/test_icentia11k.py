"""Both published layouts of Icentia11k give the same recordings, and a damaged part costs only itself."""

import gzip
import pickle
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgrepro.corpora import icentia11k
from ecgrepro.corpora.ingest import ingest
from ecgrepro.corpora.record import Record
from ecgrepro.corpora.synthetic_writers import wfdb_annotations
from ecgrepro.errors import InputError, SettingsError

NULL, END, NOISE, NSR, AFIB, AFLUTTER = range(6)


def records(source, **options):
    reader = icentia11k.Reader(source, **options)
    return {record.record_id: record for unit in reader.units() for record in reader.read(unit)}


@pytest.fixture
def physionet(published, tmp_path):
    return shutil.copytree(published / "icentia11k_wfdb", tmp_path / "physionet")


@pytest.fixture
def torrent(published, tmp_path):
    folder = tmp_path / "torrent"
    folder.mkdir()
    for path in (published / "icentia11k_torrent").glob("0000[01]*"):
        shutil.copy(path, folder)
    return folder


def load(path):
    return pickle.loads(gzip.decompress(path.read_bytes()))


def dump(path, value):
    path.write_bytes(gzip.compress(pickle.dumps(value), 1))


def test_both_layouts_give_the_same_signals_and_beats(published):
    torrent, physionet = (records(published / f"icentia11k_{layout}") for layout in ("torrent", "wfdb"))
    assert list(torrent) == list(physionet)
    assert len(torrent) == 12
    for record_id, first in torrent.items():
        second = physionet[record_id]
        assert (first.patient_id, first.fs, first.leads) == (second.patient_id, second.fs, second.leads)
        for name in ("signal", "gain", "baseline", "beat_positions", "beat_classes"):
            np.testing.assert_array_equal(getattr(first, name), getattr(second, name), err_msg=name)


def test_both_layouts_give_the_same_rhythms_but_for_noise(published):
    torrent, physionet = (records(published / f"icentia11k_{layout}") for layout in ("torrent", "wfdb"))
    found = set()
    for record_id, first in torrent.items():
        second = physionet[record_id]
        np.testing.assert_array_equal(first.rhythm_positions, second.rhythm_positions)
        known = np.where(first.rhythm_classes < NSR, NULL, first.rhythm_classes)
        np.testing.assert_array_equal(known, second.rhythm_classes)
        found |= set(first.rhythm_classes.tolist())
    assert len(found) >= 3
    assert NOISE in found


def ends(*annotations):
    samples, notes = zip(*annotations, strict=True) if annotations else ((), ())
    positions, classes = icentia11k.rhythm_ends(np.array(samples, np.int64), list(notes))
    assert (positions.dtype, classes.dtype) == (np.int64, np.int8)
    return list(zip(positions.tolist(), classes.tolist(), strict=True))


def test_a_run_reaches_from_its_opening_to_its_closing_beat():
    beats = [(10, "None"), (20, "None"), (20, "(AFIB"), (30, "None"), (40, "None"), (40, ")"), (50, "None")]
    assert ends(*beats) == [(10, NULL), (20, AFIB), (30, AFIB), (40, AFIB), (50, NULL)]


@pytest.mark.parametrize(("note", "rhythm"), [("(N)", NSR), ("(AFIB)", AFIB), ("(AFL)", AFLUTTER)])
def test_a_run_of_one_beat_is_that_beat_alone(note, rhythm):
    beats = [(10, "None"), (20, "None"), (20, note), (30, "None")]
    assert ends(*beats) == [(10, NULL), (20, rhythm), (30, NULL)]


def test_a_rhythm_may_follow_another_at_the_next_beat():
    beats = [
        (10, "None"),
        (10, "(N"),
        (20, "None"),
        (20, ")"),
        (30, "None"),
        (30, "(AFL"),
        (40, "None"),
        (40, ")"),
    ]
    assert ends(*beats) == [(10, NSR), (20, NSR), (30, AFLUTTER), (40, AFLUTTER)]


def test_the_order_of_a_beat_and_its_rhythm_note_does_not_matter():
    beats = [(10, "(N"), (10, "None"), (20, ")"), (20, "None"), (30, "(AFIB)"), (30, "None"), (40, "None")]
    assert ends(*beats) == [(10, NSR), (20, NSR), (30, AFIB), (40, NULL)]


def test_a_rhythm_that_is_not_closed_lasts_to_the_end():
    assert ends((10, "(N"), (20, "None"), (30, "None")) == [(10, NSR), (20, NSR), (30, NSR)]


def test_no_annotation_gives_no_rhythm():
    assert ends() == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([NULL, END, NOISE, NSR, AFIB, AFLUTTER]), max_size=30))
def test_rhythms_survive_the_way_through_wfdb_notes(rhythms):
    positions = 100 * np.arange(1, len(rhythms) + 1)
    rhythms = np.array(rhythms, np.int8)
    record = Record("p00000_s00", "00000", np.zeros((1, 1), np.int16), np.ones(1), np.zeros(1), 250.0, ("ecg",),
                    beat_positions=positions, beat_classes=np.ones(len(rhythms), np.int8),
                    rhythm_positions=positions, rhythm_classes=rhythms)  # fmt: skip
    samples, _, notes = wfdb_annotations(record)
    found_positions, found = icentia11k.rhythm_ends(samples, notes)
    np.testing.assert_array_equal(found_positions, positions)
    np.testing.assert_array_equal(found, np.where(rhythms < NSR, NULL, rhythms))


@pytest.mark.parametrize("layout", ["torrent", "wfdb"])
def test_only_the_first_patients_are_read_on_request(published, layout):
    found = records(published / f"icentia11k_{layout}", patients=2)
    assert sorted({record.patient_id for record in found.values()}) == ["00000", "00001"]
    assert len(found) == 4


@pytest.mark.parametrize("patients", [0, -1, "2", 1.5])
def test_an_impossible_number_of_patients_is_refused(published, patients):
    with pytest.raises(SettingsError, match=r"patients.*at least 1"):
        icentia11k.Reader(published / "icentia11k_wfdb", patients=patients)


def test_a_wrong_folder_is_told(published, tmp_path):
    with pytest.raises(InputError, match=r"NNNNN_batched.*neither"):
        icentia11k.Reader(published / "cinc2017")
    with pytest.raises(InputError, match="no such folder"):
        icentia11k.Reader(tmp_path / "nowhere")


@pytest.mark.parametrize("layout", ["torrent", "wfdb"])
def test_the_size_is_an_upper_bound_of_the_signals(published, layout):
    reader = icentia11k.Reader(published / f"icentia11k_{layout}")
    signals = sum(record.signal.nbytes for unit in reader.units() for record in reader.read(unit))
    assert signals <= reader.size() < 10 * signals


def test_a_segment_with_nan_is_set_aside_alone(torrent, tmp_path):
    path = torrent / "00001_batched.pkl.gz"
    signals = load(path)
    signals[0, 5:8] = np.nan
    dump(path, signals)
    corpus = ingest("icentia11k", torrent, tmp_path / "out", progress=False)
    assert corpus.index.record_id.tolist() == ["p00000_s00", "p00000_s01", "p00001_s01"]
    assert list(corpus.manifest["quarantined"]) == ["p00001_s00"]
    assert "3 samples NaN" in corpus.manifest["quarantined"]["p00001_s00"]


@pytest.mark.parametrize("lost", ["00001_batched.pkl.gz", "00001_batched_lbls.pkl.gz"])
def test_a_patient_with_a_lost_file_is_set_aside_alone(torrent, tmp_path, lost):
    (torrent / lost).unlink()
    corpus = ingest("icentia11k", torrent, tmp_path / "out", progress=False)
    assert corpus.index.record_id.tolist() == ["p00000_s00", "p00000_s01"]
    assert lost in corpus.manifest["quarantined"]["00001"]


def test_a_forbidden_object_costs_its_patient_alone(torrent, tmp_path):
    dump(torrent / "00000_batched_lbls.pkl.gz", [print, print])
    corpus = ingest("icentia11k", torrent, tmp_path / "out", progress=False)
    assert corpus.index.record_id.tolist() == ["p00001_s00", "p00001_s01"]
    assert "builtin" in corpus.manifest["quarantined"]["00000"]


WRONG_LABELS = {
    "no list": lambda labels: labels[0],
    "too few segments": lambda labels: labels[:1],
    "no dict": lambda labels: [[], []],
    "no rhythms": lambda labels: [{"btype": one["btype"]} for one in labels],
    "too few classes": lambda labels: [one | {"btype": one["btype"][:4]} for one in labels],
    "no list of classes": lambda labels: [one | {"rtype": 3} for one in labels],
    "fractions": lambda labels: [one | {"btype": [np.array([1.5])] * 5} for one in labels],
    "text": lambda labels: [one | {"btype": ["abc"] * 5} for one in labels],
    "lists of lists": lambda labels: [one | {"btype": [[[1], [2, 3]]] * 5} for one in labels],
}


@pytest.mark.parametrize("wrong", WRONG_LABELS)
def test_labels_of_another_structure_are_told(torrent, wrong):
    path = torrent / "00000_batched_lbls.pkl.gz"
    dump(path, WRONG_LABELS[wrong](load(path)))
    with pytest.raises(InputError, match="00000_batched_lbls"):
        icentia11k.Reader(torrent).read("00000")


def test_empty_index_arrays_may_be_of_any_type(torrent):
    path = torrent / "00000_batched_lbls.pkl.gz"
    labels = [{"btype": [np.empty(0), [], [7, 9], np.array([8], np.uint16), ()], "rtype": [[]] * 6}] * 2
    dump(path, labels)
    record = icentia11k.Reader(torrent).read("00000")[0]
    assert record.beat_positions.tolist() == [7, 8, 9]
    assert record.beat_classes.tolist() == [2, 3, 2]


@pytest.mark.parametrize("suffix", [".hea", ".dat"])
def test_a_segment_with_a_lost_file_is_set_aside_alone(physionet, tmp_path, suffix):
    (physionet / "p00" / "p00001" / f"p00001_s00{suffix}").unlink()
    corpus = ingest("icentia11k", physionet, tmp_path / "out", progress=False)
    assert len(corpus) == 11
    assert list(corpus.manifest["quarantined"]) == ["p00001_s00"]


def test_a_segment_without_annotations_has_no_events(physionet):
    (physionet / "p00" / "p00001" / "p00001_s00.atr").unlink()
    record = records(physionet)["p00001_s00"]
    assert len(record.beat_positions) == len(record.rhythm_positions) == 0


def test_adc_units_of_the_release_come_back_from_floats():
    adc = np.random.default_rng(0).integers(-32000, 32000, 1000).astype(np.int16)
    signal, gain = icentia11k.to_adc((adc / icentia11k.GAIN).astype(np.float32))
    assert gain == icentia11k.GAIN
    np.testing.assert_array_equal(signal, adc)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 440.0, 1e4])
def test_other_floats_keep_their_precision(scale):
    millivolts = np.random.default_rng(1).normal(size=1000) * scale
    signal, gain = icentia11k.to_adc(millivolts)
    np.testing.assert_allclose(signal / gain, millivolts, atol=np.abs(millivolts).max() / 32000)


def test_real_annotations_lie_on_the_r_peak(real, tmp_path):
    source = real("icentia11k")
    place = tmp_path / "p00" / "p00000"
    place.mkdir(parents=True)
    for path in source.glob("p00000_s00.*"):
        (place / path.name).symlink_to(path)
    corpus = ingest("icentia11k", tmp_path, tmp_path / "out", progress=False)
    assert corpus.manifest["counts"]["beats"] == {"undefined": 244, "normal": 6641}
    assert set(corpus.manifest["counts"]["rhythms"]) == {"null", "NSR"}
    positions, classes = corpus.beats
    inside = positions[(classes == 1) & (positions > 25) & (positions < corpus.index.n_samples[0] - 25)]
    windows = corpus.signal(0)[inside[:, None] + np.arange(-25, 26), 0].astype(float)
    offsets = np.abs(windows - np.median(windows, axis=1, keepdims=True)).argmax(axis=1) - 25
    assert np.median(np.abs(offsets)) == 0


def test_segments_saved_without_their_folders_are_read(published, tmp_path):
    source = published / "icentia11k_wfdb"
    for path in source.glob("p00/p0000[01]/*"):
        shutil.copy(path, tmp_path)
    flat, whole = (icentia11k.Reader(folder, patients=1) for folder in (tmp_path, source))
    assert flat.units() == whole.units() == ["p00000_s00", "p00000_s01"]
    for unit in flat.units():
        (one,), (other,) = flat.read(unit), whole.read(unit)
        assert one.patient_id == other.patient_id == "00000"
        np.testing.assert_array_equal(one.signal, other.signal)
    assert len(icentia11k.Reader(tmp_path).units()) == 4
