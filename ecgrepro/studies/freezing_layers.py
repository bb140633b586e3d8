"""AlexNet layer by layer: the paper's parameter counts beside those of the net built here, and what a depth leaves."""

from functools import cache

import pandas as pd

from ecgrepro.claims import ledger
from ecgrepro.models.alexnet import alexnet
from ecgrepro.training.freezing import cost, freeze, learnable_layers

#: The paper's words for the dense layers.
PAPER = {"fc6": "fc1", "fc7": "fc2", "head": "fc3"}
#: Layers of `torchvision.models.alexnet` (64, 192, 384, 256, 256 filters of 11, 5, 3, 3, 3; no groups), counted so.
TORCHVISION = {
    "conv1": 64 * (11 * 11 * 3 + 1), "conv2": 192 * (5 * 5 * 64 + 1), "conv3": 384 * (3 * 3 * 192 + 1),
    "conv4": 256 * (3 * 3 * 384 + 1), "conv5": 256 * (3 * 3 * 256 + 1), "fc6": 4096 * (6 * 6 * 256 + 1),
    "fc7": 4096 * (4096 + 1), "head": 1000 * (4096 + 1),
}  # fmt: skip


@cache
def layer_table():
    """Count parameters of each learnable layer: DataFrame, the total last.

    Columns: ``layer``, ``published`` (Huerta et al., Table 1), ``counted`` in the net built here with as many outputs,
    ``two outputs`` as it is trained, ``torchvision``'s net of the same name.
    """
    published = ledger.by_id()["HU-T1"].published
    counts = [_counts(alexnet(n_outputs=outputs)) for outputs in (1000, 2)]
    rows = [
        {"layer": name, "published": published[PAPER.get(name, name)], "counted": counts[0][name],
         "two outputs": counts[1][name], "torchvision": TORCHVISION[name]}
        for name in counts[0]
    ]  # fmt: skip
    table = pd.DataFrame(rows)
    total = {"layer": "total", "published": published["total"]}
    totals = {name: table[name].sum() for name in ("counted", "two outputs", "torchvision")}
    return pd.concat([table, pd.DataFrame([total | totals])], ignore_index=True)


def _counts(model):
    return {layer.name: layer.count_params() for layer in learnable_layers(model)}


@cache
def depth_costs():
    """What freezing leaves to be trained and computed, by arithmetic alone: DataFrame, one row per depth.

    Columns: ``depth``, ``trainable parameters``, ``forward`` and ``backward`` operations of one image (a multiply-add
    is two), and ``of a whole step``: both as a share of what they are with nothing frozen.
    """
    model, rows = alexnet(n_outputs=2), []
    for depth in range(len(learnable_layers(model))):
        freeze(model, depth)
        made = cost(model)
        rows.append({"depth": depth, "trainable parameters": made["trainable_parameters"],
                     "forward": made["forward_flops"], "backward": made["backward_flops"]})  # fmt: skip
    table = pd.DataFrame(rows)
    whole = table.forward + table.backward
    return table.assign(**{"of a whole step": whole / whole.iloc[0]})
