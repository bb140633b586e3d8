"""What tests of several rooms share: small synthetic corpora, and the real recordings where they are at hand."""

import os
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

from ecgrepro import cli
from ecgrepro.corpora.corpus_writer import CorpusWriter
from ecgrepro.corpora.ingest import ingest
from ecgrepro.corpora.record import Record
from ecgrepro.corpora.synthetic_writers import write_demo_data


@pytest.fixture(scope="session")
def published(tmp_path_factory):
    """A folder with small synthetic data sets in all three published layouts."""
    folder = tmp_path_factory.mktemp("published") / "data"
    write_demo_data(folder, patients=6, segments=2, samples=16_384, records=80, seed=1)
    return folder


@pytest.fixture(scope="session")
def published_all(tmp_path_factory):
    """A folder with small synthetic data sets in every published layout."""
    folder = tmp_path_factory.mktemp("published_all") / "data"
    write_demo_data(folder, patients=1, segments=1, samples=4096, records=8, seed=1, all_layouts=True,
                    twelve_lead_records=12, quality_seconds=20)  # fmt: skip
    return folder


@pytest.fixture(scope="session")
def corpora(published, tmp_path_factory):
    """A folder with the synthetic sets ingested as `icentia11k` and `cinc2017`."""
    folder = tmp_path_factory.mktemp("corpora")
    ingest("icentia11k", published / "icentia11k_wfdb", folder / "icentia11k", progress=False)
    ingest("cinc2017", published / "cinc2017", folder / "cinc2017", progress=False)
    return folder


@pytest.fixture(scope="session")
def make_record():
    """A function from an id and what differs to a one-lead Record of noise, 100 Hz, 100 ADC units per mV."""

    def make(record_id, patient_id="unknown", n_samples=500, signal=None, **fields):
        if signal is None:
            rng = np.random.default_rng(list(record_id.encode()))
            signal = rng.integers(-3000, 3000, (n_samples, 1)).astype(np.int16)
        n_leads = signal.shape[1]
        defaults = {"gain": np.full(n_leads, 100.0), "baseline": np.zeros(n_leads), "fs": 100.0,
                    "leads": tuple(f"lead {i}" for i in range(n_leads))}  # fmt: skip
        return Record(record_id, patient_id, signal, **(defaults | fields))

    return make


@pytest.fixture
def make_corpus(tmp_path):
    """A function from Records and a name to their Corpus."""

    def make(records, name="made"):
        with CorpusWriter(tmp_path / name, {"data_set": name, "options": {}, "source": name}) as writer:
            for record in records:
                writer.add(record.record_id, [record])
            return writer.finish()

    return make


@pytest.fixture(scope="session")
def real(tmp_path_factory):
    """A function from an archive's name to its unpacked folder; skips where the recordings are not at hand."""
    archives = Path(os.environ.get("ECGREPRO_RECORDINGS", Path(__file__).parents[2] / "shared" / "data"))
    folder = tmp_path_factory.mktemp("real")

    def unpacked(name):
        archive = archives / f"{name}.tar.xz"
        if not archive.exists():
            pytest.skip(
                f"real recordings not at hand: {name}.tar.xz (set ECGREPRO_RECORDINGS to their folder)"
            )
        if not (folder / name).exists():
            with tarfile.open(archive) as file:
                file.extractall(folder, filter="data")
        return folder / name

    return unpacked


@pytest.fixture
def ecgrepro(monkeypatch, capsys):
    """A function from words to (exit status, standard output, standard error) of `ecgrepro WORDS`."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["ecgrepro", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        return left.value.code or 0, *capsys.readouterr()

    return call
