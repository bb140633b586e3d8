"""What study `data` commits of the real recordings: counts, audit, rates, lengths, and pictures of single ones.

No recording and nothing that one could be rebuilt from is written: tables are counts, pictures are pictures. Corpora
under a non-commercial licence are counted, and not drawn.
"""

import json
import os
import time
from io import BytesIO
from pathlib import Path

import matplotlib.pyplot as plt
from PIL import Image

from ecgrepro import paths
from ecgrepro.corpora.registry import data_set
from ecgrepro.errors import InputError
from ecgrepro.studies.audit import audit, open_corpora, write_audit
from ecgrepro.studies.copies import draw_copies
from ecgrepro.studies.data import STUDY, annotation_offsets, count_cinc2017, lengths
from ecgrepro.studies.heart_rates import detector_errors, heart_rates, rate_counts, rate_summary
from ecgrepro.studies.one_per_class import draw_example, one_per_class
from ecgrepro.studies.preprocessing_steps import draw_steps, preprocessing_steps, step_table
from ecgrepro.studies.published_counts import counted_claims
from ecgrepro.studies.recording_lengths import recording_lengths

#: A corpus that holds another's recordings once more is not drawn again.
NOT_DRAWN = ("challenge_ptbxl",)
COLOURS = 48


def write_results(data=None, source=None, *, progress=True):
    """Count, audit and draw the real recordings, and write it all to ``results/pilot/data``; returns the folder.

    Parameters
    ----------
    data : str or Path, optional
        Folder of ingested corpora; ``_work/data`` unless given.
    source : str or Path, optional
        CinC 2017 as published, for its label revisions; where `ecgrepro data fetch` puts it unless given.
    progress : bool

    Raises
    ------
    InputError
        No corpus, no CinC 2017 among them, or a source that is not as published; nothing is written.
    """
    began, corpora = time.perf_counter(), open_corpora(data or paths.data())
    counts = count_corpora(corpora, source or paths.published() / "cinc2017")
    tables = audit(corpora, progress=progress)
    folder = paths.results("pilot", STUDY)
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "counts.json", json.dumps(counts, indent=1))
    write_audit(tables, folder / "audit")
    for name, table in measured(corpora).items():
        write_text(folder / f"{name}.csv", table.to_csv(index=False, float_format="%.4g"))
    write_pictures(corpora, folder / "pictures")
    write_text(folder / "run.json", json.dumps(_run(time.perf_counter() - began), indent=1))
    return folder


def count_corpora(corpora, source):
    """Counts that the ledger's `data` claims and the page ask for: dict, ready to be JSON.

    `corpora` is a dict of name to `Corpus`; `InputError` where CinC 2017 is not among them.
    """
    if "cinc2017" not in corpora:
        raise InputError("study data", "the corpus cinc2017 among those ingested", ", ".join(corpora),
                         "Run `ecgrepro data fetch cinc2017` and `ecgrepro data ingest cinc2017`.")  # fmt: skip
    manifests = {name: _summary(corpus.manifest) for name, corpus in corpora.items()}
    return {"cinc2017": count_cinc2017(corpora["cinc2017"], source), "corpora": manifests} | counted_claims(
        corpora
    )


def _summary(manifest):
    kept = ("title", "licence", "url", "options", "counts", "fingerprint", "quarantined")
    return {key: manifest[key] for key in kept if key in manifest}


def measured(corpora):
    """Tables of lengths, heart rates and annotation offsets by file name."""
    rates = heart_rates(corpora)
    tables = {
        "cinc2017_lengths": lengths(corpora["cinc2017"]), "recording_lengths": recording_lengths(corpora),
        "heart_rates": rate_counts(rates), "heart_rate_summary": rate_summary(rates),
        "heart_rate_errors": detector_errors(corpora), "preprocessing": step_table(_steps(corpora)),
    }  # fmt: skip
    holter = [corpus for corpus in corpora.values() if corpus.manifest["data_set"] == "icentia11k"]
    return tables | ({"icentia11k_offsets": annotation_offsets(holter[0])} if holter else {})


def _steps(corpora):
    return preprocessing_steps(corpora["cinc2017"], 0)


def _steps_title(corpora):
    return f"CinC 2017, {corpora['cinc2017'].index.record_id.iat[0]}"


def write_pictures(corpora, folder):
    """Draw one recording per class of every corpus, and the preprocessing of one, as PNG; list them in a JSON file."""
    folder.mkdir(parents=True, exist_ok=True)
    listed, drawn = {}, set()
    for name, corpus in corpora.items():
        card = data_set(corpus.manifest["data_set"])
        if card.non_commercial or card.name in NOT_DRAWN or card.name in drawn:
            continue
        drawn.add(card.name)
        for label, example in one_per_class(corpus).items():
            file = f"{name}-{''.join(c if c.isalnum() else '_' for c in label)}.png"
            write_picture(draw_example(corpus, example), folder / file)
            listed.setdefault(name, []).append({"file": file, "class": label, "name": example.name})
    write_picture(draw_steps(_steps(corpora), title=_steps_title(corpora)), folder / "preprocessing.png")
    write_picture(draw_copies(corpora["cinc2017"]), folder / "copies.png")
    write_text(folder / "pictures.json", json.dumps(listed, indent=1))


def write_picture(figure, path):
    """Write a figure as PNG with few colours, which is a third of the size, and close it."""
    whole, reduced = BytesIO(), BytesIO()
    figure.savefig(whole, format="png", bbox_inches="tight", pad_inches=0.06)
    plt.close(figure)
    Image.open(whole).convert("RGB").quantize(COLOURS).save(reduced, format="png", optimize=True)
    partial = path.with_suffix(".partial")
    partial.write_bytes(reduced.getvalue())
    os.replace(partial, path)


def _run(seconds):
    from ecgrepro.training.run_record import git_commit, hardware, versions

    return {
        "commit": git_commit(),
        "seconds": round(seconds, 1),
        "versions": versions(),
        "hardware": hardware(),
    }


def write_text(path, text):
    """Write a text file in one rename."""
    partial = Path(path).with_suffix(".partial")
    partial.write_text(text.rstrip("\n") + "\n")
    os.replace(partial, path)
