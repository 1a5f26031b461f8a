"""The U-Net: its masks, its losses, and a task it must solve."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo

SHAPE = (16, 16, 1)


def make(image_shape=SHAPE, *, widths=(4, 8), **arguments):
    model = zoo.create("unet", image_shape, widths=widths, **arguments)
    model.compile("adam", run_eagerly=True)
    return model


def squares(num_images, size=16, seed=0):
    """Bright squares on noise, and their masks."""
    rng = np.random.default_rng(seed)
    images = rng.uniform(0.0, 0.6, (num_images, size, size, 1))
    found = np.zeros((num_images, size, size, 1), "uint8")
    for image, mask in zip(images, found, strict=True):
        side = rng.integers(4, 7)
        top, left = rng.integers(0, size - side, 2)
        image[top : top + side, left : left + side] += 0.4
        mask[top : top + side, left : left + side] = 1
    return images.astype("float32"), found


def test_binary_loss_is_the_cross_entropy_of_the_probabilities():
    model = make(seed=1)
    images, masks = squares(6)
    p, t = model(images).numpy().astype("float64"), masks.astype("float64")
    expected = -np.mean(t * np.log(p) + (1 - t) * np.log(1 - p))
    for given in (masks, masks[..., 0], masks.astype(bool), masks.astype("float32")):
        found = model.evaluate(images, given, verbose=0, return_dict=True)
        assert found == pytest.approx({"loss": expected, "mask": expected}, rel=1e-5)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_one_graph_takes_masks_of_every_form(jit_compile):
    """After the second form the graph no longer knows the rank of the masks."""
    images, masks = squares(6)
    model = make(num_classes=2, seed=1)
    model.compile("adam", jit_compile=jit_compile)
    one_hot = np.concatenate([1 - masks, masks], axis=-1)
    forms = (one_hot, masks, one_hot, masks[..., 0], one_hot, masks)
    found = [model.evaluate(images, given, verbose=0) for given in forms]
    np.testing.assert_allclose(found, np.tile(found[0], (6, 1)), rtol=1e-5)


def test_categorical_loss_is_the_cross_entropy_of_the_probabilities():
    model = make(num_classes=3, seed=1)
    images, _ = squares(6)
    labels = np.random.default_rng(3).integers(0, 3, (6, 16, 16))
    p = model(images).numpy().astype("float64")
    np.testing.assert_allclose(p.sum(axis=-1), 1, atol=1e-6)
    expected = -np.mean(np.log(np.take_along_axis(p, labels[..., None], axis=-1)))
    for given in (labels, labels[..., None].astype("uint8"), np.eye(3)[labels]):
        found = model.evaluate(images, given, verbose=0, return_dict=True)
        assert found["loss"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("num_classes", [1, 3])
def test_every_mask_loss_falls_along_its_gradient(num_classes):
    model = make(num_classes=num_classes, seed=1)
    images, masks = squares(8)
    target = model.target_of(images, tf.constant(masks))
    start, outer = model.get_weights(), "categorical" if num_classes == 1 else "binary"
    for name in zoo.losses.mask_loss_names():
        if name == f"{outer}_crossentropy":
            continue
        mask_loss = zoo.losses.mask_loss(name)
        with tf.GradientTape() as tape:
            before = tf.reduce_mean(mask_loss(target, model.forward(images)["logits"]))
        gradients = tape.gradient(before, model.trainable_weights)
        step = 0.01 / tf.linalg.global_norm(gradients)
        for weight, gradient in zip(model.trainable_weights, gradients, strict=True):
            weight.assign_sub(step * gradient)
        after = tf.reduce_mean(mask_loss(target, model.forward(images)["logits"]))
        model.set_weights(start)
        assert after < before, name


def test_the_spec_decides_the_loss():
    model = make(mask_loss="batch_dice + 0.5 * focal(gamma=1)", seed=1)
    images, masks = squares(8)
    target, logits = masks.astype("float32"), model.forward(images)["logits"]
    expected = zoo.losses.dice(target, logits, reduction="batch")
    expected = np.mean(expected + 0.5 * zoo.losses.focal(target, logits, gamma=1))
    found = model.evaluate(images, masks, verbose=0, return_dict=True)
    assert found["mask"] == pytest.approx(expected, rel=1e-5)


def test_segment_splits_at_the_threshold():
    model = make(seed=1)
    images, _ = squares(300)
    probabilities = model.predict(images, verbose=0)[..., 0]
    for threshold in (0.5, float(np.median(probabilities))):
        found = model.segment(images, threshold=threshold, batch_size=128)
        assert found.dtype == np.uint8
        assert found.shape == (300, 16, 16)
        sure = np.abs(probabilities - threshold) > 1e-5
        np.testing.assert_array_equal(found[sure], (probabilities > threshold)[sure])
    assert not model.segment(images[:2], threshold=1.0).any()
    with pytest.raises(ValueError, match=r"threshold must be a number in \[0, 1\]"):
        model.segment(images, threshold=2.0)


def test_any_number_is_a_threshold_and_none_has_the_model_traced_anew(monkeypatch):
    """A threshold that was searched for is a number of NumPy."""
    model, traced = make(seed=1), []
    images, _ = squares(4)
    probabilities = model.predict(images, verbose=0)[..., 0]
    call = model.call
    monkeypatch.setattr(model, "call", lambda *x, **how: traced.append(x) or call(*x, **how))
    for kind in (float, np.float32, np.float64):
        for number in np.quantile(probabilities, [0.2, 0.5, 0.8]):
            found = model.segment(images, threshold=kind(number))
            sure = np.abs(probabilities - number) > 1e-5
            np.testing.assert_array_equal(found[sure], (probabilities > number)[sure])
    assert len(traced) == 1


def test_segment_takes_the_most_probable_class():
    model = make(num_classes=3, seed=1)
    images, _ = squares(4)
    found = model.segment(images)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, model(images).numpy().argmax(axis=-1))
    np.testing.assert_array_equal(found, model.segment(tf.constant(images)).numpy())


def test_learns_squares_far_better_than_trivial_masks():
    model = zoo.create("unet", SHAPE, preset="tiny", seed=1)
    model.compile(keras.optimizers.Adam(0.01))
    images, masks = squares(256)
    model.fit(images, masks, batch_size=32, epochs=5, verbose=0)
    test_images, test_masks = squares(64, seed=9)
    found, true = model.segment(test_images) > 0, test_masks[..., 0] > 0

    def iou(prediction):
        return (prediction & true).sum() / (prediction | true).sum()

    assert iou(np.ones_like(true)) < 0.15
    assert iou(found) > 0.7
    assert iou(test_images[..., 0] > 0.6) < 0.7  # a threshold on brightness alone


def test_masks_are_needed_and_checked_at_the_door():
    model = make()
    images, masks = squares(4)
    with pytest.raises(ValueError, match=r"UNet: y must be given.*fit\(images, masks\)"):
        model.fit(images)
    with pytest.raises(ValueError, match="y must be given"):
        model.fit(images, masks, validation_data=(images,))
    with pytest.raises(ValueError, match="y must be given"):
        model.evaluate(images)
    with pytest.raises(ValueError, match="y must be given"):
        model.fit(tf.data.Dataset.from_tensor_slices(images).batch(2))
    with pytest.raises(ValueError, match="y must be given"):
        model.train_on_batch(images)
    with pytest.raises(ValueError, match=r"UNet: masks must hold 0 and 1.*0, 255\. Divide by 255"):
        model.fit(images, masks * 255)
    with pytest.raises(ValueError, match="masks must have shape"):
        model.fit(images, masks[:, :8])
    with pytest.raises(ValueError, match="masks must have shape"):
        model.fit(tf.data.Dataset.from_tensor_slices((images, masks[:, :8])).batch(2))
