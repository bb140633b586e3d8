"""The models by name: what `ecgrepro models` prints, and how a trial finds the net it names."""

import keras

from ecgrepro.errors import SettingsError
from ecgrepro.models.resnet1d import resnet1d

#: Name in a `Trial` to builder; every builder takes (length, n_outputs, width=, precision=).
MODELS = {"resnet18": resnet1d}


def build(name, length, n_outputs, **settings):
    """Build a model by its catalogue name; see the builder for shapes."""
    if name not in MODELS:
        raise SettingsError("model", f"one of {', '.join(MODELS)}", repr(name), "See `ecgrepro models`.")
    return MODELS[name](length, n_outputs, **settings)


def catalogue():
    """List the models as published: dicts of ``name``, ``outputs``, ``parameters``, ``frame``, ``flops``.

    ``flops`` are floating-point operations of one forward pass over one frame, a multiply-add as two.
    """
    rows = []
    for name, outputs, frame in (
        ("resnet18 extractor", 0, 16_384),
        ("resnet18", 4, 16_384),
        ("resnet18", 5, 2_048),
    ):
        model = build(name.split()[0], frame, outputs)
        rows.append({"name": name, "outputs": outputs, "parameters": model.count_params(),
                     "frame": frame, "flops": flops(model)})  # fmt: skip
    return rows


def flops(model):
    """Count floating-point operations of one forward pass over one frame, a multiply-add as two.

    Convolutions and dense layers only: normalisation, activation and pooling are under one hundredth. The model must
    have been built for a known length.
    """
    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv1D):
            total += 2 * layer.kernel.shape[0] * layer.kernel.shape[1] * layer.output.shape[1] * layer.filters
        elif isinstance(layer, keras.layers.Dense):
            total += 2 * layer.kernel.shape[0] * layer.kernel.shape[1]
    return int(total)
