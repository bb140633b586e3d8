"""TensorFlow against JAX: how far logits, loss and one optimiser step of every model lie apart.

    python benchmarks/parity.py                      # every model at published width and input; some minutes
    python benchmarks/parity.py resnet18 alexnet     # only these; nothing is written

Same weights, same batch of four inputs, float32, processor; JAX runs in a process of its own. The step is of Adam in
training mode, dropout off, epsilon 1 (`step` in tests/models/harness.py says why). `differences` there says what is
relative to what. Targets: logits and loss 1e-4; weights 1e-2, because a ReLU whose input is zero but for rounding
switches, and a long input of noise has some. How much of that is rounding, not the backend, stands beside it: the same
step on TensorFlow with Keras' own batch normalisation in place of the fused kernel (0 for a net without).
"""

import sys
import tempfile
from pathlib import Path
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).parents[1]))  # the harness of the tests

import report

from ecgrepro.models.batch_normalization import BatchNormalization
from ecgrepro.models.catalogue import MODELS
from tests.models.harness import differences, step, steps_on_jax

WIDTH, BATCH = 1.0, 4
TARGETS = {"logits": 1e-4, "loss": 1e-4, "weights": 1e-2}


def published_case(name):
    """Describe the model as first published with a head."""
    use = next(use for use in MODELS[name].uses if use.outputs)
    return {"name": name, "shape": use.input, "outputs": use.outputs, "width": WIDTH, "batch": BATCH}


def measure(names):
    """Compare on models: yields (case, differences of the backends, differences by rounding alone)."""
    cases = [published_case(name) for name in names]
    with tempfile.TemporaryDirectory() as folder:
        for case, theirs in zip(cases, steps_on_jax(cases, folder), strict=True):
            ours = step(**case)
            with patch.object(BatchNormalization, "_can_fuse", lambda *_: False):
                rounding = differences(ours, step(**case))
            yield case, differences(ours, theirs), rounding


def rows(case, backends, rounding):
    """Make the three rows of a model."""
    shape = " x ".join(map(str, case["shape"]))
    return [report.row(f"{case['name']}: {part}, TensorFlow against JAX", backends[part], "relative difference",
                       target, bound="at most",
                       note=f"width {case['width']:g}, input {shape}; by rounding alone {rounding[part]:.1e}")
            for part, target in TARGETS.items()]  # fmt: skip


def main():
    names = sys.argv[1:] or list(MODELS)
    found = []
    for case, backends, rounding in measure(names):
        found += rows(case, backends, rounding)
        parts = (f"{part} {backends[part]:.1e} (rounding {rounding[part]:.1e})" for part in TARGETS)
        print(f"{case['name']:14}", "  ".join(parts), flush=True)
    if not sys.argv[1:]:
        report.write("parity", found)


if __name__ == "__main__":
    main()
