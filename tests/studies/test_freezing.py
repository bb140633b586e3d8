"""The trials of `freezing`: arms that differ in what they are named after, and in nothing else."""

import json
from types import SimpleNamespace

import pytest

from ecgrepro.claims import ledger
from ecgrepro.errors import SettingsError
from ecgrepro.frames.transforms import make_transform
from ecgrepro.models.catalogue import build
from ecgrepro.studies import designs
from ecgrepro.studies import freezing as study
from ecgrepro.studies.freezing import DEPTHS, SCALES, STAGES
from ecgrepro.studies.scale import configure
from ecgrepro.training.freezing import learnable_layers, resolve
from tests.studies import fabricated
from tests.studies.descriptions import differing, flat

TRIALS = {name: study.trials(scale, fabricated.WORKSPACE) for name, scale in SCALES.items()}


def described(arm, scale="pilot"):
    """The first trial of an arm by dotted names."""
    chosen = [t for t in TRIALS[scale] if (t.arm, t.stage, t.seed) == (arm, "fine-tuning", 0)]
    return dict(flat(chosen[0].to_dict()))


def between(first, second):
    """Names of what the pilot's trials of two arms do not share."""
    return differing(described(first), described(second))


@pytest.mark.parametrize("name", SCALES)
def test_trials_are_all_different_and_can_be_run(name):
    assert len({trial.key for trial in TRIALS[name]}) == len(TRIALS[name])
    for trial in TRIALS[name]:
        trial.check()


@pytest.mark.parametrize("name", SCALES)
def test_a_pretraining_is_of_the_net_that_starts_from_it(name):
    for own, arm in SCALES[name].arms.items():
        if arm.source:
            source = SCALES[name].pretrainings[arm.source]
            assert (source.model, source.width) == (arm.model, arm.width)
            assert own.startswith("grid_") or source.transform == arm.transform


@pytest.mark.parametrize("start", ["random", "beat"])
def test_depths_differ_in_the_layers_frozen_alone(start):
    for depth in DEPTHS[1:]:
        assert between(f"{start}_0", f"{start}_{depth}") == {"freeze_depth"}
        assert described(f"{start}_{depth}")["freeze_depth"] == depth


def test_starts_differ_in_the_start_alone():
    for depth in DEPTHS:
        assert between(f"random_{depth}", f"beat_{depth}") == set()
        assert described(f"random_{depth}")["initialisation"] != described(f"beat_{depth}")["initialisation"]


@pytest.mark.parametrize(
    ("arm", "names"),
    [
        ("wide_0", {"corpora"}),
        ("band_0", {"recipe.input.interval.band"}),
        ("clean_0", {"recipe.input.high_snr_db"}),
    ],
)
def test_other_training_sets_differ_in_what_they_are_named_after(arm, names):
    assert between("beat_0", arm) == names


def test_choices_that_the_paper_leaves_open_are_turned_in_all_combinations_but_our_own():
    grid = [name for name in SCALES["pilot"].arms if name.startswith("grid_")]
    assert len(grid) == 2 * 2 * 2 - 1
    shown = {"transform.settings"}
    assert between("beat_0", "grid_adam_jet_log") == shown
    assert between("beat_0", "grid_adam_grey_linear") == shown
    beside = between("beat_0", "grid_momentum_jet_linear")
    assert all(name.startswith("recipe.optimiser.") for name in beside)
    assert "recipe.optimiser.momentum" in beside


def test_the_1d_net_is_frozen_at_the_ends_of_its_stages():
    net = build("resnet18", (1250, 1), 2, width=0.0625)
    names = [layer.name for layer in learnable_layers(net)]
    assert len(names) == 18
    for depth in STAGES[2:]:
        assert resolve(net, depth) == depth
        before, after = names[depth - 1].split("_")[0], names[depth].split("_")[0]
        assert before != after, "a stage goes on over this depth"


@pytest.mark.parametrize("scale", ["colab", "paper"])
def test_the_papers_protocol_is_kept_but_for_its_recordings(scale):
    trial = described("imagenet_7", scale)
    assert trial["recipe.batch_size"] == 32
    assert trial["recipe.epochs"] == 10
    assert trial["recipe.select"] == "last"
    assert trial["recipe.input.per_class"] == 10_000
    assert trial["recipe.input.interval.fs"] == 250.0
    assert trial["width"] == 1.0
    transform = SCALES[scale].arms["imagenet_7"].transform
    layer = make_transform(transform.kind, **dict(transform.settings))
    assert layer.compute_output_shape((None, 1250, 1)) == (None, 227, 227, 3)
    assert layer.voices == 48


def test_the_paper_has_ten_repeats_of_eight_depths():
    runs = [t for t in TRIALS["paper"] if t.arm in {f"imagenet_{depth}" for depth in range(8)}]
    assert len(runs) == 80


def test_only_nets_that_start_from_imagenet_speak_for_the_papers():
    named = {arm for claim in ledger.load() if claim.study == study.STUDY
             for arm in claim.comparison.get("arms", [claim.comparison.get("arm")]) if arm}  # fmt: skip
    assert named == {f"frozen_{depth}" for depth in DEPTHS}
    for arm in named:
        places = designs.find_arms(study.STUDY, "paper", arm, "huerta_2022")
        assert places == [(study.STUDY, f"imagenet_{arm[-1]}")]
        assert designs.find_arms(study.STUDY, "pilot", arm, "huerta_2022") == []


def test_without_weights_of_imagenet_the_other_arms_are_left():
    place = SimpleNamespace(fingerprints=fabricated.WORKSPACE.fingerprints, published_start=lambda name: None)
    left = {trial.arm for trial in study.trials(SCALES["colab"], place)}
    assert "beat_7" in left
    assert not any(arm.startswith("imagenet") for arm in left)


def test_a_test_fold_is_refused_where_everything_is_tested():
    with pytest.raises(SettingsError, match="rotate_folds"):
        configure(SCALES, "pilot", rotate_folds=True)


def test_no_arm_of_another_name_is_another_one_again():
    for trials in TRIALS.values():
        told = [{key: value for key, value in trial.to_dict().items() if key != "arm"} for trial in trials]
        assert len({json.dumps(one, sort_keys=True) for one in told}) == len(told)


@pytest.mark.parametrize("name", ["pilot", "colab", "paper"])
def test_corpora_have_the_segments_that_are_asked_for(name):
    """Of half an hour each (MIT-BIH without two, SVDB) or ten seconds (PTB-XL), if one in twenty is faulty."""
    segments = {"mitbih_arrhythmia": 46 * 361, "svdb": 78 * 360, "ptbxl": 21_799 * 2}
    for trial in TRIALS[name]:
        how = trial.recipe
        if trial.stage == "fine-tuning" and hasattr(how.input, "low_snr_db"):
            found = 0.95 * sum(segments[corpus] for corpus, _ in trial.corpora[:-2])
            assert 2 * how.input.per_class <= (1 - how.input.held_out) * found, trial
            assert 2 * how.input.validation_per_class <= how.input.held_out * found, trial
