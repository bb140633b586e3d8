"""SVDB names no patients, so every record is its own."""

from ecgrepro.corpora.ingest import ingest


def test_patients_are_unknown_and_every_record_stands_alone(write_beats, tmp_path):
    for name in ("800", "801", "802"):
        path, _ = write_beats(name, symbols="NSVN", fs=128)
    corpus = ingest("svdb", path.parent, tmp_path / "out", progress=False)
    assert corpus.index.patient_id.tolist() == ["unknown"] * 3
    assert corpus.groups().tolist() == ["record 800", "record 801", "record 802"]
    assert corpus.manifest["counts"]["beats"] == {"normal": 6, "PAC": 3, "PVC": 3}
    assert set(corpus.index.fs) == {128.0}


def test_the_real_set_is_whole(real, tmp_path):
    corpus = ingest("svdb", real("svdb"), tmp_path / "out", progress=False)
    assert len(corpus) == 78
    assert corpus.manifest["quarantined"] == {}
    assert set(corpus.index.patient_id) == {"unknown"}
    assert len(set(corpus.groups())) == 78
    # gains that the headers leave open are WFDB's default
    assert {gain for gains in corpus.index.gain for gain in gains} == {200.0}
    assert corpus.manifest["counts"]["beats"]["PAC"] > 10_000
