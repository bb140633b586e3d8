"""The command line's `data` part: list, show, fetch, ingest and audit data sets."""

import json
import os
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from ecgrepro import paths
from ecgrepro.errors import SettingsError

data = typer.Typer(no_args_is_help=True, help="Data sets: list, show, fetch, ingest and audit them.")

#: Rows of a table that the audit prints.
SHOWN = 25

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
NameArgument = Annotated[str, typer.Argument(help="A name from `ecgrepro data list`.")]
DataOption = Annotated[
    Path | None, typer.Option("--data", help="Folder of ingested corpora (default _work/data).")
]
PublishedOption = Annotated[
    Path | None, typer.Option("--published", help="Folder of fetched files (default _work/published).")
]


@data.command("list")
def data_list(published: PublishedOption = None, data_folder: DataOption = None, as_json: JsonOption = False):
    """Name every data set: licence, size, what it is labelled with, and what of it is on this machine."""
    from ecgrepro.corpora.inventory import inventory

    rows = inventory(published or paths.published(), data_folder or paths.data())
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    for row in rows:
        size = f"{row['size'] / 1e9:,.2f} GB" if row["size"] else "size unknown"
        typer.echo(f"{row['name']:18} {row['title']}")
        typer.echo(f"{'':18} {row['records']:,} recordings, {size}; {row['classes']}")
        typer.echo(f"{'':18} {row['licence']}{' (not for commercial use)' if row['non_commercial'] else ''}")
        typer.echo(f"{'':18} here: {row['state']}\n")
    typer.echo("`ecgrepro data show NAME` tells where one comes from and in which layout, "
               "`ecgrepro data fetch NAME` fetches it.")  # fmt: skip


@data.command("show")
def data_show(name: NameArgument, published: PublishedOption = None, data_folder: DataOption = None):
    """Show where a data set comes from, its licence, the layout that is read, and what of it is here."""
    from ecgrepro.corpora.inventory import state
    from ecgrepro.corpora.registry import data_set

    card = data_set(name)
    for key in ("title", "url", "licence", "layout", "facts", "classes"):
        typer.echo(f"{key:12} {getattr(card, key)}")
    typer.echo(f"{'options':12} {', '.join('--' + option for option in card.options) or 'none'}")
    typer.echo(f"{'here':12} {state(name, published or paths.published(), data_folder or paths.data())}")
    if card.non_commercial:
        typer.echo(f"{'note':12} Not for commercial use: nothing that holds its recordings may be passed on.")


@data.command("fetch")
def data_fetch(
    name: NameArgument,
    to: Annotated[
        Path | None, typer.Option("--to", help="Folder of this data set (default _work/published/NAME).")
    ] = None,
    patients: Annotated[int | None, typer.Option(help="icentia11k: only the first so many patients.")] = None,
    extra: Annotated[
        list[str] | None, typer.Option("--with", help="A further part: records500 of ptbxl. May be repeated.")
    ] = None,
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="Accept a licence that forbids commercial use, once.")
    ] = False,
    jobs: Annotated[int, typer.Option(help="Files under way at once.")] = 4,
    drive_id: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE=ID", help="Take a Google Drive file from your own copy; may be repeated."),
    ] = None,
):
    """Fetch a data set from its publisher: resumes, checks every byte, shows size and licence first."""
    from ecgrepro.corpora.fetch import fetch

    with _resumable():
        done = fetch(
            name, to or paths.published() / name, patients=patients, extra=tuple(extra or ()), jobs=jobs,
            accept_licence=accept_licence, drive_ids=_pairs(drive_id or []),
            announce=lambda plan: typer.echo(plan.describe(), err=True),
        )  # fmt: skip
    typer.echo(done.describe())


@contextmanager
def _resumable():
    """Turn Ctrl-C into one line that says how to go on, and exit status 130."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("\nStopped. Run the same command: it goes on where it stopped.", err=True)
        raise typer.Exit(130) from None


def _pairs(texts):
    pairs = [text.partition("=") for text in texts]
    wrong = [name for name, equals, key in pairs if not (name and equals and key)]
    if wrong:
        raise SettingsError(
            "--drive-id", "FILE=ID", ", ".join(wrong), "For example --drive-id best.h5=1AbC..."
        )
    return {name: key for name, _, key in pairs}


@data.command("audit")
def data_audit(
    data_folder: DataOption = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write the tables to, as CSV.")] = None,
    as_json: JsonOption = False,
):
    """Look for copies, for splits that share recordings or people, and for counts that are not as published."""
    from ecgrepro.studies.audit import TABLES, audit, open_corpora, write_audit

    tables = audit(open_corpora(data_folder or paths.data()))
    if out:
        write_audit(tables, out)
    if as_json:
        typer.echo(
            json.dumps(
                {name: json.loads(t.to_json(orient="records")) for name, t in tables.items()}, indent=1
            )
        )
        return
    for name, table in tables.items():
        typer.echo(f"{name}: {TABLES[name]} ({len(table):,} rows)")
        typer.echo(table.head(SHOWN).to_string(index=False) + "\n" if len(table) else "none\n")
    typer.echo(f"Tables are cut at {SHOWN} rows; --out writes them whole.")


@data.command("ingest")
def data_ingest(
    name: NameArgument,
    source: Annotated[
        Path | None, typer.Option(help="The publisher's files (default: where `data fetch` puts them).")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Corpus folder to make (default _work/data/NAME); runs use DATA/NAME.")
    ] = None,
    labels: Annotated[
        str | None, typer.Option(help="cinc2017: label revision v0, v2 or v3 (default v3).")
    ] = None,
    patients: Annotated[int | None, typer.Option(help="icentia11k: only the first so many patients.")] = None,
    fs: Annotated[int | None, typer.Option(help="ptbxl: 100 or 500 Hz (default 100).")] = None,
    version: Annotated[str | None, typer.Option(help="ptbxl: 1.0.1 or 1.0.3 (default 1.0.3).")] = None,
    annotator: Annotated[
        str | None, typer.Option(help="butqdb: consensus, 1, 2 or 3 (default consensus).")
    ] = None,
    rhythms: Annotated[
        bool, typer.Option("--rhythms", help="mitbih_arrhythmia: keep rhythm marks, as DATA/mitbih_rhythms.")
    ] = False,
    jobs: Annotated[int | None, typer.Option(help="Processes that read (default: one per core).")] = None,
    as_json: JsonOption = False,
):
    """Check every record and write a corpus: resumable, atomic, bad records set aside with their reason."""
    from ecgrepro.corpora.aliases import alias_of
    from ecgrepro.corpora.ingest import ingest

    options = {"labels": labels, "patients": patients, "fs": fs, "version": version, "annotator": annotator,
               "rhythms": rhythms or None}  # fmt: skip
    given = {key: value for key, value in options.items() if value is not None}
    # another rate or revision is another corpus: it does not take the place of the one that runs look for
    folder = alias_of(name, given) or name + "".join(f"-{key}{value}" for key, value in given.items())
    with _resumable():
        manifest = ingest(
            name, source or paths.published() / name, out or paths.data() / folder,
            jobs=jobs or os.cpu_count(), **given,
        ).manifest  # fmt: skip
    typer.echo(json.dumps(manifest, indent=1) if as_json else describe(manifest))


def describe(manifest):
    """Say a manifest's counts in a few lines."""
    counts = manifest["counts"]
    lines = [f"{manifest['data_set']} {manifest['options'] or ''}".strip(), f"records {counts['records']:,}"]
    for kind in ("labels", "codes", "folds", "beats", "rhythms", "quality"):
        found = {name: count for name, count in counts[kind].items() if name}
        if found:
            lines.append(f"{kind} " + ", ".join(f"{name} {count:,}" for name, count in found.items()))
    lines.append(f"quarantined {len(manifest['quarantined'])}")
    lines += [f"  {record}: {reason}" for record, reason in list(manifest["quarantined"].items())[:20]]
    return "\n".join([*lines, f"fingerprint {manifest['fingerprint'][:16]}"])
