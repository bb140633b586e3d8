"""Study `ptbxl_transfer`: does pre-training on PTB-XL help to find 18 diagnoses in Georgia's recordings?

    ecgrepro run ptbxl_transfer --scale demo     # a minute, synthetic recordings, decides nothing
    ecgrepro run ptbxl_transfer --scale pilot    # two hours on two cores: super-classes of a part of PTB-XL
    ecgrepro run ptbxl_transfer --scale colab    # the benchmark's super-classes and the project's two arms, once each
    ecgrepro run ptbxl_transfer --scale paper    # the benchmark, the project as coded, and as it should be

Sources: Strodthoff et al. 2021 with its code (helme/ecg_ptbxl_benchmarking); the CSC2541 project with its slides and
code (xeon27/ecg-transfer-learning 0e7bb14).

``benchmark_*`` are the benchmark's: PTB-XL at 100 Hz, official folds. ``independent_*``, ``fine_tuned*`` and
``ptbxl_*`` are the project's as coded, with its loaders: what was trained on Georgia alone read scrambled, unscaled
recordings and was tested on the first of ten folds, what was fine-tuned read them right and was tested on the last
(X-14). Shares of Georgia are shares of the training recordings; the project's were of all, and what it did not train
on was the test. ``georgia_*`` are the same question with one loader, one scaler policy and the same test folds for all:
five stratified folds, each tested by a seed, dealt out twice. ``ptbxl_shared`` tells the labels of Georgia in PTB-XL,
to ask whether a calibrator may be carried from the one to the other.

The pilot asks what a part of PTB-XL can answer: ``beat*`` start from a net that told beats of MIT-BIH and SVDB,
its stem spread from one lead to twelve; and arms named after a fault have it on purpose (`FAULTS`), beside ``random``.
"""

from dataclasses import replace
from functools import partial

from ecgrepro.frames.diagnosis import TASKS
from ecgrepro.frames.diagnosis_input import DiagnosisInput
from ecgrepro.studies import arms
from ecgrepro.studies.arms import Arm, Source
from ecgrepro.studies.scale import Scale
from ecgrepro.training.diagnosis_recipe import DiagnosisTraining
from ecgrepro.training.recipe import Adam, Pretraining, Stage
from ecgrepro.training.unfreezing import CSC2541, CSC2541_AS_TOLD, XRESNET1D_GROUPS

STUDY = "ptbxl_transfer"
#: Seeds of the arms that cost too much on two cores for all five, or that ask for less.
THREE = (0, 1, 2)
#: Seeds of arms in a scale that has more of them for others.
FIVE = (0, 1, 2, 3, 4)

#: The benchmark; the task differs between arms.
BENCHMARK = DiagnosisTraining()
#: The project on Georgia, loaded as it should be: 500 Hz, windows of 2.5 s, always the one in the middle.
PROJECT = DiagnosisTraining(
    input=DiagnosisInput(task="shared", fs=500.0),
    split="nine tenths",
    window=1250,
    stride=625,
    crops="centre",
)
#: Its net trained on Georgia alone: samples and leads mixed, microvolts, nothing scaled.
MIXED = {"loader": "reshaped", "unit": "uV", "scaler": "none"}
#: Its pre-training.
DIAGNOSTIC = replace(
    PROJECT, input=DiagnosisInput(task="diagnostic", fs=500.0), split="project", checkpoints=(1.0,)
)
#: Georgia with five folds that take turns, random crops as the benchmark's.
RIGHT = replace(PROJECT, split="fifths", crops="random")


def _gradual(recipe, stages=CSC2541):
    return replace(recipe, stages=stages, groups=XRESNET1D_GROUPS, epochs=sum(one.epochs for one in stages))


def _shown(recipe, **changes):
    """The recipe with inputs that differ in `changes`."""
    return replace(recipe, input=replace(recipe.input, **changes))


def _probe(recipe):
    """The recipe that trains the last layer alone."""
    return replace(recipe, stages=(Stage(recipe.epochs, -1, 1e-2),))


#: A fault of the project's, or a control, by name: what it does to a recipe.
FAULTS = {
    "reshaped": lambda recipe: _shown(recipe, loader="reshaped"),
    "unscaled": lambda recipe: _shown(recipe, unit="uV", scaler="none"),
    "reshaped_unscaled": lambda recipe: _shown(recipe, **MIXED),
    "permuted": lambda recipe: replace(recipe, permuted_labels=True),
    "fourier_high": lambda recipe: _shown(recipe, spectrum="abs", crop="project"),
    "fourier_low": lambda recipe: _whole(_shown(recipe, spectrum="abs", crop="low band")),
    "selected": lambda recipe: replace(recipe, select="macro_auc"),
    "selected_on_test": lambda recipe: replace(recipe, select="macro_auc", validate_on="test"),
}


def _whole(recipe):
    """The recipe that shows inputs whole: of a spectrum no window is like another."""
    return replace(recipe, window=recipe.input.length, stride=recipe.input.length)


def fault_arms(recipe, **common):
    """Arms with one fault each."""
    return {name: Arm(fine_tuning=made(recipe), **common) for name, made in FAULTS.items()}


def start_arms(source, recipe, prefix, *, plain, adapts=False, few=(), **common):
    """Ways to go on from a source: all of the net, also with frozen batch normalisation, its last layer, gradually.

    Parameters
    ----------
    source : str
    recipe : DiagnosisTraining
        Of the arm that trains all of the net; named `plain`.
    prefix : str
        Of the other arms' names.
    adapts : bool
        Whether the source had another number of leads.
    few : tuple of int
        Seeds of the other arms.
    common : fields of `Arm`
    """
    recipe = replace(recipe, adapt_leads=adapts)
    made = partial(Arm, source, **common)
    gradual = made(fine_tuning=_gradual(recipe), frozen_batch_normalisation="training", seeds=few)
    # gradually: normalisation of layers that are frozen still trains as in the project, or keeps its statistics
    return {
        plain: made(fine_tuning=recipe),
        f"{prefix}_probe": made(fine_tuning=_probe(recipe), seeds=few),
        f"{prefix}_gradual": gradual,
        f"{prefix}_gradual_frozen_bn": replace(gradual, frozen_batch_normalisation="inference"),
        f"{prefix}_frozen_bn": made(fine_tuning=recipe, frozen_batch_normalisation="all", seeds=few),
    }


def benchmark_arms(tasks=TASKS, **common):
    """Arms of the benchmark: two of its nets on its tasks."""
    made = {}
    for task in tasks:
        arm = Arm(model="xresnet1d101", corpus="ptbxl", fine_tuning=_shown(BENCHMARK, task=task),
                  budget="strodthoff_2021", **common)  # fmt: skip
        made |= {f"benchmark_{task}": arm, f"benchmark_{task}_inception1d": replace(arm, model="inception1d")}
    return made


#: Shares of Georgia's training recordings in the project's first experiment, of PTB-XL's in its second.
GEORGIA_SHARES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
PTBXL_SHARES = (1.0, 0.75, 0.5, 0.25)
#: Parts of the Fourier transform in its fifth experiment; the last was not fine-tuned from.
SPECTRA = ("abs", "real", "imag")
_AS_CODED = {"corpus": "georgia", "budget": "csc2541"}


def _at_100(recipe):
    return replace(_shown(recipe, fs=100.0), window=250, stride=125)


def _spectrum(recipe, part):
    """All bins, of which training sees the middle ones and the test seven windows, as the project has it (X-15)."""
    return _shown(recipe, spectrum=part, crop="whole")


#: The Keras program of the project's Inception: whole recordings, one rate. Its 50 epochs are of a tenth of the
#: recordings each; ours are of all, five, and judge the same last weights.
INCEPTION = replace(_whole(PROJECT), stages=(), optimiser=Adam(1e-4), batch_size=10, epochs=5)


def _project_sources():
    def source(recipe, corpora=("ptbxl_500hz",)):
        return Source(recipe, corpora, model="xresnet1d101")

    shares = {
        f"diagnostic_{share:.0%}".rstrip("%"): source(replace(DIAGNOSTIC, labels=share))
        for share in PTBXL_SHARES
    }
    spectra = {f"diagnostic_{part}": source(_spectrum(DIAGNOSTIC, part)) for part in SPECTRA}
    return shares | spectra | {"diagnostic_100hz": source(_at_100(DIAGNOSTIC), ("ptbxl",))}


def _independent(recipe=PROJECT, **fields):
    return Arm(fine_tuning=_shown(recipe, **MIXED), fold=0, **{"model": "xresnet1d101"} | _AS_CODED | fields)


def _fine_tuned(source, recipe=PROJECT, **fields):
    recipe = _gradual(_shown(recipe, scaler="start"))
    return Arm(source, model="xresnet1d101", fine_tuning=recipe, fold=9, frozen_batch_normalisation="training",
               **_AS_CODED | fields)  # fmt: skip


def _project_arms():
    """The project's arms as coded; where its 100 Hz copies belonged to other labels (X-13), so do ours."""
    permuted = replace(_at_100(PROJECT), permuted_labels=True)
    made = {
        "independent_xresnet1d101": _independent(labels=GEORGIA_SHARES),
        "independent_resnet1d101": _independent(model="resnet1d101"),
        "independent_inception": _independent(INCEPTION, model="inception_csc2541"),
        "independent_100hz": _independent(permuted),
        "fine_tuned": _fine_tuned("diagnostic_100", labels=GEORGIA_SHARES, stands_for=("ptbxl_100",)),
        "fine_tuned_as_told": replace(
            _fine_tuned("diagnostic_100"),
            fine_tuning=_gradual(_shown(PROJECT, scaler="start"), CSC2541_AS_TOLD),
            budget="",
        ),
        "fine_tuned_100hz": _fine_tuned("diagnostic_100hz", permuted),
    }
    made |= {f"ptbxl_{share}": _fine_tuned(f"diagnostic_{share}", labels=(0.1,)) for share in (25, 50, 75)}
    for part in ("abs", "real"):
        made[f"fine_tuned_fourier_{part}"] = _fine_tuned(f"diagnostic_{part}", _spectrum(PROJECT, part))
    return made | _judged_sources()


def _judged_sources():
    """The project's pre-trainings, judged themselves."""
    recipe = replace(DIAGNOSTIC, checkpoints=())
    made = partial(Arm, model="xresnet1d101", corpus="ptbxl_500hz", budget="csc2541")
    arms = {
        "ptbxl_diagnostic": made(fine_tuning=recipe, labels=PTBXL_SHARES),
        "ptbxl_diagnostic_100hz": replace(made(fine_tuning=_at_100(recipe)), corpus="ptbxl"),
    }
    return arms | {
        f"ptbxl_diagnostic_fourier_{part}": made(fine_tuning=_spectrum(recipe, part)) for part in SPECTRA
    }


def _georgia_arms(**common):
    """The project's question with one loader, one scaler policy and the same test folds for all arms."""
    common = {"model": "xresnet1d101", "corpus": "georgia", "repeated_folds": True} | common
    started = start_arms("diagnostic_100", RIGHT, "georgia", plain="georgia_fine_tuned", **common)
    return {"georgia_random": Arm(fine_tuning=RIGHT, **common)} | started


#: Labels of Georgia told in PTB-XL.
PTBXL_SHARED = Arm(
    model="xresnet1d101",
    corpus="ptbxl_500hz",
    fine_tuning=replace(RIGHT, split="official"),
)


def _five_seeds(arms):
    return {name: replace(arm, seeds=FIVE) for name, arm in arms.items()}


#: The pilot's net is half as deep; its batches are a quarter, for a part of PTB-XL has few recordings.
PILOT = replace(BENCHMARK, batch_size=32)
#: Beats of 2.5 s, as long as what the benchmark shows a net.
PILOT_BEATS = Pretraining(
    fs=100.0, length=250, batch_size=128, shuffle_patients=128, held_out=0.1, mean=-0.1557, deviation=0.466
)
_SMALL = {"model": "xresnet1d50", "corpus": "ptbxl"}
PILOT_ARMS = (
    {"random": Arm(fine_tuning=PILOT, **_SMALL)}
    | start_arms("beat", PILOT, "beat", plain="beat", adapts=True, few=THREE, **_SMALL)
    | fault_arms(PILOT, **_SMALL)
    | {
        "centre_crop": Arm(fine_tuning=replace(PILOT, crops="centre"), seeds=THREE, **_SMALL),
        "mean_of_windows": Arm(fine_tuning=replace(PILOT, aggregate="mean"), seeds=THREE, **_SMALL),
        "rate_500hz": Arm(
            fine_tuning=replace(_shown(PILOT, fs=500.0), window=1250, stride=625),
            seeds=THREE,
            **_SMALL | {"corpus": "ptbxl_500hz"},
        ),
        "rate_100hz": Arm(fine_tuning=PILOT, seeds=THREE, **_SMALL | {"corpus": "ptbxl_500hz"}),
    }
)
DEMO = replace(
    PILOT, input=replace(PILOT.input, fs=50.0), split="fifths", window=125, stride=62, batch_size=16, epochs=4,
    stages=(Stage(4, 0, 1e-2),),
)  # fmt: skip
_DEMO = {"model": "resnet18", "corpus": "ptbxl"}
_COMMON = {"pretraining_corpora": ("mitbih_arrhythmia", "svdb"), "labels": (1.0,)}

SCALES = {
    "demo": Scale(
        name="demo", seeds=(0, 1), width=0.125,
        pretrainings={"beat": Source(replace(PILOT_BEATS, fs=50.0, length=125, frames_per_patient=128, batch_size=32,
                                             held_out=0.2, held_out_frames=16, mean=0.0, deviation=0.5))},
        arms={"random": Arm(fine_tuning=DEMO, **_DEMO),
              "beat": Arm("beat", fine_tuning=replace(DEMO, adapt_leads=True), **_DEMO),
              "reshaped": Arm(fine_tuning=FAULTS["reshaped"](DEMO), **_DEMO),
              "permuted": Arm(fine_tuning=FAULTS["permuted"](DEMO), **_DEMO)},
        fine_tuning=DEMO, **_COMMON | {"pretraining_corpora": ("icentia11k",)},
    ),
    "pilot": Scale(
        name="pilot", seeds=(0, 1, 2, 3, 4), arms=PILOT_ARMS, fine_tuning=PILOT,
        pretrainings={"beat": Source(PILOT_BEATS, model="xresnet1d50")}, **_COMMON,
    ),
    "colab": Scale(
        name="colab", seeds=(0,), fine_tuning=BENCHMARK,
        pretrainings={"diagnostic_100": _project_sources()["diagnostic_100"]},
        arms=benchmark_arms(("superdiagnostic",))
        | {"independent_xresnet1d101": _independent(), "fine_tuned": _fine_tuned("diagnostic_100"),
           "ptbxl_shared": PTBXL_SHARED}
        | {name: _georgia_arms()[name] for name in ("georgia_random", "georgia_fine_tuned")},
        **_COMMON,
    ),
    "paper": Scale(
        name="paper", seeds=tuple(range(10)), fine_tuning=BENCHMARK, pretrainings=_project_sources(),
        arms=_five_seeds(benchmark_arms() | _project_arms() | {"ptbxl_shared": PTBXL_SHARED}) | _georgia_arms(),
        **_COMMON,
    ),
}  # fmt: skip

trials = partial(arms.trials, STUDY)
