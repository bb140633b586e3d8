"""Bilinear resizing of images along one axis, without ignoring what lies between the new points."""

import numpy as np
from keras import ops

#: Rows or columns of the result that are computed by one product: few enough that most of its matrix is not zero.
BLOCK = 64


def resize(values, size, axis):
    """Interpolate linearly along one of the last two axes; when it shrinks, average under a triangle.

    The triangle is as wide as the step from one new point to the next (antialiasing), as in MATLAB's `imresize` with
    "bilinear" and in `keras.ops.image.resize` with ``antialias=True``, which TensorFlow computes on processors alone.
    Agrees with the latter, whose positions are float32, to 3e-5 of the largest value.

    Parameters
    ----------
    values : float32 tensor, (..., height, width)
    size : int
        New height or width.
    axis : {-2, -1}

    Returns
    -------
    float32 tensor
        Of the same shape but for `axis`.
    """
    before = values.shape[axis]
    if before == size:
        return values
    weights = triangle_weights(before, size)
    return ops.concatenate([_block(values, weights[start : start + BLOCK], axis)
                            for start in range(0, size, BLOCK)], axis=axis)  # fmt: skip


def _block(values, weights, axis):
    """Some new points: a product with the part of their weights, (n_points, n_before), that is not zero."""
    used = np.flatnonzero(weights.any(axis=0))
    part = slice(used[0], used[-1] + 1)
    if axis == -1:
        return ops.matmul(values[..., part], weights[:, part].T)
    return ops.matmul(weights[:, part], values[..., part, :])


def triangle_weights(before, after):
    """Weights of `before` old points in each of `after` new ones: float32, (after, before), each row's sum 1."""
    step = before / after
    centres = (np.arange(after) + 0.5) * step - 0.5
    distances = np.abs(np.arange(before) - centres[:, None]) / max(step, 1)
    weights = np.maximum(1 - distances, 0)
    return (weights / weights.sum(axis=1, keepdims=True)).astype("float32")
