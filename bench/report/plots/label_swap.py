"""The picture of the label swap: images that a conditional model redraws with another label."""

from pathlib import Path
from typing import Any

import numpy as np

from bench.records.schema import Record
from bench.report.plots import style


def redrawn_images(
    output_folder: str | Path,
    records: list[Record],
    target: style.Target,
    theme: str = "light",
) -> bool:
    """Draws 25 test images that a conditional model redrew with a wrong label, in a 5 x 5 picture.

    Each image is shown small beside its new version; above stand the label it has and the one the
    model was given, in orange where an independent classifier does not read the given label.

    Returns:
        True if a record holds such images; of several the first is drawn.
    """
    swaps = next(filter(None, (_load_swaps(output_folder, record) for record in records)), None)
    if swaps is None:
        return False
    names = swaps["class_names"]
    with style.picture(target, theme, 10, 7.9) as (figure, colours):
        for index, axes in enumerate(figure.subplots(5, 5).flat):
            axes.set_axis_off()
            if index >= len(swaps["inputs"]):
                continue
            pair = np.concatenate([swaps["inputs"][index], swaps["redrawn"][index]], axis=1)
            axes.imshow(pair if pair.shape[-1] == 3 else pair[..., 0], cmap="gray", vmin=0, vmax=1)
            right, given, read = (int(swaps[key][index]) for key in ("right", "given", "read"))
            colour = colours["ink"] if read == given else colours["second"]
            axes.set_title(
                f"{names[right]}\n→ {names[given]}", fontsize=10.5, color=colour, loc="center"
            )
        share = float((swaps["read"] == swaps["given"]).mean())
        figure.suptitle(
            f"Redrawn with a wrong label: {share:.0%} of these 25 are read as it", fontsize=14
        )
    return True


def _load_swaps(output_folder: str | Path, record: Record) -> dict[str, Any] | None:
    keys = ("inputs", "redrawn", "right", "given", "read", "class_names")
    swaps = style.load_arrays(output_folder, record.artifacts.swaps, keys)
    return swaps if swaps is not None and swaps["inputs"].ndim == 4 else None
