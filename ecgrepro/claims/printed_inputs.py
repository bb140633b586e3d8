"""The printed numbers that an arithmetic check starts from, as intervals (low, high), and arithmetic on these."""

from ecgrepro.claims.claim import printed_interval


def printed_inputs(claim):
    """Return the interval that each of a claim's inputs stands for, by name."""
    return {name: printed_interval(given["value"], given["printed"]) for name, given in claim.inputs.items()}


def by_part(named):
    """Return part to member to what is named ``part/member``, or ``member`` where there is one part, None."""
    groups = {}
    for name, value in named.items():
        part, _, member = name.rpartition("/")
        groups.setdefault(part or None, {})[member] = value
    return groups


def printed_groups(claim):
    """Return part to the intervals of its inputs by name."""
    return by_part(printed_inputs(claim))


def minus(first, second):
    """Difference of two intervals."""
    return first[0] - second[1], first[1] - second[0]


def ratio(first, second):
    """Quotient of two positive intervals."""
    return first[0] / second[1], first[1] / second[0]
