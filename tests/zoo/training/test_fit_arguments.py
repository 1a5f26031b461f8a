"""Arguments of `fit`, `evaluate`, `predict` and `compile` that are no data."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo


def make(name="autoencoder", **arguments):
    model = zoo.create(name, (8, 8, 1), widths=(), hidden_units=(8,), latent_dim=3, **arguments)
    model.compile("adam")
    return model


@pytest.fixture(scope="module")
def autoencoder():
    return make()


@pytest.mark.parametrize(
    ("door", "name", "least"),
    [
        *(("fit", name, 1) for name in ("batch_size", "validation_batch_size", "validation_freq")),
        *(("fit", name, 1) for name in ("steps_per_epoch", "validation_steps")),
        *(("fit", name, 0) for name in ("epochs", "initial_epoch")),
        *((door, name, 1) for door in ("evaluate", "predict") for name in ("batch_size", "steps")),
    ],
)
def test_numbers_out_of_range_are_refused_before_anything_is_done(
    door, name, least, autoencoder, digits
):
    before = autoencoder.get_weights()
    for value in (least - 1, -5, 1.5, "3", True):
        with pytest.raises(ValueError, match=f"^Autoencoder: {name} must be an int >= {least}"):
            getattr(autoencoder, door)(digits[:40], verbose=0, **{name: value})
    for a, b in zip(before, autoencoder.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("share", "said"),
    [
        *((share, r"must be a number in \[0, 1\]") for share in (1.5, -0.5, "0.1", float("nan"))),
        (1.0, "must leave .* holds out 40 of 40"),
        (0.99, "must leave .* holds out 40 of 40"),
        (1e-18, "must leave .* holds out 0 of 40"),
    ],
)
@pytest.mark.parametrize("name", ["autoencoder", "semi_supervised_vae"])
def test_shares_that_leave_nothing_are_refused(name, share, said, digits):
    arguments = {} if name == "autoencoder" else {"num_classes": 10}
    data = (digits[:40],) if name == "autoencoder" else (digits[:40], np.arange(40) % 10)
    with pytest.raises(ValueError, match=f"validation_split .*{said}"):
        make(name, **arguments).fit(*data, validation_split=share, verbose=0)


@pytest.mark.parametrize("kind", ["array", "tensor", "list", "weighted"])
def test_the_last_rows_are_held_out_and_the_others_stay_on_the_device(kind, digits):
    """As Keras does; 100 * (1 - 0.55) is a little less than 45, so 44 are trained on."""
    images, weight = digits[:100], np.linspace(0.5, 1.5, 100).astype("float32")
    given = {"tensor": tf.constant, "list": np.ndarray.tolist}.get(kind, np.asarray)(images)
    settings = {"epochs": 2, "batch_size": 16, "verbose": 0}
    found = []
    for data, more, parts in (
        (given, {"validation_split": 0.55, "resident": True}, slice(None)),
        (given, {"validation_split": 0.55, "resident": False}, slice(None)),
        (images[:44], {"validation_data": images[44:]}, slice(44)),
    ):
        if kind == "weighted":
            more["sample_weight"] = weight[parts]
            if "validation_data" in more:
                more["validation_data"] = (images[44:], images[44:], weight[44:])
        keras.utils.set_random_seed(3)
        model = make(seed=3)
        history = model.fit(data, **settings, **more).history
        found.append((history, np.concatenate([w.ravel() for w in model.get_weights()])))
    assert int(100 * (1 - 0.55)) == 44
    for history, weights in found[:2]:
        np.testing.assert_allclose(weights, found[2][1], rtol=1e-4, atol=1e-6)
        for name, values in found[2][0].items():
            np.testing.assert_allclose(history[name], values, rtol=1e-4)


def test_a_share_of_batches_is_refused(autoencoder, digits):
    batches = tf.data.Dataset.from_tensor_slices(digits[:40]).batch(8)
    for source in (batches, zoo.batches(digits[:40]), iter(batches)):
        with pytest.raises(ValueError, match=r"validation_split must be left .*validation_data"):
            autoencoder.fit(source, validation_split=0.5, verbose=0)


class Endless(keras.utils.PyDataset):
    num_batches = None

    def __getitem__(self, index):
        return np.full((4, 8, 8, 1), 0.5, "float32")


def test_data_without_an_end_need_a_number_of_steps(autoencoder, digits):
    for source in (tf.data.Dataset.from_tensor_slices(digits[:40]).batch(8).repeat(), Endless()):
        for call, name in (
            (lambda **how: autoencoder.fit(source, verbose=0, **how), "steps_per_epoch"),  # noqa: B023
            (lambda **how: autoencoder.evaluate(source, verbose=0, **how), "steps"),  # noqa: B023
            (lambda **how: autoencoder.predict(source, verbose=0, **how), "steps"),  # noqa: B023
            (
                lambda **how: autoencoder.fit(
                    digits[:8],
                    validation_data=source,  # noqa: B023
                    verbose=0,
                    **how,
                ),
                "validation_steps",
            ),
        ):
            with pytest.raises(ValueError, match=f"^Autoencoder: {name} must be given, as"):
                call()
            call(**{name: 2})


@pytest.mark.parametrize("given", ["adamm", None, 5, keras.optimizers.Adam, "mse"])
def test_what_is_no_optimizer_is_refused(given):
    message = "^Autoencoder.compile: optimizer must be a name that Keras knows"
    with pytest.raises(ValueError, match=message) as refused:
        make().compile(given)
    assert ("Did you mean 'adam'?" in str(refused.value)) == (given == "adamm")
    with pytest.raises(ValueError, match=r"^Ensemble.compile: optimizer must"):
        zoo.Ensemble([make(), make()]).compile(given)
    for fine in ("sgd", "Adam", keras.optimizers.Adam(1e-3)):
        make().compile(fine)
