"""The command line as a person meets it: what it prints, where, and with which exit status."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from ecgrepro import cli
from tests.command_line import refused

ROOT = Path(__file__).parents[1]
GAINED = "contradicted (substitute) published 0.048 ours 0.000 -0.010 to 0.010"
COMMANDS = [["demo-data"], ["data"], ["data", "list"], ["data", "show"], ["data", "fetch"], ["data", "ingest"],
            ["data", "audit"], ["run"], ["book"], ["claims"], ["models"], ["bench"]]  # fmt: skip


@pytest.mark.parametrize("words", [[], *COMMANDS], ids=" ".join)
def test_every_command_explains_itself(ecgrepro, words):
    status, out, err = ecgrepro(*words, "--help")
    assert (status, err) == (0, "")
    assert "Usage: ecgrepro" in re.sub(r"\x1b\[[0-9;]*m", "", out)  # some environments force colours


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


def test_models_are_listed_with_the_published_counts(ecgrepro):
    status, out, _ = ecgrepro("models", "--json")
    rows = json.loads(out)
    assert status == 0
    published = {row["published"] for row in rows} - {None}
    assert {4_492_480, 4_494_532, 4_495_045, 11_187_205, 60_965_224, 37_752_832} <= published
    assert all(row["parameters"] == row["published"] and row["where"] for row in rows if row["published"])
    assert all(row["flops"] > 0 and row["outputs"] >= 0 and row["input"] for row in rows)
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
    studies = "data, resnet1d, spectrogram2d, pretrain_size, freezing, ptbxl_transfer, calibration"
    refused(ecgrepro("claims", "--study", "astrology"), f"study: expected one of {studies}; got 'astrology'")


@pytest.mark.usefixtures("no_results")
@pytest.mark.parametrize("study", ["ptbxl_transfer", "calibration"])
def test_claims_of_a_study_without_results_are_not_run_unless_printed_figures_decide_them(ecgrepro, study):
    status, out, _ = ecgrepro("claims", "--json", "--study", study)
    rows = json.loads(out)
    assert (status, {row["study"] for row in rows}) == (0, {study})
    assert {row["rule"] for row in rows if row["verdict"] != "not run"} <= {"arithmetic"}
    assert all(row["missing"] for row in rows if row["verdict"] == "not run")


def test_claims_in_words_show_published_and_measured(ecgrepro, monkeypatch):
    from ecgrepro.studies import evidence
    from tests.studies import ledger_rows

    monkeypatch.setattr(evidence, "ledger_rows", lambda study: ledger_rows.measured_rows(0.0))
    _, out, _ = ecgrepro("claims")
    (line,) = (line for line in out.splitlines() if line.startswith(f"{ledger_rows.GAIN} "))
    assert line.split(None, 1)[1].split() == GAINED.split()
    (line,) = (line for line in out.splitlines() if line.startswith(f"{ledger_rows.LEVEL} "))
    assert line.split()[1:] == ["not", "run", "published", "0.731"]


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (
            ["astrology"],
            [
                "study: expected one of calibration, data, freezing, pretrain_size, ptbxl_transfer, resnet1d, "
                "spectrogram2d; got 'astrology'"
            ],
        ),
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
    assert ecgrepro("run", "resnet1d", "--runner", "dask", "--workers", "2")[0] == 0
    assert seen["parameters"] == {"scale": "demo", "runner": "dask", "workers": 2}


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
from tests.command_line import refused
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
