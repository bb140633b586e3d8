"""A pre-training and a fine-tuning, killed at random moments, give the numbers of those that were not."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from tests.training import tiny
from tests.training.children import talking_trials

ROOT = Path(__file__).parents[2]
CODE = """
import sys
from pathlib import Path
from tests.training.children import run_talking
run_talking(*map(Path, sys.argv[1:3]), sys.argv[3])
"""
#: Kills of each stage. Each run of the tests draws other moments; `ECGREPRO_TEST_KILLS=50` takes twenty minutes.
KILLS = int(os.environ.get("ECGREPRO_TEST_KILLS", 1))
STAGES = {"pretraining": "parent", "fine-tuning": "pretrained"}


def start(corpora, folder):
    command = [sys.executable, "-c", CODE, str(corpora), str(folder), str(KILLS)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    )


def kill_within(corpora, folder, stage, rng):
    """Start, and kill it a random while after a random one of the stage's checkpoints, one time in ten before any."""
    lines, wait = int(rng.integers(1, 3)), rng.uniform(0, 0.05)
    early = KILLS > 1 and rng.random() < 0.1
    with start(corpora, folder) as running:
        if early:
            line, wait = "start", rng.uniform(0, 8)
        else:
            for line in running.stdout:
                lines -= line.startswith(stage)
                if lines == 0:
                    break
        time.sleep(wait)
        running.send_signal(signal.SIGKILL)
    assert running.returncode == -signal.SIGKILL
    return f"{stage}: {line.strip()}, {wait:.3f} s"


def run_to_the_end(corpora, folder):
    with start(corpora, folder) as running:
        running.stdout.read()
        assert running.wait(timeout=240) == 0


@pytest.fixture(scope="module")
def alone(corpora, finished, workspace, tmp_path_factory):
    """Trials and store of the runs that were left alone."""
    trials = dict(zip(STAGES, talking_trials(workspace, KILLS), strict=True))
    if KILLS == 1:
        return trials, finished.store
    folder = tmp_path_factory.mktemp("alone")
    run_to_the_end(corpora, folder)
    return trials, tiny.open_store(folder)


@pytest.fixture(scope="module")
def both(corpora, alone, tmp_path_factory):
    """Results of the runs that were left alone and of those that were killed, by stage; and where and how often."""
    folder = tmp_path_factory.mktemp("killed")
    store, (trials, undisturbed) = tiny.open_store(folder), alone
    seed = int(os.environ.get("ECGREPRO_TEST_SEED", time.time_ns() % 2**31))
    rng = np.random.default_rng(seed)
    kills = [stage for stage in STAGES for _ in range(KILLS)]
    moments = [kill_within(corpora, folder, stage, rng) for stage in kills]
    print(f"ECGREPRO_TEST_SEED={seed}, killed at {moments}")  # pytest shows it where a test fails
    assert not store.has(trials["fine-tuning"])
    run_to_the_end(corpora, folder)
    return SimpleNamespace(
        alone={stage: undisturbed.results_of(trial.key) for stage, trial in trials.items()},
        stores=(undisturbed, store), trials=trials, kills=moments,
        killed={stage: store.results_of(trial.key) for stage, trial in trials.items()},
    )  # fmt: skip


@pytest.mark.parametrize("stage", STAGES)
def test_predictions_are_the_same_bit_for_bit(both, stage):
    ours, expected = both.killed[stage]["predictions"], both.alone[stage]["predictions"]
    pd.testing.assert_frame_equal(ours, expected, check_exact=True)
    logits = [name for name in expected if name.startswith("logit_")]
    assert ours[logits].to_numpy().tobytes() == expected[logits].to_numpy().tobytes()
    assert expected[logits].to_numpy().std() > 0


@pytest.mark.parametrize("stage", STAGES)
def test_histories_are_the_same(both, stage):
    paths = [store.results / both.trials[stage].key / "history.csv" for store in both.stores]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_weights_are_the_same_bit_for_bit(both):
    parent = both.trials["pretraining"]
    for share in parent.recipe.checkpoints:
        expected, ours = (dict(np.load(store.weights(parent.key, share))) for store in both.stores)
        assert set(ours) == set(expected)
        assert all(ours[name].tobytes() == expected[name].tobytes() for name in expected)


@pytest.mark.parametrize("stage", STAGES)
def test_the_run_record_says_how_often_it_was_resumed(both, stage):
    ours, expected = both.killed[stage]["run"], both.alone[stage]["run"]
    assert expected["resumed"] == 0
    kills = [line for line in both.kills if line.startswith(stage)]
    assert sum(": start," not in line for line in kills) <= ours["resumed"] <= len(kills)
    assert ours["weights_sha256"] == expected["weights_sha256"]
    assert ours["frames"] == expected["frames"]
    assert ours["seconds"] > 0


def test_nothing_unfinished_is_left(both):
    store = both.stores[1]
    assert {path.name for path in store.results.iterdir()} == {trial.key for trial in both.trials.values()}
    assert not [path for path in store.work.rglob("*") if "partial" in path.name or "checkpoint" in path.name]
