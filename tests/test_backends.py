"""The package on JAX: training without TensorFlow. That JAX computes the same is in `tests/models/test_parity.py`."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.training import tiny

ROOT = Path(__file__).parents[1]
CODE = """
import json, sys
from pathlib import Path
import keras
from ecgrepro.training.runner import run
from tests.training import tiny

corpora, folder = map(Path, sys.argv[1:])
workspace = tiny.open_workspace(corpora, folder)
parent = tiny.pretraining(workspace, frames_per_patient=64)
trials = [parent, tiny.fine_tuning(workspace, parent=parent, epochs=2, folds=3)]
run(trials, tiny.open_store(folder), workspace, progress=False)
print(json.dumps({"backend": keras.backend.backend(), "keys": [trial.key for trial in trials],
                  "tensorflow": sorted(name for name in sys.modules if name.split(".")[0] == "tensorflow")}))
"""


@pytest.fixture(scope="module")
def jax(corpora, tmp_path_factory):
    """What a JAX process printed and left."""
    if importlib.util.find_spec("jax") is None:
        pytest.skip("jax is not installed (it is in the extra `test`)")
    folder = tmp_path_factory.mktemp("jax")
    # nothing here runs long enough to be worth optimising
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT),
                                "XLA_FLAGS": "--xla_backend_optimization_level=0"}  # fmt: skip
    done = subprocess.run([sys.executable, "-c", CODE, str(corpora), str(folder)], env=environment, text=True,
                          capture_output=True, check=False, timeout=280)  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    return found | {"folder": folder}


def test_jax_trains_without_tensorflow(jax):
    assert (jax["backend"], jax["tensorflow"]) == ("jax", [])
    store = tiny.open_store(jax["folder"])
    for key in jax["keys"]:
        found = store.results_of(key)
        assert found["run"]["backend"] == "jax"
        assert found["run"]["versions"]["jax"]
        assert np.isfinite(found["history"].loss).all()


def test_jax_training_changes_the_weights(jax):
    store, parent = tiny.open_store(jax["folder"]), jax["keys"][0]
    half, whole = (dict(np.load(store.weights(parent, share))) for share in (0.5, 1.0))
    assert any((half[name] != whole[name]).any() for name in half if name.endswith("kernel"))
    assert any((half[name] != whole[name]).any() for name in half if name.endswith("moving_mean"))
