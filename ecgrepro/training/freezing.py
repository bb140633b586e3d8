"""Freezing the first layers of a net, and cutting off the part that then computes the same for ever.

A *learnable layer* is one with a kernel, a convolution or a dense layer, in the order of the forward pass. What else
has weights goes with one of them: batch normalisation with the convolution that feeds it (or, where an activation or
a pool feeds it, with the layer it feeds), the projection of a shortcut with the convolution that it is added to. So
ResNet-18 has 18 learnable layers and AlexNet 8, as they are counted in Huerta et al., CinC 2022.

A frozen layer keeps its weights. What its batch normalisation does is where documents part:

* ``"inference"``: it uses its moving statistics, which stay. Keras does this for ``trainable = False``.
* ``"training"``: it uses the statistics of the batch, its moving statistics move, and gamma and beta are trained. This
  is fastai v1 with ``train_bn=True``, its default, which the CSC2541 project sets once more (fastai/fastai 008e702,
  `Learner.freeze_to`; xeon27/ecg-transfer-learning 4a17cbd, `models/fastai_model.py`): freezing spares
  ``BatchNorm1d`` modules, and nothing puts them into evaluation mode.
* ``"all"``: every batch normalisation of the net, that of trained layers too, uses its moving statistics and keeps
  gamma and beta: frozen batch normalisation.
"""

import math

import keras

from ecgrepro.errors import SettingsError
from ecgrepro.models.flops import flops, has_kernel, layer_flops
from ecgrepro.models.resnet1d import dtype_policy

BATCH_NORMALISATION = ("inference", "training", "all")


def learnable_layers(model):
    """List the learnable layers of a flat functional model, in the order of the forward pass."""
    return [layer for layer in model.layers if has_kernel(layer) and "_shortcut" not in layer.name]


def positions(model):
    """Map each layer with weights to the position of the learnable layer that it is frozen with: dict, from 0."""
    graph = _Graph(model)
    own = {layer: position for position, layer in enumerate(learnable_layers(model))}
    found = dict(own)
    for layer in model.layers:  # what feeds a layer comes before it
        if layer.weights and layer not in own:
            place = _shortcut_position if has_kernel(layer) else _companion_position
            found[layer] = place(layer, graph, own, found)
    return found


def _shortcut_position(layer, graph, own, found):
    return max(own[other] for other in graph.before(graph.next_merger(layer)) if other in own)


def _companion_position(layer, graph, own, found):
    feeding = [found[source] for source in graph.sources(layer) if has_kernel(source)]
    if feeding:
        return max(feeding)
    after = [own[other] for other in graph.after(layer) if other in own]
    return min(after) if after else len(own) - 1


def freeze(model, depth, *, batch_normalisation="inference"):
    """Freeze the first learnable layers of a model, and train all others.

    To be called before `compile`, since an optimiser is built for the weights that are trained; a compiled model must
    be compiled anew.

    Parameters
    ----------
    model : keras.Model
        Flat and functional.
    depth : int
        Learnable layers to freeze, counted from the input; 0 freezes none. A negative depth counts from the end: -1
        leaves the last layer alone to be trained, the linear probe.
    batch_normalisation : {"inference", "training", "all"}
        What the batch normalisation of frozen layers, or of all, does, see above.

    Raises
    ------
    SettingsError
        A depth that would freeze the head too, or an unknown `batch_normalisation`.
    """
    if batch_normalisation not in BATCH_NORMALISATION:
        raise SettingsError("batch_normalisation", f"one of {', '.join(BATCH_NORMALISATION)}",
                            repr(batch_normalisation), "Take inference if in doubt.")  # fmt: skip
    depth = resolve(model, depth)
    for layer, position in positions(model).items():
        normalises = isinstance(layer, keras.layers.BatchNormalization)
        trained = position >= depth or (normalises and batch_normalisation == "training")
        layer.trainable = trained and not (normalises and batch_normalisation == "all")


def resolve(model, depth):
    """Turn a freeze depth, which may count from the end, into the number of layers frozen; `SettingsError` if wrong."""
    n = len(learnable_layers(model))
    if not -n < depth < n:
        expected = f"{1 - n} to {n - 1}: {model.name} has {n} learnable layers, the head is always trained"
        raise SettingsError("freeze_depth", expected, str(depth), "Freeze fewer layers.")
    return depth % n


def cost(model):
    """Say what a training step costs as the model is frozen now.

    Parameters
    ----------
    model : keras.Model
        Flat and functional, built for a known input shape; the tail that `cut` gives is one too.

    Returns
    -------
    dict
        ``parameters``, ``trainable_parameters``; ``forward_flops`` and ``backward_flops`` of one input, a multiply-add
        as two, convolutions and dense layers only. Backward, a layer costs its forward pass once for the gradient of
        its kernel, if that is trained, and once for that of its input, if anything before it is.
    """
    graph, reached, backward = _Graph(model), set(), 0
    for operation in graph.operations:
        fed = any(parent in reached for parent in graph.parents[operation])
        trained = isinstance(operation, keras.Layer) and bool(operation.trainable_weights)
        if has_kernel(operation):
            backward += layer_flops(operation) * (bool(operation.kernel.trainable) + fed)
        if fed or trained:
            reached.add(operation)
    return {
        "parameters": _count(model.weights), "trainable_parameters": _count(model.trainable_weights),
        "forward_flops": flops(model), "backward_flops": backward,
    }  # fmt: skip


def _count(weights):
    return sum(math.prod(weight.shape) for weight in weights)


def cut(model, *, behind_transform=False):
    """Cut a model where it stops computing the same in every epoch.

    The cut is the last tensor that everything has to pass and before which nothing changes while the model is trained:
    no weight that is trained, no dropout or augmentation, no batch normalisation in training mode. In AlexNet with five
    or more layers frozen that is the flattened pool5, since dropout stands before fc6.

    Parameters
    ----------
    model : keras.Model
        Flat and functional, with one input; frozen by `freeze`.
    behind_transform : bool
        Whether the prefix takes what the net's transform gives, see `cut_transform`, and not the signal.

    Returns
    -------
    tuple of (prefix, tail), or None
        Two models that share the layers of `model`: prefix gives the features, tail the logits from them. Training the
        tail trains `model`. If `model` is compiled, so is the tail, with the same optimiser and loss. None where the
        prefix would hold no weights.
    """
    graph = _Graph(model)
    changing, begin = graph.changing(), _shown(graph) if behind_transform else model.input
    for operation in reversed(graph.operations):
        steady = operation not in changing and bool(graph.children[operation])
        if steady and graph.all_pass(operation) and graph.has_weights_until(operation):
            return _parts(model, begin, operation.output)
    return None


def cut_transform(model):
    """Cut a model behind the layer that turns the signal into a picture.

    Parameters
    ----------
    model : keras.Model
        Flat and functional, with one input; the layer that follows it is the transform, which has no weights.

    Returns
    -------
    tuple of (transform, net)
        As the two models of `cut`.
    """
    return _parts(model, model.input, _shown(_Graph(model)))


def _shown(graph):
    """What the transform gives, which alone follows the input."""
    (transform,) = graph.children[graph.operations[0]]
    return transform.output


def _parts(model, begin, features):
    # a model says itself which precision its loss is scaled for
    with dtype_policy(model.dtype_policy.name):
        prefix = keras.Model(begin, features, name=f"{model.name}_prefix")
        tail = keras.Model(features, model.output, name=f"{model.name}_tail")
    if model.compiled:
        tail.compile(model.optimizer, model.loss)
    return prefix, tail


def _changes(operation):
    """Whether an operation gives another output in the next epoch: it is trained, moves its statistics, or draws."""
    if not isinstance(operation, keras.Layer):
        return False
    draws = any(variable.name == "seed_generator_state" for variable in operation.variables)
    return draws or bool(operation.weights and operation.trainable)


class _Graph:
    """Operations of a flat functional model, inputs first, and what feeds what."""

    def __init__(self, model):
        self.operations = model.operations
        flatten = keras.tree.flatten
        made_by = {id(tensor): one for one in self.operations for tensor in flatten(one.output)}
        self.parents = {
            one: [made_by[id(tensor)] for tensor in flatten(one.input) if id(tensor) in made_by]
            for one in self.operations
        }
        self.children = {one: [] for one in self.operations}
        for one, parents in self.parents.items():
            for parent in parents:
                self.children[parent].append(one)

    def before(self, operation):
        """All operations that an operation depends on."""
        return _reach(operation, self.parents)

    def after(self, operation):
        """All operations that depend on an operation."""
        return _reach(operation, self.children)

    def next_merger(self, operation):
        """The first operation after this one that joins several tensors; the last one if there is none."""
        while self.children[operation]:
            operation = self.children[operation][0]
            if len(self.parents[operation]) > 1:
                break
        return operation

    def sources(self, operation):
        """What feeds an operation; where that only joins tensors, what feeds the joint."""
        found = []
        for parent in self.parents[operation]:
            found += self.sources(parent) if len(self.parents[parent]) > 1 else [parent]
        return found

    def changing(self):
        """Operations whose output differs from epoch to epoch."""
        found = set()
        for operation in self.operations:
            if _changes(operation) or any(parent in found for parent in self.parents[operation]):
                found.add(operation)
        return found

    def all_pass(self, operation):
        """Whether every path through the model passes the only tensor that an operation gives."""
        inside = self.before(operation)
        beyond = [one for one in self.operations if one not in inside and one is not operation]
        closed = all(self.parents[one] and inside.isdisjoint(self.parents[one]) for one in beyond)
        return closed and len(keras.tree.flatten(operation.output)) == 1

    def has_weights_until(self, operation):
        """Whether an operation, or one before it, has weights."""
        layers = (one for one in (operation, *self.before(operation)) if isinstance(one, keras.Layer))
        return any(layer.weights for layer in layers)


def _reach(start, neighbours):
    found, waiting = set(), list(neighbours[start])
    while waiting:
        operation = waiting.pop()
        if operation not in found:
            found.add(operation)
            waiting += neighbours[operation]
    return found
