"""Many image files as arrays of one size and colour, and what was left out of them."""

import collections
import dataclasses
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from zoo.data import memory, scaling
from zoo.data.images import Facts, UnreadableImageError, read_with_facts, to_bytes
from zoo.data.opening import OutOfRangeError


@dataclasses.dataclass
class Reader:
    """Reads image files to one size and colour.

    Attributes:
        resize: `(height, width)`, or None when all files have one size.
        color: `"grey"`, `"rgb"`, or None: grey if all files are grey.
        skip_unreadable: Whether damaged files are left out; otherwise the first one is an error.
        value_range: What is black and what is white, in place of the type's range.
        keep_sizes: Whether `all` gives each image in its own size, as bytes where it has 8 bits.
        skipped: What was left out: one line per file.
    """

    resize: tuple[int, int] | None = None
    color: str | None = None
    skip_unreadable: bool = False
    value_range: tuple[float, float] | None = None
    keep_sizes: bool = False
    skipped: list[str] = dataclasses.field(default_factory=list)
    _facts: dict[Path, Facts] = dataclasses.field(default_factory=dict, repr=False)

    def afresh(self) -> "Reader":
        """Returns a reader of the same kind that has read nothing yet."""
        return dataclasses.replace(self, skipped=[], _facts={})

    def batches(self, files, batch_size: int = 64) -> Iterator[tuple[list[Path], np.ndarray]]:
        """Yields files and their images, float32 `(n, height, width, channels)`, in order."""
        for start in range(0, len(files), batch_size):
            kept, images = self._read(files[start : start + batch_size])
            if kept:
                yield kept, np.stack(images)

    def all(self, files, advance: Callable[[], None] | None = None):
        """Returns the files that could be read, and their images as one array.

        With `keep_sizes` it is an array of objects, `(n,)`: the images.

        Args:
            advance: Called after each file.

        Raises:
            ValueError: if sizes differ, no file could be read, bytes hold 0 and 1 alone, or the
                array would not fit into memory.
        """
        self._check_memory(files)
        kept, images = self._read(files, advance)
        if not kept:
            raise ValueError(f"none of {len(files)} files can be read. {self.skipped[0]}")
        for file, image in zip(kept, images, strict=True):
            if image.shape[:2] != images[0].shape[:2] and not self.keep_sizes:
                sizes = [f"{each.shape[0]}x{each.shape[1]}" for each in (images[0], image)]
                raise ValueError(
                    f"{kept[0]} is {sizes[0]} but {file} is {sizes[1]}: images must have one "
                    f"size. Resize them all, for example with --resize {sizes[0]}; or keep their "
                    "sizes and train on crops, with --crop of python -m zoo train."
                )
        self._check_white(kept)
        channels = max(image.shape[-1] for image in images)
        if self.keep_sizes:
            return kept, ragged(
                [np.broadcast_to(image, (*image.shape[:2], channels)) for image in images]
            )
        shape = (*images[0].shape[:2], channels)
        return kept, np.stack([np.broadcast_to(image, shape) for image in images])

    def said(self) -> list[str]:
        """Returns a line for each kind of thing that was left out of what was read."""
        lines = []
        several = [file for file, facts in self._facts.items() if facts.num_frames > 1]
        if several:
            num = sum(self._facts[file].num_frames - 1 for file in several)
            lines.append(
                f"{num} pages or frames after the first, of {_count(several)} "
                f"({_shown(several[0])} has {self._facts[several[0]].num_frames})"
            )
        hidden = [file for file, facts in self._facts.items() if facts.is_transparent]
        if hidden:
            lines.append(f"transparency of {_count(hidden)}, such as {_shown(hidden[0])}")
        cut = [file for file, facts in self._facts.items() if facts.is_cut]
        if cut:
            lines.append(
                f"the lower 8 of 16 bits a colour, of {_count(cut)}, such as {_shown(cut[0])}: an "
                ".npz holds them all"
            )
        return lines

    def notes(self) -> list[str]:
        """Returns a line where the values are far below what their type can hold."""
        tops = {facts.top for facts in self._facts.values()}
        if self.value_range is not None or len(tops) != 1:
            return []
        top, highest = tops.pop(), self._highest()
        note = scaling.far_below(highest, int(top)) if top > 1 else None
        return [] if note is None else [note]

    def depths(self) -> str:
        """Returns the bit depths of what was read: `"8 bits"`."""
        names = {255.0: "8 bits", 65_535.0: "16 bits", 1.0: "floats"}
        counted = collections.Counter(names[facts.top] for facts in self._facts.values())
        return " and ".join(sorted(counted))

    def _highest(self) -> float:
        return max(facts.highest for facts in self._facts.values())

    def _check_memory(self, files) -> None:
        """Raises ValueError where the files, as large as the first, are more than memory holds."""
        if self.keep_sizes or not files:
            return
        try:
            first = read_with_facts(files[0], color=self.color, value_range=self.value_range)[0]
        except UnreadableImageError:
            return  # told, or left out, when it is read in its turn
        shape = (*(self.resize or first.shape[:2]), first.shape[-1])
        memory.check_fits(os.path.commonpath([file.parent for file in files]), len(files), shape)

    def _check_white(self, files) -> None:
        is_bytes = all(facts.top > 1 for facts in self._facts.values())
        if self.value_range is None and is_bytes and self._highest() == 1:
            raise ValueError(
                f"{os.path.commonpath(files)}: the files hold the values 0 and 1 alone, which are "
                "black when divided by 255. Say what is white: --range 0..1."
            )

    def _read(self, files, advance=None) -> tuple[list[Path], list[np.ndarray]]:
        kept, images = [], []
        for file in files:
            try:
                image, facts = read_with_facts(
                    file, resize=self.resize, color=self.color, value_range=self.value_range
                )
            except OutOfRangeError as error:
                if self.value_range is not None or not self.skip_unreadable:
                    raise
                self.skipped.append(error.text)
            except UnreadableImageError as error:
                if not self.skip_unreadable:
                    raise UnreadableImageError(
                        f"{error} Or leave it out: --skip-unreadable."
                    ) from error
                self.skipped.append(str(error))
            else:
                self._facts[file] = facts
                kept.append(file)
                images.append(_compact(image) if self.keep_sizes else image)
            if advance is not None:
                advance()
        return kept, images


def ragged(arrays) -> np.ndarray:
    """Returns arrays of any shapes as an array of objects, `(n,)`, that takes rows by numbers."""
    objects = np.empty(len(arrays), object)
    for row, each in enumerate(arrays):
        objects[row] = each
    return objects


def _compact(image: np.ndarray) -> np.ndarray:
    """Returns pixels as bytes, where these are exact."""
    as_bytes = to_bytes(image)
    return as_bytes if (as_bytes / np.float32(255) == image).all() else image


def _count(files) -> str:
    return f"{len(files)} {'file' if len(files) == 1 else 'files'}"


def _shown(file: Path) -> str:
    return file.name
