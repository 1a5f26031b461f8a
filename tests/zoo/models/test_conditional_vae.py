"""The label reaches encoder and decoder, and decides what is drawn."""

import keras
import numpy as np
import pytest

import zoo


@pytest.fixture(scope="module")
def labels():
    from sklearn.datasets import load_digits

    return load_digits().target


@pytest.fixture(scope="module")
def trained(digits, labels):
    keras.utils.set_random_seed(3)
    model = zoo.create("conditional_vae", (8, 8, 1), preset="tiny", latent_dim=4)
    model.compile(keras.optimizers.Adam(5e-3))
    x = {"image": digits[:1500], "label": labels[:1500]}
    model.fit(x, batch_size=64, epochs=25, verbose=0)
    return model


def nearest_class(images, digits, labels):
    """Reads images by their nearest class mean: an independent, closed-form classifier."""
    means = np.stack([digits[labels == k].mean(axis=0).ravel() for k in range(10)])
    distance = ((images.reshape(len(images), 1, -1) - means) ** 2).sum(axis=-1)
    return distance.argmin(axis=1)


def test_samples_show_the_label_that_was_asked_for(trained, digits, labels):
    asked = np.arange(100) % 10
    samples = trained.sample(100, seed=1, label=asked)
    assert np.mean(nearest_class(samples, digits, labels) == asked) > 0.8
    sevens = trained.sample(30, seed=1, label=7)
    assert np.mean(nearest_class(sevens, digits, labels) == 7) > 0.6


def test_a_wrong_label_redraws_the_image_as_that_class(trained, digits, labels):
    x = {"image": digits[1500:1600], "label": labels[1500:1600]}
    wrong = (labels[1500:1600] + 3) % 10
    for encode_with in ("right", "wrong"):
        swapped = trained.swap_label(x, wrong, encode_with=encode_with)
        assert np.mean(nearest_class(swapped, digits, labels) == wrong) > 0.7


def test_the_right_label_swaps_nothing(trained, digits, labels):
    x = {"image": digits[:20], "label": labels[:20]}
    np.testing.assert_allclose(
        trained.swap_label(x, labels[:20]), trained.reconstruct(x), atol=1e-5
    )


def test_wrong_both_is_the_reconstruction_with_the_wrong_label(trained, digits, labels):
    wrong = (labels[:20] + 1) % 10
    found = trained.swap_label(
        {"image": digits[:20], "label": labels[:20]}, wrong, encode_with="wrong"
    )
    expected = trained.reconstruct({"image": digits[:20], "label": wrong})
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_label_changes_code_and_image(digits):
    model = zoo.create("conditional_vae", (8, 8, 1), preset="tiny")
    codes = [model.encode({"image": digits[:1], "label": np.array([k])}) for k in (0, 1)]
    assert np.abs(codes[0] - codes[1]).max() > 1e-4
    images = [model.decode({"code": codes[0], "label": np.array([k])}) for k in (0, 1)]
    assert np.abs(images[0] - images[1]).max() > 1e-4


def test_between_two_images_as_nested_lists(trained, digits, labels):
    pair = [{"image": digits[k], "label": labels[k]} for k in (0, 1)]
    lists = [{"image": one["image"].tolist(), "label": int(one["label"])} for one in pair]
    np.testing.assert_allclose(
        trained.interpolate(*lists, 3), trained.interpolate(*pair, 3), atol=1e-6
    )


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3)])
def test_mnist_and_cifar_shapes_with_learned_scale(shape):
    model = zoo.create("conditional_vae", shape, preset="sigma")
    assert (model.likelihood, model.learn_scale, model.kl) == ("gaussian", True, "monte_carlo")
    model.compile("adam")
    images = np.random.default_rng(0).random((4, *shape), dtype="float32")
    before = float(model.log_scale)
    logs = model.fit({"image": images, "label": np.arange(4)}, verbose=0).history
    assert np.isfinite(logs["loss"]).all()
    assert float(model.log_scale) != before


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda x: x["image"], TypeError, r"must be a dict \{'image': ..., 'label': ...\}"),
        (lambda x: {"image": x["image"]}, ValueError, "must have the keys 'image', 'label'"),
        (lambda x: {**x, "label": x["label"] + 9}, ValueError, r"must lie in \[0, 9\]"),
        (lambda x: {**x, "label": x["label"][:3]}, ValueError, "one label per image"),
        (lambda x: {**x, "image": x["image"] * 255}, ValueError, "Divide by 255"),
    ],
)
def test_wrong_inputs_are_refused_at_the_door(trained, digits, change, error, message):
    x = change({"image": digits[:10], "label": np.arange(10)})
    for method in (trained.fit, trained.encode, trained.predict):
        with pytest.raises(error, match=message):
            method(x)


def test_wrong_labels_of_sample_and_swap(trained, digits):
    with pytest.raises(ValueError, match=r"label must lie in \[0, 9\]. Received: 10"):
        trained.sample(3, label=10)
    with pytest.raises(ValueError, match="2 labels for 3 images"):
        trained.sample(3, label=[1, 2])
    with pytest.raises(ValueError, match=r"encode_with must be one of 'right', 'wrong'"):
        trained.swap_label({"image": digits[:1], "label": [1]}, 2, encode_with="both")
    with pytest.raises(ValueError, match="num_classes must be an int >= 2"):
        zoo.create("conditional_vae", (8, 8, 1), num_classes=1)
