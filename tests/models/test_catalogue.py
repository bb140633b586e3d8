import pytest

from ecgrepro.errors import SettingsError
from ecgrepro.models.catalogue import build, catalogue, flops


@pytest.fixture(scope="module")
def rows():
    return catalogue()


def test_the_published_counts_are_listed(rows):
    assert [(row["name"], row["outputs"], row["parameters"]) for row in rows] == [
        ("resnet18 extractor", 0, 4_492_480),
        ("resnet18", 4, 4_494_532),
        ("resnet18", 5, 4_495_045),
    ]


def test_operations_grow_with_the_frame(rows):
    assert rows[1]["flops"] - rows[0]["flops"] == 2 * 512 * 4
    # the convolutions are per sample; the heads are not
    assert rows[0]["flops"] == 8 * (rows[2]["flops"] - 2 * 512 * 5)


def test_operations_are_those_counted_by_hand():
    # width 1/64: one filter per 64; a stage is its convolutions (kernel x in x out) times the samples of its output
    samples, expected = 64, 0
    expected += 7 * 1 * 1 * samples // 2
    for kernel, inside, outside, length in ((7, 1, 1, 16), (5, 1, 2, 8), (5, 2, 4, 4), (3, 4, 8, 2)):
        shortcut = inside * outside if inside != outside else 0
        expected += length * (kernel * inside * outside + 3 * kernel * outside**2 + shortcut)
    expected += 8 * 3
    assert flops(build("resnet18", 64, 3, width=1 / 64)) == 2 * expected


def test_an_unknown_model_is_refused_by_name():
    with pytest.raises(SettingsError, match="model: expected one of resnet18; got 'resnet50'"):
        build("resnet50", 256, 4)
