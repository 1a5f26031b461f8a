"""Data of anomalies: one class of a data set against the rest, and real images with defects.

Training and validation hold normals alone; the test split holds both, with label 1 for anomalies.

The defects are drawn, on real images. A test image is either intact or damaged: no image is there
twice. On the test split (seed 0), what the mean squared error of PCA with 32 components finds:

                     AUROC    AUROC     AUPRO    best Dice   Dice of flagging
                     images   pixels                         every pixel
    digits           0.87     0.77      0.49     0.30        0.08
    garments         0.76     0.82      0.60     0.28        0.05
    faces            0.69     0.82      0.67     0.34        0.05
    textures         0.60     0.68      0.41     0.26        0.05
"""

import dataclasses
import numbers
from collections.abc import Sequence

import numpy as np

from bench.data import biased, composed, small_garments, standard
from bench.data import dataset as datasets
from bench.data.dataset import Dataset, Split
from bench.errors import BenchError, user_errors
from zoo.anomalies import defects

NAMES = ("normal", "anomaly")
INTACT = "intact"
TEXTURE_SHAPE = (32, 32, 1)
NUM_TEXTURES = {"train": 2_000, "validation": 250, "test": 500}


@dataclasses.dataclass(frozen=True)
class AnomalyDataset(Dataset):
    """A data set whose task is to find anomalies.

    Attributes:
        normal_class_name: Name of the class that is normal, or None for data of defects.
        group_names: Name of each of `test.groups`: the classes of the data, or the defects.
    """

    normal_class_name: str | None = None
    group_names: tuple[str, ...] = ()


def one_class(
    dataset: Dataset,
    normal_class: int | str,
    *,
    contamination: float = 0.0,
    num_normals: int | None = None,
    seed: int = 0,
) -> AnomalyDataset:
    """Takes one class for normal: training and validation see nothing else, test sees all.

    Args:
        dataset: A data set whose splits have labels.
        normal_class: A label, or its name in `dataset.class_names`.
        contamination: Share, below 1, of images of other classes among those to train on, added
            from the training split. Of one seed, a larger share holds the images of a smaller one.
        num_normals: Normal images to train on; None: all. Fewer are among more, too.
        seed: Chooses both.

    Returns:
        The data with label 1 for images of other classes, whose labels are the groups. Images to
        train on have label 0, anomalies among them too; validation holds normals alone.

    Raises:
        BenchError: without labels, for an unknown class, for a split without normals, or a test
            split without anomalies.
    """
    label = _label_of(dataset, normal_class)
    is_normal = {name: getattr(dataset, name).labels == label for name in datasets.PARTS}
    for name, rows in is_normal.items():
        if not rows.any():
            raise BenchError(
                f"one_class: the {name} split of {dataset.name} must hold images of "
                f"normal_class. Received: normal_class={normal_class!r}, which has none. "
                "Raise the limit on images, or choose another class."
            )
    if is_normal["test"].all():
        raise BenchError(
            f"one_class: the test split of {dataset.name} must hold other classes than "
            f"normal_class. Received: normal_class={normal_class!r} alone."
        )
    rows = _training_rows(is_normal["train"], contamination, num_normals, seed)
    train = _all_normal(dataset.train.images[rows])
    validation = _all_normal(dataset.validation.images[is_normal["validation"]])
    is_anomaly = (~is_normal["test"]).astype("int64")
    test = Split(dataset.test.images, is_anomaly, None, dataset.test.labels)
    names = dataset.class_names or tuple(str(each) for each in range(dataset.num_classes))
    return AnomalyDataset(
        dataset.name,
        "anomaly",
        *(train, validation, test, NAMES),
        dataset.source,
        description=dataset.description,
        normal_class_name=names[label],
        group_names=names,
    )


def num_of_anomalies(num_normals: int, contamination: float) -> int:
    """Returns how many anomalies make up a share of all images, beside so many normals."""
    return round(num_normals * contamination / (1 - contamination))


def check_training(
    dataset: Dataset,
    labels: list[int],
    contaminations: Sequence[float],
    nums_normals: Sequence[int | None],
) -> None:
    """Checks that the training split has as many normals and anomalies as are asked for.

    A share that is rounded to no anomaly is not that share.

    Args:
        labels: Of the classes that are normal in turn.

    Raises:
        BenchError: if it has fewer, or a share is less than one image.
    """
    for label in labels:
        num = int((dataset.train.labels == label).sum())
        most = max((each or num for each in nums_normals), default=num)
        if most > num:
            raise BenchError(
                f"--num-normals must be at most {num}, the training images of class {label} of "
                f"{dataset.name}. Received: {most}."
            )
        fewest = min((each or num for each in nums_normals), default=num)
        for share in contaminations:
            if share and not num_of_anomalies(fewest, share):
                raise BenchError(
                    f"--contamination {share:g} is less than one anomaly beside {fewest} normal "
                    f"images, of class {label} of {dataset.name}. Give a larger share, or more "
                    "--num-normals."
                )
        wanted, others = num_of_anomalies(most, max(contaminations)), dataset.num_train - num
        if wanted > others:
            raise BenchError(
                f"--contamination {max(contaminations):g} needs {wanted} anomalies beside {most} "
                f"normal images, and the training split of {dataset.name} has {others} beside "
                f"class {label}. Give a smaller share, or fewer --num-normals."
            )


def _training_rows(
    is_normal: np.ndarray, contamination: float, num_normals: int | None, seed: int
) -> np.ndarray:
    """Returns the rows to train on, in their order."""
    rows, others = np.flatnonzero(is_normal), np.flatnonzero(~is_normal)
    if num_normals is not None:
        rows = np.random.default_rng([seed, 11]).permutation(rows)[:num_normals]
    num = num_of_anomalies(len(rows), contamination)
    others = np.random.default_rng([seed, 13]).permutation(others)[:num]
    return np.sort(np.concatenate([rows, others]))


def _label_of(dataset: Dataset, normal_class: int | str) -> int:
    if any(getattr(dataset, name).labels is None for name in datasets.PARTS):
        raise BenchError(
            f"one_class: dataset must have labels in all splits. Received: {dataset.name}. "
            "Give a data set of classes, such as digits or fashion_mnist."
        )
    label = normal_class
    if isinstance(normal_class, str) and normal_class in dataset.class_names:
        label = dataset.class_names.index(normal_class)
    is_label = isinstance(label, numbers.Integral) and not isinstance(label, bool)
    if not is_label or not 0 <= label < dataset.num_classes:
        names = f" or one of {', '.join(dataset.class_names)}" if dataset.class_names else ""
        raise BenchError(
            f"one_class: normal_class must be a label from 0 to {dataset.num_classes - 1}"
            f"{names}. Received: normal_class={normal_class!r}."
        )
    return int(label)


def _all_normal(images: np.ndarray) -> Split:
    return Split(images, np.zeros(len(images), "int64"))


def defects_digits(seed: int) -> Dataset:
    """Defects on digits, 8 x 8, with masks.

    Half of the test images are damaged.
    """
    return _with_defects("defects_digits", standard.digits(seed), seed)


def defects_garments(seed: int) -> AnomalyDataset:
    """Defects on garments, 28 x 28, with masks.

    The embedded ones; half of the test images are damaged.
    """
    source = small_garments.fashion_mnist_small(seed)
    return _with_defects("defects_garments", source, seed)


def defects_fashion_mnist(seed: int) -> Dataset:
    """Defects on Fashion-MNIST, 28 x 28, with masks.

    Half of the test images are damaged.
    """
    return _with_defects("defects_fashion_mnist", standard.fashion_mnist(seed), seed)


def defects_faces(seed: int) -> Dataset:
    """Defects on faces, 24 x 24, with masks.

    Those of lfw_subset; half of the test images are damaged.
    """
    return _with_defects("defects_faces", biased.lfw_subset(seed), seed)


def defects_textures(seed: int) -> Dataset:
    """Defects on textures, 32 x 32, with masks.

    2,750 of brick, grass and gravel; needs no network.
    """
    parts = []
    for index, part in enumerate(datasets.PARTS):
        generator = np.random.default_rng([seed, index])
        photographs = _photographs(slice(*composed.COLUMNS[part]))
        labels = np.arange(NUM_TEXTURES[part]) % len(photographs)
        images = np.empty((len(labels), *TEXTURE_SHAPE), "float32")
        for label, photograph in enumerate(photographs):
            (rows,) = np.nonzero(labels == label)
            images[rows, ..., 0] = _windows(photograph, len(rows), generator)
        parts.append(Split(images, labels))
    source = Dataset("", "reconstruction", *parts, composed.TEXTURES, "scikit-image")
    return _with_defects("defects_textures", source, seed)


def _photographs(columns: slice) -> list[np.ndarray]:
    from skimage import data

    return [datasets.unit_range(getattr(data, name)()[:, columns]) for name in composed.TEXTURES]


def _windows(photograph: np.ndarray, num: int, generator) -> np.ndarray:
    """Cuts windows out of a photograph, each at another place; they may overlap."""
    every = np.lib.stride_tricks.sliding_window_view(photograph, TEXTURE_SHAPE[:2])
    places = generator.choice(every.shape[0] * every.shape[1], num, replace=False)
    return every[np.unravel_index(places, every.shape[:2])]


def _with_defects(name: str, source: Dataset, seed: int) -> AnomalyDataset:
    """Damages half of the test images, of each class its half."""
    intact = source.test
    order = datasets.class_balanced_order(intact.labels, len(intact), seed)
    damaged_rows = np.sort(order[: len(order) // 2])  # a prefix holds the classes in their shares
    with user_errors():
        images, masks, kinds = defects.defective(intact.images[damaged_rows], seed)
    test_images = intact.images.copy()
    test_images[damaged_rows] = images
    labels = np.zeros(len(intact), "int64")
    labels[damaged_rows] = 1
    test_masks = np.zeros((*intact.images.shape[:-1], 1), "uint8")
    test_masks[damaged_rows] = masks
    group_names = (INTACT, *defects.KINDS)
    groups = np.zeros(len(intact), "int64")
    groups[damaged_rows] = [group_names.index(kind) for kind in kinds]
    train, validation = (_all_normal(part.images) for part in (source.train, source.validation))
    return AnomalyDataset(
        name,
        "anomaly",
        *(train, validation, Split(test_images, labels, test_masks, groups)),
        NAMES,
        f"{source.source}, with drawn defects",
        NAMES,
        group_names=group_names,
    )


def describe(dataset: AnomalyDataset) -> dict[str, object]:
    """Returns the fields of a record that say what is normal."""
    if dataset.normal_class_name is None:
        return {}
    return {
        "normal_class_name": dataset.normal_class_name,
        "num_classes": len(dataset.group_names),
    }
