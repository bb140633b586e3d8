"""Spans of signal quality come back from the published 12 columns, and damage costs a record, never more."""

import contextlib
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecgrepro.corpora import butqdb
from ecgrepro.corpora.quality import check_record
from ecgrepro.errors import InputError, SettingsError

N_SAMPLES = 5000
#: First sample, last sample, class of each annotator, as published: from 1, the last one inclusive.
SPANS = (
    [(1, 5000, 1)],
    [(1, 1000, 1), (1001, 4000, 2), (4001, 5000, 3)],
    [(1, 2000, 2), (2001, 5000, 0)],
    [(1, 999, 1), (1000, 3000, 2), (3001, 5000, 3)],
)


def rows(spans, empty=""):
    """Lines of an annotation file: annotators side by side, the shorter ones filled with empty cells."""
    height = max(len(column) for column in spans)
    lines = []
    for i in range(height):
        cells = [cell for column in spans for cell in (column[i] if i < len(column) else (empty,) * 3)]
        lines.append(",".join(map(str, cells)))
    return "\n".join(lines) + "\n"


@pytest.fixture
def write(tmp_path):
    """A function that writes one published record and returns its signal."""

    def written(name="100001", spans=SPANS, gain="0.99998", baseline=-12200, units="uV", n_samples=N_SAMPLES):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        signal = np.random.default_rng(int(name)).integers(-9000, 9000, n_samples).astype("<i2")
        checksum = (int(signal.sum(dtype=np.int64)) + 32768) % 65536 - 32768
        header = f"{name}_ECG.dat 16 {gain}({baseline})/{units} 16 0 {signal[0]} {checksum} 0 ECG"
        (folder / f"{name}_ECG.hea").write_text(f"{name}_ECG 1 1000 {n_samples}\n{header}\n#ECG\n")
        (folder / f"{name}_ECG.dat").write_bytes(signal.tobytes())
        # the accelerometer lies beside it
        (folder / f"{name}_ACC.hea").write_text(f"{name}_ACC 3 100 500\n")
        (folder / f"{name}_ANN.csv").write_text(rows(spans))
        return signal

    return written


def read(tmp_path, name="100001", **options):
    (record,) = butqdb.Reader(tmp_path, **options).read(name)
    return record


def annotation(tmp_path):
    return tmp_path / "100001" / "100001_ANN.csv"


def per_sample(record):
    """One class per sample, as the annotation means it."""
    lengths = np.diff(record.quality_positions, prepend=0)
    return np.repeat(record.quality_classes, lengths)


def test_signal_and_consensus_come_back(write, tmp_path):
    signal = write()
    record = check_record(read(tmp_path))
    np.testing.assert_array_equal(record.signal[:, 0], signal)
    assert (record.signal.dtype, record.signal.shape) == (np.int16, (N_SAMPLES, 1))
    assert (record.record_id, record.patient_id, record.fs, record.leads) == (
        "100001",
        "100",
        1000.0,
        ("ECG",),
    )
    assert record.quality_positions.tolist() == [999, 3000, 5000]
    assert record.quality_classes.tolist() == [1, 2, 3]
    assert (record.quality_positions.dtype, record.quality_classes.dtype) == (np.int64, np.int8)
    assert len(record.beat_positions) == 0


@pytest.mark.parametrize(("units", "factor"), [("uV", 1000.0), ("mV", 1.0)])
def test_microvolts_become_millivolts(units, factor, write, tmp_path):
    signal = write(gain="1.996", baseline=-12200, units=units)
    record = read(tmp_path)
    assert record.gain.tolist() == [pytest.approx(1.996 * factor)]
    np.testing.assert_allclose(record.millivolts()[:, 0], (signal + 12200.0) / (1.996 * factor))


@pytest.mark.parametrize("annotator", butqdb.ANNOTATORS)
def test_samples_count_from_one_and_the_last_belongs_to_the_span(annotator, write, tmp_path):
    write()
    expected = np.zeros(N_SAMPLES, np.int8)
    for first, last, quality in SPANS[butqdb.ANNOTATORS.index(annotator)]:
        expected[first - 1 : last] = quality
    np.testing.assert_array_equal(per_sample(read(tmp_path, annotator=annotator)), expected)


def test_gaps_are_ungraded(write, tmp_path):
    graded = [(11, 20, 1), (21, 30, 1), (101, 200, 3)]
    write(spans=[[(1, 5000, 1)]] * 3 + [graded])
    record = read(tmp_path)
    assert record.quality_positions.tolist() == [10, 20, 30, 100, 200, 5000]
    assert record.quality_classes.tolist() == [0, 1, 1, 0, 3, 0]


@given(
    st.lists(st.integers(1, 400), min_size=2, max_size=20, unique=True).map(sorted),
    st.lists(st.integers(0, 3), min_size=20, max_size=20),
)
def test_any_spans_give_the_classes_of_their_samples(tmp_path_factory, edges, classes):
    spans = [
        (first, last, quality) for first, last, quality in zip(edges[::2], edges[1::2], classes, strict=False)
    ]
    path = tmp_path_factory.mktemp("spans") / "100001_ANN.csv"
    path.write_text(rows([[(1, 400, 1)]] * 3 + [spans]))
    expected = np.zeros(400, np.int8)
    for first, last, quality in spans:
        expected[first - 1 : last] = quality
    positions, found = butqdb.read_quality(path, 400)
    assert (np.diff(positions, prepend=0) > 0).all()
    np.testing.assert_array_equal(np.repeat(found, np.diff(positions, prepend=0)), expected)


@pytest.mark.parametrize(
    "text",
    [
        rows(SPANS, empty="NaN"),
        rows(SPANS).replace("\n", "\r\n"),
        "\ufeff" + rows(SPANS),
        rows(SPANS).rstrip("\n"),
        rows(SPANS).replace("1000,3000,2", " 1000.0 , 3000, 2.000"),
    ],
    ids=["NaN", "CRLF", "byte order mark", "no last line end", "spaces and decimals"],
)
def test_other_spellings_of_the_same_table_are_read(text, write, tmp_path):
    write()
    expected = per_sample(read(tmp_path))
    annotation(tmp_path).write_text(text, newline="")
    np.testing.assert_array_equal(per_sample(read(tmp_path)), expected)


def test_rows_after_the_first_may_end_early(write, tmp_path):
    write(spans=[SPANS[1], *SPANS[:3]])
    lines = annotation(tmp_path).read_text().splitlines()
    annotation(tmp_path).write_text("\n".join(line.rstrip(",") for line in lines))
    assert read(tmp_path, annotator=1).quality_positions.tolist() == [1000, 4000, 5000]
    assert read(tmp_path).quality_positions.tolist() == [2000, 5000]


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        ([(1, 1000, 1), (1000, 5000, 2)], "row 2: expected a span after sample 1000 .*samples 1000 to 5000"),
        ([(1, 1000, 1), (3000, 2000, 2)], "row 2: .*samples 3000 to 2000"),
        ([(2001, 3000, 1), (1, 2000, 2)], "row 2: .*samples 1 to 2000"),
        ([(1, 5001, 1)], "row 1: .*that ends by 5000 .*samples 1 to 5001"),
        ([(0, 5000, 1)], "row 1: .*samples 0 to 5000"),
        ([(1, 5000, 4)], "row 1: expected a class of 0, 1, 2 or 3; got 4"),
        ([(1, 1000, 1), ("", 2000, 1)], "row 2: expected three whole numbers"),
        ([(1, "", 1)], "row 1: expected three whole numbers"),
        ([(1, 5000, -1)], "row 1: expected three whole numbers"),
        ([("1e3", 5000, 1)], "row 1: expected three whole numbers"),
        ([(1, 10**400, 1)], "row 1: expected three whole numbers"),
        ([("first", "last", "class"), (1, 5000, 1)], "row 1: expected three whole numbers"),
        ([("", "", "")], "at least one span of annotator consensus"),
    ],
)
def test_spans_that_cannot_be_are_told_with_file_and_row(spans, message, write, tmp_path):
    write(spans=[*SPANS[:3], spans])
    with pytest.raises(InputError, match=rf"100001_ANN\.csv.*{message}"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "at least one span"),
        (b"1,5000,1\n", "row 1: expected 12 cells .*got 3 cells"),
        (rows(SPANS).replace("\n", ",7\n").encode(), "row 1: expected 12 cells .*got 13 cells"),
        (rows(SPANS).replace(",", ";").encode(), "row 1: expected 12 cells"),
        (b"\xff\xfe\x00" * 50, "readable CSV file; got UnicodeDecodeError"),
        (b'"1,5000,1', "readable CSV file; got Error"),
        (b"<html><body>404</body></html>", "row 1: expected 12 cells"),
        (b"\0" * 100, "row 1"),
    ],
    ids=["empty", "three columns", "thirteen", "semicolons", "binary", "open quote", "HTML", "zero bytes"],
)
def test_files_that_are_no_such_table_are_told(data, message, write, tmp_path):
    write()
    annotation(tmp_path).write_bytes(data)
    with pytest.raises(InputError, match=message) as told:
        read(tmp_path)
    assert "100001_ANN.csv" in told.value.where


def test_a_missing_or_huge_annotation_is_told_unread(write, tmp_path):
    write()
    with annotation(tmp_path).open("wb") as file:
        file.truncate(2**40)  # a sparse file: reading it would end the test
    with pytest.raises(InputError, match=f"at most {butqdb.MAX_ANNOTATION_BYTES} bytes; got {2**40} bytes"):
        read(tmp_path)
    annotation(tmp_path).unlink()
    with pytest.raises(InputError, match=r"100001_ANN\.csv: .*FileNotFoundError"):
        read(tmp_path)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["ECG.hea", "ECG.dat", "ANN.csv"]), st.integers(0, 400), st.binary(min_size=1, max_size=6)
)
def test_mutated_bytes_give_a_record_or_a_told_error(write, tmp_path, suffix, place, data):
    write()
    path = tmp_path / "100001" / f"100001_{suffix}"
    content = path.read_bytes()
    place %= len(content)
    path.write_bytes(content[:place] + data + content[place + len(data) :])
    with contextlib.suppress(InputError):  # any other exception fails the test
        record = read(tmp_path)
        assert len(record.signal) == N_SAMPLES
        assert record.quality_positions[-1] == N_SAMPLES


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("5000\n", "4999\n"),
        ("5000\n", "99999999999999\n"),
        ("100001_ECG.dat", "100002_ECG.dat"),
        ("100001_ECG.dat", "../../secret.dat"),
        (".dat 16 ", ".dat 212 "),
        (".dat 16 ", ".dat 16x4 "),
        (".dat 16 ", ".dat 16+24 "),
        ("/uV", "/mmHg"),
        ("_ECG 1 1000", "_ECG 2 1000"),
    ],
)
def test_headers_of_another_file_are_told(old, new, write, tmp_path):
    write()
    path = tmp_path / "100001" / "100001_ECG.hea"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(InputError, match="100001_ECG"):
        read(tmp_path)


def test_a_damaged_signal_is_told(write, tmp_path):
    signal = write()
    path = tmp_path / "100001" / "100001_ECG.dat"
    path.write_bytes(signal.tobytes()[:-2])
    with pytest.raises(InputError, match=r"ECG\.dat: expected 5000 samples.*got 9998 bytes"):
        read(tmp_path)
    signal[7] += 1
    path.write_bytes(signal.tobytes())
    with pytest.raises(InputError, match="checksum"):
        read(tmp_path)
    path.unlink()
    with pytest.raises(InputError, match=r"ECG\.dat.*FileNotFoundError"):
        read(tmp_path)


def test_a_checksum_of_zero_is_none(write, tmp_path):
    signal = write()
    path = tmp_path / "100001" / "100001_ECG.hea"
    words = path.read_text().split(" ")
    words[-2 - 1] = "0"
    path.write_text(" ".join(words))
    assert " 0 0 ECG" in path.read_text()
    np.testing.assert_array_equal(read(tmp_path).signal[:, 0], signal)


def test_memory_stays_near_one_record(write, tmp_path):
    n_samples = 4_000_000
    write(n_samples=n_samples, spans=[[(1, n_samples, 1)]] * 4)
    read(tmp_path)
    tracemalloc.start()
    record = read(tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.2 * record.signal.nbytes


def test_units_are_the_records_and_size_their_signals(write, tmp_path):
    for name in ("100001", "103002"):
        write(name)
    (tmp_path / "ann_reader.m").write_text("")
    (tmp_path / "900001").write_text("no folder")
    (tmp_path / "notes").mkdir()
    reader = butqdb.Reader(tmp_path)
    assert reader.units() == ["100001", "103002"]
    assert reader.size() == 2 * 2 * N_SAMPLES
    assert [reader.read(unit)[0].patient_id for unit in reader.units()] == ["100", "103"]
    assert reader.options == {"annotator": "consensus"}


def test_a_wrong_folder_is_told(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError, match="one folder per record"):
            butqdb.Reader(folder).units()


def test_annotators_given_as_words_are_the_same_and_others_are_refused(tmp_path):
    assert butqdb.Reader(tmp_path, annotator="2").options == {"annotator": 2}
    for annotator in (0, 4, "majority", None, True):
        with pytest.raises(SettingsError, match="1, 2, 3, consensus"):
            butqdb.Reader(tmp_path, annotator=annotator)
        with pytest.raises(SettingsError, match="1, 2, 3, consensus"):
            butqdb.read_quality(tmp_path / "100001_ANN.csv", 10, annotator)


def test_the_published_records_are_of_fifteen_people(write, tmp_path):
    people = {100: 2, 103: 3} | dict.fromkeys((104, 105, 111, 113, 114, 115, 118, *range(121, 127)), 1)
    for person, recordings in people.items():
        for number in range(1, recordings + 1):
            write(f"{person}{number:03d}", n_samples=50, spans=[[(1, 50, 1)]] * 4)
    reader = butqdb.Reader(tmp_path)
    assert len(reader.units()) == butqdb.DATA_SET.records == 18
    assert len({reader.read(unit)[0].patient_id for unit in reader.units()}) == 15
