"""A trial that was killed, four times, gives the numbers of one that was not."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ecgrepro.training import pretrain, runner
from tests.training import children, tiny

ROOT = Path(__file__).parents[2]
STEPS = 4
CODE = """
import sys
from pathlib import Path
from tests.training.children import run_talking
run_talking(Path(sys.argv[1]), Path(sys.argv[2]), {steps})
"""


def start(corpora, folder):
    command = [sys.executable, "-c", CODE.format(steps=STEPS), str(corpora), str(folder)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    )


def kill_within(corpora, folder, stage, rng):
    """Start, and kill it a random while after a random one of the stage's checkpoints."""
    lines, wait = int(rng.integers(1, 3)), rng.uniform(0, 0.1)
    with start(corpora, folder) as running:
        for line in running.stdout:
            lines -= line.startswith(stage)
            if lines == 0:
                time.sleep(wait)
                running.send_signal(signal.SIGKILL)
                break
    assert running.returncode == -signal.SIGKILL
    return f"{stage}: {line.strip()}, {wait:.3f} s"


@pytest.fixture(scope="module")
def both(corpora, workspace, tmp_path_factory):
    """Stores of the run that was left alone and of the one that was killed, with the two trials."""
    alone, killed = tmp_path_factory.mktemp("alone"), tmp_path_factory.mktemp("killed")
    trials = children.to_kill(workspace)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pretrain, "BLOCK", STEPS)
        runner.run(trials, tiny.open_store(alone), workspace, progress=False)
    rng = np.random.default_rng(int(os.environ.get("ECGREPRO_TEST_SEED", time.time_ns() % 2**31)))
    moments = [
        kill_within(corpora, killed, stage, rng) for stage in ("pretraining", "fine-tuning") for _ in "12"
    ]
    print("killed at", moments)  # pytest shows it where a test fails
    store = tiny.open_store(killed)
    assert not store.has(trials[1])
    assert not [path for path in store.results.iterdir() if not store.has(trials[0]) and path.name[0] != "."]
    with start(corpora, killed) as running:
        assert running.wait(timeout=240) == 0
    return tiny.open_store(alone), store, trials


@pytest.mark.parametrize("which", [0, 1], ids=["pretraining", "fine-tuning"])
def test_predictions_are_the_same_bit_for_bit(both, which):
    alone, killed, trials = both
    ours, expected = (store.results_of(trials[which].key)["predictions"] for store in (killed, alone))
    pd.testing.assert_frame_equal(ours, expected, check_exact=True)
    logits = [name for name in expected if name.startswith("logit_")]
    assert ours[logits].to_numpy().tobytes() == expected[logits].to_numpy().tobytes()
    assert expected[logits].to_numpy().std() > 0


@pytest.mark.parametrize("which", [0, 1], ids=["pretraining", "fine-tuning"])
def test_histories_are_the_same(both, which):
    alone, killed, trials = both
    paths = [store.results / trials[which].key / "history.csv" for store in (killed, alone)]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_weights_are_the_same_bit_for_bit(both):
    alone, killed, (parent, _) = both
    for share in parent.recipe.checkpoints:
        ours, expected = (dict(np.load(store.weights(parent.key, share))) for store in (killed, alone))
        assert {name: array.tobytes() for name, array in ours.items()} == {
            name: array.tobytes() for name, array in expected.items()
        }


@pytest.mark.parametrize("which", [0, 1], ids=["pretraining", "fine-tuning"])
def test_the_run_record_says_how_often_it_was_resumed(both, which):
    alone, killed, trials = both
    ours, expected = (store.results_of(trials[which].key)["run"] for store in (killed, alone))
    assert (ours["resumed"], expected["resumed"]) == (2, 0)
    assert ours["frames"] == expected["frames"]
    assert ours["seconds"] > 0


def test_nothing_unfinished_is_left(both):
    alone, killed, trials = both
    for store in (alone, killed):
        assert {path.name for path in store.results.iterdir()} == {trial.key for trial in trials}
        assert not [
            path for path in store.work.rglob("*") if "partial" in path.name or "checkpoint" in path.name
        ]
