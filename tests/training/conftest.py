"""A finished list of tiny trials, run once for all tests of this room."""

import os
from types import SimpleNamespace

import pytest

from ecgrepro.corpora.ingest import ingest
from ecgrepro.corpora.synthetic_cinc2017 import handheld_records, write_cinc2017
from ecgrepro.training import pretrain
from ecgrepro.training.runner import run
from tests.training import tiny


@pytest.fixture(scope="session")
def corpora(corpora, tmp_path_factory):
    """The small Holter corpus, and hand-held recordings enough for every class in every part of a split."""
    folder = tmp_path_factory.mktemp("training")
    os.symlink(corpora / "icentia11k", folder / "icentia11k", target_is_directory=True)
    published = write_cinc2017(folder / "published", handheld_records(3, 240))
    ingest("cinc2017", published, folder / "cinc2017", progress=False)
    return folder


@pytest.fixture(scope="session")
def workspace(corpora, tmp_path_factory):
    return tiny.open_workspace(corpora, tmp_path_factory.mktemp("work"))


@pytest.fixture(scope="session")
def finished(workspace, tmp_path_factory):
    """One pre-training and two fine-tunings of one seed, listed in another order than they can run in."""
    folder = tmp_path_factory.mktemp("finished")
    store = tiny.open_store(folder)
    parent = tiny.pretraining(workspace)
    trials = {
        "pretrained": tiny.fine_tuning(workspace, parent=parent),
        "random": tiny.fine_tuning(workspace, labels=0.4, select="loss"),
        "parent": parent,
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pretrain, "BLOCK", tiny.BLOCK)
        run(
            list(trials.values()),
            store,
            workspace,
            progress=False,
            annotate=lambda trial: {"noted": trial.key},
        )
    results = {name: store.results_of(trial.key) for name, trial in trials.items()}
    return SimpleNamespace(folder=folder, store=store, trials=trials, results=results)
