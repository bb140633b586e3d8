"""Table 2 of Huerta et al. (2022), and claims about it with other numbers."""

import dataclasses

import numpy as np

from ecgrepro.claims import ledger

CLAIMS = {claim.id: claim for claim in ledger.load()}

#: Table 2, from no to seven frozen layers, and the segments of section 2.3, copied from the paper once more.
SENSITIVITY = np.array([0.881, 0.883, 0.885, 0.878, 0.877, 0.884, 0.882, 0.887])
SPECIFICITY = np.array([0.838, 0.841, 0.834, 0.850, 0.849, 0.837, 0.845, 0.837])
ACCURACY = np.array([0.875, 0.873, 0.878, 0.878, 0.876, 0.883, 0.881, 0.885])
HIGH, LOW = 47_439, 1_168
N = HIGH + LOW
IMPLIED = (HIGH * SENSITIVITY + LOW * SPECIFICITY) / N


def alter(name, published=None, **inputs):
    """Return the claim with another published figure, or other input values, named with __ for the slash."""
    claim = CLAIMS[name]
    changed = {key.replace("__", "/"): value for key, value in inputs.items()}
    told = {
        key: {**claim.inputs.get(key, {"printed": None}), "value": value} for key, value in changed.items()
    }
    published = claim.published if published is None else published
    return dataclasses.replace(claim, published=published, inputs={**claim.inputs, **told})


def exactly(claim):
    """Return the claim with inputs that are exact as printed."""
    return dataclasses.replace(
        claim, inputs={name: {**given, "printed": None} for name, given in claim.inputs.items()}
    )


def replaced(claim, column, values):
    """Return the claim with the values of one column, from no to seven frozen layers, in place of its own."""
    inputs = dict(claim.inputs)
    for k, value in enumerate(values):
        inputs[f"frozen_{k}/{column}"] = {"value": float(value), "printed": None, "claim": None}
    return dataclasses.replace(claim, inputs=inputs)
