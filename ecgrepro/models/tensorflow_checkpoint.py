"""The class report's pre-trained weights: from TensorFlow checkpoints of the original nets into ours.

Source: `Model.save_weights` of Keras 2 (the report ran TensorFlow 2.15) writes NAME.index and NAME.data-00000-of-00001,
in which a tensor is named by the attributes on the way to it. The nets are `ResNet` of kweimann/ecg-transfer-learning
c255af5 (`transplant/modules/resnet1d.py`) and `ResNet18_2D` of myles-i/DLH_TransferLearning 1336956
(`transplant/modules/resnet2d.py`), the first layer of a Sequential model (`finetuning/utils.py`), which may itself be
the first layer of another, with the head after it (`pretraining/utils.py`).

======================================== ============================ =================
1-D, after any `layer_with_weights-0/`   2-D                          here
======================================== ============================ =================
conv1, bn1                               conv_1, init_bn              stem_conv, stem_bn
blocks/N/conv1, blocks/N/bn1             res_S_B/conv_1, bn_1         stageS_blockB_first_conv, _first_bn
blocks/N/conv2 and 3, bn2 and 3          res_S_B/conv_2, bn_2         .._second_.., .._third_..
blocks/N/proj_conv, proj_bn              res_S_B/res_conv, res_bn     .._shortcut_conv, .._shortcut_bn
layer_with_weights-1, classifier         layer_with_weights-1, fc     head
======================================== ============================ =================
"""

import glob
import math
import re
from pathlib import Path

import numpy as np

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.models.resnet1d import HEAD

_SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"
_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
#: What belongs to training and not to the net: the optimiser, its moments, and the count of saves.
_TRAINING = re.compile(r"optimizer/|save_counter$|keras_api/metrics/|.*/\.OPTIMIZER_SLOT/")
_WRAPPED = re.compile(r"^(layer_with_weights-0/)*")
_HEAD = re.compile(r"(?:layer_with_weights-1|classifier|fc)/(\w+)")
_STEM = re.compile(r"(?:(conv)_?1|init_(bn)|(bn)1)/(\w+)")
_BLOCK = re.compile(r"(?:blocks/(\d+)|res_(\d)_(\d))/(?:(conv|bn)_?([123])|(?:proj|res)_(conv|bn))/(\w+)")
_ORDINALS = {"1": "first", "2": "second", "3": "third", None: "shortcut"}


def read_checkpoint(path):
    """Read every tensor of a checkpoint.

    Parameters
    ----------
    path : str or Path
        What the two files' names have in common, such as ``model.weights``, or one of the files, or the folder of one
        checkpoint.

    Returns
    -------
    dict
        Name, without the ending that all have in common, to array.

    Raises
    ------
    InputError
        No checkpoint there, or one that is cut short or damaged.
    SettingsError
        TensorFlow is not installed; nothing else reads its checkpoints.
    """
    prefix = _prefix(Path(path))
    try:
        import tensorflow as tf
    except ImportError as error:
        raise SettingsError(
            path, "TensorFlow, to read its checkpoint", "not installed", "pip install tensorflow"
        ) from error
    try:
        reader = tf.train.load_checkpoint(str(prefix))
        names = sorted(_promised(reader, prefix) - {_GRAPH})
        return {name.removesuffix(_SUFFIX): np.asarray(reader.get_tensor(name)) for name in names}
    except (tf.errors.OpError, RuntimeError, ValueError, LookupError, OSError) as error:
        raise InputError(
            prefix, "a complete TensorFlow checkpoint", f"{type(error).__name__}: {str(error)[:200]}",
            "Fetch both files again: one is cut short or damaged, or they are not of one checkpoint.",
        ) from error  # fmt: skip


def _promised(reader, prefix):
    """Names of the tensors, after a look whether the data files are as long as all of them together."""
    shapes, kinds = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
    expected = sum(math.prod(shape) * kinds[name].size for name, shape in shapes.items())
    found = sum(file.stat().st_size for file in _data_files(prefix))
    if found < expected:
        raise ValueError(f"{found:,} bytes of data where the index tells of {expected:,}")
    return set(shapes)


def _data_files(prefix):
    return list(prefix.parent.glob(f"{glob.escape(prefix.name)}.data-?????-of-?????"))


def _prefix(path):
    if path.is_dir():
        found = sorted(path.glob("*.index"))
        if len(found) != 1:
            got = f"{len(found)} of them: {[one.name for one in found[:4]]}"
            raise InputError(path, "one checkpoint (a file *.index)", got, "Name the checkpoint itself.")
        path = found[0]
    prefix = path.with_name(re.sub(r"\.(index|data-\d{5}-of-\d{5})$", "", path.name))
    index = prefix.with_name(f"{prefix.name}.index")
    if not index.is_file() or not _data_files(prefix):
        expected = f"files {prefix.name}.index and {prefix.name}.data-00000-of-00001"
        raise InputError(
            prefix.parent, expected, "not both", "Unpack the archive, and keep the two together."
        )
    return prefix


def convert(path, model, *, head=False):
    """Give a net the weights of a checkpoint; every tensor must find its place.

    Parameters
    ----------
    path : str or Path
        See `read_checkpoint`.
    model : keras.Model
        From `resnet1d` (of any depth) or `resnet2d`.
    head : bool
        Whether the checkpoint's head goes into the model's. Otherwise it is set aside, if it is there, and the model's
        head keeps its own weights.

    Returns
    -------
    list of str
        Names of the tensors that were set aside: head, optimiser, count of saves.

    Raises
    ------
    InputError
        A damaged checkpoint; a tensor missing, left over or of another shape. The model keeps the weights it had.
    SettingsError
        TensorFlow is not installed.
    """
    arrays, blocks = read_checkpoint(path), _blocks(model)
    named = {name: _our_name(name, blocks) for name in arrays if not _TRAINING.match(name)}
    aside = sorted(set(arrays) - set(named))
    if not head:
        aside += sorted(name for name, ours in named.items() if ours.startswith(f"{HEAD}/"))
    found = {}
    for name in named.keys() - set(aside):
        # a second tensor for one place keeps its own name, and so is left over
        found[name if named[name] in found else named[name]] = arrays[name]
    places = {
        f"{layer.name}/{v.name}": v
        for layer in model.layers
        if head or layer.name != HEAD
        for v in layer.weights
    }
    _check(path, found, places, model)
    for name, variable in places.items():
        variable.assign(found[name])
    return aside


def _check(path, found, places, model):
    wrong = [f"{name} missing" for name in places if name not in found]
    wrong += [f"{name} left over" for name in found if name not in places]
    wrong += [f"{name} with {found[name].shape} for {tuple(place.shape)}" for name, place in places.items()
              if name in found and found[name].shape != tuple(place.shape)]  # fmt: skip
    if wrong:
        got = f"{len(wrong)} that do not fit: {'; '.join(sorted(wrong)[:6])}"
        fix = "Net, depth and width must be those of the checkpoint, and so must the outputs if the head is wanted."
        raise InputError(path, f"the {len(places)} tensors of {model.name}", got, fix)


def _blocks(model):
    """Names of the model's blocks, in order: the original 1-D net numbers them through all stages."""
    found = (re.match(r"stage\d+_block\d+", layer.name) for layer in model.layers)
    return list(dict.fromkeys(match.group() for match in found if match))


def _our_name(name, blocks):
    """Our name of a tensor, or its own where it is not of either net."""
    if match := _HEAD.fullmatch(name):
        return f"{HEAD}/{match[1]}"
    inner = _WRAPPED.sub("", name)
    if match := _HEAD.fullmatch(inner):
        return f"{HEAD}/{match[1]}"
    if match := _STEM.fullmatch(inner):
        return f"stem_{match[1] or match[2] or match[3]}/{match[4]}"
    match = _BLOCK.fullmatch(inner)
    if not match or (match[1] and int(match[1]) >= len(blocks)):
        return name
    block = blocks[int(match[1])] if match[1] else f"stage{match[2]}_block{match[3]}"
    return f"{block}_{_ORDINALS[match[5]]}_{match[4] or match[6]}/{match[7]}"
