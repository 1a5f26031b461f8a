"""Data sets with a hidden group that is rare in training and equally common in the test split.

A model sees images and labels only. `Split.groups` tells a report which rows belong together: 0 is
the negatives, 1 the common positives, 2 the rare positives.

Closed shoes are set against sandals because there the bias shows: logistic regression and a small
dense network find 96 to 98 % of the sneakers, but 89 to 91 % of the boots. Against garments that
are no footwear they find 99 % of both, and nothing is left to mend.
"""

import numpy as np

from bench.data import dataset, standard
from bench.data.dataset import Dataset, Split

NEGATIVE, COMMON, RARE = 0, 1, 2
RARE_SHARE = 0.05  # of the positives, in biased_footwear
DARKEST_SHARE = 0.2  # of the faces, in biased_faces
# Rows of the validation and the test split of biased_faces, by group; the rest is for training.
FACES_VALIDATION = {NEGATIVE: 10, COMMON: 9, RARE: 1}
FACES_TEST = {NEGATIVE: 14, COMMON: 14, RARE: 14}


def lfw_subset(seed: int) -> Dataset:
    """Faces and other patches, 200 of 24 x 24.

    Embedded in scikit-image.
    """
    whole = _lfw()
    parts = dataset.random_split(whole, seed, (20, 40))
    return Dataset("lfw_subset", "reconstruction", *parts, ("not a face", "face"), "scikit-image")


def biased_footwear(seed: int) -> Dataset:
    """Sneakers and ankle boots (rare) against sandals.

    95 % of the first two are sneakers, of Fashion-MNIST; balanced in test.
    """
    whole = standard.fashion_mnist(seed)
    parts = [
        _footwear(getattr(whole, name), np.random.default_rng([seed, index]), name == "test")
        for index, name in enumerate(dataset.PARTS)
    ]
    names = ("sandal", "closed shoe")
    return Dataset("biased_footwear", "reconstruction", *parts, names, whole.source)


def biased_faces(seed: int) -> Dataset:
    """Faces against other patches; dark faces are rare.

    Of lfw_subset; dark faces are not rare in test.
    """
    whole = _lfw()
    brightness = whole.images.mean(axis=(1, 2, 3), dtype="float64")
    faces = np.flatnonzero(whole.labels == 1)
    num_rare = round(DARKEST_SHARE * len(faces))
    groups = np.where(whole.labels == 1, COMMON, NEGATIVE).astype("int64")
    groups[faces[np.argsort(brightness[faces], kind="stable")[:num_rare]]] = RARE
    whole = Split(whole.images, whole.labels, None, groups)
    generator = np.random.default_rng(seed)
    rows: dict[str, list[np.ndarray]] = {name: [] for name in dataset.PARTS}
    for group in (NEGATIVE, COMMON, RARE):
        shuffled = generator.permutation(np.flatnonzero(groups == group))
        cuts = np.cumsum((FACES_TEST[group], FACES_VALIDATION[group]))
        for name, part_rows in zip(
            ("test", "validation", "train"), np.split(shuffled, cuts), strict=True
        ):
            rows[name].append(part_rows)
    parts = [whole.take(np.sort(np.concatenate(rows[name]))) for name in dataset.PARTS]
    return Dataset("biased_faces", "reconstruction", *parts, ("not a face", "face"), "scikit-image")


def _lfw() -> Split:
    """Reads scikit-image's patches: in its file 100 faces come first, then 100 others.

    The last row and column are cut off, so that 24 halves three times.
    """
    from skimage import data

    patches = data.lfw_subset()[:, :24, :24, None].astype("float32")
    labels = np.repeat(np.array([1, 0], "int64"), 100)
    return Split(np.clip(patches, 0, 1), labels)


def _footwear(split: Split, generator: np.random.Generator, is_balanced: bool) -> Split:
    negative, common, rare = (
        generator.permutation(np.flatnonzero(split.labels == standard.GARMENTS.index(kind)))
        for kind in ("Sandal", "Sneaker", "Ankle boot")
    )
    if is_balanced:
        num_common = num_rare = num_negative = min(len(negative), len(common), len(rare))
    else:
        num_common = len(common)
        num_rare = max(1, round(num_common * RARE_SHARE / (1 - RARE_SHARE)))
        num_negative = num_common + num_rare
    rows = negative[:num_negative], common[:num_common], rare[:num_rare]
    groups = np.repeat(np.array([NEGATIVE, COMMON, RARE], "int64"), [len(group) for group in rows])
    chosen = np.concatenate(rows)
    order = np.argsort(chosen)
    chosen, groups = chosen[order], groups[order]
    return Split(split.images[chosen], (groups > NEGATIVE).astype("int64"), None, groups)
