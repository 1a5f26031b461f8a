"""`python -m zoo segment --instances`: label images, and a table of objects."""

from pathlib import Path

import numpy as np

from zoo.cli.files import CommandError, new_table
from zoo.tiles.objects import instances

COLUMNS = (
    *("file", "object", "class", "area", "row", "column"),
    *("top", "left", "bottom", "right"),
)
MIN_DISTANCE = 5
_MOST = 2**16 - 1  # numbers of a PNG of 16 bits


class Objects:
    """The objects of all images of a command.

    Args:
        folder: Where `labels/` and `objects.csv` go.
        min_distance: See `zoo.tiles.objects.instances`.
    """

    def __init__(self, folder: Path, min_distance: int):
        self.folder, self.min_distance = folder, min_distance
        self.rows: list[tuple] = []

    def add(self, file: str, place: Path, mask: np.ndarray) -> None:
        """Writes the label image of a mask, of 16 bits, and notes its objects.

        Args:
            file: As the table names it.
            place: Of the label image in `labels/`.
        """
        from PIL import Image

        labels, found = instances(mask, self.min_distance)
        if len(found) > _MOST:
            raise CommandError(f"{file}: holds {len(found)} objects, over {_MOST}.")
        path = self.folder / "labels" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(labels.astype("uint16")).save(path, format="PNG")
        for each in found:
            centroid = (f"{at:.2f}" for at in each.centroid)
            facts = (each.number, each.class_number, each.area, *centroid, *each.box)
            self.rows.append((file, *facts))

    def write(self) -> None:
        """Writes the table."""
        with new_table(self.folder / "objects.csv") as table:
            table.writerow(COLUMNS)
            table.writerows(self.rows)
