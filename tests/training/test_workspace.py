import json
import multiprocessing
import shutil
from dataclasses import replace

import keras
import numpy as np
import pytest

from ecgrepro.corpora.corpus import Corpus
from ecgrepro.errors import InputError
from ecgrepro.frames.af import AfInput
from ecgrepro.training.recipe import Adam
from ecgrepro.training.workspace import Workspace, optimiser
from tests.training import children, tiny


def test_a_corpus_is_opened_once(workspace):
    assert workspace.corpus("cinc2017") is workspace.corpus("cinc2017")


def test_a_corpus_that_was_not_named_is_told_with_the_remedy(workspace):
    with pytest.raises(
        InputError, match="corpus svdb: expected one of icentia11k, cinc2017.*data ingest svdb"
    ):
        workspace.corpus("svdb")


def test_a_folder_without_a_corpus_is_told(tmp_path):
    with pytest.raises(InputError, match="expected an ingested corpus"):
        Workspace((("cinc2017", tmp_path / "nothing"),), tmp_path).corpus("cinc2017")


def test_a_trial_of_other_recordings_is_refused(workspace):
    trial = tiny.fine_tuning(workspace)
    workspace.check(trial)
    with pytest.raises(InputError, match="corpus cinc2017: expected content c0ffee; got .*describe it again"):
        workspace.check(replace(trial, corpora=(("cinc2017", "c0ffee"),)))


def test_a_corpus_named_by_a_label_revision_must_have_its_labels(corpora, workspace, tmp_path):
    other = Workspace((("cinc2017_v2", corpora / "cinc2017"),), tmp_path)
    trial = replace(tiny.fine_tuning(workspace), corpora=other.fingerprints("cinc2017_v2"))
    wanted = "cinc2017_v2: expected cinc2017 with labels v2; got cinc2017 with labels v3"
    with pytest.raises(InputError, match=f"{wanted}.*ingest cinc2017 --labels v2 --out DATA/cinc2017_v2"):
        other.check(trial)


def test_a_corpus_named_by_its_rhythms_must_have_them(corpora, workspace, tmp_path):
    named = (("mitbih_rhythms", tmp_path / "rhythms"),)
    shutil.copytree(corpora / "icentia11k", tmp_path / "rhythms")
    path = tmp_path / "rhythms" / "manifest.json"
    trial = replace(
        tiny.pretraining(workspace), corpora=Workspace(named, tmp_path).fingerprints("mitbih_rhythms")
    )

    def check(**options):
        path.write_text(
            json.dumps(json.loads(path.read_text()) | {"data_set": "mitbih_arrhythmia", "options": options})
        )
        Workspace(named, tmp_path).check(trial)

    wanted = "expected mitbih_arrhythmia with rhythms; got mitbih_arrhythmia with no rhythms"
    with pytest.raises(InputError, match=f"{wanted}.*mitbih_arrhythmia --rhythms --out DATA/mitbih_rhythms"):
        check()
    check(rhythms=True)


def test_a_missing_label_revision_is_told_with_the_remedy(workspace):
    with pytest.raises(
        InputError, match="data fetch cinc2017` and .*ingest cinc2017 --labels v0 --out DATA/cinc2017_v0"
    ):
        workspace.corpus("cinc2017_v0")


def test_inputs_and_labels_are_those_of_the_index(workspace):
    inputs, labels = workspace.af("cinc2017", AfInput(fs=25.0, length=256))
    index = workspace.corpus("cinc2017").index
    assert inputs.shape == (len(index), 256)
    assert inputs.dtype == np.float32
    assert (np.array(["N", "A", "O", "~"])[labels] == index.label).all()


def test_streams_of_the_right_rate_are_not_copied(workspace):
    streams = workspace.streams(["icentia11k"], 250.0)
    assert streams is workspace.streams(["icentia11k"], 250.0)
    assert not (workspace.work / "resampled").exists()


def test_processes_that_need_the_same_copy_make_it_once(corpora, tmp_path):
    context = multiprocessing.get_context("spawn")
    done = context.Queue()
    others = [context.Process(target=children.resample, args=(corpora, tmp_path, done)) for _ in range(2)]
    for other in others:
        other.start()
    totals = [done.get(timeout=120) for _ in others]
    for other in others:
        other.join()
    (folder,) = (path for path in (tmp_path / "resampled").iterdir() if path.is_dir())
    samples = int(Corpus(corpora / "icentia11k").index.n_samples.sum()) // 2
    assert totals == [[samples, samples]] * 2
    assert (Corpus(folder).index.fs == 125).all()


def test_the_optimiser_has_the_trials_settings():
    made = optimiser(Adam(learning_rate=0.25, beta_1=0.5, beta_2=0.75, epsilon=1e-3))
    assert isinstance(made, keras.optimizers.Adam)
    assert (made.beta_1, made.beta_2, made.epsilon) == (0.5, 0.75, 1e-3)
    assert float(made.learning_rate) == 0.25


def test_a_corpus_of_another_format_is_refused(corpora, tmp_path):
    shutil.copytree(corpora / "cinc2017", tmp_path / "cinc2017")
    path = tmp_path / "cinc2017" / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))
    with pytest.raises(InputError, match="Ingest again"):
        tiny.open_workspace(tmp_path, tmp_path).corpus("cinc2017")
