"""Corpora that go by a name of their own: a data set ingested with options, as studies and their folders call it.

Any other name is that of a data set. To add one: a line in `ALIASES`.
"""

#: Name to data set, and the options that its manifest must have.
ALIASES = {
    "cinc2017_v0": ("cinc2017", {"labels": "v0"}),
    "cinc2017_v2": ("cinc2017", {"labels": "v2"}),
    "ptbxl_500hz": ("ptbxl", {"fs": 500}),
    "mitbih_rhythms": ("mitbih_arrhythmia", {"rhythms": True}),
}


def data_set_of(name):
    """Name of the data set that a corpus is of."""
    return ALIASES[name][0] if name in ALIASES else name


def options_of(name):
    """Options that the name of a corpus stands for: dict, empty for the name of a data set."""
    return dict(ALIASES[name][1]) if name in ALIASES else {}


def alias_of(data_set, options):
    """Name that a data set with just these options goes by, or None."""
    return next((name for name, means in ALIASES.items() if means == (data_set, options)), None)


def mismatch(name, manifest):
    """Compare a corpus with its name.

    Parameters
    ----------
    name : str
    manifest : dict
        Of the corpus.

    Returns
    -------
    (str, str) or None
        What was expected and what was found, in words; None where the corpus is what it is called.
    """
    wanted = options_of(name)
    expected = _in_words(data_set_of(name), wanted)
    found = _in_words(
        manifest["data_set"], {option: manifest["options"].get(option, False) for option in wanted}
    )
    return None if found == expected else (expected, found)


def _in_words(data_set, options):
    told = {True: "{}", False: "no {}"}
    return " with ".join([data_set, *(told.get(v, "{} {}").format(k, v) for k, v in options.items())])


def ingest_command(name):
    """The command that makes a corpus of this name; ``DATA`` stands for the folder of corpora."""
    words = ["ecgrepro data ingest", data_set_of(name)]
    for option, value in options_of(name).items():
        words += [f"--{option}"] if value is True else [f"--{option}", str(value)]
    return " ".join(words + ([f"--out DATA/{name}"] if name in ALIASES else []))
