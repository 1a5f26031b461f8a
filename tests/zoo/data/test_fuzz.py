"""Random folders and files, damaged at random: read with counts that add up, or refused in a line.

`ZOO_FUZZ_INPUTS=2000 python -m pytest tests/zoo/data/test_fuzz.py` tries more of them.
"""

import io
import os
import re
import warnings

import numpy as np
import pytest
from PIL import Image

from zoo.data import layouts, reading

NUM_INPUTS = int(os.environ.get("ZOO_FUZZ_INPUTS", "120"))
NUM_PARTS = 12  # of the inputs, each a test
DTYPES = ("uint8", "uint16", "int16", "int32", "int64", "float16", "float32", "float64", "bool")
SUFFIXES = (".png", ".tif", ".bmp", ".jpg", ".gif", ".webp", ".PNG", ".txt", ".npy", "")
PLACES = ("", "a", "b", "train", "test", "val", "train/a", "test/a", "images", "masks", "good")
INSPECTION = ("train/good", "test/good", "test/crack", "ground_truth/crack")
FOLDERS = (
    *(("",), ("a", "b"), ("train/a", "test/a"), ("train", "val", "test"), ("images", "masks")),
    *(("train/images", "train/masks", "test/images", "test/masks"), INSPECTION),
)
OPTIONS = {
    "resize": [(6, 6), (3, 5)],
    "color": ["grey", "rgb"],
    "skip_unreadable": [True],
    "value_range": [(0.0, 255.0), (0.0, 1.0), (50.0, 100.0)],
    "foreground": ["nonzero", "above:127"],
    "ignore_label": [255, 0, 1],
    "layout": list(layouts.LAYOUTS),
    "data_kind": ["series", "images"],
    "label_column": ["c", "x", "1"],
    "separator": [",", ";"],
    "window": [2, 3, 50],
    "stride": [1, 2],
}


class Chooser:
    """Draws, by one seed."""

    def __init__(self, seed: int):
        self.generator = np.random.default_rng([seed, 11])

    def below(self, number: int) -> int:
        return int(self.generator.integers(number))

    def one_of(self, values):
        return values[self.below(len(values))]

    def is_one_in(self, number: int) -> bool:
        return self.below(number) == 0

    def options(self, num: int) -> reading.Options:
        names = [self.one_of(list(OPTIONS)) for _ in range(num)]
        return reading.Options(**{name: self.one_of(OPTIONS[name]) for name in names})

    def damaged(self, content: bytes, one_in: int) -> bytes:
        """Returns bytes as they are, cut, with some changed, or none."""
        how = self.below(4) if self.is_one_in(one_in) else 3
        if how == 0:
            return content[: self.below(len(content) + 1)]
        if how == 1 and content:
            changed = bytearray(content)
            for _ in range(1 + self.below(4)):
                changed[self.below(len(changed))] = self.below(256)
            return bytes(changed)
        return b"" if how == 2 else content

    def pixels(self, is_mask: bool, shape=None) -> np.ndarray:
        dtype = "uint8" if self.below(40) else self.one_of(DTYPES)
        shape = shape or ((6, 8) if self.below(8) else (1 + self.below(9), 1 + self.below(9)))
        shape = (*shape, 3) if not is_mask and self.is_one_in(4) else shape
        most = 3 if is_mask else 256
        most = self.one_of((2, 256, 5000)) if self.is_one_in(20) else most
        values = self.generator.integers(0, most, shape)
        if dtype.startswith("float"):
            values = values / max(1, most - 1)
            if self.is_one_in(4):
                values.flat[0] = self.one_of((np.nan, np.inf, -1, 300))
        return values.astype(dtype)


def encoded(chooser: Chooser, values: np.ndarray, suffix: str) -> bytes:
    """Returns an image file, or the bytes of the array where the format cannot hold it."""
    file = io.BytesIO()
    kind = {".tif": "TIFF", ".jpg": "JPEG", ".txt": "PNG", ".npy": "PNG", "": "PNG"}
    try:
        image = Image.fromarray(values)
        pages = [image] * chooser.one_of((0, 0, 0, 2)) if suffix == ".tif" else []
        more = {"save_all": True, "append_images": pages} if pages else {}
        image.save(file, kind.get(suffix, suffix[1:].upper()), **more)
    except (OSError, TypeError, ValueError, KeyError):
        return values.tobytes()
    return file.getvalue()


def make_folder(chooser: Chooser, folder) -> int:
    """Writes a folder; returns the number of its files that count as images."""
    folder.mkdir()
    num_images = 0
    names = [f"{row}" for row in range(1 + chooser.below(4))]
    places = list(chooser.one_of(FOLDERS))
    if chooser.is_one_in(4):
        places.append(chooser.one_of(PLACES))
    size = (6, 8) if chooser.below(6) else None
    usual = chooser.one_of(SUFFIXES[:3])
    for place in dict.fromkeys(places):
        for name in names:
            suffix = usual if chooser.below(30) else chooser.one_of(SUFFIXES)
            is_mask = "mask" in place or "truth" in place
            stem = f".{name}" if chooser.is_one_in(30) else name
            file = folder / place / f"{stem}{'_mask' if is_mask and name == '0' else ''}{suffix}"
            if file.exists() or chooser.is_one_in(60):
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            values = chooser.pixels(is_mask, size)
            file.write_bytes(chooser.damaged(encoded(chooser, values, suffix), 40))
            is_image = suffix.lower() in (".png", ".tif", ".bmp", ".jpg", ".gif", ".webp")
            num_images += is_image and not stem.startswith(".")
    return num_images


def make_npz(chooser: Chooser, path) -> dict[str, int]:
    """Writes an `.npz`; returns the number of rows of each of its arrays."""
    keys = {
        "x",
        "images",
        "x_train",
        "x_test",
        "series",
        "y",
        "y_train",
        "labels",
        "masks",
        "other",
    }
    arrays = {}
    num = 1 + chooser.below(6)
    for key in sorted(keys):
        if not chooser.is_one_in(3):
            continue
        shape = chooser.one_of(((6, 8), (6, 8, 1), (6, 8, 3), (20, 2), (9,), ()))
        rows = num if chooser.below(12) else chooser.below(3)
        dtype = chooser.one_of(("uint8", "float32", *DTYPES))
        usual = {"y": (), "labels": (), "y_train": (), "masks": (6, 8), "series": (20, 2)}
        shape = usual.get(key, (6, 8)) if chooser.below(3) else shape
        most = 256 if dtype in ("uint8", "float32") and "x" in key else 2
        values = chooser.generator.integers(0, most, (rows, *shape))
        values = values / 255 if dtype.startswith("float") else values
        arrays[key] = values.astype(dtype)
        if chooser.is_one_in(20):
            arrays[key] = np.array([{"a": 1}] * max(1, rows), dtype=object)
    file = io.BytesIO()
    (np.savez_compressed if chooser.below(2) else np.savez)(file, **arrays)
    path.write_bytes(chooser.damaged(file.getvalue(), 3))
    return {key: len(values) for key, values in arrays.items()}


def make_table(chooser: Chooser, path) -> int:
    """Writes a table; returns the number of its rows."""
    sign, num = chooser.one_of((",", ";", "\t", "|")), chooser.below(12)
    words = ("red", "blue", "", "NA", "1e400", '"', "1,5", "é", "0x1", "-3", "2020-01-01")
    lines = [] if chooser.is_one_in(3) else [sign.join(("a", "b", "c"))]
    for _ in range(num):
        cells = [f"{chooser.below(1000) / 100:g}" for _ in range(2)] + [chooser.one_of(words[:2])]
        if chooser.is_one_in(60):
            cells[chooser.below(3)] = chooser.one_of(words)
        lines.append(sign.join(cells if chooser.below(40) else cells[:2]))
    end = chooser.one_of(("\n", "\r\n", "\n\n"))
    coding = chooser.one_of(("utf-8", "utf-8", "latin-1"))
    path.write_bytes(chooser.damaged(end.join(lines).encode(coding), 4))
    return num


def check_folder(found: reading.Contents, num_images: int, folder) -> None:
    """Every image is read, skipped by name, told as left out, or a mask."""
    outside = sum(
        int(re.match(r"\d+", line)[0])
        for line in found.description.left_out
        if re.match(r"\d+ images outside of", line)
    )
    masks = {"pairs": "masks", "inspection": layouts.TRUTH}.get(found.kind)
    known = reading.image_folder.files_below.find(folder)
    assert len(known) == num_images
    num_masks = sum(masks in file.relative_to(folder).parts[:-1] for file in known) if masks else 0
    told = sum(map(len, found.parts.values())) + len(found.description.skipped) + outside
    assert told + num_masks == num_images, found.description


def check_npz(found: reading.Contents, rows: dict[str, int], options: reading.Options) -> None:
    """Every array is read whole, or told as left out."""
    (told,) = [line for line in found.description.left_out if "arrays of the file" in line] or [""]
    unread = set(re.findall(r"\w+", told.partition(":")[2]))
    read = set(rows) - unread
    assert {"x", "images", "x_train", "series"} & read
    if options.window is None:
        num = {len(part) for part in found.parts.values()}
        assert {rows[key] for key in read} <= num


def fuzz(seed: int, folder) -> bool:
    """Tries one input; returns whether it was read."""
    chooser = Chooser(seed)
    kind = chooser.one_of(("folder", "folder", "npz", "table"))
    options = chooser.options(chooser.one_of((0, 0, 0, 1, 2)))
    path = folder / {"folder": str(seed), "npz": f"{seed}.npz"}.get(
        kind, f"{seed}{chooser.one_of(('.csv', '.tsv'))}"
    )
    made = {"folder": make_folder, "npz": make_npz, "table": make_table}[kind](chooser, path)
    try:
        found = reading.read(path, options)
    except ValueError as error:
        text = str(error)
        assert type(error).__module__.startswith(("builtins", "zoo")), error
        assert text and "\n" not in text, text
        assert str(folder) in text or text.startswith("--") or "--" in text, text
        return False
    parts = found.parts.values()
    assert sum(found.description.num_read.values()) == sum(map(len, parts)) > 0
    for part in parts:
        assert np.isfinite(part.images).all()
        assert found.needs_scale or (part.images.min() >= 0 and part.images.max() <= 1)
        for values in (part.labels, part.masks):
            assert values is None or len(values) == len(part)
    if kind == "folder":
        check_folder(found, made, path)
    elif kind == "npz":
        check_npz(found, made, options)
    return True


@pytest.mark.parametrize("part", range(NUM_PARTS))
def test_what_is_read_adds_up_and_what_is_not_is_refused_in_a_line(tmp_path, part):
    num_read = 0
    seeds = range(part, NUM_INPUTS, NUM_PARTS)
    for seed in seeds:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                num_read += fuzz(seed, tmp_path)
            except Exception as error:
                raise AssertionError(f"input {seed}: {type(error).__name__}: {error}") from error
    assert len(seeds) < 100 or 0.1 < num_read / len(seeds) < 0.9  # both happen
