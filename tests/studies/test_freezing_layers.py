"""AlexNet's counts on the page: the paper's eight are met, and another net of that name is told apart."""

import pytest

from ecgrepro.studies import freezing_layers


@pytest.fixture(scope="module")
def table():
    return freezing_layers.layer_table().set_index("layer")


def test_all_eight_published_counts_and_their_total_are_those_of_the_net(table):
    assert len(table) == 9
    assert (table.published == table.counted).all()
    assert table.counted["total"] == table.counted.drop("total").sum() == 60_965_224


def test_two_outputs_change_the_head_alone(table):
    differs = table.counted != table["two outputs"]
    assert differs[differs].index.tolist() == ["head", "total"]
    assert table["two outputs"]["head"] == 2 * (4096 + 1)


def test_the_other_alexnet_has_its_published_61_million(table):
    assert table.torchvision["total"] == 61_100_840
    assert (table.torchvision != table.published).drop(["fc6", "fc7", "head"]).all()


def test_freezing_leaves_fewer_parameters_and_operations_depth_by_depth():
    table = freezing_layers.depth_costs()
    assert table.depth.tolist() == list(range(8))
    for name in ("trainable parameters", "backward"):
        assert table[name].is_monotonic_decreasing
    assert table.forward.nunique() == 1
    assert table["trainable parameters"].iloc[-1] == 2 * 4097
    assert table["of a whole step"].iloc[0] == 1
