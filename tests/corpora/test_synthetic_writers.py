"""The published layouts: what is written is what the readers, wfdb, scipy and pickle expect."""

import errno
import gzip
import hashlib
import pickle
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import wfdb
from scipy.io import loadmat

from ecgrepro.corpora import butqdb, challenge, cinc2017, icentia11k, nstdb, ptbxl
from ecgrepro.corpora.quality import check_record
from ecgrepro.corpora.synthetic import simulate_handheld, simulate_holter
from ecgrepro.corpora.synthetic_cinc2017 import (
    EARLIER_LABELS,
    earlier_labels,
    handheld_records,
    write_cinc2017,
)
from ecgrepro.corpora.synthetic_writers import (
    SEGMENT_SAMPLES,
    holter_patients,
    wfdb_annotations,
    write_demo_data,
    write_icentia11k_torrent,
    write_icentia11k_wfdb,
)
from ecgrepro.errors import DiskError, SettingsError

PATIENTS, SEGMENTS, SAMPLES, RECORDS = 3, 2, 20_000, 120


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def demo(tmp_path_factory, told):
    return write_demo_data(
        tmp_path_factory.mktemp("made") / "demo",
        patients=PATIENTS, segments=SEGMENTS, samples=SAMPLES, records=RECORDS, seed=1,
        progress=lambda *step: told.append(step),
    )  # fmt: skip


def unpickle(path):
    with gzip.open(path) as file:
        return pickle.load(file)


def digests(folder):
    files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def same(first, second):
    for name in ("signal", "gain", "baseline", "beat_positions", "beat_classes"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), err_msg=name)
    assert (first.fs, first.leads, first.patient_id) == (second.fs, second.leads, second.patient_id)


def test_demo_holds_three_layouts_and_says_that_it_is_synthetic(demo):
    assert {path.name for path in demo.iterdir()} == {
        "icentia11k_torrent", "icentia11k_wfdb", "cinc2017", "README.txt",
    }  # fmt: skip
    assert "synthetic" in (demo / "README.txt").read_text()


def test_demo_reports_progress(demo, told):
    assert told[PATIENTS - 1] == ("icentia11k_torrent", PATIENTS, PATIENTS)
    assert told[-1] == ("cinc2017", RECORDS, RECORDS)
    assert len(told) == 2 * PATIENTS + RECORDS


ALL = {"patients": 1, "segments": 1, "samples": 1000, "records": 1}


def test_all_layouts_are_added_on_request_and_change_nothing_else(tmp_path):
    told = []
    few = write_demo_data(tmp_path / "few", **ALL, seed=3)
    everything = write_demo_data(
        tmp_path / "all", **ALL, seed=3, all_layouts=True, twelve_lead_records=8, quality_seconds=12,
        progress=lambda *step: told.append(step),
    )  # fmt: skip
    before, after = digests(few), digests(everything)
    assert {name for name in before if before[name] != after[name]} == {"README.txt"}
    names = ("ptbxl", "challenge2021/georgia", "challenge2021/ptb-xl", "butqdb", "nstdb")
    readme = (everything / "README.txt").read_text()
    assert all(f"{name}/" in readme for name in names)
    readers = (
        ptbxl.Reader(everything / "ptbxl"),
        ptbxl.Reader(everything / "ptbxl", fs=500),
        challenge.Reader("georgia", everything / "challenge2021"),
        challenge.Reader("challenge_ptbxl", everything / "challenge2021"),
        butqdb.Reader(everything / "butqdb"),
        nstdb.Reader(everything / "nstdb"),
    )
    assert [len(reader.units()) for reader in readers] == [8, 8, 8, 8, 12, 15]
    for reader in readers:
        check_record(reader.read(reader.units()[0])[0])
    assert ("georgia", 8, 8) in told
    assert ("butqdb", 12, 12) in told
    assert told[-1] == ("nstdb", 1, 1)


def test_same_seed_gives_the_same_bytes(demo, tmp_path):
    arguments = {"patients": PATIENTS, "segments": SEGMENTS, "samples": SAMPLES, "records": RECORDS}
    again = write_demo_data(tmp_path / "again", **arguments, seed=1)
    other = write_demo_data(tmp_path / "other", **arguments, seed=2)
    assert digests(again) == digests(demo)
    assert (
        digests(other)["icentia11k_torrent/00000_batched.pkl.gz"]
        != digests(demo)["icentia11k_torrent/00000_batched.pkl.gz"]
    )


def test_torrent_pickles_have_the_published_structure(demo):
    signals = unpickle(demo / "icentia11k_torrent" / "00001_batched.pkl.gz")
    labels = unpickle(demo / "icentia11k_torrent" / "00001_batched_lbls.pkl.gz")
    assert signals.shape == (SEGMENTS, SAMPLES)
    assert signals.dtype.kind == "f"
    assert isinstance(labels, list)
    assert len(labels) == SEGMENTS
    for segment in labels:
        assert set(segment) == {"btype", "rtype"}
        assert (len(segment["btype"]), len(segment["rtype"])) == (5, 6)
        # the publisher's converter expects a rhythm for every beat
        beats, rhythms = (np.sort(np.concatenate(segment[key])) for key in ("btype", "rtype"))
        np.testing.assert_array_equal(beats, rhythms)


def test_published_segment_length_is_the_default():
    assert SEGMENT_SAMPLES == 2**20 + 1
    assert holter_patients.__defaults__ == (SEGMENT_SAMPLES,)


def test_torrent_reader_gets_back_the_simulated_records(demo):
    reader = icentia11k.Reader(demo / "icentia11k_torrent")
    assert reader.units() == ["00000", "00001", "00002"]
    for segment, record in enumerate(reader.read("00002")):
        simulated = simulate_holter(1, 2, SAMPLES, segment)
        same(record, simulated)
        assert record.record_id == simulated.record_id
        np.testing.assert_array_equal(record.rhythm_positions, simulated.rhythm_positions)
        np.testing.assert_array_equal(record.rhythm_classes, simulated.rhythm_classes)


def test_physionet_reader_gets_back_signal_and_beats(demo):
    reader = icentia11k.Reader(demo / "icentia11k_wfdb")
    for segment in range(SEGMENTS):
        (record,) = reader.read(f"p00001_s{segment:02d}")
        same(record, simulate_holter(1, 1, SAMPLES, segment))


def test_header_is_in_the_published_form_with_its_checksum(demo):
    place = demo / "icentia11k_wfdb" / "p00" / "p00000"
    signal = simulate_holter(1, 0, SAMPLES, 1).signal[:, 0]
    # WFDB's checksum is the sum of the samples as a signed 16-bit number
    checksum = int(signal.sum(dtype=np.int64).astype(np.int16))
    first, second = (place / "p00000_s01.hea").read_text().splitlines()
    assert first == f"p00000_s01 1 250 {SAMPLES}"
    stated = second.split()
    fields = ["p00000_s01.dat", "16", "74.36482269503546(0)/mV", "16", "0", str(signal[0]), "0", "ecg"]
    assert int(stated.pop(6)) % 65536 == checksum % 65536
    assert stated == fields


def test_wfdb_reads_signal_and_annotation(demo):
    path = str(demo / "icentia11k_wfdb" / "p00" / "p00002" / "p00002_s00")
    simulated = simulate_holter(1, 2, SAMPLES, 0)
    record, annotation = wfdb.rdrecord(path), wfdb.rdann(path, "atr")
    np.testing.assert_allclose(record.p_signal, simulated.millivolts())
    assert annotation.fs == 250
    symbols = np.array(annotation.symbol)
    np.testing.assert_array_equal(annotation.sample[symbols != "+"], simulated.beat_positions)
    np.testing.assert_array_equal(symbols[symbols != "+"], np.array(list("QNSaV"))[simulated.beat_classes])
    assert set(np.array(annotation.aux_note)[symbols != "+"]) == {"None"}


def test_rhythm_notes_enclose_runs_of_beats():
    record = simulate_holter(1, 0, SAMPLES)
    positions = np.arange(9) * 200 + 50
    rhythms = np.array([3, 3, 2, 4, 4, 4, 5, 3, 3], np.int8)
    record = type(record)(
        "p00000_s00", "00000", record.signal, record.gain, record.baseline, 250.0, ("ecg",),
        beat_positions=positions, beat_classes=np.ones(9, np.int8),
        rhythm_positions=positions, rhythm_classes=rhythms,
    )  # fmt: skip
    samples, symbols, notes = wfdb_annotations(record)
    marks = [(sample, note) for sample, note in zip(samples, notes, strict=True) if note != "None"]
    assert marks == [
        (50, "(N"), (250, ")"), (650, "(AFIB"), (1050, ")"), (1250, "(AFL)"), (1450, "(N"), (1650, ")"),
    ]  # fmt: skip
    # as published, the first beat comes before the rhythm mark at the same sample
    assert (samples[:2].tolist(), symbols[:2]) == ([50, 50], ["N", "+"])


def test_a_segment_without_beats_has_no_annotation_file(tmp_path):
    record = simulate_holter(1, 0, SAMPLES)
    silent = type(record)("p01000_s00", "01000", record.signal, record.gain, record.baseline, 250.0, ("ecg",))
    write_icentia11k_wfdb(tmp_path / "out", [(1000, [silent])])
    written = {path.name for path in (tmp_path / "out" / "p01" / "p01000").iterdir()}
    assert written == {"p01000_s00.hea", "p01000_s00.dat"}


def test_mat_files_hold_val_in_int16(demo):
    simulated = simulate_handheld(1, 4)
    path = demo / "cinc2017" / "training2017" / "A00005.mat"
    value = loadmat(path)["val"]
    assert value.dtype == np.int16
    np.testing.assert_array_equal(value, simulated.signal.T)
    # 24 bytes of MAT v4 header, as `16+24` in the .hea says
    assert path.stat().st_size == 24 + 2 * len(simulated.signal)
    np.testing.assert_array_equal(np.frombuffer(path.read_bytes()[24:], "<i2"), simulated.signal[:, 0])


def test_cinc_header_is_in_the_published_form(demo):
    simulated = simulate_handheld(1, 0)
    first, second, rest = (demo / "cinc2017" / "training2017" / "A00001.hea").read_bytes().split(b"\r\n")
    name, leads, fs, length, _, date, blank = first.decode().split(" ")
    assert (name, leads, fs, length) == ("A00001", "1", "300", str(len(simulated.signal)))
    assert (date, blank, rest) == ("1/05/2000", "", b"")
    assert second.decode() == f"A00001.mat 16+24 1000/mV 16 0 {simulated.signal[0, 0]} 0 0 ECG "
    record = wfdb.rdrecord(str(demo / "cinc2017" / "training2017" / "A00001"))
    np.testing.assert_allclose(record.p_signal, simulated.millivolts())


@pytest.mark.parametrize("revision", ["v0", "v2", "v3"])
def test_cinc_reader_reads_every_label_revision(demo, revision):
    reader = cinc2017.Reader(demo / "cinc2017", labels=revision)
    records = [record for unit in reader.units() for record in reader.read(unit)]
    assert len(records) == RECORDS
    simulated = {f"A{index + 1:05d}": simulate_handheld(1, index, fs=100).label for index in range(RECORDS)}
    changed = sum(record.label != simulated[record.record_id] for record in records)
    assert changed == 0 if revision == "v3" else 0 < changed < RECORDS // 5


def test_label_files_are_in_the_published_form(demo):
    folder = demo / "cinc2017"
    v3 = (folder / "REFERENCE-v3.csv").read_bytes()
    assert v3.count(b"\n") == RECORDS
    assert b"\r" not in v3
    assert (folder / "REFERENCE-v2.csv").read_bytes().startswith(b"data_source,class\r\nA00001,")
    assert (folder / "REFERENCE-v1-original.csv").read_bytes().count(b"\r\n") == RECORDS
    assert (folder / "training2017" / "RECORDS").read_text().split() == [
        f"A{i + 1:05d}" for i in range(RECORDS)
    ]
    inside = (folder / "training2017" / "REFERENCE.csv").read_text().splitlines()
    assert inside == (folder / "REFERENCE-v2.csv").read_text().splitlines()[1:]


def test_earlier_labels_differ_as_often_as_published():
    counts = cinc2017.PUBLISHED_COUNTS["v3"]
    labels = {f"{label}{i}": label for label, n in zip("NAO~", counts, strict=True) for i in range(n)}
    for revision, expected in (("v0", 412), ("v2", 148)):
        earlier = earlier_labels(labels, revision, seed=0)
        changed = sum(earlier[name] != label for name, label in labels.items())
        assert changed == pytest.approx(expected, abs=4)
        assert changed == pytest.approx(
            sum(sum(renamed.values()) for renamed in EARLIER_LABELS[revision].values()), abs=4
        )
        found = Counter(earlier.values())
        for label, published in zip("NAO~", cinc2017.PUBLISHED_COUNTS[revision], strict=True):
            assert found[label] == pytest.approx(published, abs=4)


def test_zip_reads_like_the_folder(tmp_path):
    folder = write_cinc2017(tmp_path / "out", handheld_records(0, 20), zipped=True)
    with zipfile.ZipFile(folder / "training2017.zip") as archive:
        assert "training2017/A00020.mat" in archive.namelist()
    zipped, plain = cinc2017.Reader(folder / "training2017.zip"), cinc2017.Reader(folder)
    assert zipped.units() == plain.units()
    np.testing.assert_array_equal(zipped.read("A00003")[0].signal, plain.read("A00003")[0].signal)


def test_an_empty_destination_is_accepted(tmp_path):
    (tmp_path / "out").mkdir()
    write_cinc2017(tmp_path / "out", handheld_records(0, 2))
    assert (tmp_path / "out" / "REFERENCE-v3.csv").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    "write",
    [
        lambda place: write_icentia11k_torrent(place, holter_patients(0, 1, 1, 1000)),
        lambda place: write_icentia11k_wfdb(place, holter_patients(0, 1, 1, 1000)),
        lambda place: write_cinc2017(place, handheld_records(0, 1)),
        lambda place: write_demo_data(place, patients=1, segments=1, samples=1000, records=1),
    ],
    ids=["torrent", "wfdb", "cinc2017", "demo"],
)
def test_a_destination_with_something_in_it_is_refused_and_left_alone(tmp_path, write):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(SettingsError, match="not exist yet or is empty"):
        write(tmp_path)
    with pytest.raises(SettingsError, match="a file"):
        write(tmp_path / "mine.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("ecgrepro.corpora.synthetic_writers.wfdb.wrann", full)
    with pytest.raises(DiskError, match=r"No space left.*Free some space"):
        write_demo_data(tmp_path / "demo", patients=1, segments=1, samples=1000, records=1)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_write_leaves_nothing(tmp_path):
    def interrupted():
        yield simulate_handheld(0, 0)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_cinc2017(tmp_path / "out", interrupted())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["patients", "segments", "samples", "records", "twelve_lead_records", "quality_seconds"]
)
def test_impossible_numbers_are_named(tmp_path, name):
    with pytest.raises(SettingsError) as caught:
        write_demo_data(tmp_path / "out", **{name: 0})
    assert caught.value.where == name
    assert list(tmp_path.iterdir()) == []
