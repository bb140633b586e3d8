import keras
import pytest

from ecgrepro.errors import SettingsError
from ecgrepro.models.catalogue import build
from ecgrepro.models.flops import flops, has_kernel, layer_flops


def net(*layers, shape):
    inputs = x = keras.Input(shape)
    for layer in layers:
        x = layer(x)
    return keras.Model(inputs, x)


def test_operations_of_resnet18_are_those_counted_by_hand():
    # width 1/64: one filter per 64; a stage is its convolutions (kernel x in x out) times the samples of its output
    samples, expected = 64, 0
    expected += 7 * 1 * 1 * samples // 2
    for kernel, inside, outside, length in ((7, 1, 1, 16), (5, 1, 2, 8), (5, 2, 4, 4), (3, 4, 8, 2)):
        shortcut = inside * outside if inside != outside else 0
        expected += length * (kernel * inside * outside + 3 * kernel * outside**2 + shortcut)
    expected += 8 * 3
    assert flops(build("resnet18", 64, 3, width=1 / 64)) == 2 * expected


def test_an_image_counts_every_pixel_of_the_output():
    conv = keras.layers.Conv2D(6, (3, 5), 2, "same")
    assert flops(net(conv, shape=(8, 10, 2))) == 2 * (3 * 5 * 2 * 6) * (4 * 5)


def test_groups_see_their_own_channels_only():
    whole, grouped = (keras.layers.Conv2D(8, 3, padding="same", groups=groups) for groups in (1, 2))
    assert flops(net(whole, shape=(4, 4, 6))) == 2 * flops(net(grouped, shape=(4, 4, 6)))


def test_layers_without_a_kernel_are_free():
    free = [keras.layers.BatchNormalization(), keras.layers.ReLU(), keras.layers.GlobalAveragePooling1D()]
    dense = keras.layers.Dense(3)
    model = net(*free, dense, shape=(16, 4))
    assert flops(model) == layer_flops(dense) == 2 * 4 * 3
    assert [layer for layer in model.layers if has_kernel(layer)] == [dense]


def test_an_open_length_is_refused():
    with pytest.raises(SettingsError, match="stem_conv: expected a model built for a known input shape"):
        flops(build("resnet18", None, 3, width=1 / 64))
