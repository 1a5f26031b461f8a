"""`python -m zoo score` on a table or an `.npz`: a score for each row, or for windows and steps."""

import dataclasses
from pathlib import Path

import numpy as np

import zoo
from zoo.cli import screen, thresholds
from zoo.cli.files import CommandError, check_file, finite, new_table
from zoo.data import npz, reading, scaling
from zoo.files import new_file
from zoo.tabular import tables, windows


@dataclasses.dataclass(frozen=True)
class Rows:
    """What is to be scored.

    Attributes:
        inputs: As the model takes them.
        head: Names of the columns that say which row it is.
        places: Values of these columns for each row.
        first_steps: Where windows begin in their series; None: no windows.
        length: Steps of the series.
    """

    inputs: np.ndarray
    head: tuple[str, ...]
    places: list[tuple]
    first_steps: np.ndarray | None = None
    length: int = 0


def steps_file(output: Path) -> Path:
    """Returns where the scores of time steps go: `scores_steps.csv` beside `scores.csv`."""
    return output.with_name(f"{output.stem}_steps{output.suffix}")


def run(options) -> int:
    """Writes the scores of a file, and whether they are above the threshold."""
    thresholds.check_score_options(options)
    if options.maps is not None:
        raise CommandError(
            "--maps draws pictures of images. Received: a file of rows. Leave it out."
        )
    model = zoo.load(options.model)
    if not hasattr(model, "anomaly_score"):
        raise CommandError(
            f"{options.model}: the model must be able to score rows. Received: a "
            f"{model.registry_name}."
        )
    if len(model.image_shape) == 2:
        check_file(steps_file(options.output), options.overwrite, ".csv", options.folder)
    rows = read(model, options, options.folder)
    _choose_threshold(model, options)
    scores = _scores(model, rows, options)
    judged = thresholds.judged(model.card, scores.tolist(), options.fdr)
    _write(options.output, rows.head, rows.places, scores, judged)
    screen.say(f"{len(scores)} {_what(rows)}: {options.output}")
    if rows.first_steps is not None:
        _write_steps(model, rows, scores, judged, options)
    screen.paragraph(judged.text)
    return 0


def _choose_threshold(model, options) -> None:
    if options.threshold is not None:
        thresholds.set_by_hand(model, options.threshold)
    elif options.normals is not None:
        normals = read(model, options, options.normals)
        thresholds.check_held_out(options, len(normals.inputs))
        thresholds.from_scores(model, _scores(model, normals, options), options)
    thresholds.keep(model, options, "FILE")


def read(model, options, path: Path) -> Rows:
    """Reads a table or an `.npz` as the model was trained on it."""
    if len(model.image_shape) == 3 and tables.is_table(path):
        raise CommandError(
            f"{path}: must be a folder of images or an .npz. Received: a table, and a model of "
            f"image_shape={model.image_shape}."
        )
    if not path.is_file() or not (tables.is_table(path) or npz.is_npz(path)):
        raise CommandError(f"{path}: must be a table (.csv, .tsv) or an .npz file that exists.")
    return (
        _of_table(model, options, path) if tables.is_table(path) else _of_npz(model, options, path)
    )


def _of_table(model, options, path: Path) -> Rows:
    card = model.card
    table = tables.read(
        path,
        separator=options.separator,
        label_column=options.label_column,
        columns=card.columns or None,
    )
    for line in table.left_out:
        screen.say(f"left out: {line}")
    values = table.values
    if card.column_range is not None:
        columns = scaling.Columns(*card.column_range)
        note = columns.note(values, path.name)
        if note is not None:
            screen.say(f"note: {note}")
        values = columns.apply(values)
    else:
        values = scaling.scale_of(path, [values], card.value_range).apply(values)
    length, first_steps = len(values), None
    if len(model.image_shape) == 2:
        values, first_steps = _windows(model, options, path, values)
    _check(model, path, values)
    if first_steps is None:
        return Rows(values, ("row",), [(row + 1,) for row in range(length)])
    size = model.image_shape[0]
    places = [(start + 1, start + size) for start in first_steps.tolist()]
    return Rows(values, ("first_row", "last_row"), places, first_steps, length)


def _of_npz(model, options, path: Path) -> Rows:
    card, shape = model.card, model.image_shape
    is_windows = card.stride is not None
    settings = {"value_range": card.value_range}
    if is_windows:
        settings |= {"window": shape[0], "stride": options.stride or card.stride}
    elif len(shape) == 2:
        settings["data_kind"] = "series"
    contents = reading.read(path, reading.Options(**settings), needed="images")
    for line in contents.said:
        screen.say(line)
    values = np.concatenate([part.images for part in contents.parts.values()])
    _check(model, path, values)
    places = [
        (split, row) for split, part in contents.parts.items() for row in range(len(part.images))
    ]
    if not is_windows:
        return Rows(values, ("split", "index"), places)
    if len(contents.parts) > 1:
        raise CommandError(
            f"{path}: must hold one array of series. Received: {', '.join(contents.parts)}. Give "
            "each in a file of its own, as series."
        )
    first_steps = contents.first_steps
    places = [(start, start + shape[0] - 1) for start in first_steps.tolist()]
    length = int(first_steps[-1]) + shape[0]
    return Rows(values, ("first_step", "last_step"), places, first_steps, length)


def _windows(model, options, path: Path, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    stride = options.stride or model.card.stride
    if stride is not None and stride < 1:
        raise CommandError(f"--stride must be at least 1. Received: {stride}.")
    cut, first_steps, left_out = windows.of_series(path, values, model.image_shape[0], stride)
    for line in left_out:
        screen.say(f"left out: {line}")
    return cut, first_steps


def _check(model, path: Path, values: np.ndarray) -> None:
    if values.shape[1:] != model.image_shape:
        fix = ""
        if tables.is_table(path):
            fix = " Name the column of labels, if there is one: --label-column."
        raise CommandError(
            f"{path}: rows must be those of the model, {model.image_shape}. Received: rows of "
            f"{values.shape[1:]}.{fix}"
        )
    model.check_inputs(values)


def _scores(model, rows: Rows, options) -> np.ndarray:
    return np.concatenate(
        [
            finite(model.anomaly_score(rows.inputs[start : start + options.batch_size]), model)
            for start in range(0, len(rows.inputs), options.batch_size)
        ]
    )


def _what(rows: Rows) -> str:
    return "rows" if rows.first_steps is None else "windows"


def _write(path: Path, head, places, scores, judged: thresholds.Judged) -> None:
    with new_file(path) as temporary, new_table(temporary) as table:
        table.writerow((*head, "score", *judged.columns))
        for place, value, more in zip(places, scores, judged.rows, strict=True):
            table.writerow((*place, f"{value:.8g}", *more))


def _write_steps(model, rows: Rows, scores, judged: thresholds.Judged, options) -> None:
    """Writes the mean, over the windows that hold a step, of its error.

    Of a model that reconstructs, that is the squared error of the step; of others, the window's.
    """
    errors = np.repeat(scores[:, None], rows.inputs.shape[1], axis=1)
    if hasattr(model, "reconstruct"):
        results = [
            np.asarray(model.reconstruct(rows.inputs[start : start + options.batch_size]))
            for start in range(0, len(rows.inputs), options.batch_size)
        ]
        errors = np.square(np.concatenate(results) - rows.inputs).mean(axis=-1)
    of_steps = windows.per_step(errors, rows.first_steps, rows.length)
    is_known = np.isfinite(of_steps)
    columns, flags = (), [()] * int(is_known.sum())
    if "is_anomaly" in judged.columns:
        place = judged.columns.index("is_anomaly")
        is_strange = np.array([more[place] == "true" for more in judged.rows], "float64")
        wide = np.repeat(is_strange[:, None], rows.inputs.shape[1], axis=1)
        of_windows = windows.per_step(wide, rows.first_steps, rows.length)[is_known] > 0
        columns, flags = ("is_anomaly",), [(str(bool(flag)).lower(),) for flag in of_windows]
    first = 1 if rows.head[0] == "first_row" else 0
    places = [(step + first,) for step in np.flatnonzero(is_known).tolist()]
    path = steps_file(options.output)
    judged = thresholds.Judged(columns, flags, "")
    _write(path, (rows.head[0].removeprefix("first_"),), places, of_steps[is_known], judged)
    screen.say(f"{len(places)} time steps: {path}")
