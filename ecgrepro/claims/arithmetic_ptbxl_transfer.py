"""Checks of what the CSC2541 project prints; `ecgrepro.claims.arithmetic` carries them out and judges them."""

from ecgrepro.claims.printed_inputs import printed_groups


def share_of_sum(claim):
    """Share that the inputs named ``part/...`` have of the sum of these and of those named ``rest/...``.

    Single inputs may be negative, as losses among gains are; both sums must be positive whatever the digits leave open,
    or there is no share of anything. With both positive the share rises with the one and falls with the other, so its
    limits are at the ends of the two sums.

    Raises
    ------
    ValueError
        A sum that is not positive, or may not be.
    """
    groups = printed_groups(claim)
    part, rest = (
        [sum(bounds) for bounds in zip(*groups[name].values(), strict=True)] for name in ("part", "rest")
    )
    return {None: share_limits(part, rest)}


def share_limits(part, rest):
    """Least and largest share of a sum in that of both, from the least and largest that each can be: (low, high).

    Raises
    ------
    ValueError
        A sum that is not positive, or may not be.
    """
    if part[0] <= 0 or rest[0] <= 0:
        raise ValueError(f"two positive sums, not {part} and {rest}")
    return part[0] / (part[0] + rest[1]), part[1] / (part[1] + rest[0])
