"""Read the ledger of published claims, `ledger.yaml`, strictly.

The file is the source a person edits; its head says how. A claim about a pre-trained arm's level names
the random arm it stands beside (``implied_difference``), and the loader makes of it a second claim,
``<id>-minus-random``, whose published figure is computed from the two printed ones.
"""

from importlib import resources

import yaml

from ecgrepro.claims.claim import Claim
from ecgrepro.claims.schema import LEDGER, check_direction, check_entry, check_keys, check_margin
from ecgrepro.errors import InputError


class _StrictLoader(yaml.SafeLoader):
    """SafeLoader that refuses a key given twice, which YAML forbids and PyYAML lets pass."""

    def compose_mapping_node(self, anchor):
        # here, and not where it is constructed: by then a block that is merged elsewhere holds what it merges itself
        node = super().compose_mapping_node(anchor)
        keys = [key.value for key, _ in node.value]
        if twice := {key for key in keys if keys.count(key) > 1}:
            where = f"ledger, line {node.start_mark.line + 1}"
            raise InputError(where, "every key once", f"{sorted(twice)} twice", "Delete one of them.")
        return node


def read(path=None):
    """Return the ledger file as plain mappings; `path` defaults to the packaged one.

    Raises InputError where the file is no YAML mapping of the known sections.
    """
    source = resources.files("ecgrepro.claims") / "ledger.yaml" if path is None else path
    try:
        content = yaml.load(source.read_text(encoding="utf-8"), _StrictLoader)
    except yaml.YAMLError as fault:
        raise InputError(source, "a YAML file", str(fault), "Mend the line it names.") from fault
    check_keys(f"ledger {source}", content, LEDGER)
    return content


def load(path=None):
    """Return all claims as a tuple of `Claim`, in the file's order, derived ones after their parent.

    Parameters
    ----------
    path : pathlib.Path, optional
        Another ledger than the packaged one.

    Raises
    ------
    InputError
        For an unknown or missing key, an id used twice, an unknown rule, check, study, document or
        referenced claim, and a margin that is not positive.
    """
    content = read(path)
    entries = {}
    for entry in content["claims"]:
        check_entry(entry, content)
        if entry["id"] in entries:
            raise InputError(f"ledger claim {entry['id']}", "every id once", "two entries", "Rename one.")
        entries[entry["id"]] = entry
    claims = []
    for entry in entries.values():
        claims.append(_claim(entry, entries, content["documents"]))
        if "implied_difference" in entry:
            claims.append(_minus_random(claims[-1], entry["implied_difference"], entries, content))
    return _unique(tuple(claims), content.get("excluded") or ())


def by_id():
    """The committed ledger's claims by id: dict of str to Claim; see `load`."""
    return {claim.id: claim for claim in load()}


def excluded(path=None):
    """Return the ids of these studies' collected claims that are left out, each with its reason."""
    return {entry["id"]: entry["reason"] for entry in read(path).get("excluded") or ()}


def _unique(claims, left_out):
    ids = [claim.id for claim in claims] + [entry["id"] for entry in left_out]
    if twice := sorted({name for name in ids if ids.count(name) > 1}):
        raise InputError(
            "ledger", "every id once, also among derived and excluded", f"{twice} twice", "Rename."
        )
    return claims


def _claim(entry, entries, documents):
    plain = {key: value for key, value in entry.items() if key != "implied_difference"}
    plain["source"] = {**entry["source"], "title": documents[entry["source"]["document"]]}
    plain["derived_from"] = tuple(entry.get("derived_from") or ())
    plain["requires"] = entry.get("requires") or {}
    inputs = entry["comparison"].get("inputs") or {}
    where = f"ledger claim {entry['id']}"
    return Claim(**plain, inputs={name: _input(where, given, entries) for name, given in inputs.items()})


def _input(where, given, entries):
    """Resolve an input: a number of its own, or a claim's published figure.

    ``claim`` names the claim, ``part`` one of several figures; ``spread: true`` adds the printed ``std`` and ``n``.
    """
    if isinstance(given, dict) and "claim" in given:
        check_keys(f"{where}: input", given, ({"claim"}, {"part", "spread"}))
        parent = _entry(where, given["claim"], entries)
        spread = parent.get("published_spread") or {} if given.get("spread") else {}
        return {
            **spread,
            "value": _figure(where, parent["published"], given.get("part")),
            "printed": parent.get("printed"),
            "claim": given["claim"],
        }
    check_keys(f"{where}: input", given, ({"value"}, {"digits", "rounding"}))
    printed = {key: given[key] for key in ("digits", "rounding") if key in given} or None
    return {"value": given["value"], "printed": printed, "claim": None}


def _figure(where, published, part):
    parts = published if isinstance(published, dict) else {None: published}
    if part not in parts:
        fix = "Give `part` for a claim that publishes several figures, and only then."
        raise InputError(f"{where}: input", f"one of the parts {list(parts)}", repr(part), fix)
    return parts[part]


def _entry(where, name, entries):
    if name not in entries:
        raise InputError(where, "a claim of this ledger", repr(name), "Correct the id it refers to.")
    return entries[name]


def _minus_random(claim, implied, entries, content):
    where = f"ledger claim {claim.id}: implied_difference"
    if claim.rule != "value" or implied["rule"] not in ("difference", "equivalence"):
        fix = "Only a value claim implies one, by the rule difference or equivalence."
        raise InputError(where, "a difference or equivalence beside a value", implied["rule"], fix)
    check_margin(where, implied["margin"])
    check_direction(where, implied["rule"], implied.get("direction"))
    reference = _entry(where, implied["reference"], entries)
    first, second = claim.comparison, reference["comparison"]
    shared = {key: first[key] for key in ("metric", "label_fraction")}
    if (
        any(second.get(key) != value for key, value in shared.items())
        or claim.printed != reference["printed"]
    ):
        fix = "Subtract rows of one table, with the same metric and label fraction."
        raise InputError(where, f"a reference with {shared} and {claim.printed}", f"{second}", fix)
    comparison = {"rule": implied["rule"], **shared, "arms": [first["arm"], second["arm"]]}
    if "direction" in implied:
        comparison["direction"] = implied["direction"]
    return _difference_claim(claim, reference, comparison, implied["margin"], content)


def _difference_claim(claim, reference, comparison, margin, content):
    digits = claim.printed["digits"]
    relation = {1: "higher after {} than after {}", -1: "lower after {} than after {}"}
    relation = relation.get(comparison.get("direction"), "the same after {} and after {}")
    metric = content["metrics"][comparison["metric"]]
    arms = relation.format(*(content["arms"][arm] for arm in comparison["arms"]))
    return Claim(
        id=f"{claim.id}-minus-random",
        study=claim.study,
        source=claim.source,
        statement=f"{metric[0].upper()}{metric[1:]} is {arms}.",
        quantity=claim.quantity,
        published=round(claim.published - reference["published"], digits),
        printed={"digits": digits, "rounding": "difference"},
        comparison=comparison,
        margin=margin,
        requires=claim.requires,
        derived_from=(claim.id, reference["id"]),
        note="Published: the two printed figures subtracted.",
        command=claim.command,
    )
