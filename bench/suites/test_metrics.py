"""The metrics of the evaluation, on real images with defects and on real masks."""

import numpy as np
import pytest

from bench.data import catalog
from bench.metrics import anomaly, reconstruction, segmentation
from bench.profiling import memory
from zoo.anomalies import defects

NUM_IMAGES = 20
ROUNDS = 20


@pytest.fixture(scope="module")
def masks():
    """Test images of 64 x 64 and their masks."""
    test = catalog.load("composed_digits").test
    return test.images[:NUM_IMAGES], test.targets[:NUM_IMAGES]


@pytest.fixture(scope="module")
def defective(masks):
    """True masks of defects, and a score of each pixel: how far it is from its blurred self."""
    from scipy.ndimage import gaussian_filter

    images, truth, _ = defects.defective(masks[0], seed=0)
    return truth, ((images - gaussian_filter(images, (0, 3, 3, 0))) ** 2).mean(axis=-1)


def shifted(targets):
    """Masks that are two pixels off."""
    return np.roll(targets, 2, axis=(1, 2))


def measure(measured, metric, *arguments):
    """Measures a metric; its value and memory come from a call of their own."""
    with memory.PeakMemory() as peak:
        value = metric(*arguments)
    facts = {
        "value": float(np.mean(value)),
        "num_images": len(arguments[0]),
        "peak_memory_mib": peak.mib,
    }
    measured(lambda: metric(*arguments), facts, rounds=ROUNDS)


@pytest.mark.parametrize("name", ["mse", "psnr", "ssim"])
def test_reconstruction(name, masks, measured):
    images, _ = masks
    noisy = np.clip(images + np.random.default_rng(0).normal(0, 0.1, images.shape), 0, 1)
    measure(measured, getattr(reconstruction, name), images, noisy.astype("float32"))


@pytest.mark.parametrize("name", ["aupro", "pixel_auroc", "best_dice"])
def test_pixels(name, defective, measured):
    measure(measured, getattr(anomaly, name), *defective)


@pytest.mark.parametrize("name", ["boundary_f1", "dice", "iou"])
def test_masks(name, masks, measured):
    _, targets = masks
    measure(measured, getattr(segmentation, name), targets, shifted(targets))


def test_image_auroc(measured):
    generator = np.random.default_rng(0)
    labels = np.arange(2_000) % 2
    measure(measured, anomaly.auroc, labels, generator.normal(labels, 1.0))
