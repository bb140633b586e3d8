"""The class report's weights: what was published, however wrapped, becomes one file of the same bytes everywhere."""

import hashlib
import shutil
import tarfile
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from ecgrepro.corpora.class_report import FILES
from ecgrepro.errors import DiskError, InputError, SettingsError
from ecgrepro.models import class_report_weights as module
from ecgrepro.models.catalogue import build
from ecgrepro.models.class_report_weights import (
    START_POINTS,
    VARIABLE,
    convert_published,
    find_weights,
    is_here,
    start_point,
)
from tests.models.test_tensorflow_checkpoint import FILTERS, Net1D, Net2D, Weights, sequential

NETS = {"resnet1d_20": Net1D, "resnet2d_88": Net2D}


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """Nets of a quarter of the width and their checkpoints, as the report saved them: start point to (net, folder)."""
    made = {}
    for name, net in NETS.items():
        folder = tmp_path_factory.mktemp(name)
        made[name] = net(), folder
        sequential(made[name][0]).write(str(folder / "resnet.weights"))
        (folder / "checkpoint").write_text("what TensorFlow writes beside it")
    return made


@pytest.fixture(params=list(NETS))
def name(request, monkeypatch, tmp_path):
    """A start point, of the narrow net, in a home of its own."""
    monkeypatch.setenv("ECGREPRO_HOME", str(tmp_path))
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setitem(START_POINTS, request.param, replace(START_POINTS[request.param], width=0.25))
    return request.param


@pytest.fixture
def publish(name, originals, tmp_path):
    """A function that puts the checkpoint where `data fetch` does, wrapped as asked; returns its path."""
    source, place = (
        originals[name][1],
        tmp_path / "_work" / "published" / "class_report" / START_POINTS[name].published,
    )

    def put(wrapping):
        place.parent.mkdir(parents=True, exist_ok=True)
        if wrapping == "folder":
            shutil.copytree(source, place)
        elif wrapping == "tar":
            with tarfile.open(place, "w:gz") as file:
                file.add(source, "weights/deep")
        else:
            with zipfile.ZipFile(place, "w") as file:
                for path in source.iterdir():
                    file.write(path, path.name)
                file.writestr("__MACOSX/._resnet.weights.index", b"of a Mac")
        return place

    return put


def arrays(path):
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def test_the_four_published_files_are_start_points_of_their_nets():
    assert set(START_POINTS) == {"resnet1d_20", "resnet1d_100", "resnet2d_20", "resnet2d_88"}
    assert {start.published for start in START_POINTS.values()} == {
        f.name for f in FILES if f.kind == "weights"
    }
    for name, start in START_POINTS.items():
        assert build(start.model, start.shape, 5).count_params() == (
            4_495_045 if "1d" in name else 11_187_205
        )


def test_an_unknown_start_point_is_refused():
    with pytest.raises(SettingsError, match="expected one of resnet1d_20, .*; got 'resnet1d_1'"):
        start_point("resnet1d_1")
    with pytest.raises(SettingsError, match="start point"):
        find_weights("resnet1d_1")


def test_weights_are_made_of_the_published_archive_once(name, publish, originals, tmp_path):
    assert not is_here(name)
    place = publish("zip")
    assert is_here(name)
    path = find_weights(name)
    assert path == tmp_path / "_work" / "weights" / f"class_report_{name}.npz"
    net, found = originals[name][0], arrays(path)
    stem = (net.conv1 if "1d" in name else net.conv_1).kernel
    np.testing.assert_array_equal(found["stem_conv/kernel"], stem.numpy())
    assert found.keys() == {
        f"{layer.name}/{v.name}" for layer in extractor(name).layers for v in layer.weights
    }
    assert {array.dtype for array in found.values()} == {np.dtype("float32")}
    place.unlink()
    assert is_here(name)
    assert find_weights(name) == path
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def extractor(name):
    start = START_POINTS[name]
    return build(start.model, start.shape, 0, width=start.width)


def test_all_wrappings_give_the_same_bytes(name, publish, tmp_path):
    digests = set()
    for wrapping in ("zip", "tar", "folder"):
        place, path = publish(wrapping), tmp_path / wrapping / "made.npz"
        assert convert_published(name, path) == []
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
        shutil.rmtree(place) if wrapping == "folder" else place.unlink()
        (place.parent / "checksums.jsonl").unlink(missing_ok=True)
    assert len(digests) == 1


def test_bytes_hang_on_the_weights(name, tmp_path):
    weights = {"b/kernel": np.arange(6.0).reshape(2, 3), "a/bias": np.zeros(2)}
    turned = {"a/bias": np.zeros(2, np.float32), "b/kernel": np.asfortranarray(weights["b/kernel"])}
    for file, given in (("one", weights), ("two", turned), ("three", weights | {"a/bias": np.ones(2)})):
        module._write(tmp_path / file, given)
    one, two, three = ((tmp_path / file).read_bytes() for file in ("one", "two", "three"))
    assert one == two != three


def test_a_head_in_the_checkpoint_is_set_aside(name, originals, tmp_path, monkeypatch):
    folder = tmp_path / "_work" / "published" / "class_report" / START_POINTS[name].published
    folder.mkdir(parents=True)
    head = Weights(kernel=(FILTERS[-1], 5), bias=(5,))
    sequential(sequential(originals[name][0]), head).save(str(folder / "model.weights"))
    aside = convert_published(name, tmp_path / "made.npz")
    assert "layer_with_weights-1/kernel" in aside
    assert not [tensor for tensor in arrays(tmp_path / "made.npz") if tensor.startswith("head")]


def test_another_folder_can_be_named(name, publish, tmp_path, monkeypatch):
    publish("zip")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "elsewhere"))
    assert find_weights(name) == tmp_path / "elsewhere" / f"class_report_{name}.npz"


def test_what_is_missing_is_named_with_the_way_to_get_it(name):
    with pytest.raises(SettingsError, match="--accept-licence`; or open https://drive"):
        find_weights(name)


def test_one_file_of_a_checkpoint_is_refused_with_what_to_do(name, publish, originals, tmp_path):
    place = publish("zip")
    shutil.copy(originals[name][1] / "resnet.weights.data-00000-of-00001", place)
    with pytest.raises(InputError, match="expected an archive of a TensorFlow checkpoint; .* into a folder"):
        find_weights(name)
    assert not (tmp_path / "_work" / "weights").exists()


def test_a_published_file_that_changed_is_refused(name, publish):
    place = publish("zip")
    path = find_weights(name)
    path.unlink()
    with zipfile.ZipFile(place, "a") as file:
        file.writestr("added", b"later")
    with pytest.raises(InputError, match="expected the file that was first seen here"):
        find_weights(name)


@pytest.mark.parametrize("count", [0, 2])
def test_none_or_several_checkpoints_are_refused(name, publish, count):
    place = publish("folder")
    for index in place.glob("*.index"):
        if count:
            shutil.copy(index, index.with_name("other.index"))
        else:
            index.unlink()
    with pytest.raises(InputError, match=rf"expected one checkpoint .*; got {count} of them"):
        find_weights(name)


def test_weights_of_another_net_are_refused_and_leave_nothing(name, publish, tmp_path, monkeypatch):
    publish("zip")
    monkeypatch.setitem(START_POINTS, name, replace(START_POINTS[name], width=0.125))
    with pytest.raises(InputError, match="that do not fit"):
        find_weights(name)
    assert not (tmp_path / "_work" / "weights").exists()


def test_a_folder_that_cannot_be_written_is_told(name, publish, tmp_path, monkeypatch):
    publish("zip")
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "file"))
    with pytest.raises(DiskError, match="a folder with room for the weights"):
        find_weights(name)


def test_a_stop_while_writing_leaves_no_half_a_file(name, publish, tmp_path, monkeypatch):
    publish("folder")

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(module.os, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        convert_published(name, tmp_path / "made" / "made.npz")
    assert not list((tmp_path / "made").glob("*"))
