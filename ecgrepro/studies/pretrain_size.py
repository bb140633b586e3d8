"""Study `pretrain_size`: how much pre-training is needed, and is it people or training steps that count?

    ecgrepro run pretrain_size --scale demo      # minutes, synthetic recordings, decides nothing
    ecgrepro run pretrain_size --scale pilot     # hours on two cores: 6 to 100 people of MIT-BIH and SVDB, 125 Hz
    ecgrepro run pretrain_size --scale colab     # a share of Icentia11k, three GPU hours
    ecgrepro run pretrain_size --scale paper     # Icentia11k, the report's protocol and the factorial one

Source: the class report (myles-i/DLH_TransferLearning 736e4ab). Its sizes are checkpoints of one run, or of two: more
patients are more optimiser steps, and there is one pre-training per size. Here (``N`` is a number of patients)

* ``patients_N_fixed``: as many frames for every N, drawn from N patients: people alone differ;
* ``patients_N_pass``: 4,096 frames of each patient, as published: people and steps;
* ``patients_N_few``: as many frames as the smallest pass: few frames of many people, or many of few;
* ``one_run_N``: checkpoints of one run that visits its patients one group after another, as published.

Every seed has a pre-training of its own. Disjoint samples of N patients take turns over the seeds, the same ones for
``_fixed``, ``_pass`` and ``_few``; where samples are fewer than seeds, some seeds share their patients. Frames of all N
patients are mixed. ``one_run_N`` has other people: all seeds share its sample of 100, each seed visits them in an order
of its own, and a checkpoint has seen those first in it (see `pretrain_size_design.patients_seen`).

The arm without pre-training is ``random``, for the pilot that of `resnet1d`. At paper scale it is ``report_random`` of
`resnet1d`, which is fine-tuned by the report's protocol as the arms here are.
"""

from dataclasses import replace
from functools import partial

from ecgrepro.studies import arms
from ecgrepro.studies.arms import Arm, Source
from ecgrepro.studies.resnet1d import (
    DEMO_PRETRAINING,
    FEW,
    PILOT_PRETRAINING,
    PUBLISHED,
    REPORT,
    REPORT_PRETRAINING,
)
from ecgrepro.studies.resnet1d import SCALES as START

STUDY = "pretrain_size"

#: Patients to how many disjoint samples take turns over the seeds. Of 112 people that are not held out.
PILOT_SIZES = {6: 5, 12: 5, 25: 4, 50: 2, 100: 1}
#: Sizes whose pass over the patients, the report's own design, is also fine-tuned on all labels, and the report's size
#: that each takes the place of; more would cost too much on two cores.
IN_PLACE_OF = {6: "beat_4096_1pct", 12: "beat_4096_10pct", 25: "beat_4096_20pct", 100: "beat_4096_100pct"}
#: Patients of Icentia11k: 1, 5, 10, 20 % and all that are not held out.
PAPER_SIZES = {110: 3, 550: 3, 1_100: 3, 2_200: 3, 10_450: 1}


def factorial(base, sizes, labels=None, **settings):
    """Pre-trainings and arms of `patients_N_fixed`, `_pass` and `_few`.

    Parameters
    ----------
    base : Pretraining
        With the frames per patient of a pass.
    sizes : dict of int to int
        Patients to disjoint samples.
    labels : callable, optional
        From the number of patients to the shares of labels at which the pass over them is fine-tuned; other arms, and
        all without it, take those of the scale.
    **settings
        Of every arm.

    Returns
    -------
    sources : dict of str to Source
    listed : dict of str to Arm
    """
    frames, smallest, largest = base.frames_per_patient, min(sizes), max(sizes)
    sources = {}
    for n, samples in sizes.items():
        fixed, few = (_frames_of_each(size * frames, n, base.batch_size) for size in (largest, smallest))
        for kind, per_patient in {"fixed": fixed, "pass": frames, "few": few}.items():
            recipe = replace(base, patients=n, frames_per_patient=per_patient)
            # the largest pass is the fixed number of frames, and the smallest the few
            if recipe not in [source.recipe for source in sources.values()]:
                sources[f"patients_{n}_{kind}"] = Source(recipe, samples=samples)
    passes = {arm_of(sources, "pass", n): n for n in sizes}
    listed = {
        name: Arm(name, labels=labels(passes[name]) if labels and name in passes else (), **settings)
        for name in sources
    }
    return sources, listed


def _frames_of_each(total, n, batch):
    """Frames per patient, the same for all n, whose optimiser steps are nearest to those of a total."""
    return min((total // n, -(-total // n)), key=lambda each: abs(each * n // batch - total // batch))


def arm_of(arms, kind, n):
    """Name of the arm of a kind and number of patients among `arms`, or None.

    The pass of the most patients is their fixed number of frames, and the few of the fewest are their pass; such an arm
    is listed once, under the first of its names. The most and the fewest are those of `arms`: give all that a scale
    lists, not those alone that were chosen or have finished.
    """
    sizes = sizes_of(arms)
    names = [f"{kind}_{n}" if kind == "one_run" else f"patients_{n}_{kind}"]
    if kind == "pass" and n == max(sizes, default=None):
        names.append(f"patients_{n}_fixed")
    if kind == "few" and n == min(sizes, default=None):
        names.append(f"patients_{n}_pass")
    return next((name for name in names if name in arms), None)


def sizes_of(arms):
    """Numbers of patients of the factorial arms, ascending."""
    return sorted({int(name.split("_")[1]) for name in arms if name.startswith("patients_")})


#: The pilot visits its people in groups of six, so that a checkpoint has seen some and not others. Of 25 and 50 it has
#: seen the last few in part: six divides neither.
ONE_RUN = replace(
    PILOT_PRETRAINING, patients=100, shuffle_patients=6, checkpoints=tuple(n / 100 for n in PILOT_SIZES)
)
PILOT_SOURCES, PILOT_ARMS = factorial(
    PILOT_PRETRAINING, PILOT_SIZES, lambda n: (1.0, *FEW) if n in IN_PLACE_OF else FEW
)
for _n, _name in IN_PLACE_OF.items():
    _own = arm_of(PILOT_ARMS, "pass", _n)
    PILOT_ARMS[_own] = replace(PILOT_ARMS[_own], stands_for=(_name,))

#: Run A: 2,048 patients, whose weights half-way the report calls 10 %. Run B: all of them; which weights it calls 1 %
#: is not said, an early checkpoint of run B is assumed. Its patients are the first by number, ours are drawn.
REPORT_SOURCES = {
    "report_20pct": Source(replace(REPORT_PRETRAINING, patients=2048, checkpoints=(0.5, 1.0))),
    "report_100pct": Source(replace(REPORT_PRETRAINING, checkpoints=(0.01, 1.0))),
}
_REPORT = {"budget": "class_report_2024", "corpus": "cinc2017_v2", "fine_tuning": REPORT}
REPORT_ARMS = {
    "beat_4096_1pct": Arm("report_100pct", 0.01, published_share=0.01, **_REPORT),
    "beat_4096_10pct": Arm("report_20pct", 0.5, published_share=0.1, **_REPORT),
    "beat_4096_20pct": Arm("report_20pct", 1.0, published_share=0.2, **_REPORT),
    "beat_4096_100pct": Arm("report_100pct", 1.0, published_share=1.0, **_REPORT),
}
#: All people of an arm are mixed, as in the pilot; were sixteen mixed at a time, as published, an arm of 110 people
#: would see each group for a hundred times as long as one of ten thousand, and people would not be all that differs.
PAPER_SOURCES, PAPER_ARMS = factorial(
    replace(REPORT_PRETRAINING, shuffle_patients=max(PAPER_SIZES)), PAPER_SIZES, corpus="cinc2017_v2"
)

DEMO_SOURCES, DEMO_ARMS = factorial(replace(DEMO_PRETRAINING, frames_per_patient=256), {4: 2, 16: 1})
COLAB_SOURCES, COLAB_ARMS = factorial(replace(PUBLISHED, shuffle_patients=100), {10: 3, 100: 1})
#: Those of the factorial design that fit a session.
COLAB = ("patients_10_fixed", "patients_100_fixed")

SCALES = {
    "demo": replace(
        START["demo"], pretrainings=DEMO_SOURCES, fine_tuning=replace(START["demo"].fine_tuning, epochs=4, patience=4),
        arms={"random": Arm(), **{name: DEMO_ARMS[name] for name in ("patients_4_fixed", "patients_16_fixed")}},
    ),
    "pilot": replace(
        START["pilot"], pretrainings=PILOT_SOURCES | {"one_run": Source(ONE_RUN)}, labels=FEW,
        arms=PILOT_ARMS | {f"one_run_{n}": Arm("one_run", n / 100) for n in PILOT_SIZES},
    ),
    "colab": replace(
        START["colab"], pretrainings=COLAB_SOURCES,
        arms={"random": Arm(), **{name: COLAB_ARMS[name] for name in COLAB}},
    ),
    "paper": replace(
        START["paper"], pretrainings=REPORT_SOURCES | PAPER_SOURCES, arms=REPORT_ARMS | PAPER_ARMS, fine_tuning=REPORT
    ),
}  # fmt: skip

trials = partial(arms.trials, STUDY)
