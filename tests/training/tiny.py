"""Trials that train in a second: a net of 4 to 32 filters, inputs of 256 samples, two dozen steps."""

from dataclasses import replace

from ecgrepro.corpora.ingest import ingest
from ecgrepro.corpora.synthetic_butqdb import quality_cases, write_butqdb
from ecgrepro.corpora.synthetic_nstdb import write_nstdb
from ecgrepro.frames.af import AfInput
from ecgrepro.training.recipe import FineTuning, Pretraining
from ecgrepro.training.store import TrialStore
from ecgrepro.training.trial import Trial
from ecgrepro.training.workspace import Workspace

PRETRAINING = Pretraining(
    fs=250.0, length=256, frames_per_patient=128, batch_size=16, shuffle_patients=3, held_out=0.2,
    held_out_frames=24, checkpoints=(0.48, 0.5, 1.0), mean=0.0, deviation=0.5,
)  # fmt: skip
FINE_TUNING = FineTuning(
    input=AfInput(fs=25.0, length=256), folds=4, validation=0.2, batch_size=16, epochs=6, patience=4
)
#: Steps between two checkpoints of pre-training.
BLOCK = 4


def open_workspace(corpora, work):
    return Workspace(tuple((name, corpora / name) for name in ("icentia11k", "cinc2017")), work)


def open_quality_workspace(corpora, folder):
    """The same corpora beside noise and graded recordings, which are made in `folder`."""
    ingest("nstdb", write_nstdb(folder / "nstdb_published", seed=1), folder / "nstdb", progress=False)
    made = write_butqdb(folder / "butqdb_published", quality_cases(5, seconds=60), seed=5)
    ingest("butqdb", made, folder / "butqdb", progress=False)
    places = {name: corpora / name for name in ("icentia11k", "cinc2017")}
    places |= {name: folder / name for name in ("nstdb", "butqdb")}
    return Workspace(tuple(places.items()), folder / "work")


def open_store(folder):
    return TrialStore(folder / "results", folder / "trials")


def pretraining(workspace, *, seed=0, **changes):
    """A pre-training trial; `changes` are fields of its recipe."""
    return Trial("tests", "demo", "beat", seed, 0, workspace.fingerprints("icentia11k"), "resnet18", 0.0625,
                 replace(PRETRAINING, **changes))  # fmt: skip


def fine_tuning(workspace, *, seed=0, fold=0, parent=None, share=1.0, arm=None, **changes):
    """A fine-tuning trial from random or from the pre-training trial `parent`; `changes` are fields of its recipe."""
    start = f"{parent.key}@{share}" if parent else "random"
    return Trial("tests", "demo", arm or ("beat" if parent else "random"), seed, fold,
                 workspace.fingerprints("cinc2017"), "resnet18", 0.0625, replace(FINE_TUNING, **changes),
                 initialisation=start)  # fmt: skip
