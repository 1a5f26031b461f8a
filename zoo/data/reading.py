"""The one reader: a folder of images, an `.npz` or a table becomes arrays and a description.

Folders are read by `image_folder`, the keys of an `.npz` by `npz`, tables by `zoo.tabular`; what
is white is in `scaling`.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from zoo.data import files, image_folder, npz, scaling
from zoo.data.contents import UNLABELLED as UNLABELLED
from zoo.data.contents import Contents as Contents
from zoo.data.contents import Options as Options
from zoo.data.contents import Part as Part
from zoo.data.contents import describe, flag
from zoo.tabular import tables, windows


def read(
    path: Path,
    options: Options | None = None,
    *,
    only: tuple[str, ...] | None = None,
    needed: str | None = None,
    watch: Callable[[int], AbstractContextManager] | None = None,
) -> Contents:
    """Reads a folder of images, an `.npz` file or a table.

    Args:
        path: Folder or file.
        options: How; see `Options`.
        only: Splits to read; None: all. What is not read is said.
        needed: `"images"`, `"labels"` or `"masks"`: what is read beside images; None: all that is
            there.
        watch: Gets the number of image files, and gives a context whose value is called after
            each; None: nobody looks.

    Raises:
        ValueError: if something cannot be read or understood; the text names file and remedy.
    """
    options = options or Options()
    path = Path(path)
    is_file = path.is_file()
    _check_fits(path, options)
    if path.is_dir():
        contents = image_folder.read(path, options, only, needed, watch)
    elif npz.is_npz(path) and is_file:
        contents = _npz(path, options, only, needed)
    elif tables.is_table(path) and is_file:
        contents = _table(path, options)
    else:
        raise ValueError(
            f"{path}: must be a folder of images or an .npz file, or a table (.csv, .tsv). "
            f"Received: {_what_else(path)}"
        )
    for name in ("foreground", "ignore_label", "mask_classes"):
        if getattr(options, name) is not None and not contents.num_mask_classes:
            why = f"{path} has none" if needed in (None, "masks") else "the model takes none"
            raise ValueError(f"{flag(name)} is for data with masks, and {why}. Leave it out.")
    return contents


def _what_else(path: Path) -> str:
    """Returns what a path is that is not read, and the remedy."""
    if not path.exists():
        return "a path that does not exist."
    suffix = path.suffix.lower()
    if suffix == ".npy":
        write = f"numpy.savez('{path.stem}.npz', images=numpy.load('{path.name}'))"
        return f"an .npy file. Put the array into an .npz: {write}."
    if suffix in files.suffixes():
        return "one image file. Give the folder that it lies in."
    return f"a file {f'ending in {suffix}' if suffix else 'without a suffix'}."


_FOR = {
    "folders of images": ("resize", "color", "skip_unreadable", "layout"),
    "tables": ("label_column", "separator", "columns"),
    "long series": ("window", "stride"),
    ".npz files": ("data_kind",),
}


def _check_fits(path: Path, options: Options) -> None:
    """Raises ValueError for options that would be ignored for what the path is."""
    if path.is_dir():
        fitting = ("folders of images",)
    elif tables.is_table(path):
        fitting = ("tables", "long series")
    else:
        fitting = (".npz files", "long series")
    given = options.given()
    for kind, names in _FOR.items():
        for name in names:
            if flag(name) in given and kind not in fitting:
                raise ValueError(f"{flag(name)} is for {kind}, and {path} is none. Leave it out.")
    if options.stride is not None and options.window is None:
        raise ValueError("--stride is for windows of a long series. Give --window too.")
    for name in ("window", "stride", "mask_classes"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise ValueError(f"{flag(name)} must be at least 1. Received: {value}.")


def _table(path: Path, options: Options) -> Contents:
    table = tables.read(
        path,
        separator=options.separator,
        label_column=options.label_column,
        columns=options.columns,
    )
    values, labels, left_out, first_steps = table.values, table.labels, [*table.left_out], None
    if options.window is not None:
        values, first_steps, between = windows.of_series(
            path, values, options.window, options.stride
        )
        left_out += between
        if labels is not None:
            left_out.append(f"column {options.label_column}: labels of steps, not of windows")
            labels = None
    notes, needs_scale = [], False
    if not table.has_header:
        notes.append("there is no header: the columns are called 1, 2, ...")
    if options.value_range is not None:
        values = scaling.scale_of(path, [values], options.value_range).apply(values)
    elif values.min() >= 0 and values.max() <= 1:
        values = values.astype("float32")
    else:
        needs_scale = True
        notes.append(
            "each column becomes [0, 1] by its lowest and highest value in the rows trained on"
        )
    flat = values.reshape(-1, values.shape[-1])
    constant = [
        name
        for name, low, high in zip(table.columns, flat.min(0), flat.max(0), strict=True)
        if low == high
    ]
    if constant:
        notes.append(f"one value alone in column {', '.join(constant)}")
    names = table.class_names if labels is not None else ()
    parts = {"train": Part(values, labels)}
    description = describe(
        "table",
        parts,
        class_names=names,
        left_out=tuple(left_out),
        notes=tuple(notes),
        **({} if first_steps is None else {"what": "windows"}),
    )
    return Contents(
        "table",
        parts,
        description,
        names,
        columns=table.columns,
        needs_scale=needs_scale,
        first_steps=first_steps,
    )


def _npz(path: Path, options: Options, only, needed) -> Contents:
    archive = npz.read(
        path,
        data=options.data_kind,
        only=only,
        with_labels=needed in (None, "labels"),
        with_masks=needed in (None, "masks"),
        value_range=options.value_range,
        window=options.window,
        stride=options.stride,
    )
    void = options.ignore_label
    masks, num_mask_classes = npz.class_numbers(
        path, archive, options.mask_classes, options.foreground, void
    )
    parts = {
        split: Part(archive.scale.apply(each.images), each.labels, masks.get(split))
        for split, each in archive.splits.items()
    }
    description = describe(
        "npz",
        parts,
        num_mask_classes=num_mask_classes,
        ignore_label=void,
        bit_depths=archive.bit_depths,
        left_out=archive.left_out,
        notes=(archive.scale.note,) if archive.scale.note else (),
        **({} if options.window is None else {"what": "windows"}),
    )
    first_steps = archive.splits["train"].first_steps
    return Contents("npz", parts, description, first_steps=first_steps)
