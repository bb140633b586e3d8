"""Where things lie: one folder for everything, the checkout or what `ECGREPRO_HOME` names."""

import os
from pathlib import Path


def home():
    """Folder that holds `results/`, `notebooks/` and the working folder.

    `ECGREPRO_HOME` if set; else the checkout the package runs from; else the current folder.
    """
    if named := os.environ.get("ECGREPRO_HOME"):
        return Path(named)
    checkout = Path(__file__).parent.parent
    return checkout if (checkout / "notebooks").is_dir() else Path.cwd()


def work():
    """Working folder: weights, checkpoints, prepared inputs, demo recordings. Safe to delete."""
    return home() / "_work"


def results(scale, study):
    """Folder of a study's results: committed for real recordings, in the working folder for a demo."""
    return (work() if scale == "demo" else home()) / "results" / scale / study


def published():
    """Folder of the publishers' files as `ecgrepro data fetch` leaves them, one folder per data set."""
    return work() / "published"


def data():
    """Folder of ingested corpora that commands use unless told otherwise, one folder per data set."""
    return work() / "data"
