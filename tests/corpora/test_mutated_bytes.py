"""Damaged files: whatever bytes change, a reader gives records that pass the checks, or an error naming the file.

Each data set is written once, small and valid. An example flips, inserts, deletes, duplicates or cuts off bytes of one
of its files (of what is inside, where it is compressed), and reads everything. More examples than the few of every
test run: ``ECGREPRO_MUTATIONS=2000 pytest tests/corpora/test_mutated_bytes.py``.
"""

import gzip
import io
import os
import pickle
import signal
import tracemalloc
import zipfile
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import wfdb
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgrepro.corpora.quality import check_record
from ecgrepro.corpora.record import Record
from ecgrepro.corpora.registry import DATA_SETS, open_reader
from ecgrepro.corpora.synthetic_butqdb import quality_cases, write_butqdb
from ecgrepro.corpora.synthetic_cinc2017 import write_cinc2017
from ecgrepro.corpora.synthetic_writers import write_icentia11k_torrent, write_icentia11k_wfdb
from ecgrepro.errors import InputError
from tests.corpora import challenge_folder, ptbxl_folder

EXAMPLES = int(os.environ.get("ECGREPRO_MUTATIONS", "40"))
#: Bounds for reading one data set of at most a few hundred kilobytes.
MOST_MEMORY, MOST_SECONDS = 48 * 2**20, 10


def noise(*seed, shape=(800, 1)):
    return np.random.default_rng(seed).integers(-900, 900, shape).astype(np.int16)


def holter(segment, n_samples=2000):
    beats = np.arange(180, n_samples, 200)
    signal, gain = noise(segment, shape=(n_samples, 1)), np.array([74.0])
    return Record(f"p00000_s{segment:02d}", "00000", signal, gain, np.zeros(1), 250.0, ("ecg",),
                  beat_positions=beats, beat_classes=np.resize(np.int8([1, 2, 4, 0]), len(beats)),
                  rhythm_positions=beats, rhythm_classes=np.full(len(beats), 3, np.int8))  # fmt: skip


def write_holter(folder, write):
    write(folder, [(0, [holter(0), holter(1)])])


def write_handheld(folder, zipped=False):
    gain, base = np.array([1000.0]), np.zeros(1)
    names = {"A00001": "N", "A00002": "~"}
    write_cinc2017(folder, (Record(name, "unknown", noise(3), gain, base, 300.0, ("ECG",), label=label)
                            for name, label in names.items()), zipped=zipped)  # fmt: skip
    if zipped:
        for path in (folder / "training2017").iterdir():
            path.unlink()
        (folder / "training2017").rmdir()


def write_beats(folder, names, fs, form="212"):
    folder.mkdir()
    for name in names:
        wfdb.wrsamp(name, fs, ["mV"] * 2, ["MLII", "V1"], d_signal=noise(4, shape=(801, 2)), fmt=[form] * 2,
                    adc_gain=[200.0] * 2, baseline=[0] * 2, write_dir=str(folder))  # fmt: skip
        wfdb.wrann(name, "atr", np.array([5, 200, 200, 500]), symbol=list("+NVA"),
                   aux_note=["(N", "", "", ""], write_dir=str(folder))  # fmt: skip


def write_twelve_leads(folder):
    for unit in ("E00001", "E00002"):
        challenge_folder.write(folder, unit)


def write_ptbxl(folder):
    folder.mkdir()
    ptbxl_folder.write(folder, [1, 2])


def write_quality(folder):
    write_butqdb(folder, quality_cases(0, 10, 1))


#: What is read, by a name of its own: data set, writer of a small valid folder, the reader's options.
CASES = {
    "cinc2017": ("cinc2017", write_handheld, {}),
    "cinc2017 zipped": ("cinc2017", partial(write_handheld, zipped=True), {}),
    "icentia11k torrent": ("icentia11k", partial(write_holter, write=write_icentia11k_torrent), {}),
    "icentia11k wfdb": ("icentia11k", partial(write_holter, write=write_icentia11k_wfdb), {}),
    "mitbih_arrhythmia": ("mitbih_arrhythmia", partial(write_beats, names=["100"], fs=360), {}),
    "svdb": ("svdb", partial(write_beats, names=["800"], fs=128), {}),
    "nstdb": ("nstdb", partial(write_beats, names=["bw", "118e00"], fs=360, form="16"), {}),
    "ptbxl": ("ptbxl", write_ptbxl, {}),
    "georgia": ("georgia", write_twelve_leads, {}),
    "butqdb": ("butqdb", write_quality, {}),
}


class Hang(BaseException):
    """Raised where reading takes too long; no `Exception`, which a reader might catch."""


@contextmanager
def time_limit():
    def stop(*_):
        raise Hang(f"more than {MOST_SECONDS} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(MOST_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def read_all(folder, name, options):
    """Read a folder unit by unit: records that passed the checks, and errors, which name what they are about."""
    records, errors = [], []
    try:
        reader = open_reader(name, folder, **options)
        units = reader.units()
        reader.size()
    except InputError as error:
        return records, [error]
    for unit in units:
        try:
            records += [check_record(record) for record in reader.read(unit)]
        except InputError as error:
            errors.append(error)
    return records, errors


def mutate(data, changes):
    """Apply changes (kind, place as a share of the length, count, value) to bytes, one after another."""
    for kind, share, count, value in changes:
        at = int(share * len(data))
        part = data[at : at + count]
        data = {
            "flip": data[:at] + bytes(byte ^ (value or 1) for byte in part) + data[at + count :],
            "insert": data[:at] + bytes([value]) * count + data[at:],
            "delete": data[:at] + data[at + count :],
            "duplicate": data[:at] + part + data[at:],
            "cut": data[:at],
        }[kind]
    return data


def mutate_inside(path, data, changes):
    """Mutate what a gzip file or the first file of a zip archive holds; other files as they are."""
    if path.endswith(".gz"):
        return gzip.compress(mutate(gzip.decompress(data), changes), 1)
    if path.endswith(".zip"):
        changed = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(changed, "w") as new:
            for place, name in enumerate(old.namelist()):
                new.writestr(name, old.read(name) if place else mutate(old.read(name), changes))
        return changed.getvalue()
    return mutate(data, changes)


CHANGE = st.tuples(
    st.sampled_from(["flip", "insert", "delete", "duplicate", "cut"]),
    # as often near the beginning, where formats keep what decides, as anywhere
    st.one_of(st.floats(0, 0.05), st.floats(0, 1)),
    st.sampled_from([1, 1, 2, 4, 40]),
    st.one_of(st.integers(0, 255), st.sampled_from(list(b"0-.,/#e9 \n\0\xff"))),
)


@pytest.fixture(scope="module")
def valid(tmp_path_factory):
    """A function from a name of `CASES` to its folder and its files' bytes by path, written once."""
    written = {}

    def get(case):
        if case not in written:
            folder = tmp_path_factory.mktemp("mutated") / "data"
            CASES[case][1](folder)
            files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
            written[case] = folder, {str(path.relative_to(folder)): path.read_bytes() for path in files}
        return written[case]

    return get


def test_every_reader_of_the_registry_is_tried():
    tried = {reader_of(name) for name, _, _ in CASES.values()}
    assert [name for name in DATA_SETS if reader_of(name) not in tried] == []


def reader_of(name):
    # the sources of the Challenge share one reader, to which each gives its name
    reader = DATA_SETS[name].reader
    return getattr(reader, "func", reader)


@pytest.mark.parametrize("case", CASES)
def test_the_data_sets_are_valid_before_they_are_damaged(valid, case):
    name, _, options = CASES[case]
    records, errors = read_all(valid(case)[0], name, options)
    assert records
    assert errors == []


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="needs the alarm signal to end a hang")
@pytest.mark.parametrize("case", CASES)
def test_mutated_bytes_end_in_records_or_in_an_error_that_names_the_file(valid, case):
    name, _, options = CASES[case]
    folder, files = valid(case)
    units = open_reader(name, folder, **options).units()

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None)
    @given(st.sampled_from(sorted(files)), st.lists(CHANGE, min_size=1, max_size=3), st.booleans())
    def check(path, changes, inside):
        change = mutate_inside if inside else lambda _, data, changes: mutate(data, changes)
        (folder / path).write_bytes(change(path, files[path], changes))
        try:
            with time_limit():
                _, errors = read_all(folder, name, options)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            (folder / path).write_bytes(files[path])
        assert peak < MOST_MEMORY
        known = [str(folder), *units, *(Path(file).name.split(".")[0] for file in files)]
        assert all(any(word in error.where for word in known) for error in errors), [e.where for e in errors]

    tracemalloc.start()
    try:
        check()
    finally:
        tracemalloc.stop()


@contextmanager
def little_memory(most=2 * 2**20):
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


@contextmanager
def changed(folder, files, path, data):
    (folder / path).write_bytes(data)
    try:
        yield
    finally:
        (folder / path).write_bytes(files[path])


def nested(depth=60):
    """A list of two lists that are one and the same, and so on: 2^60 items when unfolded."""
    value = [1]
    for _ in range(depth):
        value = [value, value]
    return value


@pytest.mark.parametrize(
    "labels", [nested(), [{"btype": [nested()] * 5, "rtype": []}] * 2], ids=["all", "one"]
)
def test_lists_that_share_lists_are_not_unfolded(valid, labels):
    folder, files = valid("icentia11k torrent")
    path = "00000_batched_lbls.pkl.gz"
    with changed(folder, files, path, gzip.compress(pickle.dumps(labels))), little_memory(), time_limit():
        _, (error,) = read_all(folder, "icentia11k", {})
    assert path in error.where


def test_samples_at_the_end_of_floats_are_no_other_exception(valid):
    folder, files = valid("icentia11k torrent")
    data = gzip.compress(pickle.dumps(np.resize([1e308, -1e308, 0.0], (2, 2000))))
    with changed(folder, files, "00000_batched.pkl.gz", data):
        records, errors = read_all(folder, "icentia11k", {})
    assert len(records) + len(errors) > 0


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("training2017/A00001.hea", b"1000/mV", b"1.0.0/mV"),
        ("training2017/A00001.hea", b"300 800", b"300 " + b"8" * 5000),
        ("training2017/A00001.hea", b"1000/mV", b"1000(" + b"8" * 5000 + b")/mV"),
        ("training2017/A00001.mat", b"\x1e", b"MATLAB 5.0 MAT-file"),
        ("training2017/A00001.mat", b"\x1e", bytes(2**20)),
        ("REFERENCE-v3.csv", b"A00001", b"A" * 200_000),
    ],
    ids=["a gain of two points", "a length of many digits", "a baseline of many digits", "a later MAT format",
         "a large file", "a large cell"],
)  # fmt: skip
def test_damage_to_a_handheld_recording_is_told_with_its_file(valid, path, old, new):
    folder, files = valid("cinc2017")
    assert old in files[path]
    with changed(folder, files, path, files[path].replace(old, new, 1)), little_memory(8 * 2**20):
        _, errors = read_all(folder, "cinc2017", {})
    assert Path(path).name in errors[0].where


@pytest.mark.parametrize(
    ("at", "value"), [(8, 0x01), (10, 99), (6, 0xFF)], ids=["encrypted", "method", "version"]
)
def test_a_zip_archive_that_cannot_be_unpacked_is_told(valid, at, value):
    folder, files = valid("cinc2017 zipped")
    data, entry = bytearray(files["training2017.zip"]), 0
    while (entry := data.find(b"PK\1\2", entry + 1)) > 0:
        data[entry + at] = value
    with changed(folder, files, "training2017.zip", bytes(data)):
        records, errors = read_all(folder, "cinc2017", {})
    assert records == []
    assert errors
