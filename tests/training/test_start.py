import hashlib
from dataclasses import replace

import keras
import numpy as np
import pytest

from ecgrepro.errors import SettingsError
from ecgrepro.models.class_report_weights import START_POINTS
from ecgrepro.training import start as module
from ecgrepro.training.examples import examples_of
from ecgrepro.training.finetune import finetune
from ecgrepro.training.freezing import learnable_layers
from ecgrepro.training.published_start import class_report_start
from ecgrepro.training.recipe import Stage, Transform
from ecgrepro.training.start import begin_stage, build_net, make_steps, stages
from ecgrepro.training.workspace import Workspace
from tests.models.test_tensorflow_checkpoint import Net1D, sequential
from tests.training import tiny

SPECTROGRAM = Transform("stft", (("hop", 8), ("window", 64)))


def freezing(workspace, depth, **changes):
    return replace(tiny.fine_tuning(workspace, epochs=2, **changes), freeze_depth=depth)


@pytest.fixture(scope="module")
def results(finished, workspace, tmp_path_factory):
    """A trial with its first 13 layers frozen, with and without room for their features."""
    found = {}
    for name, room in (("cached", 1 << 20), ("uncached", 0)):
        folder = tmp_path_factory.mktemp(name)
        place = Workspace(workspace.corpora, folder / "work", feature_memory=room, feature_disk=room)
        trial = freezing(workspace, 13, parent=finished.trials["parent"])
        store = tiny.open_store(folder)
        weights = store.weights(*trial.start)
        weights.parent.mkdir(parents=True)
        weights.write_bytes(finished.store.weights(*trial.start).read_bytes())
        lines = []
        finetune(trial, store, place, lines.append)
        found[name] = store.results_of(trial.key) | {"lines": lines}
    return found


def test_features_are_cached_where_there_is_room_and_said_to_be_not_where_there_is_none(results):
    assert results["cached"]["run"]["cached_features"]
    assert not results["uncached"]["run"]["cached_features"]
    assert any("train without the cache" in line for line in results["uncached"]["lines"])


def test_cached_features_give_the_logits_of_uncached_training(results):
    ours, expected = (
        results[name]["predictions"].filter(like="logit_").to_numpy() for name in ("cached", "uncached")
    )
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(ours, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())


def test_a_run_says_what_it_trained(results):
    for name in results:
        run = results[name]["run"]
        assert 0 < run["trainable_parameters"] < run["parameters"]
    assert results["cached"]["run"]["flops_per_frame"] < results["uncached"]["run"]["flops_per_frame"]


def test_frozen_weights_stay_and_others_move(workspace):
    trial = freezing(workspace, -1)
    rows = examples_of(trial, workspace).known
    model = build_net(trial, (256, 1), 4)
    begin_stage(trial, model, stages(trial)[0], 1)
    before = {layer.name: [np.array(v) for v in layer.variables] for layer in model.layers}
    steps = make_steps(trial, model, rows, workspace)
    assert steps.model is not model
    assert list(steps.kept) == ["features"]
    steps.train([np.arange(16)])
    for layer in model.layers:
        same = [(a == np.asarray(b)).all() for a, b in zip(before[layer.name], layer.variables, strict=True)]
        assert all(same) == (layer is not learnable_layers(model)[-1] or not same), layer.name


def test_without_frozen_layers_the_whole_net_is_trained(workspace):
    trial = freezing(workspace, 0)
    rows = examples_of(trial, workspace).known
    model = build_net(trial, (256, 1), 4)
    begin_stage(trial, model, stages(trial)[0], 1)
    steps = make_steps(trial, model, rows, workspace)
    assert steps.model is model
    assert not steps.kept
    assert len(model.trainable_variables) == 62


def test_too_deep_a_freeze_is_refused(workspace, tmp_path):
    with pytest.raises(SettingsError, match="freeze_depth: expected .*18 learnable layers"):
        finetune(freezing(workspace, 18), tiny.open_store(tmp_path), workspace)


def test_stages_train_one_after_another_and_survive_a_stop(workspace, tmp_path, monkeypatch):
    recipe = {"stages": (Stage(1, -1, 1e-2), Stage(2, 9, (None, 1e-2)), Stage(1, 0, (1e-4, 1e-3))),
              "groups": (0, 9, -1), "select": "last", "patience": 4}  # fmt: skip
    trial = tiny.fine_tuning(workspace, **(recipe | {"epochs": 4}))
    whole, stopped = tiny.open_store(tmp_path / "whole"), tiny.open_store(tmp_path / "stopped")
    depths, real = [], module.begin

    def watched(model, stage, loss, **settings):
        depths.append(stage.freeze_depth)
        return real(model, stage, loss, **settings)

    monkeypatch.setattr(module, "begin", watched)
    finetune(trial, whole, workspace)
    assert depths == [-1, 9, 0]
    for epoch in range(1, 4):  # stopped after each epoch, started again by another process
        with pytest.raises(KeyboardInterrupt):
            finetune(trial, stopped, workspace, stop_after(epoch))
    finetune(trial, stopped, workspace)
    a, b = (store.results_of(trial.key) for store in (whole, stopped))
    assert a["run"]["best_epoch"] == 4
    assert a["run"]["weights_sha256"] == b["run"]["weights_sha256"]
    assert (a["history"] == b["history"]).all(axis=None)


def stop_after(epoch):
    def report(line):
        if line.startswith(f"epoch {epoch},"):
            raise KeyboardInterrupt

    return report


def test_a_net_for_images_is_shown_the_transformed_signal(workspace, tmp_path):
    trial = replace(tiny.fine_tuning(workspace, epochs=1), model="resnet18_2d", transform=SPECTROGRAM)
    model = build_net(trial, (256, 1), 4)
    assert model.input_shape == (None, 256, 1)
    assert model.layers[1].output.shape == (None, 32, 32, 1)
    store = tiny.open_store(tmp_path)
    finetune(trial, store, workspace)
    assert np.isfinite(store.results_of(trial.key)["history"].loss).all()


def test_a_net_for_images_without_a_transform_is_refused(workspace):
    with pytest.raises(SettingsError, match="resnet18_2d"):
        build_net(replace(tiny.fine_tuning(workspace), model="resnet18_2d"), (256, 1), 4)


def test_a_stem_of_one_lead_serves_twelve_where_the_trial_says_so(finished, workspace):
    trial = tiny.fine_tuning(workspace, parent=finished.trials["parent"], adapt_leads=True)
    one = module.start_model(trial, finished.store, (256, 1), 4)
    twelve = module.start_model(trial, finished.store, (256, 12), 4)
    signal = np.random.default_rng(0).normal(size=(2, 256, 1)).astype("float32")
    for net in (one, twelve):
        net.layers[-1].set_weights(one.layers[-1].get_weights())
    same = [
        np.asarray(net(keras.ops.repeat(signal, leads, axis=2))) for net, leads in ((one, 1), (twelve, 12))
    ]
    np.testing.assert_allclose(*same, rtol=1e-3, atol=1e-4)


def imagenet(workspace, sha1):
    return replace(tiny.fine_tuning(workspace), model="alexnet", initialisation=f"imagenet:{sha1}")


def test_the_published_alexnet_is_found_by_the_sha1_of_its_file(workspace, tmp_path, monkeypatch):
    source = build_net(replace(imagenet(workspace, ""), initialisation="random"), (67, 67, 3), 4)
    path = tmp_path / "alexnet.npz"
    tensors = {f"{layer.name.replace('head', 'fc8')}/{kind}": array for layer in learnable_layers(source)
               for kind, array in zip(("weights", "biases"), layer.get_weights(), strict=True)}  # fmt: skip
    np.savez(path, **tensors)
    monkeypatch.setenv("ECGREPRO_ALEXNET_WEIGHTS", str(path))
    sha1 = hashlib.sha1(path.read_bytes()).hexdigest()
    net = module.start_model(imagenet(workspace, sha1), None, (67, 67, 3), 4)
    np.testing.assert_array_equal(
        net.get_layer("fc7").get_weights()[0], source.get_layer("fc7").get_weights()[0]
    )
    with pytest.raises(SettingsError, match=r"alexnet\.npz: expected the file with SHA-1 beef; got "):
        module.start_model(imagenet(workspace, "beef"), None, (67, 67, 3), 4)


def test_a_trial_starts_from_the_class_reports_weights_and_trains(workspace, tmp_path, monkeypatch):
    monkeypatch.setenv("ECGREPRO_HOME", str(tmp_path))
    monkeypatch.setitem(START_POINTS, "resnet1d_20", replace(START_POINTS["resnet1d_20"], width=0.25))
    folder = tmp_path / "_work" / "published" / "class_report" / "resnet1d_pretrained_20_percent"
    folder.mkdir(parents=True)
    net = Net1D()
    sequential(net).write(str(folder / "model.weights"))
    start = class_report_start("resnet1d_20")
    trial = replace(tiny.fine_tuning(workspace, epochs=1), width=0.25, initialisation=start)
    trial.check()
    model = module.start_model(trial, None, (256, 1), 4)
    np.testing.assert_array_equal(model.get_layer("stem_conv").get_weights()[0], net.conv1.kernel.numpy())
    store = tiny.open_store(tmp_path)
    finetune(trial, store, workspace)
    assert store.results_of(trial.key)["trial"]["initialisation"] == start
    with pytest.raises(SettingsError, match="initialisation: expected random, KEY@SHARE, imagenet:SHA1"):
        replace(trial, width=0.5).check()
