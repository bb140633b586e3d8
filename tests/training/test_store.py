import errno
import json
import multiprocessing
import os
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from ecgrepro.errors import DiskError, InputError
from ecgrepro.evaluation.predictions import prediction_table
from ecgrepro.training import store as module
from ecgrepro.training.recipe import FineTuning
from ecgrepro.training.store import locked, read_results
from ecgrepro.training.trial import Trial
from tests.training import tiny

TRIAL = Trial("tests", "demo", "random", 0, 0, (("cinc2017", "c0ffee"),), "resnet18", 0.125, FineTuning())
HISTORY = [{"epoch": 1, "loss": 1.5, "val_loss": 1.25}, {"epoch": 2, "loss": 1 / 3, "val_loss": 1.0}]
RUN = {"seconds": 1.5, "best_epoch": 2, "resumed": 0}
FILES = {"trial.json", "history.csv", "predictions.parquet", "run.json"}


def predictions(value=0.5):
    logits = np.full((3, 4), value, np.float32)
    return prediction_table(["a", "b", "c"], [0, 1, 2], logits, part="test", fold=0, seed=0)


@pytest.fixture
def store(tmp_path):
    return tiny.open_store(tmp_path)


def test_what_is_committed_is_read_again(store):
    assert not store.has(TRIAL)
    store.commit(TRIAL, HISTORY, predictions(), RUN)
    assert store.has(TRIAL)
    found = store.results_of(TRIAL.key)
    assert (found["key"], found["run"]) == (TRIAL.key, RUN)
    assert found["trial"] == json.loads(json.dumps(TRIAL.to_dict()))
    pd.testing.assert_frame_equal(found["predictions"], predictions())
    np.testing.assert_allclose(found["history"].loss, [1.5, 1 / 3], rtol=1e-5)
    assert {path.name for path in (store.results / TRIAL.key).iterdir()} == FILES


def test_results_are_listed_by_key_and_none_is_an_empty_list(store):
    assert read_results(store.results) == []
    store.commit(TRIAL, HISTORY, predictions(), RUN)
    assert [result["key"] for result in read_results(store.results)] == [TRIAL.key]


def test_committing_drops_the_checkpoint_and_keeps_the_weights(store):
    kept, dropped = store.weights(TRIAL.key, 0.5), store.checkpoint(TRIAL)
    kept.parent.mkdir(parents=True)
    kept.touch()
    dropped.touch()
    store.commit(TRIAL, HISTORY, predictions(), RUN)
    assert kept.exists()
    assert not dropped.exists()


def test_results_once_there_are_never_overwritten(store):
    store.commit(TRIAL, HISTORY, predictions(), RUN)
    store.commit(TRIAL, HISTORY[:1], predictions(9.0), {"seconds": 9})
    found = store.results_of(TRIAL.key)
    assert found["run"] == RUN
    assert (found["predictions"].logit_0 == 0.5).all()


def test_a_folder_without_its_run_record_is_no_result_and_is_replaced(store):
    store.commit(TRIAL, HISTORY, predictions(), RUN)
    (store.results / TRIAL.key / "run.json").unlink()
    assert not store.has(TRIAL)
    assert read_results(store.results) == []
    store.commit(TRIAL, HISTORY, predictions(), RUN)
    assert store.has(TRIAL)


KILLED = """
import os, signal, sys
sys.path.insert(0, {root!r})
from tests.training.test_store import HISTORY, RUN, TRIAL, module, predictions
from tests.training import tiny
from pathlib import Path
{victim} = lambda *given, **named: os.kill(os.getpid(), signal.SIGKILL)
tiny.open_store(Path({folder!r})).commit(TRIAL, HISTORY, predictions(), RUN)
"""


@pytest.mark.parametrize("victim", ["module.write_predictions", "module.os.replace"])
def test_a_kill_between_files_leaves_nothing_but_a_hidden_partial(store, tmp_path, victim):
    code = KILLED.format(root=os.getcwd(), victim=victim, folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert [path.name for path in store.results.iterdir()] == [f".{TRIAL.key}.partial"]
    assert not store.has(TRIAL)
    assert read_results(store.results) == []
    store.commit(TRIAL, HISTORY, predictions(), RUN)
    assert [path.name for path in store.results.iterdir()] == [TRIAL.key]


def test_a_full_disk_is_told_and_leaves_nothing_but_the_checkpoint(store, monkeypatch):
    def fill_the_disk(*given):
        raise OSError(errno.ENOSPC, "No space left on device")

    store.checkpoint(TRIAL).parent.mkdir(parents=True)
    store.checkpoint(TRIAL).touch()
    monkeypatch.setattr(module, "write_predictions", fill_the_disk)
    with pytest.raises(DiskError, match=f"{TRIAL.key}: expected a folder with room.*No space left"):
        store.commit(TRIAL, HISTORY, predictions(), RUN)
    assert list(store.results.iterdir()) == []
    assert store.checkpoint(TRIAL).exists()


def test_predictions_of_a_diverged_run_are_refused_and_leave_nothing(store):
    with pytest.raises(InputError, match="finite logits"):
        store.commit(TRIAL, HISTORY, predictions().assign(logit_0=np.nan), RUN)
    assert list(store.results.iterdir()) == []


def hold(path, ready, stop):
    with locked(path) as mine:
        ready.put(mine)
        stop.wait(30)


def test_a_lock_shuts_out_a_second_process_until_the_first_dies(store):
    context = multiprocessing.get_context("spawn")
    ready, stop = context.Queue(), context.Event()
    other = context.Process(target=hold, args=(store.work / TRIAL.key / "lock", ready, stop))
    other.start()
    assert ready.get(timeout=60)
    with store.lock(TRIAL) as mine:
        assert not mine
    other.kill()  # nobody tidies up: the system gives the lock back
    other.join()
    with store.lock(TRIAL) as mine:
        assert mine


def test_a_lock_can_be_taken_again(store):
    for _ in range(2):
        with store.lock(TRIAL) as mine:
            assert mine


def test_weights_are_named_after_the_share_of_the_pass(store):
    assert store.weights("abc", 0.5).name == "extractor-0.5.npz"
    assert store.weights("abc", 1.0).name == "extractor-1.npz"


def test_predictions_are_read_when_they_are_asked_for_and_once(store, monkeypatch):
    store.commit(TRIAL, HISTORY, predictions(), RUN)
    found = store.results_of(TRIAL.key)
    changed = found | {"note": 1}
    assert "predictions" not in found
    assert changed["predictions"].equals(found["predictions"])
    monkeypatch.setattr(module, "read_predictions", None)  # would fail if it were called again
    assert found["predictions"] is found["predictions"]
    with pytest.raises(KeyError, match="logits"):
        found["logits"]
