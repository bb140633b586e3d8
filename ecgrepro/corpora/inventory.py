"""What of every data set is on this machine."""

from pathlib import Path

from ecgrepro.corpora.aliases import data_set_of
from ecgrepro.corpora.corpus import Corpus
from ecgrepro.corpora.downloads import DOWNLOADS
from ecgrepro.corpora.fetch import fetched_state
from ecgrepro.corpora.registry import DATA_SETS
from ecgrepro.errors import InputError

_PARTIAL = ".partial"


def inventory(published, data):
    """List all data sets, and downloads that are no recordings.

    Parameters
    ----------
    published, data : str or Path
        Folders of fetched files and of ingested corpora, each with one folder per data set.

    Returns
    -------
    list of dict
        ``name``, ``title``, ``url``, ``licence``, ``non_commercial``, ``size`` in bytes and ``records`` (0 where not
        known), ``classes``, ``options``, ``state`` (a sentence).
    """
    rows = [_card(card) for card in DATA_SETS.values()]
    rows += [_download(entry) for name, entry in DOWNLOADS.items() if name not in DATA_SETS]
    return [row | {"state": state(row["name"], published, data)} for row in rows]


def _card(card):
    size = DOWNLOADS[card.name].size() if card.name in DOWNLOADS else 0
    keys = ("name", "title", "url", "licence", "non_commercial", "records", "classes", "options")
    return {key: getattr(card, key) for key in keys} | {"size": size}


def _download(entry):
    return {"name": entry.name, "title": entry.title, "url": entry.page, "licence": entry.licence,
            "non_commercial": entry.non_commercial, "size": entry.size(), "records": 0,
            "classes": "an earlier release" if entry.mirrors else "weights and predictions", "options": ()}  # fmt: skip


def state(name, published, data):
    """Say what is here of one data set: fetched files, and corpora by folder."""
    folders = [folder for folder in sorted(Path(data).glob("*")) if _belongs(folder.name, name)]
    return "; ".join([fetched_state(name, Path(published) / name), *map(_corpus_state, folders)])


def _belongs(folder, name):
    # other options make NAME-option..., or a name of their own: see `ecgrepro data ingest` and `aliases`
    return data_set_of(folder.removesuffix(_PARTIAL).split("-")[0]) == name


def _corpus_state(folder):
    if folder.name.endswith(_PARTIAL):
        return f"{folder.name.removesuffix(_PARTIAL)}: ingest not finished"
    try:
        return f"{folder.name}: {len(Corpus(folder)):,} recordings ingested"
    except InputError as error:
        return f"{folder.name}: {error.got}"
