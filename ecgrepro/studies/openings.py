"""The first paragraph of each study's page: what the committed runs say so far, in words, and what they cannot say.

Every number is computed from committed predictions. A sentence whose runs are missing is left out.
"""

from ecgrepro.evaluation.comparison import paired_difference
from ecgrepro.studies import (
    arm_tables,
    comparisons,
    designs,
    diagnosis_tables,
    freezing_page,
    pretrain_size_tables,
)
from ecgrepro.studies import spectrogram2d_page as nets
from ecgrepro.studies.evidence import RESAMPLING
from ecgrepro.studies.figures import Html, called

METRIC = "macro_f1"
#: What no run at pilot scale can say.
NOT_KNOWN = (
    "Not known: Icentia11k and the published width, of which neither was at hand; "
    "the pilot tests the direction of a claim, not its size."
)
FREEZING_NOT_KNOWN = (
    "Not known: AlexNet from ImageNet, whose weights were not at hand, and the paper's private recordings; "
    "the pilot tells how depths compare on other ones."
)
WORDS = {"equal": "equal within the margin", "different": "different", "open": "undecided"}
#: A difference that matters, in macro F1: the margin of the ledger's gains.
MARGIN = 0.02
TASKS = ("beat_512", "beat_4096", "rhythm", "heart_rate", "future")


def resnet1d(scale="pilot"):
    """Word what beat pre-training gains, and how other tasks compare. Returns `Html`."""
    found, state = designs.finished("resnet1d", scale)
    shares, text = arm_tables.shares(found), []
    if told := _by_share(found, "beat_2048", "random", shares):
        text.append(f"beat pre-training changes macro F1 by {told}.")
    of_tasks = arm_tables.of_arms(found, TASKS)
    for share in arm_tables.shares(of_tasks):
        others = {task: _difference(found, task, "random", share) for task in TASKS}
        told = ", ".join(f"{called(task)} {_told(made)}" for task, made in others.items() if made)
        text.append(f"Other pre-training, with {share:.0%} of the labels: {told}.")
    return _paragraph(text, state)


def spectrogram2d(scale="pilot"):
    """Word how the 2-D net compares with the 1-D net, matched and as published. Returns `Html`."""
    found, state = nets.committed(scale)
    shares, text = arm_tables.shares(found), []
    for words, step in (("matched in all else", "2d_matched"), ("as published", "2d")):
        told = []
        for start, name in (("from a random start", "random"), ("after beat pre-training", "beat")):
            if made := _by_share(found, f"{name}_{step}", nets.ONE_DIMENSIONAL[name], shares):
                told.append(f"{start} {made}")
        if told:
            text.append(f"macro F1 of the 2-D net minus that of the 1-D net, {words}: {'; '.join(told)}.")
    return _paragraph(text, state)


def pretrain_size(scale="pilot", labels=0.1):
    """Word what one pass over each number of people gains, and what people add to as many steps. Returns `Html`."""
    _, state = designs.finished("pretrain_size", scale)
    runs, text = pretrain_size_tables.pilot(labels), []
    sizes = pretrain_size_tables.sizes_by_kind(runs)
    if pretrain_size_tables.RANDOM in runs and "pass" in sizes:
        told = [
            f"{n} people {_told(_of(runs, ('pass', n), pretrain_size_tables.RANDOM))}" for n in sizes["pass"]
        ]
        text.append(f"with {labels:.0%} of the labels one pass changes macro F1 by: {'; '.join(told)}.")
    both = [n for n in sizes.get("pass", ()) if n in sizes.get("few", ()) and n > min(sizes["few"])]
    if both:
        made = _of(runs, ("pass", both[-1]), ("few", both[-1]))
        text.append(f"A pass against few steps, of the same {both[-1]} people: {_told(made)}.")
    for kind, words in (("fixed", "many steps"), ("few", "few steps")):
        if len(ends := sizes.get(kind, ())) > 1:
            made = _of(runs, (kind, ends[-1]), (kind, ends[0]))
            text.append(f"{ends[-1]} people against {ends[0]}, as {words} for both: {_told(made)}.")
    return _paragraph(text, state)


def freezing(scale="pilot"):
    """Word what freezing all but the head does to balanced accuracy. Returns `Html`."""
    found, state = designs.finished("freezing", scale)
    text = [
        f"{row['start']}, {row['depth']} layers frozen: "
        f"{_measured(row['difference'], row['low'], row['high'], WORDS[row['they are']])}."
        for row in freezing_page.deepest(found)
    ]
    if text:
        text.insert(0, "balanced accuracy on CinC 2017 minus that of training everything, 90 % intervals.")
        text.append(f"ROC area, which no threshold moves: {_areas(found)}.")
    return _paragraph(text, state, FREEZING_NOT_KNOWN)


def _areas(found):
    return "; ".join(
        f"{row['start']} {_measured(row['difference'], row['low'], row['high'])}"
        for row in freezing_page.deepest_areas(found)
    )


def pilots(scale="pilot"):
    """What the pilots found that have no claim beside them, for the front page: list of dict, empty without runs.

    Each has ``study``; ``asked``, what is compared and the level of the intervals; and ``scores``, for each its
    ``name``, ``estimate``, ``low`` and ``high``. Of freezing two stand side by side: it moves the threshold as well as
    the order of the intervals.
    """
    frozen, _ = designs.finished("freezing", scale)
    both = zip(freezing_page.deepest(frozen), freezing_page.deepest_areas(frozen), strict=True)
    made = [
        {"study": "freezing", "asked": f"{row['start']}, {row['depth']} layers frozen minus none, 90 % intervals",
         "scores": [_score("balanced accuracy", row), _score("ROC area", area)]}
        for row, area in both
    ]  # fmt: skip
    twelve_leads, _ = designs.finished("ptbxl_transfer", scale)
    table = diagnosis_tables.difference_table(twelve_leads, [("beat", "random")])
    asked = "pre-trained on beats minus a random start, super-classes of PTB-XL, 95 % interval"
    return made + [
        {"study": "ptbxl_transfer", "asked": asked, "scores": [_score("macro AUC", row)]}
        for row in table.to_dict("records")
    ]


def _score(name, row):
    return {"name": name, "estimate": row["difference"], "low": row["low"], "high": row["high"]}


def switches(effects):
    """Word which switches matter, from `ecgrepro.studies.switches.switch_effects`. Returns `Html`."""
    beyond = [one for one in effects if one["low"] > MARGIN or one["high"] < -MARGIN]
    within = [one for one in effects if max(-one["low"], one["high"]) < MARGIN]
    told = "; ".join(
        f"<code>{one['switch']}</code> from {called(one['start'])} "
        f"{_measured(one['estimate'], one['low'], one['high'])}"
        for one in beyond
    )
    text = f"Of {len(effects)} switches turned, {len(beyond)} change macro F1 by more than the margin"
    text += f": {told}. " if told else ". "
    text += f"{len(within)} change it by less, and the others are open."
    return Html(f'<p class="opening">{text}</p>')


def _by_share(found, first, second, shares):
    made = {share: _difference(found, first, second, share) for share in shares}
    return "; ".join(f"{_told(each)} with {share:.0%} of the labels" for share, each in made.items() if each)


def _difference(found, first, second, share):
    """First minus second arm, None where one of them has no runs."""
    for *_, one, other in comparisons.pairs_of(found, [(first, second)], [share]):
        return paired_difference(one, other, METRIC, **RESAMPLING)
    return None


def _of(runs, first, second):
    return paired_difference(
        designs.stacked(runs[first]), designs.stacked(runs[second]), METRIC, **RESAMPLING
    )


def _told(made):
    return difference_in_words(made.estimate, made.low, made.high)


def difference_in_words(difference, low, high, margin=MARGIN):
    """Word a difference with its interval, and what that says: HTML."""
    word = "undecided"
    if low > 0 or high < 0:
        word = "above zero" if low > 0 else "below zero"
    if max(-low, high) < margin:
        word = "too small to matter"
    return _measured(difference, low, high, word)


def _measured(difference, low, high, word=""):
    ending = f", {word}" if word else ""
    return f"<b>{_signed(difference)}</b> ({_number(low)} to {_number(high)}{ending})"


def _signed(value):
    return f"{value:+.3f}".replace("-", "−")


def _number(value):
    return f"{value:.3f}".replace("-", "−")


def _paragraph(text, state, not_known=NOT_KNOWN):
    text = text or ["no run on real recordings is committed, so the question of this page is open."]
    return Html(f'<p class="opening"><b>{how_far(state)}:</b> {" ".join(text)} {not_known}</p>')


def how_far(state):
    """Say whether a pilot is whole, and if not how many of its runs there are; `state` as of `designs.finished`."""
    done, listed = state.finished.sum(), state.seeds.sum()
    return "Found" if done == listed else f"So far ({done} of {listed} fine-tuning runs of the pilot)"
