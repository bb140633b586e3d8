"""What the committed results cost: read from the run record that every trial leaves beside its predictions."""

import html
import json
from pathlib import Path

from ecgrepro.studies.book_ledger import number

_COLUMNS = ("Study and scale", "Trials", "Hours", "Frames per second", "Peak memory", "Hardware")


def run_records(root):
    """Run records under `root/results/SCALE/STUDY/KEY/run.json`, as dicts with scale, study, stage and arm added.

    An empty list where nothing has been committed.
    """
    found = []
    for path in sorted(Path(root, "results").glob("*/*/*/run.json")):
        trial = json.loads(path.with_name("trial.json").read_text(encoding="utf-8"))
        scale, study = path.parts[-4:-2]
        added = {"scale": scale, "study": study, "stage": trial["stage"], "arm": trial["arm"]}
        found.append(json.loads(path.read_text(encoding="utf-8")) | added)
    return found


def cost_summary(records):
    """One sentence: trials, hours in sum, processors; what is missing where there are no records."""
    if not records:
        return "No run on real recordings has been committed, so there is nothing to add up."
    hours = sum(record["seconds"] for record in records) / 3600
    return (
        f"The {len(records)} committed trials took {number(hours, 1)} hours of wall-clock time in sum, "
        f"{number(sum(record['cpu_seconds'] for record in records) / 3600, 1)} hours of processor time, on: "
        f"{'; '.join(sorted({_hardware(record) for record in records}))}."
    )


def cost_table(records):
    """HTML table, one line per scale, study, stage and arm; empty without records."""
    if not records:
        return ""
    groups = {}
    for record in records:
        groups.setdefault(tuple(record[key] for key in ("scale", "study", "stage", "arm")), []).append(record)
    head = "".join(f'<th scope="col">{name}</th>' for name in _COLUMNS)
    body = "\n".join(_line(group, members) for group, members in sorted(groups.items()))
    return (
        f'<table class="ledger" aria-label="Cost">\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table>"
    )


def _line(group, members):
    scale, study, stage, arm = group
    speeds = sorted(member["frames_per_second"] for member in members)
    cells = (
        f"{study}, {scale}: {stage}, {arm}",
        str(len(members)),
        number(sum(member["seconds"] for member in members) / 3600, 2),
        f"{number(speeds[0], 0)} to {number(speeds[-1], 0)}",
        f"{number(max(member['peak_memory_MB'] for member in members) / 1024, 1)} GiB",
        "; ".join(sorted({_hardware(member) for member in members})),
    )
    pairs = zip(_COLUMNS, map(html.escape, cells), strict=True)
    return (
        "<tr>" + "".join(f'<td data-label="{name}"><div>{cell}</div></td>' for name, cell in pairs) + "</tr>"
    )


def _hardware(record):
    machine = record["hardware"]
    accelerators = ", ".join(machine.get("accelerators") or ["no accelerator"])
    return f"{machine['processor']}, {machine['cores']} cores, {accelerators}"
