import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from ecgrepro.training import run_record as module
from ecgrepro.training.run_record import git_commit, hardware, run_record, versions


def test_a_record_tells_cost_machine_and_versions():
    made = run_record(2.04, 3.5, np.int64(100), resumed=1, patients=7)
    assert json.loads(json.dumps(made)) == made
    assert (made["seconds"], made["cpu_seconds"], made["frames"]) == (2.0, 3.5, 100)
    assert made["frames_per_second"] == pytest.approx(49.0, abs=0.1)
    assert (made["resumed"], made["patients"], made["backend"]) == (1, 7, "tensorflow")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", made["finished"])
    assert 50 < made["peak_memory_MB"] < 1_000_000


def test_no_time_at_all_is_no_division_by_zero():
    assert run_record(0.0, 0.0, 0)["frames_per_second"] == 0


def test_versions_name_the_backend_and_what_numbers_depend_on():
    found = versions()
    assert {"python", "tensorflow", "keras", "numpy", "scipy", "ecgrepro"} <= set(found)
    assert all(found.values())


def test_a_package_that_is_not_installed_is_said_to_be_so(monkeypatch):
    monkeypatch.setattr(module, "PACKAGES", ("no-such-package",))
    assert versions()["no-such-package"] == "not installed"


def test_hardware_names_processor_and_accelerators():
    found = hardware()
    assert found["processor"]
    assert found["cores"] >= 1
    assert isinstance(found["accelerators"], list)


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout with the package in it, from which `git_commit` believes to run."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    package = tmp_path / "ecgrepro" / "training"
    package.mkdir(parents=True)
    (package / "run_record.py").write_text("x = 1\n")
    (tmp_path / "ecgrepro" / "paths.py").write_text("x = 1\n")
    (tmp_path / "notes.py").write_text("x = 1\n")
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    for words in (("init", "-q"), ("add", "ecgrepro"), (*identity, "commit", "-qm", "first")):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    monkeypatch.setattr(module, "__file__", str(package / "run_record.py"))
    return tmp_path


def test_the_commit_is_that_of_the_checkout(checkout):
    assert re.fullmatch(r"[0-9a-f]{12}", git_commit())


def test_a_changed_file_anywhere_in_the_package_is_told(checkout):
    (checkout / "ecgrepro" / "paths.py").write_text("x = 2\n")
    assert git_commit().endswith("-dirty")


def test_files_outside_the_package_do_not_matter(checkout):
    (checkout / "notes.py").write_text("x = 2\n")
    assert not git_commit().endswith("-dirty")


def test_a_package_installed_inside_another_checkout_has_no_commit(checkout):
    installed = checkout / ".venv" / "training"
    installed.mkdir(parents=True)
    (installed / "run_record.py").write_text("x = 1\n")
    module.__file__ = str(installed / "run_record.py")
    assert git_commit() == ""


def test_without_git_the_commit_is_empty(checkout, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert git_commit() == ""
