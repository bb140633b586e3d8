"""Executes the book's notebooks, once for every content: text pair checked, parameters set, outputs kept.

The committed pair has no outputs. What papermill makes of it is kept under `_build/executed/`, named by a hash of
everything that the outputs can depend on, and appears there whole or not at all.
"""

import hashlib
import json
import os
import platform
import re
import time
from contextlib import contextmanager
from importlib.metadata import distributions
from pathlib import Path

import jupytext
import nbformat
import papermill
from nbclient.exceptions import DeadKernelError

from ecgrepro.errors import EcgreproError, InputError, SettingsError

#: For the kernel: quiet TensorFlow and progress bars, the environment's own kernel before one of the user's.
ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TQDM_DISABLE": "1",
    "JUPYTER_PREFER_ENV_PATH": "1",
    "MPLBACKEND": "",
}
#: Modules that make the book and that no notebook imports: they leave executed notebooks as they are.
_BOOK_MODULES = ("studies/book", "studies/figures_ledger", "cli.py", "address.py")
_KEPT = 3


def read_pair(root, name):
    """The committed `notebooks/NAME.ipynb`, checked against its text source `notebooks/NAME.md`.

    Raises `InputError` where one of them is missing, their cells differ, or the `.ipynb` holds outputs.
    """
    text, pair = (Path(root, "notebooks", f"{name}.{suffix}") for suffix in ("md", "ipynb"))
    for path in (text, pair):
        if not path.exists():
            raise InputError(path, "a text notebook with its .ipynb pair", "no such file", _sync(text))
    notebook = nbformat.read(pair, as_version=4)
    for number, (ours, other) in enumerate(_cells(jupytext.read(text), notebook), 1):
        if ours != other:
            raise InputError(pair, f"the cells of {text.name}", f"another cell {number}", _sync(text))
    if any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells):
        fix = f"Strip them: jupytext --to ipynb --output {pair} {text}"
        raise InputError(pair, "a notebook without outputs", "one with outputs", fix)
    return notebook


def known_parameters(path):
    """Names assigned in the cell tagged `parameters` of the notebook at `path`."""
    return set(papermill.inspect_notebook(str(path)))


def check_parameters(notebooks, parameters, fix="Correct the name; notebooks list theirs first."):
    """Raise `SettingsError` for a parameter that none of the notebooks (name to path) declares."""
    known = set().union(*(known_parameters(path) for path in notebooks.values()))
    if unknown := sorted(set(parameters) - known):
        raise SettingsError("parameters", f"some of {sorted(known)}", f"{unknown}", fix)


def content_key(root, name, parameters):
    """Hash of what the outputs depend on: notebook, package, ledger, results, parameters, installed versions."""
    root = Path(root)
    package = [
        path
        for path in files_below(root / "ecgrepro", (".py", ".yaml"))
        if not str(path.relative_to(root / "ecgrepro")).startswith(_BOOK_MODULES)
    ]
    files = [root / "notebooks" / f"{name}.ipynb", *package, *files_below(root / "results")]
    return digest(root, files, parameters)


def digest(root, files, settings):
    """SHA-256 over the files' names and contents, the settings and the versions of all that is installed."""
    state = hashlib.sha256(json.dumps([settings, _versions()], sort_keys=True, default=str).encode())
    for path in sorted(files):
        state.update(f"\0{path.relative_to(root)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return state.hexdigest()[:20]


def files_below(folder, suffixes=None):
    """Files under a folder, sorted; hidden ones and caches left out."""
    return sorted(
        path
        for path in Path(folder).rglob("*")
        if path.is_file()
        and (suffixes is None or path.suffix in suffixes)
        and not any(part.startswith(".") or part == "__pycache__" for part in path.relative_to(folder).parts)
    )


def execute(root, name, parameters, say=print):
    """Path of the executed notebook: the kept one where nothing changed, else papermill runs it now.

    Parameters
    ----------
    root : Path
        The repository.
    name : str
        Of `notebooks/NAME.ipynb`.
    parameters : dict
        Those that the notebook does not declare are left out.
    say : callable
        Receives one line of progress at a time.

    Raises
    ------
    EcgreproError
        Where a cell fails, naming notebook, cell and error; what was there before stays.
    """
    source = Path(root, "notebooks", f"{name}.ipynb")
    known = known_parameters(source)
    parameters = {key: value for key, value in parameters.items() if key in known}
    folder = Path(root, "_build", "executed")
    kept = folder / f"{name}-{content_key(root, name, parameters)}.ipynb"
    if kept.exists():
        say(f"{name}: unchanged, executed before")
        return kept
    folder.mkdir(parents=True, exist_ok=True)
    say(f"{name}: executing with {parameters}; {_estimate(folder, name)}")
    start, partial = time.perf_counter(), folder / f"{name}.partial.ipynb"
    run_notebook(source, partial, parameters, "The book made before is untouched.")
    _tidy(partial, time.perf_counter() - start, say)
    os.replace(partial, kept)
    say(f"{name}: done in {time.perf_counter() - start:.0f} s")
    for old in sorted(folder.glob(f"{name}-*.ipynb"), key=os.path.getmtime)[:-_KEPT]:
        old.unlink()
    return kept


@contextmanager
def environment(root, *, bars=False):
    """The variables that notebooks and evidence of the repository `root` are made under; put back afterwards.

    `bars` leaves progress bars as the caller's environment has them.
    """
    wanted = ENVIRONMENT | {"ECGREPRO_HOME": str(Path(root).resolve())}
    if bars:
        del wanted["TQDM_DISABLE"]
    before = {key: os.environ.get(key) for key in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for key, value in before.items():
            os.environ.pop(key) if value is None else os.environ.update({key: value})


def run_notebook(source, partial, parameters, what_stays, **settings):
    """Execute a notebook with papermill, cell by cell into `partial`.

    Parameters
    ----------
    source, partial : Path
    parameters : dict
    what_stays : str
        A sentence for whoever reads of a failure.
    settings
        Of `papermill.execute_notebook`.

    Raises
    ------
    EcgreproError
        A cell failed (papermill's own error is the cause), or the kernel died.
    """
    usual = {"progress_bar": {"desc": source.stem, "disable": None}}  # shown in a terminal, not in a log
    try:
        papermill.execute_notebook(
            str(source), str(partial), parameters, kernel_name="python3", cwd=str(source.parent),
            extra_arguments=["--Application.log_level=50"],  # else each kernel warns of plain TCP and of its own end
            **(usual | settings),
        )  # fmt: skip
    except papermill.PapermillExecutionError as error:
        cell = f"cell {error.cell_index + 1} ({_first_line(error.source)})"
        fix = f"Mend the cell; as far as it came: {partial}. {what_stays}"
        raise EcgreproError(
            f"{source}, {cell}", "a run to its end", f"{error.ename}: {error.evalue}", fix
        ) from error
    except DeadKernelError as error:
        fix = f"Often memory: try again with fewer seeds or a smaller batch. {what_stays}"
        raise EcgreproError(source, "a run to its end", "a kernel that died", fix) from error


def _tidy(path, seconds, say):
    """Leave outputs only: no paths of this machine, no timings, and standard error told instead of printed."""
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata.pop("papermill", None)
    notebook.metadata["ecgrepro"] = {"seconds": round(seconds, 1), "python": platform.python_version()}
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)
        for output in [item for item in cell.get("outputs", ()) if item.get("name") == "stderr"]:
            cell.outputs.remove(output)
            for line in _without_bars(output["text"]):
                say(f"{path.name.split('.')[0]} wrote to standard error: {line}")
    nbformat.write(notebook, path)


def _without_bars(text):
    """Lines of standard error that are no state of a progress bar."""
    return [line for line in re.split(r"[\r\n]+", text) if line.strip() and not re.search(r"\d+%\|", line)]


def _estimate(folder, name):
    earlier = sorted(folder.glob(f"{name}-*.ipynb"), key=os.path.getmtime)
    if not earlier:
        return "first time on this machine, allow two minutes"
    seconds = nbformat.read(earlier[-1], as_version=4).metadata.get("ecgrepro", {}).get("seconds", 0)
    return f"last time it took {seconds:.0f} s"


def _cells(text, notebook):
    """Pairs of comparable cells; the shorter notebook is filled up with None."""
    ours, other = (
        [(cell.cell_type, cell.source.strip(), tuple(cell.metadata.get("tags", ()))) for cell in book.cells]
        for book in (text, notebook)
    )
    length = max(len(ours), len(other))
    return zip(ours + [None] * (length - len(ours)), other + [None] * (length - len(other)), strict=True)


def _sync(text):
    return f"Make them one again: jupytext --sync {text}"


def _first_line(text):
    return next((line.strip() for line in text.splitlines() if line.strip()), "")[:120]


def _versions():
    return sorted({f"{found.metadata['Name']}=={found.version}" for found in distributions()}) + [
        platform.python_version(), os.environ.get("KERAS_BACKEND", "")
    ]  # fmt: skip
