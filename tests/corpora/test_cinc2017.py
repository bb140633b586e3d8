"""CinC 2017 is read as it was shipped, folder or zip, and every damaged file is told by name."""

import shutil
import zipfile
from collections import Counter

import numpy as np
import pytest
from scipy.io import savemat

from ecgrepro.corpora import cinc2017
from ecgrepro.corpora.ingest import ingest
from ecgrepro.errors import InputError, SettingsError

LABELS = {"A00001": "N", "A00002": "A", "A00003": "O", "A00004": "~", "A00005": "N"}


@pytest.fixture
def folder(write_cinc):
    return write_cinc(LABELS)


def inside(folder, name):
    return folder / "training2017" / name


def zipped(folder, out):
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted((folder / "training2017").iterdir()):
            archive.write(path, f"training2017/{path.name}")
    return out


def refused(folder, unit, match):
    """Reading one record is refused, and ingest sets it aside and keeps the others."""
    with pytest.raises(InputError, match=match):
        cinc2017.Reader(folder).read(unit)
    corpus = ingest("cinc2017", folder, folder.parent / "out", progress=False)
    assert list(corpus.manifest["quarantined"]) == [unit]
    assert corpus.index.record_id.tolist() == [name for name in LABELS if name != unit]


def test_a_record_comes_back(folder):
    reader = cinc2017.Reader(folder)
    assert reader.units() == list(LABELS)
    (record,) = reader.read("A00003")
    expected = np.random.default_rng(2).integers(-900, 900, 3002)
    np.testing.assert_array_equal(record.signal[:, 0], expected)
    assert record.signal.dtype == np.int16
    assert (record.label, record.fs, record.leads, record.patient_id) == ("O", 300.0, ("ECG",), "unknown")
    np.testing.assert_allclose(record.millivolts()[:, 0], expected / 1000)


@pytest.mark.parametrize("length", [0, 10, 24, 500, -1])
def test_a_truncated_or_empty_mat_file_is_told(folder, length):
    path = inside(folder, "A00002.mat")
    path.write_bytes(path.read_bytes()[:length])
    refused(folder, "A00002", r"A00002\.mat.*truncated or empty")


def test_a_mat_file_without_val_is_told(folder):
    savemat(inside(folder, "A00002.mat"), {"other": np.ones((1, 3001))}, format="4")
    refused(folder, "A00002", r"A00002\.mat.*`val`")


@pytest.mark.parametrize("suffix", [".mat", ".hea"])
def test_a_missing_file_is_told(folder, suffix):
    inside(folder, f"A00002{suffix}").unlink()
    refused(folder, "A00002", rf"A00002\{suffix}.*no such file")


HEADERS = {
    "length": ("1 300 3001", "1 300 3002", "Header and signal disagree"),
    "two leads": ("A00002 1 300", "A00002 2 300", "Fetch the header again"),
    "another record": ("A00002 1", "A00009 1", "Fetch the header again"),
    "another file": ("A00002.mat", "A00009.mat", "Fetch the header again"),
    "another format": ("16+24", "212", "Fetch the header again"),
    "no gain": ("1000/mV", "0/mV", "positive gain"),
    "no rate": ("1 300 ", "1 0 ", "positive sampling rate"),
    "nothing": (None, "", "Fetch the header again"),
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_that_disagrees_is_told(folder, name):
    old, new, match = HEADERS[name]
    path = inside(folder, "A00002.hea")
    path.write_text(path.read_text().replace(old, new, 1) if old else new)
    corpus = ingest("cinc2017", folder, folder.parent / "out", progress=False)
    assert list(corpus.manifest["quarantined"]) == ["A00002"]
    assert match in corpus.manifest["quarantined"]["A00002"]
    assert len(corpus) == len(LABELS) - 1


def noise(**changes):
    values = np.random.default_rng(0).normal(0, 300, (1, 3001)).round()
    for place, value in changes.items():
        values[0, int(place[1:])] = value
    return values


@pytest.mark.parametrize(
    ("values", "match"),
    [
        (noise(_7=np.nan), "NaN or infinite"),
        (noise(_7=np.inf), "NaN or infinite"),
        (noise(_7=32768), "int16"),
        (noise(_7=-32769), "int16"),
        (noise(_7=0.5), "int16"),
        (noise()[:, :-1], "disagree"),
        (noise().T, "disagree"),
        (np.repeat(noise(), 2, axis=0), "disagree"),
        (np.array(["x" * 3001]), "A00002"),
    ],
    ids=["NaN", "infinite", "above int16", "below int16", "fraction", "shorter", "upright", "two leads", "text"],
)  # fmt: skip
def test_values_that_are_no_such_signal_are_told(folder, values, match):
    savemat(inside(folder, "A00002.mat"), {"val": values}, format="4")
    refused(folder, "A00002", match)


def test_whole_numbers_stored_as_floats_are_read(folder):
    values = noise(_7=-32768, _8=32767)
    savemat(inside(folder, "A00002.mat"), {"val": values}, format="4")
    (record,) = cinc2017.Reader(folder).read("A00002")
    np.testing.assert_array_equal(record.signal[:, 0], values[0])


def test_a_baseline_is_taken_from_the_header(folder):
    path = inside(folder, "A00002.hea")
    path.write_text(path.read_text().replace("1000/mV", "500(12)/mV"))
    (record,) = cinc2017.Reader(folder).read("A00002")
    np.testing.assert_allclose(record.millivolts(), (record.signal - 12) / 500)


@pytest.mark.parametrize("text", ["A00001,N\nA00002,X\n", "A00001,N\nA00002\n", "A00001,N\nA00001,A\n",
                                  "A00001,N,1\nA00002,N,1\n", "", "data_source,class\n"])  # fmt: skip
def test_a_label_file_of_another_form_is_told(text):
    with pytest.raises(InputError, match=r"labels\.csv.*one `record,class` a line"):
        cinc2017.parse_labels(text.encode(), "labels.csv")


@pytest.mark.parametrize("head", ["", "data_source,class\r\n", "recording,label\n", "\ufeff"])
def test_a_header_row_and_line_ends_do_not_matter(head):
    found = cinc2017.parse_labels(f"{head}A00001,N\r\n\r\nA00002,~\r\n".encode(), "x")
    assert found == {"A00001": "N", "A00002": "~"}


def test_an_unknown_class_stops_before_anything_is_written(folder, tmp_path):
    (folder / "REFERENCE-v3.csv").write_text("".join(f"{name},Q\n" for name in LABELS))
    with pytest.raises(InputError, match=r"REFERENCE-v3.*5 of other forms.*A00001,Q"):
        ingest("cinc2017", folder, tmp_path / "out", progress=False)
    assert not list(tmp_path.glob("out*"))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda lines: lines[:-2], r"2 records without label \['A00004', 'A00005'\]"),
        (lambda lines: [*lines, "A00009,N\n"], r"1 labels without record \['A00009'\]"),
        (lambda lines: [*lines[:-1], "A00009,N\n"], r"1 records without label.*1 labels without record"),
    ],
)
def test_labels_and_records_must_be_one_release(folder, change, match):
    path = folder / "REFERENCE-v3.csv"
    path.write_text("".join(change(path.read_text().splitlines(keepends=True))))
    with pytest.raises(InputError, match=match):
        cinc2017.Reader(folder)


def test_every_revision_is_read_from_its_file(published):
    found = {
        revision: cinc2017.Reader(published / "cinc2017", revision).labels for revision in ("v0", "v2", "v3")
    }
    assert len({tuple(labels.items()) for labels in found.values()}) == 3
    assert {len(labels) for labels in found.values()} == {80}


def test_an_unknown_revision_is_refused(folder):
    with pytest.raises(SettingsError, match="v0, v2, v3"):
        cinc2017.Reader(folder, "v1")


def test_a_revision_without_file_is_told(folder):
    with pytest.raises(InputError, match=r"revision v2 \(REFERENCE-v2.csv\).*REFERENCE-v3.csv"):
        cinc2017.Reader(folder, "v2")


def test_reference_csv_is_taken_only_where_its_counts_are_the_revisions(folder, monkeypatch):
    (folder / "REFERENCE-v3.csv").rename(inside(folder, "REFERENCE.csv"))
    for revision in ("v0", "v2", "v3"):
        with pytest.raises(InputError, match="only where its counts are"):
            cinc2017.Reader(folder, revision)
    monkeypatch.setitem(cinc2017.PUBLISHED_COUNTS, "v2", (2, 1, 1, 1))
    assert cinc2017.Reader(folder, "v2").labels == LABELS
    with pytest.raises(InputError):
        cinc2017.Reader(folder, "v3")


def test_a_wrong_folder_is_told(tmp_path):
    with pytest.raises(InputError, match="Give the folder that holds training2017"):
        cinc2017.Reader(tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("no zip")
    with pytest.raises(InputError, match="Give the folder that holds training2017"):
        cinc2017.Reader(tmp_path)
    with pytest.raises(InputError, match="Give the folder that holds training2017"):
        cinc2017.Reader(tmp_path / "notes.txt")


def test_every_form_of_the_source_gives_the_same_corpus(folder, tmp_path):
    alone, loose, beside = tmp_path / "alone", tmp_path / "loose", tmp_path / "beside"
    for place in (alone, beside):
        place.mkdir()
        shutil.copy(folder / "REFERENCE-v3.csv", place)
        zipped(folder, place / "training2017.zip")
    shutil.copytree(folder / "training2017", loose)
    shutil.copy(folder / "REFERENCE-v3.csv", loose)
    sources = (folder, alone, loose, beside / "training2017.zip")
    corpora = [
        ingest("cinc2017", source, tmp_path / f"out{i}", progress=False) for i, source in enumerate(sources)
    ]
    assert len({corpus.fingerprint for corpus in corpora}) == 1
    assert [len(corpus) for corpus in corpora] == [5] * 4
    assert len({cinc2017.Reader(source).size() for source in sources}) == 1


def test_shadow_files_of_an_archive_are_no_records(folder, tmp_path):
    path = zipped(folder, folder / "training2017.zip")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("__MACOSX/training2017/._A00001.hea", b"shadow")
    assert cinc2017.Reader(path).units() == list(LABELS)


def test_a_truncated_zip_is_told(folder):
    path = zipped(folder, folder / "training2017.zip")
    shutil.rmtree(folder / "training2017")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match=r"training2017\.zip.*complete zip"):
        cinc2017.Reader(folder)
    with pytest.raises(InputError, match=r"training2017\.zip"):
        cinc2017.Reader(path)


def test_a_damaged_member_of_a_zip_costs_its_record_alone(folder, tmp_path):
    path = zipped(folder, folder / "training2017.zip")
    with zipfile.ZipFile(path) as archive:
        place = archive.getinfo("training2017/A00002.mat").header_offset
    data = bytearray(path.read_bytes())
    data[place + 2000] ^= 0xFF
    path.write_bytes(data)
    corpus = ingest("cinc2017", path, tmp_path / "out", progress=False)
    assert list(corpus.manifest["quarantined"]) == ["A00002"]


def test_the_real_set_is_whole(real, tmp_path):
    source = real("cinc2017")
    for revision, counts in {"v3": (5076, 758, 2415, 279), "v2": (5050, 738, 2456, 284)}.items():
        found = Counter(cinc2017.Reader(source, revision).labels.values())
        assert tuple(found[name] for name in cinc2017.CLASSES) == counts
        assert counts == cinc2017.PUBLISHED_COUNTS[revision]
    corpus = ingest("cinc2017", source, tmp_path / "out", progress=False)
    assert (len(corpus), corpus.manifest["quarantined"]) == (8528, {})
    assert corpus.manifest["counts"]["labels"] == {"A": 758, "N": 5076, "O": 2415, "~": 279}
    first = corpus.index.groupby("sha256").record_id.transform("first")
    copies = corpus.index.record_id != first
    assert dict(zip(corpus.index.record_id[copies], first[copies], strict=True)) == cinc2017.DUPLICATES
    assert cinc2017.DUPLICATES == {"A01176": "A00227", "A03123": "A02656"}
    groups = dict(zip(corpus.index.record_id, corpus.groups(), strict=True))
    assert groups["A01176"] == groups["A00227"]
    assert len(set(groups.values())) == 8526
