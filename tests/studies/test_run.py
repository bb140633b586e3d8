import json
import shutil

import pytest

from ecgrepro.claims.rules import rule_hashes
from ecgrepro.corpora.ingest import ingest
from ecgrepro.errors import SettingsError
from ecgrepro.studies import run as module
from ecgrepro.studies.resnet1d import SCALES
from ecgrepro.studies.run import corpus_counts, demo_corpora, open_workspace, run_study
from ecgrepro.training.store import read_results
from tests.studies import fabricated

#: A demo that trains in seconds.
SMALL = {"seeds": 1, "width": 0.0625, "epochs": 1, "batch_size": 16, "frames_per_patient": 64, "held_out_frames": 32,
         "length": 256, "input": {"length": 256}}  # fmt: skip


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("ECGREPRO_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """A home in which a small demo has been run, and its results."""
    home = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ECGREPRO_HOME", str(home))
        patch.setattr(
            module, "DEMO", {"patients": 4, "segments": 1, "samples": 16_384, "records": 160, "seed": 5}
        )
        yield home, run_study("resnet1d", progress=False, arms="beat_2048", **SMALL)


def test_a_demo_makes_its_recordings_and_runs_every_trial(demo):
    home, found = demo
    assert [(r["trial"]["stage"], r["trial"]["arm"]) for r in found] == [
        ("pretraining", "beat_2048"), ("fine-tuning", "beat_2048")
    ]  # fmt: skip
    (corpora,) = (home / "_work" / "demo").glob("*/corpora")
    assert {path.name for path in corpora.iterdir()} == {"icentia11k", "cinc2017"}


def test_another_simulator_makes_other_recordings(monkeypatch):
    before = module._demo_key()
    monkeypatch.setattr(module, "DEMO", module.DEMO | {"seed": 1})
    assert module._demo_key() != before


def test_results_of_a_demo_stay_in_the_working_folder(demo):
    home, found = demo
    assert {path.name for path in home.iterdir()} == {"_work"}
    kept = read_results(home / "_work" / "results" / "demo" / "resnet1d")
    assert {result["key"] for result in kept} == {result["key"] for result in found}


def test_run_records_name_rules_and_label_revision(demo):
    for result in demo[1]:
        assert result["run"]["rules"] == rule_hashes()
        assert result["run"].get("label_revision") == {"fine-tuning": "v3"}.get(result["trial"]["stage"])


def test_what_has_a_result_is_not_run_again(demo, monkeypatch):
    from ecgrepro.training import runner

    monkeypatch.setattr(runner, "RUN", {})
    again = run_study("resnet1d", progress=False, arms="beat_2048", **SMALL)
    assert [result["key"] for result in again] == [result["key"] for result in demo[1]]


def test_only_the_trials_asked_for_are_returned(demo, monkeypatch):
    from ecgrepro.training import runner

    def pretend(trial, store, workspace, report, notes):
        store.commit(trial, [{"epoch": 1}], fabricated.predictions(trial, 0.5), notes)

    monkeypatch.setattr(runner, "RUN", {"records": pretend})
    (alone,) = run_study("resnet1d", progress=False, arms="random", **SMALL)
    assert alone["trial"]["arm"] == "random"


def test_demo_recordings_are_made_once(demo, monkeypatch):
    from ecgrepro.corpora import synthetic_writers

    monkeypatch.setattr(
        synthetic_writers, "write_demo_data", lambda *given, **named: pytest.fail("made again")
    )
    before = demo_corpora()
    assert [before] == list((demo[0] / "_work" / "demo").glob("*/corpora"))
    assert {name: found["counts"]["records"] for name, found in corpus_counts().items()} == {
        "cinc2017": 160, "icentia11k": 4
    }  # fmt: skip


def test_an_unknown_study_is_refused(home):
    with pytest.raises(
        SettingsError,
        match="study: expected one of resnet1d, spectrogram2d, pretrain_size, freezing, ptbxl_transfer; got 'resnet2d'",
    ):
        run_study("resnet2d")
    assert list(home.iterdir()) == []


def test_unknown_settings_are_refused_before_anything_is_made(home):
    with pytest.raises(SettingsError, match="scale: expected one of demo"):
        run_study("resnet1d", "huge")
    with pytest.raises(SettingsError, match="parameter epoch: expected one of"):
        run_study("resnet1d", epoch=3)
    assert list(home.iterdir()) == []


def test_real_scales_need_a_folder_of_corpora_and_say_how_to_get_it(home):
    words = (
        "expected the corpora cinc2017, mitbih_arrhythmia, svdb, mitbih_rhythms, cinc2017_v2 in .*data fetch NAME"
        ".*mitbih_rhythms: `ecgrepro data ingest mitbih_arrhythmia --rhythms --out DATA/mitbih_rhythms`; "
        "cinc2017_v2: `ecgrepro data ingest cinc2017 --labels v2 --out DATA/cinc2017_v2`.*-p data="
    )
    with pytest.raises(SettingsError, match=words):
        run_study("resnet1d", "pilot")


def test_a_corpus_that_is_missing_is_named(home, corpora):
    with pytest.raises(SettingsError, match="got no mitbih_arrhythmia, svdb"):
        open_workspace(SCALES["pilot"], corpora)


def test_a_folder_that_holds_another_data_set_is_refused(home, corpora, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(corpora / "cinc2017", data / "icentia11k")
    shutil.copytree(corpora / "cinc2017", data / "cinc2017")
    with pytest.raises(SettingsError, match="icentia11k: expected the corpus icentia11k; got cinc2017"):
        open_workspace(SCALES["colab"], data)


def test_another_label_revision_is_refused_until_asked_for(home, published, corpora, tmp_path):
    data = tmp_path / "data"
    ingest("cinc2017", published / "cinc2017", data / "cinc2017", labels="v2", progress=False)
    shutil.copytree(corpora / "icentia11k", data / "icentia11k")
    with pytest.raises(SettingsError, match="cinc2017: expected labels v3; got v2.*-p label_revision=v2"):
        open_workspace(SCALES["colab"], data)
    from ecgrepro.studies.scale import configure

    asked = configure(SCALES, "colab", label_revision="v2")
    assert dict(open_workspace(asked, data).corpora)["cinc2017"] == data / "cinc2017"


def test_a_folder_named_by_options_that_it_does_not_have_is_refused(home, corpora, tmp_path):
    from ecgrepro.studies.scale import configure

    data = tmp_path / "data"
    for name in ("cinc2017", "cinc2017_v2"):
        shutil.copytree(corpora / "cinc2017", data / name)
    scale = configure(SCALES, "paper", arms=["random", "report_random"])
    wanted = "cinc2017_v2: expected the corpus cinc2017 with labels v2; got cinc2017 with labels v3"
    with pytest.raises(
        SettingsError, match=f"{wanted}.*data ingest cinc2017 --labels v2 --out DATA/cinc2017_v2"
    ):
        open_workspace(scale, data)
    manifest = data / "cinc2017_v2" / "manifest.json"
    changed = json.loads(manifest.read_text()) | {"options": {"labels": "v2"}}
    manifest.write_text(json.dumps(changed))
    assert set(dict(open_workspace(scale, data).corpora)) == {"cinc2017", "cinc2017_v2"}


def test_counts_are_the_manifests_of_a_folder(corpora):
    found = corpus_counts(corpora)
    assert set(found) == {"cinc2017", "icentia11k"}
    assert found["cinc2017"] == json.loads((corpora / "cinc2017" / "manifest.json").read_text())
