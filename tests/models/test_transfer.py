import numpy as np
import pytest

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.models.catalogue import MODELS, build
from ecgrepro.models.resnet1d import HEAD
from ecgrepro.models.transfer import fit_leads
from ecgrepro.training import checkpoint

RNG = np.random.default_rng(0)
STEM = "stem_conv/kernel"
#: How many kernels read the leads.
READERS = {
    "resnet18": 1,
    "resnet18_preactivation": 1,
    "resnet18_masked": 1,
    "xresnet1d50": 1,
    "inception1d": 3,
    "resnet1d101": 1,
    "inception_csc2541": 1,
}


def nets(name, *leads):
    return [build(name, (131, n), 3, width=0.125) for n in leads]


def carry(source, target, folder):
    """Give `target` the extractor of `source` by way of a file, and its head; the names of kernels that were fitted."""
    path = folder / "extractor.npz"
    checkpoint.save_extractor(path, source, HEAD)
    checkpoint.load_extractor(path, target, HEAD, adapt_leads=True)
    target.get_layer(HEAD).set_weights(source.get_layer(HEAD).get_weights())
    return [w.path for v, w in zip(source.weights, target.weights, strict=True) if v.shape != w.shape]


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(("before", "after"), [(1, 12), (12, 1)])
def test_copies_of_a_lead_give_what_the_lead_gives_in_every_net(name, before, after, tmp_path):
    source, target = nets(name, before, after)
    assert len(carry(source, target, tmp_path)) == READERS[name]
    signal = RNG.normal(size=(2, 131, 1)).astype("float32")
    expected, ours = (np.asarray(net(signal.repeat(net.input_shape[-1], 2))) for net in (source, target))
    assert np.ptp(expected) > 1e-3
    np.testing.assert_allclose(ours, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def test_every_net_that_takes_a_signal_is_tried():
    assert {name.rstrip("0123456789") for name, net in MODELS.items() if net.kind == "signal"} == {
        name.rstrip("0123456789") for name in READERS
    }


def test_there_and_back_is_the_kernel_and_nothing_else_is_touched():
    arrays = {STEM: RNG.normal(size=(7, 1, 4)).astype("float32"), "stem_bn/gamma": np.ones(4)}
    kept = arrays[STEM].copy()
    spread = fit_leads(arrays, {STEM: (7, 8, 4), "stem_bn/gamma": (4,)})
    assert spread[STEM].shape == (7, 8, 4)
    assert spread[STEM].dtype == np.float32
    assert spread["stem_bn/gamma"] is arrays["stem_bn/gamma"]
    np.testing.assert_allclose(fit_leads(spread, {STEM: (7, 1, 4)})[STEM], kept, rtol=1e-6)
    assert (arrays[STEM] == kept).all()


def test_the_kernel_of_an_image_net_is_spread_over_its_channels():
    kernel = RNG.normal(size=(11, 11, 1, 6)).astype("float32")
    spread = fit_leads({"conv1/kernel": kernel}, {"conv1/kernel": (11, 11, 3, 6)})["conv1/kernel"]
    np.testing.assert_allclose(spread.sum(axis=2, keepdims=True), kernel, rtol=1e-6, atol=1e-7)


def test_several_leads_to_several_others_are_refused():
    with pytest.raises(
        SettingsError, match="leads of stem_conv/kernel: expected 1 or 12, the kernel's own; got 8"
    ):
        fit_leads({STEM: np.zeros((7, 12, 4))}, {STEM: (7, 8, 4)})


@pytest.mark.parametrize("shape", [(5, 1, 4), (7, 1, 8), (7, 12, 8)])
def test_a_kernel_that_differs_otherwise_too_is_left_for_the_loader_to_refuse(shape):
    kernel = np.zeros((7, 1, 4))
    assert fit_leads({STEM: kernel}, {STEM: shape})[STEM] is kernel


def test_another_width_is_refused_all_the_same(tmp_path):
    source, target = (
        build("resnet18", (128, 1), 3, width=0.0625),
        build("resnet18", (128, 12), 3, width=0.125),
    )
    with pytest.raises(InputError, match="do not fit"):
        carry(source, target, tmp_path)


def test_leads_are_not_fitted_unless_asked_for(tmp_path):
    source, target = nets("resnet18", 1, 12)
    checkpoint.save_extractor(tmp_path / "extractor.npz", source, HEAD)
    with pytest.raises(InputError, match="got 1 that do not fit: .'stem_conv/kernel'"):
        checkpoint.load_extractor(tmp_path / "extractor.npz", target, HEAD)
