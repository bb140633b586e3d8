"""Signal files give the samples that the `wfdb` package gives; one that is not what its header says is refused."""

import random
import tracemalloc

import numpy as np
import pytest
import wfdb
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgrepro.corpora import wfdb_files
from ecgrepro.corpora.wfdb_files import read_header, read_signal
from ecgrepro.corpora.wfdb_samples import checksums, read_samples
from ecgrepro.errors import InputError, SettingsError
from tests.corpora.wfdb_folder import change_header, same_as_wfdb, write_mat, write_record


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.binary(min_size=2, max_size=99), st.data())
def test_format_212_is_unpacked_as_signal_5_defines_it(tmp_path_factory, data, draw):
    expected = []
    for place in range(0, len(data) - 1, 3):
        low, middle, high = (*data[place : place + 3], 0)[:3]
        expected += [low + 256 * (middle & 15), high + 256 * (middle >> 4)]
    expected = [value - 4096 if value > 2047 else value for value in expected[: 2 * len(data) // 3]]
    file = tmp_path_factory.getbasetemp() / "r.dat"
    file.write_bytes(b"before" + data)
    start = draw.draw(st.integers(0, len(expected) - 1))
    stop = draw.draw(st.integers(start + 1, len(expected)))
    assert read_samples(file, 212, 6, start, stop).tolist() == expected[start:stop]


@pytest.mark.parametrize("number", [16, 212])
@pytest.mark.parametrize("n_bytes", [0, 1, 100, 100_001])
def test_a_file_that_became_shorter_is_told(tmp_path, number, n_bytes):
    (tmp_path / "r.dat").write_bytes(bytes(n_bytes))
    with pytest.raises(InputError, match=r"r\.dat.*shorter"):
        read_samples(tmp_path / "r.dat", number, 0, 0, 2 * n_bytes + 3)


@pytest.mark.parametrize("shape", [(1, 1), (511, 3), (512, 1), (1025, 12), (3000, 2)])
def test_checksums_are_sums_modulo_65536(shape):
    signal = np.random.default_rng(0).integers(-32768, 32768, shape).astype(np.int16)
    assert checksums(signal).tolist() == (signal.sum(axis=0, dtype=np.int64) % 65536).tolist()


@pytest.mark.parametrize("n_leads", [1, 2, 3, 12])
@pytest.mark.parametrize("n_samples", [1, 2, 3, 777, 70_001])
@pytest.mark.parametrize("form", ["16", "212"])
def test_samples_equal_those_of_wfdb(tmp_path, form, n_samples, n_leads):
    # wfdb cannot write six samples and more, not even itself
    path, signal = write_record(tmp_path, [form] * n_leads, max(n_samples, 6))
    np.testing.assert_array_equal(same_as_wfdb(path), signal)


@pytest.mark.parametrize("form", ["80", "24", "32"])
def test_other_formats_come_through_wfdb(tmp_path, form, monkeypatch):
    monkeypatch.delattr(wfdb_files, "read_samples")
    path, signal = write_record(tmp_path, [form] * 2)
    np.testing.assert_array_equal(same_as_wfdb(path), signal)


@pytest.mark.parametrize(("form", "n_bytes"), [("61", 396), ("160", 396), ("310", 264), ("311", 264)])
def test_formats_that_wfdb_cannot_write_come_through_it(tmp_path, form, n_bytes):
    (tmp_path / "r.dat").write_bytes(random.Random(1).randbytes(n_bytes))
    (tmp_path / "r.hea").write_text(f"r 2 250 99\nr.dat {form} 200(7)/mV\nr.dat {form} 100\n")
    record = wfdb.rdrecord(str(tmp_path / "r"), physical=False)
    np.testing.assert_array_equal(read_signal(tmp_path / "r")["signal"], record.d_signal)


def test_the_usual_formats_do_not_need_wfdb(tmp_path, monkeypatch):
    monkeypatch.delattr(wfdb, "rdrecord")
    for form in ("16", "212"):
        path, signal = write_record(tmp_path, [form] * 2)
        np.testing.assert_array_equal(read_signal(path)["signal"], signal)


def test_leads_in_several_files_come_through_wfdb(tmp_path):
    path, signal = write_record(tmp_path, ["16", "212"], lowest=-2000, highest=2000)
    assert len({line.file for line in read_header(path).signals}) == 2
    np.testing.assert_array_equal(same_as_wfdb(path), signal)
    last = sorted(path.parent.glob("*.dat"))[-1]
    last.write_bytes(last.read_bytes()[:-3])
    with pytest.raises(InputError, match=last.name):
        read_signal(path)


def stored(path, layouts, values):
    """Write a header of so many leads in format 16 without checksums, and the samples of all as they are stored."""
    values = np.asarray(values, "<i2")
    path.with_suffix(".dat").write_bytes(values.tobytes())
    lines = [f"{path.name}.dat {layout} 200 12 0 0" for layout in layouts]
    path.with_suffix(".hea").write_text("\n".join([f"{path.name} {len(lines)} 250 {{}}", *lines]))


def test_several_samples_per_frame_are_averaged_and_a_skew_is_taken_back_as_wfdb_does(tmp_path):
    for name, layouts, n_samples in (("frames", ("16x2", "16"), 100), ("skewed", ("16:3", "16"), 100)):
        path, width = tmp_path / name, 3 if name == "frames" else 2
        values = np.random.default_rng(1).integers(-99, 99, n_samples * width)
        stored(path, layouts, values)
        header = path.with_suffix(".hea")
        header.write_text(header.read_text().format(n_samples))
        signal = read_signal(path)["signal"]
        np.testing.assert_array_equal(signal, wfdb.rdrecord(str(path), physical=False).d_signal)
        # the checksum is that of the samples as stored
        sums = [int(values.reshape(-1, width)[:, part].sum()) for part in (slice(0, width - 1), -1)]
        for line, total in enumerate(sums, 1):
            change_header(path, line, " 200 12 0 0", f" 200 12 0 0 {total}")
        np.testing.assert_array_equal(read_signal(path)["signal"], signal)
        change_header(path, 1, f" {sums[0]}", f" {sums[0] + 1}")
        with pytest.raises(InputError, match="checksum"):
            read_signal(path)


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [(" 80 ", " 80:1001 ", "skews below it"), (" 80 ", " 16 ", "one format and byte offset")],
)
def test_what_wfdb_would_be_misled_by_is_refused(tmp_path, old, new, match):
    path, _ = write_record(tmp_path, ["80"] * 2)
    change_header(path, 1, old, new)
    with pytest.raises(InputError, match=rf"r\.hea.*{match}"):
        read_signal(path)


def test_samples_that_int16_cannot_hold_are_refused(tmp_path):
    path, _ = write_record(tmp_path, ["24"], lowest=-40_000, highest=40_000)
    with pytest.raises(InputError, match="samples of 16 bits"):
        read_signal(path)


@pytest.mark.parametrize(("form", "n_samples"), [("16", 101), ("212", 101), ("212", 100)])
def test_a_header_without_length_means_the_whole_file(tmp_path, form, n_samples):
    path, signal = write_record(tmp_path, [form], n_samples)
    for length in ("", " 0"):
        lines = path.with_suffix(".hea").read_text().splitlines()
        path.with_suffix(".hea").write_text("\n".join([f"r 1 250{length}", *lines[1:]]))
        np.testing.assert_array_equal(read_signal(path)["signal"], signal)


def test_the_last_pair_of_format_212_may_be_whole_or_half(tmp_path):
    path, signal = write_record(tmp_path, ["212"], 101)
    data = path.with_suffix(".dat").read_bytes()
    for length in (152, 153):
        path.with_suffix(".dat").write_bytes(data.ljust(153, b"\0")[:length])
        np.testing.assert_array_equal(read_signal(path)["signal"], signal)


@pytest.mark.parametrize("change", [lambda data: b"", lambda data: data[:100], lambda data: data[:-1],
                                    lambda data: data + b"\0", lambda data: data * 2])  # fmt: skip
@pytest.mark.parametrize("form", ["16", "212", "80"])
def test_a_signal_of_another_length_than_its_header_says_is_refused(tmp_path, form, change):
    path, _ = write_record(tmp_path, [form] * 2)
    data = path.with_suffix(".dat").read_bytes()
    path.with_suffix(".dat").write_bytes(change(data))
    with pytest.raises(InputError, match=r"r\.dat.* bytes, as its header says.*Fetch the record again"):
        read_signal(path)


@pytest.mark.parametrize("form", ["16", "212", "32"])
def test_an_absurd_length_costs_no_memory(tmp_path, form):
    path, _ = write_record(tmp_path, [form])
    change_header(path, 0, " 1001", " 9999999999")
    tracemalloc.start()
    with pytest.raises(InputError, match=r"r\.dat.*as its header says"):
        read_signal(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize("form", ["16", "212"])
@pytest.mark.parametrize("n_leads", [1, 2, 3])
def test_a_part_of_a_record_is_that_part_of_it(tmp_path, form, n_leads):
    path, signal = write_record(tmp_path, [form] * n_leads, 501)
    for start, stop in ((0, 1), (0, 500), (1, 501), (7, 8), (7, 100), (8, 100), (500, None), (0, None)):
        part = read_signal(path, start=start, stop=stop)["signal"]
        np.testing.assert_array_equal(part, signal[start:stop])


@pytest.mark.parametrize("form", ["16", "212"])
def test_a_part_is_read_without_the_rest(tmp_path, form):
    path, signal = write_record(tmp_path, [form] * 2, 200_000)
    tracemalloc.start()
    part = read_signal(path, start=150_000, stop=150_010)["signal"]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(part, signal[150_000:150_010])
    assert peak < 100_000


@pytest.mark.parametrize(("start", "stop"), [(-1, 5), (5, 5), (6, 5), (0, 1002), (1001, None)])
def test_a_part_that_the_record_does_not_have_is_refused(tmp_path, start, stop):
    path, _ = write_record(tmp_path)
    with pytest.raises(SettingsError, match="start < stop <= 1,001"):
        read_signal(path, start=start, stop=stop)


def test_a_part_of_another_format_is_refused(tmp_path):
    path, _ = write_record(tmp_path, ["80"] * 2)
    with pytest.raises(SettingsError, match="format 16 or 212"):
        read_signal(path, stop=5)


VALUES = np.random.default_rng(3).integers(-900, 900, (3, 50)).astype(np.int16)


def test_a_mat_file_is_read_as_leads_by_samples(tmp_path):
    fields = read_signal(write_mat(tmp_path, VALUES, VALUES))
    np.testing.assert_array_equal(fields["signal"], VALUES.T)
    assert (fields["leads"], fields["comments"]) == (("V0", "V1", "V2"), ["Age: 56"])


@pytest.mark.parametrize(
    "values",
    [VALUES.T, VALUES.reshape(5, 30), VALUES.astype(np.uint16), VALUES.astype(np.int32)[:, :25]],
    ids=["upright", "another shape", "unsigned", "32 bits"],
)
def test_a_mat_file_of_another_form_is_not_read_scrambled(tmp_path, values):
    path = write_mat(tmp_path, values, VALUES)
    with pytest.raises(
        InputError, match=r"r\.mat: expected a MAT v4 file of one int16 matrix, 3 leads x 50 samples"
    ):
        read_signal(path)


def test_a_mat_file_with_a_longer_name_before_its_samples_is_refused(tmp_path):
    path = write_mat(tmp_path, VALUES, VALUES)
    data = (tmp_path / "r.mat").read_bytes()
    (tmp_path / "r.mat").write_bytes(data[:16] + b"\x05" + data[17:])
    with pytest.raises(InputError, match=r"r\.mat: .*from byte 24; got .*from byte 25"):
        read_signal(path)
