"""The page on speed: what the benchmarks measured, as they left it, and what the publications took."""

import html
import json
from itertools import groupby
from pathlib import Path

from ecgrepro.studies.book_ledger import number
from ecgrepro.studies.published_runs import MINUTES_PER_1000_PATIENTS, PUBLISHED_RUNS

_COLUMNS = ("Measured", "Result", "Target", "Met")
_PUBLISHED = ("What", "Runs", "Hours", "Machine", "Frames per second")
#: Versions that a reader is told; the file holds all of them.
_VERSIONS = ("python", "tensorflow", "jax", "keras", "numpy")
#: Word and colour of a target that was met, was missed, or was none.
_MET = {True: ("met", "supported"), False: ("not met", "contradicted"), None: ("–", None)}


def benchmarks(root):
    """Contents of `root/results/benchmarks/*.json` by name, as `benchmarks/report.py` leaves them.

    An empty list where none has been committed.
    """
    paths = sorted(Path(root, "results", "benchmarks").glob("*.json"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def speed_summary(found):
    """One sentence: benchmarks, targets met; what is missing where there are none."""
    if not found:
        return "No benchmark has been committed, so there is nothing to show."
    met = [row["met"] for one in found for row in one["rows"] if row["met"] is not None]
    names = {one["benchmark"] for one in found}
    return f"{len(names)} benchmark{'s' * (len(names) > 1)}; {sum(met)} of {len(met)} targets met."


def speed_table(found):
    """Markdown: a heading for each benchmark; for each machine it ran on a sentence and a table. Empty without any."""
    return "\n\n".join(
        f"### {name.replace('_', ' ')}\n\n" + "\n\n".join(map(_section, same))
        for name, same in groupby(sorted(found, key=_name), key=_name)
    )


def _name(one):
    return one["benchmark"]


def _section(one):
    machine, versions = one["hardware"], one["versions"]
    accelerators = ", ".join(machine.get("accelerators") or ["no accelerator"])
    told = ", ".join(f"{name} {versions[name]}" for name in _VERSIONS if name in versions)
    commit = f", commit `{one['commit']}`" if one.get("commit") else ""
    where = f"{machine['processor']}, {machine['cores']} cores, {accelerators}; {told}; {one['finished'][:10]}{commit}."
    lines = "\n".join(_line(_COLUMNS, _cells(row)) for row in one["rows"])
    return f"`benchmarks/{_name(one)}.py` on {where}\n\n{_table(_name(one), _COLUMNS, lines)}"


def _cells(row):
    note = f"<small>{html.escape(row['note'])}</small>" if row.get("note") else ""
    target = "–" if row["target"] is None else f"{row['bound']} {_figure(row['target'])} {row['unit']}"
    word, colour = _MET[row["met"]]
    met = f'<span class="verdict verdict-{colour}">{word}</span>' if colour else word
    return (html.escape(row["what"]) + note, html.escape(f"{_figure(row['measured'])} {row['unit']}"),
            html.escape(target), met)  # fmt: skip


def _figure(value):
    """A figure with the digits that were kept: counts whole, the others to three significant digits."""
    return number(value, 0) if abs(value) >= 100 else f"{value:.3g}".replace("-", "−")


def published_costs():
    """HTML table of the hours and speeds that the publications tell."""
    lines = "\n".join(_line(_PUBLISHED, _published(work)) for work in PUBLISHED_RUNS if work.published_hours)
    return _table("Published cost", _PUBLISHED, lines)


def _published(work):
    minutes = {machine: minutes for (_, machine), minutes in MINUTES_PER_1000_PATIENTS.items()}
    # of pre-training the report tells minutes per 1,000 patients, which are less rounded than its hours
    long = "pre-training" in work.what
    speed = (
        4_096_000 / 60 / minutes[work.published_machine]
        if long
        else work.frames / work.published_hours / 3600
    )
    what = f"{html.escape(work.what)}<small>{html.escape(work.source)}</small>"
    return (
        what,
        str(work.trials),
        f"{work.published_hours:g}",
        html.escape(work.published_machine),
        number(speed, 0),
    )


def _line(columns, cells):
    pairs = zip(columns, cells, strict=True)
    return (
        "<tr>" + "".join(f'<td data-label="{name}"><div>{cell}</div></td>' for name, cell in pairs) + "</tr>"
    )


def _table(label, columns, lines):
    head = "".join(f'<th scope="col">{name}</th>' for name in columns)
    return (
        f'<table class="ledger ledger-claims" aria-label="{html.escape(label)}">\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{lines}\n</tbody>\n</table>"
    )
