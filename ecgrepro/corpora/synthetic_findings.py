"""What a simulated recording shows: statements drawn at a site's prevalences, those that exclude each other apart.

Nothing here estimates anything: which statements come together is our own.
"""

import numpy as np

#: Statements of which a recording has one at most. All families but the last two belong to the person.
FAMILIES = (
    ("2AVB", "1AVB"),
    ("CLBBB", "CRBBB", "ILBBB", "IRBBB", "IVCD"),
    ("LAFB", "LPFB"),
    ("SEHYP", "RVH", "LVH"),
    ("ISCAN", "ISCIN", "ISCLA", "NDT"),
    ("IMI", "ASMI"),
    ("LNGQT",),
    ("LAO/LAE",),
    ("AFLT", "AFIB", "SARRH", "STACH", "SBRAD"),
    ("PAC", "PVC"),
)
ATRIUM, RHYTHM = FAMILIES[-3], FAMILIES[-2]
PERSONAL = len(FAMILIES) - 2
#: Multiples of their square roots fill [0, 1) evenly and independently of each other: even small sets get their share
#: of the rare classes, and every pair of families meets as often as chance would have it.
_PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29)
#: What cannot be seen together, or would hide the other's defining feature.
CONFLICTS = {
    "CLBBB": {"ISCAN", "ISCIN", "ISCLA", "NDT", "LVH", "RVH", "SEHYP", "LAFB", "LPFB", "IMI", "ASMI"},
    "ILBBB": {"LVH", "RVH", "SEHYP", "LAFB", "LPFB", "IMI", "ASMI"},
    "CRBBB": {"RVH", "SEHYP", "LVH", "NDT", "ISCAN", "ISCLA", "ASMI"},
    "IRBBB": {"RVH", "SEHYP", "LVH", "ASMI"},
    "IVCD": {"RVH", "SEHYP", "LAFB", "LPFB", "IMI"},
    "LAFB": {"RVH", "SEHYP", "IMI", "ASMI"},
    "LPFB": {"RVH", "SEHYP", "LVH", "IMI", "ASMI"},
    "RVH": {"IMI", "ASMI", "ISCAN", "ISCIN", "ISCLA", "NDT"},
    "SEHYP": {"IMI", "ASMI"},
    "LVH": {"IMI", "ASMI"},
    "AFIB": {"1AVB", "2AVB", "LAO/LAE", "PAC"},
    "AFLT": {"1AVB", "2AVB", "LAO/LAE", "PAC", "PVC", "ISCAN", "ISCIN", "ISCLA", "NDT", "LNGQT"},
    "2AVB": {"SARRH", "STACH", "SBRAD", "PAC", "PVC"},
}
#: An enlarged left atrium is so many times as frequent in left ventricular hypertrophy.
ATRIUM_WITH_HYPERTROPHY = 2.5


def draw_findings(site, seed, patient, visit=0, least_share=0.0):
    """Draw what a recording shows.

    Parameters
    ----------
    site : Site
    seed, patient, visit : int
        Rhythm and premature beats follow from the visit too, all else from seed and patient.
    least_share : float
        Rarer statements are raised to this share, before conflicts.

    Returns
    -------
    tuple of str
        PTB-XL statements in the order of `FAMILIES`, the rhythm (``SR`` where no other is drawn) last, ``NORM`` first
        where there is no finding but a sinus rhythm.
    """
    drawn, kept = _draw_families(site, seed, patient, visit, least_share), []
    # the rarer statement survives a conflict, or rare classes would fall below their prevalence
    for name in sorted(drawn, key=lambda name: (site.counts[name], name)):
        if not any(conflict(name, other) for other in kept):
            kept.append(name)
    rhythm = next((name for name in RHYTHM if name in kept), "SR")
    others = [name for family in FAMILIES for name in family if name in kept and name != rhythm]
    normal = not others and rhythm not in ("AFIB", "AFLT")
    return (*(("NORM",) if normal else ()), *others, rhythm)


def conflict(first, second):
    """Whether two statements exclude each other in the simulation."""
    together = any(first in family and second in family for family in FAMILIES)
    return together or second in CONFLICTS.get(first, ()) or first in CONFLICTS.get(second, ())


def _draw_families(site, seed, patient, visit, least_share):
    starts, drawn = np.random.default_rng([seed, site.stream]).random(len(FAMILIES)), []
    for rank, family in enumerate(FAMILIES):
        # a prime number of steps on: another visit is another recording
        index = patient + (7919 * visit if rank >= PERSONAL else 0)
        place = (starts[rank] + index * np.sqrt(_PRIMES[rank])) % 1
        shares = [share_of(site, name, least_share) for name in family]
        if family == ATRIUM:
            shares = [_atrium_share("LVH" in drawn, shares[0], share_of(site, "LVH", least_share))]
        position = int(np.searchsorted(np.cumsum(shares), place, side="right"))
        drawn += family[position : position + 1]
    return drawn


def share_of(site, name, least_share=0.0):
    """Share of a site's recordings that carry a statement, before conflicts; 0 where the site never makes it."""
    published = site.counts.get(name, 0) / site.records
    return max(published, least_share) if published else 0.0


def _atrium_share(hypertrophy, share, hypertrophy_share):
    enlarged = min(1.0, ATRIUM_WITH_HYPERTROPHY * share)
    # so that the share over all recordings stays what it was
    return enlarged if hypertrophy else (share - enlarged * hypertrophy_share) / (1 - hypertrophy_share)
