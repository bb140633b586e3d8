"""`ecgrepro bench` with measurements that take no time."""

import json
import re

import pytest

from ecgrepro import cli_bench
from ecgrepro.studies import machine
from ecgrepro.training import cost, seeds
from tests.command_line import refused


@pytest.fixture(autouse=True)
def _instant(monkeypatch, tmp_path):
    """A machine that does ten frames a second of any net, and twice as many in bfloat16."""

    def training_step(net, precision, seconds):
        speed = {"float32": 10.0, "mixed_bfloat16": 20.0}[precision]
        return {"net": str(net), "precision": precision, "batch_size": 1, "frames_per_second": speed, "flops": 1,
                "share_of_peak": 0.5}  # fmt: skip

    monkeypatch.setenv("ECGREPRO_HOME", str(tmp_path))
    monkeypatch.setattr(cost, "device_peak", lambda precision: (2e9, "measured matmul peak"))
    monkeypatch.setattr(seeds, "make_deterministic", lambda seed: None)
    monkeypatch.setattr(machine, "sampler_speed", lambda seconds: 1234.0)
    monkeypatch.setattr(machine, "disk_speed", lambda folder, megabytes: {"write_MB_s": 1.0, "read_MB_s": 2.0,
                                                                         "free_GB": 3.0})  # fmt: skip
    monkeypatch.setattr(machine, "training_step", training_step)


def test_it_says_what_it_does_before_it_starts(ecgrepro):
    status, out, _ = ecgrepro("bench", "--studies", "ptbxl_transfer")
    lines = out.splitlines()
    assert status == 0
    assert "cores" in lines[0]
    assert "backend tensorflow" in lines[0]
    found = re.match(
        r"(\d+) measurements: matrix products, the sampler, the disk .* steps of (\d+) nets\. About", lines[1]
    )
    measurements, nets = map(int, found.groups())
    assert nets > 1
    assert measurements == 4 + 2 * nets  # each net in two precisions
    assert lines[2].startswith(f"[ 1/{measurements}, ")
    assert "2 GFLOPS (measured matmul peak)" in lines[2]


def test_the_table_has_hours_and_the_assumptions(ecgrepro):
    _, out, _ = ecgrepro("bench", "--studies", "ptbxl_transfer", "--studies", "data")
    (line,) = (line for line in out.splitlines() if line.startswith("ptbxl_transfer  paper"))
    # at 10 and at 20 frames/s
    assert line.split() == ["ptbxl_transfer", "paper", "355", "166,667,776", "4,630", "h", "2,315", "h"]
    assert "data            demo, pilot, colab, paper: trains nothing" in out
    assert "ptbxl_transfer, paper: pre-training on diagnoses, 25% of labels, 5 trials, xresnet1d101" in out
    assert "50 epochs, as published" in out


def test_published_hours_stand_beside_ours(ecgrepro):
    _, out, _ = ecgrepro("bench", "--studies", "pretrain_size")
    assert (
        "pretrain_size, published: 1-D fine-tuning, 5 sizes x 10, 50 trials, 21.2 h on V100 [class report"
        in out
    )


def test_for_programs_there_is_nothing_but_json_on_standard_output(ecgrepro):
    status, out, err = ecgrepro("bench", "--json", "--studies", "resnet1d")
    report = json.loads(out)
    assert status == 0
    assert "6 measurements" not in out
    assert "measurements: matrix products" in err
    assert report["complete"]
    assert report["machine"]["cores"] >= 1
    assert {"float32", "mixed_bfloat16"} == set(report["work"][0]["hours"])
    assert [(row["study"], row["scale"]) for row in report["studies"]] == [
        ("resnet1d", scale) for scale in ("demo", "pilot", "colab", "paper")
    ]
    assert all(row["hours"]["float32"] > 0 for row in report["studies"])
    assert report["found"][2]["frames_per_second"] == 1234.0


def test_what_was_measured_before_it_was_stopped_is_used(ecgrepro, monkeypatch):
    whole = machine.training_step

    def stopped(net, precision, seconds):
        if net.model == "alexnet":
            raise KeyboardInterrupt
        return whole(net, precision, seconds)

    monkeypatch.setattr(machine, "training_step", stopped)
    status, out, _ = ecgrepro("bench", "--studies", "freezing", "--studies", "resnet1d")
    assert status == cli_bench.STOPPED
    assert "stopped; what follows is made of what had been measured" in out
    lines = {tuple(line.split()[:2]): line for line in out.splitlines() if line}
    assert lines["freezing", "paper"].split()[-2:] == ["?", "?"]
    assert "?" not in lines["resnet1d", "paper"]


def test_a_study_that_is_not_known_is_refused_before_anything_is_measured(ecgrepro, monkeypatch):
    monkeypatch.setattr(machine, "sampler_speed", lambda seconds: pytest.fail("a measurement was started"))
    refused(ecgrepro("bench", "--studies", "cooking"), "studies: expected some of data", "got ['cooking']")


@pytest.mark.parametrize(
    ("hours", "told"), [(None, "?"), (0.05, "~3.0 min"), (5.25, "~5.2 h"), (1234.5, "~1,234 h")]
)
def test_durations_are_told_in_units_that_fit(hours, told):
    assert cli_bench._duration(hours, "~") == told
