import nbformat
import pytest

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.studies.book_notebooks import (
    check_parameters,
    content_key,
    environment,
    known_parameters,
    read_pair,
)
from tests.studies.book_project import TEXT, make_project, write_notebook


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path / "project")


def test_an_identical_pair_is_accepted(project):
    assert len(read_pair(project, "study").cells) == 3


@pytest.mark.parametrize(
    "change", [("scale is", "scale was"), ("A formula", "The formula"), ("[parameters]", "[hidden]")]
)
def test_a_pair_that_differs_is_refused_with_the_remedy(project, change):
    (project / "notebooks" / "study.md").write_text(TEXT.replace(*change))
    with pytest.raises(InputError, match="jupytext --sync"):
        read_pair(project, "study")


def test_a_pair_with_a_cell_more_is_refused(project):
    (project / "notebooks" / "study.md").write_text(TEXT + "\n```{code-cell} ipython3\n1\n```\n")
    with pytest.raises(InputError, match="another cell 4"):
        read_pair(project, "study")


def test_committed_outputs_are_refused(project):
    path = project / "notebooks" / "study.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[-1].outputs = [nbformat.v4.new_output("stream", text="scale is demo")]
    nbformat.write(notebook, path)
    with pytest.raises(InputError, match="outputs"):
        read_pair(project, "study")


def test_a_missing_pair_is_refused(project):
    (project / "notebooks" / "study.ipynb").unlink()
    with pytest.raises(InputError, match="no such file"):
        read_pair(project, "study")


def test_parameters_are_those_of_the_tagged_cell(project):
    assert known_parameters(project / "notebooks" / "study.ipynb") == {"scale", "fail"}


def test_an_unknown_parameter_is_refused_by_name(project):
    paths = {"study": project / "notebooks" / "study.ipynb"}
    check_parameters(paths, {"scale": "demo"})
    with pytest.raises(SettingsError, match="sedes"):
        check_parameters(paths, {"sedes": 2})


@pytest.mark.parametrize("change", ["notebook", "module", "ledger", "result", "parameter"])
def test_whatever_outputs_depend_on_changes_the_key(project, change):
    before = content_key(project, "study", {"scale": "demo"})
    parameters = {"scale": "demo"} | ({"fail": True} if change == "parameter" else {})
    if change == "notebook":
        write_notebook(project, TEXT.replace("scale is", "scale was"))
    if change == "module":
        (project / "ecgrepro" / "module.py").write_text("x = 2\n")
    if change == "ledger":
        (project / "ecgrepro" / "ledger.yaml").write_text("claims: []\n")
    if change == "result":
        (project / "results").mkdir()
        (project / "results" / "run.json").write_text("{}")
    assert content_key(project, "study", parameters) != before


def test_what_outputs_cannot_depend_on_leaves_the_key(project):
    before = content_key(project, "study", {"scale": "demo"})
    (project / "book" / "index.md").write_text("# Another\n")
    (project / "ecgrepro" / "studies").mkdir()
    (project / "ecgrepro" / "studies" / "book_prose.py").write_text("x = 2\n")
    assert content_key(project, "study", {"scale": "demo"}) == before


def test_the_environment_is_put_back(project, monkeypatch):
    import os

    monkeypatch.setenv("ECGREPRO_HOME", "elsewhere")
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    with environment(project):
        assert os.environ["ECGREPRO_HOME"] == str(project)
        assert os.environ["TQDM_DISABLE"] == "1"
    assert os.environ["ECGREPRO_HOME"] == "elsewhere"
    assert "TQDM_DISABLE" not in os.environ
