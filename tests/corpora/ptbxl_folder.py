"""A small PTB-XL folder in the published layout, written record by record so that one of them can be damaged."""

import numpy as np

from ecgrepro.corpora.ptbxl import LEADS, SUFFIXES

COLUMNS = "ecg_id,patient_id,age,report,scp_codes,strat_fold,filename_lr,filename_hr"
CODES = "{'NORM': 100.0, 'LVOLT': 0.0, 'SR': 0.0}"


def signal(number, fs=100):
    return np.random.default_rng([number, fs]).integers(-900, 900, (10 * fs, 12)).astype(np.int16)


def write_record(path, values, fs=100, leads=LEADS):
    """Write one WFDB record in format 16, with the checksums a publisher gives."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values.astype("<i2").tofile(path.with_suffix(".dat"))
    sums = values.sum(axis=0, dtype=np.int64) & 0xFFFF
    lines = [
        f"{path.name}.dat 16 1000.0(0)/mV 16 0 {first} {total} 0 {lead}"
        for first, total, lead in zip(values[0], sums, leads, strict=True)
    ]
    header = f"{path.name} {len(leads)} {fs} {len(values)}"
    path.with_suffix(".hea").write_text("\n".join([header, *lines, ""]))


def path_of(folder, number, fs=100):
    return folder / f"records{fs}" / f"{number // 1000:02d}000" / f"{number:05d}_{SUFFIXES[fs]}"


def row(number, patient="", codes=CODES, fold=3):
    return f'{number},{patient or f"{number + 7000}.0"},56.0,"ein Bericht, mit Komma","{codes}",{fold},x,y'


def table(*rows):
    return "\n".join([COLUMNS, *rows, ""])


def write(folder, numbers, rates=(100,), name="ptbxl_database.csv"):
    """Write records of these ecg_ids at these rates, and a table with a row for each."""
    for number in numbers:
        for fs in rates:
            write_record(path_of(folder, number, fs), signal(number, fs), fs)
    (folder / name).write_text(table(*map(row, numbers)))
    return folder
