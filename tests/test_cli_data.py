"""The commands `demo-data` and `data`: what they print, and what bad input leaves behind."""

import json
import shutil

import pytest

from ecgrepro.corpora.fetch_files import Fetched
from ecgrepro.corpora.registry import DATA_SETS
from ecgrepro.errors import SettingsError
from tests.command_line import refused


def test_data_sets_are_listed_with_licence_size_classes_and_state(ecgrepro, corpora, tmp_path):
    status, out, _ = ecgrepro("data", "list", "--data", corpora, "--published", tmp_path)
    assert status == 0
    blocks = {block.split()[0]: block for block in out.split("\n\n")}
    assert set(DATA_SETS) < set(blocks)
    assert "8,528 recordings" in blocks["cinc2017"]
    assert "atrial fibrillation (A)" in blocks["cinc2017"]
    assert "here: not fetched; cinc2017: 80 recordings ingested" in blocks["cinc2017"]
    assert "GB" in blocks["icentia11k"]
    assert "not for commercial use" in blocks["icentia11k"]
    assert "weights and predictions" in blocks["class_report"]


def test_the_list_can_be_json(ecgrepro, corpora, tmp_path):
    _, out, _ = ecgrepro("data", "list", "--json", "--data", corpora, "--published", tmp_path)
    rows = {row["name"]: row for row in json.loads(out)}
    assert rows["svdb"]["state"] == "not fetched"
    assert rows["ptbxl"]["options"] == ["fs", "version"]


def test_an_unfinished_ingest_and_a_damaged_corpus_are_listed_as_such(ecgrepro, corpora, tmp_path):
    copy = shutil.copytree(corpora / "cinc2017", tmp_path / "cinc2017-labelsv2")
    (copy / "index.parquet").unlink()
    (tmp_path / "cinc2017.partial").mkdir()
    _, out, _ = ecgrepro("data", "show", "cinc2017", "--data", tmp_path, "--published", tmp_path)
    assert "cinc2017: ingest not finished" in out
    assert "cinc2017-labelsv2: index.parquet of no bytes" in out


def test_a_licence_that_forbids_commercial_use_has_to_be_accepted(ecgrepro, tmp_path):
    words = ("data", "fetch", "icentia11k", "--to", tmp_path / "made", "--patients", 2)
    refused(ecgrepro(*words), "NonCommercial", "ecgrepro data fetch icentia11k --accept-licence")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(("words", "parts"), [
    (["cinc2018"], ["expected one of cinc2017", "got 'cinc2018'"]),
    (["svdb", "--patients", "3"], ["patients: expected none, svdb is fetched whole"]),
    (["ptbxl", "--with", "records50"], ["extra: expected parts among"]),
    (["class_report", "--drive-id", "best.h5"], ["--drive-id: expected FILE=ID; got best.h5"]),
])  # fmt: skip
def test_a_fetch_that_cannot_be_meant_is_refused(ecgrepro, tmp_path, words, parts):
    refused(ecgrepro("data", "fetch", *words, "--to", tmp_path / "made"), *parts)
    assert list(tmp_path.iterdir()) == []


def test_what_was_fetched_is_said(ecgrepro, tmp_path, monkeypatch):
    asked = {}

    def fake(name, folder, **given):
        asked.update(given, name=name, folder=folder)
        return Fetched(folder, 3, 2, 2_000_000, 2_000_000, 4.0)

    monkeypatch.setattr("ecgrepro.corpora.fetch.fetch", fake)
    status, out, _ = ecgrepro(
        "data", "fetch", "ptbxl", "--with", "records500", "--to", tmp_path / "p", "--jobs", 2
    )
    assert status == 0
    assert "3 files, 2 of them new (2.0 MB in 4.0 s, 0.5 MB/s)" in out
    assert (asked["name"], asked["folder"], asked["extra"], asked["jobs"]) == (
        "ptbxl", tmp_path / "p", ("records500",), 2
    )  # fmt: skip


@pytest.mark.parametrize(("words", "place"), [
    (["fetch", "svdb"], "ecgrepro.corpora.fetch.fetch"), (["ingest", "svdb"], "ecgrepro.corpora.ingest.ingest"),
])  # fmt: skip
def test_a_stopped_command_says_how_to_go_on(ecgrepro, monkeypatch, words, place):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(place, stop)
    status, out, err = ecgrepro("data", *words)
    assert (status, out) == (130, "")
    assert "Run the same command: it goes on where it stopped." in err


def test_ingest_looks_where_fetch_puts_things(ecgrepro, published, tmp_path, monkeypatch):
    monkeypatch.setenv("ECGREPRO_HOME", str(tmp_path))
    shutil.copytree(published / "cinc2017", tmp_path / "_work" / "published" / "cinc2017")
    assert ecgrepro("data", "ingest", "cinc2017")[0] == 0
    assert ecgrepro("data", "ingest", "cinc2017", "--labels", "v2", "--jobs", 1)[0] == 0
    assert ecgrepro("data", "ingest", "cinc2017", "--labels", "v3", "--jobs", 1)[0] == 0
    # the revision that a study knows by a name goes by that name
    assert {path.name for path in (tmp_path / "_work" / "data").iterdir()} == {
        "cinc2017",
        "cinc2017_v2",
        "cinc2017-labelsv3",
    }


def test_ingest_keeps_rhythms_where_they_are_asked_for(ecgrepro, tmp_path, monkeypatch):
    monkeypatch.setenv("ECGREPRO_HOME", str(tmp_path))
    seen = []

    def pretend(name, source, out, **options):
        seen.append((name, out.name, options.get("rhythms")))
        raise SettingsError(name, "nothing", "nothing", "This is a test.")

    monkeypatch.setattr("ecgrepro.corpora.ingest.ingest", pretend)
    for words in ((), ("--rhythms",)):
        ecgrepro("data", "ingest", "mitbih_arrhythmia", *words)
    assert seen == [
        ("mitbih_arrhythmia", "mitbih_arrhythmia", None),
        ("mitbih_arrhythmia", "mitbih_rhythms", True),
    ]


@pytest.mark.parametrize("name", DATA_SETS)
def test_a_data_set_shows_source_licence_and_layout(ecgrepro, name):
    status, out, _ = ecgrepro("data", "show", name)
    assert status == 0
    for key in ("title", "url          https://", "licence", "layout", "facts", "options"):
        assert key in out
    assert ("Not for commercial use" in out) == (name == "icentia11k")


def test_an_unknown_data_set_is_refused(ecgrepro):
    refused(
        ecgrepro("data", "show", "cinc2018"),
        "expected one of cinc2017, icentia11k",
        "got 'cinc2018'",
        "data list",
    )


def test_ingest_ends_with_the_manifests_counts(ecgrepro, published, tmp_path):
    status, out, _ = ecgrepro(
        "data", "ingest", "cinc2017", "--source", published / "cinc2017", "--out", tmp_path / "c"
    )
    assert status == 0
    manifest = json.loads((tmp_path / "c" / "manifest.json").read_text())
    labels = ", ".join(f"{name} {count}" for name, count in manifest["counts"]["labels"].items())
    lines = out.splitlines()
    assert lines[0].startswith("cinc2017 ")
    assert "v3" in lines[0]
    assert lines[1:4] == ["records 80", f"labels {labels}", "quarantined 0"]


def test_ingest_can_answer_in_json_and_take_options(ecgrepro, published, tmp_path):
    words = ("data", "ingest", "cinc2017", "--source", published / "cinc2017", "--out", tmp_path / "c")
    status, out, _ = ecgrepro(*words, "--labels", "v2", "--json")
    assert status == 0
    assert json.loads(out) == json.loads((tmp_path / "c" / "manifest.json").read_text())
    assert json.loads(out)["options"] == {"labels": "v2"}


def test_ingesting_again_changes_nothing_and_says_the_same(ecgrepro, published, tmp_path):
    words = (
        "data",
        "ingest",
        "icentia11k",
        "--source",
        published / "icentia11k_wfdb",
        "--out",
        tmp_path / "i",
    )
    first = ecgrepro(*words, "--patients", 2)
    before = (tmp_path / "i" / "manifest.json").stat().st_mtime_ns
    again = ecgrepro(*words, "--patients", 2)
    assert first[:2] == again[:2]
    assert "beats " in first[1]
    assert (tmp_path / "i" / "manifest.json").stat().st_mtime_ns == before


def test_a_damaged_record_is_set_aside_and_named(ecgrepro, published, tmp_path):
    shutil.copytree(published / "cinc2017", tmp_path / "source")
    damaged = next((tmp_path / "source" / "training2017").glob("*.mat"))
    damaged.write_bytes(damaged.read_bytes()[:40])
    status, out, _ = ecgrepro(
        "data", "ingest", "cinc2017", "--source", tmp_path / "source", "--out", tmp_path / "c"
    )
    assert status == 0
    assert "records 79" in out
    assert "quarantined 1" in out
    assert damaged.stem in out.split("quarantined 1")[1]


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["cinc2018", "--source", "{data}/cinc2017"], ["expected one of cinc2017", "got 'cinc2018'"]),
        (
            ["cinc2017", "--source", "{data}/nothing"],
            ["nothing: expected the folder or zip", "Give the folder"],
        ),
        (
            ["cinc2017", "--source", "{data}/icentia11k_wfdb"],
            ["icentia11k_wfdb: expected CinC 2017", "Give the folder"],
        ),
        (["icentia11k", "--source", "{data}/cinc2017"], ["cinc2017: expected"]),
        (
            ["cinc2017", "--source", "{data}/cinc2017", "--labels", "v9"],
            ["expected one of v0, v2, v3; got 'v9'"],
        ),
        (["svdb", "--source", "{data}/cinc2017", "--labels", "v2"], ["options among []", "['labels']"]),
    ],
)
def test_bad_input_is_one_message_and_leaves_nothing(ecgrepro, published, tmp_path, words, parts):
    words = [word.format(data=published) for word in words]
    refused(ecgrepro("data", "ingest", *words, "--out", tmp_path / "made"), *parts)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_taken_is_refused_and_kept(ecgrepro, published, tmp_path):
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "mine.txt").write_text("mine")
    words = ("data", "ingest", "cinc2017", "--source", published / "cinc2017", "--out", tmp_path / "made")
    refused(ecgrepro(*words), "made: expected", "Choose another --out")
    assert (tmp_path / "made" / "mine.txt").read_text() == "mine"


def test_a_file_in_the_way_is_one_message(ecgrepro, published, tmp_path):
    (tmp_path / "file").touch()
    words = (
        "data",
        "ingest",
        "cinc2017",
        "--source",
        published / "cinc2017",
        "--out",
        tmp_path / "file" / "made",
    )
    refused(ecgrepro(*words), "Not a directory")


def test_demo_data_are_written_in_all_published_layouts(ecgrepro, tmp_path):
    words = (
        "demo-data",
        tmp_path / "demo",
        "--patients",
        1,
        "--segments",
        1,
        "--samples",
        8192,
        "--records",
        4,
    )
    status, out, err = ecgrepro(*words)
    assert status == 0
    assert "Next: ecgrepro data ingest cinc2017" in out
    assert "cinc2017: 4 written" in err
    assert {path.name for path in (tmp_path / "demo").iterdir()} == {
        "README.txt", "cinc2017", "icentia11k_torrent", "icentia11k_wfdb"
    }  # fmt: skip
    refused(
        ecgrepro(*words), "expected a folder that does not exist yet or is empty", "Choose another folder"
    )


def test_demo_data_of_nobody_are_refused(ecgrepro, tmp_path):
    refused(
        ecgrepro("demo-data", tmp_path / "demo", "--patients", 0),
        "patients: expected a whole number of at least 1",
    )
    assert list(tmp_path.iterdir()) == []
