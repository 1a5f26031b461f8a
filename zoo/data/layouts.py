"""What the sub-folders of a folder of images mean.

| layout       | folders                                                | means                |
| ------------ | ------------------------------------------------------ | -------------------- |
| `flat`       | none, or of any names where no labels are asked for    | images               |
| `classes`    | `CLASS/`                                               | labels               |
| `pairs`      | `images/` and `masks/`                                 | masks                |
| `inspection` | `train/good/`, `test/DEFECT/`, `ground_truth/DEFECT/`  | normals, and defects |
| (splits)     | `train/`, `val/`, `test/`: flat, classes or pairs      | parts kept apart     |

The splits of pairs may also lie inside: `images/train/` and `masks/train/`. What looks like images
with their masks and is called otherwise is refused: masks are no images to learn from.
"""

import dataclasses
from collections.abc import Callable, Iterable
from pathlib import Path

from zoo import checks
from zoo.data import files, mask_files

SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "val", "valid", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
LAYOUTS = ("flat", "classes", "splits", "inspection", "pairs")  # that `--layout` takes
NORMAL = {"good", "ok", "normal"}
TRUTH = "ground_truth"
_IMAGES = {"image", "images", "img", "imgs", "jpegimages"}
_MASKS = {
    *("mask", "masks", "label", "labels", "annotation", "annotations", "gt", "groundtruth"),
    *("truth", "target", "targets", "segmentation", "segmentations", "segmentationclass"),
}
_MASK_SUFFIXES = (*mask_files.SUFFIXES[1:], "_masks", "-mask", "_seg", "_segmentation", "_label")


@dataclasses.dataclass(frozen=True)
class Layout:
    """A folder that is understood.

    Attributes:
        kind: `"flat"`, `"classes"`, `"pairs"` or `"inspection"`.
        images: Folder of the images of each split; without splits, `"train"` alone.
        masks: Folder of the masks of each split, where there are masks.
        left_out: A line for each thing that is not read.
    """

    kind: str
    images: dict[str, Path]
    masks: dict[str, Path] = dataclasses.field(default_factory=dict)
    left_out: tuple[str, ...] = ()


def recognise(folder, layout: str | None = None) -> Layout:
    """Returns the layout of a folder.

    Args:
        folder: Of images.
        layout: One of `LAYOUTS`: what the folder is; None: what its sub-folders say.

    Raises:
        ValueError: if it holds no images, its sub-folders could mean two things, or they are not
            those of `layout`.
    """
    folder = Path(folder)
    if layout is not None:
        checks.one_of("layout", layout=(layout, LAYOUTS))
    listing = files.listing(folder)
    places = [file.relative_to(folder).parts for file in listing.files]
    tops = {place[0] for place in places if len(place) > 1}
    left_out = tuple(listing.said())
    if layout == "flat" or (layout == "classes" and tops):
        return Layout(layout, {"train": folder}, left_out=left_out)
    if layout == "classes":
        raise ValueError(f"{folder}: --layout classes needs a sub-folder for each class.")
    if _holds_pairs(folder) and layout in (None, "pairs"):
        others = _others(folder, places, {"images", "masks"})
        return _pairs(folder, places, left_out + others)
    splits = _splits(folder, tops, is_asked=layout is not None)
    if not splits and layout is None:
        _check_masks_are_called_so(folder, places)
        left_out += _without_images([folder], tops)
        return Layout("classes" if tops else "flat", {"train": folder}, left_out=left_out)
    inner = {
        split: {place[1] for place in places if place[0] == path.name and len(place) > 2}
        for split, path in splits.items()
    }
    if layout == "inspection" and not is_inspection(inner):
        raise ValueError(
            f"{folder}: --layout inspection needs train/ with {', '.join(sorted(NORMAL))} alone, "
            "and test/ with a sub-folder for each kind of defect."
        )
    if layout == "inspection" or (layout is None and is_inspection(inner)):
        for split, path in splits.items():
            left_out += _without_images([path], inner[split])
        return _inspection(folder, places, splits, tops, left_out)
    if TRUTH in tops and layout is None and NORMAL & {name.lower() for name in inner["train"]}:
        more = sorted(name for name in inner["train"] if name.lower() not in NORMAL)
        raise ValueError(
            f"{splits['train']}: of an inspection, must hold normals alone, in "
            f"{', '.join(sorted(NORMAL))}. Received: {', '.join(more[:5])} too. Move what is no "
            "normal to test/ and its masks to ground_truth/, or give --layout splits."
        )
    others = tops - {path.name for path in splits.values()}
    if others and layout is None:
        names = sorted(path.name for path in splits.values())
        raise ValueError(
            f"{folder}: sub-folders must be classes, or the splits train/, val/ and test/. "
            f"Received: {', '.join(names)} beside {', '.join(sorted(others)[:5])}. Name the folder "
            f"to read, such as {splits['train']}; or say which: --layout splits, which leaves the "
            "others out, or --layout classes."
        )
    left_out += _others(folder, places, {path.name for path in splits.values()})
    with_masks = {split for split, path in splits.items() if _holds_pairs(path)}
    if layout == "pairs" and not with_masks:
        raise ValueError(f"{folder}: --layout pairs needs images/ and masks/ in it.")
    if with_masks and with_masks != set(splits):
        lacking = sorted(str(splits[split]) for split in set(splits) - with_masks)
        raise ValueError(
            f"{lacking[0]}: must hold images/ and masks/, as the other splits do. Add them, or "
            "move the folder away."
        )
    if with_masks:
        known = {(path.name, part) for path in splits.values() for part in ("images", "masks")}
        loose = [place for place in places if place[0] in {name for name, _ in known}]
        left_out += _outside(folder, loose, lambda place: len(place) > 2 and place[:2] in known)
        images = {split: path / "images" for split, path in splits.items()}
        masks = {split: path / "masks" for split, path in splits.items()}
        return Layout("pairs", images, masks, left_out)
    for path in splits.values():
        _check_masks_are_called_so(path, [at[1:] for at in places if at[0] == path.name])
    left_out += _without_images(splits.values(), set().union(*inner.values()))
    return Layout("classes" if any(inner.values()) else "flat", splits, left_out=left_out)


def one_folder(folder) -> list[Path]:
    """Returns the images of a folder that has no splits and no masks in it.

    Raises:
        ValueError: if it has: which of them is meant must be said.
    """
    layout = recognise(folder)
    if layout.kind == "pairs" or len(layout.images) > 1:
        first = layout.images["train"]
        what = (
            "masks among its images"
            if len(layout.images) == 1
            else "the splits " + ", ".join(sorted(layout.images))
        )
        raise ValueError(
            f"{folder}: must be one folder of images, but it holds {what}. Name what is meant, "
            f"such as {first}."
        )
    return files.find(layout.images["train"])


def check_no_masks(folder, image_files: list[Path]) -> None:
    """Raises ValueError when masks lie among the images that a command is to work on."""
    places = [file.relative_to(folder).parts for file in image_files]
    tops = {place[0] for place in places if len(place) > 1}
    for masks, images in (("masks", "images"), (TRUTH, "test")):
        if {masks, images} <= tops:
            raise ValueError(
                f"{folder}: must be a folder of images, but {masks}/ holds masks. Name "
                f"{Path(folder) / images}."
            )
    _check_masks_are_called_so(
        Path(folder), places, "Name the folder of the images alone, or move the masks away."
    )


def is_inspection(inner: dict[str, set[str]]) -> bool:
    """Tells whether splits are those of an inspection: normals alone to learn from.

    Args:
        inner: Names of the sub-folders of each split.
    """
    normals = {name for name in inner.get("train", ()) if name.lower() in NORMAL}
    return len(inner.get("train", ())) == 1 and bool(normals) and bool(inner.get("test"))


def _holds_pairs(folder: Path) -> bool:
    return (folder / "images").is_dir() and (folder / "masks").is_dir()


def _check_masks_are_called_so(folder: Path, places, fix: str | None = None) -> None:
    """Raises ValueError where images seem to lie with their masks, in no layout of pairs.

    They do where `x_mask.png` is beside `x.png`, or where of two sub-folders one is called as
    masks, or as images, are, and the names of all files of one are those of the other.
    """
    names: dict[str, set[str]] = {}
    for place in places:
        top, *rest = place if len(place) > 1 else ("", *place)
        names.setdefault(top, set()).add(files.name(Path(*rest)))
    seem = None
    for top, own in sorted(names.items()):
        beside = sorted(name for name in own if _without_suffix(name) in own - {name})
        if beside:
            first = (Path(top) / _without_suffix(beside[0])).as_posix()
            seem = f"{(Path(top) / beside[0]).as_posix()} beside {first}"
        for other, theirs in sorted(names.items()):
            if top and other and other != top and _are_masks_of(top, own, other, theirs):
                seem = f"{top}/ beside {other}/, with files of the same names"
    if seem is not None:
        fix = fix or (
            "Call the folders images/ and masks/; or say how to read them all as images: --layout "
            "flat or --layout classes."
        )
        raise ValueError(
            f"{folder}: must hold images, or images/ with masks/. Received: {seem}, which seem to "
            f"be masks. {fix}"
        )


def _are_masks_of(masks: str, own: set[str], images: str, theirs: set[str]) -> bool:
    words = masks.lower().replace("-", "_").split("_")
    is_called_so = words[-1] in _MASKS or "".join(words[-2:]) in _MASKS
    return (is_called_so or images.lower() in _IMAGES) and all(
        name in theirs or _without_suffix(name) in theirs for name in own
    )


def _without_suffix(name: str) -> str:
    """Returns a name without what marks a mask."""
    suffix = next((each for each in _MASK_SUFFIXES if name.lower().endswith(each)), "")
    return name[: len(name) - len(suffix)]


def _without_images(folders: Iterable[Path], tops: set[str]) -> tuple[str, ...]:
    """Returns a line on each folder of a class that has no images.

    Args:
        folders: Where the classes are.
        tops: Names of the sub-folders that hold images; without any there are no classes.
    """
    if not tops:
        return ()
    found = (path for folder in folders for path in sorted(folder.iterdir()) if path.is_dir())
    empty = [path for path in found if path.name not in tops and not files.is_hidden(path.name)]
    return tuple(f"{path}: no images in it" for path in empty)


def _pairs(folder: Path, places, left_out) -> Layout:
    inner = [
        {place[1] for place in places if place[0] == name and len(place) > 2}
        for name in ("images", "masks")
    ]
    splits = _splits(folder / "images", inner[0])
    if splits and {path.name for path in splits.values()} == inner[0] == inner[1]:
        masks = {split: folder / "masks" / path.name for split, path in splits.items()}
        inside = [place for place in places if place[0] in ("images", "masks")]
        left_out += _outside(folder, inside, lambda place: len(place) > 2)
        return Layout("pairs", splits, masks, left_out)
    return Layout("pairs", {"train": folder / "images"}, {"train": folder / "masks"}, left_out)


def _inspection(folder: Path, places, splits, tops, left_out) -> Layout:
    known = {path.name for path in splits.values()} | {TRUTH}
    masks = {"test": folder / TRUTH} if TRUTH in tops else {}
    return Layout("inspection", splits, masks, left_out + _others(folder, places, known))


def _splits(folder: Path, tops: set[str], is_asked: bool = False) -> dict[str, Path]:
    """Returns the folders of splits by `train`, `validation` and `test`; {}: there are none.

    `train` alone among other names is a class, as in a set of vehicles, unless splits are asked
    for.
    """
    folders: dict[str, Path] = {}
    for top in sorted(tops):
        split = SPLITS.get(top.lower())
        if split is None:
            continue
        if split in folders:
            raise ValueError(
                f"{folder}: must have one folder for each split. Received: {folders[split].name} "
                f"and {top}, both for {split}. Merge them, or give --layout classes."
            )
        folders[split] = folder / top
    if set(folders) == {"train"} and len(tops) > 1 and not is_asked:
        return {}
    if "train" not in folders and (folders or is_asked):
        beside = ", ".join(sorted(path.name for path in folders.values())) or "the others"
        raise ValueError(
            f"{folder}: must have a folder train/ with images beside {beside}. Add them, name the "
            "folder to read, or give --layout classes."
        )
    return folders


def _others(folder: Path, places, known: set[str]) -> tuple[str, ...]:
    """Returns a line on images that lie in none of the known sub-folders."""
    return _outside(
        folder, places, lambda place: len(place) > 1 and place[0] in known, ", ".join(sorted(known))
    )


def _outside(
    folder: Path, places, is_inside: Callable[[tuple[str, ...]], bool], known: str = "the splits"
) -> tuple[str, ...]:
    """Returns a line on images at places that are not read."""
    others = [place for place in places if not is_inside(place)]
    if not others:
        return ()
    first = folder.joinpath(*others[0])
    return (f"{len(others)} images outside of {known}, such as {first}",)
