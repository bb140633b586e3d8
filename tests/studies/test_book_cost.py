import json

from ecgrepro.studies.book_cost import cost_summary, cost_table, run_records

HARDWARE = {"processor": "Test CPU", "cores": 2, "threads": "all", "accelerators": []}


def leave_trial(root, key, arm="random", seconds=3600, speed=50):
    folder = root / "results" / "pilot" / "resnet1d" / key
    folder.mkdir(parents=True)
    run = {
        "seconds": seconds,
        "cpu_seconds": 2 * seconds,
        "frames_per_second": speed,
        "peak_memory_MB": 2048,
        "hardware": HARDWARE,
    }
    (folder / "run.json").write_text(json.dumps(run))
    (folder / "trial.json").write_text(json.dumps({"stage": "fine-tuning", "arm": arm}))


def test_hours_are_summed_over_all_trials(tmp_path):
    leave_trial(tmp_path, "a1", seconds=3600)
    leave_trial(tmp_path, "b2", seconds=5400)
    assert "2 committed trials took 2.5 hours" in cost_summary(run_records(tmp_path))
    assert "5.0 hours of processor time, on: Test CPU, 2 cores, no accelerator" in cost_summary(
        run_records(tmp_path)
    )


def test_the_table_has_one_line_per_arm(tmp_path):
    leave_trial(tmp_path, "a1", arm="random", speed=40)
    leave_trial(tmp_path, "b2", arm="random", speed=60)
    leave_trial(tmp_path, "c3", arm="beat")
    table = cost_table(run_records(tmp_path))
    assert table.count("<tr>") == 1 + 2
    assert "40 to 60" in table


def test_without_results_nothing_is_claimed(tmp_path):
    assert "No run" in cost_summary(run_records(tmp_path))
    assert cost_table([]) == ""
