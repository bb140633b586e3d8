"""TensorFlow and JAX: the same logits, the same loss and the same optimiser step, for every model of the catalogue."""

import importlib.util

import numpy as np
import pytest

from ecgrepro.models.catalogue import MODELS
from tests.models.harness import SMALL, TOLERANCE, differences, small_cases, step, steps_on_jax


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """For every model what one step gives on TensorFlow and on JAX."""
    if importlib.util.find_spec("jax") is None:
        pytest.skip("jax is not installed (it is in the extra `test`)")
    cases = small_cases()
    ours = [step(**case) for case in cases]
    # nothing here runs long enough to be worth optimising
    theirs = steps_on_jax(
        cases, tmp_path_factory.mktemp("jax"), XLA_FLAGS="--xla_backend_optimization_level=0"
    )
    return {case["name"]: pair for case, pair in zip(cases, zip(ours, theirs, strict=True), strict=True)}


def test_every_model_of_the_catalogue_is_compared():
    assert SMALL.keys() == MODELS.keys()


@pytest.mark.parametrize("name", MODELS)
def test_jax_gives_the_same_logits_and_takes_the_same_step(found, name):
    measured = differences(*found[name])
    assert {part: measured[part] for part in TOLERANCE if measured[part] > TOLERANCE[part]} == {}


@pytest.mark.parametrize("name", MODELS)
def test_the_inputs_tell_themselves_apart_and_the_step_is_large_enough_to_compare(found, name):
    ours, _ = found[name]
    assert np.ptp(ours["logits"], axis=0).min() > 1e-3 * np.abs(ours["logits"]).max()
    assert np.abs(ours["change/head/kernel"]).max() > 1e-3


@pytest.mark.parametrize("place", ["logits", "loss", "change/stem_conv/kernel", "change/head/bias"])
def test_a_difference_in_any_part_is_seen(place):
    ours = {"logits": np.ones((2, 3)), "loss": np.array(2.0), "change/stem_conv/kernel": np.full((7, 1, 8), 0.1),
            "change/head/kernel": np.full((8, 3), -0.2), "change/head/bias": np.zeros(3)}  # fmt: skip
    theirs = ours | {place: ours[place] + 0.01}
    part = "weights" if place.startswith("change") else place
    measured = differences(ours, theirs)
    assert measured.pop(part) > 4e-3
    assert set(measured.values()) == {0.0}


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_what_is_not_finite_is_named(broken):
    ours = {"logits": np.ones(3), "loss": np.array(2.0), "change/head/kernel": np.ones(3)}
    with pytest.raises(AssertionError, match="not finite: change/head/kernel"):
        differences(ours, ours | {"change/head/kernel": np.full(3, broken)})
