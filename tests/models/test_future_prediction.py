"""The future prediction net: its table, the encoder that is handed on, training on TensorFlow and on JAX."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from ecgrepro.errors import SettingsError
from ecgrepro.models.attention_pooling import attention_pooling
from ecgrepro.models.catalogue import build
from ecgrepro.models.flops import flops
from ecgrepro.models.future_prediction import extractor, forward_flops, future_prediction
from ecgrepro.models.resnet1d import HEAD, resnet1d
from ecgrepro.training import checkpoint
from tests.models.harness import Harness

RNG = np.random.default_rng(0)
LENGTH = 64
TINY = {"width": 0.0625, "layers": 1, "heads": 4}
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
ROOT = Path(__file__).parents[2]
JAX = """
import sys
import keras, numpy as np
from ecgrepro.models.attention_pooling import attention_pooling
from ecgrepro.models.future_prediction import future_prediction
zeros = lambda self, shape, dtype=None: np.zeros(shape, dtype or "float32")
for kind in (keras.initializers.VarianceScaling, keras.initializers.GlorotUniform):
    kind.__call__ = zeros  # JAX would compile a random start anew for every shape, and it is replaced at once
folder = sys.argv[1]
with np.load(f"{folder}/given.npz") as file:
    given = [file[name] for name in sorted(file.files, key=int)]
frames, sequences, targets, *weights = given
net = future_prediction("resnet18", frames.shape[2], width=0.0625, layers=1, heads=4)
x = keras.Input(sequences.shape[1:])
pooling = keras.Model(x, attention_pooling(x, layers=1, heads=4, d_ff=2 * sequences.shape[2]))
net.set_weights(weights[:len(net.weights)])
pooling.set_weights(weights[len(net.weights):])
pooling.compile(keras.optimizers.SGD(0.1), "mse")
pooling.train_on_batch(sequences, targets)
assert keras.backend.backend() == "jax" and "tensorflow" not in sys.modules
np.savez(f"{folder}/found.npz", net.predict_on_batch(frames), *pooling.get_weights())
"""


@pytest.fixture(scope="module")
def inputs():
    return RNG.normal(size=(3, 10, LENGTH, 1)).astype("float32")


@pytest.fixture(scope="module")
def net():
    """A small net; its weights are never changed."""
    keras.utils.set_random_seed(0)
    return future_prediction("resnet18", LENGTH, **TINY)


@pytest.fixture(scope="module")
def harness(inputs):
    def make(policy):
        keras.utils.set_random_seed(0)
        return future_prediction("resnet18", LENGTH, precision=policy, **TINY)

    return Harness(make, inputs, (3, 2), "float32")


def test_the_net_of_the_publication_has_the_parameters_of_its_table():
    model = future_prediction("resnet18", 512)
    # encoder; of each of three transformer layers: four dense d to d, two of the feed-forward part, two normalisations
    d = 512
    layer = 4 * (d * d + d) + (d * 2 * d + 2 * d) + (2 * d * d + d) + 2 * 2 * d
    assert model.count_params() == 4_492_480 + 3 * layer + d == 10_801_344
    assert (model.input_shape, model.output_shape) == ((None, 10, 512, 1), (None, 2))


def test_scores_are_dot_products_of_the_pooled_context_and_the_candidates(net, inputs):
    parts = keras.Model(net.input, net.get_layer("scores").input)
    pooled, candidates = (np.asarray(part) for part in parts(inputs))
    np.testing.assert_allclose(net(inputs), np.einsum("bd,bcd->bc", pooled, candidates), rtol=1e-4, atol=1e-5)
    frames = np.asarray(extractor(net)(inputs.reshape(-1, LENGTH, 1))).reshape(3, 10, -1)
    np.testing.assert_allclose(candidates, frames[:, 8:], rtol=1e-4, atol=1e-5)


def test_candidates_that_change_places_change_scores(net, inputs):
    swapped = inputs[:, [*range(8), 9, 8]]
    np.testing.assert_allclose(net(swapped), np.asarray(net(inputs))[:, ::-1], rtol=1e-4, atol=1e-5)


def test_the_order_of_the_context_matters(net, inputs):
    turned = inputs[:, [*range(7, -1, -1), 8, 9]]
    assert np.abs(np.asarray(net(turned)) - np.asarray(net(inputs))).max() > 1e-3


def test_an_example_does_not_depend_on_the_others_of_its_batch(net, inputs):
    np.testing.assert_allclose(net(inputs[1:2]), np.asarray(net(inputs))[1:2], rtol=1e-4, atol=1e-5)


def test_context_and_candidates_may_be_of_other_numbers():
    model = future_prediction("resnet18", LENGTH, context=3, candidates=4, **TINY)
    assert (model.input_shape, model.output_shape) == ((None, 7, LENGTH, 1), (None, 4))


def test_the_encoder_is_handed_on_to_the_net_that_is_fine_tuned(net, tmp_path):
    checkpoint.save_extractor(tmp_path / "weights.npz", extractor(net), HEAD)
    heir = resnet1d(128, 4, width=TINY["width"])
    checkpoint.load_extractor(tmp_path / "weights.npz", heir, HEAD)
    frames = RNG.normal(size=(2, 128, 1)).astype("float32")
    features = keras.Model(heir.input, heir.get_layer("pool").output)
    # the same layers, for frames of another length
    encoder = build("resnet18", 128, 0, width=TINY["width"])
    encoder.set_weights(extractor(net).get_weights())
    np.testing.assert_array_equal(features(frames), encoder(frames))


def test_a_net_of_one_frame_is_its_own_extractor():
    model = resnet1d(64, 4, width=0.0625)
    assert extractor(model) is model


def test_operations_are_those_of_the_encoder_on_every_frame_and_of_the_transformer(net):
    d = extractor(net).output_shape[-1]
    transformer = 9 * 2 * (4 * d * d + 2 * 2 * d * d)  # token and context through one layer's kernels
    assert forward_flops(net) == 10 * flops(build("resnet18", LENGTH, 0, width=TINY["width"])) + transformer


def test_operations_of_a_net_of_one_frame_are_its_own():
    model = resnet1d(64, 4, width=0.0625)
    assert forward_flops(model) == flops(model)


def test_every_weight_learns(inputs):
    model = future_prediction("resnet18", LENGTH, **TINY)
    model.compile(keras.optimizers.Adam(), LOSS, run_eagerly=True)
    before = model.get_weights()
    losses = [float(model.train_on_batch(inputs, np.array([0, 1, 1], np.int32))) for _ in range(4)]
    assert losses[-1] < losses[0] / 2
    for weight, old in zip(model.weights, before, strict=True):
        # rounding alone moves the biases of the keys, which a softmax takes out again
        assert "key" in weight.path or (old != np.asarray(weight)).any(), weight.path


def test_with_float16_the_loss_is_scaled():
    model = future_prediction("resnet18", LENGTH, precision="mixed_float16", **TINY)
    model.compile(keras.optimizers.Adam(), LOSS)
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)


def test_scores_have_their_shape_and_are_float32(harness):
    harness.check_output()


def test_weights_are_saved_and_loaded(harness, tmp_path):
    harness.check_weights_are_saved_and_loaded(tmp_path)


def test_mixed_precision_keeps_weights_and_scores_in_float32(harness):
    harness.check_mixed_precision()


def test_gradients_reach_every_trainable_weight(harness):
    # but not the biases of the keys, which a softmax takes out again
    harness.check_gradients_reach_every_trainable_weight(without="key")


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"encoder": "resnet19"}, "model: expected one of"),
        ({"width": 0.3}, "width: expected"),
        ({"heads": 5}, "heads: expected a divisor of 32"),
        ({"precision": "float64"}, "precision: expected one of"),
    ],
)
def test_what_is_not_known_is_refused(settings, named):
    with pytest.raises(SettingsError, match=named):
        future_prediction(**({"encoder": "resnet18", "length": LENGTH} | TINY | settings))


@pytest.fixture(scope="module")
def jax(net, inputs, tmp_path_factory):
    """Scores of the net and weights of its pooling after one step, as a JAX process and as TensorFlow find them."""
    if importlib.util.find_spec("jax") is None:
        pytest.skip("jax is not installed (it is in the extra `test`)")
    folder = tmp_path_factory.mktemp("jax")
    x = keras.Input((8, 32))
    pooling = keras.Model(x, attention_pooling(x, layers=1, heads=4, d_ff=64))
    sequences, targets = (RNG.normal(size=size).astype("float32") for size in ((3, 8, 32), (3, 32)))
    given = [inputs, sequences, targets, *net.get_weights(), *pooling.get_weights()]
    np.savez(folder / "given.npz", **{str(i): array for i, array in enumerate(given)})
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT),
                                "XLA_FLAGS": "--xla_backend_optimization_level=0"}  # fmt: skip
    done = subprocess.run([sys.executable, "-c", JAX, str(folder)], env=environment, text=True, capture_output=True,
                          check=False, timeout=280)  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    before = pooling.get_weights()
    pooling.compile(keras.optimizers.SGD(0.1), "mse", run_eagerly=True)
    pooling.train_on_batch(sequences, targets)
    with np.load(folder / "found.npz") as file:
        scores, *found = (file[name] for name in file.files)
    return SimpleNamespace(scores=scores, before=before, found=found, expected=pooling.get_weights())


def test_jax_gives_the_same_scores(jax, net, inputs):
    expected = np.asarray(net(inputs))
    np.testing.assert_allclose(jax.scores, expected, atol=1e-4 * max(1, np.abs(expected).max()))


def test_jax_trains_the_token_and_the_transformer_alike_without_tensorflow(jax):
    assert (jax.found[0] != jax.before[0]).all()
    for before, found, expected in zip(jax.before, jax.found, jax.expected, strict=True):
        change = expected - before
        np.testing.assert_allclose(found - before, change, atol=1e-3 * np.abs(change).max() + 1e-6)
