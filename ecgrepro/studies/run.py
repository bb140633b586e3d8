"""Running a study at a scale: finds or makes its corpora, describes its trials, runs what is missing."""

import hashlib
import json
from pathlib import Path

from ecgrepro import corpora, paths
from ecgrepro.claims.rules import rule_hashes
from ecgrepro.corpora.corpus import FORMAT, Corpus
from ecgrepro.corpora.ingest import ingest
from ecgrepro.errors import SettingsError
from ecgrepro.studies import resnet1d
from ecgrepro.studies.scale import configure
from ecgrepro.training.runner import run
from ecgrepro.training.store import TrialStore, locked
from ecgrepro.training.workspace import Workspace

#: Studies that train, by name; each module has `SCALES` and `trials`.
STUDIES = {"resnet1d": resnet1d}
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
        Folder of ingested corpora, one sub-folder each, named as in the registry; ``_work/data`` unless given.
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
    store = TrialStore(paths.results(scale, study), paths.work() / "trials" / scale)
    notes = {"rules": rule_hashes(study), "label_revision": settings.label_revision}
    run(trials, store, workspace, runner=runner, scheduler=scheduler, workers=workers, progress=progress,
        annotate=lambda trial: notes)  # fmt: skip
    return [store.results_of(trial.key) for trial in trials]


def open_workspace(scale, data=None):
    """Open the corpora a scale needs; the error names the one that is missing or another, and how to get it."""
    names = (*scale.pretraining_corpora, "cinc2017")
    folder = demo_corpora() if scale.name == "demo" else Path(data or paths.data())
    missing = [name for name in names if not (folder / name / "manifest.json").exists()]
    if missing:
        raise SettingsError(
            f"scale {scale.name}", f"the corpora {', '.join(names)} in {folder}", f"no {', '.join(missing)}",
            "For each: `ecgrepro data fetch NAME`, then `ecgrepro data ingest NAME`; for corpora that lie elsewhere "
            "give `-p data=DATA`.",
        )  # fmt: skip
    workspace = Workspace(tuple((name, folder / name) for name in names), paths.work())
    for name in names:
        found = workspace.corpus(name).manifest["data_set"]
        if found != name:
            fix = "Name each folder as its data set."
            raise SettingsError(folder / name, f"the corpus {name}", found, fix)
    revision = workspace.corpus("cinc2017").manifest["options"]["labels"]
    if revision != scale.label_revision:
        raise SettingsError(
            folder / "cinc2017", f"labels {scale.label_revision}", revision,
            f"Ingest with `--labels {scale.label_revision}` or give `-p label_revision={revision}`.",
        )  # fmt: skip
    return workspace


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
