"""The package on JAX: the same logits from the same weights, and training without TensorFlow."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from ecgrepro.models.resnet1d import resnet1d
from tests.training import tiny

ROOT = Path(__file__).parents[1]
CODE = """
import json, sys
from pathlib import Path
import keras, numpy as np
from ecgrepro.models.resnet1d import resnet1d
from ecgrepro.training.runner import run
from tests.training import tiny

corpora, folder = map(Path, sys.argv[1:])
with np.load(folder / "weights.npz") as file:
    weights = [file[name] for name in sorted(file.files, key=int)]
net = resnet1d(1024, 4, width=0.125)
net.set_weights(weights[1:])
np.save(folder / "logits.npy", np.asarray(net.predict_on_batch(weights[0])))
workspace = tiny.open_workspace(corpora, folder)
parent = tiny.pretraining(workspace, frames_per_patient=64)
trials = [parent, tiny.fine_tuning(workspace, parent=parent, epochs=2, folds=3)]
run(trials, tiny.open_store(folder), workspace, progress=False)
print(json.dumps({"backend": keras.backend.backend(), "keys": [trial.key for trial in trials],
                  "tensorflow": sorted(name for name in sys.modules if name.split(".")[0] == "tensorflow")}))
"""


@pytest.fixture(scope="module")
def jax(corpora, tmp_path_factory):
    """What a JAX process printed and left, and the logits that TensorFlow gives."""
    if importlib.util.find_spec("jax") is None:
        pytest.skip("jax is not installed (it is in the extra `test`)")
    folder, rng = tmp_path_factory.mktemp("jax"), np.random.default_rng(0)
    keras.utils.set_random_seed(0)
    net = resnet1d(1024, 4, width=0.125)
    weights = [rng.uniform(0.5, 1.5, w.shape) if w.ndim == 1 else w for w in net.get_weights()]
    net.set_weights(weights)
    inputs = rng.normal(size=(3, 1024, 1)).astype("float32")
    np.savez(
        folder / "weights.npz", **{str(i): array for i, array in enumerate([inputs, *net.get_weights()])}
    )
    # nothing here runs long enough to be worth optimising
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT),
                                "XLA_FLAGS": "--xla_backend_optimization_level=0"}  # fmt: skip
    done = subprocess.run([sys.executable, "-c", CODE, str(corpora), str(folder)], env=environment, text=True,
                          capture_output=True, check=False, timeout=280)  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    return found | {"folder": folder, "expected": np.asarray(net.predict_on_batch(inputs))}


def test_jax_gives_the_same_logits_from_the_same_weights(jax):
    assert jax["backend"] == "jax"
    logits = np.load(jax["folder"] / "logits.npy")
    assert np.ptp(jax["expected"]) > 0.01
    np.testing.assert_allclose(logits, jax["expected"], atol=1e-4 * max(1, np.abs(jax["expected"]).max()))


def test_jax_trains_without_tensorflow(jax):
    assert jax["tensorflow"] == []
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
