"""The images of a folder by their number, with their masks: decoded when asked for, or cached."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from zoo import checks
from zoo.data import cache, images, layouts, mask_files, mask_numbers
from zoo.data.mask_numbers import Seen

_COLORS = {1: "grey", 3: "rgb"}


class Folder:
    """Image files, and what a model of one `image_shape` gets of each.

    Args:
        owner: Name for error messages.
        source: A folder, or a list of files, which keeps its order.
        image_shape: `(height, width, 1 or 3)`: images are resized, and made grey or RGB.
        mask_folder: Where each image has a mask of the same name, or None.
        value_range: See `images.read`.
        num_classes: Of the masks, where some may be missing in them.
        foreground: See `mask_numbers.parse_foreground`.
        ignore_label: Number of the masks that is no class; it stays in them.

    Raises:
        ValueError: for a folder without images, or an image without a mask.
    """

    def __init__(
        self,
        owner: str,
        source: str | Path | Sequence[str | Path],
        image_shape: tuple[int, int, int],
        mask_folder: str | Path | None = None,
        *,
        value_range: tuple[float, float] | None = None,
        num_classes: int | None = None,
        foreground: str | None = None,
        ignore_label: int | None = None,
    ):
        shape = checks.image_shape(owner, image_shape)
        if len(shape) != 3 or shape[-1] not in _COLORS:
            raise ValueError(
                f"{owner}: image_shape must be (height, width, 1 or 3) for image files. "
                f"Received: image_shape={image_shape!r}. For example (64, 64, 3)."
            )
        self.image_shape = shape
        if isinstance(source, (str, Path)):
            self.files = layouts.one_folder(source)
        else:
            self.files = [Path(file) for file in source]
            if not self.files:
                raise ValueError(f"{owner}: source must name at least one file. Received: [].")
        self.mask_folder, self.mask_files = mask_folder, None
        if mask_folder is not None:
            if not isinstance(source, (str, Path)):
                raise ValueError(
                    f"{owner}: source must be a folder where masks are given, as masks are found "
                    "by the place of their image. Received: a list of files."
                )
            self.mask_files = mask_files.match(self.files, source, mask_folder)
        self.value_range, self.num_classes, self.foreground = value_range, num_classes, foreground
        self.ignore_label = ignore_label
        self.rule: mask_files.Rule | None = None  # of the masks; unknown until all are read

    def __len__(self) -> int:
        return len(self.files)

    def image(self, row: int) -> np.ndarray:
        """Returns an image, float32 `image_shape` in `[0, 1]`."""
        *size, channels = self.image_shape
        return images.read(
            self.files[row],
            resize=tuple(size),
            color=_COLORS[channels],
            value_range=self.value_range,
        )

    def mask(self, row: int) -> np.ndarray:
        """Returns the class numbers of a mask, int32 `(height, width)`."""
        numbers, seen = self._mask_numbers(row)
        rule = self.rule or mask_files.alone(
            self.mask_files[row], seen, self.num_classes, self.ignore_label
        )
        return rule.apply(numbers)

    def check(self) -> None:
        """Reads all once.

        Raises:
            ValueError: for the first file, by name, that cannot be read, and for masks whose size
                or numbers do not fit.
        """
        readings = cache.over_all(self._read_and_see, len(self))
        self._check_white(max(highest for highest, _ in readings))
        self._judge_masks([seen for _, seen in readings])

    def images_into(self, new: Callable[[tuple[int, ...], str], np.ndarray]) -> None:
        """Decodes all images into one array: bytes, or float32 where a file has more than 8 bits.

        Args:
            new: Gives an array of a shape and dtype.
        """
        kept = new((len(self), *self.image_shape), "uint8")

        def keep(row: int) -> bool:
            image = self.image(row)
            kept[row] = images.to_bytes(image)
            return bool((kept[row] / np.float32(255) == image).all())

        if all(cache.over_all(keep, len(self))):
            self._check_white(kept.max() / 255)
            return
        kept = new((len(self), *self.image_shape), "float32")

        def keep_exactly(row: int) -> None:
            kept[row] = self.image(row)

        cache.over_all(keep_exactly, len(self))

    def masks_into(self, new: Callable[[tuple[int, ...], str], np.ndarray]) -> None:
        """Reads all masks into one array of class numbers `(n, height, width)`.

        It is of bytes, but where the void label needs more.
        """
        dtype = "uint8" if self.ignore_label in (None, 255) else "int32"
        kept = new((len(self), *self.image_shape[:-1]), dtype)
        most = np.iinfo(dtype).max - 1  # what is more is refused, or stands for 1

        def keep(row: int) -> Seen:
            mask_files.check_size(self.files[row], self.mask_files[row])
            numbers, seen = self._mask_numbers(row)
            classes = np.minimum(numbers, most)
            kept[row] = mask_numbers.keep_void(classes, numbers, self.ignore_label)
            return seen

        self._judge_masks(cache.over_all(keep, len(self)))
        if self.rule.is_binary:
            kept[(kept > 1) & (kept != self.ignore_label)] = 1

    def fingerprint(self, what: str) -> bytes:
        """Returns what changes with the files that the pixels come from.

        Args:
            what: `"images"` or `"masks"`.
        """
        files = self.files if what == "images" else [*self.files, *self.mask_files]
        settings = {
            "value_range": self.value_range,
            "num_classes": self.num_classes,
            "foreground": self.foreground,
            "ignore_label": self.ignore_label,
        }
        given = {name: value for name, value in settings.items() if value is not None}
        return cache.fingerprint(files, what=what, image_shape=self.image_shape, **given)

    def _mask_numbers(self, row: int) -> tuple[np.ndarray, Seen]:
        return mask_numbers.read(
            self.mask_files[row],
            resize=self.image_shape[:2],
            foreground=self.foreground,
            ignore_label=self.ignore_label,
        )

    def _read_and_see(self, row: int) -> tuple[float, Seen | None]:
        highest = float(self.image(row).max())
        if self.mask_files is None:
            return highest, None
        mask_files.check_size(self.files[row], self.mask_files[row])
        return highest, self._mask_numbers(row)[1]

    def _check_white(self, highest: float) -> None:
        if self.value_range is None and 0 < highest <= 1.001 / 255:
            raise ValueError(
                f"{self.files[0].parent}: images must not be black. Received: {highest:.2g} as the "
                "highest value of all files. Say what is white, such as value_range=(0, 1)."
            )

    def _judge_masks(self, seen: list[Seen | None]) -> None:
        if self.mask_files is not None:
            self.rule = mask_files.judge(
                self.mask_folder, seen, self.num_classes, self.ignore_label
            )
