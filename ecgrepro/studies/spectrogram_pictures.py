"""A recording of each class as nets are shown it: the signal, and the spectrograms of it."""

import numpy as np

from ecgrepro.frames.af import prepare
from ecgrepro.frames.transforms import make_transform
from ecgrepro.studies.figures import figure
from ecgrepro.studies.one_per_class import NAMES, one_per_class


def draw_spectrograms(corpus, how, transforms, *, synthetic=False):
    """Draw a recording of each class as the 1-D net is shown it, and below as 2-D nets are. Returns the figure.

    Parameters
    ----------
    corpus : Corpus
        CinC 2017.
    how : AfInput
    transforms : dict of str to Transform
        By their name on the axis; the shades of one are those of all recordings.
    """
    examples = one_per_class(corpus)
    inputs = np.stack([_prepared(corpus, example.position, how) for example in examples.values()])
    images = {name: _images(inputs, transform) for name, transform in transforms.items()}
    seconds, nyquist = how.length / how.fs, how.fs / 2
    rows = 1 + len(images)
    made, axes = figure(rows, len(examples), height=1.5 * rows, synthetic=synthetic, sharex=True, sharey="row",
                        squeeze=False)  # fmt: skip
    for column, name in enumerate(examples):
        axes[0, column].plot(np.arange(how.length) / how.fs, inputs[column], color="#222222", linewidth=0.5)
        axes[0, column].set_title(NAMES[name], fontsize="medium")
        for ax, image in zip(axes[1:, column], images.values(), strict=True):
            ax.imshow(image[column], origin="lower", aspect="auto", extent=(0, seconds, 0, nyquist), cmap="magma_r",
                      vmin=0, vmax=np.quantile(image, 0.995), interpolation="nearest")  # fmt: skip
            ax.grid(False)
        axes[-1, column].set_xlabel("s")
    axes[0, 0].set_ylabel("signal")
    for ax, name in zip(axes[1:, 0], images, strict=True):
        ax.set_ylabel(f"{name}\nHz")
    return made


def _prepared(corpus, position, how):
    row = corpus.index.iloc[position]
    millivolts = (corpus.signal(position)[:, 0] - row.baseline[0]) / row.gain[0]
    return prepare(millivolts, row.fs, how)


def _images(inputs, transform):
    """Spectrograms (n, frequencies, frames) of inputs (n, length)."""
    layer = make_transform(transform.kind, **dict(transform.settings))
    return np.asarray(layer(inputs[..., None]))[..., 0]
