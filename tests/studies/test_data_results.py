"""What study `data` leaves of real recordings, here of synthetic ones: every table and picture, and no path."""

import json
from dataclasses import replace

import pandas as pd
import pytest
from PIL import Image

from ecgrepro.corpora.corpus import Corpus
from ecgrepro.corpora.registry import DATA_SETS
from ecgrepro.errors import EcgreproError, InputError
from ecgrepro.studies import data_results as module
from ecgrepro.studies.audit import TABLES
from ecgrepro.studies.data import committed_counts
from ecgrepro.studies.data_results import count_corpora, write_results
from ecgrepro.studies.resnet1d import SCALES


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("ECGREPRO_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture(scope="module")
def written(corpora, published, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ECGREPRO_HOME", str(home))
        # of the few synthetic recordings only three are noisy
        pilot = SCALES["pilot"]
        patch.setitem(SCALES, "pilot", replace(pilot, fine_tuning=replace(pilot.fine_tuning, folds=3)))
        yield write_results(corpora, published / "cinc2017", progress=False)


def test_counts_are_written_where_the_ledger_reads_them(written, corpora):
    assert written.parts[-3:] == ("results", "pilot", "data")
    counts = committed_counts()
    assert set(counts["corpora"]) == {"cinc2017", "icentia11k"}
    assert counts["corpora"]["cinc2017"]["counts"]["records"] == len(Corpus(corpora / "cinc2017"))
    assert set(counts["cinc2017"]) >= {"v0", "v2", "v3", "changed", "duplicates"}


def test_every_table_is_written(written):
    audit = {path.stem for path in (written / "audit").iterdir()}
    assert audit == set(TABLES)
    tables = {path.stem for path in written.glob("*.csv")}
    assert tables == {"cinc2017_lengths", "recording_lengths", "heart_rates", "heart_rate_summary",
                      "heart_rate_errors", "preprocessing", "icentia11k_offsets"}  # fmt: skip
    assert pd.read_csv(written / "cinc2017_lengths.csv").recordings.sum() == 80


def test_pictures_are_listed_and_those_of_a_non_commercial_set_are_not_drawn(written):
    listed = json.loads((written / "pictures" / "pictures.json").read_text())
    assert DATA_SETS["icentia11k"].non_commercial
    assert set(listed) == {"cinc2017"}
    assert {entry["class"] for entry in listed["cinc2017"]} <= set("NAO~")
    for entry in listed["cinc2017"]:
        with Image.open(written / "pictures" / entry["file"]) as picture:
            assert picture.format == "PNG"
            assert picture.width > 600


def test_nothing_that_is_written_names_a_folder_of_this_machine(written, corpora):
    texts = [path.read_text() for path in written.rglob("*") if path.suffix in (".json", ".csv")]
    assert not any(str(corpora) in text or str(written.parents[2]) in text for text in texts)
    assert not list(written.rglob("*.partial"))


def test_the_run_is_on_record(written):
    run = json.loads((written / "run.json").read_text())
    assert set(run) == {"commit", "seconds", "versions", "hardware"}


def test_without_corpora_or_cinc2017_nothing_is_written(home, corpora, published):
    with pytest.raises(InputError, match="a folder of ingested corpora"):
        write_results(home / "nothing", published / "cinc2017")
    with pytest.raises(InputError, match="the corpus cinc2017 among those ingested; got icentia11k"):
        count_corpora({"icentia11k": Corpus(corpora / "icentia11k")}, published / "cinc2017")
    with pytest.raises(EcgreproError, match="CinC 2017"):
        write_results(corpora, published / "icentia11k_wfdb")
    assert not (home / "results").exists()


def test_where_nothing_is_named_the_working_folder_is_looked_at(home, monkeypatch):
    asked = []
    monkeypatch.setattr(module, "open_corpora", lambda data: asked.append(data) or {})
    with pytest.raises(InputError):
        write_results()
    assert asked == [home / "_work" / "data"]
