import builtins
import os
import sys
import textwrap

import nbformat
import pytest

from ecgrepro.errors import EcgreproError, SettingsError
from ecgrepro.studies import notebook as module
from ecgrepro.studies.notebook import execute_study, parse_parameters


@pytest.mark.parametrize(
    ("pair", "expected"),
    [
        ("seeds=2", 2),
        ("width=0.25", 0.25),
        ("labels=[1.0, 0.1]", [1.0, 0.1]),
        ("rotate_folds=true", True),
        ("epochs=null", None),
        ('settings={"patience": 5}', {"patience": 5}),
        ("data=DATA/real=ones", "DATA/real=ones"),
        ("scale=pilot", "pilot"),
        ("scale=", ""),
    ],
)
def test_values_are_json_or_text(pair, expected):
    ((_, value),) = parse_parameters([pair]).items()
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize("pair", ["seeds", "=2", "two words=2", "2=seeds"])
def test_what_is_no_pair_is_refused(pair):
    with pytest.raises(SettingsError, match="expected KEY=VALUE"):
        parse_parameters([pair])


CELLS = {
    "parameters": """
        scale = "demo"
        data = None
        fail = ""
    """,
    "work": """
        import os, sys
        from ecgrepro.errors import SettingsError
        print("bar 50%", file=sys.stderr)
        if fail == "ours":
            raise SettingsError("parameter epochs", "a number", "many", "Correct it.")
        if fail:
            raise RuntimeError(fail)
        print(f"scale {scale}, data {data}, home {os.environ['ECGREPRO_HOME']}, here {os.getcwd()}")
    """,
}


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home with one notebook, `study`."""
    cells = [nbformat.v4.new_code_cell(textwrap.dedent(source).strip()) for source in CELLS.values()]
    cells[0].metadata["tags"] = ["parameters"]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    (tmp_path / "notebooks").mkdir()
    nbformat.write(notebook, tmp_path / "notebooks" / "study.ipynb")
    monkeypatch.setenv("ECGREPRO_HOME", str(tmp_path))
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    monkeypatch.setenv("PYTHONPATH", root)
    return tmp_path


def runs(home):
    return sorted(path.name for path in (home / "_work").rglob("*.ipynb"))


def test_a_notebook_runs_with_its_parameters_and_folders_as_they_were_meant(
    home, monkeypatch, tmp_path, capsys
):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    out = execute_study("study", {"scale": "pilot", "data": "DATA"})
    assert out == home / "_work" / "runs" / "study-pilot.ipynb"
    assert runs(home) == ["study-pilot.ipynb"]
    printed = "".join(o["text"] for o in nbformat.read(out, 4).cells[-1].outputs if o["name"] == "stdout")
    expected = f"scale pilot, data {tmp_path / 'elsewhere' / 'DATA'}, home {home}, here {home / 'notebooks'}"
    assert printed.strip() == expected
    assert "bar 50%" in capsys.readouterr().err  # progress is seen while it runs


def test_an_error_of_ours_comes_through_in_its_own_words(home):
    with pytest.raises(EcgreproError) as caught:
        execute_study("study", {"fail": "ours"})
    assert str(caught.value) == "parameter epochs: expected a number; got many. Correct it."
    assert runs(home) == []


def test_another_error_names_cell_error_and_what_is_left(home):
    with pytest.raises(
        EcgreproError, match=r"study\.ipynb, cell \d.*RuntimeError: no luck.*Finished trials are kept"
    ) as caught:
        execute_study("study", {"fail": "no luck"}, home / "out.ipynb")
    assert str(home / "out.partial.ipynb") in str(caught.value)
    assert (home / "out.partial.ipynb").exists()
    assert not (home / "out.ipynb").exists()


@pytest.fixture
def no_kernel(monkeypatch):
    """No notebook may start."""
    from ecgrepro.studies import book_notebooks

    monkeypatch.setattr(
        book_notebooks, "run_notebook", lambda *given, **named: pytest.fail("a notebook was started")
    )


@pytest.mark.usefixtures("no_kernel")
@pytest.mark.parametrize(
    ("study", "parameters", "named"),
    [
        ("freezing", {}, "study: expected one of study; got 'freezing'"),
        ("study", {"scale": "huge"}, "scale: expected one of demo, pilot, colab, paper; got 'huge'"),
        (
            "study",
            {"patience": 5},
            r"parameters: expected some of .*'fail', 'scale'.*got \['patience'\].*-p settings=",
        ),
    ],
)
def test_what_is_not_known_is_refused_before_a_notebook_starts(home, study, parameters, named):
    with pytest.raises(SettingsError, match=named):
        execute_study(study, parameters)
    assert not (home / "_work").exists()


def test_without_notebooks_the_remedy_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("ECGREPRO_HOME", str(tmp_path))
    with pytest.raises(SettingsError, match="Run it from a checkout"):
        execute_study("resnet1d", {})


def test_without_papermill_the_remedy_is_told(home, monkeypatch):
    real = builtins.__import__

    def hidden(name, *given, **named):
        if name == "papermill":
            raise ModuleNotFoundError("No module named 'papermill'", name="papermill")
        return real(name, *given, **named)

    monkeypatch.delitem(sys.modules, "ecgrepro.studies.book_notebooks", raising=False)
    monkeypatch.delattr("ecgrepro.studies.book_notebooks", raising=False)
    monkeypatch.setattr(builtins, "__import__", hidden)
    with pytest.raises(
        SettingsError, match="expected papermill and what it needs; got no module papermill. Install it"
    ):
        execute_study("study", {})


def test_errors_of_ours_are_known_by_name():
    assert {"EcgreproError", "InputError", "SettingsError", "DiskError"} == module._OURS
