"""Verdicts: what an interval says about a claim, by rules that were fixed before the run.

========== ========= =========================== ==================================== ==============
rule       interval  supported                   contradicted                         otherwise
========== ========= =========================== ==================================== ==============
difference 95 %      wholly on the claimed side  wholly on the other side of 0, or    inconclusive
           95 %      of 0                        wholly within the margin of 0
trend      95 %      as for a difference, of the change over the claimed range        inconclusive
                     (its interval by permutation over repeats)
equivalence 90 %     wholly within the margin    wholly outside the margin            inconclusive
                     of 0
value      95 %      ours minus published wholly wholly outside the margin            inconclusive
                     within the margin of 0
count      none      every part within the       any part not                         (not run)
                     margin (.5: equal)
arithmetic none      see `ecgrepro.claims.arithmetic`; needs no run
========== ========= =========================== ==================================== ==============

"Wholly" is strict: an interval that touches a limit lies on neither side of it. The order of the columns
is the order of the tests: a gain wholly above 0 supports a claimed gain however small it is. Where
something stands against any decision (`Estimate.undecidable`), the verdict is "inconclusive".
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from ecgrepro.claims.arithmetic import EQUIVALENCE_LEVEL, judge_closeness, run_check
from ecgrepro.errors import InputError

#: Words a verdict can have.
WORDS = ("supported", "contradicted", "inconclusive", "not run")
SCALES = ("demo", "pilot", "colab", "paper")
#: Nominal coverage of the interval that each rule is judged by.
LEVELS = {"difference": 0.95, "trend": 0.95, "equivalence": EQUIVALENCE_LEVEL, "value": 0.95}
#: Rules that still say something where a required part was replaced by another.
_RULES_FOR_SUBSTITUTES = ("difference", "trend")


@dataclass(frozen=True, eq=False)
class Estimate:
    """What a study measured for one claim.

    Attributes
    ----------
    value : float, or mapping of part to number
        For difference and equivalence first minus second arm; for value our own level (the published
        figure is subtracted here); for trend the mean line's change over all arms; for count the counts.
    low, high : float or None
        Limits of the interval in the same unit; None for counts and where `undecidable` says why there are none,
        mappings where an arithmetic claim has several parts.
    level : float or None
        Nominal coverage: `LEVELS` of the claim's rule; None for counts.
    scale : str
        One of `SCALES`; "arithmetic" where `decide` made the estimate from the ledger alone.
    substitutes : tuple of str
        Required parts that were replaced, as `replaced_parts` words them.
    n_seeds, n_records : int or None
    detail : str
        How it was measured, for the reader.
    undecidable : str
        Why nothing may be decided from it, as `capped_runs` words it; empty where nothing stands against it.
    before_rule : tuple of str
        Arms that ran before the claim's rule was on record, such as "random of resnet1d".
    """

    value: object
    low: float | None = None
    high: float | None = None
    level: float | None = None
    scale: str = "pilot"
    substitutes: tuple = ()
    n_seeds: int | None = None
    n_records: int | None = None
    detail: str = ""
    undecidable: str = ""
    before_rule: tuple = ()


@dataclass(frozen=True, eq=False)
class Verdict:
    """The word on a claim, and why.

    Attributes
    ----------
    claim_id : str
    word : str
        One of `WORDS`.
    substitute : bool
        Whether a required part was replaced: the claim's direction was tested, on something else.
    reason : str
    smallest_margin : float or None
        Half the width of the interval that was judged: had the estimate been exactly 0, a margin of at
        least this would have been needed to say "no difference". None without an interval.
    estimate : Estimate or None
        What was judged, or would have been; None where there was nothing.
    """

    claim_id: str
    word: str
    substitute: bool
    reason: str
    smallest_margin: float | None
    estimate: Estimate | None


def decide(claim, estimate=None):
    """Return the `Verdict` on a claim, given the `Estimate` a study made of it, or None.

    Claims with the rule arithmetic are decided from the ledger alone and take no estimate. Raises
    InputError for an estimate of an unknown scale, of the wrong level, or without finite limits in order.
    """
    if claim.rule == "arithmetic":
        return _decide_arithmetic(claim)
    if estimate is None:
        return _not_run(claim, _wanting(claim), None)
    _check_scale(claim, estimate)
    if estimate.scale == "demo":
        return _not_run(claim, "the demo runs on synthetic data and decides nothing", estimate)
    if estimate.substitutes and claim.rule not in _RULES_FOR_SUBSTITUTES:
        return _not_run(claim, f"a required part was replaced ({'; '.join(estimate.substitutes)})", estimate)
    if estimate.undecidable:
        width = None if estimate.low is None or estimate.high is None else (estimate.high - estimate.low) / 2
        substitute = bool(estimate.substitutes)
        return Verdict(claim.id, "inconclusive", substitute, estimate.undecidable, width, estimate)
    return (_decide_count if claim.rule == "count" else _decide_interval)(claim, estimate)


def replaced_parts(claim, supplied):
    """Return what a run had in place of what the claim requires, as a tuple of short sentences.

    Parameters
    ----------
    claim : Claim
    supplied : mapping
        The run's own parts under the keys of `ecgrepro.claims.schema.REQUIREMENTS`. A key that is not
        stated counts as replaced; corpora beyond the required ones do not matter.
    """
    return tuple(
        f"{part.replace('_', ' ')}: {_words(supplied.get(part))} in place of {_words(required)}"
        for part, required in claim.requires.items()
        if not _meets(part, required, supplied.get(part))
    )


def capped_runs(n_capped, n_runs):
    """Return why nothing is decided where of the runs that can stop early over a tenth hit the epoch cap, else ""."""
    if 10 * n_capped <= n_runs:
        return ""
    return f"more than a tenth of the runs hit the epoch cap ({n_capped} of {n_runs})"


def count_estimate(claim, counts, scale):
    """Return the `Estimate` of a count claim from a study's nested table of counts.

    Parameters
    ----------
    claim : Claim
        Its ``key`` is a dotted path, or a list of them where the publication leaves open which reading it counted:
        the reading with the most agreeing parts is taken (of equal ones the nearest), and named in ``detail``.
    counts : mapping
        For example ``{"cinc2017": {"v2": {"N": 5050, ...}}}``.
    scale : str

    Returns None where no path leads to all the published parts.
    """
    keys = claim.comparison["key"]
    keys = [keys] if isinstance(keys, str) else keys
    readings = {key: found for key in keys if _has_parts(claim, found := _look_up(counts, key))}
    if not readings:
        return None
    best = min(readings, key=lambda key: _distance(claim, readings[key]))
    detail = f"counted as {best}" + (f", the closest of {len(readings)} readings" if len(keys) > 1 else "")
    return Estimate(readings[best], scale=scale, detail=detail)


def _wanting(claim):
    parts = "; ".join(f"{part.replace('_', ' ')}: {_words(value)}" for part, value in claim.requires.items())
    return "no run has measured it" + (f"; it takes {parts}" if parts else "")


def _decide_arithmetic(claim):
    result = run_check(claim)
    low = {part: limits[0] for part, limits in result.computed.items()}
    high = {part: limits[1] for part, limits in result.computed.items()}
    middle = {part: (low[part] + high[part]) / 2 for part in low}
    width = max((high[part] - low[part]) / 2 for part in low)
    numbers = [column.get(None, column) for column in (middle, low, high)]
    estimate = Estimate(*numbers, scale="arithmetic", detail=result.sentence)
    return Verdict(claim.id, result.word, False, result.sentence, width, estimate)


def _decide_interval(claim, estimate):
    _check_interval(claim, estimate)
    low, high = _judged_interval(claim, estimate)
    word = _JUDGES[claim.rule](low, high, claim.margin, claim.comparison.get("direction"))
    what = "ours minus published" if claim.rule == "value" else "the estimate"
    reason = f"{100 * estimate.level:g} % interval of {what} [{low:.4f}, {high:.4f}], margin {claim.margin:g}"
    return Verdict(claim.id, word, bool(estimate.substitutes), reason, (high - low) / 2, estimate)


def _judged_interval(claim, estimate):
    if claim.rule != "value":
        return estimate.low, estimate.high
    # the printed figure stands for an interval of its own, so the difference is known that much less well
    published_low, published_high = claim.published_interval()
    return estimate.low - published_high, estimate.high - published_low


def _judge_direction(low, high, margin, direction):
    if direction < 0:
        low, high = -high, -low
    if low > 0:
        return "supported"
    return "contradicted" if high < 0 or (-margin < low and high < margin) else "inconclusive"


def _judge_closeness(low, high, margin, _):
    return judge_closeness(low, high, margin)


_JUDGES = dict.fromkeys(("difference", "trend"), _judge_direction)
_JUDGES |= dict.fromkeys(("equivalence", "value"), _judge_closeness)


def _decide_count(claim, estimate):
    ours, published = _parts(estimate.value), _parts(claim.published)
    if missing := [part for part in published if part not in ours]:
        return _not_run(claim, f"not counted: {', '.join(map(str, missing))}", estimate)
    wrong = _disagreeing(claim, estimate.value)
    found = [f"{p or ''} {ours[p]:,} against {published[p]:,}".strip() for p in wrong or published]
    reason = f"{estimate.detail or 'counted'}: {', '.join(found)}"
    return Verdict(claim.id, "contradicted" if wrong else "supported", False, reason, None, estimate)


def _not_run(claim, reason, estimate):
    return Verdict(claim.id, "not run", bool(estimate and estimate.substitutes), reason, None, estimate)


def _check_scale(claim, estimate):
    if estimate.scale not in SCALES:
        expected = f"a scale among {', '.join(SCALES)}"
        raise InputError(f"estimate of {claim.id}", expected, repr(estimate.scale), "Name the run's scale.")


def _check_interval(claim, estimate):
    where, limits = f"estimate of {claim.id}", (estimate.low, estimate.high)
    if not all(limit is not None and math.isfinite(limit) for limit in limits) or limits[0] > limits[1]:
        raise InputError(where, "finite limits, low <= high", str(limits), "Look at the bootstrap behind it.")
    level = LEVELS[claim.rule]
    if estimate.level is None or not math.isclose(estimate.level, level):
        expected = f"a {level:.0%} interval for the rule {claim.rule}"
        raise InputError(where, expected, f"level {estimate.level}", "Compute the interval at that level.")


def _meets(part, required, supplied):
    required, supplied = _several(required), _several(supplied)
    # counted, not sorted: what an arm lacks is None, which has no order among numbers
    return set(required) <= set(supplied) if part == "corpora" else Counter(required) == Counter(supplied)


def _several(value):
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _words(value):
    return "not stated" if value is None else " + ".join(map(str, _several(value)))


def _parts(value):
    return value if isinstance(value, Mapping) else {None: value}


def _look_up(counts, key):
    for name in key.split("."):
        if not isinstance(counts, Mapping) or name not in counts:
            return None
        counts = counts[name]
    return counts


def _has_parts(claim, found):
    if found is None or isinstance(found, Mapping) != isinstance(claim.published, Mapping):
        return False
    return set(_parts(claim.published)) <= set(_parts(found))


def _distance(claim, value):
    ours, published = _parts(value), _parts(claim.published)
    return len(_disagreeing(claim, value)), sum(abs(ours[part] - published[part]) for part in published)


def _disagreeing(claim, value):
    ours, published = _parts(value), _parts(claim.published)
    return [part for part in published if not abs(ours[part] - published[part]) < claim.margin]
