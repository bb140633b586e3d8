import json
import re
import shutil
import subprocess
from types import SimpleNamespace

import numpy as np
import pytest

from ecgrepro.training import run_record as module
from ecgrepro.training.run_record import git_commit, hardware, metered, run_record, versions


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


def test_what_is_not_known_is_absent():
    found = run_record(1.0, 1.0, 1)
    assert not {"flops_per_frame", "share_of_peak", "energy_joules", "accelerator_peak_memory_MB"} & set(
        found
    )


def test_the_share_of_the_peak_is_arithmetic_over_time(monkeypatch):
    monkeypatch.setattr(module.cost, "device_peak", lambda precision: (1e9, f"data sheet: {precision}"))
    found = run_record(2.0, 3.0, 100, flops=2e6, precision="mixed_bfloat16")
    assert (found["flops_per_frame"], found["share_of_peak"]) == (2_000_000, 0.1)
    assert (found["peak_flops_per_second"], found["peak_source"]) == (1e9, "data sheet: mixed_bfloat16")
    assert json.loads(json.dumps(found)) == found


def test_energy_and_memory_of_an_accelerator_are_told_where_they_are_known(monkeypatch):
    monkeypatch.setattr(module.cost, "accelerator_peak_memory_mb", lambda: 900)
    monkeypatch.setattr(module.energy, "meter", lambda: SimpleNamespace(names=["package-0"]))
    found = run_record(1.0, 1.0, 1, energy_joules=12.34)
    assert found["accelerator_peak_memory_MB"] == 900
    assert (found["energy_joules"], found["energy_counters"]) == (12.3, ["package-0"])


@pytest.fixture
def counter(monkeypatch):
    """Joules that rise by 5 with every reading."""
    readings = iter(range(0, 10**6, 5))
    monkeypatch.setattr(module.energy, "joules", lambda: next(readings))


@pytest.mark.usefixtures("counter")
def test_costs_of_several_sittings_add_up():
    run = {"seconds": 0.0, "cpu_seconds": 0.0}
    for _ in range(2):
        with metered(run):
            sum(range(100_000))
    assert run["energy_joules"] == 10
    assert run["seconds"] > 0
    assert run["cpu_seconds"] > 0


@pytest.mark.usefixtures("counter")
def test_a_part_of_the_energy_is_no_energy_of_the_run():
    run = {"seconds": 7.0, "cpu_seconds": 7.0}  # a sitting that nobody counted
    with metered(run):
        pass
    assert run["energy_joules"] is None
    assert run["seconds"] > 7.0


def test_without_a_counter_there_is_no_energy(monkeypatch):
    monkeypatch.setattr(module.energy, "joules", lambda: None)
    run = {"energy_joules": 3.0, "seconds": 1.0}
    with metered(run):
        pass
    assert run["energy_joules"] is None


def test_a_block_that_fails_costs_nothing():
    run = {"seconds": 1.0}
    with pytest.raises(KeyError), metered(run):
        raise KeyError
    assert run == {"seconds": 1.0}


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
