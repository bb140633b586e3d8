"""Synthetic recordings in the layout of the PhysioNet/CinC Challenge 2020/2021: Georgia, and PTB-XL as shipped there.

``g1/E00001.mat`` (MAT v4, ``val`` int16 (12, samples)), ``g1/E00001.hea`` with ``#Dx:`` and SNOMED CT codes, a
``RECORDS`` file in each folder. Recordings of `PTBXL` get names as HR00001 and are the bytes of the 500 Hz records that
`synthetic_ptbxl` writes: so it is in the published sets, and so a leak between them can be found. Some headers of
Georgia have the errors that published ones have (`QUIRKS`).
"""

from pathlib import Path

import numpy as np
from scipy.io import savemat

from ecgrepro.corpora.synthetic_folder import fresh_folder
from ecgrepro.corpora.synthetic_sites import SNOMED
from ecgrepro.errors import SettingsError

#: Record names begin so; unit of the gain as the headers of the source write it.
SOURCES = {"georgia": ("E", "mV"), "challenge_ptbxl": ("HR", "mv")}
#: Shares of Georgia's headers with each error: a code given twice (628 of 10,344 published ones); ``E00001.mat`` as
#: record name in the first line (44 of 74 at hand, fewer here); 4880 for 1000 as gain (3 of 74).
QUIRKS = {"repeated code": 0.06, "record name": 0.2, "gain": 0.04}
#: The moment at which the headers of a source were made, date before time as published.
MADE = {"georgia": "05-May-2020 14:50:55", "challenge_ptbxl": "04-Jun-2020 15:11:55"}
#: Codes that Georgia gives beside a finding, with their probability: axis deviation, T wave inversion and abnormality.
COMPANIONS = {
    "LAFB": (("39732003", 0.7),),
    "LPFB": (("47665007", 0.7),),
    "RVH": (("47665007", 0.5),),
    "ISCAN": (("59931005", 0.4), ("164934002", 0.4)),
    "ISCIN": (("59931005", 0.4), ("164934002", 0.4)),
    "ISCLA": (("59931005", 0.4), ("164934002", 0.4)),
    "NDT": (("164934002", 0.3),),
}


def write_challenge(destination, cases, source="georgia", seed=0):
    """Write one source in the layout of the Challenge.

    Parameters
    ----------
    destination : str or Path
        A folder that does not exist yet or is empty: it stands for ``training/georgia`` or ``training/ptb-xl``.
    cases : iterable of Case
        As `synthetic_sites.site_cases` yields them.
    source : {"georgia", "challenge_ptbxl"}
    seed : int
        Of the headers' errors and of codes beside the findings.

    Returns
    -------
    Path
        The destination.

    Raises
    ------
    SettingsError
        A destination that holds something already, an unknown source.
    DiskError
        No space, no permission.
    """
    if source not in SOURCES:
        raise SettingsError("source", f"one of {', '.join(SOURCES)}", repr(source), "Only these have a twin.")
    with fresh_folder(destination) as folder:
        groups = {}
        for case in cases:
            name = SOURCES[source][0] + case.record.record_id
            group = folder / f"g{int(case.record.record_id) // 1000 + 1}"
            group.mkdir(exist_ok=True)
            savemat(group / f"{name}.mat", {"val": np.ascontiguousarray(case.record.signal.T)}, format="4")
            (group / f"{name}.hea").write_bytes(header(case, name, source, seed).encode("ascii"))
            groups.setdefault(group, []).append(name)
        for group, names in groups.items():
            (group / "RECORDS").write_bytes("".join(f"{name}\n" for name in names).encode("ascii"))
    return Path(destination)


def header(case, name, source, seed):
    """Text of a recording's header in the form of the Challenge 2020, with its source's errors."""
    record = case.record
    rng = np.random.default_rng([seed, 2020, int(record.record_id)])
    quirks = draw_quirks(int(record.record_id), seed) if source == "georgia" else set()
    gain = "4880" if "gain" in quirks else f"{record.gain[0]:.0f}"
    title = f"{name}.mat" if "record name" in quirks else name
    # as signed 16-bit numbers, unlike PTB-XL's
    checksums = record.signal.sum(axis=0, dtype=np.int64).astype(np.int16)
    lines = [f"{title} {len(record.leads)} {record.fs:.0f} {len(record.signal)} {MADE[source]}"]
    for lead, first, checksum in zip(record.leads, record.signal[0], checksums, strict=True):
        lines.append(f"{name}.mat 16+24 {gain}/{SOURCES[source][1]} 16 0 {first} {checksum} 0 {lead}")
    codes = draw_codes(rng, record.codes, source, "repeated code" in quirks)
    age = "NaN" if source == "georgia" and rng.random() < 0.02 else case.age
    lines += [f"#Age: {age}", f"#Sex: {('Male', 'Female')[case.sex]}", f"#Dx: {','.join(codes)}"]
    lines += ["#Rx: Unknown", "#Hx: Unknown"] + ["#Sx: Unknown"] * (source == "challenge_ptbxl")
    return "".join(f"{line}\n" for line in lines)


def draw_quirks(number, seed):
    """Errors of the header of record `number`: a set of keys of `QUIRKS`, in even shares over any run of numbers."""
    starts = np.random.default_rng([seed, 74]).random(len(QUIRKS))
    steps = number * np.sqrt([2, 3, 5])
    return {name for name, place in zip(QUIRKS, (starts + steps) % 1, strict=True) if place < QUIRKS[name]}


def draw_codes(rng, findings, source, repeated=False):
    """SNOMED CT codes of a recording's findings, in an order of their own, one of them twice if `repeated`.

    Georgia codes sinus rhythm where there is nothing else to code.
    """
    codes = [SNOMED[name] for name in findings if source != "georgia" or name not in ("SR", "NORM")]
    if source == "georgia":
        codes += [
            code for name in findings for code, share in COMPANIONS.get(name, ()) if rng.random() < share
        ]
    codes = rng.permutation(sorted(set(codes))).tolist() or [SNOMED["SR"]]
    return [*codes, codes[-1]] if repeated else codes
