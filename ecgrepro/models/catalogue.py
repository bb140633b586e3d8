"""The models by name: what `ecgrepro models` prints, and how a trial finds the net it names."""

from bisect import bisect_left
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module

from ecgrepro.errors import SettingsError
from ecgrepro.models.flops import flops, has_kernel, layer_flops

WEIMANN = "class report 2024 (model summary) of the net of Weimann & Conrad 2021"
REPORT = "class report 2024 (model summary)"
HUERTA = "Huerta et al. 2022 (table 1)"


@dataclass(frozen=True)
class Use:
    """A net as a publication used it: outputs (0: no head), input shape without batch, and the printed counts.

    ``parameters`` is the printed number of parameters, moving statistics included, or None; ``layers`` maps a
    learnable layer, in order, to its printed number; ``where`` is the place of print.
    """

    outputs: int
    input: tuple
    parameters: int | None = None
    where: str | None = None
    layers: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Net:
    """How a net is built: ``module``'s function of that name with ``settings``.

    ``kind`` is what its stem takes: a ``"signal"`` (time, leads) or an ``"image"`` (height, width, channels). ``uses``
    are the publications'; of a control that none has published, that of the net which it is compared with.
    """

    module: str
    kind: str
    uses: tuple
    settings: dict = field(default_factory=dict)

    @property
    def builder(self):
        """The function, imported only now: a name can be looked up where Keras is not installed."""
        return getattr(import_module(f"ecgrepro.models.{self.module}"), self.module)


CINC2017, PTBXL = (16_384, 1), (250, 12)
#: What the CSC2541 project's nets take of Georgia at 500 Hz: 2.5 s of a recording, or all of it.
GEORGIA_CROPS, GEORGIA = (1_250, 12), (5_000, 12)
ALEXNET_LAYERS = {"conv1": 34_944, "conv2": 307_456, "conv3": 885_120, "conv4": 663_936, "conv5": 442_624,
                  "fc1": 37_752_832, "fc2": 16_781_312, "fc3": 4_097_000}  # fmt: skip
RESNET18 = (
    Use(0, CINC2017, 4_492_480, WEIMANN),
    Use(4, CINC2017, 4_494_532, WEIMANN),
    Use(5, (2_048, 1), 4_495_045, WEIMANN),
)
RESNET18_2D = (Use(5, (128, 128, 1), 11_187_205, REPORT), Use(4, (128, 512, 1)))
RECORDS, RECORDS_2D = (Use(4, CINC2017),), (Use(4, (128, 512, 1)),)
ALEXNET = (Use(1_000, (227, 227, 3), 60_965_224, HUERTA, ALEXNET_LAYERS),)

#: Name in a `Trial` to net.
MODELS = {
    "resnet18": Net("resnet1d", "signal", RESNET18),
    "resnet34": Net("resnet1d", "signal", RECORDS, {"depth": 34}),
    "resnet50": Net("resnet1d", "signal", RECORDS, {"depth": 50}),
    "resnet18_preactivation": Net("resnet1d", "signal", RECORDS, {"preactivation": True}),
    "resnet18_masked": Net("resnet1d", "signal", RECORDS, {"masked_pooling": True}),
    "resnet18_2d": Net("resnet2d", "image", RESNET18_2D),
    "resnet18_2d_matched": Net("resnet2d", "image", RECORDS_2D, {"matched": True}),
    "alexnet": Net("alexnet", "image", ALEXNET),
    "xresnet1d50": Net("xresnet1d", "signal", (Use(71, PTBXL),), {"depth": 50}),
    "xresnet1d101": Net("xresnet1d", "signal", (Use(71, PTBXL),), {"depth": 101}),
    "inception1d": Net("inception1d", "signal", (Use(71, PTBXL),)),
    "resnet1d101": Net("resnet1d101", "signal", (Use(18, GEORGIA_CROPS),)),
    "inception_csc2541": Net("inception_csc2541", "signal", (Use(18, GEORGIA),)),
}


def build(name, shape, n_outputs, **settings):
    """Build a model by its catalogue name.

    Parameters
    ----------
    name : str
    shape : int, tuple or None
        Of one input. A length in samples (None leaves it open) or (length, n_leads) where the net takes a signal or
        a `transform` makes its image of one; else (height, width, channels).
    n_outputs : int
        Classes of the head; 0 leaves the head out.
    **settings
        Keywords of the builder: ``width``, ``precision``, ``transform``, for signals ``n_leads``.

    Returns
    -------
    keras.Model
        From (batch, *shape) float32 to (batch, n_outputs) float32 logits.

    Raises
    ------
    SettingsError
        An unknown name, a shape that the net does not take, or what the builder refuses.
    """
    if name not in MODELS:
        raise SettingsError("model", f"one of {', '.join(MODELS)}", repr(name), "See `ecgrepro models`.")
    net = MODELS[name]
    raw = net.kind == "signal" or settings.get("transform") is not None
    if shape is None or isinstance(shape, int):
        if net.kind == "signal":
            return net.builder(shape, n_outputs, **net.settings, **settings)
        shape = (shape, 1) if raw else shape
    _check_shape(name, shape, ("length", "n_leads") if raw else ("height", "width", "channels"))
    if net.kind == "image":
        return net.builder(tuple(shape), n_outputs, **net.settings, **settings)
    return net.builder(shape[0], n_outputs, n_leads=shape[1], **net.settings, **settings)


def _check_shape(name, shape, axes):
    if not isinstance(shape, tuple | list) or len(shape) != len(axes):
        fix = "A net for images takes a signal through `transform` alone."
        raise SettingsError(f"input of {name}", f"({', '.join(axes)})", str(shape), fix)


def matched_width(width):
    """Find the width at which ``resnet18_2d_matched`` comes nearest to the parameters of ``resnet18``.

    Parameters, moving statistics included, are those of the built extractors, without head, for one lead. Some nets
    are built the first time: some seconds at width 1.

    Parameters
    ----------
    width : float
        Of ``resnet18``.

    Returns
    -------
    float
        A multiple of 1/64; at most `width`, since at the same width the 2-D net is the larger.

    Raises
    ------
    SettingsError
        A width that gives no whole number of filters.
    """
    goal = _extractor_parameters("resnet18", None, width)
    found = range(1, int(64 * width) + 1)
    count = lambda filters: _extractor_parameters("resnet18_2d_matched", (64, 64, 1), filters / 64)  # noqa: E731
    reached = found[bisect_left(found, goal, key=count)]
    return min((max(reached - 1, 1), reached), key=lambda filters: abs(count(filters) - goal)) / 64


@cache
def _extractor_parameters(name, shape, width):
    return build(name, shape, 0, width=width).count_params()


def catalogue():
    """List the models as published, every printed count beside the one counted from the built net.

    Returns
    -------
    list of dict
        ``name``, ``layer`` (None for the whole net), ``outputs``, ``input`` (shape without batch), ``parameters``
        (counted, moving statistics included), ``published`` (or None), ``where`` (it is printed, or None), ``flops``
        (of one forward pass over one input, a multiply-add as two).
    """
    return [row for name, net in MODELS.items() for use in net.uses for row in _rows(name, use)]


def _rows(name, use):
    model = build(name, use.input, use.outputs)
    same = {"name": name, "outputs": use.outputs, "input": list(use.input), "where": use.where}
    rows = [
        same
        | {
            "layer": None,
            "parameters": model.count_params(),
            "published": use.parameters,
            "flops": flops(model),
        }
    ]
    if use.layers:
        layers = (layer for layer in model.layers if has_kernel(layer))
        for (printed, published), layer in zip(use.layers.items(), layers, strict=True):
            rows.append(same | {"layer": printed, "parameters": layer.count_params(), "published": published,
                                "flops": layer_flops(layer)})  # fmt: skip
    return rows
