import io
import pickle
import zipfile

import numpy as np
import pytest

from ecgrepro.errors import InputError
from ecgrepro.models import weight_dictionary
from ecgrepro.models.weight_dictionary import read_weight_dictionary

RNG = np.random.default_rng(0)
WEIGHTS = {
    "conv1": [RNG.normal(size=(3, 3, 2, 4)).astype("float32"), RNG.normal(size=4).astype("float32")],
    "fc2": [
        np.asfortranarray(RNG.normal(size=(5, 6)).astype("float32")),
        RNG.normal(size=6).astype("float32"),
    ],
}


def same(layers):
    assert layers.keys() == WEIGHTS.keys()
    for name, arrays in layers.items():
        for array, expected in zip(arrays, WEIGHTS[name], strict=True):
            assert type(array) is np.ndarray
            assert array.dtype == expected.dtype
            assert (array == expected).all()


@pytest.mark.parametrize("pickled", ["lists", "tuples"])
def test_a_dictionary_in_a_npy_comes_back(tmp_path, pickled):
    kind = {"lists": list, "tuples": tuple}[pickled]
    np.save(tmp_path / "weights.npy", {name: kind(arrays) for name, arrays in WEIGHTS.items()})
    same(read_weight_dictionary(tmp_path / "weights.npy"))


def python2_pickle():
    """A pickle of protocol 2 as Python 2 writes it: text and the bytes of arrays both as byte strings.

    Built operation by operation, because Python 3 has no way to write these; cf. Python's `pickletools`.
    """

    def text(value):
        value = value.encode("latin1") if isinstance(value, str) else value
        return b"T" + len(value).to_bytes(4, "little") + value

    def dtype(name, order):
        flags = b"\x3f" if name == "O8" else b"\x00"
        state = b"K\x03" + text(order) + b"NNN" + b"J\xff\xff\xff\xff" * 2 + b"K" + flags
        return b"cnumpy\ndtype\n" + text(name) + b"K\x00K\x01\x87R(" + state + b"tb"

    def array(shape, kind, data):
        start = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + text("b") + b"\x87R"
        sizes = b"(" + b"".join(b"K" + bytes([n]) for n in shape) + b"t"
        return start + b"(K\x01" + sizes + kind + b"\x89" + data + b"tb"

    def numbers(values):
        values = np.ascontiguousarray(values)
        return array(values.shape, dtype("f4", "<"), text(values.tobytes()))

    items = b"".join(
        text(name) + b"](" + b"".join(map(numbers, arrays)) + b"e" for name, arrays in WEIGHTS.items()
    )
    return b"\x80\x02" + array((), dtype("O8", "|"), b"](" + b"}(" + items + b"u" + b"e") + b"."


def npy(pickled):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": ()})
    return file.getvalue() + pickled


def test_a_dictionary_pickled_by_python_2_comes_back(tmp_path):
    data = npy(python2_pickle())
    with io.BytesIO(data) as file:  # NumPy itself reads it so: the test writes what Python 2 wrote
        assert np.load(file, allow_pickle=True, encoding="latin1").item().keys() == WEIGHTS.keys()
    (tmp_path / "weights.npy").write_bytes(data)
    same(read_weight_dictionary(tmp_path / "weights.npy"))


def test_an_archive_of_arrays_comes_back(tmp_path):
    flat = {f"{name}/{part}": array for name, arrays in WEIGHTS.items()
            for part, array in zip(("weights", "biases"), arrays, strict=True)}  # fmt: skip
    np.savez_compressed(tmp_path / "weights.npz", **flat)
    same(read_weight_dictionary(tmp_path / "weights.npz"))


class Runs:
    """A pickle that would call a function."""

    def __reduce__(self):
        return print, ("unpickled",)


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ({"conv1": Runs()}, "the forbidden object"),
        ({"conv1": [np.array([Runs()], object)]}, "the forbidden object"),
        ({"conv1": [np.array([None, 1], object)]}, "no list of arrays under 'conv1'"),
        ({"conv1": []}, "no list of arrays under 'conv1'"),
        ({"conv1": "text"}, "no list of arrays under 'conv1'"),
        ({3: [np.zeros(2)]}, "no list of arrays under 3"),
        ({}, "dict instead of a dictionary of layers"),
        ([np.zeros(2)], "list instead of a dictionary|something else"),
        (np.zeros((2, 2)), "ndarray instead of a dictionary"),
        (np.zeros(3, "complex64"), "for an array"),
    ],
)
def test_another_content_is_refused(tmp_path, capsys, value, named):
    one = value if isinstance(value, np.ndarray) else np.array(None, object)
    if one is not value:
        one[()] = value
    np.save(tmp_path / "weights.npy", one)
    with pytest.raises(InputError, match=named):
        read_weight_dictionary(tmp_path / "weights.npy")
    assert "unpickled" not in capsys.readouterr().out


def test_a_pickle_that_is_no_array_is_refused(tmp_path):
    (tmp_path / "weights.npy").write_bytes(npy(pickle.dumps({"conv1": [np.zeros(2)]})))
    with pytest.raises(InputError, match="something else than one object in an array"):
        read_weight_dictionary(tmp_path / "weights.npy")


@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_a_file_cut_anywhere_is_refused(tmp_path, suffix):
    path = tmp_path / f"weights.{suffix}"
    if suffix == "npy":
        np.save(path, WEIGHTS)
    else:
        np.savez(path, **{"a/weights": WEIGHTS["conv1"][0]})
    data = path.read_bytes()
    for length in range(0, len(data) - 1, 13):
        path.write_bytes(data[:length])
        with pytest.raises(InputError):
            read_weight_dictionary(path)


def test_an_array_longer_than_its_bytes_is_refused_before_memory_is_taken(tmp_path):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": "<f4", "fortran_order": False, "shape": (2**40, 2**20)}
    )
    (tmp_path / "weights.npy").write_bytes(file.getvalue())
    with pytest.raises(InputError, match="0 bytes for an array"):
        read_weight_dictionary(tmp_path / "weights.npy")


def test_archives_with_other_names_or_too_large_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "weights.npz"
    np.savez(path, conv1=np.zeros(2))
    with pytest.raises(InputError, match=r"an array 'conv1\.npy', not NAME/weights or NAME/biases"):
        read_weight_dictionary(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/weights.npy", bytes(10**6))
    monkeypatch.setattr(weight_dictionary, "LARGEST", 10**5)
    with pytest.raises(InputError, match="more than 100,000 bytes when unpacked"):
        read_weight_dictionary(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"none\.npy: expected a NumPy file of weights"):
        read_weight_dictionary(tmp_path / "none.npy")
