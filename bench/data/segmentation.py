"""Images with masks: the Oxford-IIIT Pets."""

import concurrent.futures
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.data import download
from bench.data.dataset import Dataset, Split, class_balanced_order
from bench.errors import BenchError, user_errors
from zoo.data import mask_files, mask_numbers
from zoo.data.opening import opened

PETS_SIZE = (128, 128)
_PETS_URL = "https://www.robots.ox.ac.uk/~vgg/data/pets/data/"
_PETS_ARCHIVES = {
    "images": "5c4f3ee8e5d25df40f4fd59a7f44e54c",
    "annotations": "95a8c909bbe2e81eed6a22bccdf3f68f",
}
_TRIMAP_VALUES = {1, 2, 3}  # pet, background, border


# --- Oxford-IIIT Pets -----------------------------------------------------------------------


def oxford_pets(seed: int, resize: tuple[int, int] | None = None) -> Dataset:
    """Pets, 7,349 of 128 x 128 x 3, masks of two classes.

    Photographs whose masks tell pet and border from background.
    """
    names = ("background", "pet")
    return _pets("oxford_pets", binary_mask, names, seed, resize)


def oxford_pets_3(seed: int, resize: tuple[int, int] | None = None) -> Dataset:
    """Pets, 7,349 of 128 x 128 x 3, masks of three.

    Photographs whose masks tell pet, background and border apart.
    """
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
        with opened(photograph) as image:
            # With its default support, BILINEAR averages over all pixels when it reduces.
            small = image.convert("RGB").resize(size[::-1], Image.Resampling.BILINEAR)
        pixels[row] = np.asarray(small, "float32") / 255
        mask_files.check_size(photograph, trimap)
        mask, seen = mask_numbers.read(trimap, resize=size)
        if not set(seen.values) <= _TRIMAP_VALUES:
            raise BenchError(
                f"{trimap}: a trimap holds 1 (pet), 2 (background) and 3 (border) alone. "
                f"Received: {', '.join(map(str, seen.values[:8]))}. Unpack annotations.tar.gz "
                "again."
            )
        masks[row, ..., 0] = mask

    with concurrent.futures.ThreadPoolExecutor() as pool, user_errors():
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
    folder = find_pets()
    if folder is None:
        raise BenchError(
            "oxford_pets was downloaded, but images/ and annotations/ are not where they should "
            "be. Set KERAS_HOME to a folder that can be written, or ZOO_DATA_DIR to the data's."
        )
    return folder
