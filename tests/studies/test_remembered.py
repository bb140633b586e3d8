"""What was computed is given again while runs, settings and package are the same, and never otherwise."""

import pytest

from ecgrepro.studies import remembered as room
from ecgrepro.studies.remembered import remembered
from ecgrepro.training.store import Result


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("ECGREPRO_HOME", str(tmp_path))
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "run.json").write_text("{}")
    return Result(folder, {})


@pytest.fixture
def counted():
    """A function that counts how often it was called."""

    def make():
        make.calls += 1
        return {"estimate": make.calls}

    make.calls = 0
    return make


def kept(home):
    return sorted((home / "_work" / "computed").rglob("*.pickle"))


def test_the_same_is_computed_once(run, counted, tmp_path):
    assert [remembered("gain", [run], (0.95,), counted) for _ in range(3)] == [{"estimate": 1}] * 3
    assert len(kept(tmp_path)) == 1


@pytest.mark.parametrize("change", ["what", "settings", "runs", "content", "package"])
def test_anything_else_is_computed_anew(run, counted, change, monkeypatch):
    remembered("gain", [run], (0.95,), counted)
    what = "loss" if change == "what" else "gain"
    settings = (0.9,) if change == "settings" else (0.95,)
    runs = [run, run] if change == "runs" else [run]
    if change == "content":
        (run.folder / "run.json").write_text('{"seconds": 1}')
    if change == "package":
        monkeypatch.setattr(room, "_package", lambda: "another")
    assert remembered(what, runs, settings, counted) == {"estimate": 2}


def test_a_file_cut_short_is_made_anew(run, counted, tmp_path):
    remembered("gain", [run], (), counted)
    (path,) = kept(tmp_path)
    path.write_bytes(path.read_bytes()[:5])
    assert remembered("gain", [run], (), counted) == {"estimate": 2}
    assert remembered("gain", [run], (), counted) == {"estimate": 2}


def test_runs_that_lie_nowhere_are_not_known_again(run, counted, tmp_path):
    for runs in ([{}], [], [run, {}]):
        remembered("gain", runs, (), counted)
        remembered("gain", runs, (), counted)
    assert counted.calls == 6
    assert not kept(tmp_path)


def test_a_folder_that_cannot_be_written_costs_nothing_but_time(run, counted, tmp_path):
    (tmp_path / "_work").write_text("in the way")
    assert remembered("gain", [run], (), counted) == {"estimate": 1}
