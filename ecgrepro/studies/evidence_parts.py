"""What the runs of an arm had, in the ledger's words: corpora, start, net, input, budget."""

from ecgrepro.corpora.aliases import data_set_of
from ecgrepro.studies.designs import STUDIES, results
from ecgrepro.training.published_start import IMAGENET, provenance

#: Nets that the ledger names with their dimension.
ONE_DIMENSIONAL = ("resnet18", "resnet34", "resnet50")


def supplied(study, name, scale, runs):
    """Say what the runs of an arm had, under the keys of `ecgrepro.claims.schema.REQUIREMENTS`."""
    trial, arm = runs[0]["trial"], STUDIES[study].SCALES[scale].arms[name]
    parent = next(
        (r["trial"] for r in results(study, scale) if r["key"] == trial["initialisation"].split("@")[0]), None
    )
    *learnt, tested = [data_set_of(corpus) for corpus, _ in trial["corpora"]]
    parts = {
        "corpora": [tested],
        "label_revision": runs[0]["run"].get("label_revision"),
        "initialisation": _start(trial["initialisation"]),
        "model": f"{trial['model']}_1d" if trial["model"] in ONE_DIMENSIONAL else trial["model"],
        "width": trial["width"],
        "budget": arm.budget or trial["scale"],
        **_shown(trial["recipe"]),
    }
    if learnt:
        parts["training_corpus"] = " + ".join(learnt)
    if parent:
        parts |= {
            "pretraining_corpus": " + ".join(data_set_of(name) for name, _ in parent["corpora"]),
            **_pretrained(parent["recipe"]),
            "pretraining_share": _share(arm, trial, parent),
        }
    return parts | provenance(trial["initialisation"])


def _start(initialisation):
    if initialisation.startswith(IMAGENET):
        return IMAGENET.rstrip(":")
    return "random" if initialisation == "random" else "pretrained"


def _shown(recipe):
    """Rate in Hz, length in samples and kind of what a net is shown, by the description of its recipe."""
    how = recipe["input"]
    interval = how.get("interval", how)
    length = interval.get("length", round(interval.get("seconds", 0) * interval["fs"]))
    spectrum = how.get("spectrum")
    return {"sampling_rate": interval["fs"], "frame": recipe.get("window", length),
            "input": f"fourier_{spectrum}" if spectrum else "signal"}  # fmt: skip


def _pretrained(recipe):
    """Task and frame of a pre-training: on frames, or on the diagnoses of whole recordings."""
    task = recipe["task"] if "task" in recipe else recipe["input"]["task"]
    return {"pretraining_task": task, "pretraining_frame": recipe.get("length", recipe.get("window"))}


def _share(arm, trial, parent):
    """Share of the pre-training patients as the publication counts it; without one the patients, or the pass."""
    if arm.published_share is not None:
        return arm.published_share
    if parent["recipe"].get("patients"):
        return f"{parent['recipe']['patients']} patients"
    return float(trial["initialisation"].split("@")[1]) * parent["recipe"].get("labels", 1.0)
