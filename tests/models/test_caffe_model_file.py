from contextlib import suppress

import numpy as np
import pytest

from ecgrepro.errors import InputError
from ecgrepro.models import weight_file
from ecgrepro.models.caffe_model_file import read_caffe_model
from tests.models.caffe_reference import blob, caffe_model, field, varint

RNG = np.random.default_rng(0)
WEIGHTS = {
    "conv1": [RNG.normal(size=(4, 3, 5, 5)).astype("float32"), RNG.normal(size=4).astype("float32")],
    "fc2": [RNG.normal(size=(2, 300)).astype("float32"), RNG.normal(size=2).astype("float32")],
}


@pytest.fixture
def written(tmp_path):
    """A function from bytes to the path of a file that has them."""

    def write(data):
        path = tmp_path / "net.caffemodel"
        path.write_bytes(data)
        return path

    return write


@pytest.mark.parametrize("version", [1, 2])
def test_weights_come_back_by_layer_in_the_files_order(written, version):
    layers = read_caffe_model(written(caffe_model(WEIGHTS, version)))
    assert list(layers) == ["conv1", "fc2"]
    for name, arrays in layers.items():
        for array, expected in zip(arrays, WEIGHTS[name], strict=True):
            ones = (1,) * (4 - expected.ndim) if version == 1 else ()
            assert array.shape == ones + expected.shape
            assert array.dtype == np.float32
            assert (array.reshape(expected.shape) == expected).all()


def test_values_may_be_doubles_or_unpacked_or_in_several_runs(written):
    shape = field(7, varint(1 << 3) + varint(4))
    unpacked = b"".join(varint(5 << 3 | 5) + np.float32(v).tobytes() for v in (1, 2))
    blobs = [
        shape + field(8, np.arange(4.0).tobytes()),
        shape + unpacked + field(5, np.float32([3, 4]).tobytes()),
    ]
    data = field(100, field(1, "a") + b"".join(field(7, one) for one in blobs))
    first, second = read_caffe_model(written(data))["a"]
    assert (first.tolist(), second.tolist()) == ([0, 1, 2, 3], [1, 2, 3, 4])
    assert first.dtype == second.dtype == np.float32


@pytest.mark.parametrize("version", [1, 2])
def test_a_file_cut_anywhere_is_refused_or_lacks_whole_layers(written, version):
    data = caffe_model(WEIGHTS, version)
    lacking = []
    for length in range(0, len(data), 29):
        with suppress(InputError):
            lacking.append(read_caffe_model(written(data[:length])))
    assert len(lacking) < 4
    for layers in lacking:
        assert all(len(arrays) == 2 for arrays in layers.values())


def test_random_bytes_are_refused_without_another_error(written):
    rng, data = np.random.default_rng(3), caffe_model(WEIGHTS)
    for _ in range(300):
        changed = bytearray(data[:400])
        for position in rng.integers(0, len(changed), 5):
            changed[position] = rng.integers(256)
        with suppress(InputError):
            read_caffe_model(written(bytes(changed)))


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"", "no layer with weights"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "expected a complete Caffe model"),
        (field(1, "a net"), "no layer with weights"),
        (field(100, field(1, "a")), "no layer with weights"),
        (field(2, field(1, field(1, "old"))), "a layer of version 0"),
        (b"\xff" * 11, "a number of more than 64 bits"),
        (b"\x0b", "a field of unknown type 3"),
        (b"\x08", "the end of the file within a number"),
        (field(1, "a net")[:-2], "the end of the file 2 bytes early"),
        (field(100, field(1, b"\xff\xfe") + field(7, blob(WEIGHTS["fc2"][1], 2))), "a layer whose name is no text"),
        (2 * field(100, field(1, "a") + field(7, blob(WEIGHTS["fc2"][1], 2))), "two layers 'a' with weights"),
        (field(100, field(1, "a") + field(7, field(7, field(1, 3)) + field(5, bytes(8)))), "2 values for a blob of"),
        (field(100, field(1, "a") + field(7, field(7, field(1, 2)) + field(5, bytes(7)))), "no whole floating-point"),
        (field(100, field(1, "a") + field(7, field(5, 7))), "no whole floating-point"),
        (field(100, field(1, "a") + field(7, field(7, field(1, 2**40)))), "a blob of impossible shape"),
        (field(100, field(1, "a") + field(7, field(7, field(1, varint(1) * 9)))), "a blob of impossible shape"),
    ],
)  # fmt: skip
def test_what_is_no_caffe_model_is_refused_by_what_was_found(written, data, named):
    with pytest.raises(InputError, match=named):
        read_caffe_model(written(data))


def test_a_missing_and_a_too_large_file_are_refused(written, tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"none\.caffemodel: expected a complete Caffe model"):
        read_caffe_model(tmp_path / "none.caffemodel")
    monkeypatch.setattr(weight_file, "LARGEST", 100)
    with pytest.raises(InputError, match="more than 100"):
        read_caffe_model(written(caffe_model(WEIGHTS)))
