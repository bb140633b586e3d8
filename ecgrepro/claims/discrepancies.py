"""Read the register of discrepancies, `discrepancies.yaml`, strictly.

Where a publication, its program and those who repeated it do not say the same, the register gives every reading with
its source, why it matters, and which one this project follows. Where both can be run cheaply it names a switch: an arm
of the study resnet1d that differs in this alone.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import yaml

from ecgrepro.claims import ledger
from ecgrepro.claims.schema import check_keys
from ecgrepro.errors import InputError

#: Studies that an entry can touch, in the book's order.
STUDIES = ("data", "resnet1d", "spectrogram2d", "pretrain_size", "freezing", "ptbxl_transfer", "calibration")

_FIX = "Mend ecgrepro/claims/discrepancies.yaml; its head says how."
_SECTIONS = ({"documents", "switches", "discrepancies"}, set())
_ENTRY = (
    {"id", "studies", "title", "readings", "effect", "claims", "resolution"},
    {"switch", "arithmetic"},
)
_READING = ({"document", "place", "says"}, set())
_SWITCH = ({"question", "switched", "usual", "published", "default", "discrepancy"}, set())
_ID = re.compile(r"X-\d\d[a-z]?")
_CLAIM = re.compile(r"[A-Z][A-Z0-9]*-\S+")


@dataclass(frozen=True)
class Reading:
    """What one document says in one place.

    Attributes
    ----------
    document, title, place : str
        Key of the document, its title, and where in it.
    says : str
        In our words.
    """

    document: str
    title: str
    place: str
    says: str


@dataclass(frozen=True)
class Switch:
    """A setting on which documents differ, and that can be run both ways.

    Attributes
    ----------
    name : str
        Of the arm of the study resnet1d that turns it, at scales whose other arms have it not turned.
    question : str
    switched, usual : str
        Its two values in words: that of the arm, and that of all other runs of this project; the latter names the
        scales where it is the other way round.
    published : str
        Which of the two the documents say, or do.
    default : str
        Why the usual value is the usual one.
    discrepancy : str or None
        Entry that it belongs to; None where no document disagrees with another.
    """

    name: str
    question: str
    switched: str
    usual: str
    published: str
    default: str
    discrepancy: str | None


@dataclass(frozen=True)
class Discrepancy:
    """A thing on which documents disagree, or one document with itself.

    Attributes
    ----------
    id : str
    studies : tuple of str
        Studies that it touches, the one that it concerns most first; names of `STUDIES`.
    title : str
    readings : tuple of Reading
        Two or more.
    effect : str
        Why it matters.
    claims : tuple of str
        Claims that it matters for: ids of the ledger, or of claims collected for it.
    resolution : str
        Which reading this project follows, and why.
    switch : tuple of (str, tuple)
        Name of a switch and its value by reading: True turned, False usual, None neither or unknown.
    arithmetic : tuple of str
        Claims of the ledger, arithmetic or counts, that decide it.
    """

    id: str
    studies: tuple
    title: str
    readings: tuple
    effect: str
    claims: tuple
    resolution: str
    switch: tuple = ()
    arithmetic: tuple = ()


def load(path=None):
    """Return all discrepancies as a tuple of `Discrepancy`, in the file's order.

    Parameters
    ----------
    path : pathlib.Path, optional
        Another register than the packaged one.

    Raises
    ------
    InputError
        For an unknown, missing or empty field, an id or key given twice, fewer than two readings, an unknown study,
        document, switch or deciding claim, and a switch that does not name its entry in turn.
    """
    content = _read(path)
    titles = _titles(content)
    return tuple(_discrepancy(entry, titles) for entry in content["discrepancies"])


def switches(path=None):
    """Return all switches as a tuple of `Switch`, in the file's order; parameter and errors as in `load`."""
    return tuple(Switch(name=name, **fields) for name, fields in _read(path)["switches"].items())


def _discrepancy(entry, titles):
    readings = (Reading(title=titles[reading["document"]], **reading) for reading in entry["readings"])
    return Discrepancy(
        **{name: entry[name] for name in ("id", "title", "effect", "resolution")},
        **{name: tuple(entry.get(name, ())) for name in ("studies", "claims", "arithmetic")},
        readings=tuple(readings),
        switch=tuple((name, tuple(values)) for name, values in entry.get("switch", {}).items()),
    )


def _read(path):
    return _packaged() if path is None else _read_file(path)


@lru_cache
def _packaged():
    return _read_file(resources.files("ecgrepro.claims") / "discrepancies.yaml")


def _read_file(source):
    try:
        content = yaml.load(source.read_text(encoding="utf-8"), ledger._StrictLoader)
    except yaml.YAMLError as fault:
        raise InputError(source, "a YAML file", str(fault), "Mend the line it names.") from fault
    except InputError as fault:
        raise InputError(source, fault.expected, f"{fault.got} ({fault.where})", fault.fix) from fault
    check_keys(f"register {source}", content, _SECTIONS, _FIX)
    for name, kind in (("documents", dict), ("switches", dict), ("discrepancies", list)):
        _require(
            isinstance(content[name], kind), f"register, {name}", f"a {kind.__name__}", repr(content[name])
        )
    _check(content)
    return content


def _titles(content):
    return _ledger()[0] | content["documents"]


@lru_cache
def _ledger():
    """Titles of the ledger's documents, and ids of its claims that numbers alone decide."""
    decided = {claim.id for claim in ledger.load() if claim.rule in ("arithmetic", "count")}
    return ledger.read()["documents"], decided


def _check(content):
    twice = set(content["documents"]) & set(_ledger()[0])
    _require(not twice, "register, documents", "none that the ledger has", f"{sorted(twice)}")
    for name, switch in content["switches"].items():
        _check_switch(f"register, switch {name}", switch)
    known = {"documents": _titles(content), "switches": content["switches"], "decided": _ledger()[1]}
    ids = []
    for entry in content["discrepancies"]:
        _check_entry(entry, known)
        ids.append(entry["id"])
    twice = sorted({name for name in ids if ids.count(name) > 1})
    _require(not twice, "register", "every id once", f"{twice} twice")
    _check_references(content)


def _check_switch(where, switch):
    check_keys(where, switch, _SWITCH, _FIX)
    _check_texts(where, switch, _SWITCH[0] - {"discrepancy"})


def _check_entry(entry, known):
    where = f"register, {entry.get('id', '?') if isinstance(entry, dict) else '?'}"
    check_keys(where, entry, _ENTRY, _FIX)
    _check_texts(where, entry, {"id", "title", "effect", "resolution"})
    _require(_ID.fullmatch(entry["id"]), where, "an id such as X-01 or X-09b", repr(entry["id"]))
    _check_names(f"{where}, studies", entry["studies"], STUDIES)
    _check_readings(f"{where}, readings", entry["readings"], known["documents"])
    _require(isinstance(entry["claims"], list), f"{where}, claims", "a list of ids", repr(entry["claims"]))
    for claim in entry["claims"]:
        fits = isinstance(claim, str) and _CLAIM.fullmatch(claim)
        _require(fits, f"{where}, claims", "ids such as WC-T1-none-macro", repr(claim))
    if "arithmetic" in entry:
        _check_names(f"{where}, arithmetic", entry["arithmetic"], known["decided"])
    if "switch" in entry:
        _check_turns(f"{where}, switch", entry["switch"], known["switches"], len(entry["readings"]))


def _check_readings(where, readings, documents):
    several = isinstance(readings, list) and len(readings) >= 2
    _require(several, where, "two readings or more", repr(readings))
    for reading in readings:
        check_keys(where, reading, _READING, _FIX)
        _check_texts(where, reading, _READING[0])
        _require(
            reading["document"] in documents, where, "a document of ledger or register", reading["document"]
        )


def _check_turns(where, turns, known, n_readings):
    _require(isinstance(turns, dict) and turns, where, "names of switches", repr(turns))
    for name, values in turns.items():
        _require(name in known, where, f"one of {', '.join(known)}", repr(name))
        fits = isinstance(values, list) and len(values) == n_readings
        fits = fits and all(value in (True, False, None) for value in values) and True in values
        _require(fits, f"{where} {name}", "on, off or null for each reading, at least one on", repr(values))


def _check_references(content):
    """A switch names the entry it belongs to, and that entry names the switch."""
    named = {(name, entry["id"]) for entry in content["discrepancies"] for name in entry.get("switch", ())}
    naming = {(name, switch["discrepancy"]) for name, switch in content["switches"].items()}
    naming = {pair for pair in naming if pair[1] is not None}
    _require(named == naming, "register, switches", "switch and entry that name each other",
             f"one-sided {sorted(named ^ naming)}")  # fmt: skip


def _check_names(where, names, known):
    fits = isinstance(names, list) and names and all(isinstance(name, str) for name in names)
    fits = fits and len(set(names)) == len(names)
    _require(fits, where, "a list of names, each once", repr(names))
    unknown = [name for name in names if name not in known]
    _require(not unknown, where, f"names among {', '.join(sorted(known))}", repr(unknown))


def _check_texts(where, mapping, names):
    for name in sorted(names):
        text = mapping[name]
        fits = isinstance(text, str) and text.strip() == text and text
        _require(fits, f"{where}, {name}", "a text without blanks around it", repr(text))


def _require(fits, where, expected, got):
    if not fits:
        raise InputError(where, expected, got, _FIX)
