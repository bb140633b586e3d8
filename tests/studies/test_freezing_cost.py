import math
import re

import keras
import numpy as np
import pandas as pd
import pytest

from ecgrepro.errors import SettingsError
from ecgrepro.models.alexnet import CONVOLUTIONS, UNITS, alexnet
from ecgrepro.studies import freezing_cost
from ecgrepro.studies.freezing_cost import (
    INTERVALS,
    Setting,
    cached_shares,
    kept_parts,
    measure_costs,
    read_costs,
    write_costs,
)
from ecgrepro.training.freezing import cost, freeze

WIDTH = 1 / 16
#: Parameters of the learnable layers, the head for two classes (Krizhevsky et al. 2012 as counted for Caffe's net).
PUBLISHED = [34_944, 307_456, 885_120, 663_936, 442_624, 37_752_832, 16_781_312, 8_194]


def layer_parameters(width, pixels, outputs=2):
    """Parameters of AlexNet's learnable layers by arithmetic."""
    channels, found = 3, []
    for filters, kernel, _, groups, _ in CONVOLUTIONS.values():
        units = int(filters * width)
        found.append(kernel * kernel * channels // groups * units + units)
        channels = units
    inputs = channels * pixels
    for units in (int(UNITS * width), int(UNITS * width), outputs):
        found.append(inputs * units + units)
        inputs = units
    return found


@pytest.fixture(scope="module")
def table():
    """A tiny measurement; memory is not measured, which takes a process each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(freezing_cost, "_peak_memory", lambda how, depth, cached, run: 10.5 + depth + cached)
        return measure_costs(
            (0, 5, 7), width=WIDTH, size=(67, 67), batch_size=4, n_batches=2, repeats=2, progress=False
        )


def at(table, depth, cached):
    (row,) = table[(table.depth == depth) & (table.cached == cached)].to_dict("records")
    return row


def test_every_depth_has_a_row_and_a_second_where_features_are_kept(table):
    found = list(zip(table.depth, table.cached, strict=True))
    assert found == [(0, False), (5, False), (7, False), (5, True), (7, True)]


def test_trainable_parameters_are_those_behind_the_frozen_layers(table):
    assert layer_parameters(1, 36) == PUBLISHED
    counts = layer_parameters(WIDTH, 1)
    for row in table.itertuples():
        assert row.trainable_parameters == sum(counts[row.depth :])
        assert row.parameters == sum(counts)
    assert (np.diff(table[~table.cached].trainable_parameters) < 0).all()


def test_the_optimisers_state_is_that_of_trained_weights_alone(table):
    mb = 4 / (1 << 20)
    for row in table.itertuples():  # Adam keeps two numbers for each weight, and two counters
        assert row.state_MB == pytest.approx((row.parameters + 2 * row.trainable_parameters) * mb, abs=4 * mb)


def test_operations_shrink_with_depth_and_with_features(table):
    uncached = table[~table.cached]
    assert uncached.forward_flops.nunique() == 1
    assert (np.diff(uncached.backward_flops) < 0).all()
    for depth in (5, 7):
        assert at(table, depth, True)["forward_flops"] < at(table, depth, False)["forward_flops"]
    dense = [2 * inputs * units for inputs, units in ((16, 256), (256, 256), (256, 2))]
    assert at(table, 7, True)["forward_flops"] == sum(dense)
    assert at(table, 7, True)["backward_flops"] == dense[-1]


def test_features_take_what_pool5_gives(table):
    for row in table.itertuples():
        assert row.feature_bytes_per_interval == (4 * 16 if row.cached else 0)
        assert (row.feature_milliseconds_per_interval > 0) == row.cached


def test_an_epoch_is_as_many_steps_as_the_published_training_set_takes(table):
    assert (table.milliseconds_per_interval > 0).all()
    assert (table.fastest <= table.milliseconds_per_interval).all()
    assert (table.slowest >= table.milliseconds_per_interval).all()
    np.testing.assert_allclose(table.epoch_seconds, table.milliseconds_per_interval * INTERVALS / 1000)
    once = table.feature_milliseconds_per_interval * INTERVALS / 1000
    np.testing.assert_allclose(table.first_epoch_seconds, table.epoch_seconds + once)
    assert table.scalogram_milliseconds_per_interval.nunique() == 1
    assert table.scalogram_milliseconds_per_interval.iat[0] > 0


def test_the_fastest_uncached_step_with_nothing_frozen_is_what_others_are_compared_with(table):
    first = at(table, 0, False)
    ours, keras_own = first["milliseconds_per_interval"], first["keras_milliseconds_per_interval"]
    assert table.keras_milliseconds_per_interval.notna().sum() == 1
    assert (first["share_of_unfrozen"] == 1) == (ours <= keras_own)
    assert (table.share_of_unfrozen > 0).all()


def test_ratios_are_taken_repeat_by_repeat():
    times = {(0, False): np.array([1.0, 10.0, 100.0]), ("Keras", 0): np.array([2.0, 20.0, 200.0])}
    assert freezing_cost._reference(times) is times[0, False]
    assert freezing_cost._reference(times | {("Keras", 0): np.array([2.0, 9.0, 200.0])})[0] == 2
    assert np.isnan(freezing_cost._reference({(5, False): np.ones(3)}))


def test_cached_depths_are_held_against_their_targets():
    table = pd.DataFrame({"depth": [0, 4, 5, 7], "cached": [False, True, True, True],
                          "share_of_unfrozen": [1.0, 0.4, 0.25, 0.04]})  # fmt: skip
    found = cached_shares(table)
    assert list(found.depth) == [4, 5, 7]
    assert list(found.times) == [2.5, 4, 25]
    assert list(found.met.astype(object))[1:] == [False, True]
    assert found.met.isna().tolist() == found.target.isna().tolist() == [True, False, False]


def test_features_are_kept_where_a_trial_would_keep_them(monkeypatch):
    """Behind conv1 alone too little is saved; from six layers on dropout keeps the cut where it is for five."""
    zeros = {"kernel_initializer": "zeros", "bias_initializer": "zeros"}  # random weights take their time
    monkeypatch.setattr("ecgrepro.models.alexnet._start", lambda deviation, bias: zeros)
    net, found = alexnet((227, 227, 3), 2), {}
    for depth in range(8):
        freeze(net, depth)
        assert cost(net)["trainable_parameters"] == sum(PUBLISHED[depth:])
        parts = kept_parts(net)
        found[depth] = parts and parts[1].input_shape[1:]
    flat = (9216,)
    assert found == {
        0: None,
        1: None,
        2: (13, 13, 256),
        3: (13, 13, 384),
        4: (13, 13, 384),
        5: flat,
        6: flat,
        7: flat,
    }


def test_a_depth_without_reference_has_no_share(monkeypatch, tmp_path):
    monkeypatch.setattr(freezing_cost, "_peak_memory", lambda *_: 1.0)
    made = measure_costs([7], width=WIDTH, size=(67, 67), batch_size=2, n_batches=1, repeats=1, folder=tmp_path,
                         progress=False)  # fmt: skip
    assert made.share_of_unfrozen.isna().all()
    assert (made[made.cached].feature_milliseconds_per_interval > 0).all()
    assert list(tmp_path.iterdir()) == []


def test_files_appear_whole_and_read_as_they_were(table, tmp_path):
    folder = tmp_path / "new" / "cost"
    assert read_costs(folder) is None
    write_costs(folder, table)
    assert sorted(path.name for path in folder.iterdir()) == ["cost.csv", "machine.json"]
    found = read_costs(folder)
    pd.testing.assert_frame_equal(found, table, rtol=1e-5)
    assert found.attrs["setting"] == {
        "width": WIDTH,
        "size": [67, 67],
        "batch_size": 4,
        "n_batches": 2,
        "repeats": 2,
    }
    assert {"processor", "cores"} <= set(found.attrs["hardware"])
    assert found.attrs["versions"]["keras"] == keras.__version__


@pytest.mark.parametrize("name", ["batch_size", "n_batches", "repeats"])
def test_a_count_below_one_is_refused(name):
    with pytest.raises(SettingsError, match=f"{name}: expected at least 1; got 0"):
        measure_costs((0,), width=WIDTH, size=(67, 67), **{name: 0})


def test_a_depth_that_would_freeze_the_head_is_refused():
    with pytest.raises(SettingsError, match="freeze_depth"):
        measure_costs((8,), width=WIDTH, size=(67, 67))


def test_batches_of_a_run_take_turns_with_few_pictures():
    how = Setting(WIDTH, (67, 67), 2, 5, 1)
    assert how.n_different == 8
    assert [list(rows) for rows in how.batches()] == [[0, 1], [2, 3], [4, 5], [6, 7], [0, 1]]


def test_memory_is_measured_in_a_process_of_its_own():
    how = Setting(WIDTH, (131, 131), 16, 2, 1)
    found = freezing_cost._peak_memory(how, 0, False, None)
    pictures = 4 * math.prod((16, 31, 31, 6)) / (1 << 20)  # conv1's output alone
    assert pictures < found < 2000


def test_the_documented_columns_are_those_there_are(table):
    named = set(re.findall(r"``(\w+)``", measure_costs.__doc__)) | {"depth"}
    assert set(table.columns) <= named
