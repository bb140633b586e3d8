"""Intervals of high and low quality as nets are shown them: the signal, and the scalograms of it."""

import numpy as np

from ecgrepro.evaluation.quality import HIGH, LOW
from ecgrepro.frames.transforms import make_transform
from ecgrepro.studies.figures import figure

#: Intervals of each class that are drawn.
DRAWN = 2


def draw_scalograms(examples, how, transforms, *, synthetic=False):
    """Draw the first intervals of both classes that a net learns from, and below what AlexNet sees. Returns the figure.

    Parameters
    ----------
    examples : ecgrepro.training.examples.Examples
    how : MixtureInput or GradedInput
    transforms : dict of str to Transform
        ``cwt``, by their name on the axis.
    """
    labels = examples.known.labels[examples.train]
    rows = np.concatenate([examples.train[labels == label][:DRAWN] for label in (HIGH, LOW)])
    inputs = np.asarray(examples.known.inputs[rows])
    made, axes = figure(1 + len(transforms), len(rows), height=1.5 * (1 + len(transforms)), synthetic=synthetic,
                        sharex="row", squeeze=False)  # fmt: skip
    for ax, signal, row in zip(axes[0], inputs, rows, strict=True):
        ax.plot(np.arange(how.length) / how.fs, signal[:, 0], color="#222222", linewidth=0.6)
        ax.set_title(
            "high quality" if examples.known.labels[row] == HIGH else "low quality", fontsize="medium"
        )
        ax.set_xlabel("s")
    axes[0, 0].set_ylabel("mV")
    for line, (name, transform) in zip(axes[1:], transforms.items(), strict=True):
        _draw_pictures(line, inputs, transform)
        line[0].set_ylabel(name)
    return made


def _draw_pictures(line, inputs, transform):
    settings = dict(transform.settings)
    layer = make_transform(transform.kind, **settings)
    pictures = (np.asarray(layer(inputs)) + np.array(settings.get("mean", 0.0))) / layer.white
    for ax, picture in zip(line, pictures, strict=True):
        ax.imshow(np.clip(picture, 0, 1), aspect="auto", interpolation="nearest")
        ax.set_xticks([])
        ax.set_yticks([])
