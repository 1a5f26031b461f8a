"""Published AUROC of one class against the rest, to stand beside one's own.

Each protocol differs from this harness in something, which `differs` says. Numbers that were not
read in their source are not here.
"""

import dataclasses

CLOSED_FORM = "computed here beforehand, on all 6,000 training images of a class, none held out"
MULTI_MODAL = "https://github.com/Blupblupblup/Deep-MSVDD-PyTorch"
MULTI_MODAL_DIFFERS = "5 seeds, test half normal and half anomalies, best epoch by validation"


@dataclasses.dataclass(frozen=True)
class Published:
    """A row of a published table.

    Attributes:
        auroc: Normal class to AUROC; classes that were not published are missing.
        mean: Mean over the classes, where it is known.
        differs: What of the protocol is not as here.
    """

    dataset: str
    method: str
    auroc: dict[int, float]
    source: str
    differs: str = ""

    @property
    def mean(self) -> float | None:
        """Mean over the ten classes, None where some are not published."""
        return sum(self.auroc.values()) / 10 if len(self.auroc) == 10 else None


def _row(dataset: str, method: str, values: tuple[float, ...], source: str, differs: str = ""):
    return Published(dataset, method, dict(enumerate(values)), source, differs)


PUBLISHED = (
    _row(
        *("fashion_mnist", "distance to the mean image"),
        (0.8913, 0.9739, 0.8609, 0.9042, 0.8843, 0.8713, 0.7822, 0.9812, 0.8097, 0.9670),
        CLOSED_FORM,
    ),
    _row(
        *("fashion_mnist", "PCA-16"),
        (0.8970, 0.9833, 0.8800, 0.9220, 0.8791, 0.8767, 0.8220, 0.9830, 0.8097, 0.9631),
        CLOSED_FORM,
    ),
    _row(
        *("fashion_mnist", "PCA-32"),
        (0.8965, 0.9853, 0.8805, 0.9162, 0.8803, 0.8797, 0.8179, 0.9850, 0.8383, 0.9712),
        CLOSED_FORM,
    ),
    _row(
        *("fashion_mnist", "PCA-16, each pixel by its variance"),
        (0.9109, 0.9835, 0.8764, 0.9446, 0.8880, 0.9080, 0.8165, 0.9855, 0.8556, 0.9776),
        CLOSED_FORM,
    ),
    _row("fashion_mnist", "isolation forest", (0.9076,), MULTI_MODAL, MULTI_MODAL_DIFFERS),
    _row("fashion_mnist", "one-class SVM", (0.8905,), MULTI_MODAL, MULTI_MODAL_DIFFERS),
    _row("fashion_mnist", "local outlier factor", (0.8611,), MULTI_MODAL, MULTI_MODAL_DIFFERS),
    _row("fashion_mnist", "deep convolutional AE", (0.9037,), MULTI_MODAL, MULTI_MODAL_DIFFERS),
    _row("fashion_mnist", "Deep SVDD", (0.8858,), MULTI_MODAL, MULTI_MODAL_DIFFERS),
    _row("fashion_mnist", "Deep MSVDD", (0.8513,), MULTI_MODAL, MULTI_MODAL_DIFFERS),
    Published(
        *("fashion_mnist", "convolutional VAE", {1: 0.980}),
        "https://github.com/YeongHyeon/CVAE-AnomalyDetection-PyTorch",
    ),
    _row(
        *("mnist", "Deep SVDD"),
        (0.980, 0.997, 0.917, 0.919, 0.949, 0.885, 0.983, 0.946, 0.939, 0.965),
        "Ruff et al., 2018, as a README quotes it",
        "10 seeds, images contrast-normalised",
    ),
    Published(
        *("mnist", "convolutional VAE", {1: 0.997}),
        "https://github.com/YeongHyeon/CVAE-AnomalyDetection-PyTorch",
        "1,000 training images",
    ),
)


def for_dataset(dataset: str) -> list[Published]:
    """Returns the published rows of a data set."""
    return [row for row in PUBLISHED if row.dataset == dataset]
