"""The repository's frame: one address, one lock, and documents that speak of files that exist."""

import ast
import os
import re
import shutil
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from ecgrepro import address
from ecgrepro.errors import SettingsError
from ecgrepro.studies.book import pages

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PYTHONS = ("3.11", "3.12", "3.13")
NEW = "https://github.com/someone-new/other.name"


def requirements(*extras):
    texts = PROJECT["dependencies"] + [
        text for extra in extras for text in PROJECT["optional-dependencies"][extra]
    ]
    return [Requirement(text) for text in texts]


def lock():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]


def pin(requirement):
    (specifier,) = requirement.specifier
    assert specifier.operator == "=="
    return Version(specifier.version.removesuffix(".*"))


@pytest.mark.parametrize("path", address.places(ROOT), ids=lambda path: path.name)
def test_every_place_carries_the_one_address(path):
    assert address.slug() in path.read_text(encoding="utf-8")


def test_no_badge_points_to_another_repository():
    pattern = re.compile(r"colab\.research\.google\.com/github/([^/\s]+/[^/\s]+)/blob/")
    for path in address.places(ROOT):
        assert set(pattern.findall(path.read_text(encoding="utf-8"))) <= {address.slug()}, path


def test_an_unset_address_says_so():
    assert address.is_set(NEW)
    assert not address.is_set("https://github.com/ADDRESS-NOT-SET/" + "ecgrepro")


@pytest.mark.parametrize(
    "wrong",
    ["", "github.com/a/b", "https://gitlab.com/a/b", "https://github.com/a", "https://github.com/a/b/c"],
)
def test_an_address_colab_cannot_open_is_refused(wrong):
    with pytest.raises(SettingsError, match="OWNER/NAME"):
        address.slug(wrong)


def test_setting_the_address_changes_every_place(tmp_path):
    for path in address.places(ROOT):
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    assert len(address.set_address(tmp_path, NEW)) == len(address.places(ROOT))
    for path in address.places(tmp_path):
        assert address.slug() not in path.read_text(encoding="utf-8")
        assert "someone-new/other.name" in path.read_text(encoding="utf-8")


def test_places_that_disagree_are_left_as_they_are(tmp_path):
    for path in address.places(ROOT):
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    (tmp_path / "CITATION.cff").write_text("repository-code: elsewhere\n")
    with pytest.raises(SettingsError, match=r"CITATION\.cff"):
        address.set_address(tmp_path, NEW)
    assert address.slug() in (tmp_path / "README.md").read_text()


def test_the_lock_pins_every_direct_requirement_within_its_bounds():
    locked = {}
    for requirement in lock():
        locked.setdefault(canonicalize_name(requirement.name), []).append(pin(requirement))
    for requirement in requirements("book", "test"):
        for version in locked[canonicalize_name(requirement.name)]:
            assert requirement.specifier.contains(version, prereleases=True), requirement


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_holds_one_version_per_package_and_python(python):
    environment = {"python_version": python, "python_full_version": f"{python}.5", "sys_platform": "linux"}
    names = [r.name for r in lock() if r.marker is None or r.marker.evaluate(environment)]
    assert len(names) == len(set(names)) > 100


def test_the_lock_says_how_it_is_made_and_names_no_server():
    text = (ROOT / "requirements.txt").read_text()
    assert "make lock" in text.split("==")[0]
    assert not re.search(r"https?://|--index|--find-links| @ ", text)


def test_colabs_packages_satisfy_what_training_needs():
    lines = (ROOT / "constraints" / "colab.txt").read_text().splitlines()
    colab = {
        canonicalize_name(r.name): pin(r)
        for r in map(Requirement, (x for x in lines if x and not x.startswith("#")))
    }
    for requirement in requirements():
        if requirement.name in colab:
            assert requirement.specifier.contains(colab[requirement.name]), requirement
    assert {"tensorflow", "keras", "numpy", "pandas", "pyarrow", "scikit-learn"} <= set(colab)


def test_everything_the_package_imports_is_declared():
    declared = {
        canonicalize_name(r.name).replace("-", "_") for r in requirements("book", "dask", "gpu", "jax")
    }
    names = {
        "IPython": "ipykernel",
        "PIL": "pillow",
        "pynvml": "nvidia_ml_py",
        "dask": "distributed",
        "yaml": "pyyaml",
        "sklearn": "scikit_learn",
        "nbformat": "papermill",
        "nbclient": "papermill",
        "jupyter_book": "jupyter_book",
    }
    for path in (ROOT / "ecgrepro").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            found = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            found += [node.module] if isinstance(node, ast.ImportFrom) and node.level == 0 else []
            for name in {full.split(".")[0] for full in found}:
                known = name in __import__("sys").stdlib_module_names or name in ("ecgrepro", "torch")
                assert known or names.get(name, name) in declared, f"{path}: {name}"


@pytest.mark.parametrize(
    "requirement", requirements("book", "test"), ids=lambda requirement: requirement.name
)
def test_each_dependency_has_its_reason(requirement):
    table = (ROOT / "CONTRIBUTING.md").read_text().split("why each one")[1]
    assert re.search(rf"^\|.*\b{re.escape(requirement.name)}\b.*\|.+\|$", table, re.MULTILINE)


def test_versions_agree():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert str(citation["version"]) == PROJECT["version"]
    assert [author["name"] for author in citation["authors"]] == [
        author["name"] for author in PROJECT["authors"]
    ]


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_documents_link_to_files_that_exist(document):
    links = re.findall(r"\]\((?!https?:)([^)#\s]+)", (ROOT / document).read_text())
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_page_of_the_contents_has_its_source():
    assert pages(ROOT)[0] == "book/index"
    assert [page for page in pages(ROOT) if not (ROOT / f"{page}.md").exists()] == []


def test_every_prose_page_is_in_the_contents():
    written = {f"book/{path.stem}" for path in (ROOT / "book").glob("*.md")}
    assert written == {page for page in pages(ROOT) if page.startswith("book/")}


def test_the_readmes_commands_exist():
    text, makefile = (ROOT / "README.md").read_text(), (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    assert set(re.findall(r"^make (\w+)", text, re.MULTILINE)) == {"book", "test"} <= targets
    assert "papermill notebooks/resnet1d.ipynb out.ipynb -p scale demo -p seeds 2" in text


def test_mathjax_is_vendored_with_its_licence():
    folder = ROOT / "book" / "_static" / "mathjax"
    assert "Apache License" in (folder / "LICENSE").read_text()
    config = yaml.safe_load((ROOT / "_config.yml").read_text())["sphinx"]["config"]
    assert (ROOT / "book" / "_static" / config["mathjax_path"]).exists()
    assert len(list(folder.rglob("*.woff"))) > 20


def test_the_check_of_a_clean_clone_can_be_run():
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
