"""Which statements are drawn: at the published shares, without contradictions, the same ones every time."""

from collections import Counter
from types import SimpleNamespace

import pytest

from ecgrepro.corpora.synthetic_findings import CONFLICTS, FAMILIES, conflict, draw_findings, share_of
from ecgrepro.corpora.synthetic_sites import GEORGIA, PTBXL

N = 4000
ALL = [name for family in FAMILIES for name in family]


@pytest.fixture(scope="module", params=[PTBXL, GEORGIA], ids=lambda site: site.name)
def drawn(request):
    return SimpleNamespace(
        site=request.param, findings=[draw_findings(request.param, 1, i) for i in range(N)]
    )


def test_shares_are_the_published_ones(drawn):
    counts = Counter(name for findings in drawn.findings for name in findings)
    for name in ALL:
        published = drawn.site.counts.get(name, 0) / drawn.site.records
        # conflicts cost the frequent classes up to a quarter, the even sequence keeps the rare ones
        assert 0.75 * published - 3 / N <= counts[name] / N <= published + 3 / N, name


def test_the_sites_differ():
    assert share_of(GEORGIA, "NDT") > 8 * share_of(PTBXL, "NDT")
    assert share_of(PTBXL, "LAFB") > 3 * share_of(GEORGIA, "LAFB")


def test_nothing_contradicts_itself(drawn):
    for findings in drawn.findings:
        assert not any(conflict(a, b) for a in findings for b in findings if a != b), findings


def test_rhythm_comes_last_and_normal_stands_alone(drawn):
    rhythms = {"SR", "AFIB", "AFLT", "SARRH", "SBRAD", "STACH"}
    for findings in drawn.findings:
        assert [name in rhythms for name in findings] == [False] * (len(findings) - 1) + [True]
        if "NORM" in findings:
            assert findings[0] == "NORM"
            assert len(findings) == 2
        else:
            assert len(findings) > 1 or findings[0] in ("AFIB", "AFLT")


def test_statements_come_together(drawn):
    several = sum(len(findings) > 2 for findings in drawn.findings)
    assert several > 0.08 * N
    with_lvh = [findings for findings in drawn.findings if "LVH" in findings]
    rate = sum("LAO/LAE" in findings for findings in with_lvh) / len(with_lvh)
    assert rate > 1.5 * share_of(drawn.site, "LAO/LAE")


@pytest.mark.parametrize("site", [PTBXL, GEORGIA], ids=lambda site: site.name)
def test_a_small_demo_meets_every_class(site):
    met = {name for i in range(150) for name in draw_findings(site, 0, i, least_share=0.04)}
    assert {name for name in ALL if site.counts.get(name)} <= met


def test_a_later_visit_changes_rhythm_but_not_the_person():
    changed = 0
    for patient in range(300):
        first, second = (draw_findings(PTBXL, 1, patient, visit) for visit in (0, 1))
        changed += first[-1] != second[-1]
        if "AF" not in first[-1] + second[-1] and "2AVB" not in first + second:
            personal = [
                {n for n in f if n in ALL and n not in ("PAC", "PVC")} - set(FAMILIES[-2])
                for f in (first, second)
            ]
            assert personal[0] == personal[1]
    assert changed > 20


def test_conflicts_name_known_statements_and_hold_both_ways():
    assert {name for names in CONFLICTS.values() for name in names} | set(CONFLICTS) <= set(ALL)
    assert conflict("LVH", "CLBBB")
    assert conflict("CLBBB", "LVH")
    assert conflict("AFIB", "STACH")
    assert not conflict("LVH", "LAO/LAE")
