import pytest

from ecgrepro.models.catalogue import matched_width
from ecgrepro.studies import nets_compared, resnet1d, spectrogram2d
from ecgrepro.studies.nets_compared import cost_table, nets_table, operations
from ecgrepro.studies.scale import configure
from tests.studies import fabricated

ONE, TWO, MATCHED = nets_compared.PUBLISHED
ARMS = {
    resnet1d: ["random", "beat_2048"],
    spectrogram2d: ["random_2d", "beat_2d", "random_2d_matched", "beat_2d_matched"],
}
#: Of runs whose 2-D nets take three times as long.
RECORD = {"hardware": {"processor": "a processor"}}


@pytest.fixture(scope="module")
def published():
    return nets_table(nets_compared.PUBLISHED, "paper").set_index("difference")


@pytest.fixture(scope="module")
def found():
    made = []
    for study, arms in ARMS.items():
        slower = 1 if study is resnet1d else 3
        pilot = configure(study.SCALES, "pilot", arms=arms, seeds=2, labels=1.0)
        listed = study.trials(pilot, fabricated.WORKSPACE)
        made += fabricated.results(
            listed, lambda trial: 0.7, **RECORD, seconds=12.0 * slower, frames_per_second=60 / slower
        )
    return made


def test_the_published_nets_differ_in_six_things(published):
    assert len(published) == 6
    assert (published[ONE] != published[TWO]).all()


def test_matched_nets_differ_in_what_they_are_shown_and_nearly_not_in_size(published):
    differing = published.index[published[ONE] != published[MATCHED]]
    assert list(differing) == ["what the net is shown", "parameters"]
    one, two = (int(published.loc["parameters", net].replace(",", "")) for net in (ONE, MATCHED))
    assert two == pytest.approx(one, rel=0.03)


def test_the_table_has_the_printed_numbers_of_the_report(published):
    assert published.loc["parameters", ONE] == "4,494,532"
    # 11,187,205 with five outputs; an output is 512 weights and a bias
    assert published.loc["parameters", TWO] == f"{11_187_205 - 513:,}"
    assert published.loc["what the net is shown", ONE] == "signal, 16,384 samples"
    assert published.loc["what the net is shown", TWO] == "spectrogram, 128 frequencies × 512 frames"
    assert published.loc["people in pre-training", TWO] == "9,681"
    assert published.loc["batch normalisation"].tolist() == [
        "momentum 0.9, ε 1e-05", "momentum 0.99, ε 0.001", "momentum 0.9, ε 1e-05"
    ]  # fmt: skip
    assert published.loc["convolutions"].tolist() == [
        f"{bias}, start with variance {scale} / inputs"
        for bias, scale in (("no bias", 1), ("bias", 2), ("no bias", 1))
    ]
    assert published.loc["scale of the input in mV"].tolist() == [
        f"{first}, then (x − 0.0075) / 0.2373"
        for first in ("(x − 0.0018) / 1.3711", "x as it is", "(x − 0.0018) / 1.3711")
    ]


def test_a_mean_below_zero_is_subtracted_as_such():
    pilot = nets_table(nets_compared.PILOT, "pilot").set_index("difference")
    assert pilot.loc["scale of the input in mV", ONE].startswith("(x + 0.1557)")
    assert len(set(pilot.loc["people in pre-training"])) == 1


def test_costs_are_ratios_to_the_1d_net_of_the_stage(found):
    table = cost_table(found)
    assert table.stage.tolist() == ["pre-training"] * 3 + ["fine-tuning"] * 3
    assert table["times the 1-D net"].tolist() == [1, 3, 3] * 2
    assert table["runs"].tolist() == [2] * 6
    assert table["seconds per epoch"].tolist() == [12, 36, 36, 4, 12, 12]
    assert table["times its GFLOP"].iloc[[0, 3]].tolist() == [1, 1]
    tuned = table.set_index("arm").iloc[3:]
    (transform,) = {spectrogram2d.SHOWN}
    work = operations("resnet18_2d", 0.125, transform, 4096), operations("resnet18", 0.125, None, 4096)
    assert tuned["times its GFLOP"].iloc[1] == pytest.approx(work[0] / work[1])
    assert tuned["GFLOP per frame"].iloc[0] == pytest.approx(work[1] / 1e9)


def test_a_smaller_net_takes_fewer_operations():
    full = operations("resnet18_2d_matched", 0.125, spectrogram2d.SHOWN, 1024)
    assert operations("resnet18_2d_matched", matched_width(0.125), spectrogram2d.SHOWN, 1024) < full


def test_without_the_1d_net_there_are_no_ratios(found):
    alone = [result for result in found if result["trial"]["study"] == "spectrogram2d"]
    table = cost_table(alone)
    assert len(table) == 4
    assert table[["times the 1-D net", "times its GFLOP"]].isna().all(axis=None)
    assert cost_table([]).empty
