"""What every data set offers: its card, and a reader that yields records unit by unit."""

from dataclasses import dataclass
from typing import Protocol

from ecgrepro.corpora.record import Record


class Reader(Protocol):
    """Reads one data set exactly as its publisher ships it.

    A *unit* is what the publisher ships in one piece (a recording; in Icentia11k's torrent a patient) and
    what an interrupted ingest resumes at.
    """

    #: Options that change what is read (label revision ...), part of the corpus' fingerprint.
    options: dict

    def units(self) -> list[str]:
        """Names of all units in the order of ingest; raises `InputError` for a wrong folder."""

    def read(self, unit: str) -> list[Record]:
        """Records of one unit; raises `InputError` for a damaged one."""

    def size(self) -> int:
        """Upper bound of the ingested signals in bytes, from file sizes alone."""


@dataclass(frozen=True)
class DataSet:
    """The card of a data set, as `ecgrepro data list` and `data show` print it.

    Attributes
    ----------
    name, title, url, licence : str
    non_commercial : bool
        The licence forbids commercial use: it has to be accepted before anything is fetched.
    layout : str
        The publisher's files, as the reader wants to find them.
    facts : str
        One line of what it holds.
    reader : type
        Called as ``reader(source, **options)``.
    options : tuple of str
    classes : str
        What the recordings are labelled with, in a few words.
    records : int
        Recordings as published; 0 where it is not known.
    patients_from : str
        The data set whose patient ids these are, its own unless named here. Ids of two data sets can be compared only
        where this is the same.
    """

    name: str
    title: str
    url: str
    licence: str
    non_commercial: bool
    layout: str
    facts: str
    reader: type
    options: tuple = ()
    classes: str = ""
    records: int = 0
    patients_from: str = ""

    def __post_init__(self):
        if not self.patients_from:
            object.__setattr__(self, "patients_from", self.name)
