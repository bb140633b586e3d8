"""Claims and ledgers small enough to read beside the test."""

import copy

import pytest
import yaml

from ecgrepro.claims.claim import Claim

COMPARISONS = {
    "difference": {"metric": "macro_f1", "arms": ["beat", "random"], "label_fraction": 1.0, "direction": 1},
    "trend": {"metric": "macro_f1", "arms": ["beat", "random"], "label_fraction": 1.0, "direction": 1},
    "equivalence": {"metric": "macro_f1", "arms": ["beat", "random"], "label_fraction": 1.0},
    "value": {"metric": "macro_f1", "arm": "random", "label_fraction": 1.0},
    "count": {"key": "cinc2017.v2"},
}


@pytest.fixture
def make_claim():
    """Return a function that makes a claim of the given rule, margin .02 unless told otherwise."""

    def make(rule, *, published=0.75, margin=0.02, printed=None, requires=None, inputs=None, **comparison):
        return Claim(
            id="X",
            study="resnet1d",
            source={"document": "paper", "title": "A paper", "place": "Table 1"},
            statement="A statement.",
            quantity={"metric": "macro_f1", "corpus": "cinc2017"},
            published=published,
            printed=printed,
            comparison={"rule": rule, **COMPARISONS.get(rule, {}), **comparison},
            margin=margin,
            requires={"corpora": ["cinc2017"]} if requires is None else requires,
            inputs=inputs or {},
        )

    return make


def _row(name, published, arm):
    return {
        "id": name,
        "study": "resnet1d",
        "source": {"document": "paper", "place": "Table 1"},
        "statement": "A level.",
        "quantity": {"metric": "macro_f1", "corpus": "cinc2017"},
        "published": published,
        "printed": {"digits": 3, "rounding": "rounded"},
        "comparison": {"rule": "value", "metric": "macro_f1", "arm": arm, "label_fraction": 1.0},
        "margin": 0.02,
        "requires": {"corpora": ["cinc2017"], "width": 1.0},
    }


@pytest.fixture
def content():
    """A ledger of two levels, one of which implies a difference, as plain mappings to be spoiled."""
    implied = {"reference": "RANDOM", "rule": "difference", "direction": 1, "margin": 0.02}
    return copy.deepcopy(
        {
            "documents": {"paper": "A paper"},
            "metrics": {"macro_f1": "four-class macro F1", "f1_N": "F1 of normal rhythm"},
            "arms": {"random": "random initialisation", "beat": "beat pre-training"},
            "claims": [
                _row("RANDOM", 0.731, "random"),
                {**_row("BEAT", 0.779, "beat"), "implied_difference": implied},
            ],
            "excluded": [{"id": "OTHER", "reason": "no figure"}],
        }
    )


@pytest.fixture
def write_ledger(tmp_path):
    """Return a function that writes mappings, or raw text, as a ledger file and gives its path."""

    def write(content):
        path = tmp_path / "ledger.yaml"
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
        return path

    return write
