"""Reading Caffe's model files: the weights in a `.caffemodel`, without Caffe and without Protocol Buffers.

A `.caffemodel` is one `NetParameter` message in the Protocol Buffers wire format (BVLC/caffe,
`src/caffe/proto/caffe.proto`). What is needed of it fits a page:

================== ==================================================================================
message            fields
================== ==================================================================================
NetParameter       100 `layer` (LayerParameter), or in older files 2 `layers` (V1LayerParameter)
LayerParameter     1 `name`, 7 `blobs` (BlobProto)
V1LayerParameter   4 `name`, 6 `blobs`; 1 `layer` in files older still, which are refused
BlobProto          7 `shape` (its field 1: `dim`), or 1 to 4 `num`, `channels`, `height`, `width`;
                   5 `data` (float), 8 `double_data`
================== ==================================================================================
"""

import math
from pathlib import Path

import numpy as np

from ecgrepro.errors import InputError
from ecgrepro.models.weight_file import LARGEST, Damaged, check_size

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_LAYER, _V1_LAYER = 100, 2
#: Fields of name and blobs in the two kinds of layer.
_NAME_AND_BLOBS = {_LAYER: (1, 7), _V1_LAYER: (4, 6)}
_V0_LAYER = 1
_LEGACY_SHAPE, _DATA, _SHAPE, _DOUBLE_DATA = (1, 2, 3, 4), 5, 7, 8


def read_caffe_model(path):
    """Read the weights of every layer that has any.

    Parameters
    ----------
    path : str or Path
        A `.caffemodel`.

    Returns
    -------
    dict
        Name of layer to list of float32 arrays, in the file's order and Caffe's layout: kernels (filters,
        channels / groups, height, width), dense weights (outputs, inputs), biases (outputs,). Older files write
        both of the latter with leading ones.

    Raises
    ------
    InputError
        A file that is cut short, too large, or no Caffe model.
    """
    path = Path(path)
    try:
        check_size(path)
        return _net(memoryview(path.read_bytes()))
    except (OSError, Damaged) as error:
        raise InputError(
            path, "a complete Caffe model (.caffemodel)", str(error), "Fetch the file again: it is damaged."
        ) from error


def _net(data):
    layers = {}
    for number, wire, value in _fields(data):
        if number not in _NAME_AND_BLOBS or wire != _LENGTH:
            continue
        name, blobs = _layer(value, number)
        if name in layers and blobs:
            raise Damaged(f"two layers {name!r} with weights")
        if blobs:
            layers[name] = blobs
    if not layers:
        raise Damaged("no layer with weights")
    return layers


def _layer(data, kind):
    name_field, blobs_field = _NAME_AND_BLOBS[kind]
    name, blobs = "", []
    for number, wire, value in _fields(data):
        if wire != _LENGTH:
            continue
        if kind == _V1_LAYER and number == _V0_LAYER:
            raise Damaged("a layer of version 0 (Caffe's upgrade_net_proto_binary makes a newer one of it)")
        if number == name_field:
            name = _text(value)
        elif number == blobs_field:
            blobs.append(value)
    return name, [_blob(blob, name) for blob in blobs]


def _text(data):
    try:
        return bytes(data).decode()
    except UnicodeDecodeError as error:
        raise Damaged("a layer whose name is no text") from error


def _blob(data, name):
    legacy, shape, values = {}, None, []
    for number, wire, value in _fields(data):
        if number in _LEGACY_SHAPE and wire == _VARINT:
            legacy[number] = value
        elif number == _SHAPE and wire == _LENGTH:
            shape = _dimensions(value)
        elif number in (_DATA, _DOUBLE_DATA):
            values.append(_numbers(value, wire, number))
    if shape is None:
        shape = [legacy.get(number, 0) for number in _LEGACY_SHAPE]
    array = np.concatenate(values) if values else np.zeros(0, np.float32)
    if math.prod(shape) != array.size:
        raise Damaged(f"{array.size:,} values for a blob of shape {tuple(shape)} in layer {name!r}")
    return array.astype(np.float32, copy=False).reshape(shape)


def _dimensions(data):
    shape = []
    for number, wire, value in _fields(data):
        if number == 1 and wire == _VARINT:
            shape.append(value)
        elif number == 1 and wire == _LENGTH:
            position = 0
            while position < len(value):
                dimension, position = _varint(value, position)
                shape.append(dimension)
    if len(shape) > 8 or any(dimension > LARGEST for dimension in shape):
        raise Damaged("a blob of impossible shape")
    return shape


def _numbers(value, wire, number):
    # packed values come as one run of bytes, unpacked ones as a field each
    kind = np.dtype("<f4" if number == _DATA else "<f8")
    if wire == _VARINT or len(value) % kind.itemsize:
        raise Damaged("values that are no whole floating-point numbers")
    return np.frombuffer(value, kind)


def _fields(data):
    """Yield (number, wire type, value) of a message: an int for a varint, else the field's bytes."""
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, position = _varint(data, position)
        else:
            length, position = _length(data, position, wire)
            value, position = data[position : position + length], position + length
            if len(value) < length:
                raise Damaged(f"the end of the file {length - len(value):,} bytes early")
        yield number, wire, value


def _length(data, position, wire):
    if wire == _LENGTH:
        return _varint(data, position)
    if wire in (_FIXED32, _FIXED64):
        return 4 if wire == _FIXED32 else 8, position
    raise Damaged(f"a field of unknown type {wire}")


def _varint(data, position):
    """Read an integer of seven bits a byte, least significant first: (value, position after it)."""
    value = 0
    for count in range(10):
        if position + count >= len(data):
            raise Damaged("the end of the file within a number")
        byte = data[position + count]
        value |= (byte & 0x7F) << 7 * count
        if byte < 0x80:
            return value, position + count + 1
    raise Damaged("a number of more than 64 bits")
