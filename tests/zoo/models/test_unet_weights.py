"""Void pixels, weights of classes and weights of pixels in the training of a U-Net."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo

SHAPE, VOID = (8, 8, 1), 255
RANDOM = np.random.default_rng(0)
X = RANDOM.random((6, *SHAPE), "float32")
LABELS = RANDOM.integers(0, 3, (6, 8, 8))
IS_VOID = RANDOM.random((6, 8, 8)) < 0.3
MASKS = {1: (LABELS == 1).astype("uint8"), 3: LABELS.astype("uint8")}
both = pytest.mark.parametrize("num_classes", [1, 3])


def unet(num_classes, metrics=None, **arguments):
    keras.utils.set_random_seed(0)
    model = zoo.create("unet", SHAPE, widths=(2, 4), num_classes=num_classes, seed=0, **arguments)
    model.compile(keras.optimizers.SGD(0.1), weighted_metrics=[], metrics=metrics, run_eagerly=True)
    return model


def with_void(num_classes):
    return np.where(IS_VOID, VOID, MASKS[num_classes])


def crossentropies(model, num_classes):
    """Returns `-log p` of the true class of each pixel."""
    p = model.predict(X, verbose=0)
    p = np.concatenate([1 - p, p], axis=-1) if num_classes == 1 else p
    return -np.log(np.take_along_axis(p, MASKS[num_classes][..., None].astype(int), -1)[..., 0])


@both
@pytest.mark.filterwarnings("error:You are passing weight as `float`")
def test_void_has_no_loss_and_no_metric(num_classes):
    kind = keras.metrics.BinaryIoU if num_classes == 1 else keras.metrics.MeanIoU
    iou = kind(threshold=0.51) if num_classes == 1 else kind(num_classes, sparse_y_pred=False)
    model = unet(num_classes, ["accuracy", iou], ignore_label=VOID)
    found = model.evaluate(X, with_void(num_classes), return_dict=True, verbose=0)
    per_image = [
        values[~void].mean()
        for values, void in zip(crossentropies(model, num_classes), IS_VOID, strict=True)
    ]
    assert found["loss"] == pytest.approx(np.mean(per_image), rel=1e-4)
    truth, guess = MASKS[num_classes][~IS_VOID], model.segment(X)[~IS_VOID]
    assert found["accuracy"] == pytest.approx((truth == guess).mean(), abs=1e-6)
    if num_classes == 1:
        guess = model.segment(X, threshold=0.51)[~IS_VOID]
    overlaps = [
        ((truth == c) & (guess == c)).sum() / ((truth == c) | (guess == c)).sum()
        for c in range(max(2, num_classes))
    ]
    assert found[iou.name] == pytest.approx(np.mean(overlaps), abs=1e-6)


@both
@pytest.mark.parametrize("mask_loss", ["crossentropy", "dice", "lovasz"])
def test_void_a_weight_of_zero_and_a_place_without_a_one_are_the_same(num_classes, mask_loss):
    losses = []
    y = MASKS[num_classes]
    ways = [
        (VOID, with_void(num_classes), None),
        (None, y, (~IS_VOID).astype("float32")),
        (None, y, (~IS_VOID).astype("float32")[..., None]),
    ]
    if num_classes > 1:
        ways.append((VOID, np.eye(3)[y] * ~IS_VOID[..., None], None))
    for ignore_label, target, weight in ways:
        model = unet(num_classes, mask_loss=mask_loss, ignore_label=ignore_label)
        losses.append(model.fit(X, target, sample_weight=weight, verbose=0, epochs=2).history)
    for other in losses[1:]:
        np.testing.assert_allclose(other["loss"], losses[0]["loss"], rtol=1e-4)


def test_weights_of_images_and_void_go_together():
    model = unet(1, ignore_label=VOID)
    weights = np.arange(6.0)
    found = model.evaluate(X, with_void(1), sample_weight=weights, return_dict=True, verbose=0)
    per_image = [
        values[~void].mean() for values, void in zip(crossentropies(model, 1), IS_VOID, strict=True)
    ]
    assert found["loss"] == pytest.approx(np.mean(weights * per_image), rel=1e-4)


@both
def test_class_weights_multiply_pixels(num_classes):
    weights = (0.5, 2.0, 4.0)[: max(2, num_classes)]
    model = unet(num_classes, class_weights=weights)
    found = model.evaluate(X, MASKS[num_classes], return_dict=True, verbose=0)["loss"]
    expected = np.array(weights)[MASKS[num_classes]] * crossentropies(model, num_classes)
    assert found == pytest.approx(expected.mean(), rel=1e-4)


@pytest.mark.parametrize("form", ["array", "data set"])
def test_balanced_weights_come_from_the_masks_and_are_saved(form, tmp_path):
    rare = (RANDOM.random((6, 8, 8)) < 0.1).astype("uint8")
    rare[IS_VOID] = VOID
    model = unet(1, class_weights="balanced", ignore_label=VOID)
    batches = tf.data.Dataset.from_tensor_slices((X, rare)).batch(4)
    model.fit(*((X, rare) if form == "array" else (batches,)), verbose=0)
    counts = [(rare == 0).sum(), (rare == 1).sum()]
    expected = [sum(counts) / 2 / count for count in counts]
    np.testing.assert_allclose(model.class_balance.numpy(), expected, rtol=1e-5)
    model.save(tmp_path / "m.keras")
    again = zoo.load(tmp_path / "m.keras")
    assert again.evaluate(X, rare, verbose=0) == pytest.approx(
        model.evaluate(X, rare, verbose=0), rel=1e-4
    )


def test_every_u_net_takes_them():
    for name in ("attention_unet", "residual_unet", "unet_plus_plus"):
        settings = {"class_weights": (1.0, 5.0), "ignore_label": VOID, "widths": (2, 4)}
        model = zoo.create(name, SHAPE, **settings)
        model.compile("sgd", run_eagerly=True)
        assert np.isfinite(model.train_on_batch(X, with_void(1), return_dict=True)["loss"])


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"ignore_label": 1}, "ignore_label must be a whole number that is no class"),
        ({"ignore_label": 2.5}, "ignore_label must be a whole number that is no class"),
        ({"class_weights": (1.0, 2.0, 3.0)}, "class_weights must be 2 numbers"),
        ({"class_weights": (-1, 2)}, "class_weights must be 2 numbers"),
        ({"class_weights": "even"}, "class_weights must be 2 numbers"),
    ],
)
def test_arguments_out_of_range(arguments, text):
    with pytest.raises(ValueError, match=text):
        unet(1, **arguments)


def test_void_must_be_named_and_weights_must_fit():
    with pytest.raises(ValueError, match="masks must hold 0 and 1"):
        unet(1).fit(X, with_void(1), verbose=0)
    with pytest.raises(ValueError, match="sample_weight must have shape"):
        unet(1).fit(X, MASKS[1], sample_weight=np.ones((6, 4, 8)), verbose=0)
    with pytest.raises(ValueError, match="class_weights as numbers"):
        unet(1, class_weights="balanced").fit(iter([(X, MASKS[1])]), steps_per_epoch=1)


@pytest.mark.parametrize(
    ("shape", "num_classes", "mask_loss"),
    [
        ((8, 8, 1), 1, "crossentropy"),
        pytest.param((8, 8, 1), 3, "dice", marks=pytest.mark.slow),
        ((8, 1), 1, "dice"),
    ],
)
def test_one_graph_takes_weights_of_images_and_of_pixels(shape, num_classes, mask_loss):
    """After the second form the graph no longer knows their rank."""
    generator = np.random.default_rng(0)
    images = generator.random((4, *shape), "float32")
    masks = generator.integers(0, max(2, num_classes), (4, *shape[:-1]))
    of_pixels = generator.random((4, *shape[:-1]))
    forms = [[1.0, 2.0, 0.0, 0.5], [[1.0], [2.0], [0.0], [0.5]], of_pixels, of_pixels[..., None]]

    def make():
        model = zoo.create(
            *("unet", shape),
            widths=(2, 2),
            convs_per_stage=1,
            num_classes=num_classes,
            mask_loss=mask_loss,
            seed=0,
        )
        model.set_weights([np.full(value.shape, 0.1) for value in model.get_weights()])
        model.compile(keras.optimizers.SGD(0.0), weighted_metrics=["accuracy"])
        return model

    one = make()
    for weight in map(np.asarray, (*forms, *forms)):
        expected = make().evaluate(images, masks, sample_weight=weight, verbose=0)
        found = one.evaluate(images, masks, sample_weight=weight, verbose=0)
        np.testing.assert_allclose(found, expected, rtol=1e-5, err_msg=str(weight.shape))
        trained = one.train_on_batch(images, masks, sample_weight=weight)
        np.testing.assert_allclose(trained, expected, rtol=1e-5, err_msg=str(weight.shape))


def test_one_graph_takes_weights_with_and_without_an_axis():
    """Of a model of images alone."""
    model = zoo.create("autoencoder", (4, 4, 1), widths=(), hidden_units=(), latent_dim=2)
    model.compile("sgd", weighted_metrics=["mae"])
    images = np.random.default_rng(0).random((3, 4, 4, 1), "float32")
    weight = np.array([1.0, 2.0, 0.5])
    found = [
        model.evaluate(images, sample_weight=each, verbose=0)
        for each in (weight, weight[:, None], weight)
    ]
    np.testing.assert_allclose(found, [found[0]] * 3, rtol=1e-6)
