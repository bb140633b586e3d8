"""The page on discrepancies: what each switch does to the score, and the register, entry by entry.

The effects come from committed predictions (`ecgrepro.studies.switches.switch_effects`); the words from the register.
"""

import html
import math
import re
from numbers import Real

from ecgrepro.claims import discrepancies
from ecgrepro.claims.schema import check_keys
from ecgrepro.errors import InputError
from ecgrepro.studies.book_ledger import number, span

#: What supplies the effect of a switch that has not been run.
COMMAND = "ecgrepro run resnet1d --scale pilot"
#: Where the two arms of an effect start, in words.
STARTS = {"random": "from a random start", "beat_2048": "after beat pre-training"}

_COLUMNS = ("Switch", "Readings", "Effect on macro F1", "Smallest margin")
_EFFECT = ({"switch", "start", "labels", "estimate", "low", "high", "n_seeds", "n_records"}, {"paired"})
_FIX = "Give what `ecgrepro.studies.switches.switch_effects` returns."


def names(effects=()):
    """Names that the page binds to.

    Parameters
    ----------
    effects : list of dict
        See `switch_table`.

    Returns
    -------
    dict
        discrepancy_count, discrepancy_studies (those with entries of their own, in the book's order), switch_count,
        switch_table (HTML), register_table(STUDY, listed_once).
    """
    entries = discrepancies.load()
    homes = {entry.studies[0] for entry in entries}
    return {
        "discrepancy_count": len(entries),
        "discrepancy_studies": [study for study in discrepancies.STUDIES if study in homes],
        "switch_count": len(discrepancies.switches()),
        "switch_table": switch_table(effects),
        "register_table": register_table,
    }


def switch_table(effects=(), register=""):
    """HTML table of all switches of the register: their readings, and what each did to macro F1.

    Parameters
    ----------
    effects : list of dict
        One per switch and start, with the keys ``switch``, ``start`` (a key of `STARTS`), ``labels`` (share of the
        training labels), ``estimate``, ``low``, ``high`` (macro F1 with the switch minus without, and its 95 %
        interval), ``n_seeds``, ``n_records``; and ``paired``, False where the two arms are not judged by the
        same labels.
        A switch without an effect is shown as not run, with the command that runs it.
    register : str
        Address of the page that holds the register, where it is another one.

    Raises
    ------
    InputError
        An unknown switch or start, a missing or unknown key, limits that are not numbers in order, or two effects of
        one switch, start and share of labels.
    """
    _check(effects)
    lines = [
        line
        for switch in discrepancies.switches()
        for line in _switch_lines(
            switch, [effect for effect in effects if effect["switch"] == switch.name], register
        )
    ]
    return _table("Switches", _COLUMNS, lines, "ledger ledger-switches")


def register_table(study=None, listed_once=False):
    """HTML of the register: one entry after the other, its readings folded away below its title.

    Parameters
    ----------
    study : str, optional
        Only entries that touch this study; all of them if None.
    listed_once : bool
        Leave out entries that concern another study more, and end with links to them: for a page that shows study
        after study.

    Raises
    ------
    InputError
        A study that this project does not have.
    """
    if study not in (None, *discrepancies.STUDIES):
        expected = f"one of {', '.join(discrepancies.STUDIES)}"
        raise InputError("register, study", expected, repr(study), "Correct the name.")
    entries = [entry for entry in discrepancies.load() if study in (None, *entry.studies)]
    here = [entry for entry in entries if not listed_once or entry.studies[0] == study]
    elsewhere = [entry for entry in entries if entry not in here]
    return "\n".join([*map(_entry, here), *([_links(elsewhere)] if elsewhere else [])])


def _check(effects):
    known, seen = {switch.name for switch in discrepancies.switches()}, set()
    for effect in effects:
        where = f"effect of the switch {effect.get('switch') if isinstance(effect, dict) else effect!r}"
        check_keys(where, effect, _EFFECT, _FIX)
        key = tuple(effect[name] for name in ("switch", "start", "labels"))
        for fits, expected, got in (
            (effect["switch"] in known, f"one of {', '.join(sorted(known))}", effect["switch"]),
            (effect["start"] in STARTS, f"a start among {', '.join(STARTS)}", effect["start"]),
            (_ordered(effect), "numbers, low <= high", [effect[name] for name in _LIMITS]),
            (key not in seen, "one effect for each switch, start and share of labels", f"two of {key}"),
        ):
            if not fits:
                raise InputError(where, expected, str(got), _FIX)
        seen.add(key)


_LIMITS = ("low", "estimate", "high")


def _ordered(effect):
    # a percentile interval may leave its estimate out
    finite = all(isinstance(effect[name], Real) and math.isfinite(effect[name]) for name in _LIMITS)
    return finite and effect["low"] <= effect["high"]


def _switch_lines(switch, effects, register):
    """A line for each effect, the switch explained in the first one; one line for a switch that was not run."""
    lines = []
    for i, effect in enumerate(effects or [None]):
        told = (
            (_question(switch, register), _values(switch))
            if i == 0
            else (f"<code>{switch.name}</code>", "as above")
        )
        lines.append((f"{told[0]}{_start(effect)}", told[1], *_measured(effect)))
    return lines


def _question(switch, register):
    entry = switch.discrepancy
    link = f'; <a href="{register}#{entry}">{entry}</a>' if entry else ""
    return f"{_text(switch.question)}<small><code>{switch.name}</code>{link}</small>"


def _values(switch):
    return (
        f"{_text(switch.switched)}; usually {_text(switch.usual)}"
        f"{_small(switch.published)}{_small(f'Here: {switch.default}')}"
    )


def _start(effect):
    if effect is None:
        return ""
    return _small(f"{STARTS[effect['start']]}, {100 * effect['labels']:.0f} % of the training labels")


def _measured(effect):
    if effect is None:
        word = '<span class="verdict verdict-not-run">not run</span>'
        return f"{word}<small><code>{COMMAND}</code></small>", "–"
    # adding 0 takes the sign off a rounded zero
    estimate = round(effect["estimate"], 3) + 0.0
    sign = "+" if estimate > 0 else ""
    counts = f"{effect['n_seeds']} seeds, {number(effect['n_records'])} records"
    note = "" if effect.get("paired", True) else "The labels differ, so the arms are not paired."
    interval = f"95 % interval {span([effect['low'], effect['high']])}"
    found = f"{sign}{number(estimate, 3)}{_small(interval)}{_small(counts)}{_small(note)}"
    return found, f"±{number((effect['high'] - effect['low']) / 2, 3)}"


def _entry(entry):
    turns = {
        i: [f"<code>{name}</code> {'on' if values[i] else 'off'}" for name, values in entry.switch
            if values[i] is not None]
        for i in range(len(entry.readings))
    }  # fmt: skip
    readings = [
        (f"{_text(reading.title)}{_small(reading.place)}",
         f"{_text(reading.says)}" + (f"<small>switch {', '.join(turns[i])}</small>" if turns[i] else ""))
        for i, reading in enumerate(entry.readings)
    ]  # fmt: skip
    return (
        f'<details class="ledger-waiting" id="{entry.id}"><summary>{entry.id}: {_text(entry.title)}</summary>\n'
        f"{_table(f'Readings of {entry.id}', ('Where', 'What it says'), readings)}\n"
        f"<p><strong>Why it matters.</strong> {_text(entry.effect)}{_codes(' Claims: ', entry.claims)}</p>\n"
        f"<p><strong>Followed here.</strong> {_text(entry.resolution)}"
        f"{_codes(' Decided by: ', entry.arithmetic)}</p>\n</details>"
    )


def _codes(before, ids):
    listed = ", ".join(f"<code>{_text(name)}</code>" for name in ids)
    return f"{before}{listed}." if ids else ""


def _links(entries):
    links = (f'<a href="#{entry.id}">{entry.id}: {_text(entry.title)}</a>' for entry in entries)
    return f"<p>See also {'; '.join(links)}.</p>"


def _table(label, columns, lines, look="ledger"):
    head = "".join(f'<th scope="col">{name}</th>' for name in columns)
    body = "\n".join("<tr>" + "".join(map(_cell, columns, line)) + "</tr>" for line in lines)
    return (
        f'<table class="{look}" aria-label="{label}">\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table>"
    )


def _cell(name, content):
    # each cell carries its column's name, which the narrow layout shows before it
    return f'<td data-label="{name}"><div>{content}</div></td>'


def _small(text):
    return f"<small>{_text(text)}</small>" if text else ""


def _text(text):
    """Escape a text of the register, on one line; what stands in backticks becomes code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(" ".join(text.split())))
