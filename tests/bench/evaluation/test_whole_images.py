"""Masks of images of any sizes: what stands for a network, and what pictures show of them."""

import numpy as np

import zoo
from bench.data.dataset import Split
from bench.evaluation import shown_masks, whole_images
from bench.metrics import segmentation
from zoo.data.reader import ragged


def test_probabilities_are_those_of_tiles_in_each_size():
    model = zoo.create("unet", (16, 16, 1), widths=(2, 4), num_classes=3, seed=0)
    generator = np.random.default_rng(0)
    images = [generator.integers(0, 256, (*size, 1), "uint8") for size in ((16, 16), (20, 33))]
    first, second = whole_images.predict(model, Split(ragged(images)))
    np.testing.assert_allclose(first, model.predict(images[0][None] / 255, verbose=0)[0], atol=1e-6)
    assert second.shape == (20, 33, 3)
    np.testing.assert_allclose(second.sum(axis=-1), 1, atol=1e-5)


def test_shares_of_classes_leave_void_out():
    masks = [np.array([[0, 1, 255]]), np.array([[1], [2], [0], [0], [255]])]
    shares = whole_images.class_shares(masks, 3, 255)
    np.testing.assert_allclose(shares[0, 0], [3 / 6, 2 / 6, 1 / 6])
    binary = [np.array([[0, 1, 1, 0]])]
    np.testing.assert_allclose(whole_images.class_shares(binary, 2, None), [[[0.5]]])


def test_a_constant_mask_is_as_large_as_each_image():
    split = Split(ragged([np.zeros((3, 5, 1), "uint8"), np.zeros((7, 2, 1), "uint8")]))
    shapes = [each.shape for each in whole_images.constant(np.ones((1, 1, 2)), split)]
    assert shapes == [(3, 5, 2), (7, 2, 2)]


def test_an_image_keeps_its_proportions():
    made = whole_images.fitted(np.zeros((10, 40, 3), "float32"), (20, 20))
    black = np.argwhere(made[..., 0] == 0)
    assert black.min(axis=0).tolist() == [7, 0] and black.max(axis=0).tolist() == [11, 19]


def test_the_worst_images_come_first_and_void_is_told():
    truth = np.zeros((3, 8, 400, 1), "uint8")
    truth[:, 2:6, 40:200] = 1
    truth[:, 0] = 255
    found = np.zeros((3, 8, 400, 1), "float32")
    found[0, 2:6, 40:200] = 1
    found[1, 2:6, 40:120] = 1
    split = Split(np.zeros(found.shape, "float32"), targets=truth, names=np.array(["a", "b", "c"]))
    scores = segmentation.scores(truth, found, ignore_label=255)
    arrays = shown_masks.arrays(split, found, scores, 255)
    assert arrays["rows"].tolist() == [2, 1, 0]
    np.testing.assert_allclose(arrays["iou"][:, 0], [1, 0.5, 0])
    assert arrays["truth_0"].shape == arrays["prediction_0"].shape == (6, 320)
    assert set(np.unique(arrays["truth_1"])) == {-1, 0, 1}
    assert abs(arrays["prediction_1"].mean() - found[1].mean()) < 0.02
