"""Metrics of class numbers see class numbers, in training and after loading."""

import keras
import numpy as np
import pytest

import zoo

SHAPE = (4, 4, 1)


def data(num_classes):
    generator = np.random.default_rng(0)
    images = generator.random((6, *SHAPE), "float32")
    return images, generator.integers(0, max(2, num_classes), (6, 4, 4))


@pytest.mark.parametrize("num_classes", [1, 3])
def test_sparse_metrics_are_those_of_the_masks(num_classes, tmp_path):
    images, masks = data(num_classes)
    count = max(2, num_classes)
    model = zoo.create(
        "unet", SHAPE, widths=(2, 2), convs_per_stage=1, num_classes=num_classes, seed=0
    )
    model.compile(
        "sgd",
        metrics=[
            "sparse_categorical_accuracy",
            keras.metrics.SparseCategoricalAccuracy(name="of_object"),
            keras.metrics.MeanIoU(num_classes=count, name="iou"),
        ],
    )
    model.fit(images, masks, verbose=0)
    found = model.evaluate(images, masks, verbose=0, return_dict=True)
    predicted = model.segment(images)
    overlaps = [
        ((predicted == k) & (masks == k)).sum() / ((predicted == k) | (masks == k)).sum()
        for k in range(count)
    ]
    assert found["sparse_categorical_accuracy"] == pytest.approx((predicted == masks).mean())
    assert found["of_object"] == found["sparse_categorical_accuracy"]
    assert found["iou"] == pytest.approx(np.mean(overlaps), abs=1e-5)
    model.save(tmp_path / "unet.keras")
    again = zoo.load(tmp_path / "unet.keras").evaluate(images, masks, verbose=0, return_dict=True)
    assert again == pytest.approx(found)


def test_a_softmax_metric_of_one_channel_is_refused():
    model = zoo.create("unet", SHAPE, widths=(2, 2), convs_per_stage=1)
    with pytest.raises(ValueError, match="metrics must fit masks of one channel"):
        model.compile("sgd", metrics=["categorical_accuracy"])
