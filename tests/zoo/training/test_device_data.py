"""Training on resident data: the order, the updates and the history of the ordinary path."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from zoo.inputs.order import Source, orders_of_rows
from zoo.training import device_data, keras_contract

SHAPE = (8, 8, 1)
SMALL = {"widths": (), "hidden_units": (6,), "latent_dim": 3}


def model_of(name="autoencoder", seed=3, steps_per_execution=1, optimizer="adam", **arguments):
    keras.utils.set_random_seed(seed)
    found = zoo.create(
        name, SHAPE, **({"widths": (), "hidden_units": (6,), "latent_dim": 3} | arguments)
    )
    found.compile(optimizer, steps_per_execution=steps_per_execution)
    return found


def both(digits, fit, **changes):
    """Returns what the ordinary and the resident path give: history and weights."""
    found = []
    for resident_or_not in (False, True):
        model = model_of(**changes)
        history = fit(model, resident_or_not).history
        found.append((history, model.get_weights()))
    return found


def assert_same(found):
    (history, weights), (other, others) = found
    assert history.keys() == other.keys()
    for name, values in history.items():
        np.testing.assert_allclose(other[name], values, rtol=1e-5, err_msg=name)
    for a, b in zip(weights, others, strict=True):
        np.testing.assert_allclose(b, a, atol=1e-5)


@pytest.mark.parametrize(
    ("num_rows", "shuffle"),
    [(96, True), (100, True), (100, False), (20, True)],
    ids=["whole", "rest", "rest in order", "less than a batch"],
)
def test_order_and_updates_are_those_of_the_ordinary_path(num_rows, shuffle, digits):
    images = digits[:num_rows]
    found = both(
        digits,
        lambda model, way: model.fit(
            images,
            epochs=3,
            batch_size=32,
            shuffle=shuffle,
            validation_data=digits[100:140],
            verbose=0,
            resident=way,
        ),
        optimizer="sgd",
    )
    assert_same(found)
    assert "val_loss" in found[0][0]


def test_several_updates_per_call_change_nothing(digits):
    def fit(model, way):
        model.compile("sgd", steps_per_execution=1 if not way else 4)
        return model.fit(digits[:200], epochs=2, batch_size=16, verbose=0, resident=way)

    assert_same(both(digits, fit))


def test_the_loop_that_xla_compiles_does_the_same_updates(digits):
    def fit(model, way):
        model.compile("sgd", jit_compile=True)
        return model.fit(digits[:200], epochs=2, batch_size=32, verbose=0, resident=way)

    assert_same(both(digits, fit, name="vae"))  # the noise too


def test_xla_compiles_once_for_all_places_of_an_epoch(digits):
    """What it compiles holds neither where a call begins nor how many updates it does."""
    model = model_of()
    model.compile("adam", jit_compile=True)
    steps = device_data.TrainingSteps(model, (digits[:64],), 16)
    steps(1)
    programs = {
        steps.graphs.run.experimental_get_compiler_ir(
            steps.data, steps.order, tf.constant(start), tf.constant(count)
        )(stage="hlo")
        for start, count in ((0, 2), (1, 2), (0, 3))
    }
    assert len(programs) == 1


def test_targets_and_weights_travel_along(digits):
    weights = np.linspace(0, 1, 90).astype("float32")
    noisy = np.clip(digits[:90] + 0.1, 0, 1)

    def fit(model, way):
        return model.fit(noisy, digits[:90], 32, 2, sample_weight=weights, verbose=0, resident=way)

    assert_same(both(digits, fit, optimizer="sgd"))


def test_dictionaries_travel_along(digits):
    labels = np.arange(64) % 3
    data = {"image": digits[:64], "label": labels}

    def fit(model, way):
        return model.fit(data, batch_size=16, epochs=2, verbose=0, resident=way)

    found = both(digits, fit, name="conditional_vae", num_classes=3)
    assert_same(found)


class Batches(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append((batch, float(logs["loss"])))


class Ends(Batches):
    looks_at_batches = False


class OwnHistory(keras.callbacks.History):
    def on_train_batch_end(self, batch, logs=None):
        pass


def test_a_callback_that_does_not_look_at_batches_sees_the_ends_of_calls(digits, monkeypatch):
    monkeypatch.setattr(device_data, "MOST_STEPS", 3)
    callback = Ends()
    model_of().fit(digits[:128], batch_size=16, verbose=0, callbacks=[callback])
    ends = [batch for batch, _ in callback.seen]
    assert ends == [2, 5, 8]  # 3, 3 and 2 of the 8 batches; Keras counts the last as a whole one


def test_progress_does_not_run_past_the_end(digits, capsys):
    model_of().fit(digits[:128], batch_size=16)
    assert "8/8" in capsys.readouterr().out


def test_a_callback_that_looks_at_batches_sees_each(digits):
    seen = []
    for way in (False, True):
        callback = Batches()
        model_of().fit(digits[:100], batch_size=16, verbose=0, callbacks=[callback], resident=way)
        seen.append(callback.seen)
    assert [batch for batch, _ in seen[1]] == list(range(7))
    np.testing.assert_allclose(*([loss for _, loss in part] for part in seen), rtol=1e-5)


@pytest.mark.parametrize(
    ("callbacks", "is_one"),
    [
        (None, False),
        ([keras.callbacks.EarlyStopping(), keras.callbacks.ReduceLROnPlateau()], False),
        ([keras.callbacks.ModelCheckpoint("a.keras")], False),
        ([keras.callbacks.ModelCheckpoint("a.keras", save_freq=5)], True),
        ([keras.callbacks.TensorBoard()], True),
        ([Batches()], True),
        ([Ends()], False),
        (Batches(), True),
        ([[None, Ends()], Batches()], True),
        ([keras.callbacks.LambdaCallback(on_train_batch_end=print)], True),
        ([keras.callbacks.LambdaCallback(on_epoch_end=print)], False),
        ([OwnHistory()], True),
        (keras.callbacks.CallbackList([Batches()], add_history=True), True),
    ],
)
def test_many_updates_per_call_only_where_no_callback_looks(callbacks, is_one):
    found = device_data.steps_per_call(model_of(), 32, 6400, callbacks)
    assert (found == 1) == is_one


def test_the_compiled_number_of_steps_wins():
    model = model_of(steps_per_execution=7)
    assert device_data.steps_per_call(model, 32, 6400, None) == 7
    assert device_data.steps_per_call(model, 32, 100, None) == 4  # an epoch has no more


@pytest.mark.parametrize("num_batches", [1, 4, 255, 256, 257, 313, 1000])
def test_calls_of_an_epoch_are_alike(num_batches):
    steps = device_data.steps_per_call(model_of(), 32, 32 * num_batches, None)
    calls = -(-num_batches // steps)
    assert steps <= device_data.MOST_STEPS
    assert num_batches <= calls * steps < num_batches + calls


def test_large_models_are_called_for_few_updates():
    small = model_of()
    large = zoo.create("autoencoder", (64, 64, 3), widths=(128, 256), latent_dim=64)
    large.compile("adam")
    assert device_data.steps_per_call(large, 64, 6400, None) == 1
    assert device_data.steps_per_call(small, 32, 6400, None) > 30


def test_the_model_is_as_before_afterwards(digits):
    """Other ways to train and to measure work on, and see the same model."""
    model = model_of(steps_per_execution=2)
    model.fit(digits[:64], batch_size=16, verbose=0)
    assert model.steps_per_execution == 2
    assert not isinstance(model.train_function, device_data.ResidentTraining)
    model.train_on_batch(digits[:16])
    first = model.evaluate(digits[:64], batch_size=16, verbose=0, return_dict=True)
    again = model.evaluate(digits[:64], batch_size=16, verbose=0, return_dict=True)
    assert first == again
    model.fit(tf.data.Dataset.from_tensor_slices(digits[:64]).batch(16), verbose=0)
    steps = int(model.optimizer.iterations)
    model.fit(digits[:64], batch_size=16, verbose=0)
    assert int(model.optimizer.iterations) == steps + 4


def test_a_second_fit_traces_nothing(digits):
    model = model_of()
    model.fit(digits[:64], batch_size=16, verbose=0)
    (graphs,) = model.__dict__["_resident_graphs"][1].values()
    model.fit(digits[64:128], batch_size=16, epochs=2, verbose=0)
    model.fit(digits[:64], batch_size=32, verbose=0)
    model.fit(digits[:64], batch_size=16, verbose=0)
    assert len(model.__dict__["_resident_graphs"][1]) == 2
    assert graphs.run.experimental_get_tracing_count() == 1
    for num_rows in (60, 80, 100, 120):  # of any length: a second trace, and no more
        model.fit(digits[:num_rows], batch_size=16, verbose=0)
    assert graphs.run.experimental_get_tracing_count() == 2
    assert graphs.batch.experimental_get_tracing_count() <= 2


@pytest.mark.filterwarnings("ignore:Gradients do not exist")
def test_a_layer_that_is_replaced_is_not_used_any_more(digits):
    model, other = model_of(), model_of(seed=4)
    model.fit(digits[:64], batch_size=16, verbose=0)
    before = model.predict(digits[:8], verbose=0)
    codes = model.encode(digits[:8])
    model.encoder, model.decoder = other.encoder, other.decoder
    model.compile("adam")
    assert np.abs(model.predict(digits[:8], verbose=0) - before).max() > 1e-3
    np.testing.assert_array_equal(model.encode(digits[:8]), other.encode(digits[:8]))
    assert np.abs(model.encode(digits[:8]) - codes).max() > 1e-3
    weights = [np.asarray(weight) for weight in model.trainable_weights]
    model.fit(digits[:64], batch_size=16, verbose=0)
    assert any(
        not np.array_equal(old, new)
        for old, new in zip(weights, model.trainable_weights, strict=True)
    )


def test_a_callback_may_train_on_a_batch_of_its_own(digits):
    class Replay(Batches):
        def on_train_batch_end(self, batch, logs=None):
            super().on_train_batch_end(batch, logs)
            if batch == 1:
                self.model.train_on_batch(digits[100:116])

    found = []
    for way in (False, True):
        callback, model = Replay(), model_of(optimizer="sgd")
        model.fit(
            digits[:64], batch_size=16, shuffle=False, callbacks=[callback], verbose=0, resident=way
        )
        assert [batch for batch, _ in callback.seen] == [0, 1, 2, 3]
        assert int(model.optimizer.iterations) == 5
        found.append(model.get_weights())
    for first, second in zip(*found, strict=True):
        np.testing.assert_allclose(second, first, atol=1e-5)


@pytest.mark.parametrize("way", [None, False])
def test_lengths_and_batch_sizes_are_checked(way, digits):
    model = model_of()
    with pytest.raises(ValueError, match="must have the same length"):
        model.fit(digits[:64], sample_weight=np.ones(100), verbose=0, resident=way)
    for method in (model.fit, model.evaluate, model.predict):
        with pytest.raises(ValueError, match=r"batch_size must be .* Received: batch_size=-1"):
            method(digits[:64], batch_size=-1, verbose=0)


def test_floats_of_any_kind_are_those_of_keras(digits):
    def fit(model, way):
        return model.fit(digits[:64].astype("float64"), batch_size=16, verbose=0, resident=way)

    found = both(digits, fit, optimizer="sgd")
    assert_same(found)
    source = Source(digits[:64].astype("float64"), 16, orders_of_rows(64, False))
    kept = device_data.ResidentTraining(model_of(), source, 1)
    assert kept.data.dtype == "float32"


def test_texts_are_refused_as_images(digits):
    with pytest.raises(TypeError, match="Autoencoder: x must be a numeric array"):
        model_of().encode(np.array([["a", "b"]]))


def test_the_cap_on_steps_is_kept(digits):
    keras.config.set_max_steps_per_epoch(2)
    try:
        model = model_of()
        with pytest.warns(UserWarning, match="Limiting"):
            model.fit(digits[:64], batch_size=16, verbose=0)
        assert int(model.optimizer.iterations) == 2
    finally:
        keras.config.set_max_steps_per_epoch(None)


def test_an_optimizer_of_another_model_is_refused(digits):
    adam = keras.optimizers.Adam()
    first, second = model_of(optimizer=adam), model_of(optimizer=adam)
    first.fit(digits[:64], batch_size=16, verbose=0)
    for way in (None, False):
        with pytest.raises(ValueError, match="the optimizer must be of this model"):
            second.fit(digits[:64], batch_size=16, verbose=0, resident=way)


def test_room_on_a_gpu(monkeypatch):
    class Gpu:
        name = "/device:GPU:0"

    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: [Gpu])
    monkeypatch.setattr(tf.config.experimental, "get_memory_info", lambda name: {"current": 200})
    monkeypatch.setattr(keras_contract, "gpu_memory_limit", lambda: 1000)
    assert device_data._room() == 200  # a quarter of what is left
    assert "the device has 0 MiB to spare" in device_data.reason_unsupported(
        model_of(), np.ones((8, 8, 8, 1)), {}
    )
    monkeypatch.setattr(keras_contract, "gpu_memory_limit", lambda: None)
    assert device_data._room() == 2**30


def test_a_model_that_is_compiled_anew_takes_the_new_optimizer(digits):
    model = model_of()
    model.fit(digits[:64], batch_size=16, verbose=0)
    model.compile(keras.optimizers.SGD(0.0))
    before = model.get_weights()
    model.fit(digits[:64], batch_size=16, verbose=0)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_learning_rate_that_changes_between_epochs_is_seen(digits):
    schedule = keras.callbacks.LearningRateScheduler(lambda epoch: 0.0 if epoch else 0.01)

    class Weights(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.seen = []

        def on_epoch_end(self, epoch, logs=None):
            self.seen.append(np.concatenate([w.ravel() for w in self.model.get_weights()]))

    weights = Weights()
    model_of(optimizer="sgd").fit(
        digits[:64], batch_size=16, epochs=3, callbacks=[schedule, weights], verbose=0
    )
    np.testing.assert_array_equal(weights.seen[0], weights.seen[1])
    np.testing.assert_array_equal(weights.seen[1], weights.seen[2])


def test_training_that_is_stopped_leaves_the_model_usable(digits):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyboardInterrupt

    model = model_of()
    with pytest.raises(KeyboardInterrupt):
        model.fit(digits[:64], batch_size=16, callbacks=[Stop()], verbose=0)
    assert not isinstance(model.train_function, device_data.ResidentTraining)
    assert model.fit(digits[:64], batch_size=16, verbose=0).history["loss"]


def test_saved_and_loaded_training_goes_on(digits, tmp_path):
    model = model_of()
    model.fit(digits[:64], batch_size=16, verbose=0)
    model.save(tmp_path / "a.keras")
    again = zoo.load(tmp_path / "a.keras")
    assert int(again.optimizer.iterations) == 4
    for each in (model, again):
        keras.utils.set_random_seed(5)
        each.fit(digits[:64], batch_size=16, verbose=0)
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"steps_per_epoch": 2}, "steps_per_epoch is given"),
        ({"shuffle": "batch"}, "shuffle is 'batch'"),
    ],
)
def test_where_it_cannot_be_the_ordinary_path_is_taken_or_the_reason_told(change, reason, digits):
    model = model_of()
    with pytest.raises(ValueError, match=f"Autoencoder: resident must be .* {reason}"):
        model.fit(digits[:64], verbose=0, resident=True, **change)
    assert device_data.reason_unsupported(model, digits[:64], change) == reason
    assert model.fit(digits[:64], verbose=0, **change).history["loss"]


def test_data_from_elsewhere_stay_there(digits, tmp_path):
    model = model_of()
    mapped = np.memmap(tmp_path / "images.dat", "float32", "w+", shape=digits[:64].shape)
    mapped[:] = digits[:64]
    assert "mapped from a file" in device_data.reason_unsupported(model, mapped, {})
    source = tf.data.Dataset.from_tensor_slices(digits[:64]).batch(16)
    assert "no arrays" in device_data.reason_unsupported(model, source, {})
    assert model.fit(mapped, verbose=0).history["loss"]
    model.compile("adam", run_eagerly=True)
    assert "eagerly" in device_data.reason_unsupported(model, digits[:64], {})


def test_a_model_of_several_replicas_takes_the_ordinary_path(digits):
    for devices in (["CPU:0"], ["CPU:0", "CPU:1"]):
        with tf.distribute.MirroredStrategy(devices).scope():
            model = model_of()
            assert "replicas" in device_data.reason_unsupported(model_of(), digits[:64], {})
        assert "replicas" in device_data.reason_unsupported(model, digits[:64], {})


def test_a_strategy_of_one_replica_trains_and_predicts(digits):
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        model = zoo.create("unet", SHAPE, preset="tiny")
        model.compile("adam", metrics=["mae"])
    masks = (digits[:64] > 0.5).astype("float32")
    assert model.fit(digits[:64], masks, batch_size=16, verbose=0).history["mae"]
    assert model.predict(digits[:64], batch_size=16, verbose=0).shape == masks.shape


def test_rows_that_a_model_draws_itself_do_not_stay(digits):
    labels = np.where(np.arange(64) % 4, -1, np.arange(64) % 3)
    model = model_of("semi_supervised_vae", num_classes=3)
    assert model.fit(digits[:64], labels, verbose=0, resident=False).history["loss"]
    assert model.fit(digits[:64], labels, verbose=0).history["loss"]
    with pytest.raises(ValueError, match=r"resident must be None or False here, as the data are"):
        model.fit(digits[:64], labels, verbose=0, resident=True)
