import json
from pathlib import Path

import pytest

from ecgrepro.studies.book_numbers import check_prose
from ecgrepro.studies.book_prose import context, render
from ecgrepro.studies.book_speed import benchmarks, published_costs, speed_summary, speed_table
from tests.studies.ledger_rows import measured_rows

PAGE = Path(__file__).parents[2] / "book" / "speed.md"


def row(what="arm A over arm B", measured=31.4159, target=25, met=True, **changes):
    made = {
        "what": what,
        "measured": measured,
        "unit": "times",
        "target": target,
        "bound": "at least",
        "met": met,
    }
    return made | {"note": ""} | changes


def leave(root, name, *rows, accelerators=(), place=""):
    folder = root / "results" / "benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "benchmark": name, "finished": "2026-01-02T03:04:05Z", "commit": "abc123",
        "hardware": {"processor": "Test CPU", "cores": 2, "accelerators": list(accelerators)},
        "versions": {"python": "3.11.7", "tensorflow": "2.21.0", "pandas": "3.1"}, "rows": list(rows),
    }  # fmt: skip
    (folder / f"{name}{place}.json").write_text(json.dumps(content))


def page(root):
    return render(PAGE, context(root, measured_rows(), root / "figures"))


def test_a_benchmark_is_shown_with_machine_versions_and_date(tmp_path):
    leave(
        tmp_path, "data_path", row(), row("a rate", 123456.0, None, None, unit="frames/s", note="while busy")
    )
    made = page(tmp_path)
    assert "### data path\n" in made
    assert (
        "`benchmarks/data_path.py` on Test CPU, 2 cores, no accelerator; python 3.11.7, tensorflow 2.21.0"
        in made
    )
    assert "2026-01-02, commit `abc123`." in made
    assert "31.4 times" in made
    assert "at least 25 times" in made
    assert "123,456 frames/s" in made
    assert "<small>while busy</small>" in made


def test_targets_met_and_missed_are_told_apart(tmp_path):
    leave(tmp_path, "a", row(), row("slow", 2.0, 3.0, False))
    leave(tmp_path, "b", row("none", target=None, met=None))
    found = benchmarks(tmp_path)
    assert speed_summary(found) == "2 benchmarks; 1 of 2 targets met."
    assert speed_table(found).count(">met<") == 1
    assert speed_table(found).count(">not met<") == 1


def test_a_benchmark_of_two_machines_has_one_heading(tmp_path):
    leave(tmp_path, "data_path", row())
    leave(tmp_path, "data_path", row(met=False), accelerators=["Test GPU"], place="-test-gpu")
    leave(tmp_path, "dask", row())
    found = benchmarks(tmp_path)
    made = speed_table(found)
    assert made.count("### data path\n") == made.count("### dask\n") == 1
    assert made.count("`benchmarks/data_path.py` on Test CPU, 2 cores") == 2
    assert "2 cores, Test GPU;" in made
    assert speed_summary(found) == "2 benchmarks; 2 of 3 targets met."


def test_words_from_files_are_no_markup(tmp_path):
    leave(tmp_path, "a", row("<script>", note="<b>"))
    assert "<script>" not in speed_table(benchmarks(tmp_path))
    assert "&lt;b&gt;" in speed_table(benchmarks(tmp_path))


def test_the_page_is_made_without_any_benchmark(tmp_path):
    made = page(tmp_path)
    assert "No benchmark has been committed" in made
    assert "## Measured" not in made
    assert "## Published" in made


def test_published_cost_is_told_with_its_speed():
    table = published_costs()
    assert table.count("<tr>") == 1 + 4
    for cell in ("898", "V100", "21.2", "14.2", "L4"):
        assert f"<div>{cell}</div>" in table


def test_no_figure_is_typed_into_the_page():
    check_prose([PAGE])


@pytest.mark.parametrize("name", ["evidence", "cost"])
def test_benchmarks_are_taken_for_no_trials(tmp_path, monkeypatch, name):
    from ecgrepro.studies import book_cost
    from ecgrepro.training.store import read_results

    leave(tmp_path, "data_path", row())
    read = {"evidence": lambda: read_results(tmp_path / "results" / "benchmarks"),
            "cost": lambda: book_cost.run_records(tmp_path)}  # fmt: skip
    assert read[name]() == []
