import numpy as np
import pytest
import tensorflow as tf

from ecgrepro.frames.resize import resize, triangle_weights

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("height", "width"), [(227, 227), (20, 300), (349, 40), (500, 2000)])
def test_it_equals_tensorflows_antialiased_resize(height, width):
    image = RNG.uniform(size=(2, 349, 1250)).astype("float32")
    ours = resize(resize(image, width, axis=-1), height, axis=-2)
    reference = tf.image.resize(image[..., None], (height, width), "bilinear", antialias=True)[..., 0]
    np.testing.assert_allclose(ours, reference, atol=3e-5)


def test_the_same_size_is_the_same_image():
    image = RNG.uniform(size=(2, 5, 7)).astype("float32")
    assert resize(image, 7, axis=-1) is image


def test_weights_average():
    for before, after in ((1250, 227), (10, 33)):
        weights = triangle_weights(before, after)
        assert weights.shape == (after, before)
        np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-6)


def test_every_column_counts_when_it_shrinks():
    assert (triangle_weights(1250, 227).sum(axis=0) > 0).all()
