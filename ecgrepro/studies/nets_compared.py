"""What nets differ in besides what they are shown, and what they cost: read from trials, built nets, run records."""

from functools import lru_cache
from statistics import median

import numpy as np
import pandas as pd

from ecgrepro.corpora.cinc2017 import CLASSES
from ecgrepro.frames.transforms import make_transform
from ecgrepro.models.catalogue import build
from ecgrepro.models.flops import flops
from ecgrepro.studies.designs import STUDIES, fine_tuning
from ecgrepro.studies.figures import called
from ecgrepro.training.recipe import Transform

#: Arms at scale `paper` by what the page calls their nets: study and arm.
PUBLISHED = {
    "1-D net": ("resnet1d", "report_beat_100"),
    "2-D net, as published": ("spectrogram2d", "beat_2d_88pct"),
    "2-D net, matched": ("spectrogram2d", "beat_2d_matched"),
}
#: The same at scale `pilot`.
PILOT = {
    "1-D net": ("resnet1d", "beat_2048"),
    "2-D net, as published": ("spectrogram2d", "beat_2d"),
    "2-D net, matched": ("spectrogram2d", "beat_2d_matched"),
}
#: Arms whose cost is compared, the 1-D net's first.
PRETRAINED = ("beat_2048", "beat_2d", "beat_2d_matched")
FINE_TUNED = ("random", "random_2d", "random_2d_matched")
COST_COLUMNS = ["stage", "arm", "seconds per epoch", "times the 1-D net", "frames per second", "GFLOP per frame",
                "times its GFLOP", "runs", "processor"]  # fmt: skip


def nets_table(nets, scale):
    """Compare the nets of some pre-trained arms.

    Parameters
    ----------
    nets : dict of str to (study, arm)
        By the name of their column.
    scale : str

    Returns
    -------
    DataFrame
        One row per difference: what it is, under ``difference``, and what each net has, as text.
    """
    described = {name: _describe(STUDIES[study].SCALES[scale], arm) for name, (study, arm) in nets.items()}
    return pd.DataFrame(described).rename_axis("difference").reset_index()


def _describe(design, name):
    arm, source = design.arms[name], design.pretrainings[design.arms[name].source]
    recipe, width = arm.fine_tuning or design.fine_tuning, design.width if arm.width is None else arm.width
    net = built(arm.model, width, arm.transform, recipe.input.length)
    return {
        "what the net is shown": _shown(net),
        "scale of the input in mV": f"{_scaling(source.recipe)}, then {_scaling(recipe.input)}",
        "batch normalisation": _normalisation(net),
        "convolutions": _convolutions(net),
        "parameters": f"{net.count_params():,}",
        "people in pre-training": _people(source.recipe),
    }


@lru_cache(maxsize=16)
def built(model, width, transform, length):
    """Build the fine-tuning net of a trial, cached.

    Parameters
    ----------
    model : str
    width : float
    transform : Transform or None
    length : int
        Samples of an input.
    """
    layer = None if transform is None else make_transform(transform.kind, **dict(transform.settings))
    return build(model, (length, 1) if layer else length, len(CLASSES), width=width, transform=layer)


def operations(model, width, transform, length):
    """Floating-point operations of one forward pass over one recording, see `ecgrepro.models.flops`; an int."""
    return flops(built(model, width, transform, length))


def _shown(net):
    """Shape of what the first convolution reads."""
    *axes, _ = net.get_layer("stem_conv").input.shape[1:]
    if len(axes) == 1:
        return f"signal, {axes[0]:,} samples"
    return f"spectrogram, {axes[0]} frequencies × {axes[1]} frames"


def _scaling(constants):
    """How a frame or recording in mV is standardised, from its mean and deviation."""
    if (constants.mean, constants.deviation) == (0, 1):
        return "x as it is"
    sign = "−" if constants.mean >= 0 else "+"
    return f"(x {sign} {abs(constants.mean):g}) / {constants.deviation:g}"


def _normalisation(net):
    found = {(layer.momentum, layer.epsilon) for layer in net.layers if layer.name.endswith("_bn")}
    return "; ".join(f"momentum {momentum:g}, ε {epsilon:g}" for momentum, epsilon in sorted(found))


def _convolutions(net):
    """Bias, and the variance that kernels start with in units of one over a kernel's inputs."""
    convolutions = [layer for layer in net.layers if layer.name.endswith("_conv")]
    found = {(layer.use_bias, layer.kernel_initializer.scale) for layer in convolutions}
    return "; ".join(
        f"{'bias' if bias else 'no bias'}, start with variance {scale:g} / inputs" for bias, scale in found
    )


def _people(recipe):
    return (
        f"all but the {recipe.held_out:.0%} held out" if recipe.patients is None else f"{recipe.patients:,}"
    )


def cost_table(found, labels=1.0):
    """What 1-D and 2-D nets cost, from run records and built nets: DataFrame; medians over runs, ratios to the 1-D net.

    An epoch of pre-training is its one pass; a frame of fine-tuning is a recording. Operations are those of a forward
    pass, without the transform. Runs on other processors or beside other work tell other times.
    """
    return pd.DataFrame(
        [
            *_costs("pre-training", {name: _pretrainings(found, name) for name in PRETRAINED}),
            *_costs("fine-tuning", {name: fine_tuning(found, name, labels) for name in FINE_TUNED}),
        ],
        columns=COST_COLUMNS,
    )


def _pretrainings(found, arm):
    return [r for r in found if r["trial"]["stage"] == "pretraining" and r["trial"]["arm"] == arm]


def _costs(stage, runs_of):
    """Rows of arms, the first of which is the 1-D net."""
    base = None
    for place, (arm, runs) in enumerate(runs_of.items()):
        if not runs:
            continue
        seconds = median(run["run"]["seconds"] / run["run"].get("epochs", 1) for run in runs)
        work = operations(*_net(runs[0]["trial"])) / 1e9
        base = (seconds, work) if place == 0 else base
        ratios = (
            [value / of for value, of in zip((seconds, work), base, strict=True)] if base else [np.nan] * 2
        )
        speed = median(run["run"]["frames_per_second"] for run in runs)
        where = ", ".join(sorted({run["run"]["hardware"]["processor"] for run in runs}))
        yield [stage, called(arm), seconds, ratios[0], speed, work, ratios[1], len(runs), where]


def _net(trial):
    """What `operations` takes, from a trial's description."""
    shown, recipe = trial.get("transform"), trial["recipe"]
    transform = shown and Transform(shown["kind"], tuple(map(tuple, shown.get("settings", ()))))
    return trial["model"], trial["width"], transform, recipe.get("length") or recipe["input"]["length"]
