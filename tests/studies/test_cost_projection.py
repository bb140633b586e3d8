import json
import math
from dataclasses import replace

import pytest

from ecgrepro.errors import SettingsError
from ecgrepro.studies import (
    cost_projection,
    freezing,
    pretrain_size,
    ptbxl_transfer,
    resnet1d,
    spectrogram2d,
    trial_frames,
)
from ecgrepro.studies.published_runs import (
    MINUTES_PER_1000_PATIENTS,
    PUBLISHED_RUNS,
    TrainedNet,
    Work,
    published_epochs,
)
from ecgrepro.studies.scale import configure
from tests.training.tiny import FINE_TUNING

SMALL = TrainedNet("resnet18", (512, 1), 5)
LARGE = TrainedNet("resnet18", (1024, 1), 5)
PRECISIONS = ("float32", "mixed_bfloat16")


def work(study="resnet1d", scale="paper", net=SMALL, frames=7200, **changes):
    return Work(study, scale, "fine-tuning", net, 2, frames, **changes)


@pytest.fixture
def fake_flops(monkeypatch):
    """Nets whose arithmetic is the length of their input."""
    monkeypatch.setattr(cost_projection, "forward_flops", lambda net: net.shape[0])


def test_a_scale_is_counted_as_its_committed_runs_were(tmp_path):
    scale = configure(resnet1d.SCALES, "pilot", arms=["random", "beat_2048"], labels=[1.0, 0.1])
    pilot = cost_projection.scale_works(resnet1d, scale, {1.0: 30.0, 0.1: 20.0})
    by_what = {one.what: one for one in pilot}
    pretraining = by_what["beat pre-training, frames of 1,024"]
    # 112 patients of MIT-BIH and SVDB, 4,096 frames each: what the run record of one says
    assert (pretraining.trials, pretraining.frames) == (5, 5 * 458_752)
    tuned = by_what["fine-tuning, 100% of labels"]
    assert tuned.trials == 10
    assert tuned.frames == pytest.approx(10 * 6_395 * 30, rel=1e-3)
    assert by_what["fine-tuning, 10% of labels"].frames == pytest.approx(10 * 639.5 * 20, rel=1e-3)
    assert tuned.net == TrainedNet("resnet18", (4096, 1), 4, width=0.125)
    assert "mean of our committed runs" in tuned.assumption


def test_a_net_on_spectrograms_is_counted_by_their_shape():
    listed = cost_projection.scale_works(spectrogram2d, spectrogram2d.SCALES["paper"], {})
    # the class report: 128 frequencies, 128 frames in pre-training and 512 in fine-tuning
    shapes = {one.net.shape for one in listed if one.net.width == 1}
    assert shapes == {(128, 128, 1), (128, 512, 1)}


def test_an_example_of_future_prediction_counts_all_its_frames():
    scale = configure(resnet1d.SCALES, "pilot", arms=["future"], labels=0.1)
    one = next(work for work in cost_projection.scale_works(resnet1d, scale, {}) if "future" in work.what)
    assert one.frames == one.trials * 112 * 512 * 10


def test_a_corpus_that_goes_by_a_name_of_its_own_has_its_data_sets_patients():
    scale = configure(resnet1d.SCALES, "pilot", arms=["rhythm"], labels=0.1)
    one = next(work for work in cost_projection.scale_works(resnet1d, scale, {}) if "rhythm" in work.what)
    # a tenth of MIT-BIH's 47 people, rounded, is held out
    assert one.frames == one.trials * 42 * 10_923


def test_a_sample_of_patients_is_counted_alone():
    scale = configure(pretrain_size.SCALES, "pilot", arms=["patients_6_pass"])
    one = next(w for w in cost_projection.scale_works(pretrain_size, scale, {}) if "pre-training" in w.what)
    assert one.frames == one.trials * 6 * 4096


def test_the_published_pass_over_all_patients_is_that_of_the_paper():
    scale = configure(resnet1d.SCALES, "paper", arms=["beat_2048"])
    paper = cost_projection.scale_works(resnet1d, scale, {})
    first = next(one for one in paper if one.what == "beat pre-training, frames of 2,048")
    assert first.frames / first.trials == 0.95 * 11_000 * 4_096  # 42.8 million


@pytest.mark.parametrize("study", [resnet1d, spectrogram2d, pretrain_size])
def test_colab_fits_three_hours_at_the_class_reports_speed(study):
    """Its 1-D runs were on a V100, its 2-D runs on an L4; time goes with the samples of a frame."""
    speeds = {}
    for work in PUBLISHED_RUNS:
        if work.published_hours and work.study in ("pretrain_size", "spectrogram2d"):
            samples = math.prod(work.net.shape)
            speeds[work.net.model, "pre-training" in work.what] = work.frames * samples / work.published_hours
    works = cost_projection.scale_works(study, study.SCALES["colab"], {})
    hours = sum(
        w.frames * math.prod(w.net.shape) / speeds[w.net.model, "pre-training" in w.what] for w in works
    )
    assert 0.5 < hours < 3


def test_demo_counts_the_demos_recordings():
    demo = cost_projection.scale_works(resnet1d, resnet1d.SCALES["demo"], {})
    assert all(one.frames < 50_000 for one in demo)


@pytest.mark.parametrize(
    ("recipe", "committed", "expected"),
    [
        (replace(FINE_TUNING, epochs=200, patience=50), {}, published_epochs("1-D")),
        (replace(FINE_TUNING, epochs=200, patience=20), {}, published_epochs("1-D") - 30),
        (replace(FINE_TUNING, epochs=6, patience=6), {}, 6),
        (replace(FINE_TUNING, epochs=200, patience=50), {1.0: 12.5}, 12.5),
        (replace(FINE_TUNING, epochs=200, patience=50, labels=0.5), {1.0: 12.5}, published_epochs("1-D")),
    ],
)
def test_epochs_are_ours_where_there_are_any_else_as_published(recipe, committed, expected):
    assert trial_frames.epochs(recipe, committed) == expected


def test_committed_epochs_are_averaged_by_share_of_labels(tmp_path):
    for key, stage, labels, epochs in (("a", "fine-tuning", 1.0, 20), ("b", "fine-tuning", 1.0, 30),
                                       ("c", "fine-tuning", 0.1, 5), ("d", "pretraining", None, None)):  # fmt: skip
        folder = tmp_path / "results" / "pilot" / "resnet1d" / key
        folder.mkdir(parents=True)
        (folder / "trial.json").write_text(json.dumps({"stage": stage, "recipe": {"labels": labels}}))
        (folder / "run.json").write_text(json.dumps({"epochs": epochs} if epochs else {}))
    assert cost_projection.committed_epochs(tmp_path, "resnet1d", "pilot") == {1.0: 25, 0.1: 5}
    assert cost_projection.committed_epochs(tmp_path, "resnet1d", "paper") == {}


def test_hours_are_frames_over_speed():
    rows = cost_projection.project(
        [work()], {(SMALL, "float32"): 2.0, (SMALL, "mixed_bfloat16"): 4.0}, PRECISIONS
    )
    assert rows[0]["hours"] == {"float32": 1.0, "mixed_bfloat16": 0.5}
    assert rows[0]["measured"]
    assert json.loads(json.dumps(rows)) == rows


@pytest.mark.usefixtures("fake_flops")
def test_a_net_that_was_not_measured_goes_by_its_arithmetic():
    rows = cost_projection.project([work(net=LARGE)], {(SMALL, "float32"): 2.0}, ("float32",))
    assert rows[0]["hours"] == {"float32": 2.0}
    assert not rows[0]["measured"]


@pytest.mark.usefixtures("fake_flops")
def test_the_net_most_like_it_is_taken():
    narrow = TrainedNet("resnet18", (1000, 1), 5, width=0.125)
    far, other = TrainedNet("resnet18", (4096, 1), 5), TrainedNet("alexnet", (1024, 1), 5)
    speeds = {
        (net, "float32"): rate for net, rate in ((SMALL, 2.0), (narrow, 50.0), (far, 3.0), (other, 9.0))
    }
    assert cost_projection.speed(LARGE, "float32", speeds) == (1.0, False)


@pytest.mark.usefixtures("fake_flops")
def test_without_anything_like_it_nothing_is_projected():
    rows = cost_projection.project([work()], {(TrainedNet("alexnet", (9,), 2), "float32"): 1.0}, ("float32",))
    assert rows[0]["hours"] == {"float32": None}
    (total,) = (row for row in cost_projection.totals(rows, ["resnet1d"]) if row["scale"] == "paper")
    assert total["hours"] == {"float32": None}


def test_every_study_stands_at_every_scale():
    rows = cost_projection.project([work(), work()], {(SMALL, "float32"): 2.0}, ("float32",))
    totals = cost_projection.totals(rows, cost_projection.STUDY_NAMES)
    by_place = {(row["study"], row["scale"]): row for row in totals}
    assert len(by_place) == 7 * 4
    assert by_place["resnet1d", "paper"]["trials"] == 4
    assert by_place["resnet1d", "paper"]["hours"] == {"float32": 2.0}
    assert (by_place["data", "paper"]["trials"], by_place["data", "paper"]["note"]) == (0, "trains nothing")
    assert by_place["ptbxl_transfer", "demo"]["note"] == "not written down yet"


def test_nets_that_differ_in_their_head_alone_are_measured_once():
    listed = [work(net=SMALL), work(net=replace(SMALL, outputs=9, batch_size=3)), work(net=LARGE)]
    assert cost_projection.nets(listed) == [SMALL, LARGE]


def test_quick_measures_one_net_of_each_architecture_and_width():
    narrow = replace(SMALL, width=0.125)
    listed = [work(net=net) for net in (SMALL, narrow, LARGE, TrainedNet("alexnet", (9, 9, 3), 2))]
    assert {(net.model, net.width) for net in cost_projection.nets(listed, quick=True)} == {
        ("resnet18", 1.0), ("resnet18", 0.125), ("alexnet", 1.0)
    }  # fmt: skip
    assert len(cost_projection.nets(listed, quick=True)) == 3


def test_a_nets_arithmetic_is_counted_from_the_net():
    assert cost_projection.forward_flops(LARGE) == pytest.approx(
        2 * cost_projection.forward_flops(SMALL), rel=0.01
    )


def test_studies_are_all_or_those_that_are_named():
    assert cost_projection.check_studies(()) == cost_projection.STUDY_NAMES
    assert cost_projection.check_studies(["freezing", "freezing"]) == ("freezing",)
    with pytest.raises(SettingsError, match=r"studies: expected some of data.*got \['cooking'\]"):
        cost_projection.check_studies(["freezing", "cooking"])


def test_a_study_that_trains_nothing_has_no_work(tmp_path):
    assert cost_projection.works(["data", "calibration"], tmp_path) == []


def test_diagnoses_are_counted_by_split_share_and_epochs():
    scale = configure(
        ptbxl_transfer.SCALES, "paper", arms=["benchmark_all", "fine_tuned"], labels=[0.1], seeds=1
    )
    works = {one.what: one for one in cost_projection.scale_works(ptbxl_transfer, scale, {})}
    assert works["pre-training on diagnoses, 100% of labels"].frames == pytest.approx(
        0.8 * 21_799 * 50, abs=1
    )
    tuned = [one for one in cost_projection.scale_works(ptbxl_transfer, scale, {}) if "10%" in one.what]
    assert sum(one.frames for one in tuned) == pytest.approx(
        0.1 * (0.8 * 21_799 * 50 + 0.9 * 10_344 * 40), abs=2
    )
    assert {one.net.shape for one in tuned} == {(250, 12), (1250, 12)}


def test_the_published_hours_are_those_of_the_class_report():
    hours = sum(one.published_hours or 0 for one in PUBLISHED_RUNS)
    assert hours == pytest.approx(73.4)  # 14 + 21.2 + 24 + 14.2, printed as 73
    assert 4_096_000 / 60 / MINUTES_PER_1000_PATIENTS["1-D ResNet-18", "V100"] == pytest.approx(898, abs=1)


def test_published_rows_name_nets_that_can_be_built():
    assert {one.net.model for one in PUBLISHED_RUNS} == {"resnet18", "resnet18_2d"}
    assert cost_projection.forward_flops(PUBLISHED_RUNS[0].net) > 1e8


def test_signal_quality_is_counted_with_its_test_which_is_larger_than_what_is_learnt_from():
    scale = configure(freezing.SCALES, "paper", arms=["imagenet_0"])
    (one,) = cost_projection.scale_works(freezing, scale, {})
    assert one.net.shape == (227, 227, 3)
    assert one.trials == 10
    assert one.frames == pytest.approx(10 * (20_000 * 10 + (53_302 + 1_291) / 3), abs=1)
