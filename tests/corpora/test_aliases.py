from types import SimpleNamespace

import pytest

from ecgrepro.corpora.aliases import ALIASES, alias_of, data_set_of, ingest_command, mismatch, options_of
from ecgrepro.corpora.registry import DATA_SETS
from ecgrepro.studies.arms import revision
from ecgrepro.training.trial import CINC2017


@pytest.mark.parametrize("name", ALIASES)
def test_a_name_stands_for_a_data_set_and_options_that_it_has(name):
    assert name not in DATA_SETS
    assert set(options_of(name)) <= set(DATA_SETS[data_set_of(name)].options)
    assert alias_of(data_set_of(name), options_of(name)) == name


@pytest.mark.parametrize("name", DATA_SETS)
def test_a_data_set_goes_by_its_own_name(name):
    assert (data_set_of(name), options_of(name), alias_of(name, {})) == (name, {}, None)
    assert ingest_command(name) == f"ecgrepro data ingest {name}"


@pytest.mark.parametrize("name", CINC2017)
def test_corpora_that_are_fine_tuned_on_are_cinc_2017(name):
    assert data_set_of(name) == "cinc2017"
    assert revision(name, SimpleNamespace(label_revision="that of the scale")) == {
        "cinc2017": "that of the scale", "cinc2017_v2": "v2", "cinc2017_v0": "v0"
    }[name]  # fmt: skip


def test_options_change_no_table():
    options_of("mitbih_rhythms")["rhythms"] = False
    assert options_of("mitbih_rhythms") == {"rhythms": True}


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("cinc2017_v2", "ecgrepro data ingest cinc2017 --labels v2 --out DATA/cinc2017_v2"),
        ("mitbih_rhythms", "ecgrepro data ingest mitbih_arrhythmia --rhythms --out DATA/mitbih_rhythms"),
    ],
)
def test_the_command_makes_the_corpus(name, command):
    assert ingest_command(name) == command


@pytest.mark.parametrize(
    ("name", "data_set", "options", "expected"),
    [
        ("svdb", "svdb", {}, None),
        ("ptbxl", "ptbxl", {"fs": 500}, None),
        ("svdb", "cinc2017", {"labels": "v3"}, ("svdb", "cinc2017")),
        ("cinc2017_v2", "cinc2017", {"labels": "v2"}, None),
        ("cinc2017_v2", "cinc2017", {"labels": "v3"}, ("cinc2017 with labels v2", "cinc2017 with labels v3")),
        ("mitbih_rhythms", "mitbih_arrhythmia", {"rhythms": True}, None),
        ("mitbih_rhythms", "mitbih_arrhythmia", {}, (
            "mitbih_arrhythmia with rhythms", "mitbih_arrhythmia with no rhythms"
        )),
        ("mitbih_rhythms", "svdb", {}, ("mitbih_arrhythmia with rhythms", "svdb with no rhythms")),
    ],
)  # fmt: skip
def test_a_corpus_that_is_not_what_it_is_called_is_told_with_both(name, data_set, options, expected):
    assert mismatch(name, {"data_set": data_set, "options": options}) == expected
