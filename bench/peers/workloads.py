"""What every contender trains: a network, its loss, its data and its batch size.

Each contender builds the network in its own framework; the number of parameters and the final loss
must agree, which `bench.peers.run` checks.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

LEARNING_RATE, ADAM_EPSILON = 1e-3, 1e-7  # Keras's defaults, given to every contender
IN_BFLOAT16 = " bfloat16"  # ends the name of a contender of that precision
# The contenders that ratios refer to, and what they are called in the names of fields.
OURS = ("zoo", "zoo autotuned", "zoo bfloat16")
KEYS = ("ours", "ours_autotuned", "ours_bfloat16")
UNET_WIDTHS = (16, 32, 64, 128, 256)
NUM_SINGLES = 200  # images that are predicted one by one
_NUM_TEST = 512


@dataclasses.dataclass(frozen=True)
class Workload:
    """One thing to train.

    Attributes:
        name: As the command line takes it.
        title: As tables show it.
        network: Which network the contenders build.
        batch_size: Images per update, and per batch of inference.
        num_images: Training images.
        num_parameters: Weights that are trained.
        epochs: Of one turn: enough for the losses of the contenders to come together by the end.
    """

    name: str
    title: str
    network: str
    batch_size: int
    num_images: int
    num_parameters: int
    epochs: int = 1


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("dense32", "dense 784-64-784, batch 32", "dense", 32, 10_000, 101_200, 6),
        Workload("dense128", "dense 784-64-784, batch 128", "dense", 128, 15_000, 101_200, 6),
        Workload("vae", "convolutional VAE 32-64, batch 128", "vae", 128, 2_560, 134_165, 2),
        Workload("upae", "UPAE of the paper, 64 x 64, batch 64", "upae", 64, 960, 4_487_504, 2),
        Workload("unet", "U-Net 16-256, 128 x 128, batch 8", "unet", 8, 48, 1_942_289, 3),
    )
}


@dataclasses.dataclass(frozen=True)
class Data:
    """Images `(n, height, width, 1)` in `[0, 1]`, and masks of the same shape for the U-Net."""

    train: np.ndarray
    test: np.ndarray
    train_masks: np.ndarray | None = None
    test_masks: np.ndarray | None = None


def singles(data: Data) -> list[np.ndarray]:
    """Returns batches of one image each, `NUM_SINGLES` of them."""
    rows = np.arange(NUM_SINGLES) % len(data.train)
    return [data.train[row : row + 1] for row in rows]


def load(workload: Workload) -> Data:
    """Loads the real images of a workload.

    Fashion-MNIST as it is for the dense network and the VAE; padded to 32 x 32 and doubled for
    the UPAE; garments composed on textures, doubled to 128 x 128, for the U-Net.

    Raises:
        BenchError: if Fashion-MNIST is not found; the text says where to put it.
    """
    from bench.data import catalog

    name = "composed_foreground" if workload.network == "unet" else "fashion_mnist"
    dataset = catalog.load(name)
    parts = dataset.train.take(np.arange(min(workload.num_images, dataset.num_train))), dataset.test
    arrays = [parts[0].images, parts[1].images[:_NUM_TEST]]
    if workload.network == "upae":
        arrays = [np.pad(part, ((0, 0), (2, 2), (2, 2), (0, 0))) for part in arrays]
    if workload.network == "unet":
        arrays += [parts[0].targets, parts[1].targets[:_NUM_TEST]]
        arrays = [part[: max(64, workload.num_images)] for part in arrays]
    if workload.network in ("upae", "unet"):
        arrays = [part.repeat(2, axis=1).repeat(2, axis=2) for part in arrays]
    return Data(*(np.ascontiguousarray(part, dtype="float32") for part in arrays))


def loss(workload: Workload, data: Data, outputs: dict[str, np.ndarray]) -> float:
    """Computes the loss on the test images, alike for every contender.

        dense: mean of (x - r)^2
        vae:   sum over pixels of the cross-entropy of x and r, at the mean code, plus KL, nats
        upae:  mean over pixels of exp(-s) (2 x - 1 - mu)^2 + s
        unet:  mean over pixels of the cross-entropy of mask and probability, nats

    Args:
        outputs: `prediction`, and `mean` and `log_variance` (of the VAE's code, or the pixels).
    """
    return float(_LOSSES[workload.network](data, outputs))


def _cross_entropy(target, probability):
    probability = np.clip(probability.astype("float64"), 1e-7, 1 - 1e-7)
    return -(target * np.log(probability) + (1 - target) * np.log1p(-probability))


def _vae(data: Data, outputs):
    mean, log_variance = outputs["mean"], outputs["log_variance"]
    kl = 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance).sum(axis=1)
    pixels = _cross_entropy(data.test, outputs["prediction"]).sum(axis=(1, 2, 3))
    return (pixels + kl).mean()


def _upae(data: Data, outputs):
    error = (2 * data.test - 1 - outputs["mean"]) ** 2
    return (np.exp(-outputs["log_variance"]) * error + outputs["log_variance"]).mean()


_LOSSES: dict[str, Callable] = {
    "dense": lambda data, outputs: np.mean((data.test - outputs["prediction"]) ** 2),
    "vae": _vae,
    "upae": _upae,
    "unet": lambda data, outputs: _cross_entropy(data.test_masks, outputs["prediction"]).mean(),
}
