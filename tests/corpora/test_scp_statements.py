"""The table of statements in the package is the publisher's, reduced."""

import pandas as pd

from ecgrepro.corpora.scp_statements import STATEMENTS, SUPERCLASSES, superclass_codes, superclasses


def test_there_are_71_statements_of_the_published_kinds():
    kinds = [(statement.diagnostic, statement.form, statement.rhythm) for statement in STATEMENTS.values()]
    assert len(kinds) == 71
    assert tuple(map(sum, zip(*kinds, strict=True))) == (44, 19, 12)
    assert all(map(any, kinds))
    assert sum(statement.diagnostic and statement.form for statement in STATEMENTS.values()) == 4


def test_diagnostic_statements_alone_have_classes():
    for code, statement in STATEMENTS.items():
        assert code == statement.code
        assert (statement.superclass in SUPERCLASSES) == statement.diagnostic
        assert bool(statement.subclass) == statement.diagnostic


def test_superclasses_of_statements():
    assert superclasses(("IMI", "ASMI", "SR", "LVH")) == {"MI", "HYP"}
    assert superclasses(("SR", "PVC")) == superclasses(()) == set()


def test_superclasses_in_place_of_statements():
    assert superclass_codes(["MI", "CD"]) == ("superdiagnostic:MI", "superdiagnostic:CD")
    assert superclass_codes([]) == ("superdiagnostic:",)


def test_the_table_is_the_publishers(real):
    table = pd.read_csv(real("ptbxl") / "scp_statements.csv", index_col=0)
    assert list(table.index) == list(STATEMENTS)
    for kind in ("diagnostic", "form", "rhythm"):
        assert [getattr(statement, kind) for statement in STATEMENTS.values()] == (table[kind] == 1).tolist()
    assert [s.superclass for s in STATEMENTS.values()] == table.diagnostic_class.fillna("").tolist()
    assert [s.subclass for s in STATEMENTS.values()] == table.diagnostic_subclass.fillna("").tolist()
