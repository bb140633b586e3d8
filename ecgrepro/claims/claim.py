"""One published claim, and the numbers that a printed figure can stand for."""

import math
from dataclasses import dataclass, field

#: Last-digit units that a printed figure may lie below and above the true one. A truncated figure is
#: never above it; a difference of two rounded, or of two truncated, figures is off by up to one unit. What was read off
#: a figure is within a few units of it, by what the reader of that figure states.
ROUNDINGS = {
    "rounded": (-0.5, 0.5),
    "truncated": (0.0, 1.0),
    "difference": (-1.0, 1.0),
    "lower_bound": (0.0, math.inf),
    **{f"within_{units}": (-float(units), float(units)) for units in (3, 4, 6, 12)},
}


def printed_interval(value, printed=None):
    """Return the numbers a printed figure can stand for, as (low, high).

    Parameters
    ----------
    value : float
    printed : mapping with ``digits`` (decimals printed, negative for tens) and ``rounding`` (a key of
        `ROUNDINGS`, "rounded" where absent), or None for a figure that is exact, such as a count.
    """
    if printed is None:
        return float(value), float(value)
    unit = 10.0 ** -printed["digits"]
    below, above = ROUNDINGS[printed.get("rounding", "rounded")]
    return value + below * unit, value + above * unit


@dataclass(frozen=True, eq=False)
class Claim:
    """A published claim with the rule that decides it, fixed before any run.

    Attributes
    ----------
    id, study, statement : str
        Identity, the study that serves it, one sentence in our words.
    source : dict
        ``document`` (key of the ledger's documents), ``title`` of that document, ``place`` in it.
    quantity : dict
        ``metric``, ``corpus`` and, where it matters, ``split``.
    published : float, or mapping of part to float
        As printed; a "-minus-random" claim has the difference of two printed figures.
    published_spread : dict or None
        ``std`` and ``n`` (runs) as printed.
    printed : dict or None
        See `printed_interval`.
    requires : dict
        What a run must have for the claim to be judged in full; see `ecgrepro.claims.schema`.
    comparison : dict
        ``rule`` and what a study needs to compute the estimate.
    margin : float
        In the published figure's unit.
    inputs : dict
        For the rule arithmetic: name to ``{"value", "printed", "claim"}``, resolved by the loader; with ``std`` and
        ``n`` where the spread was asked for.
    derived_from : tuple of str
        Claims, or ids of the collected facts, that this one was taken from.
    note, correction : str
        What a reader should know; what we corrected in the collected facts.
    command : str or None
        What supplies a run where it is not the study's own command; "" where nothing here does.
    """

    id: str
    study: str
    source: dict
    statement: str
    quantity: dict
    published: object
    comparison: dict
    margin: float
    requires: dict = field(default_factory=dict)
    published_spread: dict | None = None
    printed: dict | None = None
    inputs: dict = field(default_factory=dict)
    derived_from: tuple = ()
    note: str = ""
    correction: str = ""
    command: str | None = None

    @property
    def rule(self):
        """The comparison's rule."""
        return self.comparison["rule"]

    def published_interval(self, part=None):
        """Return (low, high) that the published figure, or one part of it, can stand for."""
        return printed_interval(self.published if part is None else self.published[part], self.printed)
