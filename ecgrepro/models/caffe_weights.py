"""Published weights of AlexNet: from Caffe's files into the Keras net.

Source: `bvlc_alexnet.caffemodel` of BVLC/caffe (`models/bvlc_alexnet/readme.md`: address, SHA-1, "released for
unrestricted use"), and files converted from it. Nothing is fetched: the file is put where `find_weights` looks.

What differs between Caffe and Keras, and what is done about it:

* A kernel is (filters, channels / groups, height, width) there, (height, width, channels / groups, filters) here;
  dense weights are (outputs, inputs) there, (inputs, outputs) here. Converted files may have either layout.
* fc6 reads pool5 as (channels, height, width) in Caffe and as (height, width, channels) in Keras, so its inputs are
  put in another order. Files in TensorFlow's layout have that order already.
* Caffe reads images as blue, green, red. Unless told that the net's images are so too, conv1's channels are turned
  round for red, green, blue.
* The weights are for values of 0 to 255 less the mean of ImageNet. Caffe and MATLAB subtract a mean image; its mean
  over the pixels, `IMAGE_MEAN`, is what most ports subtract. Neither is done here: it is part of making the image.
"""

import hashlib
import os
from pathlib import Path

import numpy as np

from ecgrepro import paths
from ecgrepro.errors import InputError, SettingsError
from ecgrepro.models.caffe_model_file import read_caffe_model
from ecgrepro.models.resnet1d import HEAD
from ecgrepro.models.weight_dictionary import read_weight_dictionary

ADDRESS = "http://dl.caffe.berkeleyvision.org/bvlc_alexnet.caffemodel"
#: Of the published file, from its readme.
SHA1 = "9116a64c0fbe4459d18f4bb6b56d647b63920377"
#: Mean of the images the weights were trained on (Caffe's `ilsvrc_2012_mean.npy`), red, green, blue, of 0 to 255.
IMAGE_MEAN = (122.679, 116.669, 104.007)
#: Names the environment variable that may hold the path of a weight file.
VARIABLE = "ECGREPRO_ALEXNET_WEIGHTS"
SUFFIXES = (".caffemodel", ".npy", ".npz")
CONVOLUTIONS = ("conv1", "conv2", "conv3", "conv4", "conv5")
DENSE = ("fc6", "fc7")
#: The file's name for the head.
FILE_HEAD = "fc8"


def find_weights(path=None):
    """Find the local weight file of AlexNet.

    Parameters
    ----------
    path : str or Path, optional
        Where it is. Else the environment variable `ECGREPRO_ALEXNET_WEIGHTS` says so; else it is
        ``_work/weights/bvlc_alexnet.*`` or ``alexnet.*`` with one of `SUFFIXES`.

    Returns
    -------
    Path

    Raises
    ------
    SettingsError
        No such file; the message says where to put one and where to get it.
    """
    folder = paths.work() / "weights"
    named = path or os.environ.get(VARIABLE)
    candidates = [Path(named)] if named else [
        folder / f"{stem}{suffix}" for stem in ("bvlc_alexnet", "alexnet") for suffix in SUFFIXES
    ]  # fmt: skip
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise SettingsError(
        named or folder, "the published weights of AlexNet", "no such file",
        f"Download {ADDRESS} (244 MB) and put it into {folder}, or set {VARIABLE} to its path.",
    )  # fmt: skip


def load_caffe_weights(path, model, *, head=False, channels="rgb"):
    """Give an AlexNet the weights of a file; every tensor must find its place.

    Parameters
    ----------
    path : str or Path
        `.caffemodel` (Caffe's layout), or `.npy` or `.npz` (either layout, see `read_weight_dictionary`).
    model : keras.Model
        From `alexnet`, with any head.
    head : bool
        Whether the file's last layer, fc8, goes into the head, which must have as many outputs. Otherwise fc8 is set
        aside, if it is there, and the head keeps its own weights.
    channels : {"rgb", "bgr"}
        Order of the channels of the images that `model` will be given; files have Caffe's order, bgr.

    Returns
    -------
    dict
        For the run record: ``file`` (name), ``sha1``, ``published`` (whether it is the published file) and
        ``set_aside`` (names of layers not used).

    Raises
    ------
    InputError
        A damaged file; a tensor missing, left over, of another shape or with values that are no numbers. The model
        keeps the weights it had.
    SettingsError
        An unknown file type or channel order, or a model that is no AlexNet.
    """
    path = Path(path)
    _check(path, model, head, channels)
    layers = read_caffe_model(path) if path.suffix == ".caffemodel" else read_weight_dictionary(path)
    aside = [] if head else [name for name in layers if name == FILE_HEAD]
    wanted = _places(model, head)
    weights = _fitting(path, {name: layers[name] for name in layers if name not in aside}, wanted, model)
    if channels == "rgb":
        weights["conv1"][0] = weights["conv1"][0][:, :, ::-1]
    for name, layer in wanted.items():
        layer.set_weights(weights[name])
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha1").hexdigest()
    return {"file": path.name, "sha1": digest, "published": digest == SHA1, "set_aside": aside}


def _check(path, model, head, channels):
    if path.suffix not in SUFFIXES:
        raise SettingsError(
            path, f"a file ending in {', '.join(SUFFIXES)}", path.suffix or "none", "Rename it."
        )
    if channels not in ("rgb", "bgr"):
        raise SettingsError("channels", "rgb or bgr", repr(channels), "Images of most libraries are rgb.")
    lacking = {*CONVOLUTIONS, *DENSE, *([HEAD] if head else [])} - {layer.name for layer in model.layers}
    if lacking:
        raise SettingsError(
            "model", "an AlexNet", f"{model.name} without {sorted(lacking)}", "See `alexnet`."
        )


def _places(model, head):
    names = {name: name for name in (*CONVOLUTIONS, *DENSE)} | ({FILE_HEAD: HEAD} if head else {})
    return {name: model.get_layer(layer) for name, layer in names.items()}


def _fitting(path, layers, wanted, model):
    """Return layer name to [kernel, bias] in Keras' layout, from whichever layout fits."""
    layouts = [_from_caffe] if path.suffix == ".caffemodel" else [_from_caffe, _from_tensorflow]
    tried = []
    for convert in layouts:
        weights = {name: convert(name, tensors, model) for name, tensors in layers.items()}
        wrong = _misfits(weights, wanted)
        if not wrong:
            return weights
        tried.append(wrong)
    wrong = min(tried, key=len)
    raise InputError(
        path, f"weights and biases of {', '.join(wanted)}", f"{len(wrong)} that do not fit: {'; '.join(wrong[:4])}",
        "The file must be of this architecture, width, image size and, for the head, number of outputs.",
    )  # fmt: skip


def _misfits(weights, wanted):
    wrong = [f"{name} missing" for name in wanted if name not in weights]
    wrong += [f"{name} left over" for name in weights if name not in wanted]
    for name in wanted.keys() & weights.keys():
        got, expected = (
            [tuple(part.shape) for part in parts] for parts in (weights[name], wanted[name].weights)
        )
        if got != expected:
            wrong.append(f"{name} with {got} for {expected}")
        elif not all(np.isfinite(part).all() for part in weights[name]):
            wrong.append(f"{name} with values that are no numbers")
    return sorted(wrong)


def _from_caffe(name, tensors, model):
    kernel, *rest = tensors
    rest = [_vector(part) for part in rest]
    if kernel.ndim == 4 and name in CONVOLUTIONS:
        return [kernel.transpose(2, 3, 1, 0), *rest]
    if kernel.ndim == 4 and kernel.shape[:2] == (1, 1):  # files before 2015 write matrices so
        kernel = kernel[0, 0]
    if name == "fc6" and kernel.ndim == 2:
        kernel = _by_rows(kernel, model.get_layer("pool5").output.shape[1:])
    return [kernel.T, *rest]


def _by_rows(kernel, shape):
    height, width, channels = shape
    if kernel.shape[1] != height * width * channels:
        return kernel
    ordered = kernel.reshape(-1, channels, height, width).transpose(0, 2, 3, 1)
    return ordered.reshape(len(kernel), -1)


def _from_tensorflow(name, tensors, model):
    kernel, *rest = tensors
    return [kernel, *(_vector(part) for part in rest)]


def _vector(bias):
    # older files write a bias with leading ones
    return bias.reshape(-1) if bias.ndim and bias.size == bias.shape[-1] else bias
