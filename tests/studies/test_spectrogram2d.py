"""The trials of `spectrogram2d`: arms that differ in what they are said to differ in, and in nothing else."""

from itertools import pairwise

import pytest

from ecgrepro.frames.transforms import make_transform
from ecgrepro.models.catalogue import build, matched_width
from ecgrepro.studies import resnet1d
from ecgrepro.studies import spectrogram2d as study
from ecgrepro.studies.scale import configure
from ecgrepro.studies.spectrogram2d import MATCHED, SCALES, WINDOWS, stft
from tests.studies import fabricated
from tests.studies.descriptions import differing, flat

TRIALS = {name: study.trials(scale, fabricated.WORKSPACE) for name, scale in SCALES.items()}
#: Arms of `resnet1d` with the same start, at each scale.
BESIDE = {"demo": ("random", "beat_2048"), "pilot": ("random", "beat_2048"), "colab": ("random", "beat_2048"),
          "paper": ("report_random", "report_beat_100")}  # fmt: skip


def described(arm, stage, scale="pilot", trials=TRIALS):
    """One trial of an arm by dotted names; of the pilot's fine-tunings that with a tenth of the labels."""
    chosen = [t for t in trials[scale] if (t.arm, t.stage, t.seed) == (arm, stage, 0)]
    if stage == "fine-tuning" and scale == "pilot":
        chosen = [trial for trial in chosen if trial.recipe.labels == 0.1]
    return dict(flat(chosen[0].to_dict()))


@pytest.mark.parametrize("name", SCALES)
def test_trials_are_all_different_and_can_be_run(name):
    assert len({trial.key for trial in TRIALS[name]}) == len(TRIALS[name])
    for trial in TRIALS[name]:
        trial.check()


@pytest.mark.parametrize("name", SCALES)
def test_every_pretraining_has_an_arm_that_starts_from_it(name):
    assert {arm.source for arm in SCALES[name].arms.values()} - {None} == set(SCALES[name].pretrainings)
    for arm in SCALES[name].arms.values():
        if arm.source:
            source = SCALES[name].pretrainings[arm.source]
            assert (source.model, source.width, source.transform) == (arm.model, arm.width, arm.transform)


def test_one_difference_is_taken_away_at_a_time_before_pretraining():
    steps = {("beat_2d", "beat_2d_scaled"): {"recipe.mean", "recipe.deviation"},
             ("beat_2d_scaled", "beat_2d_constants"): {"model"}, ("beat_2d_constants", "beat_2d_matched"): {"width"},
             ("beat_2d_matched", "beat_2d_log"): {"transform.settings"}}  # fmt: skip
    for (first, second), expected in steps.items():
        assert differing(*(described(arm, "pretraining") for arm in (first, second))) == expected


def test_one_difference_is_taken_away_at_a_time_in_fine_tuning():
    steps = {("beat_2d", "beat_2d_scaled"): set(), ("beat_2d_scaled", "beat_2d_constants"): {"model"},
             ("beat_2d_constants", "beat_2d_matched"): {"width"},
             ("beat_2d_matched", "beat_2d_log"): {"transform.settings"},
             ("random_2d", "random_2d_constants"): {"model"}, ("random_2d_constants", "random_2d_matched"): {"width"},
             ("random_2d_matched", "random_2d_log"): {"transform.settings"},
             ("random_2d", "beat_2d"): set(), ("random_2d_matched", "beat_2d_matched"): set()}  # fmt: skip
    steps |= {
        ("random_2d_matched", f"random_2d_window_{w}"): {"transform.settings"} for w in WINDOWS if w != 256
    }
    for (first, second), expected in steps.items():
        assert differing(*(described(arm, "fine-tuning") for arm in (first, second))) == expected


def test_scaled_pretraining_has_the_constants_of_the_1d_net():
    one = resnet1d.SCALES["pilot"].pretrainings["beat_2048"].recipe
    assert SCALES["pilot"].pretrainings["beat_2d_scaled"].recipe == one
    raw = SCALES["pilot"].pretrainings["beat_2d"].recipe
    assert (raw.mean, raw.deviation) == (0, 1)


@pytest.mark.parametrize("name", SCALES)
def test_matched_arms_and_the_1d_arms_differ_in_the_net_and_what_it_is_shown(name):
    trials = {name: resnet1d.trials(resnet1d.SCALES[name], fabricated.WORKSPACE)}
    start = "2d" if name == "demo" else "2d_matched"
    net = {"model", "width", "transform.kind", "transform.settings"}
    for own, other in zip((f"random_{start}", f"beat_{start}"), BESIDE[name], strict=True):
        ours, theirs = described(own, "fine-tuning", name), described(other, "fine-tuning", name, trials)
        assert differing(ours, theirs) == net - ({"width"} if name == "demo" else set())
        assert ours["fold"] == theirs["fold"]


@pytest.mark.parametrize("name", SCALES)
def test_pretraining_frames_last_as_long_as_those_of_the_1d_net(name):
    design = resnet1d.SCALES[name]
    one = design.pretrainings[design.arms[BESIDE[name][1]].source].recipe
    for source in SCALES[name].pretrainings.values():
        assert (source.recipe.fs, source.recipe.length, source.recipe.task) == (one.fs, one.length, one.task)
        if source.recipe.mean:
            assert (source.recipe.mean, source.recipe.deviation) == (one.mean, one.deviation)


@pytest.mark.parametrize("name", SCALES)
def test_windows_and_hops_last_as_long_at_every_rate(name):
    for arm_name, arm in SCALES[name].arms.items():
        fs = (arm.fine_tuning or SCALES[name].fine_tuning).input.fs
        layer = make_transform(arm.transform.kind, **dict(arm.transform.settings))
        window = int(arm_name.rpartition("_")[2]) if "window" in arm_name else 256
        assert layer.window / fs == window / 250
        assert layer.hop / fs == pytest.approx(0.128)
        assert layer.bins == layer.window // 2
        assert layer.magnitude == ("log" if arm_name.endswith("log") else "linear")


def test_a_transform_is_described_by_what_departs_from_the_layers_defaults():
    assert stft(250).settings == ()
    assert dict(stft(125).settings) == {"hop": 16, "window": 128}
    assert dict(stft(125, 512).settings) == {"hop": 16}
    settings = stft(125, magnitude="log").settings
    assert settings == tuple(sorted(settings))


@pytest.mark.parametrize("width", MATCHED)
def test_matched_widths_are_those_of_the_nets_as_built(width):
    assert MATCHED[width] == matched_width(width)
    one = build("resnet18", None, 0, width=width).count_params()
    two = build("resnet18_2d_matched", (64, 64, 1), 0, width=MATCHED[width]).count_params()
    # nearer than half a filter of the first stage, on the square of which the parameters depend
    assert abs(two - one) / one < 1 / (64 * MATCHED[width])


def test_matched_arms_follow_another_width():
    scale = configure(SCALES, "pilot", width=0.0625)
    for trial in study.trials(scale, fabricated.WORKSPACE):
        controls = any(word in trial.arm for word in ("matched", "log", "window"))
        assert trial.width == (matched_width(0.0625) if controls else 0.0625), trial.arm


def test_matched_arms_have_the_width_for_the_1d_net_of_their_scale():
    for name, scale in SCALES.items():
        for arm_name, arm in scale.arms.items():
            controls = ("matched", "log", "window")
            expected = MATCHED[scale.width] if any(word in arm_name for word in controls) else None
            assert arm.width == expected, (name, arm_name)


def test_the_report_s_sizes_are_checkpoints_of_its_two_runs():
    paper, patients = SCALES["paper"], []
    for name in ("beat_2d_1pct", "beat_2d_10pct", "beat_2d_20pct", "beat_2d_88pct"):
        arm = paper.arms[name]
        source = paper.pretrainings[arm.source].recipe
        assert arm.share in source.checkpoints
        patients.append(arm.share * source.patients / 11_000)
    assert patients == pytest.approx([0.01, 0.093, 0.186, 0.88], abs=5e-4)
    assert all(first < second for first, second in pairwise(patients))
    shares = {name: arm.published_share for name, arm in paper.arms.items() if arm.source}
    assert list(shares.values()) == [0.01, 0.1, 0.2, 0.88, None]


def test_the_report_s_own_weights_start_nets_of_its_kind():
    paper = SCALES["paper"]
    given = [arm for arm in paper.arms.values() if arm.published]
    assert {arm.published: arm.published_share for arm in given} == {"resnet2d_20": 0.2, "resnet2d_88": 0.88}
    for arm in given:
        same = paper.arms[f"beat_2d_{arm.published_share:.0%}".replace("%", "pct")]
        assert (arm.model, arm.transform, arm.fine_tuning) == (same.model, same.transform, same.fine_tuning)


def test_the_report_s_arms_have_its_protocol():
    paper = SCALES["paper"]
    for name in ("random_2d", "beat_2d_88pct"):
        arm = paper.arms[name]
        assert (arm.budget, arm.corpus, arm.model) == ("class_report_2024", "cinc2017_v2", "resnet18_2d")
        assert (arm.fine_tuning.batch_size, arm.fine_tuning.input.resampling) == (128, "fft")
    recipe = paper.pretrainings["report_2d_88pct"].recipe
    assert (recipe.batch_size, recipe.length, recipe.mean, recipe.deviation) == (512, 4096, 0, 1)
