"""What the `ptbxl_transfer` page says in words: its opening, which classes count, and how far the pilot is.

Every number is computed from committed predictions; where nothing has run, it says so.
"""

from ecgrepro.claims import ledger
from ecgrepro.evaluation.macro_auc import MINIMUM_POSITIVES
from ecgrepro.studies import designs, openings, printed_shares, printed_transfer
from ecgrepro.studies.artefact_tables import CHANCE_NAME, artefact_table
from ecgrepro.studies.diagnosis_tables import difference_table
from ecgrepro.studies.diagnosis_words import name_of
from ecgrepro.studies.figures import Html, Note
from ecgrepro.studies.ptbxl_transfer import STUDY

#: What no run on the recordings at hand can say.
NOT_KNOWN = (
    "<b>Not known:</b> Georgia and all of PTB-XL, of which only parts were at hand. No run here measures transfer from "
    "PTB-XL to Georgia; the pilot asks whether starting from beats helps on PTB-XL, and what each fault does there."
)
#: Claim of the gain that this page is about.
PRINTED_GAIN = "SL-ft-gain-printed"
#: Arm whose loader mixes leads and time, as that of the net trained on Georgia alone did.
LOADER_FAULT = "reshaped"
#: A difference that matters, in macro AUC: the margin of the ledger's claims.
MARGIN = 0.02
#: Scales in which published arms may have run, the widest first.
PUBLISHED_SCALES = ("paper", "colab")


def opening(scale="pilot"):
    """Word what the printed gain is made of, what starting from beats gains, which artefacts matter: `Html`."""
    found, state = designs.finished(STUDY, scale)
    starts, artefacts = difference_table(found, [("beat", "random")]), artefact_table(found)
    text = [
        f"Starting from beats changes macro AUC on PTB-XL's super-classes by {told(row)}."
        for _, row in starts.iterrows()
    ]
    text += [_counted(artefacts)] if len(artefacts) else []
    text += [
        f"The project's fault of the loader alone, {name_of(row.arm)}, changes it by {told(row)}."
        for _, row in artefacts[artefacts.arm == LOADER_FAULT].iterrows()
    ]
    return _paragraph(text, state)


def told(row):
    """Word a difference with its interval, and what that says, in HTML.

    Parameters
    ----------
    row : Series
        With ``difference``, ``low`` and ``high``.
    """
    return openings.difference_in_words(row.difference, row.low, row.high, MARGIN)


def _counted(artefacts):
    """Count comparisons beyond the margin, within it and in between.

    Left out are controls, and what rests on a single class, which is no macro.
    """
    artefacts = artefacts[(artefacts.against != CHANCE_NAME) & (artefacts.counted > 1)]
    beyond = ((artefacts.low > MARGIN) | (artefacts.high < -MARGIN)).sum()
    within = ((artefacts.low > -MARGIN) & (artefacts.high < MARGIN)).sum()
    return (
        f"Of {len(artefacts)} comparisons with and without a fault or a choice, {beyond} move macro AUC by more than "
        f"the margin of {MARGIN}, {within} by less; undecided: {len(artefacts) - beyond - within}."
    )


def _printed():
    """Word the project's printed gain and the share that rare labels have in it."""
    gain = ledger.by_id()[PRINTED_GAIN].published
    shares = printed_transfer.share_table(printed_transfer.printed_table()).set_index("group")
    few = shares.loc[printed_transfer.FEW]
    return (
        f"<b>Printed:</b> a gain of {gain:+.3f} macro AUC on Georgia, between nets that differ in loader, scaling, "
        f"training schedule and test fold; labels with {printed_transfer.FEW} bring "
        f"{few['share of the gain']:.0%} of it ({few.low:.0%} to {few.high:.0%})."
    )


def _paragraph(text, state):
    text = text or ["No run on real recordings is committed, so the question of this page is open."]
    return Html(
        f'<p class="opening">{_printed()} <b>{openings.how_far(state)}:</b> {" ".join(text)} {NOT_KNOWN}</p>'
    )


def rule_sentence(estimated, arm):
    """Say which classes of an arm count in the macro, with how many positives, and why others do not. Returns `Note`.

    Parameters
    ----------
    estimated : dict of str to MacroAUC
        See `ecgrepro.studies.diagnosis_tables.estimates`.
    arm : str
    """
    if arm not in estimated:
        return Note("Not run yet: which classes count is known as soon as a test set is.")
    made = estimated[arm]
    classes, least = made.classes, made.minimum_positives
    counted = [f"{row.positives} {row[1]}" for row in classes.itertuples() if row.counted]
    left = [f"{row[1]} ({row.reason})" for row in classes.itertuples() if not row.counted]
    text = f"Classes with at least {least} positives and negatives in every test set: {', '.join(counted)}."
    return Note(f"{text} Left out of the macro: {', '.join(left)}." if left else f"{text} None is left out.")


def minimum_positives(scale):
    """Positives that a class needs to count: those of the rule, and one in a demo, whose test sets are a handful."""
    return 1 if scale == "demo" else MINIMUM_POSITIVES


def benchmark_runs():
    """Committed results with the benchmark's arms, of the widest scale that has any: list of dict."""
    return _runs(lambda arm: arm.startswith("benchmark_"))


def project_runs():
    """Committed results with the project's arms as coded, of the widest scale that has any: list of dict."""
    return _runs(lambda arm: arm in printed_shares.ARMS)


def _runs(wanted):
    for scale in PUBLISHED_SCALES:
        found, _ = designs.finished(STUDY, scale)
        if any(wanted(result["trial"]["arm"]) for result in found):
            return found
    return []
