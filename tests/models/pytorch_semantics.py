"""PyTorch's layers written once more in NumPy, channels first, from its documentation: what the nets must equal."""

import numpy as np


def convolution(x, weight, stride=1, padding=0):
    """`Conv1d` without bias: x (batch, in, time), weight (out, in, kernel), both ends padded alike with zeros."""
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding)))
    starts = range(0, x.shape[2] - weight.shape[2] + 1, stride)
    windows = np.stack([x[:, :, start : start + weight.shape[2]] for start in starts], axis=1)
    return np.einsum("btik,oik->bot", windows, weight)


def maximum_pool(x, kernel, stride, padding):
    """`MaxPool1d`: padded with minus infinity, the last incomplete window left out."""
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding)), constant_values=-np.inf)
    starts = range(0, x.shape[2] - kernel + 1, stride)
    return np.stack([x[:, :, start : start + kernel].max(axis=2) for start in starts], axis=2)


def average_pool(x, kernel):
    """`AvgPool1d` with ceil_mode: an incomplete last window is the mean of the samples it has."""
    parts = [x[:, :, start : start + kernel].mean(axis=2) for start in range(0, x.shape[2], kernel)]
    return np.stack(parts, axis=2)


def batch_normalization(x, gamma, beta, mean, variance):
    """`BatchNorm1d` in inference over axis 1, epsilon 1e-5."""
    shape = (1, -1) + (1,) * (x.ndim - 2)
    gamma, beta, mean, variance = (part.reshape(shape) for part in (gamma, beta, mean, variance))
    return (x - mean) / np.sqrt(variance + 1e-5) * gamma + beta


def relu(x):
    return np.maximum(x, 0)


class Weights:
    """The weights of a Keras model by layer name, in PyTorch's layout and in float64."""

    def __init__(self, model):
        self.model = model

    def convolve(self, x, name, stride=1, padding=0):
        kernel = self._of(f"{name}_conv")[0]
        return convolution(x, kernel.transpose(2, 1, 0), stride, padding)

    def normalise(self, x, name):
        return batch_normalization(x, *self._of(f"{name}_bn"))

    def linear(self, x, name):
        kernel, bias = self._of(name)
        return x @ kernel + bias

    def head(self, x):
        """The benchmark's head in inference: x (batch, channels, time) to logits."""
        x = np.concatenate([x.max(axis=2), x.mean(axis=2)], axis=1)
        x = relu(self.linear(self.normalise(x, "head_pool"), "head_hidden"))
        return self.linear(self.normalise(x, "head_hidden"), "head")

    def _of(self, name):
        return [part.astype("float64") for part in self.model.get_layer(name).get_weights()]


def disturb(model, rng):
    """Give every weight of a model a value that no default has, so that a swapped or missing one shows."""
    for variable in model.weights:
        spread = {"gamma": (0.7, 1.3), "moving_variance": (0.3, 1.0), "kernel": None}.get(
            variable.name, (-0.3, 0.3)
        )
        if spread:
            variable.assign(rng.uniform(*spread, variable.shape).astype("float32"))


def assert_equal(ours, reference):
    """Equal to 1e-4 of the largest value; the reference must not be constant."""
    ours, scale = np.asarray(ours), np.abs(reference).max()
    assert np.ptp(reference) > 1e-3
    np.testing.assert_allclose(ours, reference, rtol=1e-4, atol=1e-5 * scale)
