"""The arithmetic of a net, counted from its layers: for cost projections and a device's share of its peak."""

import math

from ecgrepro.errors import SettingsError


def flops(model):
    """Count floating-point operations of one forward pass over one input, a multiply-add as two.

    Convolutions (grouped ones too) and dense layers only: normalisation, activation and pooling are under one
    hundredth. A transform before the stem has no kernel and is not counted.

    Parameters
    ----------
    model : keras.Model
        Flat and functional, built for a known input shape.

    Returns
    -------
    int

    Raises
    ------
    SettingsError
        The model was built for an open length.
    """
    return sum(layer_flops(layer) for layer in model.layers if has_kernel(layer))


def layer_flops(layer):
    """Count floating-point operations of one layer with a kernel: 2 * kernel * positions of the output."""
    positions = layer.output.shape[1:-1]
    if None in positions:
        raise SettingsError(layer.name, "a model built for a known input shape", f"output {layer.output.shape}",
                            "Build it with a length instead of None.")  # fmt: skip
    return 2 * math.prod(layer.kernel.shape) * math.prod(positions)


def has_kernel(layer):
    """Whether a layer is a convolution or dense, projections of shortcuts included."""
    return getattr(layer, "kernel", None) is not None
