"""Checks of what Huerta et al. (CinC 2022) print; `ecgrepro.claims.arithmetic` carries them out and judges them.

A row of their Table 2 is a model. Its inputs are named ``row/Acc``, ``row/Se`` and ``row/Sp``: accuracy, sensitivity
(recall of high quality) and specificity (recall of low quality), means over repeats. The inputs ``high`` and ``low``
are the numbers of test segments of either quality. Accuracy is linear in the two recalls, so what holds for the
figures of one run holds for their means.
"""

import itertools

import numpy as np

from ecgrepro.claims.claim import printed_interval
from ecgrepro.claims.printed_inputs import printed_groups

#: AlexNet of two groups: side of the kernel, filters, groups. A dense layer is a convolution over all it is given.
ALEXNET = {
    "conv1": (11, 96, 1),
    "conv2": (5, 256, 2),
    "conv3": (3, 384, 1),
    "conv4": (3, 384, 2),
    "conv5": (3, 256, 2),
    "fc1": (6, 4096, 1),
    "fc2": (1, 4096, 1),
    "fc3": (1, 1000, 1),
}
# Bounds of neighbouring printed figures that touch are one number, whatever their binary fractions say.
_EQUAL = 1e-12


def accuracies(claim):
    """Accuracy of each row from its two recalls: their mean, weighted by the classes' segments."""
    rows, segments = _rows(claim)
    return {row: _accuracy(given, **segments) for row, given in rows.items()}


def accuracy_columns(claim):
    """Read the accuracies of a claim's rows in each way in which its inputs give them.

    Returns
    -------
    list of dict
        Row to accuracy, (low, high): as printed, and as the recalls give it; one of them or both.
    dict
        Segments of ``high`` and ``low`` quality, where they are given.
    """
    rows, segments = _rows(claim)
    names = set.intersection(*(set(given) for given in rows.values()))
    columns = []
    if "Acc" in names:
        columns.append({row: given["Acc"] for row, given in rows.items()})
    if {"Se", "Sp"} <= names:
        columns.append({row: _accuracy(given, **segments) for row, given in rows.items()})
    if not columns:
        raise KeyError("Acc, or Se and Sp, of every row")
    return columns, segments


def rank_correlation(claim):
    """Spearman's correlation of the rows' order, by name, with their accuracy.

    Accuracies are those printed, or follow from the recalls where these are given instead. The interval covers every
    order of the accuracies that rounding leaves open; equal ones are left out, as unrounded means would hardly be.
    """
    ((column,), _) = accuracy_columns(claim)
    intervals = [column[row] for row in sorted(column)]
    n = len(intervals)
    ranks = np.array(list(itertools.permutations(range(n))))  # (orders, rows)
    for first, second in itertools.permutations(range(n), 2):
        if intervals[first][1] <= intervals[second][0] + _EQUAL:
            ranks = ranks[ranks[:, first] < ranks[:, second]]
    rho = 1 - 6 * ((ranks - np.arange(n)) ** 2).sum(axis=1) / (n * (n**2 - 1))
    return {None: (float(rho.min()), float(rho.max()))}


def extreme_spreads(claim):
    """The ``smallest`` and the ``largest`` of the standard deviations that are printed with the inputs."""
    spreads = [printed_interval(given["std"], given["printed"]) for given in claim.inputs.values()]
    lows, highs = zip(*spreads, strict=True)
    return {"smallest": (min(lows), min(highs)), "largest": (max(lows), max(highs))}


def alexnet_parameters(claim):
    """Parameters of the layers of `ALEXNET`, and their ``total``, from the shapes of the kernels.

    An input named ``layer/kernel``, ``layer/filters`` or ``layer/depth`` (channels that a filter sees) takes the place
    of that layer's own number.
    """
    stated = printed_groups(claim)
    if unknown := set(stated) - set(ALEXNET):
        raise KeyError(sorted(map(str, unknown)))
    counts, channels = {}, 3
    for layer, (kernel, filters, groups) in ALEXNET.items():
        shape = {"kernel": kernel, "filters": filters, "depth": channels // groups}
        shape |= {name: value for name, (value, _) in stated.get(layer, {}).items()}
        counts[layer] = _layer_parameters(**shape)
        channels = shape["filters"]
    counts["total"] = sum(counts.values())
    return {part: (float(counts[part]), float(counts[part])) for part in claim.published}


def _layer_parameters(kernel, filters, depth):
    return kernel**2 * depth * filters + filters


def _rows(claim):
    """Intervals of each row by input name, and the two classes' segments where they are given."""
    groups = printed_groups(claim)
    segments = {name: count for name, (count, _) in groups.pop(None, {}).items()}
    return groups, segments


def _accuracy(given, high, low):
    share = high / (high + low)
    return tuple(share * se + (1 - share) * sp for se, sp in zip(given["Se"], given["Sp"], strict=True))
