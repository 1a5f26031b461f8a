"""Images with masks: the Oxford-IIIT Pets, and your own folder of images and masks."""

import concurrent.futures
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.data import custom, download
from bench.data.dataset import Dataset, Split, class_balanced_order
from bench.errors import BenchError

PETS_SIZE = (128, 128)
MAX_MASK_CLASSES = 150
_PETS_URL = "https://www.robots.ox.ac.uk/~vgg/data/pets/data/"
_PETS_ARCHIVES = {
    "images": "5c4f3ee8e5d25df40f4fd59a7f44e54c",
    "annotations": "95a8c909bbe2e81eed6a22bccdf3f68f",
}
_TRIMAP_VALUES = {1, 2, 3}  # pet, background, border


# --- Oxford-IIIT Pets -----------------------------------------------------------------------


def oxford_pets(seed: int, resize: tuple[int, int] | None = None) -> Dataset:
    """Pets, 7,349 photographs at 128 x 128 x 3, with masks: pet and border against background."""
    names = ("background", "pet")
    return _pets("oxford_pets", binary_mask, names, seed, resize)


def oxford_pets_3(seed: int, resize: tuple[int, int] | None = None) -> Dataset:
    """Pets, 7,349 photographs at 128 x 128 x 3, with masks of pet, background and border."""
    names = ("pet", "background", "border")
    return _pets("oxford_pets_3", three_class_mask, names, seed, resize)


def binary_mask(trimap: np.ndarray) -> np.ndarray:
    """Returns 1 where a trimap says pet (1) or border (3), and 0 on background (2)."""
    return (trimap != 2).astype("uint8")


def three_class_mask(trimap: np.ndarray) -> np.ndarray:
    """Returns 0 for pet, 1 for background and 2 for border."""
    return (trimap - 1).astype("uint8")


def find_pets() -> tuple[Path, Path] | None:
    """Returns the folders of the photographs and of the annotations, or None."""
    for folder in download.folders("oxford_pets", "oxford-iiit-pet", "oxford_iiit_pet"):
        # As unpacked by hand, and as `keras.utils.get_file` unpacks.
        for images, annotations in (
            (folder / "images", folder / "annotations"),
            (folder / "images_extracted/images", folder / "annotations_extracted/annotations"),
        ):
            if images.is_dir() and (annotations / "trainval.txt").is_file():
                return images, annotations
    return None


def _pets(name: str, to_mask, mask_names: tuple[str, ...], seed: int, resize) -> Dataset:
    images, annotations = find_pets() or _download_pets()
    class_names: dict[int, str] = {}
    lists = [_pets_list(annotations / file, class_names) for file in ("trainval.txt", "test.txt")]
    (stems, labels), (test_stems, test_labels) = lists
    order = class_balanced_order(labels, len(labels), seed)
    num_validation = len(order) // 10
    train, validation = np.sort(order[num_validation:]), np.sort(order[:num_validation])

    def part(stems: Sequence[str], labels: np.ndarray) -> Split:
        pixels, masks = _read_pets(images, annotations, stems, resize or PETS_SIZE)
        return Split(pixels, labels, to_mask(masks))

    parts = (
        part([stems[row] for row in train], labels[train]),
        part([stems[row] for row in validation], labels[validation]),
        part(test_stems, test_labels),
    )
    num_breeds = max(class_names, default=-1) + 1
    breeds = tuple(class_names.get(index, f"breed {index + 1}") for index in range(num_breeds))
    return Dataset(name, "segmentation", *parts, breeds, str(images.parent), mask_names)


def _pets_list(file: Path, class_names: dict[int, str]) -> tuple[list[str], np.ndarray]:
    """Reads lines such as `Abyssinian_100 1 1 1`: the name, and the breed from 1."""
    try:
        lines = file.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BenchError(
            f"{file}: cannot be read ({error}). Unpack annotations.tar.gz again."
        ) from error
    stems, labels = [], []
    for number, line in enumerate(lines, start=1):
        fields = line.split()
        if not fields or fields[0].startswith("#"):
            continue
        if len(fields) < 2 or not fields[1].isdecimal() or int(fields[1]) < 1:
            raise BenchError(
                f"{file}, line {number}: must be a name and the number of a breed, as "
                f"'Abyssinian_100 1 1 1'. Received: {line!r}. Unpack annotations.tar.gz again."
            )
        stems.append(fields[0])
        labels.append(int(fields[1]) - 1)
        class_names.setdefault(labels[-1], fields[0].rpartition("_")[0].replace("_", " "))
    return stems, np.array(labels, "int64")


def _read_pets(images: Path, annotations: Path, stems: Sequence[str], size: tuple[int, int]):
    from PIL import Image

    pixels = np.empty((len(stems), *size, 3), "float32")
    masks = np.empty((len(stems), *size, 1), "uint8")

    def read(row: int) -> None:
        photograph = images / f"{stems[row]}.jpg"
        trimap = annotations / "trimaps" / f"{stems[row]}.png"
        with custom.opened(photograph) as image:
            full_size = image.size
            # With its default support, BILINEAR averages over all pixels when it reduces.
            small = image.convert("RGB").resize(size[::-1], Image.Resampling.BILINEAR)
        pixels[row] = np.asarray(small, "float32") / 255
        mask = read_mask(trimap, full_size, photograph)
        found = set(np.unique(mask).tolist())
        if not found <= _TRIMAP_VALUES:
            raise BenchError(
                f"{trimap}: a trimap holds 1 (pet), 2 (background) and 3 (border) alone. "
                f"Received: {_listed(found)}. Unpack annotations.tar.gz again."
            )
        masks[row, ..., 0] = _nearest(mask, size)

    with concurrent.futures.ThreadPoolExecutor() as pool:
        for _ in pool.map(read, range(len(stems))):
            pass
    return pixels, masks


def _download_pets() -> tuple[Path, Path]:
    import keras

    try:
        for name, checksum in _PETS_ARCHIVES.items():
            keras.utils.get_file(
                f"{name}.tar.gz",
                f"{_PETS_URL}{name}.tar.gz",
                file_hash=checksum,
                cache_subdir="datasets/oxford_pets",
                extract=True,
            )
    except Exception as error:  # urllib, ssl and checksum errors alike: there is no network
        raise BenchError(
            f"oxford_pets is not on this machine and cannot be downloaded "
            f"({type(error).__name__}). Unpack images.tar.gz and annotations.tar.gz of "
            f"{_PETS_URL} into a folder oxford_pets/, and set ZOO_DATA_DIR to its parent."
        ) from error
    found = find_pets()
    if found is None:
        raise BenchError(
            "oxford_pets was downloaded, but images/ and annotations/ are not where they should "
            "be. Set KERAS_HOME to a folder that can be written, or ZOO_DATA_DIR to the data's."
        )
    return found


# --- a folder of images and masks -----------------------------------------------------------


def is_image_mask_folder(path: Path) -> bool:
    """Tells whether a folder, or its `train`, holds both `images` and `masks`."""
    return any(
        (place / "images").is_dir() and (place / "masks").is_dir()
        for place in (path, path / "train")
    )


def image_mask_folder(
    path: Path, resize: tuple[int, int] | None
) -> tuple[dict[str, Split], tuple[str, ...]]:
    """Reads `images/*` and, of the same names but for the ending, `masks/*`.

    Folders `train` and `test` (and `validation` or `val`) that hold these two are the splits.
    Masks hold 0 and 1, or 0 and 255, or class ids from 0 without gaps. Nothing is written.

    Args:
        path: The folder.
        resize: `(height, width)`; images by area averaging, masks by nearest neighbour.

    Returns:
        The splits that are there, and the names of the mask classes.
    """
    if (path / "images").is_dir() and (path / "masks").is_dir():
        places = {"train": path}
    else:
        places = custom.split_folders(path)
    files = {split: _pairs(place) for split, place in places.items()}
    images, masks = {}, {}
    for split, pairs in files.items():
        images[split], masks[split] = [], []
        for image_file, mask_file in pairs:
            with custom.opened(image_file) as image:
                full_size = image.size
            images[split].append(custom.read_image(image_file, resize))
            masks[split].append(read_mask(mask_file, full_size, image_file))
    custom.check_sizes(
        {split: [image for image, _ in pairs] for split, pairs in files.items()}, images
    )
    is_colour = any(image.ndim == 3 for found in images.values() for image in found)
    mask_files = [mask for pairs in files.values() for _, mask in pairs]
    divisor, num_classes = _mask_values(mask_files, [m for found in masks.values() for m in found])
    splits = {}
    for split in files:
        pixels = np.stack([custom.with_channels(image, is_colour) for image in images[split]])
        resized = [_nearest(mask // divisor, pixels.shape[1:3]) for mask in masks[split]]
        splits[split] = Split(pixels, None, np.stack(resized)[..., None].astype("uint8"))
    others = ("foreground",) if num_classes == 2 else [f"class {n}" for n in range(1, num_classes)]
    return splits, ("background", *others)


def _pairs(folder: Path) -> list[tuple[Path, Path]]:
    places = folder / "images", folder / "masks"
    by_stem: list[dict[Path, Path]] = []
    for place in places:
        found: dict[Path, Path] = {}
        for file in custom.image_files(place):
            stem = file.relative_to(place).with_suffix("")
            if stem in found:
                raise BenchError(
                    f"{found[stem]} and {file.name} have one name: a mask is found by its name "
                    "without the ending. Rename or remove one of them."
                )
            found[stem] = file
        by_stem.append(found)
    images, masks = by_stem
    for stem, image in images.items():
        if stem not in masks:
            raise BenchError(
                f"{image}: has no mask. Put it into {places[1]} as {stem}.png, or remove the image."
            )
    for stem, mask in masks.items():
        if stem not in images:
            raise BenchError(
                f"{mask}: has no image of this name in {places[0]}. Add it, or remove the mask."
            )
    return [(images[stem], masks[stem]) for stem in images]


# --- masks ----------------------------------------------------------------------------------


def read_mask(file: Path, image_size: tuple[int, int], image_file: Path) -> np.ndarray:
    """Returns the values of a mask, `(height, width)`, of the size of its image.

    Of a picture with a palette, as PNG has them, the indices are the values.
    """
    with custom.opened(file) as image:
        if image.mode == "P" and custom.is_grey(image):
            grey = np.asarray(image.convert("L"))
            is_values = image.format == "GIF" or set(np.unique(grey).tolist()) <= {0, 255}
            values = grey if is_values else np.asarray(image)
        elif image.mode in ("1", "L", "P") or image.mode.startswith("I"):
            values = np.asarray(image)
        elif image.mode in ("RGB", "RGBA", "LA"):
            channels = np.asarray(image.convert("RGB"))
            if (channels != channels[..., :1]).any():
                raise ValueError("a mask holds one number per pixel, not colours; save class ids")
            values = channels[..., 0]
        else:
            raise ValueError(f"a mask holds whole numbers, and its pixels are of kind {image.mode}")
        if image.size != image_size:
            raise BenchError(
                f"{file} is {image.size[1]}x{image.size[0]} but its image {image_file} is "
                f"{image_size[1]}x{image_size[0]}. Make both of one size."
            )
    return values.astype("uint8" if values.dtype == bool else values.dtype)


def _mask_values(files: list[Path], masks: list[np.ndarray]) -> tuple[int, int]:
    """Returns what to divide the values by, and the number of classes."""
    values = [set(np.unique(mask).tolist()) for mask in masks]
    found = set().union(*values)
    if len(found) == 1:
        raise BenchError(
            f"{files[0].parent}: all masks hold the value {found.pop()} alone. At least two "
            "classes are needed: 0 for the background, 1 or 255 for the foreground."
        )
    if found == {0, 255}:
        return 255, 2
    num_classes = max(found) + 1
    if found == set(range(num_classes)) and num_classes <= MAX_MASK_CLASSES:
        return 1, num_classes
    worst = max(found)
    file = next(file for file, held in zip(files, values, strict=True) if worst in held)
    if file.suffix.lower() in (".jpg", ".jpeg"):
        fix = "JPEG changes values: save masks as PNG."
    elif worst == 255 and found - {255} == set(range(len(found) - 1)):
        fix = "Give pixels of no class (255) a class of their own, or the background's."
    else:
        fix = "Number the classes from 0 without gaps."
    raise BenchError(
        f"{file}: holds the value {worst}, and all masks together {_listed(found)}. Masks hold "
        f"0 and 1, 0 and 255, or class ids from 0 without gaps. {fix}"
    )


def _nearest(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resizes by nearest neighbour: the value at the centre of each new pixel."""
    rows, columns = (
        ((np.arange(new) + 0.5) * old / new).astype(int)
        for new, old in zip(size, mask.shape, strict=True)
    )
    return mask[np.ix_(rows, columns)]


def _listed(values: set[int]) -> str:
    ordered = sorted(values)
    return ", ".join(map(str, ordered[:8])) + (" and more" if len(ordered) > 8 else "")
