import json
import subprocess
import sys

import keras
import pytest

from ecgrepro.claims import ledger
from ecgrepro.errors import SettingsError
from ecgrepro.models.catalogue import MODELS, build, catalogue, matched_width

NAMES = (
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet18_preactivation",
    "resnet18_masked",
    "resnet18_2d",
    "resnet18_2d_matched",
    "alexnet",
    "xresnet1d50",
    "xresnet1d101",
    "inception1d",
    "resnet1d101",
    "inception_csc2541",
)
#: Huerta et al. 2022, table 1.
ALEXNET = [34_944, 307_456, 885_120, 663_936, 442_624, 37_752_832, 16_781_312, 4_097_000]


@pytest.fixture(scope="module")
def rows():
    return catalogue()


def of(rows, name, layers=False):
    return [row for row in rows if row["name"] == name and bool(row["layer"]) == layers]


def test_the_models_are_the_documents_and_their_controls():
    assert tuple(MODELS) == NAMES


def test_every_published_count_is_the_counted_one(rows):
    published = [row for row in rows if row["published"]]
    assert len(published) == 3 + 1 + 1 + 8
    for row in published:
        assert row["parameters"] == row["published"], row
        assert row["where"]


def test_the_published_counts_of_the_resnets_are_listed(rows):
    assert [(row["outputs"], row["published"]) for row in of(rows, "resnet18")] == [
        (0, 4_492_480), (4, 4_494_532), (5, 4_495_045)]  # fmt: skip
    assert [(row["outputs"], row["published"]) for row in of(rows, "resnet18_2d")] == [
        (5, 11_187_205),
        (4, None),
    ]


def test_the_ledger_judges_the_same_numbers(rows):
    claims = {claim.id: claim for claim in ledger.load()}
    assert set(claims["T1F-params"].published.values()) <= {row["published"] for row in rows}


def test_controls_are_listed_without_published_counts_for_the_recordings_of_the_task(rows):
    masked, published = of(rows, "resnet18_masked"), of(rows, "resnet18")[1]
    assert [row["published"] for row in masked] == [None]
    for part in ("outputs", "input", "parameters", "flops"):
        assert masked[0][part] == published[part]
    assert of(rows, "resnet18_preactivation")[0]["flops"] == published["flops"]
    image, report = of(rows, "resnet18_2d_matched"), of(rows, "resnet18_2d")[1]
    assert [row["published"] for row in image] == [None]
    assert (image[0]["input"], image[0]["flops"]) == (report["input"], report["flops"])


def test_alexnet_is_listed_layer_by_layer(rows):
    assert [row["published"] for row in of(rows, "alexnet")] == [60_965_224]
    layers = of(rows, "alexnet", layers=True)
    assert [row["published"] for row in layers] == ALEXNET
    assert sum(row["parameters"] for row in layers) == 60_965_224
    assert sum(row["flops"] for row in layers) == of(rows, "alexnet")[0]["flops"]


def test_every_model_is_listed_and_fit_for_json(rows):
    assert {row["name"] for row in rows} == set(NAMES)
    keys = {"name", "layer", "outputs", "input", "parameters", "published", "where", "flops"}
    assert all(row.keys() == keys and row["flops"] > 0 and row["parameters"] > 0 for row in rows)
    assert json.loads(json.dumps(rows)) == rows


def test_operations_grow_with_the_frame(rows):
    extractor, four, five = of(rows, "resnet18")
    assert four["flops"] - extractor["flops"] == 2 * 512 * 4
    # the convolutions are per sample; the heads are not
    assert extractor["flops"] == 8 * (five["flops"] - 2 * 512 * 5)


def test_a_signal_is_a_length_or_a_shape():
    assert build("resnet18", 256, 4, width=1 / 64).input_shape == (None, 256, 1)
    assert build("resnet18", None, 4, width=1 / 64).input_shape == (None, None, 1)
    assert build("resnet18", (256, 3), 4, width=1 / 64).input_shape == (None, 256, 3)
    assert build("resnet18", 256, 4, width=1 / 64, n_leads=2).input_shape == (None, 256, 2)


def test_settings_follow_from_the_name():
    assert [build(name, 256, 4, width=1 / 64).name for name in NAMES[:5]] == list(NAMES[:5])
    images = [name for name in NAMES if name.startswith("resnet18_2d")]
    assert [build(name, (64, 64, 1), 4, width=1 / 64).name for name in images] == images


def counted(dimensions, stem, kernels, filters):
    """Parameters of an extractor of ResNet-18 without biases, by its layer table; `filters` are the stem's."""
    convolution = lambda kernel, inside, outside: kernel**dimensions * inside * outside + 4 * outside  # noqa: E731
    total, inside = convolution(stem, 1, filters), filters
    for stage, kernel in enumerate(kernels):
        outside = filters * 2**stage
        total += convolution(kernel, inside, outside) + 3 * convolution(kernel, outside, outside)
        total += convolution(1, inside, outside) if stage else 0
        inside = outside
    return total


@pytest.mark.parametrize("width", [1.0, 0.125, 1 / 64])
def test_the_matched_width_has_the_nearest_number_of_parameters(width):
    goal = counted(1, 7, (7, 5, 5, 3), int(64 * width))
    distance = {filters: abs(counted(2, 7, (3, 3, 3, 3), filters) - goal) for filters in range(1, 65)}
    assert matched_width(width) * 64 == min(distance, key=distance.get)


def test_the_published_2d_net_is_more_than_twice_as_large_and_the_matched_one_within_a_few_per_cent():
    one = build("resnet18", None, 0).count_params()
    assert build("resnet18_2d_matched", (64, 64, 1), 0).count_params() > 2 * one
    matched = build("resnet18_2d_matched", (64, 64, 1), 0, width=matched_width(1.0)).count_params()
    assert matched == pytest.approx(one, rel=0.05)


def test_a_width_without_whole_filters_cannot_be_matched():
    with pytest.raises(SettingsError, match="width: expected 64"):
        matched_width(0.3)


def test_an_image_net_takes_a_signal_through_a_transform():
    def image():
        return keras.layers.Reshape((64, 64, 1))

    assert build("resnet18_2d", (64, 64, 1), 4, width=1 / 64).input_shape == (None, 64, 64, 1)
    assert build("resnet18_2d", 4096, 4, width=1 / 64, transform=image()).input_shape == (None, 4096, 1)
    assert build("resnet18_2d", (2048, 2), 4, width=1 / 64, transform=image()).input_shape == (None, 2048, 2)


@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [("resnet18_2d", 4096, "(height, width, channels)"), ("resnet18", (64, 64, 1), "(length, n_leads)")],
)
def test_a_shape_of_the_wrong_kind_is_refused(name, shape, expected):
    with pytest.raises(SettingsError) as caught:
        build(name, shape, 4, width=1 / 64)
    assert f"input of {name}: expected {expected}; got {shape}" in str(caught.value)


def test_an_unknown_model_is_refused_by_name():
    with pytest.raises(SettingsError, match="model: expected one of resnet18, .*; got 'resnet152'"):
        build("resnet152", 256, 4)


def test_names_can_be_looked_up_without_keras():
    code = "import sys; from ecgrepro.models.catalogue import MODELS; sys.exit('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
