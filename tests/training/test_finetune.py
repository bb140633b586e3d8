from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from ecgrepro.corpora.cinc2017 import CLASSES
from ecgrepro.corpora.ingest import ingest
from ecgrepro.errors import InputError, SettingsError
from ecgrepro.evaluation import metrics
from ecgrepro.evaluation.predictions import predicted_classes
from ecgrepro.frames.af import prepare_corpus, standardising_constants
from ecgrepro.models.resnet1d import HEAD, resnet1d
from ecgrepro.training import checkpoint
from ecgrepro.training import finetune as module
from ecgrepro.training.device_corpus import HostRecords, Whole
from ecgrepro.training.finetune import finetune, finished, predict, train_epoch
from ecgrepro.training.parts import split
from ecgrepro.training.start import start_model
from ecgrepro.training.steps import Steps
from ecgrepro.training.workspace import Workspace
from tests.training import tiny

INPUT = tiny.FINE_TUNING.input


@pytest.fixture(scope="module")
def data(workspace):
    inputs, labels = workspace.af("cinc2017", INPUT)
    return inputs, labels, workspace.corpus("cinc2017").groups()


class Recorder:
    """Stands in for the compiled steps and writes down the order of its batches."""

    source = SimpleNamespace(windows=Whole())

    def __init__(self):
        self.seen = []

    def train(self, selections):
        self.sizes = [len(selection) for selection in selections if not self.seen.extend(selection)]


def test_order_depends_on_seed_and_epoch_and_not_on_the_arm(workspace):
    def order(epoch, **settings):
        trial, steps = tiny.fine_tuning(workspace, **settings), Recorder()
        train_epoch(steps, np.arange(40), trial, epoch)
        assert sorted(steps.seen) == list(range(40))
        assert steps.sizes == [16, 16, 8]
        return steps.seen

    assert order(1) == order(1, arm="beat", parent=tiny.pretraining(workspace))
    assert order(1) != order(2)
    assert order(1) != order(1, seed=1)


def history(*losses):
    return {"history": [{"val_loss": loss} for loss in losses]}


@pytest.mark.parametrize(
    ("losses", "stops"),
    [
        ((), False),
        ((1.0,), False),
        ((1.0, 0.9, 0.8, 0.7), False),
        ((1.0, 0.9, 0.95), False),
        ((1.0, 0.9, 0.95, 0.91), True),
        ((1.0, 0.9, 0.9, 0.9), True),  # equal is no fall
        ((1.0, 1.1, 0.9, 0.95), False),
    ],
)
def test_training_stops_when_the_loss_has_not_fallen_for_the_patience(losses, stops):
    recipe = replace(tiny.FINE_TUNING, patience=2, epochs=100)
    assert finished(history(*losses), recipe) is stops


def test_training_stops_at_the_cap():
    recipe = replace(tiny.FINE_TUNING, patience=2, epochs=3)
    assert finished(history(3.0, 2.0, 1.0), recipe)
    assert not finished(history(3.0, 2.0), recipe)


@pytest.mark.parametrize(
    ("accuracies", "stops"),
    [
        ((0.5,), False),
        ((0.5, 0.6, 0.55), False),
        ((0.5, 0.6, 0.55, 0.59), True),
        ((0.5, 0.6, 0.6, 0.6), True),  # equal is no rise
        ((0.5, 0.6, 0.55, 0.61), False),
    ],
)
def test_training_may_stop_when_the_training_accuracy_has_not_risen_for_the_patience(accuracies, stops):
    recipe = replace(tiny.FINE_TUNING, patience=2, epochs=100, stop="training_accuracy")
    # the loss falls, or rises, all the time: it does not count
    for sign in (1, -1):
        rows = [{"val_loss": sign * i, "accuracy": value} for i, value in enumerate(accuracies)]
        assert finished({"history": rows}, recipe) is stops


def scripted(monkeypatch, losses, scores):
    """Make validation return these values, epoch by epoch."""
    rows = iter(zip(losses, scores, strict=True))

    def validate(*given):
        loss, score = next(rows)
        return {"val_loss": loss, "val_macro_f1": score, "val_challenge_f1": score}

    monkeypatch.setattr(module, "validate", validate)


LOSSES, SCORES = [1.0, 0.7, 0.8, 0.7, 0.95], [0.3, 0.4, 0.6, 0.5, 0.6]


def one_layer(*given):
    """A net that stands in for the real one where the question is which of its states are kept."""
    import keras

    keras.utils.set_random_seed(0)
    inputs = keras.Input((256, 1))
    pooled = keras.layers.GlobalAveragePooling1D()(inputs)
    return keras.Model(inputs, keras.layers.Dense(4, name=HEAD)(pooled))


@pytest.fixture
def states(monkeypatch):
    """Make the net one layer, and list its variables after every epoch."""
    found = []

    def spy(path, progress, *, state, best):
        found.append(state)
        kept = found[progress["best_epoch"] - 1]
        assert len(best) == 2
        assert all((a == b).all() for a, b in zip(best, kept, strict=False))

    monkeypatch.setattr(module, "start_model", one_layer)
    monkeypatch.setattr(checkpoint, "save", spy)
    return found


def logits_of(state, inputs, labels, positions):
    net = one_layer()
    checkpoint.restore_weights(net, state[:2])
    return predict(Steps(net, HostRecords(inputs[..., None], labels)), positions)


def on_test_fold(found):
    return found["predictions"].query("part == 'test'")[[f"logit_{i}" for i in range(4)]].to_numpy()


@pytest.mark.parametrize(
    ("settings", "epochs", "best", "capped"),
    [
        ({"epochs": 5, "patience": 3}, 5, 3, False),  # by patience in the very epoch of the cap
        ({"epochs": 5, "patience": 10}, 5, 3, True),
        ({"epochs": 5, "patience": 2}, 4, 3, False),
        ({"epochs": 2, "patience": 2}, 2, 2, True),
        ({"epochs": 4, "patience": 9, "select": "loss"}, 4, 2, True),
        ({"epochs": 5, "patience": 10, "ties": "last"}, 5, 5, True),
        ({"epochs": 4, "patience": 9, "select": "loss", "ties": "last"}, 4, 4, True),
    ],
)
def test_a_run_says_where_it_stopped_why_and_which_epoch_it_took(
    workspace, tmp_path, monkeypatch, states, settings, epochs, best, capped
):
    scripted(monkeypatch, LOSSES, SCORES)
    trial, store = tiny.fine_tuning(workspace, **settings), tiny.open_store(tmp_path)
    finetune(trial, store, workspace)
    found = store.results_of(trial.key)
    run = found["run"]
    assert (run["epochs"], run["best_epoch"], run["hit_epoch_cap"]) == (epochs, best, capped)
    assert found["history"].epoch.tolist() == list(range(1, epochs + 1))
    assert "accuracy" not in found["history"]
    # what was tested is the state of the best epoch
    inputs, labels = workspace.af("cinc2017", INPUT)
    test = split(trial, labels, workspace.corpus("cinc2017").groups()).test
    np.testing.assert_array_equal(on_test_fold(found), logits_of(states[best - 1], inputs, labels, test))


def test_a_run_may_stop_by_its_accuracy_on_the_training_records(workspace, tmp_path, monkeypatch, states):
    falling, rising = [1 / epoch for epoch in range(1, 10)], [epoch / 10 for epoch in range(1, 10)]
    scripted(monkeypatch, falling, rising)  # validation would go on
    accuracies = iter([0.5, 0.6, 0.6, 0.55])
    monkeypatch.setattr(module, "accuracy", lambda *given: next(accuracies))
    trial = tiny.fine_tuning(workspace, stop="training_accuracy", patience=2, epochs=9)
    store = tiny.open_store(tmp_path)
    finetune(trial, store, workspace)
    run = store.results_of(trial.key)["run"]
    assert (run["epochs"], run["best_epoch"], run["hit_epoch_cap"]) == (4, 4, False)


def test_the_training_accuracy_is_that_of_the_net_after_the_epoch(workspace, tmp_path, states):
    trial, store = tiny.fine_tuning(workspace, stop="training_accuracy", epochs=3), tiny.open_store(tmp_path)
    lines = []
    finetune(trial, store, workspace, lines.append)
    history = store.results_of(trial.key)["history"]
    inputs, labels = workspace.af("cinc2017", INPUT)
    train = split(trial, labels, workspace.corpus("cinc2017").groups()).train
    for epoch, state in enumerate(states):
        classes = logits_of(state, inputs, labels, train).argmax(axis=1)
        assert history.accuracy[epoch] == pytest.approx((classes == labels[train]).mean(), abs=1e-6)
    assert len(states) == len(history) == 3
    assert lines[0].endswith(f"training accuracy {history.accuracy[0]:.3f}")


def test_constants_may_be_those_of_the_training_records(workspace, tmp_path, states):
    """Inputs are standardised with them, the run record holds them, and no file of this split alone is left."""
    _, labels = workspace.af("cinc2017", INPUT)
    before = sorted((workspace.work / "prepared").glob("*"))
    trial = tiny.fine_tuning(workspace, constants="training", epochs=1, labels=0.5)
    store, corpus = tiny.open_store(tmp_path), workspace.corpus("cinc2017")
    finetune(trial, store, workspace)
    found = store.results_of(trial.key)
    parts = split(trial, labels, corpus.groups())
    mean, deviation = standardising_constants(corpus, parts.train)
    assert found["run"]["standardised_with"] == {"mean": mean, "deviation": deviation}
    assert found["trial"]["recipe"]["input"]["mean"] == INPUT.mean
    inputs, _ = prepare_corpus(corpus, replace(INPUT, mean=mean, deviation=deviation), None, progress=False)
    np.testing.assert_array_equal(on_test_fold(found), logits_of(states[0], inputs, labels, parts.test))
    assert sorted((workspace.work / "prepared").glob("*")) == before


def test_a_trial_may_be_of_an_earlier_label_revision(corpora, workspace, tmp_path, states):
    corpus = ingest("cinc2017", corpora / "published", tmp_path / "cinc2017_v2", labels="v2", progress=False)
    place = Workspace((("cinc2017_v2", corpus.path),), tmp_path / "work")
    trial = replace(tiny.fine_tuning(workspace, epochs=1), corpora=place.fingerprints("cinc2017_v2"))
    store = tiny.open_store(tmp_path)
    finetune(trial, store, place)
    found = store.results_of(trial.key)
    labels = corpus.index.set_index("record_id").label.loc[found["predictions"].record_id]
    assert [CLASSES[i] for i in found["predictions"].label] == labels.tolist()
    assert found["run"]["label_revision"] == "v2"
    assert (corpus.index.label != workspace.corpus("cinc2017").index.label).any()


def test_the_run_record_says_which_labels_it_had(finished):
    assert finished.results["random"]["run"]["label_revision"] == "v3"


def normalised(*given):
    """A small net whose moving statistics a pass in training mode would move."""
    import keras

    keras.utils.set_random_seed(0)
    inputs = keras.Input((256, 1))
    pooled = keras.layers.BatchNormalization()(keras.layers.GlobalAveragePooling1D()(inputs))
    return keras.Model(inputs, keras.layers.Dense(4, name=HEAD)(pooled))


def test_a_run_that_stops_by_accuracy_goes_on_after_a_kill_with_the_same_numbers(
    workspace, tmp_path, monkeypatch
):
    monkeypatch.setattr(module, "start_model", normalised)
    trial = tiny.fine_tuning(workspace, stop="training_accuracy", constants="training", epochs=3)
    whole, killed = tiny.open_store(tmp_path / "whole"), tiny.open_store(tmp_path / "killed")
    finetune(trial, whole, workspace)

    def die(line):
        raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            finetune(trial, killed, workspace, die)
    finetune(trial, killed, workspace)
    ours, expected = (store.results_of(trial.key) for store in (killed, whole))
    assert (ours["run"]["resumed"], expected["run"]["resumed"]) == (2, 0)
    assert ours["run"]["weights_sha256"] == expected["run"]["weights_sha256"]
    assert on_test_fold(ours).tobytes() == on_test_fold(expected).tobytes()
    paths = [store.results / trial.key / "history.csv" for store in (killed, whole)]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert expected["history"].accuracy.between(0, 1).all()


@pytest.fixture(scope="module")
def probes(workspace, tmp_path_factory):
    """Trials of the head alone: with and without room for features, and with other constants in the same room."""
    found = {}
    folder = tmp_path_factory.mktemp("probes")
    for name, room, constants in (
        ("cached", 1 << 24, "all"),
        ("uncached", 0, "all"),
        ("other", 1 << 24, "training"),
    ):
        place = Workspace(workspace.corpora, folder / str(room), feature_memory=room, feature_disk=room)
        trial = tiny.fine_tuning(workspace, stop="training_accuracy", epochs=1, constants=constants)
        store, trial = tiny.open_store(folder / name), replace(trial, freeze_depth=-1)
        finetune(trial, store, place)
        found[name] = store.results_of(trial.key) | {"features": len(list(place.work.glob("features/*.npy")))}
    return found


def test_the_training_accuracy_of_cached_features_is_that_of_the_whole_net(probes):
    ours, expected = probes["cached"], probes["uncached"]
    assert (ours["run"]["cached_features"], expected["run"]["cached_features"]) == (True, False)
    np.testing.assert_allclose(ours["history"].accuracy, expected["history"].accuracy, atol=0.02)


def test_features_of_frozen_layers_are_told_apart_by_the_constants(probes):
    assert [probes[name]["features"] for name in ("cached", "uncached", "other")] == [1, 0, 2]
    assert np.abs(on_test_fold(probes["other"]) - on_test_fold(probes["cached"])).max() > 1e-4


def test_results_hold_validation_and_test_records_of_the_split(finished, workspace, data):
    ids = workspace.corpus("cinc2017").index.record_id.to_numpy()
    for name in ("random", "pretrained"):
        found, trial = finished.results[name], finished.trials[name]
        parts = split(trial, data[1], data[2])
        for part in ("validation", "test"):
            table = found["predictions"].query("part == @part")
            assert table.record_id.tolist() == ids[getattr(parts, part)].tolist()
            assert (table.label == data[1][getattr(parts, part)]).all()
        assert found["run"]["records"] == {p: len(getattr(parts, p)) for p in ("train", "validation", "test")}


def test_no_test_record_was_trained_on_or_chosen_by(finished, data):
    for name in ("random", "pretrained"):
        parts = split(finished.trials[name], data[1], data[2])
        assert not set(parts.test) & (set(parts.train) | set(parts.validation))
        assert not set(parts.validation) & set(parts.train)


def test_validation_scores_in_the_history_are_those_of_the_kept_logits(finished):
    for name, column in (("pretrained", "val_macro_f1"), ("random", "val_loss")):
        found = finished.results[name]
        table = found["predictions"].query("part == 'validation'")
        row = found["history"].set_index("epoch").loc[found["run"]["best_epoch"]]
        matrix = metrics.confusion_matrix(table.label.to_numpy(), predicted_classes(table), len(CLASSES))
        logits = table[[f"logit_{i}" for i in range(4)]].to_numpy()
        assert row.val_macro_f1 == pytest.approx(metrics.macro_f1(matrix), abs=1e-5)
        assert row.val_challenge_f1 == pytest.approx(metrics.challenge_f1(matrix), abs=1e-5)
        assert row.val_loss == pytest.approx(metrics.cross_entropy(logits, table.label.to_numpy()), rel=1e-4)
        chosen = (
            found["history"][column].idxmin() if column == "val_loss" else found["history"][column].idxmax()
        )
        assert found["history"].epoch[chosen] == found["run"]["best_epoch"]


def test_a_run_record_counts_what_was_trained(finished):
    run = finished.results["random"]["run"]
    assert run["frames"] == run["epochs"] * run["records"]["train"]
    assert run["parameters"] == resnet1d(256, 4, width=0.0625).count_params()
    assert run["resumed"] == 0
    assert run["noted"] == finished.trials["random"].key


def test_a_pretrained_arm_starts_from_its_weights_and_the_random_arms_head(finished, workspace):
    from ecgrepro.training.seeds import make_deterministic

    nets = {}
    for name in ("pretrained", "random"):
        make_deterministic(0)
        nets[name] = start_model(finished.trials[name], finished.store, (256, 1), 4)
    with np.load(finished.store.weights(finished.trials["parent"].key, 1.0)) as file:
        weights = dict(file)
    for layer in nets["pretrained"].layers:
        for variable, other in zip(
            layer.variables, nets["random"].get_layer(layer.name).variables, strict=True
        ):
            if layer.name == HEAD:
                assert (np.asarray(variable) == np.asarray(other)).all()
            else:
                assert (np.asarray(variable) == weights[f"{layer.name}/{variable.name}"]).all()


def test_missing_weights_are_told_with_the_remedy(finished, workspace, tmp_path):
    with pytest.raises(SettingsError, match=r"extractor-1\.npz; got none\. Run the pre-training trial first"):
        finetune(finished.trials["pretrained"], tiny.open_store(tmp_path), workspace)


def test_weights_of_another_width_are_refused_before_training(finished, workspace, tmp_path):
    trial = replace(finished.trials["pretrained"], width=0.125)
    with pytest.raises(InputError, match="do not fit"):
        finetune(trial, finished.store, workspace)


@pytest.mark.parametrize(("n", "size"), [(3, 8), (8, 8), (19, 8)])
def test_logits_do_not_depend_on_the_batch(workspace, data, n, size):
    class Sums:
        source = SimpleNamespace(windows=Whole())

        def predict(self, selections):
            for selection in selections:
                assert len(selection) == size
                yield np.stack([data[0][selection].sum(axis=1)] * 4, axis=1)

    out = predict(Sums(), np.arange(n), batch_size=size)
    assert out.dtype == np.float32
    np.testing.assert_array_equal(out[:, 0], data[0][:n].sum(axis=1))
