"""The study's arms are what the project's programs do, what the benchmark does, or say in what they differ."""

import pytest

from ecgrepro.errors import SettingsError
from ecgrepro.frames.diagnosis_windows import window_starts
from ecgrepro.studies import ptbxl_transfer as study
from ecgrepro.studies.scale import configure
from tests.studies.fabricated import WORKSPACE

PAPER = study.SCALES["paper"].arms


def trials(name, **settings):
    """Fine-tuning trials of one arm at paper scale."""
    scale = configure(study.SCALES, "paper", arms=[name], **settings)
    return [trial for trial in study.trials(scale, WORKSPACE) if trial.stage == "fine-tuning"]


def test_georgia_is_dealt_out_twice_and_each_fold_tested_by_one_seed_of_a_repeat():
    found = trials("georgia_random")
    assert [trial.fold for trial in found] == [0, 1, 2, 3, 4] * 2
    assert [trial.recipe.fold_seed for trial in found] == [2017] * 5 + [2018] * 5


def test_arms_of_one_seed_on_georgia_share_fold_and_partition():
    both = [
        [(trial.seed, trial.fold, trial.recipe.fold_seed) for trial in trials(name)]
        for name in ("georgia_random", "georgia_fine_tuned")
    ]
    assert both[0] == both[1]


def test_a_part_of_a_second_repeat_is_refused():
    assert len(trials("georgia_random", seeds=3)) == 3
    with pytest.raises(SettingsError, match="whole repeats of 5 folds"):
        trials("georgia_random", seeds=7)


def test_arms_as_coded_have_five_seeds_and_a_fold_for_all():
    found = trials("independent_xresnet1d101")
    assert {trial.seed for trial in found} == set(study.FIVE)
    assert {trial.fold for trial in found} == {0}
    assert {trial.fold for trial in trials("fine_tuned")} == {9}


@pytest.mark.parametrize("name", ["ptbxl_diagnostic_fourier_abs", "fine_tuned_fourier_real"])
def test_of_a_spectrum_the_middle_window_is_trained_on_and_all_are_tested(name):
    recipe = PAPER[name].fine_tuning
    assert (recipe.input.length, recipe.window, recipe.stride, recipe.crops) == (5000, 1250, 625, "centre")


def test_the_pilots_spectra_are_shown_whole():
    for name in ("fourier_high", "fourier_low"):
        recipe = study.PILOT_ARMS[name].fine_tuning
        assert len(window_starts(recipe.input.length, recipe.window, recipe.stride)) == 1


def test_the_inception_net_sees_whole_recordings_five_times_at_one_rate():
    (trial, *_) = trials("independent_inception")
    recipe = trial.recipe
    assert (recipe.window, recipe.batch_size, recipe.epochs) == (5000, 10, 5)
    assert (recipe.stages, recipe.optimiser.learning_rate) == ((), 1e-4)


def test_frozen_batch_normalisation_trains_all_layers_otherwise():
    arm = study.PILOT_ARMS["beat_frozen_bn"]
    assert (arm.frozen_batch_normalisation, arm.freeze_depth) == ("all", 0)
    assert arm.fine_tuning == study.PILOT_ARMS["beat"].fine_tuning


def test_faults_change_one_thing_each():
    recipe = study.PILOT
    for name, fault in study.FAULTS.items():
        assert fault(recipe) != recipe, name
    assert study.FAULTS["selected_on_test"](recipe).validate_on == "test"
    assert study.FAULTS["selected"](recipe).validate_on == "validation"
