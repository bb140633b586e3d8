"""Running a study at a scale: finds or makes its corpora, describes its trials, runs what is missing."""

import hashlib
import json
import sys
from pathlib import Path

from ecgrepro import corpora, paths
from ecgrepro.claims.rules import rule_hashes
from ecgrepro.corpora.aliases import ALIASES, ingest_command, mismatch
from ecgrepro.corpora.corpus import FORMAT, Corpus
from ecgrepro.corpora.ingest import ingest
from ecgrepro.errors import SettingsError
from ecgrepro.studies.arms import corpora as needed_corpora
from ecgrepro.studies.designs import STUDIES
from ecgrepro.studies.scale import configure
from ecgrepro.training.runner import run
from ecgrepro.training.store import TrialStore, locked
from ecgrepro.training.workspace import Workspace

CINC2017 = "cinc2017"
#: Size of the synthetic demo data: enough for every arm to learn something within a minute or two.
DEMO = {"patients": 24, "segments": 2, "samples": 65_536, "records": 240, "seed": 2017, "all_layouts": True}
#: Folder of the demo data that each corpus is ingested from.
DEMO_SOURCES = {"icentia11k": "icentia11k_wfdb", "cinc2017": "cinc2017", "ptbxl": "ptbxl", "georgia": "challenge2021",
                "challenge_ptbxl": "challenge2021", "butqdb": "butqdb", "nstdb": "nstdb"}  # fmt: skip


def run_study(
    study, scale="demo", *, data=None, runner="here", scheduler=None, workers=None, progress=True, **overrides
):
    """Run every trial of a study that has no result yet, and return all its results.

    Parameters
    ----------
    study : str
    scale : {"demo", "pilot", "colab", "paper"}
    data : str or Path, optional
        Folder of ingested corpora, one sub-folder each, named as in the registry or in `ecgrepro.corpora.aliases`;
        ``_work/data`` unless given.
        A demo makes its own.
    runner, scheduler, workers
        Where trials run, see `ecgrepro.training.runner.run`.
    overrides
        See `ecgrepro.studies.scale.configure`.

    Returns
    -------
    list of dict
        See `ecgrepro.training.store.read_result`; only this call's trials, pre-training included.
    """
    if study not in STUDIES:
        raise SettingsError(
            "study", f"one of {', '.join(STUDIES)}", repr(study), "See `ecgrepro run --help`."
        )
    settings = configure(STUDIES[study].SCALES, scale, **overrides)
    workspace = open_workspace(settings, data)
    trials = STUDIES[study].trials(settings, workspace)
    _tell_what_is_left_out(settings, trials)
    store = TrialStore(paths.results(scale, study), paths.work() / "trials" / scale)
    notes = {"rules": rule_hashes()}
    run(trials, store, workspace, runner=runner, scheduler=scheduler, workers=workers, progress=progress,
        annotate=lambda trial: notes)  # fmt: skip
    return [store.results_of(trial.key) for trial in trials]


def _tell_what_is_left_out(scale, trials):
    """Say which arms start from published weights that are not at hand; refuse where nothing else was asked for."""
    left_out = sorted(set(scale.arms) - {trial.arm for trial in trials if trial.stage == "fine-tuning"})
    fix = "`ecgrepro data fetch class_report --accept-licence` fetches them."
    if not trials:
        raise SettingsError(f"arms {', '.join(left_out)}", "published weights at hand", "none", fix)
    if left_out:
        print(f"Left out, for want of published weights: {', '.join(left_out)}. {fix}", file=sys.stderr)


def open_workspace(scale, data=None):
    """Open the corpora a scale needs; the error names the one that is missing or another, and how to get it."""
    names = needed_corpora(scale)
    folder = demo_corpora() if scale.name == "demo" else Path(data or paths.data())
    missing = [name for name in names if not (folder / name / "manifest.json").exists()]
    if missing:
        raise SettingsError(
            f"scale {scale.name}", f"the corpora {', '.join(names)} in {folder}", f"no {', '.join(missing)}",
            f"For each: `ecgrepro data fetch NAME`, then `ecgrepro data ingest NAME`{_alias_commands(missing)}; for "
            "corpora that lie elsewhere give `-p data=DATA`, or choose `-p arms=...` that do without.",
        )  # fmt: skip
    workspace = Workspace(tuple((name, folder / name) for name in names), paths.work())
    for name in names:
        _check_corpus(workspace.corpus(name).manifest, folder / name, name, scale)
    return workspace


def _alias_commands(names):
    """How to ingest those corpora whose names are no data set's, in brackets; "" where there is none."""
    told = [f"{name}: `{ingest_command(name)}`" for name in names if name in ALIASES]
    return f" ({'; '.join(told)})" if told else ""


def _check_corpus(manifest, folder, name, scale):
    """Refuse a corpus of another data set or other options than its name, or another label revision than the scale."""
    wrong = mismatch(name, manifest)
    if wrong:
        expected, found = wrong
        fix = f"Name each folder as its data set; this one is made by `{ingest_command(name)}`."
        raise SettingsError(folder, f"the corpus {expected}", found, fix)
    wanted, found = scale.label_revision, manifest["options"].get("labels")
    if name == CINC2017 and found != wanted:
        raise SettingsError(folder, f"labels {wanted}", found,
                            f"Ingest with `--labels {wanted}` or give `-p label_revision={found}`.")  # fmt: skip


def demo_corpora():
    """Make the synthetic recordings once, in the published formats, ingest them, and return the folder."""
    from ecgrepro.corpora.synthetic_writers import write_demo_data

    folder = paths.work() / "demo" / _demo_key()
    with locked(folder / "lock"):  # of several processes one makes them, the others find them
        if not (folder / "published").exists():
            write_demo_data(folder / "published", **DEMO)
        for name, source in DEMO_SOURCES.items():
            made = (folder / "corpora" / name / "manifest.json").exists()
            if not made and (folder / "published" / source).exists():
                ingest(name, folder / "published" / source, folder / "corpora" / name, progress=False)
    return folder / "corpora"


def _demo_key():
    """Eight digits that change with the demo's size, the simulator and the format of a corpus."""
    digest = hashlib.sha256(json.dumps([DEMO, FORMAT]).encode())
    for path in sorted(Path(corpora.__file__).parent.glob("synthetic*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:8]


def corpus_counts(data=None):
    """Manifests of ingested corpora by name: those under `data`, or the demo's."""
    folder = demo_corpora() if data is None else Path(data)
    return {path.parent.name: Corpus(path.parent).manifest for path in sorted(folder.glob("*/manifest.json"))}
