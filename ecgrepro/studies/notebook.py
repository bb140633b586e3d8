"""Executing one study's notebook with parameters: what `ecgrepro run` does, papermill underneath."""

import json
import os
import sys
from pathlib import Path

from ecgrepro import errors, paths
from ecgrepro.errors import EcgreproError, SettingsError
from ecgrepro.studies.scale import NAMES

#: Errors of ours that a cell can raise; they say by themselves what is wrong.
_OURS = {
    name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, EcgreproError)
}
#: Parameters that name a file or folder; the notebook runs in a folder of its own.
_PATHS = ("data", "source")


class CellError(EcgreproError):
    """An error of ours that a cell raised, in the cell's own words."""

    def __init__(self, message):
        Exception.__init__(self, message)


def parse_parameters(pairs):
    """Parse ``key=value`` strings: numbers, lists, true and null as in JSON, everything else as text."""
    parsed = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.isidentifier():
            raise SettingsError(f"-p {pair}", "KEY=VALUE", repr(pair), "For example `-p seeds=2`.")
        parsed[key] = _value(value)
    return parsed


def _value(text):
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def execute_study(study, parameters, out=None):
    """Execute ``notebooks/STUDY.ipynb`` and return the path of the executed copy.

    Parameters
    ----------
    study : str
    parameters : dict
        For the notebook's cell tagged `parameters`. Relative folders are meant from the current one.
    out : Path, optional
        Where the executed copy appears once it is whole; default ``_work/runs/STUDY-SCALE.ipynb``.

    Raises
    ------
    SettingsError
        No such notebook or scale, a parameter that its parameters cell does not have, or no papermill.
    EcgreproError
        A cell failed. If the error is one of ours, its message is passed on as it is.
    """
    source = paths.home() / "notebooks" / f"{study}.ipynb"
    if not source.exists():
        known = ", ".join(sorted(path.stem for path in source.parent.glob("*.ipynb")))
        fix = (
            "See `ecgrepro run --help`." if known else "Run it from a checkout, or name one in ECGREPRO_HOME."
        )
        raise SettingsError("study", f"one of {known or 'the notebooks'}", repr(study), fix)
    scale = parameters.get("scale", "demo")
    if scale not in NAMES:
        raise SettingsError("scale", f"one of {', '.join(NAMES)}", repr(scale), "See `ecgrepro run --help`.")
    notebooks = _notebook_tools()
    fix = "Correct the name; if the notebook has `settings`, any other goes there: -p settings='{\"patience\": 5}'."
    notebooks.check_parameters({study: source}, parameters, fix)
    out = Path(out) if out else paths.work() / "runs" / f"{study}-{scale}.ipynb"
    partial = out.with_name(f"{out.stem}.partial.ipynb")
    partial.parent.mkdir(parents=True, exist_ok=True)
    _run(notebooks, source, partial, _absolute(parameters))
    os.replace(partial, out)
    return out


def _absolute(parameters):
    named = {key: parameters[key] for key in _PATHS if isinstance(parameters.get(key), str)}
    return parameters | {key: str(Path(value).expanduser().absolute()) for key, value in named.items()}


def _notebook_tools():
    """Return the module that executes notebooks; late, because all it stands on takes seconds to import."""
    try:
        from ecgrepro.studies import book_notebooks
    except ModuleNotFoundError as error:
        fix = "Install it: pip install papermill jupytext ipykernel, or run the notebook in Jupyter."
        raise SettingsError(
            "ecgrepro run", "papermill and what it needs", f"no module {error.name}", fix
        ) from error
    return book_notebooks


def _run(notebooks, source, partial, parameters):
    try:
        with notebooks.environment(paths.home(), bars=True):
            notebooks.run_notebook(source, partial, parameters, "Finished trials are kept.",
                                   progress_bar=False, stderr_file=sys.stderr)  # fmt: skip
    except EcgreproError as error:
        if getattr(error.__cause__, "ename", None) not in _OURS:
            raise
        partial.unlink()
        raise CellError(error.__cause__.evalue) from error
