import builtins
import shutil

import numpy as np
import pytest
import tensorflow as tf

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.models.resnet1d import HEAD, resnet1d
from ecgrepro.models.resnet2d import resnet2d
from ecgrepro.models.tensorflow_checkpoint import convert, read_checkpoint

FILTERS = (16, 32, 64, 128)
ENDING = "/.ATTRIBUTES/VARIABLE_VALUE"


class Weights(tf.Module):
    """A node of the original object graph: weights under the names that Keras 2 gives them."""

    def __init__(self, **shapes):
        super().__init__()
        rng = np.random.default_rng(sum(map(sum, shapes.values())))
        for name, shape in shapes.items():
            low, high = (-0.2, 0.2) if name == "kernel" else (0.5, 1.5)
            setattr(self, name, tf.Variable(rng.uniform(low, high, shape).astype("float32")))


def norm(n):
    return Weights(gamma=(n,), beta=(n,), moving_mean=(n,), moving_variance=(n,))


def normalise(x, layer, epsilon):
    return tf.nn.batch_normalization(
        x, layer.moving_mean, layer.moving_variance, layer.beta, layer.gamma, epsilon
    )


class Block1D(tf.Module):
    """Attributes as in `ResidualBlock` (kweimann/ecg-transfer-learning c255af5)."""

    def __init__(self, inside, filters, kernel, stride):
        super().__init__()
        self.conv1, self.bn1 = Weights(kernel=(kernel, inside, filters)), norm(filters)
        self.conv2, self.bn2 = Weights(kernel=(kernel, filters, filters)), norm(filters)
        self.stride, self.projects = stride, inside != filters or stride > 1
        if self.projects:
            self.proj_conv, self.proj_bn = Weights(kernel=(1, inside, filters)), norm(filters)

    def __call__(self, x):
        shortcut = x
        if self.projects:
            projected = tf.nn.conv1d(x[:, :: self.stride], self.proj_conv.kernel, 1, "SAME")
            shortcut = normalise(projected, self.proj_bn, 1e-5)
        x = tf.nn.conv1d(x, self.conv1.kernel, self.stride, "SAME")
        x = tf.nn.relu(normalise(x, self.bn1, 1e-5))
        x = normalise(tf.nn.conv1d(x, self.conv2.kernel, 1, "SAME"), self.bn2, 1e-5)
        return tf.nn.relu(x + shortcut)


class Net1D(tf.Module):
    """Attributes as in `ResNet`: all blocks in one list."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = Weights(kernel=(7, 1, FILTERS[0])), norm(FILTERS[0])
        self.blocks, inside = [], FILTERS[0]
        for filters, kernel in zip(FILTERS, (7, 5, 5, 3), strict=True):
            self.blocks += [Block1D(inside, filters, kernel, 1 if inside == filters else 2),
                            Block1D(filters, filters, kernel, 1)]  # fmt: skip
            inside = filters

    def __call__(self, x):
        x = tf.nn.conv1d(x, self.conv1.kernel, 2, "SAME")
        x = tf.nn.max_pool1d(tf.nn.relu(normalise(x, self.bn1, 1e-5)), 3, 2, "SAME")
        for block in self.blocks:
            x = block(x)
        return tf.reduce_mean(x, 1)


class Block2D(tf.Module):
    """Attributes as in `ResnetBlock` (myles-i/DLH_TransferLearning 1336956)."""

    def __init__(self, inside, filters):
        super().__init__()
        self.conv_1, self.bn_1 = Weights(kernel=(3, 3, inside, filters), bias=(filters,)), norm(filters)
        self.conv_2, self.bn_2 = Weights(kernel=(3, 3, filters, filters), bias=(filters,)), norm(filters)
        self.projects = inside != filters
        if self.projects:
            self.res_conv = Weights(kernel=(1, 1, inside, filters), bias=(filters,))
            self.res_bn = norm(filters)

    def __call__(self, x):
        shortcut, stride = x, 2 if self.projects else 1
        if self.projects:
            projected = tf.nn.conv2d(x[:, ::2, ::2], self.res_conv.kernel, 1, "SAME") + self.res_conv.bias
            shortcut = normalise(projected, self.res_bn, 1e-3)
        x = tf.nn.conv2d(x, self.conv_1.kernel, stride, "SAME") + self.conv_1.bias
        x = tf.nn.relu(normalise(x, self.bn_1, 1e-3))
        x = tf.nn.conv2d(x, self.conv_2.kernel, 1, "SAME") + self.conv_2.bias
        return tf.nn.relu(normalise(x, self.bn_2, 1e-3) + shortcut)


class Net2D(tf.Module):
    """Attributes as in `ResNet18_2D`: an attribute for every block."""

    def __init__(self):
        super().__init__()
        self.conv_1 = Weights(kernel=(7, 7, 1, FILTERS[0]), bias=(FILTERS[0],))
        self.init_bn, inside = norm(FILTERS[0]), FILTERS[0]
        for stage, filters in enumerate(FILTERS, 1):
            setattr(self, f"res_{stage}_1", Block2D(inside, filters))
            setattr(self, f"res_{stage}_2", Block2D(filters, filters))
            inside = filters

    def __call__(self, x):
        x = tf.nn.conv2d(x, self.conv_1.kernel, 2, "SAME") + self.conv_1.bias
        x = tf.nn.max_pool2d(tf.nn.relu(normalise(x, self.init_bn, 1e-3)), 2, 2, "SAME")
        for stage in range(1, 5):
            for block in (1, 2):
                x = getattr(self, f"res_{stage}_{block}")(x)
        return tf.reduce_mean(x, (1, 2))


def sequential(net, head=None):
    """What a Sequential model of Keras 2 is to a checkpoint."""
    parts = {"layer_with_weights-0": net} | ({"layer_with_weights-1": head} if head else {})
    return tf.train.Checkpoint(**parts)


def names_of(prefix):
    return {name.removesuffix(ENDING) for name, _ in tf.train.list_variables(str(prefix))}


class Original:
    """An original net, ours, an input, and a checkpoint of the extractor alone."""

    def __init__(self, net, make, shape, folder):
        self.net, self.make, self.folder = net, make, folder
        self.inputs = np.random.default_rng(1).normal(size=(2, *shape)).astype("float32")
        self.head = Weights(kernel=(FILTERS[-1], 5), bias=(5,))
        self.features = np.asarray(net(self.inputs))
        self.logits = self.features @ self.head.kernel.numpy() + self.head.bias.numpy()
        self.extractor = sequential(net).write(str(folder / "model.weights"))


@pytest.fixture(scope="module", params=["1-D", "2-D"])
def original(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoint")
    if request.param == "1-D":
        return Original(Net1D(), lambda n: resnet1d(128, n, width=0.25), (128, 1), folder)
    return Original(Net2D(), lambda n: resnet2d((32, 64, 1), n, width=0.25), (32, 64, 1), folder)


@pytest.fixture
def damaged(original, tmp_path):
    """A copy of the extractor's checkpoint that may be harmed; its prefix."""
    for file in original.folder.glob("model.weights.*"):
        shutil.copy(file, tmp_path)
    return tmp_path / "model.weights"


def close(ours, expected):
    assert np.ptp(expected) > 1e-3
    np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


def test_the_extractor_gives_the_originals_features(original):
    model = original.make(0)
    assert convert(original.extractor, model) == []
    close(model(original.inputs), original.features)


@pytest.mark.parametrize("form", ["index", "data", "folder"])
def test_a_checkpoint_is_found_by_either_file_or_its_folder(original, form):
    path = {"index": f"{original.extractor}.index", "data": f"{original.extractor}.data-00000-of-00001",
            "folder": original.folder}[form]  # fmt: skip
    assert read_checkpoint(path).keys() == read_checkpoint(original.extractor).keys()


def test_the_head_of_a_whole_model_is_taken_or_set_aside(original, tmp_path):
    whole = sequential(sequential(original.net), original.head).save(str(tmp_path / "epoch_16"))
    model = original.make(5)
    assert convert(whole, model, head=True) == ["save_counter"]
    close(model(original.inputs), original.logits)
    other = original.make(3)
    before = other.get_layer(HEAD).get_weights()
    aside = ["save_counter", "layer_with_weights-1/bias", "layer_with_weights-1/kernel"]
    assert convert(whole, other) == aside
    assert all((a == b).all() for a, b in zip(before, other.get_layer(HEAD).get_weights(), strict=True))
    with pytest.raises(
        InputError, match=r"got 2 that do not fit: head/bias with \(5,\) for \(3,\); head/ker"
    ):
        convert(whole, other, head=True)


def test_the_optimisers_tensors_are_named_and_set_aside(original, tmp_path):
    arrays = read_checkpoint(original.extractor)
    optimiser = {
        "optimizer/_iterations": np.int64(7), "optimizer/_variables/3": np.zeros((2, 2), np.float32),
        "optimizer/beta_1": np.float32(0.9), "keras_api/metrics/0/total": np.float32(1),
        "layer_with_weights-0/bn1/gamma/.OPTIMIZER_SLOT/optimizer/m": np.zeros(4, np.float32),
    }  # fmt: skip
    written = write({**arrays, **optimiser}, tmp_path / "trained")
    model = original.make(0)
    assert convert(written, model) == sorted(optimiser)
    close(model(original.inputs), original.features)


def write(arrays, prefix):
    """A checkpoint of arrays under any names."""
    names = [name + ENDING for name in arrays]
    tf.raw_ops.SaveV2(prefix=str(prefix), tensor_names=names, shape_and_slices=[""] * len(names),
                      tensors=list(arrays.values()))  # fmt: skip
    return prefix


@pytest.mark.parametrize("change", ["missing", "left over", "another shape", "twice"])
def test_a_tensor_that_does_not_fit_is_named_and_the_model_keeps_its_weights(original, tmp_path, change):
    arrays = read_checkpoint(original.extractor)
    gamma = next(name for name in arrays if name.endswith("bn1/gamma") or name.endswith("init_bn/gamma"))
    arrays, expected = {
        "missing": lambda: ({n: a for n, a in arrays.items() if n != gamma}, "_bn/gamma missing"),
        "left over": lambda: ({**arrays, "layer_with_weights-0/extra": np.zeros(3)}, "extra left over"),
        "another shape": lambda: ({**arrays, gamma: np.zeros(3, np.float32)}, r"_bn/gamma with \(3,\) for"),
        "twice": lambda: ({**arrays, gamma.split("/", 1)[1]: arrays[gamma]}, "gamma left over"),
    }[change]()
    model = original.make(0)
    before = model.get_weights()
    with pytest.raises(
        InputError, match=f"expected the .* tensors of resnet18.*; got 1 that do not fit: .*{expected}"
    ):
        convert(write(arrays, tmp_path / "changed"), model)
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))


def test_a_net_of_another_width_or_kind_is_refused(original):
    for model in (resnet1d(128, 0, width=0.125), resnet2d((32, 32, 1), 0, width=0.125)):
        with pytest.raises(InputError, match="tensors of resnet18.* that do not fit"):
            convert(original.extractor, model)


@pytest.mark.parametrize("part", ["index", "data-00000-of-00001"])
@pytest.mark.parametrize("harm", ["cut", "empty", "changed"])
def test_a_damaged_file_is_refused(original, damaged, part, harm):
    file = damaged.with_name(f"{damaged.name}.{part}")
    data = bytearray(file.read_bytes())
    if harm == "changed":
        data[len(data) // 2] ^= 1
    keep = {"cut": len(data) * 2 // 3, "empty": 0, "changed": len(data)}[harm]
    file.write_bytes(data[:keep])
    with pytest.raises(InputError, match="expected a complete TensorFlow checkpoint"):
        convert(damaged, original.make(0))


@pytest.mark.parametrize("part", ["index", "data-00000-of-00001"])
def test_a_missing_file_is_refused(damaged, part):
    damaged.with_name(f"{damaged.name}.{part}").unlink()
    with pytest.raises(InputError, match=r"expected files model\.weights\.index and .*; got not both"):
        read_checkpoint(damaged)


def test_a_folder_of_several_checkpoints_is_refused(damaged):
    shutil.copy(f"{damaged}.index", f"{damaged}2.index")
    with pytest.raises(InputError, match=r"expected one checkpoint .*; got 2 of them"):
        read_checkpoint(damaged.parent)


def test_without_tensorflow_it_says_what_is_missing(damaged, monkeypatch):
    def import_none(name, *args, **kwargs):
        if name == "tensorflow":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    real = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", import_none)
    with pytest.raises(SettingsError, match="expected TensorFlow, to read its checkpoint; got not installed"):
        read_checkpoint(damaged)


def original_name(layer, blocks):
    """Attributes on the way to one of our layers in the original 1-D net."""
    block, _, part = layer.rpartition("_block")
    if not block:
        return layer.replace("stem_", "") + "1"
    number, part = part.split("_", 1)
    kind = part.rsplit("_", 1)[1]
    place = {"first": f"{kind}1", "second": f"{kind}2", "third": f"{kind}3", "shortcut": f"proj_{kind}"}
    return f"blocks/{blocks.index((block, number))}/{place[part.split('_')[0]]}"


@pytest.mark.parametrize(("depth", "counts"), [(34, (3, 4, 6, 3)), (50, (3, 4, 6, 3))])
def test_deeper_nets_number_their_blocks_through_all_stages(tmp_path, depth, counts):
    model = resnet1d(128, 0, depth=depth, width=0.0625)
    blocks = [(f"stage{stage}", str(block)) for stage, n in enumerate(counts, 1) for block in range(1, n + 1)]
    arrays = {f"layer_with_weights-0/{original_name(layer.name, blocks)}/{v.name}": np.full(v.shape, i, np.float32)
              for i, layer in enumerate(model.layers) for v in layer.weights}  # fmt: skip
    assert convert(write(arrays, tmp_path / "deep"), model) == []
    for i, layer in enumerate(model.layers):
        assert all((np.asarray(v) == i).all() for v in layer.weights), layer.name
