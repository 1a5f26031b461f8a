"""Segmentation without a download: real objects composed on real textures, with the true mask.

The pictures are composed, the parts are real: garments of Fashion-MNIST, or digits of scikit-learn,
on brick, grass and gravel of scikit-image. An object takes on the mean brightness and the contrast
of the texture that it covers, so that brightness alone does not give it away: what tells it from
the texture is its structure and its edge. On the test split (seed 0), IoU over all pixels:

                                                        garments   digits
    every pixel is object                                   0.13     0.10
    best global threshold on brightness                     0.15     0.12
    gradient boosting on local means and contrasts          0.33     0.37

The splits share nothing: each takes its objects from its own split of the source, and its texture
from its own columns of the photographs.
"""

import dataclasses

import numpy as np

from bench.data import dataset, small_garments, standard
from bench.data.dataset import Dataset, Split
from bench.errors import BenchError

SIZE = 64
NUM_IMAGES = {"train": 2_000, "validation": 250, "test": 500}
TEXTURES = ("brick", "grass", "gravel")  # 512 x 512 photographs inside scikit-image's wheel
COLUMNS = {"train": (0, 304), "validation": (304, 400), "test": (400, 512)}
OBJECT_SIZES = (22, 44)  # pixels, of the square that the object is scaled to
MAX_OFFSET = 0.5  # of the object's mean brightness, in deviations of the texture
MIN_CONTRAST = 0.06  # below it, as on a plain brick, an object could not be seen
MAX_GAIN = 4.0


@dataclasses.dataclass(frozen=True)
class _Cutouts:
    """Objects without their background.

    Attributes:
        pixels: float32 `(n, height, width)` in `[0, 1]`.
        alphas: float32, 1 on the object and 0 beside it.
    """

    pixels: np.ndarray
    alphas: np.ndarray
    labels: np.ndarray


def composed_foreground(seed: int) -> Dataset:
    """Garments of Fashion-MNIST on textures, with masks.

    2,750 of 64 x 64 pixels, composed.
    """
    try:
        objects = standard.fashion_mnist(seed)
    except BenchError as error:
        raise BenchError(f"{error} Or take composed_garments, which needs no download.") from error
    return _composed("composed_foreground", objects, _garment_alphas, "garment", seed)


def composed_garments(seed: int) -> Dataset:
    """Garments on textures, 64 x 64, with masks.

    2,750, composed of the embedded garments and of real textures; needs no network.
    """
    objects = small_garments.fashion_mnist_small(seed)
    return _composed("composed_garments", objects, _garment_alphas, "garment", seed)


def composed_digits(seed: int) -> Dataset:
    """Digits on textures, 64 x 64, with masks.

    2,750, composed of real digits and real textures; needs no network.
    """
    objects = standard.digits(seed)
    return _composed("composed_digits", objects, _digit_alphas, "digit", seed)


def _composed(name: str, objects: Dataset, alphas_of, object_name: str, seed: int) -> Dataset:
    parts = []
    for index, part in enumerate(dataset.PARTS):
        generator = np.random.default_rng([seed, index])
        source = getattr(objects, part)
        rows = dataset.class_balanced_order(source.labels, len(source), seed)
        rows = np.resize(rows, NUM_IMAGES[part])
        chosen = source.take(rows)
        cutouts = _Cutouts(chosen.images[..., 0], alphas_of(chosen.images[..., 0]), chosen.labels)
        parts.append(_compose(cutouts, _textures(COLUMNS[part]), generator))
    return Dataset(
        name,
        "segmentation",
        *parts,
        objects.class_names,
        f"composed of {objects.source} and scikit-image",
        ("texture", object_name),
    )


def _textures(columns: tuple[int, int]) -> list[np.ndarray]:
    from skimage import data

    cut = slice(*columns)
    return [dataset.unit_range(getattr(data, texture)()[:, cut]) for texture in TEXTURES]


def _compose(cutouts: _Cutouts, textures: list[np.ndarray], generator) -> Split:
    num = len(cutouts.pixels)
    images = np.empty((num, SIZE, SIZE, 1), "float32")
    masks = np.zeros((num, SIZE, SIZE, 1), "uint8")
    for row in range(num):
        texture = textures[generator.integers(len(textures))]
        top, left = (generator.integers(extent - SIZE + 1) for extent in texture.shape)
        picture = texture[top : top + SIZE, left : left + SIZE].copy()
        if generator.random() < 0.5:
            picture = picture[:, ::-1].copy()
        size = int(generator.integers(OBJECT_SIZES[0], OBJECT_SIZES[1] + 1))
        pixels, alpha = (_scaled(each[row], size) for each in (cutouts.pixels, cutouts.alphas))
        top, left = generator.integers(SIZE - size + 1, size=2)
        window = slice(top, top + size), slice(left, left + size)
        covered, is_object = picture[window], alpha >= 0.5
        matched = _matched(pixels, covered, is_object, generator.uniform(-MAX_OFFSET, MAX_OFFSET))
        picture[window] = alpha * matched + (1 - alpha) * covered
        images[row, ..., 0] = np.clip(picture, 0, 1)
        masks[row, ..., 0][window] = is_object
    return Split(images, cutouts.labels, masks)


def _matched(pixels, covered, is_object, offset: float) -> np.ndarray:
    """Gives an object the mean, moved by `offset` deviations, and the contrast of the texture."""
    inside, outside = pixels[is_object], covered[is_object]
    contrast = max(outside.std(), MIN_CONTRAST)
    gain = min(contrast / max(inside.std(), 1e-3), MAX_GAIN)
    return (pixels - inside.mean()) * gain + outside.mean() + offset * contrast


def _scaled(values: np.ndarray, size: int) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.fromarray(values).resize((size, size), Image.Resampling.BILINEAR))


def _garment_alphas(images: np.ndarray) -> np.ndarray:
    """Returns 1 where the black background does not reach: dark prints inside are garment."""
    from scipy import ndimage

    filled = [ndimage.binary_fill_holes(image > 0.04) for image in images]
    return np.stack(filled).astype("float32")


def _digit_alphas(images: np.ndarray) -> np.ndarray:
    """Returns 1 on the stroke: the pixels of at least 6 of 16 grey levels."""
    return (images >= 0.37).astype("float32")
