"""The command line: `ecgrepro --help`."""

import errno
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from ecgrepro.cli_bench import bench_command
from ecgrepro.cli_data import JsonOption, data
from ecgrepro.errors import EcgreproError, SettingsError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Does transfer learning help ECG classification, and by how much? Downloads only where told to "
    "(`data fetch`); every result lies under results/, everything that can be made again under _work/.",
)
app.add_typer(data, name="data")
app.command("bench")(bench_command)

#: What the machine refuses and a person can mend: rights, a read-only or full disk, a file where a folder is meant.
MACHINE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR)


@app.command("demo-data")
def demo_data(
    directory: Annotated[Path, typer.Argument(help="Folder to make; must be new or empty.")],
    patients: Annotated[int, typer.Option(help="Holter patients.")] = 24,
    segments: Annotated[int, typer.Option(help="Segments per patient.")] = 2,
    samples: Annotated[
        int, typer.Option(help="Samples per segment at 250 Hz (published: 1048577).")
    ] = 65_536,
    records: Annotated[int, typer.Option(help="Hand-held recordings.")] = 240,
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 2017,
    all_layouts: Annotated[
        bool, typer.Option("--all-layouts", help="PTB-XL, two Challenge sources, BUT QDB and NSTDB too.")
    ] = False,
):
    """Write synthetic ECG in the published formats: Icentia11k (two layouts), CinC 2017, on request all others."""
    from ecgrepro.corpora.synthetic_writers import write_demo_data

    def say(name, done, total):
        if done == total:
            typer.echo(f"{name}: {total} written", err=True)

    write_demo_data(directory, patients=patients, segments=segments, samples=samples, records=records, seed=seed,
                    all_layouts=all_layouts, progress=say)  # fmt: skip
    typer.echo(f"Wrote synthetic recordings to {directory}. Next: ecgrepro data ingest cinc2017 "
               f"--source {directory}/cinc2017 --out DATA/cinc2017")  # fmt: skip


@app.command("run")
def run_command(
    study: Annotated[str, typer.Argument(help="data or resnet1d.")],
    scale: Annotated[str, typer.Option(help="demo (synthetic, minutes), pilot, colab or paper.")] = "demo",
    parameters: Annotated[
        list[str] | None,
        typer.Option("-p", metavar="KEY=VALUE", help="Any parameter, e.g. -p seeds=2 -p data=DATA."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Executed notebook (default _work/runs/STUDY-SCALE.ipynb).")
    ] = None,
    runner: Annotated[
        str | None, typer.Option(help="Where trials run: here, one after another (default), or dask.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="With dask: address of a running one; else workers are started here.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="With dask: how many workers (default: one per GPU or core).")
    ] = None,
):
    """Execute a study's notebook with papermill; trials that have a result already are not repeated."""
    from ecgrepro.studies.notebook import execute_study, parse_parameters

    where = {"runner": runner, "scheduler": scheduler, "workers": workers}
    given = {name: value for name, value in where.items() if value is not None}
    path = execute_study(study, {"scale": scale} | given | parse_parameters(parameters or []), out)
    typer.echo(f"Executed notebook: {path}")


@app.command("book")
def book_command():
    """Execute the notebooks at demo scale and build the book into _build/html."""
    from ecgrepro import paths
    from ecgrepro.studies.book import build

    typer.echo(f"Book: {build(paths.home())}")


@app.command("claims")
def claims_command(
    as_json: JsonOption = False,
    study: Annotated[str | None, typer.Option(help="Only this study's.")] = None,
):
    """Print the ledger: every claim with its published value, our estimate, its interval and the verdict."""
    from ecgrepro.claims.schema import STUDIES
    from ecgrepro.studies.evidence import ledger_rows

    if study not in (None, *STUDIES):
        raise SettingsError(
            "study", f"one of {', '.join(STUDIES)}", repr(study), "Leave it out for all claims."
        )
    rows = ledger_rows(study)
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    from ecgrepro.studies.figures import interval, number

    for row in rows:
        mark = " (substitute)" if row["substitute"] and row["verdict"] != "not run" else ""
        ours = f"ours {number(row['ours'])}  {interval(row['interval'])}" if row["ours"] is not None else ""
        line = f"{row['id']:34} {row['verdict'] + mark:24} published {number(row['published'])}  {ours}"
        typer.echo(line.rstrip())


@app.command("models")
def models_command(as_json: JsonOption = False):
    """List the models: parameters counted and as published, and operations of one forward pass over one input."""
    from ecgrepro.models.catalogue import catalogue

    rows = catalogue()
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    for row in rows:
        name = f"  {row['layer']}" if row["layer"] else f"{row['name']}, {row['outputs']} outputs"
        published = f"{row['published']:,}" if row["published"] else "-"
        shape = " x ".join(map(str, row["input"]))
        typer.echo(f"{name:28} input {shape:13} parameters {row['parameters']:>10,}  published {published:>10}  "
                   f"{row['flops'] / 1e9:8.3f} GFLOPs")  # fmt: skip


def main():
    """Run the command line; an error a person can act on is one message and exit status 1."""
    try:
        app(prog_name="ecgrepro")
    except EcgreproError as error:
        message = str(error)
    except OSError as error:
        if error.errno not in MACHINE:
            raise
        message = f"{error.filename or 'disk'}: {error.strerror}. Mend that, or name another folder, and run it again."
    else:
        return
    typer.echo(f"Error: {message}", err=True)
    sys.exit(1)


if __name__ == "__main__":
    main()
