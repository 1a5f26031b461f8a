"""Tables of numbers, `.csv` and `.tsv`: separator and header are found, errors name the row.

| a column holds                      | it is                               |
| ----------------------------------- | ----------------------------------- |
| what `label_column` names           | the labels: texts, or whole numbers |
| numbers alone                       | a feature                           |
| no number at all                    | left out, and said: dates, names    |
| 0, 1, 2, ... under no name          | left out, and said: numbers of rows |
| numbers and texts; empty cells; NaN | refused, with the row               |

The first row is a header where it holds texts alone, or a column of numbers has a text in it;
what could be both is refused. Without a header columns are called `1`, `2`, ....
"""

import csv
import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from zoo import checks

SUFFIXES = (".csv", ".tsv")
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|", "space": " "}
_GUESSED = (",", ";", "\t", "|")
_NUM_LINES = 20  # that the separator is found by
_MISSING = {"", "na", "n/a", "nan", "null", "none", "?", "-", "inf", "-inf", "+inf", "infinity"}


@dataclasses.dataclass(frozen=True)
class Table:
    """What a file holds.

    Attributes:
        columns: Names of the features.
        values: float64 `(n, features)`, finite.
        labels: int64 `(n,)`, or None.
        class_names: Names of the labels.
        left_out: A line on each column that is no feature.
        has_header: Whether the file names the columns.
    """

    columns: tuple[str, ...]
    values: np.ndarray
    labels: np.ndarray | None = None
    class_names: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    has_header: bool = True

    def __len__(self) -> int:
        return len(self.values)


@dataclasses.dataclass(frozen=True)
class _Rows:
    """Cells of a file, all rows of one length.

    Attributes:
        names: Of the columns.
        cells: Rows without the header.
        lines: Line of the file in which each row ends.
        has_header: Whether the file names the columns.
    """

    path: Path
    names: tuple[str, ...]
    cells: list[list[str]]
    lines: list[int]
    has_header: bool = True

    def where(self, row: int) -> str:
        """Returns the place of a row for messages."""
        return f"row {row + 1} (line {self.lines[row]})"

    def column(self, place: int) -> list[str]:
        return [row[place].strip() for row in self.cells]


def is_table(path) -> bool:
    """Tells whether a file is a table, by its suffix."""
    return Path(path).suffix.lower() in SUFFIXES


def separator(text: str) -> str:
    """Returns the sign of a word or of itself: `";"` of `"semicolon"` and of `";"`.

    Raises:
        ValueError: for another text.
    """
    sign = SEPARATORS.get(text, "\t" if text == "\\t" else text)
    if sign not in SEPARATORS.values():
        raise ValueError(
            f"the separator must be one of {', '.join(SEPARATORS)}, or the sign itself. "
            f"Received: {text!r}."
        )
    return sign


def read(
    path: Path,
    *,
    separator: str | None = None,
    label_column: str | None = None,
    columns: Sequence[str] | None = None,
) -> Table:
    """Reads a table.

    Args:
        path: The file.
        separator: A sign; None: found in the first lines, a tab for `.tsv`.
        label_column: Name of the column of labels; None: there are no labels.
        columns: Features to read, in this order; None: all columns of numbers.

    Raises:
        ValueError: if the file is no such table; the text names the row and the remedy.
    """
    rows = _rows(path, separator)
    places = {name: place for place, name in enumerate(rows.names)}
    for wanted in (*(columns or ()), *([] if label_column is None else [label_column])):
        if wanted not in places:
            raise ValueError(
                f"{path}: must have a column {wanted!r}.{checks.suggestion(wanted, places)} "
                f"Received: {', '.join(rows.names[:10])}."
            )
    labels, class_names = None, ()
    if label_column is not None:
        labels, class_names = _labels(rows, places[label_column])
    features, left_out = {}, []
    candidates = columns or [name for name in rows.names if name != label_column]
    for name in candidates:
        cells = rows.column(places[name])
        reason = None if columns else _no_feature(name, places[name], cells, rows)
        if reason is None:
            features[name] = _numbers(rows, name, cells)
        else:
            left_out.append(f"column {name}: {reason}")
    if columns:
        others = [name for name in rows.names if name not in (*columns, label_column)]
        left_out += [f"columns {', '.join(others)}: the model does not know them"] if others else []
    if not features:
        raise ValueError(
            f"{path}: must have a column of numbers beside the labels. Received: columns "
            f"{', '.join(rows.names[:10])}. Say what separates them: --separator."
        )
    values = np.stack(list(features.values()), axis=1)
    return Table(tuple(features), values, labels, class_names, tuple(left_out), rows.has_header)


# --- rows -----------------------------------------------------------------------------------


def _rows(path: Path, sign: str | None) -> _Rows:
    text = _text(path)
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise ValueError(f"{path}: must hold rows of numbers. Received: an empty file.")
    sign = sign or _separator(path, lines[:_NUM_LINES])
    cells, numbers = [], []
    reader = csv.reader(
        text.splitlines(keepends=True), delimiter=sign, skipinitialspace=True, strict=True
    )
    try:
        for row in reader:
            if row and any(cell.strip() for cell in row):
                cells.append(row)
                numbers.append(reader.line_num)
    except csv.Error as error:
        raise ValueError(
            f"{path}: line {reader.line_num} cannot be read as a row ({error}). Mend the line."
        ) from error
    for row, line in zip(cells, numbers, strict=True):
        if len(row) != len(cells[0]):
            raise ValueError(
                f"{path}: all rows must have as many cells as the first, {len(cells[0])}. "
                f"Received: {len(row)} in line {line}. Mend it, or give another --separator."
            )
    if not _has_header(path, cells):
        names = tuple(str(place + 1) for place in range(len(cells[0])))
        return _Rows(path, names, cells, numbers, has_header=False)
    names = [name.strip() for name in cells[0]]
    names = [name or str(place + 1) for place, name in enumerate(names)]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"{path}: each column must have its own name. Received: {twice!r} twice.")
    if len(cells) == 1:
        raise ValueError(f"{path}: must hold rows of numbers. Received: a header alone.")
    return _Rows(path, tuple(names), cells[1:], numbers[1:])


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
        if b"\0" in content[:4096]:
            raise ValueError("it holds zero bytes")
        return content.decode("utf-8-sig")
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror}).") from error
    except ValueError as error:  # UnicodeDecodeError is one
        line = ""
        if isinstance(error, UnicodeDecodeError):
            line = f" in line {content[: error.start].count(bytes([10])) + 1}"
        raise ValueError(
            f"{path}: must be a text in UTF-8. Received: other bytes{line}. Save the table as CSV "
            "in UTF-8."
        ) from error


def _separator(path: Path, lines: list[str]) -> str:
    """Returns the sign by which the first lines fall into equally many cells."""
    if path.suffix.lower() == ".tsv":
        return "\t"
    counts = {}
    for sign in _GUESSED:
        try:
            lengths = [len(row) for row in csv.reader(lines, delimiter=sign, strict=False)]
        except csv.Error:  # a cell without an end, which is said with its line
            continue
        if len(set(lengths)) == 1 and lengths[0] > 1:
            counts[sign] = lengths[0]
    if len(counts) > 1:
        shown = " or ".join(repr(sign) for sign in counts)
        raise ValueError(
            f"{path}: columns must be separated by one sign. Received: rows that {shown} could "
            "separate. Say which: --separator ';' (numbers are written with a point: 1.5)."
        )
    if counts:
        return next(iter(counts))
    return max(_GUESSED, key=lines[0].count)  # what does not fit is said with its line


def _has_header(path: Path, cells: list[list[str]]) -> bool:
    """Tells whether the first row names the columns.

    Raises:
        ValueError: for texts beside numbers that could be names, such as `country,2019,2020`.
    """
    first = [cell.strip() for cell in cells[0]]
    texts = [place for place, cell in enumerate(first) if not _is_number(cell)]
    if all(first[place].lower() in _MISSING for place in texts) and len(first) > len(texts):
        return False
    if len(texts) == len(first):
        return True
    below = cells[1 : 1 + _NUM_LINES]
    if below and any(all(_is_number(row[place]) for row in below) for place in texts):
        return True
    again = [at for at in texts if any(row[at].strip() == first[at] for row in cells[1:])]
    if texts and below and not again:
        raise ValueError(
            f"{path}: the first row must be names, or a row as the others. Received: "
            f"{', '.join(first[:6])}, which could be both. Write names that are no numbers, or add "
            "a row of names."
        )
    return False


# --- columns --------------------------------------------------------------------------------


def _number(cell: str) -> float:
    """Returns the number of a cell; NaN where it is none."""
    try:
        value = float(cell)
    except ValueError:
        return math.nan
    return value if "_" not in cell and math.isfinite(value) else math.nan


def _is_number(cell: str) -> bool:
    return not math.isnan(_number(cell))


def _no_feature(name: str, place: int, cells: list[str], rows: _Rows) -> str | None:
    """Returns why a column is no feature, or None."""
    if not any(map(_is_number, cells)):
        _check_decimals(rows, name, cells)
        shown = next((cell for cell in cells if cell.lower() not in _MISSING), cells[0])
        return f"it holds no numbers, but {shown!r} and the like"
    is_numbering = name == str(place + 1) and place == 0 and len(rows.names) > 1
    if is_numbering and rows.names[1] != "2" and cells == list(map(str, range(len(cells)))):
        return "the numbers of the rows, without a name"
    return None


def _check_decimals(rows: _Rows, name: str, cells: list[str]) -> None:
    """Raises ValueError for numbers written with a comma: they are no texts to be left out."""
    given = [cell for cell in cells if cell.lower() not in _MISSING]
    if given and all("," in cell and _is_number(cell.replace(",", "")) for cell in given):
        raise ValueError(
            f"{rows.path}: column {name} must hold numbers with a point. Received: {given[0]!r} in "
            f"{rows.where(cells.index(given[0]))}. Write decimals as 1.5, thousands as 1000."
        )


def _numbers(rows: _Rows, name: str, cells: list[str]) -> np.ndarray:
    values = np.array([_number(cell) for cell in cells])
    wrong = np.flatnonzero(np.isnan(values))
    if not len(wrong):
        return values
    cell, where = cells[wrong[0]], rows.where(int(wrong[0]))
    if cell.lower() in _MISSING:
        shown = repr(cell) if cell else "an empty cell"
        raise ValueError(
            f"{rows.path}: column {name} must hold a number in each row. Received: {shown} in "
            f"{where}, {len(wrong)} such cells in all. Fill them, or remove the rows."
        )
    fix = "Write decimals with a point: 1.5." if "," in cell else "Mend it, or remove the row."
    raise ValueError(
        f"{rows.path}: column {name} must hold numbers alone. Received: {cell!r} in {where}. {fix}"
    )


def _labels(rows: _Rows, place: int) -> tuple[np.ndarray, tuple[str, ...]]:
    cells, name = rows.column(place), rows.names[place]
    for row, cell in enumerate(cells):
        if cell.lower() in _MISSING:
            raise ValueError(
                f"{rows.path}: column {name} must hold a label in each row. Received: "
                f"{cell or 'an empty cell'} in {rows.where(row)}. Fill it, or remove the row."
            )
    if all(map(_is_number, cells)):
        numbers = [_number(cell) for cell in cells]
        fraction = next((n for n in numbers if n != math.floor(n)), None)
        if fraction is not None:
            raise ValueError(
                f"{rows.path}: column {name} must hold labels of classes. Received: measured "
                f"numbers, such as {fraction:g}. Name the column of labels: --label-column."
            )
        found, labels = np.unique(numbers, return_inverse=True)
        return labels.astype("int64"), tuple(f"{number:g}" for number in found)
    found, labels = np.unique(cells, return_inverse=True)
    return labels.astype("int64"), tuple(map(str, found))
