"""One recording per class: by lot, by a rule that is printed with it."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from ecgrepro.corpora import snomed
from ecgrepro.corpora.corpus import Corpus
from ecgrepro.errors import SettingsError
from ecgrepro.studies.one_per_class import draw_example, one_per_class

BEATS = {"beat_positions": np.arange(1, 21) * 200, "beat_classes": np.array([1, 4] * 10, np.int8)}


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture
def corpus_of(make_corpus, make_record):
    """A function from a data set and its records' fields by id to a Corpus of it."""

    def make(name, records, **shared):
        corpus = make_corpus(
            [make_record(record, **shared | fields) for record, fields in records.items()], name
        )
        corpus.manifest["data_set"] = name
        return corpus

    return make


def drawn(corpus, **options):
    """Class to record id."""
    found = one_per_class(corpus, **options)
    return {name: corpus.index.record_id[example.position] for name, example in found.items()}


def test_every_label_has_a_recording_in_the_usual_order(corpora):
    corpus = Corpus(corpora / "cinc2017")
    found = one_per_class(corpus)
    assert list(found) == ["N", "A", "O", "~"]
    for label, example in found.items():
        assert corpus.index.label[example.position] == label
        assert example.start == 0
        assert f"({(corpus.index.label == label).sum()})" in example.rule
    assert found["A"].name == "atrial fibrillation"


def test_the_lot_is_the_seeds_alone(corpora):
    corpus = Corpus(corpora / "cinc2017")
    assert drawn(corpus) == drawn(corpus)
    assert drawn(corpus, classes=["A"])["A"] == drawn(corpus)["A"]
    assert len({drawn(corpus, seed=seed)["N"] for seed in range(10)}) > 3


def test_superclasses_are_shown_by_recordings_that_have_no_other(corpus_of):
    corpus = corpus_of("ptbxl", {
        "1": {"codes": ("NORM", "SR")}, "2": {"codes": ("IMI", "LVH")}, "3": {"codes": ("IMI", "ASMI", "SR")},
        "4": {"codes": ("LVH", "CLBBB")}, "5": {"codes": ("superdiagnostic:CD",)}, "6": {"codes": ("SR",)},
    })  # fmt: skip
    for seed in range(5):
        found = drawn(corpus, seed=seed)
        assert found | {"HYP": None} == {"NORM": "1", "MI": "3", "CD": "5", "HYP": None}
        assert found["HYP"] in "24"
    found = one_per_class(corpus)
    assert "none of the other classes (1)" in found["MI"].rule
    assert "other classes too (2)" in found["HYP"].rule
    assert drawn(corpus, classes=["MI"]) == {"MI": "3"}, (
        "the other classes count though nobody asked for them"
    )


def test_snomed_codes_are_those_that_the_studies_use_or_those_asked_for(corpus_of):
    shared, normal = snomed.SHARED_CLASSES[0].code, "426783006"
    corpus = corpus_of("georgia", {"E1": {"codes": (shared, normal)}, "E2": {"codes": (normal,)}})
    assert drawn(corpus) == {shared: "E1"}
    assert drawn(corpus, classes=[normal, shared]) == {normal: "E2", shared: "E1"}
    assert one_per_class(corpus)[shared].name == snomed.class_name(shared)
    assert one_per_class(corpus, classes=["no code"]) == {}
    cpsc = corpus_of("cpsc2018", {"A1": {"codes": (normal,)}})
    assert drawn(cpsc) == {normal: "A1"}


def test_noise_is_shown_by_kind_and_recordings_without_a_label_are_not(corpus_of):
    records = {"118e24": BEATS, "bw": {"label": "bw"}, "ma": {"label": "ma"}}
    found = one_per_class(corpus_of("nstdb", records, n_samples=5000))
    assert {name: example.name for name, example in found.items()} == {
        "bw": "baseline wander",
        "ma": "muscle artefact",
    }


def test_a_beat_of_the_class_stands_in_the_middle(corpus_of):
    corpus = corpus_of("svdb", {"800": {}, "801": BEATS}, n_samples=5000)
    found = one_per_class(corpus, seconds=10)
    assert list(found) == ["normal", "PVC"]
    assert corpus.index.record_id[found["PVC"].position] == "801"
    assert "(10)" in found["PVC"].rule
    middle = round((found["PVC"].start + 5) * 100)
    at_an_end = found["PVC"].start in (0, 40)
    assert at_an_end or BEATS["beat_classes"][list(BEATS["beat_positions"]).index(middle)] == 4


def test_all_recordings_with_such_a_beat_can_be_drawn(corpus_of):
    corpus = corpus_of("svdb", {"800": BEATS, "801": BEATS, "802": BEATS}, n_samples=5000)
    assert {drawn(corpus, seed=seed)["PVC"] for seed in range(20)} == {"800", "801", "802"}
    starts = {one_per_class(corpus, seed=seed)["PVC"].start for seed in range(20)}
    assert len(starts) > 3
    assert min(starts) >= 0
    assert max(starts) <= 40


def test_graded_spans_are_long_enough_and_their_middle_is_shown(corpus_of):
    spans = {
        "quality_positions": np.array([500, 4500, 4900, 6000]),
        "quality_classes": np.array([1, 3, 1, 0], np.int8),
    }
    corpus = corpus_of("butqdb", {"100001": spans}, n_samples=6000)
    found = one_per_class(corpus, seconds=10)
    assert list(found) == ["unusable"]
    assert found["unusable"].start == 25 - 5
    assert list(one_per_class(corpus, seconds=4)) == ["all waves clear", "unusable"]


def test_the_example_is_drawn_with_class_place_and_rule(corpus_of):
    corpus = corpus_of("svdb", {"800": BEATS}, n_samples=5000)
    example = one_per_class(corpus)["PVC"]._replace(start=20.0)
    made = draw_example(corpus, example, synthetic=True)
    words = [text.get_text() for text in made.axes[0].texts]
    assert "svdb 800 at 0:00:20: PVC beat" in words
    assert example.rule in words
    assert words.count("V") + words.count("N") == 5, "beats at 20, 22, 24, 26, 28 s"


def test_of_a_recording_without_beats_no_letters_are_drawn(corpora):
    corpus = Corpus(corpora / "cinc2017")
    words = [text.get_text() for text in draw_example(corpus, one_per_class(corpus)["A"]).axes[0].texts]
    assert not any(word.startswith("Beats as annotated") for word in words)


@pytest.mark.parametrize(
    ("name", "fields"), [("ptbxl", {"codes": ("NORM",)}), ("svdb", BEATS | {"n_samples": 5000})]
)
def test_unknown_classes_are_told(corpus_of, name, fields):
    with pytest.raises(SettingsError, match="expected some of .*nothing like it"):
        one_per_class(corpus_of(name, {"1": fields}), classes=["nothing like it"])


def test_a_corpus_without_classes_is_told(corpus_of):
    with pytest.raises(SettingsError, match="labels, codes, graded spans or beats"):
        one_per_class(corpus_of("svdb", {"800": {}}))
