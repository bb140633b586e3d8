"""`ecgrepro bench`: measure this machine, and project what every study costs on it."""

import json
import time
from itertools import groupby
from typing import Annotated

import typer

from ecgrepro import paths
from ecgrepro.cli_data import JsonOption
from ecgrepro.errors import EcgreproError

#: Numeric precisions that are measured beside each other.
PRECISIONS = ("float32", "mixed_bfloat16")
#: Seconds that measuring a net took on two cores, compiling included, in full and with `--quick`; another
#: measurement took `SHORT`. They only serve to tell how long it will take.
GUESS, SHORT = {False: 12, True: 8}, 2
#: Exit status of a program that was stopped with Ctrl-C.
STOPPED = 130


def bench_command(
    as_json: JsonOption = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="One net for each architecture; the others by their arithmetic.")
    ] = False,
    studies: Annotated[
        list[str] | None, typer.Option("--studies", help="Only this study; may be repeated.")
    ] = None,
):
    """Measure this machine for some minutes, and project what every study costs on it, at every scale."""
    from ecgrepro.studies.cost_projection import check_studies

    names = check_studies(studies or ())

    def say(line):
        typer.echo(line, err=as_json)

    report, stopped = bench(names, quick, say)
    if as_json:
        typer.echo(json.dumps(report, indent=1))
    else:
        typer.echo(table(report))
    if stopped:
        raise typer.Exit(STOPPED)


def bench(names, quick, say):
    """Measure and project.

    Parameters
    ----------
    names : tuple of str
        Studies.
    quick : bool
    say : callable
        Takes a line as soon as there is something to tell.

    Returns
    -------
    report : dict
        ``machine``, ``versions``, ``backend``, ``started``, ``seconds``, ``peak_memory_MB``, ``complete``, ``found``
        (a dict for each measurement), ``work``, ``studies`` and ``published`` (see `cost_projection.project`,
        `totals` and `published`).
    stopped : bool
        Whether Ctrl-C ended it; then the projection is made of what had been measured.
    """
    import keras

    from ecgrepro.studies import cost_projection
    from ecgrepro.training import cost, run_record

    listed = cost_projection.works(names, paths.home())
    tasks = _tasks(cost_projection.nets(listed, quick), quick)
    machine = run_record.hardware()
    say(f"{machine['processor']}, {machine['cores']} cores, "
        f"{', '.join(machine['accelerators']) or 'no accelerator'}; backend {keras.backend.backend()}")  # fmt: skip
    weights = [GUESS[quick] if key else SHORT for _, key, _ in tasks]
    say(f"{len(tasks)} measurements: matrix products, the sampler, the disk under {paths.work()}, training steps of "
        f"{len(tasks) // len(PRECISIONS) - 2} nets. About {_minutes(sum(weights))}; Ctrl-C ends it with what is there."
    )  # fmt: skip
    started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    began = time.perf_counter()
    found, speeds, stopped = _measure(tasks, weights, say)
    rows = cost_projection.project(listed, speeds, PRECISIONS)
    report = {"machine": machine, "versions": run_record.versions(), "backend": keras.backend.backend(),
              "started": started, "seconds": round(time.perf_counter() - began, 1), "complete": not stopped,
              "peak_memory_MB": cost.peak_memory_mb(), "found": found, "work": rows,
              "studies": cost_projection.totals(rows, names),
              "published": cost_projection.published(names)}  # fmt: skip
    return report, stopped


def _tasks(nets, quick):
    """Measurements in order: (what, net and precision or None, function that returns a dict with ``told``)."""
    from ecgrepro.studies import machine
    from ecgrepro.training import cost
    from ecgrepro.training.seeds import make_deterministic

    make_deterministic(0)  # as every trial does
    seconds = 0.6 if quick else 2.0

    def product(precision):
        peak, source = cost.device_peak(precision)
        return {"flops_per_second": float(f"{peak:.4g}"), "source": source,
                "told": f"{peak / 1e9:,.0f} GFLOPS ({source})"}  # fmt: skip

    def frames():
        speed = machine.sampler_speed(seconds)
        return {"frames_per_second": speed, "told": f"{speed:,.0f} frames/s"}

    def disk():
        found = machine.disk_speed(paths.work(), 64 if quick else 256)
        speeds = f"{found['write_MB_s']:,.0f} MB/s written, {found['read_MB_s']:,.0f} read"
        return found | {"told": f"{speeds}, {found['free_GB']:,.0f} GB free"}

    def step(net, precision):
        found = machine.training_step(net, precision, seconds)
        return found | {
            "told": f"{found['frames_per_second']:,.4g} frames/s, {found['share_of_peak']:.0%} of the peak"
        }

    return [
        *((f"peak, {precision}", None, lambda p=precision: product(p)) for precision in PRECISIONS),
        ("sampler, frames of 4,096 samples", None, frames),
        ("disk", None, disk),
        *(
            (f"{net}, {precision}", (net, precision), lambda n=net, p=precision: step(n, p))
            for net in nets
            for precision in PRECISIONS
        ),
    ]


def _measure(tasks, weights, say):
    """Run measurements until they end or Ctrl-C does: (list of dict, speeds of nets, whether it was stopped)."""
    found, speeds, began = [], {}, time.perf_counter()
    for number, (what, key, work) in enumerate(tasks, 1):
        try:
            made = work()
        except KeyboardInterrupt:
            say("stopped; what follows is made of what had been measured")
            return found, speeds, True
        except EcgreproError as error:
            say(f"[{number:2}/{len(tasks)}] {what}: left out. {error}")
            continue
        left = (time.perf_counter() - began) / sum(weights[:number]) * sum(weights[number:])
        say(f"[{number:2}/{len(tasks)}, {_minutes(left)} left] {what}: {made.pop('told')}")
        found.append({"what": what} | made)
        if key:
            speeds[key] = made["frames_per_second"]
    return found, speeds, False


NOTES = (
    "~ by the arithmetic of a net of the same architecture; ? nothing like it was measured.",
    "Training alone, one trial after another, on this machine as busy as it was. Validation (about two in a hundred), "
    "transforms and reading are not in it.",
)


def table(report):
    """Projection in lines, with the assumptions below."""
    columns = "".join(f"{precision:>18}" for precision in PRECISIONS)
    lines = [
        "",
        f"{'study':16}{'scale':8}{'trials':>7}{'frames':>16}{columns}",
        *_lines(report["studies"]),
        "",
        *NOTES,
    ]
    lines += ["", *map(_assumed, report["work"]), *map(_published, report["published"]), ""]
    memory = report["peak_memory_MB"] / 1024
    return "\n".join([*lines, f"Measured in {_minutes(report['seconds'])}, {memory:.1f} GiB resident."])


def _assumed(row):
    return (f"{row['study']}, {row['scale']}: {row['what']}, {_trials(row)}, {row['net']}, "
            f"{row['assumption']} [{row['source']}]")  # fmt: skip


def _published(row):
    return (f"{row['study']}, published: {row['what']}, {_trials(row)}, {row['hours']:g} h on {row['machine']} "
            f"[{row['source']}]")  # fmt: skip


def _trials(row):
    return f"{row['trials']} trial{'s' * (row['trials'] > 1)}"


def _lines(rows):
    """One line for each scale; scales of a study that have nothing to tell share one."""
    lines = []
    for (study, note), same in groupby(
        rows, key=lambda row: (row["study"], "" if row["hours"] else row["note"])
    ):
        if note:
            lines.append(f"{study:16}{', '.join(row['scale'] for row in same)}: {note}")
        else:
            lines += map(_line, same)
    return lines


def _line(row):
    mark = "" if row["measured"] else "~"
    hours = "".join(f"{_duration(row['hours'][precision], mark):>18}" for precision in PRECISIONS)
    return f"{row['study']:16}{row['scale']:8}{row['trials']:>7}{row['frames']:>16,}{hours}"


def _duration(hours, mark):
    if hours is None:
        return "?"
    if hours < 1:
        return f"{mark}{60 * hours:.1f} min"
    return f"{mark}{hours:,.1f} h" if hours < 100 else f"{mark}{hours:,.0f} h"


def _minutes(seconds):
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
