"""Claims decided from the publications' own printed numbers, rounding taken into account.

Every printed number stands for an interval; a check carries the intervals through the arithmetic that
the publication implies and gives the interval in which the result must lie. The claim is then

* contradicted where that interval has no number in common with what the printed result stands for,
* supported where it has, and lies wholly within the printed result's interval widened by the margin,
* inconclusive where it has, but the printed digits are too coarse for the margin.

An interval of `welch_intervals` at `EQUIVALENCE_LEVEL` is judged as the rule equivalence judges: what counts is the
margin, and not whether 0 is in it. At any other level it is judged as above, that is as a test of significance.

A claim of several parts is supported only if all are, and contradicted as soon as one is.
"""

import itertools
import math
from dataclasses import dataclass

from scipy.special import stdtrit

from ecgrepro.claims.arithmetic_freezing import (
    accuracies,
    alexnet_parameters,
    extreme_spreads,
    rank_correlation,
)
from ecgrepro.claims.arithmetic_mcnemar import significant_pairs
from ecgrepro.claims.arithmetic_ptbxl_transfer import share_of_sum
from ecgrepro.claims.claim import printed_interval
from ecgrepro.claims.printed_inputs import by_part, minus, printed_groups, printed_inputs, ratio
from ecgrepro.errors import InputError

#: Nominal coverage at which lying within a margin is what two one-sided tests at 5 % ask.
EQUIVALENCE_LEVEL = 0.90


@dataclass(frozen=True)
class ArithmeticResult:
    """The outcome of a check.

    Attributes
    ----------
    word : {"supported", "contradicted", "inconclusive"}
    computed : dict
        Part to (low, high); the part is None where the claim publishes a single number.
    sentence : str
        Every part with its computed interval, formatted from these very numbers.
    """

    word: str
    computed: dict
    sentence: str


def run_check(claim):
    """Carry out the claim's check and judge it; raise InputError where its inputs do not fit the check."""
    try:
        computed = CHECKS[claim.comparison["check"]](claim)
        published = {part: claim.published_interval(part) for part in computed}
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as fault:
        fix = "Compare the comparison's inputs with the docstring of the check that it names."
        raise InputError(
            f"ledger claim {claim.id}", "inputs that the check can use", repr(fault), fix
        ) from fault
    word = judge_equivalence if _is_equivalence(claim) else judge
    words = {part: word(computed[part], published[part], claim.margin) for part in computed}
    worst = next((w for w in ("contradicted", "inconclusive") if w in words.values()), "supported")
    sentences = [_sentence(claim, part, computed[part], words[part]) for part in computed]
    return ArithmeticResult(worst, computed, "; ".join(sentences) + ".")


def judge(computed, published, margin):
    """Return the word for one computed (low, high), given the interval the printed result stands for.

    >>> judge((6.42, 6.71), (6.565, 6.575), 0.2)
    'supported'
    """
    # Bounds are compared with a tolerance: .7795 is not representable, and an end that merely touches counts.
    slack = 1e-9 * max(1.0, *(abs(bound) for bound in (*computed, *published) if math.isfinite(bound)))
    if computed[1] < published[0] - slack or computed[0] > published[1] + slack:
        return "contradicted"
    wide = published[0] - margin - slack <= computed[0] and computed[1] <= published[1] + margin + slack
    return "supported" if wide else "inconclusive"


def judge_equivalence(computed, published, margin):
    """Return the word for one computed (low, high) by where it lies to the margin around the printed result.

    >>> judge_equivalence((0.001, 0.01), (0.0, 0.0), 0.02)
    'supported'
    """
    return judge_closeness(*minus(computed, published), margin)


def judge_closeness(low, high, margin):
    """Return the word for an interval that should lie within a margin of 0."""
    if -margin < low and high < margin:
        return "supported"
    return "contradicted" if low > margin or high < -margin else "inconclusive"


def _is_equivalence(claim):
    return claim.comparison.get("level") == EQUIVALENCE_LEVEL


def _sentence(claim, part, computed, word):
    name = "" if part is None else f"{part}: "
    printed = claim.published if part is None else claim.published[part]
    within = _is_equivalence(claim)
    relation = {
        "supported": "lies within the margin of" if within else "agrees with",
        "contradicted": "lies beyond the margin of" if within else "excludes",
        "inconclusive": "is too wide to judge",
    }
    bound = "at least " if (claim.printed or {}).get("rounding") == "lower_bound" else ""
    figure = f"the printed {bound}{printed:,}" if printed else "no difference"
    return f"{name}{_format(computed)} {relation[word]} {figure}"


def _format(interval):
    low, high = interval
    if low == high:
        return f"{low:,.6g}" if low != round(low) else f"{low:,.0f}"
    digits = max(0, 1 - math.floor(round(math.log10(high - low), 6)))
    return f"[{low:,.{digits}f}, {high:,.{digits}f}]"


def _total(intervals):
    return sum(low for low, _ in intervals), sum(high for _, high in intervals)


def totals(claim):
    """Add the inputs of each part."""
    return {part: _total(members.values()) for part, members in printed_groups(claim).items()}


def means(claim):
    """Average the inputs of each part with equal weights."""
    groups = printed_groups(claim)
    return {
        part: tuple(bound / len(groups[part]) for bound in total) for part, total in totals(claim).items()
    }


def product(claim):
    """Multiply the inputs of each part, which are positive; one whose name begins with ``per_`` divides."""
    return {part: _product(members) for part, members in printed_groups(claim).items()}


def _product(members):
    factors = [
        (1 / high, 1 / low) if name.startswith("per_") else (low, high)
        for name, (low, high) in members.items()
    ]
    return math.prod(low for low, _ in factors), math.prod(high for _, high in factors)


def differences(claim):
    """Subtract input ``reference`` of each part from its ``treated``."""
    return {
        part: minus(given["treated"], given["reference"]) for part, given in printed_groups(claim).items()
    }


def shares_of_gain(claim):
    """Share of each part's gain, ``full`` over ``reference``, that is there ``early``; all between these two."""
    return {part: _share(**given) for part, given in printed_groups(claim).items()}


def _share(reference, early, full):
    # falls with the reference and with the full gain, rises with the early one: its limits are at the ends
    low = (early[0] - reference[1]) / (full[1] - reference[1])
    return low, (early[1] - reference[0]) / (full[0] - reference[0])


def welch_intervals(claim):
    """Confidence interval of ``first`` minus ``second`` of each part, by Welch's t from means, SDs and runs.

    The comparison's ``level`` is its nominal coverage; see `EQUIVALENCE_LEVEL` for what it decides. The limits are the
    widest that the printed digits leave room for, so runs are taken for unpaired.
    Source: Welch (1947), doi:10.1093/biomet/34.1-2.28.
    """
    level = claim.comparison["level"]
    means, inputs = printed_groups(claim), by_part(claim.inputs)
    return {part: _welch(means[part], inputs[part], level) for part in means}


def _welch(means, inputs, level):
    low, high = minus(means["first"], means["second"])
    given = [inputs["first"], inputs["second"]]
    ends = [printed_interval(one["std"], one["printed"]) for one in given]  # printed as the means are
    # a larger standard deviation widens the standard error but may narrow the t quantile: both ends of both are tried
    half = max(_half_width(pair, [one["n"] for one in given], level) for pair in itertools.product(*ends))
    return low - half, high + half


def _half_width(deviations, runs, level):
    """Half the width of Welch's interval, with the degrees of freedom of Welch and Satterthwaite."""
    errors = [deviation**2 / n for deviation, n in zip(deviations, runs, strict=True)]
    freedom = sum(errors) ** 2 / sum(error**2 / (n - 1) for error, n in zip(errors, runs, strict=True))
    return float(stdtrit(freedom, (1 + level) / 2)) * math.sqrt(sum(errors))


def relative_gain(claim):
    """Gain of input ``treated`` over input ``reference`` in percent of the reference."""
    inputs = printed_inputs(claim)
    low, high = ratio(inputs["treated"], inputs["reference"])
    return {None: (100 * (low - 1), 100 * (high - 1))}


def relative_reduction(claim):
    """How far every other input lies below input ``reference``, in percent of it."""
    inputs = printed_inputs(claim)
    reference = inputs.pop("reference")
    ratios = {part: ratio(interval, reference) for part, interval in inputs.items()}
    return {part: (100 * (1 - high), 100 * (1 - low)) for part, (low, high) in ratios.items()}


def resnet18_parameters(*, dimensions, kernels, stem_kernel, bias, n_outputs):
    """Return the number of parameters of a ResNet-18, trainable or not, by counting its layers.

    One input channel; stem convolution; four stages of two basic blocks with 64, 128, 256 and 512
    filters; a 1 x 1 convolution on the shortcut only where the number of channels changes; batch
    normalisation (scale, offset, mean, variance) after every convolution; global average; dense layer.

    Parameters
    ----------
    dimensions : int
        1 for signals, 2 for images; kernels are square in 2-D.
    kernels : sequence of 4 int
        Kernel length in each stage.
    stem_kernel : int
    bias : bool
        Whether convolutions have one.
    n_outputs : int
        Classes of the dense layer, which always has a bias; 0 for the feature extractor alone.
    """

    def normalised_convolution(kernel, inputs, filters):
        return kernel**dimensions * inputs * filters + bias * filters + 4 * filters

    count, inputs = normalised_convolution(stem_kernel, 1, 64), 64
    for kernel, filters in zip(kernels, (64, 128, 256, 512), strict=True):
        count += normalised_convolution(kernel, inputs, filters)
        count += 3 * normalised_convolution(kernel, filters, filters)
        count += normalised_convolution(1, inputs, filters) if inputs != filters else 0
        inputs = filters
    return count + (inputs + 1) * n_outputs


#: The published nets. 1-D: Weimann & Conrad's code, one kernel length per stage, no biases. 2-D: the class
#: report's Keras net on spectrograms.
RESNET18_1D = {"dimensions": 1, "kernels": (7, 5, 5, 3), "stem_kernel": 7, "bias": False}
RESNET18_2D = {"dimensions": 2, "kernels": (3, 3, 3, 3), "stem_kernel": 7, "bias": True}


def parameter_counts(claim):
    """Count the parameters of every net named in the published mapping, from its layer table."""
    nets = {
        "1d_pretraining": (RESNET18_1D, 5),
        "1d_finetuning": (RESNET18_1D, 4),
        "2d_pretraining": (RESNET18_2D, 5),
    }
    counts = {part: resnet18_parameters(**nets[part][0], n_outputs=nets[part][1]) for part in claim.published}
    return {part: (float(count), float(count)) for part, count in counts.items()}


#: Checks by the name a comparison gives.
CHECKS = {
    check.__name__: check
    for check in (
        totals,
        means,
        product,
        differences,
        relative_gain,
        relative_reduction,
        shares_of_gain,
        welch_intervals,
        parameter_counts,
        accuracies,
        rank_correlation,
        significant_pairs,
        extreme_spreads,
        alexnet_parameters,
        share_of_sum,
    )
}
