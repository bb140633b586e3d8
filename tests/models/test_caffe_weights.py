import numpy as np
import pytest

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.models import caffe_weights
from ecgrepro.models.alexnet import alexnet
from ecgrepro.models.caffe_weights import VARIABLE, find_weights, load_caffe_weights
from ecgrepro.models.resnet1d import HEAD, resnet1d
from tests.models.caffe_reference import caffe_model, forward, random_weights

RNG = np.random.default_rng(0)
#: Height, width, channels: pool5 has 2 x 3 pixels, so that a wrong order of axes shows.
SHAPE = (99, 131, 3)
WIDTH = 1 / 16
IMAGES = RNG.uniform(-120, 130, (2, *SHAPE)).astype("float32")
WEIGHTS = random_weights(RNG, (3, 99, 131), n_outputs=7)


@pytest.fixture(scope="module")
def expected():
    """Logits by NumPy, in Caffe's layout, of the images' channels as blue, green, red."""
    return forward(IMAGES[..., ::-1].transpose(0, 3, 1, 2), WEIGHTS)


@pytest.fixture
def model():
    return alexnet(SHAPE, 7, width=WIDTH)


@pytest.fixture
def written(tmp_path):
    """A function from weights and what differs to the path of a `.caffemodel`."""

    def write(weights=WEIGHTS, version=2):
        path = tmp_path / "bvlc_alexnet.caffemodel"
        path.write_bytes(caffe_model(weights, version))
        return path

    return write


def tensorflow_layout(weights):
    """As the ports to TensorFlow write them: axes turned, fc6 reading rows, columns, channels."""
    channels = weights["conv5"][0].shape[0]
    out = {}
    for name, (kernel, bias) in weights.items():
        if name == "fc6":
            kernel = (
                kernel.reshape(len(kernel), channels, 2, 3).transpose(0, 2, 3, 1).reshape(len(kernel), -1)
            )
        out[name] = [kernel.transpose(2, 3, 1, 0) if kernel.ndim == 4 else kernel.T, bias]
    return out


def close(ours, reference):
    assert np.ptp(reference) > 0.1
    np.testing.assert_allclose(np.asarray(ours), reference, rtol=1e-3, atol=1e-4 * np.abs(reference).max())


@pytest.mark.parametrize("version", [1, 2])
def test_a_caffe_model_gives_the_logits_of_its_own_layout(written, model, expected, version):
    notes = load_caffe_weights(written(version=version), model, head=True)
    close(model(IMAGES), expected)
    assert notes["file"] == "bvlc_alexnet.caffemodel"
    assert (notes["published"], notes["set_aside"], len(notes["sha1"])) == (False, [], 40)


def test_images_in_caffes_order_of_channels_need_no_turning(written, model, expected):
    load_caffe_weights(written(), model, head=True, channels="bgr")
    close(model(IMAGES[..., ::-1]), expected)


@pytest.mark.parametrize("layout", ["caffe", "tensorflow"])
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_numpy_files_are_read_in_either_layout(tmp_path, model, expected, layout, suffix):
    weights = WEIGHTS if layout == "caffe" else tensorflow_layout(WEIGHTS)
    path = tmp_path / f"alexnet{suffix}"
    if suffix == ".npy":
        np.save(path, weights)
    else:
        np.savez(path, **{f"{name}/{part}": array for name, arrays in weights.items()
                          for part, array in zip(("weights", "biases"), arrays, strict=True)})  # fmt: skip
    load_caffe_weights(path, model, head=True)
    close(model(IMAGES), expected)


@pytest.mark.parametrize("n_outputs", [2, 0])
def test_another_head_keeps_its_weights_and_the_files_is_set_aside(written, n_outputs):
    model, whole = alexnet(SHAPE, n_outputs, width=WIDTH), alexnet(SHAPE, 7, width=WIDTH)
    before = model.layers[-1].get_weights()
    assert load_caffe_weights(written(), model)["set_aside"] == ["fc8"]
    assert all((a == b).all() for a, b in zip(before, model.layers[-1].get_weights(), strict=True))
    load_caffe_weights(written(), whole, head=True)
    for name in ("conv1", "conv2", "fc6", "fc7"):
        for a, b in zip(
            model.get_layer(name).get_weights(), whole.get_layer(name).get_weights(), strict=True
        ):
            assert (a == b).all()


def test_a_file_without_a_head_serves_an_extractor(written, model):
    without = {name: arrays for name, arrays in WEIGHTS.items() if name != "fc8"}
    assert load_caffe_weights(written(without), model)["set_aside"] == []
    with pytest.raises(InputError, match="1 that do not fit: fc8 missing"):
        load_caffe_weights(written(without), model, head=True)


def changed(name, index, array):
    arrays = list(WEIGHTS[name])
    arrays[index] = array
    return {**WEIGHTS, name: arrays}


@pytest.mark.parametrize(
    ("weights", "named"),
    [
        ({name: arrays for name, arrays in WEIGHTS.items() if name != "conv3"}, "1 that do not fit: conv3 missing"),
        ({**WEIGHTS, "conv9": WEIGHTS["conv1"]}, "1 that do not fit: conv9 left over"),
        (changed("conv2", 0, np.zeros((16, 6, 5, 5))), r"conv2 with \[\(5, 5, 6, 16\), \(16,\)\] for \[\(5, 5, 3, 16"),
        (changed("fc7", 1, np.zeros(3)), r"1 that do not fit: fc7 with \[\(256, 256\), \(3,\)\] for"),
        (changed("fc6", 0, np.zeros((256, 90))), r"fc6 with \[\(90, 256\)"),
        (changed("conv4", 0, np.full((24, 12, 3, 3), np.nan)), "conv4 with values that are no numbers"),
        ({**WEIGHTS, "fc6": WEIGHTS["fc6"][:1]}, r"fc6 with \[\(96, 256\)\] for"),
        ({**WEIGHTS, "fc6": [*WEIGHTS["fc6"], np.zeros(1)]}, r"fc6 with \[\(96, 256\), \(256,\), \(1,\)\] for"),
        (random_weights(RNG, (3, 67, 67), 7), "1 that do not fit: fc6 with"),
        (random_weights(RNG, (3, 99, 131), 7, width=1 / 8), "8 that do not fit: conv1 with"),
    ],
)  # fmt: skip
def test_a_tensor_that_does_not_fit_is_named_and_the_model_keeps_its_weights(written, model, weights, named):
    before = model.get_weights()
    with pytest.raises(InputError, match=f"expected weights and biases of conv1, .*{named}"):
        load_caffe_weights(written(weights), model, head=True)
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))


def test_a_file_cut_short_is_refused(written, model):
    path = written()
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(
        InputError, match=r"a complete Caffe model .*; got the end of the file \d+ bytes early"
    ):
        load_caffe_weights(path, model)


def test_the_published_file_is_recognised(written, model, monkeypatch):
    notes = load_caffe_weights(written(), model)
    monkeypatch.setattr(caffe_weights, "SHA1", notes["sha1"])
    assert load_caffe_weights(written(), model)["published"]


def test_other_files_channels_and_models_are_refused(written, model, tmp_path):
    with pytest.raises(
        SettingsError, match=r"expected a file ending in \.caffemodel, \.npy, \.npz; got \.h5"
    ):
        load_caffe_weights(tmp_path / "alexnet.h5", model)
    with pytest.raises(SettingsError, match="channels: expected rgb or bgr; got 'grey'"):
        load_caffe_weights(written(), model, channels="grey")
    with pytest.raises(SettingsError, match="model: expected an AlexNet; got resnet18 without"):
        load_caffe_weights(written(), resnet1d(128, 2, width=0.0625))
    with pytest.raises(SettingsError, match=f"got alexnet without .'{HEAD}'"):
        load_caffe_weights(written(), alexnet(SHAPE, 0, width=WIDTH), head=True)


def test_the_local_file_is_found_by_argument_by_variable_and_in_its_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ECGREPRO_HOME", str(tmp_path))
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(SettingsError, match=r"_work/weights: expected the published weights.*Download http"):
        find_weights()
    folder = tmp_path / "_work" / "weights"
    folder.mkdir(parents=True)
    for name in ("alexnet.npz", "bvlc_alexnet.npy", "other.npy"):
        (folder / name).touch()
    assert find_weights() == folder / "bvlc_alexnet.npy"
    monkeypatch.setenv(VARIABLE, str(folder / "other.npy"))
    assert find_weights() == folder / "other.npy"
    assert find_weights(folder / "alexnet.npz") == folder / "alexnet.npz"
    with pytest.raises(
        SettingsError, match=r"none\.npy: expected the published weights of AlexNet; got no such file"
    ):
        find_weights(folder / "none.npy")
