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
LINE_LENGTH = 49  # pixels


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


def large_foreground(part: str, num: int, size: int, per_image: int = 8, seed: int = 0) -> Split:
    """Returns larger images of the same kind, several garments of the same sizes in each.

    A texture that is smaller than the image goes on mirrored.

    Args:
        part: `"train"`, `"validation"` or `"test"`.
        num: Of images.
        size: Pixels of a side.
        per_image: Garments in each; a later one may cover an earlier one.
        seed: Int.
    """
    cutouts = _cutouts(standard.fashion_mnist(seed), part, num * per_image, _garment_alphas, seed)
    textures = [_at_least(texture, size) for texture in _textures(COLUMNS[part])]
    generator = np.random.default_rng([seed, dataset.PARTS.index(part)])
    return _compose(cutouts, textures, generator, size, per_image)


def lines(part: str, num: int, seed: int = 0) -> Split:
    """Returns textures with a line one pixel wide and 49 long, 1.2 % of 64 x 64 pixels, and masks.

    A line lies two deviations of its texture above or below the texture's mean.
    """
    from skimage.draw import line

    generator = np.random.default_rng([seed, dataset.PARTS.index(part), 1])
    textures = _textures(COLUMNS[part])
    images = np.empty((num, SIZE, SIZE, 1), "float32")
    masks = np.zeros((num, SIZE, SIZE, 1), "uint8")
    for row in range(num):
        picture = _window(textures, SIZE, generator)
        angle, reach = generator.uniform(0, np.pi), (LINE_LENGTH - 1) / 2
        step = (
            reach
            * np.array([np.sin(angle), np.cos(angle)])
            / max(abs(np.sin(angle)), abs(np.cos(angle)))
        )
        middle = generator.uniform(reach, SIZE - 1 - reach, 2)
        (first, last) = (np.rint(middle + sign * step).astype(int) for sign in (-1, 1))
        places = line(*first, *last)
        contrast = max(picture.std(), MIN_CONTRAST)
        picture[places] = picture.mean() + generator.choice([-2, 2]) * contrast
        images[row, ..., 0] = np.clip(picture, 0, 1)
        masks[row, ..., 0][places] = 1
    return Split(images, None, masks)


def _composed(name: str, objects: Dataset, alphas_of, object_name: str, seed: int) -> Dataset:
    parts = []
    for index, part in enumerate(dataset.PARTS):
        generator = np.random.default_rng([seed, index])
        cutouts = _cutouts(objects, part, NUM_IMAGES[part], alphas_of, seed)
        parts.append(_compose(cutouts, _textures(COLUMNS[part]), generator))
    return Dataset(
        name,
        "segmentation",
        *parts,
        objects.class_names,
        f"composed of {objects.source} and scikit-image",
        ("texture", object_name),
    )


def _cutouts(objects: Dataset, part: str, num: int, alphas_of, seed: int) -> _Cutouts:
    """Returns so many objects of a split, the classes in turn; the first come again if need be."""
    source = getattr(objects, part)
    rows = dataset.class_balanced_order(source.labels, len(source), seed)
    chosen = source.take(np.resize(rows, num))
    return _Cutouts(chosen.images[..., 0], alphas_of(chosen.images[..., 0]), chosen.labels)


def _textures(columns: tuple[int, int]) -> list[np.ndarray]:
    from skimage import data

    cut = slice(*columns)
    return [dataset.unit_range(getattr(data, texture)()[:, cut]) for texture in TEXTURES]


def _at_least(texture: np.ndarray, size: int) -> np.ndarray:
    lacks = [(0, max(0, size - extent)) for extent in texture.shape]
    return np.pad(texture, lacks, mode="symmetric")


def _window(textures: list[np.ndarray], size: int, generator) -> np.ndarray:
    """Returns a square of one of the textures, half of them the other way round."""
    texture = textures[generator.integers(len(textures))]
    top, left = (generator.integers(extent - size + 1) for extent in texture.shape)
    picture = texture[top : top + size, left : left + size].copy()
    return picture[:, ::-1].copy() if generator.random() < 0.5 else picture


def _compose(
    cutouts: _Cutouts,
    textures: list[np.ndarray],
    generator,
    extent: int = SIZE,
    per_image: int = 1,
) -> Split:
    num = len(cutouts.pixels) // per_image
    images = np.empty((num, extent, extent, 1), "float32")
    masks = np.zeros((num, extent, extent, 1), "uint8")
    for row in range(num):
        picture = _window(textures, extent, generator)
        for number in range(row * per_image, (row + 1) * per_image):
            size = int(generator.integers(OBJECT_SIZES[0], OBJECT_SIZES[1] + 1))
            pixels, alpha = (_scaled(e[number], size) for e in (cutouts.pixels, cutouts.alphas))
            top, left = generator.integers(extent - size + 1, size=2)
            window = slice(top, top + size), slice(left, left + size)
            covered, is_object = picture[window], alpha >= 0.5
            offset = generator.uniform(-MAX_OFFSET, MAX_OFFSET)
            matched = _matched(pixels, covered, is_object, offset)
            picture[window] = alpha * matched + (1 - alpha) * covered
            masks[row, ..., 0][window] |= is_object
        images[row, ..., 0] = np.clip(picture, 0, 1)
    return Split(images, cutouts.labels if per_image == 1 else None, masks)


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
