"""The convolution and the pool of the benchmark's nets, against sums written out."""

import keras
import numpy as np
import pytest

from ecgrepro.models.padded_convolution import conv, conv_relu, stem_pool

SIGNAL = np.random.default_rng(0).normal(size=(1, 9, 1)).astype(np.float32)


def net(make):
    inputs = keras.Input((SIGNAL.shape[1], 1))
    return keras.Model(inputs, make(inputs))


@pytest.mark.parametrize("stride", [1, 2])
def test_a_stride_starts_at_the_same_sample_as_in_pytorch(stride):
    model = net(lambda x: conv(x, 1, 5, stride, "one"))
    kernel = np.arange(1.0, 6.0)
    model.get_layer("one_conv").set_weights([kernel.reshape(5, 1, 1)])
    padded = np.pad(SIGNAL[0, :, 0], 2)
    expected = [padded[start : start + 5] @ kernel for start in range(0, 9, stride)]
    found = model.predict(SIGNAL, verbose=0)[0, :, 0] * np.sqrt(1 + 1e-5)  # of fresh moving statistics
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_nothing_negative_passes_the_relu():
    model = net(lambda x: conv_relu(x, 4, 3, 1, "one"))
    assert model.predict(SIGNAL, verbose=0).min() == 0


def test_the_pool_takes_the_largest_of_three():
    positive = np.abs(SIGNAL)
    padded = np.pad(positive[0, :, 0], 1)
    expected = [padded[start : start + 3].max() for start in range(0, 9, 2)]
    np.testing.assert_allclose(net(stem_pool).predict(positive, verbose=0)[0, :, 0], expected)
