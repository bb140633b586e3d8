"""The ledger of published claims and the verdicts on them.

`ledger.yaml` is edited by hand; `load` reads it strictly, `decide` judges one claim, `claims_table` all.
"""

from ecgrepro.claims.claim import Claim
from ecgrepro.claims.ledger import excluded, load
from ecgrepro.claims.rules import changed_after_run, rule_hash, rule_hashes, rules_hash
from ecgrepro.claims.table import claims_table
from ecgrepro.claims.verdicts import Estimate, Verdict, capped_runs, count_estimate, decide, replaced_parts

__all__ = [
    "Claim",
    "Estimate",
    "Verdict",
    "capped_runs",
    "changed_after_run",
    "claims_table",
    "count_estimate",
    "decide",
    "excluded",
    "load",
    "replaced_parts",
    "rule_hash",
    "rule_hashes",
    "rules_hash",
]
