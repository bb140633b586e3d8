"""What a ledger entry may hold: every unknown, missing or impossible field is an `InputError`."""

from numbers import Real

from ecgrepro.claims.arithmetic import CHECKS
from ecgrepro.claims.claim import ROUNDINGS
from ecgrepro.errors import InputError

STUDIES = ("data", "resnet1d", "spectrogram2d", "pretrain_size", "freezing", "ptbxl_transfer", "calibration")

#: Keys of a comparison by rule: (obligatory, optional).
COMPARISONS = {
    "difference": ({"metric", "arms", "label_fraction", "direction"}, set()),
    "equivalence": ({"metric", "arms", "label_fraction"}, set()),
    "value": ({"metric", "arm", "label_fraction"}, set()),
    "trend": ({"metric", "arms", "label_fraction", "direction"}, set()),
    "arithmetic": ({"check"}, {"inputs", "level"}),
    "count": ({"key"}, set()),
}

#: Metrics that a run record or a history holds; all others are computed from per-record predictions.
RUN_METRICS = ("last_epoch", "pretraining_accuracy", "pretraining_hours", "seconds_per_epoch")

#: Metrics of predictions that give a recording several labels, none or all of them true; beside these `auc_` and a
#: label, which is that label's own area under the ROC curve. All count every recording once.
MULTILABEL_METRICS = ("macro_auc", "multilabel_macro_f1")

#: What a claim can require of a run; units: Hz for the rate, samples for the frames, a share of the corpus. A claim
#: that compares arms which differ in a part requires the list of what they have. The corpora are those tested on, and
#: trained on too unless a training corpus of its own is required; the initialisation is "random", "pretrained" (which
#: the parts of the pre-training describe) or "imagenet" (published weights of that data set); the input, required where
#: it is not the signal or where it is what is compared, is "signal", or "fourier_real", "fourier_imag", "fourier_abs".
REQUIREMENTS = {
    "corpora",
    "training_corpus",
    "label_revision",
    "pretraining_corpus",
    "pretraining_task",
    "pretraining_frame",
    "pretraining_share",
    "initialisation",
    "model",
    "width",
    "sampling_rate",
    "input",
    "frame",
    "budget",
    "machine",
}

LEDGER = ({"documents", "metrics", "arms", "claims"}, {"shared", "excluded"})
ENTRY = (
    {"id", "study", "source", "statement", "quantity", "published", "comparison", "margin"},
    {
        "published_spread",
        "printed",
        "requires",
        "derived_from",
        "note",
        "correction",
        "command",
        "implied_difference",
    },
)
_NESTED = {
    "source": ({"document", "place"}, set()),
    "quantity": ({"metric", "corpus"}, {"split"}),
    "published_spread": ({"std", "n"}, set()),
    "printed": ({"digits"}, {"rounding"}),
    "requires": (set(), REQUIREMENTS),
    "implied_difference": ({"reference", "rule", "margin"}, {"direction"}),
}


def multilabel(metric):
    """Whether the ledger's metric of that name is one of predictions with several labels per recording."""
    return metric in MULTILABEL_METRICS or metric.startswith("auc_")


def check_keys(where, mapping, keys, fix="See ecgrepro/claims/schema.py for the fields."):
    """Raise InputError unless `mapping` is one with all obligatory and no unknown keys."""
    obligatory, optional = keys
    if not isinstance(mapping, dict):
        raise InputError(where, "a mapping", repr(mapping), fix)
    if missing := obligatory - set(mapping):
        raise InputError(
            where, f"the keys {', '.join(sorted(obligatory))}", f"none for {sorted(missing)}", fix
        )
    if unknown := set(mapping) - obligatory - optional:
        names = ", ".join(sorted(obligatory | optional))
        raise InputError(where, f"only the keys {names}", f"also {sorted(map(str, unknown))}", fix)


def _check_choice(where, value, choices, fix="Correct the spelling in the ledger."):
    if not isinstance(value, str) or value not in choices:
        raise InputError(where, f"one of {', '.join(sorted(choices))}", repr(value), fix)


def check_margin(where, margin):
    """Raise InputError unless the margin is a positive number."""
    if not isinstance(margin, Real) or isinstance(margin, bool) or not 0 < margin < float("inf"):
        fix = "Fix the margin before the run, in the unit of the published figure (.5 for whole counts)."
        raise InputError(f"{where}: margin", "a positive number", repr(margin), fix)


def _check_comparison(where, comparison, content):
    rule = comparison.get("rule") if isinstance(comparison, dict) else None
    _check_choice(f"{where}: rule", rule, COMPARISONS)
    obligatory, optional = COMPARISONS[rule]
    check_keys(f"{where}: comparison", comparison, (obligatory | {"rule"}, optional))
    if rule == "arithmetic":
        _check_choice(f"{where}: check", comparison["check"], CHECKS, "Name one of CHECKS in arithmetic.py.")
        _check_level(where, comparison.get("level"))
    check_direction(where, rule, comparison.get("direction"))
    arms = comparison.get("arms")
    fractions = comparison.get("label_fraction")
    if "arms" in obligatory:
        _check_arms(where, rule, arms, isinstance(fractions, list))
    for arm in arms or [comparison[key] for key in ("arm",) if key in comparison]:
        _check_choice(f"{where}: arm", arm, content["arms"], "Enter the arm at the ledger's head.")
    if "metric" in obligatory:
        _check_choice(f"{where}: metric", comparison["metric"], content["metrics"], "Name a known metric.")
        _check_label_fraction(where, rule, fractions)


def _check_arms(where, rule, arms, along_shares):
    several = 0 if not isinstance(arms, list) else len(arms)
    fits = several == 2 if rule != "trend" else several in (1, 2) if along_shares else several > 1
    if not fits:
        expected = "two arms (a trend: two or more; one or two where label_fraction is a list)"
        raise InputError(f"{where}: arms", expected, repr(arms), "List the arms.")


def _check_label_fraction(where, rule, given):
    shares = given if isinstance(given, list) else [given]
    fits = all(isinstance(share, Real) and not isinstance(share, bool) and 0 < share <= 1 for share in shares)
    if isinstance(given, list):
        rising = fits and len(shares) > 1 and sorted(set(shares)) == shares
        fits = fits and {"trend": rising, "value": False}.get(rule, len(shares) == 2)
    if not fits:
        expected = "a share above 0, up to 1; or a list: one share per arm, or a trend's from least to most"
        raise InputError(f"{where}: label_fraction", expected, repr(given), "Give shares of the records.")


def _check_level(where, level):
    if level is not None and not (isinstance(level, Real) and 0 < level < 1):
        fix = "Give the interval's nominal coverage, such as .95."
        raise InputError(f"{where}: level", "a number between 0 and 1", repr(level), fix)


def check_direction(where, rule, direction):
    """Raise InputError unless a difference or trend has +1 or -1, and no other rule has a direction."""
    allowed = (1, -1) if rule in ("difference", "trend") else (None,)
    if direction not in allowed:
        fix = "The claimed sign of first minus second arm, in a trend of the rise from first to last; no other has one."
        raise InputError(f"{where}: direction", f"one of {allowed}", repr(direction), fix)


def _check_published(where, published):
    parts = published.values() if isinstance(published, dict) else [published]
    if not parts or any(not isinstance(part, Real) or isinstance(part, bool) for part in parts):
        fix = "Claims without a published figure belong under `excluded`."
        raise InputError(f"{where}: published", "a number or a mapping to numbers", repr(published), fix)


def check_entry(entry, content):
    """Raise InputError unless the entry is complete and names only what the ledger (`content`) knows."""
    where = f"ledger claim {entry.get('id', '?') if isinstance(entry, dict) else '?'}"
    check_keys(where, entry, ENTRY)
    for name, keys in _NESTED.items():
        if entry.get(name) is not None:
            check_keys(f"{where}: {name}", entry[name], keys)
    _check_choice(f"{where}: study", entry["study"], STUDIES)
    _check_choice(f"{where}: document", entry["source"]["document"], content["documents"])
    if entry.get("printed"):
        _check_choice(f"{where}: rounding", entry["printed"].get("rounding", "rounded"), ROUNDINGS)
    _check_published(where, entry["published"])
    _check_comparison(where, entry["comparison"], content)
    check_margin(where, entry["margin"])
