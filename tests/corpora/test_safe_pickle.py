"""Arrays of numbers pass, whichever NumPy pickled them; nothing else does, and nothing that is named runs."""

import gzip
import os
import pickle
import struct
import subprocess
import tracemalloc
from contextlib import suppress

import numpy as np
import pytest

from ecgrepro.corpora import safe_pickle
from ecgrepro.errors import InputError

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
ARRAYS = {
    "integers": np.arange(5),
    "none": np.empty(0, np.int64),
    "floats": np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3),
    "columns first": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "axes exchanged": np.arange(24).reshape(2, 3, 4).transpose(1, 0, 2),
    "other byte order": np.arange(4, dtype=">i2"),
    "truths": np.array([True, False]),
    "no axis": np.array(7, np.uint8),
    "half precision": np.ones(3, np.float16),
}


class Call:
    """Pickles as the call of a function."""

    def __init__(self, function, *args):
        self.function, self.args = function, args

    def __reduce__(self):
        return self.function, self.args


def as_numpy_1(data):
    """Rename NumPy 2's modules to NumPy 1's in a short pickle."""
    if data[1] >= 4:
        assert data[2:3] == pickle.FRAME
        data = data[:2] + data[11:]  # frames are optional, and their length would be wrong
    for name in (b"multiarray", b"numeric"):
        new, old = b"numpy._core." + name, b"numpy.core." + name
        data = data.replace(b"\x8c" + bytes([len(new)]) + new, b"\x8c" + bytes([len(old)]) + old)
        data = data.replace(b"cnumpy._core." + name, b"cnumpy.core." + name)
    assert b"_core" not in data
    return data


def same(found, expected):
    assert type(found) is type(expected)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


def refused(data, match=None):
    with pytest.raises(InputError, match=match):
        safe_pickle.loads(data)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_of_numbers_come_back(name, protocol):
    data = pickle.dumps(ARRAYS[name], protocol)
    same(safe_pickle.loads(data), pickle.loads(data))
    np.testing.assert_array_equal(safe_pickle.loads(data), ARRAYS[name])


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_pickled_by_numpy_1_come_back(name, protocol):
    data = pickle.dumps(ARRAYS[name], protocol)
    if protocol < 2:
        data = data.replace(b"numpy._core", b"numpy.core")
    same(safe_pickle.loads(as_numpy_1(data) if protocol >= 2 else data), pickle.loads(data))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_torrents_structure_comes_back(protocol):
    kinds = {
        "btype": [ARRAYS["integers"], ARRAYS["none"]],
        "rtype": (ARRAYS["none"], np.float32(2), "x", None, 1),
    }
    found = safe_pickle.loads(pickle.dumps([kinds, {}], protocol))
    assert isinstance(found, list)
    assert list(found[0]) == ["btype", "rtype"]
    same(found[0]["btype"][0], ARRAYS["integers"])
    assert found[0]["rtype"][1:] == (2.0, "x", None, 1)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "wrap", [lambda x: x, lambda x: [1, {"a": (x,)}], lambda x: np.array([x, x], object)]
)
@pytest.mark.parametrize("function", [os.system, eval, subprocess.check_output])
def test_a_forbidden_function_is_refused_and_not_called(tmp_path, protocol, wrap, function):
    mark = tmp_path / "called"
    arguments = {
        os.system: (f"touch {mark}",),
        subprocess.check_output: (["touch", str(mark)],),
    }.get(function, (f"open({str(mark)!r}, 'w')",))
    refused(pickle.dumps(wrap(Call(function, *arguments)), protocol), "forbidden object|not of numbers")
    assert not mark.exists()


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "value",
    [np.array([1, "x"], object), np.array(["x"]), np.array([(1, 2.0)], "i4,f8"), np.array(["2020"], "M8[D]"),
     np.array([b"x"]), np.array([None])[0:0]],
    ids=["objects", "text", "structured", "dates", "bytes", "no objects"],
)  # fmt: skip
def test_arrays_of_anything_but_numbers_are_refused(value, protocol):
    refused(pickle.dumps(value, protocol))


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "value",
    [Call(np.ndarray, (1000,)), Call(np.ndarray, (2,), np.dtype("f8")), np.ndarray, np.dtype, np.dtype("f8"),
     Call(np.dtype, "O"), Call(np.dtype, "i4,f8"), Call(np.dtype, [("a", "O")]), Call(bytes, 10**12), print,
     {print}, ValueError("x")],
    ids=["array", "typed array", "ndarray", "dtype", "a dtype", "object dtype", "structured dtype", "fields",
         "memory", "function", "set", "exception"],
)  # fmt: skip
def test_numpys_own_objects_and_other_functions_are_refused(value, protocol):
    refused(pickle.dumps(value, protocol))


def dtype_with(state):
    """A pickle of the NumPy type int64 with a state that only a forger gives it, and an array of that type."""
    dtype = b"cnumpy\ndtype\n(S'i8'\nI00\nI01\ntR"
    return (
        b"cnumpy._core.multiarray\nscalar\n("
        + dtype
        + state
        + b"bc_codecs\nencode\n(V01234567\nVlatin1\ntRtR."
    )


def test_the_forged_types_differ_from_the_real_one_by_their_state_alone():
    plain = b"(I3\nS'<'\nNNNI-1\nI-1\nI0\nt"
    assert safe_pickle.loads(dtype_with(plain)) == np.frombuffer(b"01234567", "<i8")[0]


@pytest.mark.parametrize(
    "state",
    [b"(I3\nS'<'\n(cnumpy\ndtype\n(S'O8'\nI00\nI01\ntR(I1\nttNNI-1\nI-1\nI0\nt",
     b"(I3\nS'<'\n(cnumpy\ndtype\n(S'i8'\nI00\nI01\ntR(I9\nttNNI-1\nI-1\nI0\nt",
     b"(I3\nS'<'\nN(S'a'\nt(dS'a'\n(cnumpy\ndtype\n(S'i8'\nI00\nI01\ntRI0\ntsI8\nI8\nI1\nt", b"S'<'\n", b"N"],
    ids=["objects inside", "more than its bytes", "fields", "text", "nothing"],
)  # fmt: skip
def test_the_state_of_a_type_cannot_turn_numbers_into_addresses(state):
    refused(dtype_with(state))


HAND_MADE = {
    "inst": b"(S'echo'\nios\nsystem\n.",
    "obj": b"(cos\nsystem\nS'echo'\no.",
    "stack global": b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04echo\x85R.",
    "attribute of an allowed name": b"\x80\x04\x8c\x05numpy\x8c\x0fndarray.__new__\x93.",
    "module of an allowed name": b"\x80\x04\x8c\x05numpy\x8c\x02os\x93.",
    "new object": b"\x80\x02cnumpy\nndarray\n(I4\nt\x81.",
    "another array type": b"cnumpy._core.multiarray\n_reconstruct\n(cnumpy\ndtype\n(I0\ntS'b'\ntR.",
    "an array without state of many samples": (
        b"cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I1000\ntS'b'\ntR."
    ),
    "codec": b"c_codecs\nencode\n(Vabc\nVrot13\ntR.",
    "codec on bytes": b"\x80\x03c_codecs\nencode\nC\x03abc\x8c\x06latin1\x86R.",
    "persistent id": b"Pname\n.",
    "extension": b"\x80\x02\x82\x01.",
    "buffer that is elsewhere": b"\x80\x05\x97.",
    "attributes of a function": b"\x80\x02c_codecs\nencode\nN}X\x05\x00\x00\x00_makeK\x02s\x86b0K\x01.",
    "empty": b"",
    "text": b"not a pickle",
}


@pytest.mark.parametrize("name", HAND_MADE)
def test_hand_made_pickles_are_refused(name):
    refused(HAND_MADE[name])


def test_an_array_does_not_reach_beyond_its_bytes():
    data = pickle.dumps(np.arange(4, dtype=np.int64), 3)
    longer = data.replace(b"K\x01K\x04\x85", b"K\x01M\xff\xff\x85")
    assert longer != data
    refused(longer)


def test_a_list_that_holds_itself_is_refused():
    endless = []
    endless.append(endless)
    refused(pickle.dumps(endless))


def test_every_truncation_is_told():
    data = pickle.dumps([{"btype": [np.arange(3)]}], 2)
    for length in range(len(data)):
        refused(data[:length])


def test_the_message_names_file_object_and_remedy(tmp_path):
    path = tmp_path / "00000_batched_lbls.pkl.gz"
    path.write_bytes(gzip.compress(pickle.dumps(Call(os.system, "true"))))
    with pytest.raises(InputError) as caught:
        safe_pickle.load_gzip(path)
    assert caught.value.where == str(path)
    assert "system" in caught.value.got
    assert "may run code" in str(caught.value)


def test_the_message_is_short_whatever_the_pickle_says():
    with pytest.raises(InputError) as caught:
        safe_pickle.loads(b"c" + b"x" * 5000 + b"\ny\n.")
    assert len(str(caught.value)) < 600


def test_a_gzipped_pickle_is_read(tmp_path):
    (tmp_path / "x.gz").write_bytes(gzip.compress(pickle.dumps(ARRAYS["floats"])))
    same(safe_pickle.load_gzip(tmp_path / "x.gz"), ARRAYS["floats"])


@pytest.mark.parametrize("damage", [lambda data: data[:-9], lambda data: b"", lambda data: b"plain text",
                                    lambda data: data[:30] + b"\0\0\0" + data[33:], None])  # fmt: skip
def test_a_damaged_gzip_file_is_told(tmp_path, damage):
    path = tmp_path / "00000_batched.pkl.gz"
    if damage:
        path.write_bytes(damage(gzip.compress(pickle.dumps(np.random.default_rng(0).normal(size=100)))))
    with pytest.raises(InputError, match="00000_batched"):
        safe_pickle.load_gzip(path)


def test_a_length_beyond_all_memory_is_refused():
    refused(b"\x80\x05\x96" + struct.pack("<Q", 1 << 62) + b".")


@pytest.mark.parametrize(
    "data",
    [b"\x80\x03B\xff\xff\xff\x7f.", b"\x80\x05\x96" + (2**32).to_bytes(8, "little") + b".",
     b"\x80\x02Nr\xff\xff\xff\x07.", b"\x80\x04\x8d" + (2**40).to_bytes(8, "little") + b"."],
    ids=["bytes", "changeable bytes", "a place in the memory of objects", "text"],
)  # fmt: skip
def test_a_length_in_a_pickle_is_no_memory(data):
    tracemalloc.start()
    with suppress(InputError):
        safe_pickle.loads(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


def test_a_gzip_file_is_not_unpacked_beyond_the_largest_patient(tmp_path, monkeypatch):
    monkeypatch.setattr(safe_pickle, "LARGEST", 2**20)
    (tmp_path / "x.pkl.gz").write_bytes(gzip.compress(bytes(2**26)))
    tracemalloc.start()
    with pytest.raises(InputError, match=r"x\.pkl\.gz: expected at most 1,048,576 bytes"):
        safe_pickle.load_gzip(tmp_path / "x.pkl.gz")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**23
