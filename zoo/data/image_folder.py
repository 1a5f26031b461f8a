"""A folder of images becomes arrays: by its layout (`layouts`), and the rule of masks."""

import contextlib
from pathlib import Path

import numpy as np

from zoo.data import files as files_below
from zoo.data import layouts, mask_files, mask_numbers
from zoo.data.contents import UNLABELLED, Contents, Options, Part, describe
from zoo.data.layouts import Layout
from zoo.data.reader import Reader, ragged


def read(path: Path, options: Options, only, needed, watch=None) -> Contents:
    """Reads a folder: see `zoo.data.reading.read`."""
    layout = layouts.recognise(path, options.layout)
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
    with contextlib.nullcontext() if watch is None else watch(len(files)) as advance:
        kept, images = reader.all(files, advance)
    masks, num_mask_classes = _masks(layout, pairs, kept, images, options)
    notes = reader.notes()
    if masks and layout.kind == "inspection":
        notes += _said_of_defects(layout, pairs["test"], kept, masks)
    kept_places = {file: row for row, file in enumerate(kept)}
    parts, class_names, loose = {}, _class_names(layout, listings, wanted), None
    for split in wanted:
        folder, rows, labels, names = layout.images[split], [], [], []
        for file in listings[split].files:
            if file not in kept_places:
                continue
            rows.append(kept_places[file])
            names.append(file.relative_to(folder).as_posix())
            place = file.relative_to(folder).parts
            if not class_names:
                continue
            if len(place) == 1 and layout.kind == "inspection":
                raise ValueError(
                    f"{file}: must lie in the sub-folder of what it shows, such as "
                    f"{folder / 'good'}. Move it there."
                )
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
        parts[split] = Part(images[rows], class_labels, part_masks, tuple(names))
    unread = [
        f"{layout.images[split]}: {len(listings[split].files)} images, of the {split} split"
        for split in layout.images
        if split not in wanted
    ]
    unread += [
        f"{folder}: the masks" for split, folder in layout.masks.items() if split not in pairs
    ]
    description = describe(
        layout.kind,
        parts,
        class_names=class_names,
        num_mask_classes=num_mask_classes,
        ignore_label=options.ignore_label,
        bit_depths=reader.depths(),
        left_out=(*layout.left_out, *reader.said(), *unread),
        skipped=tuple(reader.skipped),
        notes=tuple(notes),
    )
    return Contents(layout.kind, parts, description, class_names, loose)


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
        may_lack = [file for file in files if _is_normal(file, folder)]
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
    rule = mask_files.judge(where, seen, options.mask_classes, options.ignore_label)
    if layout.kind == "inspection":  # a defect of whatever kind
        rule = mask_files.Rule(True, 2, options.ignore_label)
    return {row: rule.apply(each) for row, each in numbers.items()}, rule.num_classes


def _is_normal(file: Path, folder: Path) -> bool:
    """Tells whether an image of an inspection shows no defect, by its folder."""
    return file.relative_to(folder).parts[0].lower() in layouts.NORMAL


def _said_of_defects(layout: Layout, mask_of, kept: list[Path], masks) -> list[str]:
    """Returns a line on defects without a pixel in their masks.

    Raises:
        ValueError: if the mask of a normal image marks a defect.
    """
    empty, num_defects = [], 0
    for row, file in enumerate(kept):
        if file not in mask_of:
            continue
        is_marked, is_defect = (masks[row] == 1).any(), not _is_normal(file, layout.images["test"])
        if is_marked and not is_defect:
            raise ValueError(
                f"{mask_of[file]}: must mark nothing, as its image lies with the normals. Move "
                f"both to the folder of the defect, or remove the mask. The image is {file}."
            )
        num_defects += is_defect
        if is_defect and not is_marked:
            empty.append(mask_of[file])
    if not empty:
        return []
    shown = f"{len(empty)} of {num_defects} defects have masks without a pixel at this size"
    return [f"{shown}, such as {empty[0]}"]
