"""Masks at the door: what is taken, what is refused, and the one-hot form of each."""

import numpy as np
import pytest
from keras import ops

from zoo.inputs import masks

LABELS = np.array([[[0, 2], [1, 1]], [[2, 2], [0, 1]]])  # (2, 2, 2), three classes
ONE_HOT = (LABELS[..., None] == np.arange(3)).astype("float32")


def one_hot(values, num_classes=3):
    return np.asarray(masks.one_hot(ops.convert_to_tensor(values), 2, (2, 2), num_classes))


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32"])
def test_labels_with_and_without_a_channel_and_one_hot_are_the_same(dtype):
    for values in (LABELS, LABELS[..., None], ONE_HOT):
        found = one_hot(values.astype(dtype))
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, ONE_HOT)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "float32"])
def test_binary_masks_keep_one_channel(dtype):
    values = (LABELS > 0).astype(dtype)
    for given in (values, values[..., None]):
        found = one_hot(given, num_classes=1)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, (LABELS > 0)[..., None].astype("float32"))


def test_masks_of_series():
    found = masks.one_hot(ops.convert_to_tensor(np.array([[0, 1, 2]])), 1, (3,), 3)
    np.testing.assert_array_equal(found, np.eye(3)[None])
    masks.check("Owner", np.array([[0, 1, 2]]), (3,), 3)
    with pytest.raises(ValueError, match=r"\(batch, 3\) or \(batch, 3, 1\)"):
        masks.check("Owner", np.zeros((1, 4)), (3,), 1)


@pytest.mark.parametrize(
    ("values", "num_classes"),
    [
        (LABELS > 0, 1),
        ((LABELS > 0)[..., None].astype("float64"), 1),
        (np.zeros((2, 2, 2), "uint8"), 1),  # an empty mask is a mask
        (LABELS.astype("float32"), 3),
        (LABELS[..., None], 3),
        (ONE_HOT, 3),
        (ONE_HOT.astype(bool), 3),
        (LABELS, 200),  # not every class need be there
    ],
)
def test_good_masks_pass(values, num_classes):
    masks.check("Owner", values, (2, 2), num_classes)


@pytest.mark.parametrize(
    ("values", "num_classes", "message"),
    [
        (255 * (LABELS > 0), 1, r"masks must hold 0 and 1\. Received: values 0, 255\. Divide by"),
        (LABELS * 127.5, 1, r"values 0, 127\.5, 255\. Use masks > 127"),
        (LABELS / 4, 1, r"values 0, 0\.25, 0\.5\. Cut them at a threshold: masks > 0\.5"),
        (LABELS + 1, 1, r"values 1, 2, 3\. Choose the foreground, such as masks == 1"),
        (np.full((2, 2, 2), np.nan), 1, r"must hold 0 and 1\. Received: values nan"),
        (np.arange(8).reshape(2, 2, 2), 1, r"values 0, 1, 2, 3, 4, 5, \.\.\."),
        (LABELS + 1, 3, r"labels 0 to 2\. Received: values 1, 2, 3\. Count from 0: masks - 1"),
        (LABELS * 2, 3, r"values 0, 2, 4\. Create the model with num_classes=5"),
        (LABELS - 1, 3, r"values -1, 0, 1\. Give one whole number per place"),
        (LABELS / 2, 3, r"values 0, 0\.5, 1\. Give one whole number per place"),
        (ONE_HOT * 255, 3, r"masks must hold 0 and 1\. Received: values 0, 255"),
        (1 - ONE_HOT, 3, r"one 1 per place.*none or several.*masks\.argmax\(-1\)"),
    ],
)
def test_wrong_values_say_how_to_mend_them(values, num_classes, message):
    with pytest.raises(ValueError, match=f"Owner: .*{message}"):
        masks.check("Owner", values, (2, 2), num_classes)


@pytest.mark.parametrize(
    ("shape", "num_classes", "message"),
    [
        ((2, 2), 1, r"Received: shape \(2, 2\)\. Add the batch axis: masks\[None\]"),
        ((5, 4, 4), 1, r"Resize masks and images alike, the masks by the nearest"),
        ((5, 2, 2, 3), 1, r"\(batch, 2, 2, 1\).*masks\[\.\.\., :1\].*num_classes=3"),
        ((5, 2, 2, 2), 3, r"\(batch, 2, 2\) or \(batch, 2, 2, 1\) or \(batch, 2, 2, 3\)"),
        ((5,), 1, r"Give one mask per image"),
        ((5, 2, 2, 1, 1), 1, r"Give one mask per image"),
    ],
)
def test_wrong_shapes_say_how_to_mend_them(shape, num_classes, message):
    with pytest.raises(ValueError, match=f"masks must have shape .*{message}"):
        masks.check("Owner", np.zeros(shape), (2, 2), num_classes)


def test_text_is_no_mask():
    with pytest.raises(TypeError, match=r"bool, integer or float\. Received: dtype <U3"):
        masks.check("Owner", np.full((2, 2, 2), "pet"), (2, 2), 1)


def test_unknown_sizes_pass():
    masks.check_shape("Owner", (None, None, None, None), (2, 2), 1)
    masks.check_shape("Owner", (None, 2, 2), (2, 2), 1)


@pytest.mark.parametrize(
    ("spatial", "num_classes"), [((4, 3), 3), ((3, 3), 3), ((3,), 3), ((4, 2), 1), ((4, 5), 3)]
)
def test_pixels_of_each_class_are_counted(spatial, num_classes):
    """Whatever the sizes: an image may be as wide as there are classes."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, max(2, num_classes), (6, *spatial))
    labels[:2] = 0  # not all alike
    expected = np.bincount(labels.ravel(), minlength=max(2, num_classes))
    forms = [labels, labels[..., None]]
    if num_classes > 1:
        forms.append((labels[..., None] == np.arange(num_classes)).astype("float32"))
    for form in forms:
        found = masks.class_counts(form, spatial, num_classes)
        np.testing.assert_array_equal(found, expected)
    labels[0] = 255
    expected = np.bincount(labels[1:].ravel(), minlength=max(2, num_classes))
    found = masks.class_counts(labels, spatial, num_classes, ignore_label=255)
    np.testing.assert_array_equal(found, expected)
