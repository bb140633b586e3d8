"""One harness tests every layer and model the same way: shape, dtype, weights saved and loaded, gradients, backends.

The second half is the comparison of TensorFlow and JAX: `step` does the same thing on either, `steps_on_jax` does it in
a process of its own, `differences` compares. `benchmarks/parity.py` uses it at published widths.
"""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from unittest.mock import patch
from zlib import crc32

import keras
import numpy as np

from ecgrepro.models.catalogue import MODELS, build

ROOT = Path(__file__).parents[2]

#: Name in the catalogue to the input shape on which the tests run it: short, but long enough for every pooling.
SMALL = {
    "resnet18": (256, 1),
    "resnet34": (256, 1),
    "resnet50": (256, 1),
    "resnet18_preactivation": (256, 1),
    "resnet18_masked": (256, 1),
    "resnet18_2d": (64, 64, 1),
    "resnet18_2d_matched": (64, 64, 1),
    "alexnet": (99, 99, 3),
    "xresnet1d50": (100, 12),  # 50, 25, 25, 13, 7, 4: odd lengths at the strides
    "xresnet1d101": (100, 12),
    "inception1d": (100, 12),
    "resnet1d101": (100, 12),
    "inception_csc2541": (100, 12),
}
SMALL_WIDTH, SMALL_OUTPUTS = 0.125, 3
#: How far two backends may lie apart (`differences`): ten times what float32 rounding makes of the deepest small net.
#: That is much for the weights: a ReLU that rounding switches changes a layer's gradient by per cents, so that even one
#: backend, started from weights that differ by 1e-7, lies 1e-2 from itself (ResNet-50).
TOLERANCE = {"logits": 1e-4, "loss": 1e-4, "weights": 0.1}
#: Nets so deep that blocks as drawn let logits grow to 1e7, where weights that differ by 1e-7 change the loss of even
#: one backend by 1.7e-4, beyond the tolerance. Their blocks add a fifth; then it is 3e-6.
DAMPED = ("resnet1d101",)
#: One net is built at a time; two are compiled at a time.
BUILDING = Lock()


class Harness:
    """Checks what a layer or model must do whatever it computes.

    Parameters
    ----------
    make : callable
        Takes the name of a Keras dtype policy, returns a new layer or model.
    inputs : float32 array
    shape : tuple
        Of the output.
    mixed_output : str
        Dtype of the output under a mixed policy; logits are float32 whatever the layers compute in.
    """

    def __init__(self, make, inputs, shape, mixed_output):
        self.make, self.inputs, self.shape, self.mixed_output = make, inputs, shape, mixed_output

    def check_output(self):
        out = self.make("float32")(self.inputs)
        assert tuple(out.shape) == self.shape
        assert keras.backend.standardize_dtype(out.dtype) == "float32"
        assert np.isfinite(np.asarray(out)).all()

    def check_parameters(self, expected):
        """Count all weights, moving statistics included; `expected` is published or counted by hand."""
        assert self._built().count_params() == expected

    def check_weights_are_saved_and_loaded(self, folder):
        first, second = self._built(), self._built()
        for variable in first.weights:
            values = np.random.default_rng(1).uniform(0.5, 1.5, variable.shape)
            variable.assign(values.astype(variable.dtype))
        path = str(folder / "saved.weights.h5")
        for made, step in ((first, "save_weights"), (second, "load_weights")):
            holder = keras.Sequential([made])
            holder(self.inputs)
            getattr(holder, step)(path)
        for ours, loaded in zip(first.weights, second.weights, strict=True):
            assert (np.asarray(ours) == np.asarray(loaded)).all(), ours.path
        assert (np.asarray(first(self.inputs)) == np.asarray(second(self.inputs))).all()

    def check_mixed_precision(self, policy="mixed_bfloat16"):
        made = self._built(policy)
        assert {keras.backend.standardize_dtype(weight.dtype) for weight in made.weights} == {"float32"}
        for training in (False, True):
            out = made(self.inputs, training=training)
            assert keras.backend.standardize_dtype(out.dtype) == self.mixed_output
            assert np.isfinite(np.asarray(out, np.float32)).all()

    def check_gradients_reach_every_trainable_weight(self, training=True, without=None):
        """In inference mode for nets with a bias before batch normalisation: in training it changes nothing.

        `without` is part of the path of biases whose gradient is zero but for rounding.
        """
        import tensorflow as tf  # only here: everything else runs on any backend

        made = self._built()
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(made(self.inputs, training=training)))
        gradients = tape.gradient(loss, [variable.value for variable in made.trainable_variables])
        assert made.trainable_variables
        for variable, gradient in zip(made.trainable_variables, gradients, strict=True):
            assert gradient is not None, variable.path
            spared = without and without in variable.path and variable.path.endswith("bias")
            assert spared or np.abs(np.asarray(gradient)).max() > 0, variable.path

    def _built(self, policy="float32"):
        made = self.make(policy)
        made(self.inputs)
        return made


def small(name, precision="float32"):
    """Build a model of the catalogue for the tests."""
    return build(name, SMALL[name], SMALL_OUTPUTS, width=SMALL_WIDTH, precision=precision)


def small_harness(name):
    """Make the harness of a model of the catalogue: a batch of four inputs of its `SMALL` shape."""
    inputs = np.random.default_rng(0).normal(size=(4, *SMALL[name])).astype("float32")
    return Harness(lambda policy: small(name, policy), inputs, (4, SMALL_OUTPUTS), "float32")


def small_cases():
    """List the cases that `step` takes, one for each model of the catalogue."""
    return [{"name": name, "shape": SMALL[name], "outputs": SMALL_OUTPUTS, "width": SMALL_WIDTH, "eager": True,
             "padded": "masked" in name, "damped": name in DAMPED} for name in MODELS]  # fmt: skip


def step(name, shape, outputs, width, batch=16, eager=False, padded=False, damped=False):
    """Take one optimiser step; everything that goes in depends on the arguments alone, not on the backend.

    Weights are drawn anew, dropout is off. The optimiser is Adam with epsilon 1: with Keras' 1e-7 its first step is the
    sign of the gradient, and where that is zero but for rounding the sign is anybody's. `eager` saves TensorFlow from
    tracing a graph for a single step; JAX is always compiled. `padded` inputs begin with zeros: none in the first, half
    of the last. `damped` divides the last gamma of each bottleneck by 5, see `DAMPED`.

    Returns
    -------
    dict of array
        ``logits`` before the step, in inference; ``loss`` of the step, in training; ``change/LAYER/WEIGHT`` of every
        weight, moving statistics included.
    """
    with BUILDING:
        model = _drawn(name, tuple(shape), outputs, width, damped)
    before = _weights(model)
    rng = np.random.default_rng(2)
    inputs, labels = rng.normal(size=(batch, *shape)).astype("float32"), rng.integers(outputs, size=batch)
    for row, zeros in enumerate(np.linspace(0, shape[0] // 2 * padded, batch, dtype=int)):
        inputs[row, :zeros] = 0
    on_jax = keras.backend.backend() == "jax"
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimiser = keras.optimizers.Adam(10.0, epsilon=1.0)
    model.compile(optimiser, loss, jit_compile=on_jax, run_eagerly=eager and not on_jax)
    found = {"logits": np.asarray(model.predict_on_batch(inputs)),
             "loss": np.asarray(model.train_on_batch(inputs, labels))}  # fmt: skip
    return found | {f"change/{place}": after - before[place] for place, after in _weights(model).items()}


def _drawn(name, shape, outputs, width, damped):
    # Keras' own random start is replaced at once, and JAX would compile it anew for every shape: half the time
    kinds, zeros = keras.initializers, lambda self, shape, dtype=None: np.zeros(shape, dtype or "float32")
    with (
        patch.object(kinds.VarianceScaling, "__call__", zeros),
        patch.object(kinds.RandomNormal, "__call__", zeros),
    ):
        model = build(name, shape, outputs, width=width)
    for layer in model.layers:
        if hasattr(layer, "rate"):
            layer.rate = 0.0
        for weight in layer.weights:
            place = f"{layer.name}/{weight.name}"
            scale = 0.2 if damped and place.endswith("_third_bn/gamma") else 1.0
            weight.assign((_draw(place, weight) * scale).astype("float32"))
    return model


def _draw(place, weight):
    rng = np.random.default_rng(crc32(place.encode()))
    if len(weight.shape) > 1:
        return rng.normal(0, np.sqrt(2 / np.prod(weight.shape[:-1])), weight.shape)
    return rng.uniform(-0.3, 0.3, weight.shape) + (weight.name in ("gamma", "moving_variance"))


def _weights(model):
    # by name: the backends need not agree on an order. Not `variables`, which holds the state of dropout's seeds too
    return {
        f"{layer.name}/{weight.name}": np.array(weight) for layer in model.layers for weight in layer.weights
    }


def steps_on_jax(cases, folder, **environment):
    """Run `step` on cases with JAX, all in one process in which TensorFlow is not imported; what each returned."""
    environment = (
        os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)} | environment
    )
    done = subprocess.run([sys.executable, "-m", "tests.models.harness", json.dumps(cases), str(folder)], cwd=ROOT,
                          env=environment, text=True, capture_output=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    for number in range(len(cases)):
        with np.load(Path(folder) / f"{number}.npz") as file:
            yield dict(file)


def differences(ours, theirs):
    """Compare what two backends returned: relative differences of ``logits``, ``loss`` and ``weights``.

    Logits and loss: the largest difference over the largest value. Weights: the largest over all layers of the norm of
    the difference over the norm of the change (of a whole layer, for a bias before batch normalisation changes by
    nothing but rounding; of the norm, for one ReLU that rounding switches changes single weights by per cents).
    """
    assert ours.keys() == theirs.keys()
    broken = [place for place in ours if not (np.isfinite(ours[place]) & np.isfinite(theirs[place])).all()]
    assert not broken, f"not finite: {', '.join(broken[:5])}"
    layers = {}
    for place in ours.keys() - {"logits", "loss"}:
        layers.setdefault(place.split("/")[1], []).append(place)
    found = {part: _relative(ours, theirs, [part], np.inf) for part in ("logits", "loss")}
    return found | {"weights": max(_relative(ours, theirs, places, 2) for places in layers.values())}


def _relative(ours, theirs, places, order):
    one, other = (np.concatenate([side[place].ravel() for place in places]) for side in (ours, theirs))
    size = np.linalg.norm(one, order)
    assert size > 0, f"{places}: nothing changed"
    return float(np.linalg.norm(one - other, order) / size)


def main():
    cases, folder = json.loads(sys.argv[1]), Path(sys.argv[2])
    with ThreadPoolExecutor(2) as pool:  # XLA compiles each net for seconds, on one core
        for number, found in enumerate(pool.map(lambda case: step(**case), cases)):
            np.savez(folder / f"{number}.npz", **found)
    assert keras.backend.backend() == "jax", keras.backend.backend()
    loaded = [name for name in sys.modules if name.split(".")[0] == "tensorflow"]
    assert not loaded, f"TensorFlow was imported: {loaded[:3]}"


if __name__ == "__main__":
    main()
