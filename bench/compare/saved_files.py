"""Saved and exported files of one model on the same images: how fast each is, and how good.

The name of weights that come with the package, `fashion_mnist/vae`, is as good as a file. A process
holds each. They take turns, so that other load hits all of them alike; a ratio is that of one turn,
and the interval that of the median over turns.
"""

import contextlib
import dataclasses
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape

from bench.errors import BenchError
from bench.execution import contender_process, processes
from bench.execution.contender_process import ContenderError, ContenderProcess
from bench.stats import intervals
from zoo import aligned
from zoo.persistence import running
from zoo.registry import pretrained, saved_file

MOST_IMAGES = 512
_SINGLES = 16  # images of a turn that come one by one
_COLUMNS = ("file", "KiB", "images/s", "times the first", "1 image", "times the first")


@dataclasses.dataclass
class Row:
    """What was found of one file.

    Attributes:
        path: The file.
        num_bytes: Its size, of OpenVINO with that of the weights beside it.
        batch_seconds, single_seconds: Of each turn: all images in batches, and one image alone.
        batch_gain, single_gain: How many times as fast as the first file, over turns.
        fidelity: Beside the first file; None for itself.
        error: Why it cannot be run, or None.
    """

    path: Path
    num_bytes: int
    batch_seconds: list[float] = dataclasses.field(default_factory=list)
    single_seconds: list[float] = dataclasses.field(default_factory=list)
    batch_gain: intervals.MedianInterval | None = None
    single_gain: intervals.MedianInterval | None = None
    fidelity: running.Fidelity | None = None
    error: str | None = None


def are_files(texts: Sequence[str]) -> bool:
    """Tells whether contenders are saved files, or weights of the package, by their names."""
    shelf = pretrained.pretrained()
    return any(Path(text).suffix in running.SUFFIXES or text in shelf for text in texts)


def check(texts: Sequence[str]) -> list[Path]:
    """Returns the paths; of weights their names, as paths.

    Raises:
        BenchError: where one is no such file, or there is but one.
    """
    paths = [Path(text) for text in texts]
    for path in paths:
        if _weights(path) is not None:
            continue
        if path.suffix not in running.SUFFIXES:
            raise BenchError(
                f"all contenders must be files ending in {', '.join(running.SUFFIXES)}, or names "
                f"of trained weights, where one is. Received: {str(path)!r}. "
                "See: python -m zoo pretrained"
            )
        if not path.is_file():
            raise BenchError(f"{str(path)!r} must be a file that exists.")
        if path.suffix == ".xml" and not path.with_suffix(".bin").is_file():
            raise BenchError(f"{path} must have its weights beside it, {path.stem}.bin.")
    return paths


def reading(paths: Sequence[Path]) -> dict[str, Any]:
    """Returns how a folder of images is read: as the first model that tells takes them.

    Exported files do not tell: with these alone a folder is read in its own size and colours.

    Raises:
        BenchError: if a `.keras` file cannot be read, or holds no model of the zoo.
    """
    for path in paths:
        if _weights(path) is None and path.suffix != ".keras":
            continue
        found = _weights(path)
        try:
            config = (saved_file.header(path) if found is None else found.header())["config"]
        except ValueError as error:
            raise BenchError(str(error)) from error
        shape, card = config.get("image_shape") or (), config.get("card") or {}
        if len(shape) == 3 and shape[-1] in (1, 3):
            scale = card.get("value_range")
            return {
                "resize": tuple(shape[:2]),
                "color": card.get("color") or {1: "grey", 3: "rgb"}[shape[-1]],
                "value_range": None if scale is None else tuple(scale),
            }
    return {}


def compare(
    paths: Sequence[Path],
    images: np.ndarray,
    batch_size: int,
    num_turns: int,
    console: Console | None = None,
) -> list[Row]:
    """Runs all files on the same images, in turn.

    Args:
        images: `(n, height, width, channels)` in `[0, 1]`.
        num_turns: Of each file.

    Raises:
        BenchError: if the first file cannot be run, as the others are held against it.
    """
    console = console or Console(quiet=True)
    context = processes.forkserver(())
    rows = [Row(path, _size(path)) for path in paths]
    with contextlib.ExitStack() as stack, console.status("starting") as status:
        workers: dict[int, ContenderProcess] = {}
        told: dict[int, bool | None] = {}
        outputs: dict[int, np.ndarray] = {}
        for number, row in enumerate(rows):
            place = row.path.resolve() if _weights(row.path) is None else row.path
            worker = ContenderProcess(context, row.path.name, serve, place, images, batch_size)
            stack.callback(worker.close)
            try:
                worker.answer()
                told[number], outputs[number] = worker.ask("outputs")
            except ContenderError as error:
                row.error = error.args[1].removeprefix("ValueError: ")
            else:
                workers[number] = worker
        if rows[0].error is not None:
            raise BenchError(f"{rows[0].path} cannot be run: {rows[0].error}")
        makes_masks = next((kind for kind in told.values() if kind is not None), None)
        for number in list(workers)[1:]:
            try:
                rows[number].fidelity = running.fidelity(
                    images, outputs[number], outputs[0], makes_masks
                )
            except ValueError as error:
                rows[number].error = str(error).removeprefix("fidelity: ")
                workers.pop(number)
        for turn in range(num_turns):
            status.update(f"turn {turn + 1} of {num_turns}")
            order = list(workers) if turn % 2 == 0 else list(workers)[::-1]
            for number in order:
                rows[number].batch_seconds.append(workers[number].ask("batches"))
                rows[number].single_seconds.append(workers[number].ask("single"))
    for row in rows:
        if row.error is None:
            row.batch_gain = _gain(rows[0].batch_seconds, row.batch_seconds)
            row.single_gain = _gain(rows[0].single_seconds, row.single_seconds)
    return rows


def show(rows: Sequence[Row], num_images: int, console: Console) -> None:
    """Prints a line for each file, and what each loses."""
    lines = [_cells(row, num_images) for row in rows if row.error is None]
    aligned.show(console, _COLUMNS, lines, numeric=_COLUMNS[1:])
    for row in rows:
        if row.error is not None:
            console.print(f"{escape(str(row.path))} does not run: {escape(row.error)}")
        elif row.fidelity is not None:
            text = f"{row.path.name}: {row.fidelity.text}."
            console.print(escape(text), highlight=False)


def to_json(rows: Sequence[Row], **about: Any) -> str:
    """Returns all that was found, as text."""
    plain = [dataclasses.asdict(row) | {"path": str(row.path)} for row in rows]
    return json.dumps({"schema_version": 1, **about, "rows": plain}, indent=1) + "\n"


def serve(connection, path: Path, images: np.ndarray, batch_size: int) -> None:
    """Answers `"outputs"` with kind and array, `"batches"` and `"single"` with seconds."""
    made = []

    def build() -> None:
        made.append((running.load if _weights(path) is None else running.of_keras)(path))

    def outputs() -> tuple[bool | None, np.ndarray]:
        parts = np.array_split(images, -(-len(images) // batch_size))
        return made[0].makes_masks, np.concatenate([made[0](part) for part in parts])

    def batches() -> float:
        parts = _parts(images, batch_size)
        made[0](parts[0])  # a new size of batches is prepared for
        started = time.perf_counter()
        for part in parts:
            made[0](part)
        return time.perf_counter() - started

    def single() -> float:
        parts = [images[n % len(images)][None] for n in range(_SINGLES)]
        made[0](parts[0])
        started = time.perf_counter()
        for part in parts:
            made[0](part)
        return (time.perf_counter() - started) / _SINGLES

    answers = {"build": build, "outputs": outputs, "batches": batches, "single": single}
    contender_process.serve(connection, answers, "build")


def _weights(path: Path) -> pretrained.Weights | None:
    return pretrained.pretrained().get(path.as_posix())


def _parts(images: np.ndarray, batch_size: int) -> list[np.ndarray]:
    """Returns whole batches; all images as one where they are fewer."""
    size = min(batch_size, len(images))
    return [images[n : n + size] for n in range(0, len(images) - size + 1, size)]


def _gain(first: list[float], seconds: list[float]) -> intervals.MedianInterval:
    return intervals.median_interval([a / b for a, b in zip(first, seconds, strict=True)])


def _size(path: Path) -> int:
    found = _weights(path)
    if found is not None:
        return found.num_bytes
    weights = path.with_suffix(".bin")
    more = weights.stat().st_size if path.suffix == ".xml" else 0
    return path.stat().st_size + more


def _cells(row: Row, num_images: int) -> tuple[str, ...]:
    speed = num_images / float(np.median(row.batch_seconds))
    return (
        aligned.cut(row.path.name, 20, "…"),
        f"{row.num_bytes / 1024:,.0f}",
        f"{speed:,.0f}",
        _interval(row.batch_gain),
        f"{1e3 * float(np.median(row.single_seconds)):.3g} ms",
        _interval(row.single_gain),
    )


def _interval(gain: intervals.MedianInterval) -> str:
    return f"{_ratio(gain.median)} ({_ratio(gain.low)}-{_ratio(gain.high)})"


def _ratio(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:,.0f}"
