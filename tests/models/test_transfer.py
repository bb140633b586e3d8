import numpy as np
import pytest

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.models.resnet1d import HEAD, resnet1d
from ecgrepro.models.transfer import STEM, adapt_stem
from ecgrepro.training import checkpoint

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def one_lead():
    return resnet1d(128, 3, width=0.0625)


@pytest.fixture(scope="module")
def twelve_leads():
    return resnet1d(128, 3, width=0.0625, n_leads=12)


def carry(source, target, folder, n_leads):
    """Give `target` the extractor of `source` by way of a file, and its head."""
    checkpoint.save_extractor(folder / "extractor.npz", source, HEAD)
    with np.load(folder / "extractor.npz") as file:
        np.savez(folder / "adapted.npz", **adapt_stem(dict(file), n_leads))
    checkpoint.load_extractor(folder / "adapted.npz", target, HEAD)
    target.get_layer(HEAD).set_weights(source.get_layer(HEAD).get_weights())


def test_twelve_copies_of_a_lead_give_what_the_lead_gave(one_lead, twelve_leads, tmp_path):
    carry(one_lead, twelve_leads, tmp_path, 12)
    signal = RNG.normal(size=(2, 128, 1)).astype("float32")
    expected, ours = (
        np.asarray(net(x)) for net, x in ((one_lead, signal), (twelve_leads, signal.repeat(12, 2)))
    )
    assert np.ptp(expected) > 1e-3
    np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-6)


def test_one_lead_gives_what_twelve_copies_of_it_gave(one_lead, twelve_leads, tmp_path):
    kernel = twelve_leads.get_layer("stem_conv").kernel
    kernel.assign(RNG.normal(size=kernel.shape))
    carry(twelve_leads, one_lead, tmp_path, 1)
    signal = RNG.normal(size=(2, 128, 1)).astype("float32")
    expected, ours = (
        np.asarray(net(x)) for net, x in ((twelve_leads, signal.repeat(12, 2)), (one_lead, signal))
    )
    np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-6)


def test_there_and_back_is_the_kernel_and_nothing_else_is_touched():
    arrays = {STEM: RNG.normal(size=(7, 1, 4)).astype("float32"), "stem_bn/gamma": np.ones(4)}
    kept = arrays[STEM].copy()
    spread = adapt_stem(arrays, 8)
    assert spread[STEM].shape == (7, 8, 4)
    assert spread[STEM].dtype == np.float32
    assert spread["stem_bn/gamma"] is arrays["stem_bn/gamma"]
    np.testing.assert_allclose(adapt_stem(spread, 1)[STEM], kept, rtol=1e-6)
    assert (arrays[STEM] == kept).all()
    assert adapt_stem(arrays, 1)[STEM] is arrays[STEM]


def test_the_kernel_of_an_image_net_is_spread_over_its_channels():
    kernel = RNG.normal(size=(11, 11, 1, 6)).astype("float32")
    spread = adapt_stem({"conv1/kernel": kernel}, 3, stem="conv1/kernel")["conv1/kernel"]
    np.testing.assert_allclose(spread.sum(axis=2, keepdims=True), kernel, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("n_leads", [0, -1, 8])
def test_several_leads_to_several_others_are_refused(n_leads):
    with pytest.raises(SettingsError, match="n_leads: expected 1 or 12, the kernel's own"):
        adapt_stem({STEM: np.zeros((7, 12, 4))}, n_leads)


@pytest.mark.parametrize("arrays", [{}, {"conv1/kernel": np.zeros((7, 1, 4))}, {STEM: np.zeros(4)}])
def test_without_such_a_kernel_it_says_so(arrays):
    with pytest.raises(InputError, match="stem_conv/kernel: expected a kernel"):
        adapt_stem(arrays, 12)
