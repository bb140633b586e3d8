"""AlexNet once more, in NumPy and in Caffe's layout, and an encoder of Caffe's model files."""

import struct

import numpy as np


def random_weights(rng, shape, n_outputs, width=1 / 16):
    """Weights of a narrow net for images (channels, height, width): name to [kernel, bias], as Caffe lays them out."""
    filters = {name: int(n * width) for name, n in
               {"conv1": 96, "conv2": 256, "conv3": 384, "conv4": 384, "conv5": 256}.items()}  # fmt: skip
    units = int(4096 * width)
    pooled = filters["conv5"] * np.prod([_side(side) for side in shape[1:]])
    sizes = {
        "conv1": (filters["conv1"], shape[0], 11, 11),
        "conv2": (filters["conv2"], filters["conv1"] // 2, 5, 5),
        "conv3": (filters["conv3"], filters["conv2"], 3, 3),
        "conv4": (filters["conv4"], filters["conv3"] // 2, 3, 3),
        "conv5": (filters["conv5"], filters["conv4"] // 2, 3, 3),
        "fc6": (units, int(pooled)),
        "fc7": (units, units),
        "fc8": (n_outputs, units),
    }
    return {name: [(rng.normal(size=size) * np.sqrt(2 / np.prod(size[1:]))).astype("float32"),
                   rng.normal(0, 0.3, size[0]).astype("float32")]
            for name, size in sizes.items()}  # fmt: skip


def _side(side):
    side = (side - 11) // 4 + 1
    for _ in range(3):
        side = (side - 3) // 2 + 1
    return side


def convolve(x, kernel, bias, stride=1, pad=0, groups=1):
    """Convolution of (batch, channels, height, width) with a kernel (filters, channels / groups, h, w)."""
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    parts = []
    for inputs, kernels in zip(np.split(x, groups, 1), np.split(kernel, groups, 0), strict=True):
        windows = np.lib.stride_tricks.sliding_window_view(inputs, kernels.shape[2:], (2, 3))
        parts.append(
            np.einsum("bcyxhw,fchw->bfyx", windows[:, :, ::stride, ::stride], kernels, optimize=True)
        )
    return np.concatenate(parts, 1) + bias[:, None, None]


def normalise(x, size=5, alpha=1e-4, beta=0.75, k=1.0):
    """Local response normalisation of (batch, channels, ...), channel by channel."""
    out = np.empty_like(x)
    for channel in range(x.shape[1]):
        first, last = max(0, channel - size // 2), channel + size // 2 + 1
        squares = (x[:, first:last].astype(float) ** 2).sum(axis=1)
        out[:, channel] = x[:, channel] / (k + alpha / size * squares) ** beta
    return out


def pool(x):
    """Maximum of 3 x 3, every second one."""
    return np.lib.stride_tricks.sliding_window_view(x, (3, 3), (2, 3))[:, :, ::2, ::2].max(axis=(4, 5))


def forward(x, weights):
    """Logits of images (batch, channels, height, width), in Caffe's order of layers and axes."""
    x = np.maximum(convolve(x, *weights["conv1"], stride=4), 0)
    x = pool(normalise(x))
    x = np.maximum(convolve(x, *weights["conv2"], pad=2, groups=2), 0)
    x = pool(normalise(x))
    for name, groups in (("conv3", 1), ("conv4", 2), ("conv5", 2)):
        x = np.maximum(convolve(x, *weights[name], pad=1, groups=groups), 0)
    x = pool(x).reshape(len(x), -1)
    for name in ("fc6", "fc7"):
        x = np.maximum(x @ weights[name][0].T + weights[name][1], 0)
    return x @ weights["fc8"][0].T + weights["fc8"][1]


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number, value):
    """One field of a message: an int as a varint, bytes or text with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def blob(array, version):
    """`BlobProto`: with `shape` in version 2; with num, channels, height and width in version 1."""
    data = field(5, array.astype("<f4").tobytes())
    if version == 2:
        return field(7, field(1, b"".join(varint(n) for n in array.shape))) + data
    shape = (1,) * (4 - array.ndim) + array.shape
    return b"".join(field(i, n) for i, n in enumerate(shape, 1)) + data + field(6, b"\0" * array.size * 4)


def caffe_model(weights, version=2):
    """The bytes of a `.caffemodel` with layers that have weights and layers that have none."""
    layer, name_field, blobs_field = (100, 1, 7) if version == 2 else (2, 4, 6)
    kind = field(2, "Data") if version == 2 else field(5, 5)
    out = [field(1, "AlexNet"), field(layer, field(name_field, "data") + kind)]
    for name, arrays in weights.items():
        blobs = b"".join(field(blobs_field, blob(array, version)) for array in arrays)
        multiplier = (
            varint(7 << 3 | 5) + struct.pack("<f", 2.0) if version == 1 else b""
        )  # blobs_lr, unpacked
        out.append(field(layer, field(name_field, name) + blobs + multiplier))
        out.append(field(layer, field(name_field, f"relu_{name}")))
    return b"".join(out)
