"""Makes the book: notebooks executed at demo scale, prose filled in, Sphinx run, the result checked and exchanged.

    ecgrepro book        from the command line; `make book` does the set-up first

Stages under `_build/`: `executed/` (notebooks, kept as long as nothing they depend on changes), `stage/` (what Sphinx
reads), `sphinx/` (what it writes) and `html/` (the book). `html/` is exchanged only for a book that is whole: after a
failing cell, a Sphinx warning or an address from the network the one made before is still there.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import yaml

from ecgrepro.errors import EcgreproError, InputError
from ecgrepro.studies import book_notebooks, book_numbers, book_offline, book_prose

_STAMP = ".inputs"


def build(root, parameters=None, say=print):
    """Build the book of the repository `root` and return the path of its front page.

    Parameters
    ----------
    root : str or Path
        Folder with `_config.yml`, `_toc.yml`, `book/` and `notebooks/`.
    parameters : dict, optional
        For papermill, over `{"scale": "demo"}`; each notebook gets those that it declares.
    say : callable
        Receives one line of progress at a time.

    Raises
    ------
    InputError
        A result typed into prose, a notebook unlike its text pair, a page that binds to nothing.
    SettingsError
        A parameter that no notebook declares.
    EcgreproError
        A failing cell, a warning of Sphinx, a page that would need the network.
    """
    root, start = Path(root).resolve(), time.perf_counter()
    parameters = {"scale": "demo"} | (parameters or {})
    with book_notebooks.environment(root):
        page, inputs = root / "_build" / "html" / "index.html", _inputs(root, parameters)
        if _made_from(page.parent) == inputs:
            say("nothing changed since the book was made")
            return page
        _check_sources(root, parameters)
        executed = _execute(root, parameters, say)
        stage = _stage(root, executed, _ledger_rows())
        _exchange(_sphinx(root, stage, say), page.parent, inputs)
    say(f"book made in {time.perf_counter() - start:.0f} s")
    return page


def pages(root):
    """Pages of `_toc.yml` in reading order, without suffix, the front page first."""
    toc = yaml.safe_load(Path(root, "_toc.yml").read_text(encoding="utf-8"))
    entries = [
        *toc.get("chapters", ()),
        *(page for part in toc.get("parts", ()) for page in part["chapters"]),
    ]
    return [toc["root"], *(entry["file"] for entry in entries)]


def _notebooks(root):
    return [page.split("/")[1] for page in pages(root) if page.startswith("notebooks/")]


def _ledger_rows():
    # late, as it reads all results; the name is looked up anew so that a test can put rows in its place
    from ecgrepro.studies import evidence

    return evidence.ledger_rows()


def _findings():
    # late for the same reason
    from ecgrepro.studies import evidence, openings

    return {"gains": evidence.gains(), "switches": evidence.switch_effects_of(), "pilots": openings.pilots()}


def _inputs(root, parameters):
    folders = [root / name for name in ("book", "notebooks", "results")]
    files = [path for folder in folders for path in book_notebooks.files_below(folder)]
    files += book_notebooks.files_below(root / "ecgrepro", (".py", ".yaml"))
    return book_notebooks.digest(root, [root / "_config.yml", root / "_toc.yml", *files], parameters)


def _made_from(html):
    stamp = html / _STAMP
    return stamp.read_text() if stamp.exists() else None


def _check_sources(root, parameters):
    prose = [root / f"{page}.md" for page in pages(root)]
    if missing := [path for path in prose if not path.exists()]:
        raise InputError(
            missing[0], "a page of _toc.yml", "no such file", "Write it or take it out of _toc.yml."
        )
    book_numbers.check_prose(prose)
    for name in _notebooks(root):
        book_notebooks.read_pair(root, name)
    sources = {name: root / "notebooks" / f"{name}.ipynb" for name in _notebooks(root)}
    book_notebooks.check_parameters(sources, parameters)


def _execute(root, parameters, say):
    names = _notebooks(root)
    say(f"{len(names)} notebooks, then Sphinx (about 15 s)")
    return {name: book_notebooks.execute(root, name, parameters, say) for name in names}


def _stage(root, executed, rows):
    """Fill `_build/stage` with what Sphinx reads; the front page moves to the top, so that index.html is it."""
    stage = root / "_build" / "stage"
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir(parents=True)
    names = book_prose.context(root, rows, stage / "figures", **_findings())
    shutil.copytree(root / "book" / "_static", stage / "book" / "_static")
    shutil.copy(root / "book" / "references.bib", stage / "book")
    shutil.copy(root / "_config.yml", stage)
    front, *others = pages(root)
    toc = (root / "_toc.yml").read_text(encoding="utf-8")
    (stage / "_toc.yml").write_text(
        re.sub(rf"^root: {front}$", "root: index", toc, flags=re.M), encoding="utf-8"
    )
    (stage / "index.md").write_text(book_prose.render(root / f"{front}.md", names), encoding="utf-8")
    for page in others:
        if page.startswith("notebooks/"):
            _copy(executed[page.split("/")[1]], stage / f"{page}.ipynb")
        else:
            (stage / f"{page}.md").write_text(book_prose.render(root / f"{page}.md", names), encoding="utf-8")
    return stage


def _copy(source, target):
    """Copy an executed notebook; pictures from the network (badges) become their own words."""
    notebook = nbformat.read(source, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub(r"!\[([^\]]*)\]\(https?://[^)]*\)", r"\1", cell.source)
    target.parent.mkdir(exist_ok=True)
    nbformat.write(notebook, target)


def _sphinx(root, stage, say):
    """Run Jupyter Book on the stage, warnings as errors; the folder of the pages made."""
    out, log = root / "_build" / "sphinx", root / "_build" / "sphinx.log"
    shutil.rmtree(out, ignore_errors=True)
    say("Sphinx: about 15 s")
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build", str(stage),
               "--path-output", str(out), "--warningiserror", "--keep-going", "--quiet"]  # fmt: skip
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    log.write_text(done.stdout + done.stderr, encoding="utf-8")
    if done.returncode:
        lines = log.read_text(encoding="utf-8").splitlines()
        told = [line for line in lines if re.search(r"WARNING|ERROR|Error", line)] or lines[-5:]
        fix = f"All of it: {log}. The book made before is untouched."
        raise EcgreproError("Sphinx", "no warnings", "\n  ".join(["", *told[:20]]) + "\n", fix)
    html = out / "_build" / "html"
    if found := book_offline.external_resources(html):
        fix = "Put a copy under book/_static. The book made before is untouched."
        raise EcgreproError(found[0][0], "no page that needs the network", f"{len(found)}: {found[:5]}", fix)
    return html


def _exchange(made, html, inputs):
    (made / _STAMP).write_text(inputs)
    before = html.with_name("html.before")
    shutil.rmtree(before, ignore_errors=True)
    if html.exists():
        os.replace(html, before)
    os.replace(made, html)
    shutil.rmtree(before, ignore_errors=True)
