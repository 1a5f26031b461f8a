"""Every door refuses the same data with the same words, in every batch."""

import io

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from kinds import every_model

import zoo

SHAPE = (4, 4, 1)
GOOD = np.random.default_rng(0).random((4, *SHAPE), "float32")
MASKS = (GOOD[..., 0] > 0.5).astype("uint8")


class Batches(keras.utils.PyDataset):
    def __init__(self, batches, **kwargs):
        super().__init__(**kwargs)
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        return self.batches[index]


class Loader:
    """Can be iterated over again, as a DataLoader of PyTorch can; gives lists."""

    def __init__(self, batches):
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __iter__(self):
        return (list(batch) if isinstance(batch, tuple) else batch for batch in self.batches)


def data_set(batches):
    spec = keras.tree.map_structure(
        lambda part: tf.TensorSpec((None, *part.shape[1:]), part.dtype), batches[0]
    )
    return tf.data.Dataset.from_generator(lambda: iter(batches), output_signature=spec)


class TorchLike:
    """As a DataLoader of PyTorch: batches of CPU tensors that NumPy reads, new in each epoch."""

    class Tensor:
        def __init__(self, values):
            self.values, self.shape = values, values.shape

        def __array__(self, dtype=None, copy=None):
            return self.values.astype(dtype or self.values.dtype)

    def __init__(self, batches):
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __iter__(self):
        for batch in self.batches:
            parts = batch if isinstance(batch, tuple) else (batch,)
            yield [self.Tensor(np.asarray(part)) for part in parts]


SOURCES = {
    "generator": iter,
    "tf.data": data_set,
    "PyDataset": Batches,
    "PyDataset, threads": lambda batches: Batches(batches, workers=2),
    "PyDataset, processes": lambda batches: Batches(batches, workers=2, use_multiprocessing=True),
    "loader": Loader,
    "tensors of PyTorch": TorchLike,
}


def refused(door, *data) -> str:
    with pytest.raises((ValueError, TypeError)) as found:
        door(*data)
    return str(found.value)


@pytest.fixture(scope="module")
def autoencoder():
    model = zoo.create("autoencoder", SHAPE, widths=(), hidden_units=(), latent_dim=2)
    model.compile("sgd")
    return model


@pytest.fixture(scope="module")
def unet():
    model = zoo.create("unet", SHAPE, widths=(2, 2), convs_per_stage=1)
    model.compile("sgd")
    return model


# What is wrong, and a part of what is said.
INPUTS = {
    "range": (GOOD * 255, "x must lie in [0, 1]"),
    "NaN": (np.where(GOOD > 0.9, np.nan, GOOD), "x must be finite"),
    "shape": (GOOD[:, :3], "x must have shape (batch, 4, 4, 1)"),
    "kind": (GOOD > 0.5, "x must be a numeric array"),
    "complex": (GOOD.astype("complex64"), "x must be a numeric array"),
}
TARGETS = {
    "masks of 255": (MASKS * 255, "masks must hold 0 and 1"),
    "size of masks": (MASKS[:, :2], "masks must have shape"),
    "number of masks": (MASKS[:3], "must have the same length"),
    "no masks": (None, "y must be given"),
}


def forms(x):
    """Returns arrays in each form that they may have."""
    file = h5py.File(io.BytesIO(), "w")
    return [x, tf.constant(x), x.tolist(), file.create_dataset("x", data=x)]


def doors(model, source):
    """Returns calls that take a batch of images and perhaps targets, in one form of source."""

    def packed(x, y=None):
        return source([keras.utils.pack_x_y_sample_weight(x, y)])

    good = (GOOD, MASKS) if model.required_target else (GOOD,)
    return {
        "fit": lambda *data: model.fit(packed(*data), verbose=0),
        "evaluate": lambda *data: model.evaluate(packed(*data), verbose=0),
        "validation": lambda *data: model.fit(*good, validation_data=packed(*data), verbose=0),
    }


def doors_of_arrays(model):
    good = (GOOD, MASKS) if model.required_target else (GOOD,)
    return {
        "evaluate": lambda *data: model.evaluate(*data, verbose=0),
        "validation": lambda *data: model.fit(*good, validation_data=data, verbose=0),
        "validation_split": lambda *data: model.fit(*data, validation_split=0.5, verbose=0),
        "train_on_batch": model.train_on_batch,
        "test_on_batch": model.test_on_batch,
    }


@pytest.mark.parametrize("defect", INPUTS)
def test_images_are_refused_alike_in_every_form_and_at_every_door(autoencoder, defect):
    bad, expected = INPUTS[defect]
    said = refused(autoencoder.fit, bad)
    assert said.startswith(f"Autoencoder: {expected}")
    for form in forms(bad):
        assert refused(autoencoder.fit, form).split(" Received")[0] == said.split(" Received")[0]
    for door in [
        *doors_of_arrays(autoencoder).values(),
        *(autoencoder.predict, autoencoder.predict_on_batch, autoencoder.reconstruct),
        *(autoencoder.encode, autoencoder.score_map, autoencoder.anomaly_score),
    ]:
        assert refused(door, bad) == said
    assert refused(autoencoder.encode, tf.constant(bad)) == said
    for source in SOURCES.values():
        for door in doors(autoencoder, source).values():
            assert refused(door, bad) == f"{said} Found in batch 1."


@pytest.mark.parametrize("defect", TARGETS)
def test_targets_are_refused_alike_at_every_door(unet, defect):
    bad, expected = TARGETS[defect]
    said = refused(unet.fit, GOOD, bad)
    assert expected in said
    for door in doors_of_arrays(unet).values():
        assert refused(door, GOOD, bad) == said
    for source in SOURCES.values():
        for door in doors(unet, source).values():
            assert refused(door, GOOD, bad) == f"{said} Found in batch 1."


@pytest.mark.parametrize("form", SOURCES)
def test_a_later_batch_is_looked_at_as_the_first(unet, form):
    bad = MASKS * 255
    said = f"{refused(unet.fit, GOOD, bad)} Found in batch 2."
    batches = [(GOOD, MASKS), (GOOD, bad)]
    make = SOURCES[form]
    assert refused(lambda: unet.fit(make(batches), shuffle=False, verbose=0)) == said
    assert refused(lambda: unet.evaluate(make(batches), verbose=0)) == said
    good = make([(GOOD, MASKS)] * 2)
    assert np.isfinite(unet.fit(good, epochs=1, verbose=0).history["loss"][0])


@pytest.mark.parametrize("value", [np.nan, np.inf, -1e-30, 1 + 2e-7, 255])
def test_the_quick_check_of_data_sets_finds_what_the_whole_one_does(autoencoder, value):
    """One wrong value of one later batch, alone and as the target of itself."""
    bad = GOOD.copy()
    bad[3, 1, 2, 0] = value
    said = refused(autoencoder.evaluate, bad)
    for batches in ([(GOOD,), (GOOD,), (bad,)], [(GOOD, GOOD), (GOOD, GOOD), (bad, bad)]):
        door = data_set(batches)
        assert refused(lambda door=door: autoencoder.fit(door, verbose=0)) == (
            f"{said} Found in batch 3."
        )


@pytest.mark.parametrize("kind", ["first", "later", "later, of many steps a call"])
def test_weights_are_as_before_where_data_are_refused(kind):
    """The batch that is refused is not trained on; those before it are."""
    many = {"steps_per_execution": 2} if "many" in kind else {}
    batches = [(GOOD,), (GOOD * 2,)] if kind == "first" else [(GOOD,)] * 3 + [(GOOD * 2,)]
    batches = batches[::-1] if kind == "first" else batches
    small = {"widths": (), "hidden_units": (), "latent_dim": 2, "start_at_mean": False}
    model = zoo.create("autoencoder", SHAPE, **small)
    model.compile(keras.optimizers.SGD(0.1), **many)
    before = model.get_weights()
    number = 1 if kind == "first" else 4
    assert refused(lambda: model.fit(data_set(batches), verbose=0)).endswith(f"batch {number}.")
    after = model.get_weights()
    assert all(np.isfinite(weight).all() for weight in after)
    is_same = all((old == new).all() for old, new in zip(before, after, strict=True))
    assert is_same == (kind == "first")


def test_a_batch_is_counted_anew_in_each_epoch(autoencoder):
    seen = []

    def batches():
        seen.append(len(seen))
        yield from [GOOD, GOOD * (2 if len(seen) == 4 else 1)]  # one look, then epochs

    spec = tf.TensorSpec((None, *SHAPE), "float32")
    source = tf.data.Dataset.from_generator(batches, output_signature=spec)
    said = refused(lambda: autoencoder.fit(source, epochs=9, verbose=0))
    assert said.endswith("Found in batch 2.")
    assert autoencoder.fit(data_set([(GOOD,)] * 2), verbose=0, callbacks=keras.callbacks.History())


def test_a_check_in_the_step_goes_on_and_off(autoencoder):
    bad = data_set([(GOOD,), (GOOD * 2,)])
    settings = {"verbose": 0, "check_every_batch": False}
    for _ in range(2):
        assert np.isfinite(autoencoder.fit(bad, **settings).history["loss"][0])
        assert refused(lambda: autoencoder.fit(bad, verbose=0)).endswith("Found in batch 2.")
    autoencoder.train_on_batch(GOOD)
    autoencoder.fit(GOOD, resident=False, verbose=0)


def test_a_data_set_of_unknown_shapes_is_read(autoencoder):
    for shape in (None, (None, None, None, None)):
        spec = tf.TensorSpec(shape, "float32")

        def source(last, spec=spec):
            make = lambda: iter([GOOD, last])  # noqa: E731
            return tf.data.Dataset.from_generator(make, output_signature=spec)

        for door in (autoencoder.fit, autoencoder.evaluate, autoencoder.predict):
            door(source(GOOD), verbose=0)
            said = refused(lambda door=door: door(source(GOOD[:, :3]), verbose=0))
            assert said.endswith("Found in batch 2.")


def test_codes_are_finite(autoencoder):
    assert "codes must be finite. Received: NaN or infinity in 2 of 4 values" in refused(
        autoencoder.decode, np.array([[0.0, np.nan], [np.inf, 1.0]])
    )


@pytest.mark.parametrize("form", SOURCES)
def test_the_check_of_later_batches_can_be_turned_off(autoencoder, form):
    first = SOURCES[form]([(GOOD * 255,), (GOOD,)])
    settings = {"shuffle": False, "verbose": 0, "check_every_batch": False}
    assert refused(lambda: autoencoder.fit(first, **settings)).endswith("Found in batch 1.")
    model = zoo.create("autoencoder", SHAPE, widths=(), hidden_units=(), latent_dim=2)
    model.compile("sgd")
    history = model.fit(SOURCES[form]([(GOOD,), (GOOD * 255,)]), **settings).history
    assert history["loss"][0] > 100  # half of the squares of 255 times a half


def test_an_input_as_its_own_target_is_damaged_without_the_check_too():
    """With noise of 1 a model that copies has a loss near 1/3; with undamaged inputs 0."""
    model = zoo.create("denoising", SHAPE, widths=(), hidden_units=(), latent_dim=2)
    model.compile("sgd")
    seen = []
    model.corrupt = lambda x, training: seen.append(x) or x
    model.fit(data_set([(GOOD, GOOD)]), verbose=0, check_every_batch=False)
    assert seen


def test_data_on_replicas_are_looked_at_first(autoencoder):
    strategy = tf.distribute.get_strategy()
    bad = strategy.experimental_distribute_dataset(data_set([(GOOD * 255,)]))
    if isinstance(bad, tf.data.Dataset):  # of one replica they stay what they are
        bad = tf.distribute.MirroredStrategy(["CPU:0"]).experimental_distribute_dataset(
            data_set([(GOOD * 255,)])
        )
    assert refused(lambda: autoencoder.fit(bad, verbose=0)).endswith("Found in batch 1.")


@pytest.mark.parametrize("form", [form for form in SOURCES if form != "generator"])
def test_scores_of_a_source_are_those_of_its_rows(autoencoder, form):
    rows = np.concatenate([GOOD, GOOD[::-1]])
    source = SOURCES[form]([(GOOD,), (GOOD[::-1],)])
    np.testing.assert_allclose(
        autoencoder.anomaly_score(source), autoencoder.anomaly_score(rows), atol=1e-6
    )
    bad = SOURCES[form]([(GOOD,), (GOOD * 255,)])
    assert refused(autoencoder.anomaly_score, bad).endswith("Found in batch 2.")
    assert refused(lambda: autoencoder.predict(bad, verbose=0)).endswith("Found in batch 2.")


def test_an_input_as_its_own_target_is_damaged_as_without_one():
    """`fit(x, x)`, in whatever form, is `fit(x)` for a model that repairs damage."""

    def losses(*data, **arguments):
        keras.utils.set_random_seed(0)
        model = zoo.create("denoising", SHAPE, widths=(), hidden_units=(), latent_dim=2, level=0.5)
        model.compile("sgd")
        return model.fit(*data, shuffle=False, verbose=0, **arguments).history["loss"]

    alone = losses(GOOD, resident=False)
    assert losses(GOOD, GOOD.copy(), resident=False) == pytest.approx(alone)
    assert losses(data_set([(GOOD, GOOD)])) == pytest.approx(alone)
    assert losses(Batches([(GOOD, GOOD)])) == pytest.approx(alone)
    assert losses(GOOD, GOOD[::-1], resident=False) != pytest.approx(alone)
    with pytest.raises(ValueError, match=r"batches of both kinds\. .* Found in batch 2\."):
        losses(data_set([(GOOD, GOOD), (GOOD, GOOD[::-1])]))


@pytest.mark.parametrize(
    ("weight", "expected"),
    [
        (np.array([1, np.nan, 1, 1]), "must be finite and >= 0"),
        (np.array([1, -1, 1, 1]), "must be finite and >= 0"),
        (np.ones((4, 4)), "must have shape (batch,)"),
        (np.ones(3), "must have the same length"),
    ],
)
def test_weights_are_looked_at_too(unet, weight, expected):
    assert expected in refused(lambda: unet.fit(GOOD, MASKS, sample_weight=weight))
    batch = (GOOD, MASKS, weight.astype("float32"))
    assert expected in refused(lambda: unet.fit(Batches([batch]), verbose=0))


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (np.ma.masked_less(GOOD, 0.1), "must hold a value everywhere"),
        (tf.sparse.from_dense(GOOD), "must be a dense array"),
        ([[1.0], [1.0, 2.0]], "must be readable as one array"),
        ("pictures/", "Read a folder with zoo.batches"),
        (7, "must be an array, a table"),
        ({"x": GOOD}, "x must be an array, not a dict. Received: the keys 'x'."),
        (GOOD.astype(object), "Convert it: numpy.stack(x).astype('float32')"),
    ],
)
def test_what_is_no_array_is_refused_by_its_kind(autoencoder, x, expected):
    assert expected in refused(autoencoder.fit, x)


def test_bytes_in_the_order_of_other_machines_are_read(autoencoder):
    swapped = GOOD.astype(">f4")
    assert autoencoder.evaluate(swapped, verbose=0) == autoencoder.evaluate(GOOD, verbose=0)


def test_a_source_without_an_end_has_no_scores(autoencoder):
    forever = data_set([(GOOD,)]).repeat()
    assert "must have an end" in refused(autoencoder.encode, forever)
    assert "must have an end" in refused(autoencoder.encode, iter([(GOOD,)]))


@pytest.mark.parametrize(
    "empty",
    [Batches([]), Loader([]), data_set([(GOOD,)]).take(0)],
    ids=["PyDataset", "loader", "tf.data"],
)
def test_a_source_of_no_batch_is_refused_alike_at_every_door(autoencoder, empty):
    for name in ("fit", "evaluate", "predict", "reconstruct", "anomaly_score", "encode"):
        said = refused(getattr(autoencoder, name), empty)
        assert "Autoencoder: x must hold at least one batch. Received: an empty" in said, name


def test_an_unknown_argument_is_named_at_every_door(autoencoder):
    for name in ("fit", "predict", "compile", "reconstruct", "anomaly_score", "encode"):
        wrong, right = ("metric", "metrics") if name == "compile" else ("batchsize", "batch_size")
        door = getattr(autoencoder, name)
        said = refused(lambda door=door, wrong=wrong: door(GOOD, **{wrong: 4}))
        expected = f"Autoencoder.{name}: unknown argument '{wrong}'. Did you mean '{right}'?"
        assert said.startswith(expected), said


@pytest.mark.parametrize("name", every_model())
def test_every_model_takes_the_arguments_of_fit_that_are_ours(kit, name):
    model, data = kit[name].plain(1.0), kit.data(name, 0, 8)
    model.run_eagerly = True
    model.fit(*data, check_every_batch=False, resident=False, verbose=0)
    said = refused(lambda: model.fit(*data, check_every_bach=False))
    assert f"{model.owner}.fit: unknown argument 'check_every_bach'. Did you mean 'check_e" in said


def test_masks_given_to_batches_are_checked_whole():
    images, masks = np.concatenate([GOOD, GOOD]), np.concatenate([MASKS, MASKS * 255])
    said = refused(lambda: zoo.batches(images, masks=masks, batch_size=4, shuffle=False))
    assert "masks must hold 0 and 1" in said


def test_class_weights_need_class_numbers(unet, autoencoder):
    for door in (autoencoder.fit, autoencoder.train_on_batch, unet.fit, unet.train_on_batch):
        said = refused(lambda door=door: door(GOOD, MASKS, class_weight={0: 1.0}))
        assert "class_weight must be None" in said


def test_images_of_another_layout_are_refused():
    keras.config.set_image_data_format("channels_first")
    try:
        with pytest.raises(ValueError, match="image_data_format must be 'channels_last'"):
            zoo.create("autoencoder", SHAPE, widths=(), latent_dim=2)
    finally:
        keras.config.set_image_data_format("channels_last")
