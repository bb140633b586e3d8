"""What the `freezing` page says in words, and the labels of the recordings that it sorts answers by."""

import json

import pandas as pd

from ecgrepro import paths
from ecgrepro.claims import ledger
from ecgrepro.corpora.cinc2017 import CLASSES
from ecgrepro.evaluation.predictions import combine_predictions
from ecgrepro.evaluation.ranking_comparison import ranking_difference
from ecgrepro.studies import designs
from ecgrepro.studies.evidence import RESAMPLING, clusters_of
from ecgrepro.studies.quality_answers import parts_tested, shared_seeds
from ecgrepro.studies.quality_tables import STARTS, by_depth, equality_table
from ecgrepro.studies.resnet1d import STUDY as RHYTHMS_FROM

#: The claim of the paper's own counts.
PRINTED = "HU-data"
#: Starts of AlexNet.
ALEXNET = tuple(start for start in STARTS if not start.startswith("resnet1d"))


def rhythms(scale):
    """Read the label of every recording from the committed tests of `resnet1d`: Series of str by record, or None.

    Those runs tested each recording once for the rhythm that it is labelled with; the recordings themselves need not be
    at hand.
    """
    tables = [
        result["predictions"].query("part == 'test'")[["record_id", "label"]]
        for result in designs.results(RHYTHMS_FROM, scale)
        if result["trial"]["stage"] == "fine-tuning" and result["run"]["label_revision"] == "v3"
    ]
    if not tables:
        return None
    labels = pd.concat(tables).drop_duplicates("record_id").set_index("record_id").label
    return labels.map(dict(enumerate(CLASSES)))


def interval_table(scale="pilot"):
    """Count the test intervals as printed and as they are cut here, by label revision: DataFrame, empty without counts.

    Columns: ``counted by``, ``high quality``, ``low quality``, ``intervals``, ``constant answer`` (the accuracy of
    always answering high).
    """
    counts = paths.results(scale, "data") / "counts.json"
    if not counts.exists():
        return pd.DataFrame()
    printed = ledger.by_id()[PRINTED].published
    ours = json.loads(counts.read_text())["cinc2017"]["segments_5s"]
    rows = {"the paper": printed} | {f"this project, labels {name}": found for name, found in ours.items()}
    table = pd.DataFrame([{"counted by": name} | row for name, row in rows.items()])
    shown = {"counted by": "counted by", "high": "high quality", "low": "low quality", "total": "intervals"}
    made = table[list(shown)].rename(columns=shown)
    return made.assign(**{"constant answer": made["high quality"] / made["intervals"]})


def deepest(found, metric="balanced_accuracy"):
    """Compare the deepest freezing of each start of AlexNet with none: list of dict.

    Each is a row of `quality_tables.equality_table`, with the start in words.
    """
    chosen = [run for pair in _deepest_and_none(found).values() for runs in pair.values() for run in runs]
    return in_words(equality_table(chosen, starts=ALEXNET, metrics=(metric,))).to_dict("records")


def deepest_areas(found):
    """Compare the ROC area of the deepest freezing of each start of AlexNet with that of none: list of dict.

    Each has ``start`` in words, ``depth``, and ``difference`` with its two-level interval at 90 %, ``low`` and
    ``high``. The area is of the order of the intervals, on which the threshold has no influence.
    """
    rows = []
    for start, pair in _deepest_and_none(found).items():
        if seeds := shared_seeds(list(pair.values())):
            depth = max(pair)
            tables = [combine_predictions(parts_tested(pair[of], seeds)) for of in (depth, 0)]
            how = RESAMPLING | {"clusters": clusters_of(tables[0]["record_id"]), "level": 0.90}
            made = ranking_difference(*tables, "roc_auc", **how)
            rows.append({"start": STARTS[start], "depth": depth, "difference": made.estimate, "low": made.low,
                         "high": made.high})  # fmt: skip
    return rows


def _deepest_and_none(found):
    """Runs of the deepest freezing and of none, of each start of AlexNet that has both: dict of dict by depth."""
    return {
        start: {depth: depths[depth] for depth in (0, max(depths))}
        for start, depths in by_depth(found, ALEXNET).items()
        if len(depths) > 1 and 0 in depths
    }


def in_words(table):
    """Name the starts of a table as a reader would: DataFrame."""
    return table.assign(start=[STARTS.get(start, start) for start in table["start"]])


def brief_costs(costs):
    """Choose from `freezing_cost.measure_costs` what a reader compares depths by, without the columns of its file."""
    shown = {"depth": "depth", "cached": "cached", "trainable_parameters": "trainable parameters",
             "milliseconds_per_interval": "ms per interval", "share_of_unfrozen": "share of unfrozen",
             "epoch_seconds": "s per epoch", "first_epoch_seconds": "s of the first",
             "peak_memory_MB": "peak memory, MB"}  # fmt: skip
    return costs[list(shown)].rename(columns=shown)
