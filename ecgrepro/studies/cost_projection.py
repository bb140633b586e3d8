"""What every study would cost at every scale: trials x frames x epochs, over a measured speed.

Every trial that a study writes down is counted (`ecgrepro.studies.trial_frames`); `data` and `calibration` train
nothing. Counted are training frames, forward and backward, and of signal quality the test, which is larger than what is
learnt from; validation adds about two in a hundred, transforms, the transformer of future prediction and the disk are
left out, and a net with a frozen prefix is counted as if nothing were frozen.
"""

import json
import math
from collections import defaultdict
from functools import cache
from pathlib import Path
from statistics import mean

from ecgrepro.errors import SettingsError
from ecgrepro.models.flops import flops
from ecgrepro.studies.designs import STUDIES
from ecgrepro.studies.published_runs import PUBLISHED_RUNS, Work
from ecgrepro.studies.scale import NAMES
from ecgrepro.studies.trial_frames import assumption, frames_of, kind

#: Studies that train no net: counts of recordings; calibration reads the logits of other studies' trials.
WITHOUT_TRAINING = ("data", "calibration")
#: Every study of the book, in its order.
STUDY_NAMES = (
    "data", "resnet1d", "spectrogram2d", "pretrain_size", "freezing", "ptbxl_transfer", "calibration",
)  # fmt: skip


def check_studies(names):
    """Return names of studies, all where none is given; `SettingsError` for an unknown one."""
    unknown = [name for name in names if name not in STUDY_NAMES]
    if unknown:
        expected = f"some of {', '.join(STUDY_NAMES)}"
        raise SettingsError("studies", expected, repr(unknown), "Correct the name, or leave it out for all.")
    return tuple(dict.fromkeys(names)) or STUDY_NAMES


def works(studies, root):
    """List the work of studies at every scale that is written down.

    Parameters
    ----------
    studies : sequence of str
    root : Path
        The repository: committed results tell how long early stopping waited.

    Returns
    -------
    list of Work
    """
    found = []
    for study in studies:
        if study in STUDIES:
            for scale in STUDIES[study].SCALES.values():
                found += scale_works(STUDIES[study], scale, committed_epochs(root, study, scale.name))
    return found


class _NoCorpora:
    """Stands in for a workspace: trials are listed here, not run."""

    @staticmethod
    def fingerprints(*names):
        return tuple((name, "") for name in names)

    @staticmethod
    def published_start(name):
        return "random"  # as long as from any other


def scale_works(study, scale, committed):
    """Work of one scale of a study.

    Parameters
    ----------
    study : module
        With `STUDY` and `trials`.
    scale : Scale
    committed : dict of float to float
        See `committed_epochs`.
    """
    groups = defaultdict(list)
    for trial in study.trials(scale, _NoCorpora()):
        groups[kind(trial)].append(trial)
    return [_work(study, what, net, trials, committed) for (what, net), trials in groups.items()]


def _work(study, what, net, trials, committed):
    frames = round(sum(frames_of(trial, committed) for trial in trials))
    source = f"ecgrepro/studies/{study.STUDY}.py"
    return Work(
        study.STUDY,
        trials[0].scale,
        what,
        net,
        len(trials),
        frames,
        assumption(trials[0], committed),
        source,
    )


def committed_epochs(root, study, scale):
    """Mean epochs of committed fine-tunings by share of labels, {} where there are none."""
    found = defaultdict(list)
    for path in Path(root, "results", scale, study).glob("*/run.json"):
        run, trial = (json.loads(file.read_text()) for file in (path, path.with_name("trial.json")))
        if trial["stage"] == "fine-tuning":
            found[trial["recipe"]["labels"]].append(run["epochs"])
    return {labels: mean(counts) for labels, counts in found.items()}


def nets(listed, quick=False):
    """Nets to be measured, those with small inputs first.

    With `quick` one for each architecture and width; the others' speed is then taken from the arithmetic.
    """
    found = sorted({work.net for work in listed}, key=lambda net: (math.prod(net.shape), net.width))
    if not quick:
        return found
    chosen = defaultdict(list)
    for net in found:
        chosen[net.model, net.width].append(net)
    # not the smallest input, on which a step is mostly overhead
    return [same[len(same) // 2] for same in chosen.values()]


@cache
def forward_flops(net):
    """Operations of one forward pass of a net over one frame."""
    return flops(net.build())


def speed(net, precision, speeds):
    """Frames per second of a net, and whether they were measured.

    Parameters
    ----------
    net : TrainedNet
    precision : str
    speeds : dict of (TrainedNet, str) to float
        Measured frames per second.

    Returns
    -------
    (float, bool) or (None, False)
        A net that was not measured does as many operations per second as the one most like it: same architecture,
        same width if there is one, nearest in operations. None without such a net.
    """
    if (net, precision) in speeds:
        return speeds[net, precision], True
    size = forward_flops(net)
    like = [(other.width != net.width, abs(forward_flops(other) - size), other)
            for other, measured in speeds if measured == precision and other.model == net.model]  # fmt: skip
    if not like:
        return None, False
    other = min(like, key=lambda one: one[:2])[2]
    return speeds[other, precision] * forward_flops(other) / size, False


def project(listed, speeds, precisions):
    """Hours of each work on this machine.

    Returns
    -------
    list of dict
        ``study``, ``scale``, ``what``, ``net``, ``trials``, ``frames``, ``hours`` (precision to hours, None where
        nothing like the net was measured), ``measured`` (no speed was taken from another net's), ``assumption``,
        ``source``.
    """
    rows = []
    for work in listed:
        found = {precision: speed(work.net, precision, speeds) for precision in precisions}
        hours = {
            name: rate and float(f"{work.frames / rate / 3600:.4g}") for name, (rate, _) in found.items()
        }
        rows.append({
            "study": work.study, "scale": work.scale, "what": work.what, "net": str(work.net), "trials": work.trials,
            "frames": work.frames, "hours": hours, "measured": all(known for _, known in found.values()),
            "assumption": work.assumption, "source": work.source,
        })  # fmt: skip
    return rows


def published(studies):
    """Hours that publications tell of their own runs of studies.

    Returns
    -------
    list of dict
        ``study``, ``what``, ``trials``, ``hours``, ``machine``, ``source``.
    """
    return [{"study": work.study, "what": work.what, "trials": work.trials, "hours": work.published_hours,
             "machine": work.published_machine, "source": work.source}
            for work in PUBLISHED_RUNS if work.study in studies and work.published_hours]  # fmt: skip


def totals(rows, studies):
    """Trials and hours of every study at every scale.

    Returns
    -------
    list of dict
        ``study``, ``scale``, ``trials``, ``frames``, ``hours``, ``note``, ``measured``. A study that trains
        nothing has 0 trials; a scale that is not written down yet has None.
    """
    return [_total(study, scale, rows) for study in studies for scale in NAMES]


def _total(study, scale, rows):
    found = [row for row in rows if (row["study"], row["scale"]) == (study, scale)]
    head = {"study": study, "scale": scale}
    if not found:
        idle = study in WITHOUT_TRAINING
        note = "trains nothing" if idle else "not written down yet"
        return head | {
            "trials": 0 if idle else None,
            "frames": 0 if idle else None,
            "hours": {},
            "note": note,
        }
    hours = {name: _sum(row["hours"][name] for row in found) for name in found[0]["hours"]}
    assumptions = "; ".join(dict.fromkeys(row["assumption"] for row in found if row["assumption"]))
    return head | {"trials": sum(row["trials"] for row in found), "frames": sum(row["frames"] for row in found),
                   "hours": hours, "note": assumptions, "measured": all(row["measured"] for row in found)}  # fmt: skip


def _sum(values):
    values = list(values)
    return None if None in values else float(f"{sum(values):.4g}")
