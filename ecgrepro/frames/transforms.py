"""What a net can be shown instead of the signal, by name: how a trial finds the layer it describes.

Importing this imports no Keras; making a layer does.
"""

import importlib
import inspect

from ecgrepro.errors import SettingsError

#: Name in a trial to module and class.
TRANSFORMS = {
    "stft": ("ecgrepro.frames.stft", "STFT"),
    "cwt": ("ecgrepro.frames.cwt", "Scalogram"),
    "fourier": ("ecgrepro.frames.fourier", "Fourier"),
}


def make_transform(kind, **settings):
    """Make the layer that stands between the signal and a net.

    Parameters
    ----------
    kind : {"stft", "cwt", "fourier"}
    settings
        Arguments of `STFT`, `Scalogram` or `Fourier`; lists will do for tuples.

    Returns
    -------
    keras.layers.Layer
        From (batch, length, n_leads) to float32 images (batch, height, width, channels), "fourier" to spectra
        (batch, bins, n_leads); ``layer.compute_output_shape`` tells the shape.

    Raises
    ------
    SettingsError
        An unknown kind or setting, or a value that the layer cannot have.
    """
    if kind not in TRANSFORMS:
        raise SettingsError(
            "transform", f"one of {', '.join(TRANSFORMS)}", repr(kind), "See frames/transforms.py."
        )
    module, name = TRANSFORMS[kind]
    layer = getattr(importlib.import_module(module), name)
    known = [key for key in inspect.signature(layer).parameters if key != "kwargs"]
    unknown = sorted(set(settings) - set(known))
    if unknown:
        got = ", ".join(unknown)
        raise SettingsError(
            f"transform {kind}", f"settings among {', '.join(known)}", got, "Check the spelling."
        )
    return layer(**settings)
