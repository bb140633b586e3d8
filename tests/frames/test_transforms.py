import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from ecgrepro.errors import SettingsError
from ecgrepro.frames.cwt import Scalogram
from ecgrepro.frames.fourier import Fourier
from ecgrepro.frames.stft import STFT
from ecgrepro.frames.transforms import TRANSFORMS, make_transform

ROOT = Path(__file__).parents[2]
RNG = np.random.default_rng(0)
SIGNALS = RNG.normal(size=(2, 400, 1)).astype("float32")
#: One of each, with settings as a trial's description holds them.
CASES = {
    "stft": {"window": 64, "hop": 32, "magnitude": "log"},
    "cwt": {"lowest": 30, "size": [40, 30], "mean": [1.0, 2.0, 3.0]},
    "cwt, plain": {"lowest": 30, "size": None, "colour": None, "padding": "zeros", "magnitude": "log"},
    "fourier": {"part": "imaginary", "bins": 100},
    "fourier, one-sided": {"form": "one_sided", "fs": 100.0},
}
JAX = """
import json, sys
import keras, numpy as np
from ecgrepro.frames.transforms import make_transform

cases, folder = json.loads(sys.argv[1]), sys.argv[2]
signals = np.load(folder + "/signals.npy")
for name, settings in cases.items():
    np.save(f"{folder}/{name}.npy", np.asarray(make_transform(name.split(",")[0], **settings)(signals)))
print(keras.backend.backend(), "tensorflow" in sys.modules)
"""


def make(name):
    return make_transform(name.split(",")[0], **CASES[name])


@pytest.mark.parametrize(("kind", "layer"), [("stft", STFT), ("cwt", Scalogram), ("fourier", Fourier)])
def test_a_name_makes_its_layer(kind, layer):
    assert type(make_transform(kind)) is layer


def test_every_name_is_tested():
    assert {name.split(",")[0] for name in CASES} == set(TRANSFORMS)


def test_settings_reach_the_layer():
    assert make_transform("stft", hop=64, bins=32).compute_output_shape((None, 4096, 1)) == (None, 32, 64, 1)


def test_an_unknown_name_is_refused():
    with pytest.raises(SettingsError, match="transform: expected one of stft, cwt, fourier; got 'wavelet'"):
        make_transform("wavelet")


def test_an_unknown_setting_is_refused():
    with pytest.raises(
        SettingsError, match="transform stft: expected settings among window, hop, .*; got hopp, x"
    ):
        make_transform("stft", hopp=64, x=1)


def test_an_impossible_value_is_refused():
    with pytest.raises(SettingsError, match="hop: expected"):
        make_transform("stft", hop=48)


def test_naming_transforms_needs_no_keras():
    code = "import sys, ecgrepro.frames.transforms; assert 'keras' not in sys.modules"
    subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(ROOT)}, check=True, timeout=60
    )


@pytest.mark.parametrize("name", CASES)
def test_it_has_no_weights_and_the_shape_it_announces(name):
    layer = make(name)
    assert layer(SIGNALS).shape == layer.compute_output_shape(SIGNALS.shape)
    assert layer.variables == []


@pytest.mark.parametrize("name", CASES)
def test_a_saved_model_has_the_same_transform(name, tmp_path):
    inputs = keras.Input((400, 1))
    model = keras.Model(inputs, make(name)(inputs))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.output_shape == model.output_shape
    np.testing.assert_array_equal(loaded(SIGNALS), model(SIGNALS))


@pytest.mark.parametrize("name", CASES)
def test_mixed_precision_changes_nothing(name):
    reference = make(name)(SIGNALS)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        out = make(name)(SIGNALS)
    finally:
        keras.config.set_dtype_policy("float32")
    np.testing.assert_array_equal(out, reference)


@pytest.mark.parametrize("name", CASES)
def test_an_open_length_is_refused(name):
    with pytest.raises(SettingsError, match="signals .* of a known length"):
        make(name)(keras.Input((None, 1)))


def test_a_net_trains_behind_a_transform():
    inputs = keras.Input((400, 1))
    x = keras.layers.Conv2D(2, 3, activation="relu")(make("stft")(inputs))
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(x)))
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    before = model.get_weights()[0].copy()
    # three records in batches of two: the last batch is smaller
    signals = RNG.normal(size=(3, 400, 1)).astype("float32")
    history = model.fit(signals, np.array([0, 1, 0]), batch_size=2, epochs=1, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    assert (model.get_weights()[0] != before).any()


def test_jax_gives_the_same_without_tensorflow(tmp_path):
    if importlib.util.find_spec("jax") is None:
        pytest.skip("jax is not installed (it is in the extra `test`)")
    np.save(tmp_path / "signals.npy", SIGNALS)
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT),
                                "XLA_FLAGS": "--xla_backend_optimization_level=0"}  # fmt: skip
    done = subprocess.run([sys.executable, "-c", JAX, json.dumps(CASES), str(tmp_path)], env=environment, text=True,
                          capture_output=True, check=False, timeout=250)  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.splitlines()[-1] == "jax False"
    for name in CASES:
        reference = np.asarray(make(name)(SIGNALS))
        found = np.load(tmp_path / f"{name}.npy")
        np.testing.assert_allclose(
            found, reference, rtol=0, atol=1e-5 * np.abs(reference).max(), err_msg=name
        )
