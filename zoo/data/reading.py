"""The one reader: a folder of images or an `.npz` file becomes arrays, and a description of them.

What the folders mean is in `layouts`, what the masks mean in `mask_files`, what the keys of an
`.npz` mean in `npz`, and what is white in `scaling`.
"""

import dataclasses
from pathlib import Path

import numpy as np

from zoo.data import files as files_below
from zoo.data import layouts, mask_files, mask_numbers, npz
from zoo.data.layouts import Layout
from zoo.data.reader import Reader, ragged

UNLABELLED = npz.UNLABELLED


@dataclasses.dataclass(frozen=True)
class Options:
    """How files are read.

    Attributes:
        resize: `(height, width)`, images by area averaging, masks by the nearest pixel; None: all
            have one size.
        color: `"grey"`, `"rgb"`, or None: grey if all images are grey.
        skip_unreadable: Whether damaged image files are left out; otherwise the first is an error.
        value_range: What is black and what is white; None: the type's range.
        foreground: `"nonzero"` or `"above:NUMBER"`: which numbers of masks are foreground; None:
            the numbers are classes.
        ignore_label: Number of the masks that is no class (void): it stays in them as it is.
        num_classes: Of the masks, where some may be missing in them.
        data_kind: `"series"` or `"images"`: what arrays of rank 3 are; None: by key and shape.
        keep_sizes: Whether image files keep their own sizes: images and masks are then arrays of
            objects, see `Reader.all`.
    """

    resize: tuple[int, int] | None = None
    color: str | None = None
    skip_unreadable: bool = False
    value_range: tuple[float, float] | None = None
    foreground: str | None = None
    ignore_label: int | None = None
    num_classes: int | None = None
    data_kind: str | None = None
    keep_sizes: bool = False

    def given(self) -> list[str]:
        """Returns the flags of a command line that ask for what is not the default."""
        return [
            flag(field.name)
            for field in dataclasses.fields(self)
            if getattr(self, field.name) != field.default
        ]


@dataclasses.dataclass(frozen=True)
class Part:
    """One split.

    Attributes:
        images: Float32 `(n, *shape)` in `[0, 1]`.
        labels: int64 `(n,)`, -1 where unlabelled, or None.
        masks: Class numbers, and `Contents.ignore_label`, int32 `(n, height, width)`, or None.
    """

    images: np.ndarray
    labels: np.ndarray | None = None
    masks: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.images)


@dataclasses.dataclass(frozen=True)
class Contents:
    """What was read.

    Attributes:
        kind: See `layouts`; `"npz"` for a file.
        parts: By `"train"`, and perhaps `"validation"` and `"test"`.
        class_names: Names of the labels; of an inspection, of what the test images show.
        num_mask_classes: Classes of the masks, the background among them; 0 without masks.
        ignore_label: Number in the masks that is no class, or None.
        loose: An image without a class, where others have one, or None.
        skipped: A line for each file that could not be read.
        said: Lines that describe what was read, and what was left out.
    """

    kind: str
    parts: dict[str, Part]
    class_names: tuple[str, ...] = ()
    num_mask_classes: int = 0
    ignore_label: int | None = None
    loose: Path | None = None
    skipped: tuple[str, ...] = ()
    said: tuple[str, ...] = ()


def read(
    path: Path,
    options: Options | None = None,
    *,
    only: tuple[str, ...] | None = None,
    needed: str | None = None,
) -> Contents:
    """Reads a folder of images, or an `.npz` file.

    Args:
        path: Folder or file.
        options: How; see `Options`.
        only: Splits to read; None: all. What is not read is said.
        needed: `"images"`, `"labels"` or `"masks"`: what is read beside images; None: all that is
            there.

    Raises:
        ValueError: if something cannot be read or understood; the text names file and remedy.
    """
    options = options or Options()
    path = Path(path)
    if path.is_dir():
        contents = _folder(path, options, only, needed)
    elif path.suffix == ".npz" and path.is_file():
        contents = _npz(path, options, only, needed)
    else:
        raise ValueError(
            f"{path}: must be a folder of images or an .npz file that exists. "
            "The folder's sub-folders may be classes."
        )
    for name in ("foreground", "ignore_label"):
        if getattr(options, name) is not None and not contents.num_mask_classes:
            why = f"{path} has none" if needed in (None, "masks") else "the model takes none"
            raise ValueError(f"{flag(name)} is for data with masks, and {why}. Leave it out.")
    return contents


def flag(name: str) -> str:
    """Returns the flag of a command line for a field of `Options`."""
    name = {"value_range": "range", "data_kind": "data"}.get(name, name)
    return f"--{name.replace('_', '-')}"


# --- folders --------------------------------------------------------------------------------


def _folder(path: Path, options: Options, only, needed) -> Contents:
    if options.data_kind is not None:
        raise ValueError(f"--data is for .npz files, and {path} is none. Leave it out.")
    layout = layouts.recognise(path)
    wanted = [split for split in layout.images if only is None or split in only]
    reader = Reader(
        options.resize,
        options.color,
        options.skip_unreadable,
        options.value_range,
        options.keep_sizes,
    )
    listings = {split: files_below.listing(folder) for split, folder in layout.images.items()}
    pairs = {}
    if needed in (None, "masks"):
        pairs = {split: _mask_files(layout, split, listings[split].files) for split in wanted}
    # All splits at once: one size, one number of channels, one scale.
    files = [file for split in wanted for file in listings[split].files]
    kept, images = reader.all(files)
    masks, num_mask_classes = _masks(layout, pairs, kept, images, options)
    kept_places = {file: row for row, file in enumerate(kept)}
    parts, class_names, loose = {}, _class_names(layout, listings, wanted), None
    for split in wanted:
        folder, rows, labels = layout.images[split], [], []
        for file in listings[split].files:
            if file not in kept_places:
                continue
            rows.append(kept_places[file])
            place = file.relative_to(folder).parts
            if not class_names:
                continue
            if len(place) == 1:
                loose = loose or file
                labels.append(UNLABELLED)
            else:
                labels.append(class_names.index(files_below.normal(place[0])))
        class_labels = np.array(labels, "int64") if class_names else None
        part_masks = None
        if masks:
            part_masks = (ragged if options.keep_sizes else np.stack)([masks[row] for row in rows])
        if not rows:
            raise ValueError(f"{folder}: none of its files can be read. {reader.skipped[0]}")
        parts[split] = Part(images[rows], class_labels, part_masks)
    said = _described(parts, class_names, reader)
    said += _masks_described(parts, num_mask_classes, options.ignore_label)
    unread = [
        f"{layout.images[split]}: {len(listings[split].files)} images, of the {split} split"
        for split in layout.images
        if split not in wanted
    ]
    unread += [
        f"{folder}: the masks" for split, folder in layout.masks.items() if split not in pairs
    ]
    out = [*layout.left_out, *reader.said(), *unread]
    said += [*(f"left out: {line}" for line in out), *(f"note: {n}" for n in reader.notes())]
    return Contents(
        layout.kind,
        parts,
        class_names,
        num_mask_classes,
        options.ignore_label if num_mask_classes else None,
        loose,
        tuple(reader.skipped),
        tuple(said),
    )


def _class_names(layout: Layout, listings, wanted) -> tuple[str, ...]:
    if layout.kind not in ("classes", "inspection"):
        return ()
    names = set()
    for split in wanted:
        places = [file.relative_to(layout.images[split]).parts for file in listings[split].files]
        names |= {files_below.normal(place[0]) for place in places if len(place) > 1}
    return tuple(sorted(names))


def _mask_files(layout: Layout, split: str, files: list[Path]) -> dict[Path, Path]:
    """Returns the mask of each image that has one."""
    folder, masks = layout.images[split], layout.masks.get(split)
    if masks is None:
        return {}
    may_lack = []
    if layout.kind == "inspection":
        may_lack = [
            file for file in files if file.relative_to(folder).parts[0].lower() in layouts.NORMAL
        ]
    masks_of = mask_files.match(files, folder, masks, may_lack=may_lack)
    pairs = {file: mask for file, mask in zip(files, masks_of, strict=True) if mask is not None}
    for file, mask in pairs.items():
        mask_files.check_size(file, mask)
    return pairs


def _masks(layout: Layout, pairs, kept: list[Path], images: np.ndarray, options: Options):
    """Returns the masks by row of the kept images, and the number of classes."""
    known = {file: mask for each in pairs.values() for file, mask in each.items()}
    if not known:
        return {}, 0
    numbers, seen = {}, []
    for row, file in enumerate(kept):
        size = images[row].shape[:2]
        if file not in known:  # nothing to find in it
            numbers[row] = np.zeros(size, "int32")
            continue
        numbers[row], seen_mask = mask_numbers.read(
            known[file],
            resize=size,
            foreground=options.foreground,
            ignore_label=options.ignore_label,
        )
        seen.append(seen_mask)
    where = next(iter(layout.masks.values()))
    rule = mask_files.judge(where, seen, options.num_classes, options.ignore_label)
    if layout.kind == "inspection":  # a defect of whatever kind
        rule = mask_files.Rule(True, 2, options.ignore_label)
    return {row: rule.apply(each) for row, each in numbers.items()}, rule.num_classes


def _described(parts: dict[str, Part], class_names, reader: Reader) -> list[str]:
    shapes = sorted({image.shape for part in parts.values() for image in part.images})
    sizes = ", ".join(f"{split} {len(part)}" for split, part in parts.items())
    num = sum(map(len, parts.values()))
    ends = dict.fromkeys((shapes[0], shapes[-1]))
    size = " to ".join("x".join(map(str, shape[:2])) for shape in ends)
    size += f", {len(shapes)} sizes" if len(shapes) > 2 else ""
    size += ", rgb" if shapes[0][-1] == 3 else ", grey"
    lines = [f"read: {num} images of {size}, {reader.depths()} ({sizes})"]
    if class_names:
        labels = np.concatenate([part.labels for part in parts.values()])
        counts = [f"{name} {(labels == row).sum()}" for row, name in enumerate(class_names)]
        lines.append(f"classes: {', '.join(counts)}")
    return lines


def _masks_described(parts: dict[str, Part], num_classes: int, void: int | None) -> list[str]:
    if not num_classes:
        return []
    line = f"masks: {num_classes} classes, the background among them"
    if void is not None:
        of_parts = [part.masks for part in parts.values() if part.masks is not None]
        is_void = [mask == void for masks in of_parts for mask in masks]
        share = sum(int(each.sum()) for each in is_void) / sum(each.size for each in is_void)
        line += f"; {share:.2%} of the pixels are void ({void})"
    return [line]


# --- npz ------------------------------------------------------------------------------------


def _npz(path: Path, options: Options, only, needed) -> Contents:
    for name in ("resize", "color"):
        if getattr(options, name) is not None:
            raise ValueError(f"--{name} is for folders of images, and {path} is none.")
    archive = npz.read(
        path,
        data=options.data_kind,
        only=only,
        with_labels=needed in (None, "labels"),
        with_masks=needed in (None, "masks"),
        value_range=options.value_range,
    )
    void = options.ignore_label
    masks, num_mask_classes = npz.class_numbers(
        path, archive, options.num_classes, options.foreground, void
    )
    parts = {
        split: Part(archive.scale.apply(each.images), each.labels, masks.get(split))
        for split, each in archive.splits.items()
    }
    shape = parts["train"].images.shape[1:]
    kind = {1: "vectors", 2: "series", 3: "images"}[len(shape)]
    sizes = ", ".join(f"{split} {len(part)}" for split, part in parts.items())
    lines = [f"read: {kind} of {shape} ({sizes})"]
    lines += _masks_described(parts, num_mask_classes, void)
    lines += [f"left out: {line}" for line in archive.left_out]
    lines += [f"note: {archive.scale.note}"] if archive.scale.note else []
    return Contents(
        "npz",
        parts,
        num_mask_classes=num_mask_classes,
        ignore_label=void if masks else None,
        said=tuple(lines),
    )
