"""Starts that others have published: named in one way, compared by digest, every tensor placed, heads left random."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from ecgrepro.claims.schema import REQUIREMENTS
from ecgrepro.errors import InputError, SettingsError
from ecgrepro.models.catalogue import build
from ecgrepro.models.class_report_weights import START_POINTS, VARIABLE
from ecgrepro.models.resnet1d import HEAD
from ecgrepro.training.published_start import (
    FORMS,
    class_report_start,
    fits,
    is_published,
    load_published,
    provenance,
)
from tests.models.test_tensorflow_checkpoint import Net1D, Net2D, close, sequential

NETS = {"resnet1d_20": (Net1D, (128, 1)), "resnet2d_88": (Net2D, (32, 64, 1))}


@pytest.fixture(params=list(NETS))
def start(request, monkeypatch, tmp_path):
    """A start point whose published checkpoint, of a quarter of the width, lies where it belongs: (name, net)."""
    name = request.param
    monkeypatch.setenv("ECGREPRO_HOME", str(tmp_path))
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setitem(START_POINTS, name, replace(START_POINTS[name], width=0.25))
    folder = tmp_path / "_work" / "published" / "class_report" / START_POINTS[name].published
    folder.mkdir(parents=True)
    net = NETS[name][0]()
    sequential(net).write(str(folder / "resnet.weights"))
    return name, net


def model_of(name, outputs=4, **settings):
    return build(START_POINTS[name].model, NETS[name][1], outputs, **({"width": 0.25} | settings))


def test_a_start_names_the_file_that_was_made_of_the_checkpoint(start, tmp_path):
    name, _ = start
    named = class_report_start(name)
    made = tmp_path / "_work" / "weights" / f"class_report_{name}.npz"
    assert named == f"class_report:{name}:{hashlib.sha256(made.read_bytes()).hexdigest()}"
    assert class_report_start(name) == named
    assert is_published(named)


def test_a_net_takes_the_extractor_and_keeps_its_random_head(start):
    name, net = start
    model = model_of(name)
    head = [array.copy() for array in model.get_layer(HEAD).get_weights()]
    load_published(class_report_start(name), model)
    for before, after in zip(head, model.get_layer(HEAD).get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    inputs = np.random.default_rng(1).normal(size=(2, *NETS[name][1])).astype("float32")
    features = np.asarray(net(inputs))
    close(np.asarray(model(inputs)), features @ head[0] + head[1])


def test_another_file_than_the_one_described_is_refused(start):
    name, _ = start
    with pytest.raises(
        SettingsError, match=rf"class_report_{name}\.npz: expected the file with SHA-256 beef; got "
    ):
        load_published(f"class_report:{name}:beef", model_of(name))


def test_a_net_of_another_width_is_refused_and_keeps_its_weights(start):
    name, _ = start
    model = model_of(name, width=0.125)
    before = model.get_weights()
    with pytest.raises(InputError, match="that do not fit"):
        load_published(class_report_start(name), model)
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))


def test_an_unknown_kind_is_refused():
    assert not is_published("random")
    forms = r"expected imagenet:SHA1 for alexnet or class_report:NAME:SHA256 .*'kaggle:x'"
    with pytest.raises(SettingsError, match=forms):
        load_published("kaggle:x", None)
    assert "resnet2d_88" in FORMS


@pytest.mark.parametrize(("initialisation", "model", "width", "fit"), [
    ("imagenet:beef", "alexnet", 0.5, True),
    ("imagenet:beef", "resnet18", 1.0, False),
    ("class_report:resnet1d_20:beef", "resnet18", 1.0, True),
    ("class_report:resnet2d_88:beef", "resnet18_2d", 1.0, True),
    ("class_report:resnet2d_88:beef", "resnet18", 1.0, False),
    ("class_report:resnet1d_100:beef", "resnet18", 0.5, False),
    ("class_report:resnet1d_1:beef", "resnet18", 1.0, False),
    ("class_report:resnet1d_20", "resnet18", 1.0, False),
    ("class_report:resnet1d_20:", "resnet18", 1.0, False),
    ("random", "resnet18", 1.0, False),
])  # fmt: skip
def test_a_start_fits_the_net_that_it_was_published_of(initialisation, model, width, fit):
    assert fits(initialisation, model, width) == fit


def test_where_the_class_reports_weights_come_from_is_known_under_the_ledgers_keys():
    parts = provenance("class_report:resnet2d_88:beef")
    assert parts.keys() <= REQUIREMENTS
    assert (parts["pretraining_share"], parts["pretraining_corpus"]) == (0.88, "icentia11k")
    assert provenance("random") == provenance("imagenet:beef") == {}
