"""The command line as a person meets it: what it prints, where, and with which exit status."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from ecgrepro import cli

ROOT = Path(__file__).parents[1]
GAINED = "contradicted (substitute) published 0.048 ours 0.000 -0.010 to 0.010"
COMMANDS = [["demo-data"], ["data"], ["data", "list"], ["data", "show"], ["data", "ingest"], ["run"], ["book"],
            ["claims"], ["models"]]  # fmt: skip


@pytest.fixture
def ecgrepro(monkeypatch, capsys):
    """A function from words to (exit status, standard output, standard error) of `ecgrepro WORDS`."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["ecgrepro", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        return left.value.code or 0, *capsys.readouterr()

    return call


def refused(outcome, *parts):
    """One message on standard error that has all parts, and no traceback."""
    status, out, err = outcome
    assert status == 1
    assert out == ""
    assert err.startswith("Error: ")
    assert err.count("\n") == 1
    for part in parts:
        assert part in err


@pytest.mark.parametrize("words", [[], *COMMANDS], ids=" ".join)
def test_every_command_explains_itself(ecgrepro, words):
    status, out, err = ecgrepro(*words, "--help")
    assert (status, err) == (0, "")
    assert "Usage: ecgrepro" in out


def test_every_command_and_option_has_its_sentence():
    def described(command, path):
        assert command.help, path
        for option in command.params:
            assert option.name == "help" or option.help, (path, option.name)
        for name, child in getattr(command, "commands", {}).items():
            described(child, [*path, name])
            seen.append([*path, name])

    seen = []
    described(get_command(cli.app), [])
    assert sorted(seen) == sorted(COMMANDS)


def test_data_sets_are_listed(ecgrepro):
    status, out, _ = ecgrepro("data", "list")
    assert status == 0
    for name in ("cinc2017", "icentia11k", "mitbih_arrhythmia", "svdb"):
        assert f"\n{name} " in f"\n{out}"


@pytest.mark.parametrize("name", ["cinc2017", "icentia11k", "mitbih_arrhythmia", "svdb"])
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


def test_what_the_machine_refuses_is_one_message(ecgrepro, monkeypatch, tmp_path):
    from ecgrepro.corpora import synthetic_writers

    def refuse(*given, **named):
        raise PermissionError(13, "Permission denied", str(tmp_path / "made"))

    monkeypatch.setattr(synthetic_writers, "write_demo_data", refuse)
    refused(
        ecgrepro("demo-data", tmp_path / "made"),
        f"{tmp_path / 'made'}: Permission denied",
        "name another folder",
    )


def test_a_mistake_of_ours_is_not_dressed_up(monkeypatch, tmp_path):
    from ecgrepro.corpora import synthetic_writers

    def fail(*given, **named):
        raise FileNotFoundError(2, "No such file", "x")

    monkeypatch.setattr(synthetic_writers, "write_demo_data", fail)
    monkeypatch.setattr(sys, "argv", ["ecgrepro", "demo-data", str(tmp_path / "made")])
    with pytest.raises(FileNotFoundError):
        cli.main()


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


def test_models_are_listed_with_the_published_counts(ecgrepro):
    status, out, _ = ecgrepro("models", "--json")
    rows = json.loads(out)
    assert status == 0
    assert {row["parameters"] for row in rows} == {4_492_480, 4_494_532, 4_495_045}
    assert all({"name", "parameters", "flops", "frame"} <= set(row) for row in rows)
    _, out, _ = ecgrepro("models")
    assert "4,494,532" in out


@pytest.fixture
def no_results(monkeypatch, tmp_path):
    """A home without results, so that no estimate has to be computed."""
    monkeypatch.setenv("ECGREPRO_HOME", str(tmp_path))


@pytest.mark.usefixtures("no_results")
def test_claims_are_objects_with_their_verdicts(ecgrepro):
    status, out, _ = ecgrepro("claims", "--json")
    rows = json.loads(out)
    assert status == 0
    assert len(rows) > 50
    for row in rows:
        assert {"id", "study", "source", "published", "ours", "interval", "verdict", "scale"} <= set(row)


@pytest.mark.usefixtures("no_results")
def test_claims_can_be_those_of_one_study(ecgrepro):
    _, out, _ = ecgrepro("claims", "--json", "--study", "data")
    assert {row["study"] for row in json.loads(out)} == {"data"}
    _, lines, _ = ecgrepro("claims", "--study", "data")
    assert len(lines.splitlines()) == len(json.loads(out))
    refused(
        ecgrepro("claims", "--study", "freezing"), "study: expected one of data, resnet1d; got 'freezing'"
    )


def test_claims_in_words_show_published_and_measured(ecgrepro, monkeypatch):
    from ecgrepro.studies import evidence
    from tests.studies import ledger_rows

    monkeypatch.setattr(evidence, "ledger_rows", lambda: ledger_rows.measured_rows(0.0))
    _, out, _ = ecgrepro("claims")
    (line,) = (line for line in out.splitlines() if line.startswith(f"{ledger_rows.GAIN} "))
    assert line.split(None, 1)[1].split() == GAINED.split()
    (line,) = (line for line in out.splitlines() if line.startswith(f"{ledger_rows.LEVEL} "))
    assert line.split()[1:] == ["not", "run", "published", "0.731"]


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["freezing"], ["study: expected one of data, resnet1d; got 'freezing'"]),
        (["resnet1d", "--scale", "huge"], ["scale: expected one of demo, pilot, colab, paper; got 'huge'"]),
        (["resnet1d", "-p", "scale=huge"], ["scale: expected one of demo, pilot, colab, paper; got 'huge'"]),
        (
            ["resnet1d", "-p", "seds=2"],
            ["parameters: expected some of", "'seeds'", "got ['seds']", "Correct the name"],
        ),
        (["resnet1d", "-p", "seeds"], ["-p seeds: expected KEY=VALUE"]),
    ],
)
def test_a_run_that_is_not_known_is_refused_before_it_starts(ecgrepro, monkeypatch, words, parts):
    from ecgrepro.studies import book_notebooks

    monkeypatch.setattr(
        book_notebooks, "run_notebook", lambda *given, **named: pytest.fail("a notebook was started")
    )
    refused(ecgrepro("run", *words), *parts)


def test_a_run_hands_scale_parameters_and_place_on(ecgrepro, monkeypatch, tmp_path):
    from ecgrepro.studies import notebook

    seen = {}

    def execute(study, parameters, out):
        seen.update(study=study, parameters=parameters, out=out)
        return out

    monkeypatch.setattr(notebook, "execute_study", execute)
    out = tmp_path / "out.ipynb"
    words = ("run", "resnet1d", "--scale", "pilot", "-p", "seeds=2", "-p", "data=DATA", "--out", out)
    status, printed, _ = ecgrepro(*words)
    assert (status, printed) == (0, f"Executed notebook: {out}\n")
    assert seen == {
        "study": "resnet1d",
        "parameters": {"scale": "pilot", "seeds": 2, "data": "DATA"},
        "out": out,
    }


def test_the_book_is_made_of_this_home(ecgrepro, monkeypatch, tmp_path):
    from ecgrepro.studies import book

    monkeypatch.setenv("ECGREPRO_HOME", str(tmp_path))
    monkeypatch.setattr(book, "build", lambda root: root / "index.html")
    assert ecgrepro("book")[:2] == (0, f"Book: {tmp_path / 'index.html'}\n")


def test_a_word_that_is_no_command_is_a_usage_error(ecgrepro):
    status, _, err = ecgrepro("ingest")
    assert status == 2
    assert "No such command" in err


LIGHT = """
import sys
sys.argv = ["ecgrepro", "--help"]
from ecgrepro import cli
try:
    cli.main()
except SystemExit:
    pass
heavy = {"tensorflow", "keras", "pandas", "numpy", "papermill", "matplotlib"} & set(sys.modules)
sys.exit(f"imported {heavy}" if heavy else 0)
"""


def test_help_imports_nothing_heavy():
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", LIGHT], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_as_a_program_it_ends_with_its_status():
    command = [sys.executable, "-m", "ecgrepro.cli", "data", "show", "cinc2018"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stderr
