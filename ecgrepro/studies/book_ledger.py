"""The ledger as a page shows it: numbers as text, verdicts in words and colour, a table that folds on a phone."""

import html

from ecgrepro.claims.verdicts import WORDS
from ecgrepro.errors import InputError
from ecgrepro.studies.figures_ledger import verdict_word

_COLUMNS = ("Claim", "Published", "Ours", "Verdict")


class Ledger:
    """What prose may bind to.

    Parameters
    ----------
    rows : list of dict
        See `ecgrepro.claims.table.claims_table`.
    """

    def __init__(self, rows):
        self.rows = rows
        self._by_id = {row["id"]: row for row in rows}

    def claim(self, claim_id):
        """The row of one claim; `InputError` for an id that the ledger lacks."""
        if claim_id not in self._by_id:
            raise InputError("prose", "an id of the ledger", repr(claim_id), "See `ecgrepro claims`.")
        return self._by_id[claim_id]

    def verdict_counts(self, study=None):
        """{word: number of claims}, in the order of `WORDS`, of one study or of all."""
        rows = self.of(study)
        return {word: sum(verdict_word(row) == word for row in rows) for word in WORDS}

    def of(self, study=None):
        """Rows of one study, or all."""
        return [row for row in self.rows if study in (None, row["study"])]

    def decided(self, study=None):
        """Rows with a verdict other than "not run", arithmetic last: a run says more than a division."""
        rows = [row for row in self.of(study) if verdict_word(row) != "not run"]
        return sorted(rows, key=lambda row: row["rule"] == "arithmetic")

    def studies(self):
        """Names of the studies that have claims, in the ledger's order."""
        return list(dict.fromkeys(row["study"] for row in self.rows))

    def sentence(self, claim_id):
        """One sentence on one claim: published, ours with its interval, verdict."""
        row = self.claim(claim_id)
        if row["ours"] is None:
            return f"{row['statement']} Published: {published(row)}; not measured here yet."
        found = number(row["ours"]) + (f" ({_interval(row)})" if row["interval"] else "")
        return f"{row['statement']} Published: {published(row)}; ours: {found}; verdict: **{told(row)}**."

    def table(self, study):
        """HTML of one study's claims: decided ones open, those not run folded away below."""
        waiting = [row for row in self.of(study) if verdict_word(row) == "not run"]
        parts = [_table(self.decided(study), study)] if self.decided(study) else []
        if waiting:
            summary = f"<summary>{len(waiting)} claims not run yet, with what each one needs</summary>"
            parts.append(f'<details class="ledger-waiting">{summary}{_table(waiting, study)}</details>')
        return "\n".join(parts)


def number(value, decimals=None):
    """A number as text: counts with separators, scores to three decimals unless told otherwise, parts in a row."""
    if value is None:
        return "–"
    if isinstance(value, dict):
        return ", ".join(f"{part} {number(each, decimals)}" for part, each in value.items())
    if isinstance(value, str | bool):
        return str(value)
    if decimals is None and float(value).is_integer():
        return f"{value:,.0f}".replace("-", "−")
    decimals = (3 if abs(value) < 1 else 2) if decimals is None else decimals
    return f"{value:,.{decimals}f}".replace("-", "−")


def published(row):
    """The published figure with as many decimals as were printed; a part of several keeps its own."""
    digits = (row["printed"] or {}).get("digits")
    if digits is None or isinstance(row["published"], str | None):
        return number(row["published"])
    if isinstance(row["published"], dict):
        parts = ((name, max(digits, _decimals_of(part))) for name, part in row["published"].items())
        return ", ".join(f"{name} {number(row['published'][name], decimals)}" for name, decimals in parts)
    return number(row["published"], max(digits, 0))


def _decimals_of(value):
    return len(f"{value:g}".partition(".")[2])


def span(interval):
    """An interval as text, `low to high`; one of several parts as those in a row."""
    if interval is None:
        return ""
    if isinstance(interval, dict):
        return ", ".join(f"{part} {span(limits)}" for part, limits in interval.items())
    low, high = (number(limit, _decimals(limit)) for limit in interval)
    return low if low == high else f"{low} to {high}"


def _decimals(limit):
    """Decimals for a limit of an interval: scores to three, hours to one, counts to none."""
    return 3 if abs(limit) < 10 else 1 if abs(limit) < 1000 else 0


def told(row):
    """The verdict with its marks: where a required part was replaced, and where the rule changed after the run."""
    marks = [" (substitute)"] if row["substitute"] and "substitute" not in row["verdict"] else []
    return row["verdict"] + "".join(marks) + (", rule changed after run" if row["rule_changed"] else "")


def _table(rows, study):
    head = "".join(f'<th scope="col">{name}</th>' for name in _COLUMNS)
    body = "\n".join(map(_line, rows))
    label = f'aria-label="Claims of {html.escape(study)}"'
    return (
        f'<table class="ledger ledger-claims" {label}>\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table>"
    )


def _line(row):
    word = verdict_word(row)
    verdict = f'<span class="verdict verdict-{word.replace(" ", "-")}">{html.escape(told(row))}</span>'
    cells = (
        f"{_text(row['statement'])}{_small(row['id'])}{_small(row['source'])}",
        _text(published(row)) + _spread(row["published_spread"]),
        _text(number(row["ours"])) + _measured(row),
        verdict + _small(_why(row)) + _command(row) + _small(row["note"]),
    )
    return "<tr>" + "".join(map(_cell, _COLUMNS, cells)) + "</tr>"


def _cell(name, content):
    # each cell carries its column's name, which the narrow layout shows before it
    return f'<td data-label="{name}"><div>{content}</div></td>'


def _text(text):
    return html.escape(str(text)).replace("\n", " ")


def _small(text):
    return f"<small>{_text(text)}</small>" if text else ""


def _spread(spread):
    parts = []
    if spread and spread.get("std") is not None:
        parts.append(f"standard deviation {number(spread['std'], 3)}")
    if spread and spread.get("n"):
        parts.append(f"{spread['n']} runs")
    return _small(", ".join(parts))


def _interval(row):
    return f"{row['level']:.0%} interval {span(row['interval'])}" if row["level"] else span(row["interval"])


def _measured(row):
    parts = [_interval(row)] if row["interval"] and not isinstance(row["interval"], dict) else []
    parts += [f"{row['n_seeds']} seeds, {number(row['n_records'])} records"] if row["n_seeds"] else []
    if row["rule"] == "arithmetic":
        parts.append("from the printed numbers")
    elif row["scale"]:
        parts.append(f"scale {row['scale']}")
    return "".join(map(_small, parts))


def _why(row):
    if verdict_word(row) == "not run":
        return f"{row['reason']}; needs {row['missing']}" if row["missing"] else row["reason"]
    parts = [row["reason"].rstrip(".")]
    if row["smallest_margin"] is not None and row["rule"] != "arithmetic":
        parts.append(f"Smallest margin this design could decide: ±{number(row['smallest_margin'], 3)}")
    return ". ".join(parts) + "."


def _command(row):
    return f"<small><code>{_text(row['command'])}</code></small>" if row["command"] else ""
