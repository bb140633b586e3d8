"""The table of data sets. To add one: write its file beside this one, name its card here."""

from ecgrepro.corpora import butqdb, challenge, cinc2017, icentia11k, mitbih_arrhythmia, nstdb, ptbxl, svdb
from ecgrepro.errors import SettingsError

_MODULES = (cinc2017, icentia11k, mitbih_arrhythmia, svdb, ptbxl, butqdb, nstdb)
DATA_SETS = {card.name: card for card in [*(module.DATA_SET for module in _MODULES), *challenge.DATA_SETS]}


def data_set(name):
    """Return the card of a data set; `SettingsError` names the known ones."""
    if name not in DATA_SETS:
        raise SettingsError(
            f"data set {name!r}", f"one of {', '.join(DATA_SETS)}", repr(name), "See `ecgrepro data list`."
        )
    return DATA_SETS[name]


def open_reader(name, source, **options):
    """Open the reader of a data set; unknown options are refused."""
    card = data_set(name)
    unknown = sorted(set(options) - set(card.options))
    if unknown:
        raise SettingsError(
            f"data set {name}", f"options among {list(card.options)}", str(unknown), "Leave the others out."
        )
    return card.reader(source, **options)
