"""The table of downloads: where each data set lies, how large it is, under which licence, and what of it is fetched.

To add one: write an entry. Two shapes, and Google Drive's in `drive`:

* ``files``: a few files by name;
* ``listed``: PhysioNet's ``SHA256SUMS.txt`` names the files; those that match ``pattern`` are fetched and have to agree
  with it. The list gives no sizes, so ``bytes_of`` says what to expect: end of the name, bytes of a file, number of
  files.

Sizes are the publisher's where ``exact``; all others come from the published number of recordings and the bytes of one
(format 16: 2 bytes per sample and lead; format 212: 1.5; MAT v4 as format 16), headers and annotations as in samples.
They serve to ask for space before the first byte, and as the bound of what is absurd: `Download.limit`.

A SHA-256 stands here only where it is the publisher's.
"""

import hashlib
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from ecgrepro.errors import SettingsError

ODC_BY = "Open Data Commons Attribution License 1.0"
CC_BY = "Creative Commons Attribution 4.0 International"
CC_BY_NC_SA = "Creative Commons Attribution-NonCommercial-ShareAlike 4.0 International"
CHECKSUM_LIST = "SHA256SUMS.txt"


@dataclass(frozen=True, slots=True)
class File:
    """One file of a download.

    Attributes
    ----------
    name : str
        Below the folder, with ``/``.
    size : int
        Bytes, roughly unless `exact`.
    sha256 : str or None
    remote : str
        A Drive id, or the name below the mirror where it is not `Download.prefix` and `name`.
    unpacked : int
        Bytes of an archive's content, where it is to be unpacked beside itself; else 0.
    """

    name: str
    size: int
    sha256: str | None = None
    exact: bool = False
    remote: str = ""
    unpacked: int = 0


@dataclass(frozen=True)
class Download:
    """An entry of the table.

    Attributes
    ----------
    page : str
        Where a person reads about it.
    mirrors : tuple of str
        Addresses, each with ``/`` at its end, in the order in which they are tried.
    hosts : tuple of str
        Hosts that a mirror may redirect to, besides the mirrors' own.
    prefix : str
        Folder on the mirror that becomes the data set's.
    pattern : str
        Names, after `prefix`, that are fetched of a list. A group ``patient`` holds the patient's number.
    extra : tuple of (str, str)
        Names and patterns of further parts, fetched where asked for.
    bytes_of : tuple of (str, int, int)
        End of a listed name, bytes of such a file, number of such files.
    list_size : int
        Bytes of the list, roughly.
    listed_sha256 : str
        SHA-256 of the list's lines that `listed_pattern` matches: see `digest_of_lines`.
    drive : tuple of File, drive_folders : tuple of File
        Google Drive's files, and folders whose content is asked for there; `size` is then that of the whole.
    """

    name: str
    title: str
    page: str
    licence: str
    non_commercial: bool = False
    mirrors: tuple = ()
    hosts: tuple = ()
    files: tuple = ()
    prefix: str = ""
    pattern: str = ""
    extra: tuple = ()
    bytes_of: tuple = ()
    list_size: int = 0
    listed_sha256: str = ""
    listed_pattern: str = ""
    drive: tuple = ()
    drive_folders: tuple = ()

    @property
    def all_hosts(self):
        """Hosts that may answer."""
        return {urlsplit(mirror).netloc.lower() for mirror in self.mirrors} | set(self.hosts)

    @property
    def by_patient(self):
        """Whether a number of patients can be asked for."""
        return "(?P<patient>" in self.pattern

    def expected(self, name):
        """Bytes to expect of a listed file, by how its name ends."""
        return next((size for end, size, _ in self.bytes_of if name.endswith(end)), 1 << 20)

    def size(self):
        """Bytes of the whole download, without its extra parts."""
        fixed = (*self.files, *self.drive, *self.drive_folders)
        return (
            sum(file.size for file in fixed)
            + sum(size * count for _, size, count in self.bytes_of)
            + self.list_size
        )


def limit(file):
    """Most bytes that a file may have: its size where that is exact, else eight times what is expected and 16 MiB."""
    return file.size if file.exact else 8 * file.size + (16 << 20)


def download(name):
    """Return an entry of the table; `SettingsError` names the known ones."""
    if name not in DOWNLOADS:
        raise SettingsError(f"data set {name!r}", f"one of {', '.join(DOWNLOADS)}", repr(name),
                            "See `ecgrepro data list`.")  # fmt: skip
    return DOWNLOADS[name]


def digest_of_lines(checksums, pattern):
    """One SHA-256 for many: of the sorted lines ``checksum  name`` whose names match.

    Parameters
    ----------
    checksums : dict of str to str
        Name to SHA-256.
    pattern : str
    """
    names = sorted(name for name in checksums if re.fullmatch(pattern, name))
    return hashlib.sha256("".join(f"{checksums[name]}  {name}\n" for name in names).encode()).hexdigest()


def _physionet(slug, version):
    """The publisher's server, then its open bucket, which is far faster from most places."""
    return {
        "page": f"https://physionet.org/content/{slug}/{version}/",
        "mirrors": (
            f"https://physionet.org/files/{slug}/{version}/",
            f"https://physionet-open.s3.amazonaws.com/{slug}/{version}/",
        ),
    }


def _ptbxl(name, title, version, records):
    """A release of PTB-XL: 10 s, 12 leads, format 16. 500 Hz is asked for by --with records500."""
    return Download(
        name, title, licence=CC_BY,
        pattern=r"ptbxl_database\.csv|scp_statements\.csv|RECORDS|LICENSE\.txt|records100/\d{5}/\d{5}_lr\.(hea|dat)",
        extra=(("records500", r"records500/\d{5}/\d{5}_hr\.(hea|dat)"),), list_size=8_300_000,
        bytes_of=(("_lr.dat", 24_000, records), ("_hr.dat", 120_000, 0), (".hea", 700, records),
                  (".csv", 6_600_000, 1)), **_physionet("ptb-xl", version),
    )  # fmt: skip


def _challenge(name, folder, title, records, signal):
    """One source of the Challenge 2021 training set: ``gN/RECORD.mat`` and ``.hea``; `signal` in bytes of one .mat."""
    return Download(
        name, f"{title}, as in the PhysioNet/CinC Challenge 2021", licence=CC_BY, prefix=f"training/{folder}/",
        pattern=r"g\d+/[A-Z]+\d+\.(mat|hea)", list_size=16_000_000,
        bytes_of=((".mat", signal, records), (".hea", 700, records)), **_physionet("challenge-2021", "1.0.3"),
    )  # fmt: skip


_TABLE = (
    # Clifford 2017. No SHA256SUMS.txt there: checksums are pinned at the first fetch. The zip's size is the one that
    # others found; its content the sum of its 17,056 recordings and headers.
    Download(
        "cinc2017", "AF Classification from a Short Single Lead ECG Recording (Challenge 2017)", licence=ODC_BY,
        files=(
            File("training2017.zip", 99_226_822, unpacked=167_300_000),
            # 8,528 lines of nine bytes, with or without carriage return
            *(File(f"REFERENCE-v{revision}.csv", 76_752) for revision in range(4)),
        ),
        **_physionet("challenge-2017", "1.0.0"),
    ),
    # Moody & Mark 2001: 48 records of 650,000 samples, 2 leads, format 212.
    Download(
        "mitbih_arrhythmia", "MIT-BIH Arrhythmia Database", licence=ODC_BY,
        pattern=r"\d{3}\.(hea|dat|atr)|RECORDS", list_size=30_000,
        bytes_of=((".dat", 1_950_000, 48), (".atr", 5_200, 48), (".hea", 230, 48)), **_physionet("mitdb", "1.0.0"),
    ),
    # Greenwald 1990: 78 records of 230,400 samples, 2 leads, format 212. The publisher's checksums of signals and
    # annotations are known, those of the headers too, but not whether they were kept when the site was rebuilt.
    Download(
        "svdb", "MIT-BIH Supraventricular Arrhythmia Database", licence=ODC_BY,
        pattern=r"\d{3}\.(hea|dat|atr)|RECORDS", list_size=40_000,
        listed_pattern=r"8\d\d\.(dat|atr)",
        listed_sha256="3c086cc850d6cebba093ad39940213534d8a4cb483b93e2b83460943fe89ae4c",
        bytes_of=((".dat", 691_200, 78), (".atr", 5_100, 78), (".hea", 100, 78)), **_physionet("svdb", "1.0.0"),
    ),
    # Moody, Muldrow & Mark 1984: three noise records in format 212, twelve mixed ones in format 16.
    Download(
        "nstdb", "MIT-BIH Noise Stress Test Database", licence=ODC_BY,
        pattern=r"(bw|em|ma|11[89]e(\d\d|_\d))\.(hea|dat|atr)|RECORDS", list_size=10_000,
        bytes_of=((".dat", 2_600_000, 15), (".atr", 4_700, 12), (".hea", 180, 15)), **_physionet("nstdb", "1.0.0"),
    ),
    # Wagner 2020, and the release before 38 duplicates were removed.
    _ptbxl("ptbxl", "PTB-XL, a large publicly available electrocardiography dataset", "1.0.3", 21_799),
    _ptbxl("ptbxl_1.0.1", "PTB-XL 1.0.1: `ecgrepro data ingest ptbxl --version 1.0.1`", "1.0.1", 21_837),
    # Reyna 2021, table of sources: number of recordings; 500 Hz and 10 s but where said. Lengths differ in CPSC
    # (6 to 60 s, mean 16 s); INCART has 30 min at 257 Hz, PTB up to 120 s at 1,000 Hz.
    _challenge("georgia", "georgia", "Georgia 12-lead ECG Challenge Database", 10_344, 120_024),
    _challenge("cpsc2018", "cpsc_2018", "China Physiological Signal Challenge 2018", 6_877, 200_000),
    _challenge("cpsc2018_extra", "cpsc_2018_extra", "CPSC 2018, unused data", 3_453, 200_000),
    _challenge("st_petersburg", "st_petersburg_incart", "St Petersburg INCART Arrhythmia Database", 74, 11_102_424),
    _challenge("ptb", "ptb", "PTB Diagnostic ECG Database", 516, 2_880_024),
    _challenge("challenge_ptbxl", "ptb-xl", "PTB-XL", 21_837, 120_024),
    _challenge("chapman_shaoxing", "chapman_shaoxing", "Chapman-Shaoxing", 10_247, 120_024),
    _challenge("ningbo", "ningbo", "Ningbo First Hospital", 34_905, 120_024),
    # Nemcova 2020: 18 records of a day at 1,000 Hz, format 16. The accelerometer's files stay out.
    Download(
        "butqdb", "Brno University of Technology ECG Quality Database", licence=CC_BY,
        pattern=r"(\d{6})/\1_(ECG\.(hea|dat)|ANN\.csv)|subject-info\.csv|RECORDS", list_size=10_000,
        bytes_of=((".dat", 180_000_000, 18), (".hea", 200, 18), (".csv", 500_000, 19)), **_physionet("butqdb", "1.0.0"),
    ),
    # Tan 2019: 541,794 segments of 1,048,577 samples, format 16, by patient. One patient in a hundred is 11 GB.
    Download(
        "icentia11k", "Icentia11k Single Lead Continuous Raw Electrocardiogram Dataset", licence=CC_BY_NC_SA,
        non_commercial=True, list_size=150_000_000,
        pattern=r"p\d\d/p(?P<patient>\d{5})/p(?P=patient)_s\d\d\.(hea|dat|atr)",
        bytes_of=((".dat", 2_097_154, 541_794), (".atr", 56_000, 541_794), (".hea", 90, 541_794)),
        **_physionet("icentia11k-continuous-ecg", "1.0"),
    ),
    # Files behind the class report's links; protocols name two sizes, the others are bounds. They hold one of
    # Icentia11k's patients and what was trained on the others, so its licence is the one to keep to.
    Download(
        "class_report", "Weights, predictions and samples that the class report left on Google Drive",
        page="https://drive.google.com/", non_commercial=True,
        licence=f"none stated; the recordings in it are under {CC_BY_NC_SA}",
        drive=(
            File("00000_batched.npy", 210_000_000, remote="1hzq0iSICypZTIrJcyPfAR5mPrKS1Vev_"),
            File("00000_batched_lbls.npz", 6_800_000, remote="1vjBhJ_0w-bTn7jhnRPS3Bf3CsLpi7RuN"),
            # the report's demo has these two the wrong way round; here each has the name that its link has
            File("physionet_train.pkl", 250_000_000, remote="10PVz1nmMaeIgxQ4sqDUeZlzhFVHOth5I"),
            File("physionet_test.pkl", 100_000_000, remote="10FKjncGOZD6_BBCBbvpBQbWvfCLj88MC"),
            File("resnet1d_pretrained_20_percent", 200_000_000, remote="1-9hQzriOv6y6DUu_ND23lwqGo6zv78yv"),
            File("resnet1d_pretrained_100_percent", 200_000_000, remote="1-I6J8AEJaWiNI88LGQ5tjLOVMd-qbxdu"),
            File("resnet2d_pretrained_20_percent", 200_000_000, remote="1-2rY0cxoLG1xK-L7RNKNwX0fDDtpT5oo"),
            File("resnet2d_pretrained_88_percent", 200_000_000, remote="13Lv9ZLW2s9-ABLBIMRiK6NULWoQJ6_7j"),
        ),
        drive_folders=(
            File("cinc2017", 350_000_000, remote="1lI7lTZltRj_zQtYM1UcidZnSAQilPJSg"),
            File("resnet1d_best_20_percent", 200_000_000, remote="1-A0AqZe9sanj-8MZnoX4TUAYWrgcUTlg"),
            File("resnet1d_predictions", 100_000_000, remote="1emWqhhDG4fp-Io8dPPa6CiKGS0EgQUVJ"),
            File("resnet2d_predictions", 100_000_000, remote="1GwhDdlvUVmJfQfY3slyfiR-ytcuDRQ8X"),
        ),
    ),
)  # fmt: skip

#: Every download by the name of its data set.
DOWNLOADS = {entry.name: entry for entry in _TABLE}
