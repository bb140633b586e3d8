"""Executing a study's notebook with parameters, papermill underneath."""

import json

from ecgrepro import paths
from ecgrepro.errors import EcgreproError, SettingsError


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


def execute_study(study, out=None, **parameters):
    """Execute ``notebooks/STUDY.ipynb`` and return the path of the executed copy.

    Raises
    ------
    SettingsError
        No such notebook, or a parameter that its parameters cell does not have.
    EcgreproError
        A cell failed; the message is the cell's own.
    """
    import papermill

    source = paths.home() / "notebooks" / f"{study}.ipynb"
    if not source.exists():
        known = sorted(path.stem for path in source.parent.glob("*.ipynb"))
        raise SettingsError("study", f"one of {', '.join(known)}", repr(study), "See `ecgrepro run --help`.")
    _check_parameters(source, parameters)
    out = out or paths.work() / "runs" / f"{study}-{parameters.get('scale', 'demo')}.ipynb"
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        papermill.execute_notebook(str(source), str(out), parameters, cwd=str(source.parent), kernel_name="python3",
                                   progress_bar=True, log_output=True)  # fmt: skip
    except papermill.PapermillExecutionError as error:
        raise EcgreproError(
            f"{source.name}, cell {error.exec_count}", "every cell to run", f"{error.ename}: {error.evalue}",
            f"The executed part is in {out}; finished trials are kept.",
        ) from error  # fmt: skip
    return out


def _check_parameters(source, parameters):
    import papermill

    known = papermill.inspect_notebook(str(source))
    unknown = sorted(set(parameters) - set(known))
    if unknown:
        raise SettingsError(
            f"{source.name}: parameters", f"names among {', '.join(known)}", str(unknown),
            "Put further settings of the study into `settings`, e.g. -p settings='{\"epochs\": 20}'.",
        )  # fmt: skip
