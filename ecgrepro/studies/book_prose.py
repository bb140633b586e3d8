"""Renders the prose pages of `book/`: every number in them is bound to the ledger, a result or a run record.

What a page may use is what `context` returns; an unknown name or claim stops the build, naming page and line.
"""

import traceback
from pathlib import Path

import jinja2

from ecgrepro import address
from ecgrepro.errors import EcgreproError, InputError
from ecgrepro.studies import book_cost, book_discrepancies, book_ledger, book_speed, figures_ledger


def context(root, rows, figures, gains=(), switches=(), pilots=()):
    """Names that a page can use in Jinja expressions.

    Parameters
    ----------
    root : Path
        The repository.
    rows : list of dict
        See `ecgrepro.claims.table.claims_table`.
    figures : Path
        Folder for the pictures that are drawn now; made where missing.
    gains : list of dict
        See `ecgrepro.studies.evidence.gains`.
    switches : list of dict
        See `ecgrepro.studies.evidence.switch_effects_of`.
    pilots : list of dict
        See `ecgrepro.studies.openings.pilots`.

    Returns
    -------
    dict
        claim(ID), sentence(ID), verdict_counts(STUDY), decided(STUDY), studies(), ledger_table(STUDY) of
        `book_ledger.Ledger`; verdict_figure(), forest_figure() as Markdown; cost_summary, cost_table;
        speed_summary, speed_table, published_costs; total; gains; pilots; those of `book_discrepancies.names`;
        repository, address_is_set, colab_link(NOTEBOOK).
    """
    figures.mkdir(parents=True, exist_ok=True)
    ledger = book_ledger.Ledger(rows)
    records, measured = book_cost.run_records(root), book_speed.benchmarks(root)
    counts = figures_ledger.draw_counts(rows, figures / "verdicts.svg")
    forest = figures_ledger.draw_forest(rows, figures / "forest.svg")
    return {
        "claim": ledger.claim,
        "sentence": ledger.sentence,
        "verdict_counts": ledger.verdict_counts,
        "decided": ledger.decided,
        "studies": ledger.studies,
        "ledger_table": ledger.table,
        "total": len(rows),
        "gains": list(gains),
        "pilots": list(pilots),
        **book_discrepancies.names(switches),
        "verdict_figure": lambda caption: _figure("verdicts.svg", counts, caption),
        "forest_figure": lambda caption: _figure("forest.svg", forest, caption) if forest else "",
        "cost_summary": book_cost.cost_summary(records),
        "cost_table": book_cost.cost_table(records),
        "speed_summary": book_speed.speed_summary(measured),
        "speed_table": book_speed.speed_table(measured),
        "published_costs": book_speed.published_costs(),
        "repository": address.REPOSITORY,
        "address_is_set": address.is_set(),
        "colab_link": address.colab_link,
    }


def render(path, names):
    """Text of the page at `path` with its Jinja expressions filled in from `names`.

    Raises `InputError` naming page and line for an unknown name, an unknown claim or a fault of syntax.
    """
    path = Path(path)
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, keep_trailing_newline=True, trim_blocks=True
    )
    environment.filters |= {"number": book_ledger.number, "span": book_ledger.span, "told": book_ledger.told}
    try:
        return environment.from_string(path.read_text(encoding="utf-8")).render(names)
    except (jinja2.TemplateError, EcgreproError, TypeError, ValueError, KeyError) as error:
        fix = "Bind to a name of `ecgrepro.studies.book_prose.context`."
        raise InputError(
            f"{path}:{_line_of(error)}", "expressions that can be filled in", str(error), fix
        ) from error


def _line_of(error):
    if isinstance(error, jinja2.TemplateSyntaxError):
        return error.lineno
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "<template>"
    ]
    return lines[-1] if lines else "?"


def _figure(name, alternative, caption):
    return f"```{{figure}} /figures/{name}\n:alt: {alternative}\n:width: 100%\n\n{caption}\n```\n"
