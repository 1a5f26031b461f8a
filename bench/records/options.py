"""An option of a run: its declaration on a dataclass field, from which everything else is read.

The command line, experiment files, requests, records, the leaderboard's groups, printed commands
and the documentation take the list of options from this module.
"""

import dataclasses
import functools
import math
import shlex
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from zoo import checks

COMMAND = "python -m bench run"
GROUPS = ("models", "data", "training", "measuring", "execution", "output")
# What a list in an experiment file is: a run for each value, one value, or not allowed; or an
# option that says how jobs run, and not what runs, stays with the command line.
GRID, LIST, SINGLE, NEVER = "grid", "list", "single", "never"


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _truth(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(text)
    return text == "true"


def _size_text(size: Iterable[int]) -> str:
    return "x".join(map(str, size))


@dataclasses.dataclass(frozen=True)
class Kind:
    """How the values of an option are written.

    Attributes:
        read: Gives the value of a text, or raises ValueError.
        expected: What must be written, for errors.
        write: Gives the text of a value.
    """

    read: Callable[[str], Any]
    expected: str
    write: Callable[[Any], str] = str


TEXT = Kind(str, "a text")
WHOLE = Kind(int, "a whole number")
NUMBER = Kind(_number, "a number")
SIZE = Kind(checks.size, "HEIGHTxWIDTH", _size_text)
FLAG = Kind(_truth, "true or false")


@dataclasses.dataclass(frozen=True)
class Option:
    """An option of a run.

    Attributes:
        help: What it is, in half a sentence.
        group: One of `GROUPS`.
        kind: How its values are written.
        name: Of the field that declares it; also its name in the record.
        default: Of the field.
        asked: Its name in a request, a file and, with dashes, on the command line.
        by_data: How the default follows from the data; a request then holds None.
        unit: Of the value; empty for names and counts.
        metavar: What stands for a value in the help.
        choices: All that is allowed; empty: no such list.
        several: Whether one request takes several values. Every model runs at each of them, unless
            `default` is a tuple: then all belong to one run.
        in_file: `GRID`, `LIST`, `SINGLE` or `NEVER`; None: `LIST` where `several`, else `GRID`.
        least, most: Smallest and largest value; `above`: what it must be greater than. None: no
            such limit.
        since: Version of the records that introduced it; 0: the first. At its default, an option
            younger than that is left out of a job's identity, so that older jobs keep their names.
        training_only: Whether it concerns training; a baseline in closed form then ignores it.
        tells_rows_apart: Whether runs that differ in it are separate rows of the leaderboard.
    """

    help: str
    group: str
    kind: Kind = TEXT
    name: str = ""
    default: Any = None
    asked: str = ""
    by_data: str = ""
    unit: str = ""
    metavar: str | None = None
    choices: tuple[str, ...] = ()
    several: bool = False
    in_file: str | None = None
    least: int | None = None
    above: float | None = None
    most: float | None = None
    since: int = 0
    training_only: bool = False
    tells_rows_apart: bool = True

    @property
    def flag(self) -> str:
        """Returns its name on the command line."""
        return f"--{self.asked.replace('_', '-')}"

    @property
    def expected(self) -> str:
        """Returns what a value must be, for errors."""
        is_number = self.kind in (WHOLE, NUMBER)
        return self.kind.expected + (f" of {self.unit}" if self.unit and is_number else "")

    @property
    def is_grid(self) -> bool:
        """Tells whether a request with several values asks for a run at each."""
        return self.several and not isinstance(self.default, tuple)

    @property
    def list_in_file(self) -> str:
        """Returns what a list of values is in an experiment file."""
        return self.in_file or (LIST if self.several else GRID)

    @property
    def asked_default(self) -> Any:
        """Returns what a request holds where the option is not given."""
        if self.by_data or self.default is None:
            return None
        return (self.default,) if self.is_grid else self.default

    @property
    def can_be_null(self) -> bool:
        """Tells whether `null` is a value: the default."""
        return self.asked_default is None and not self.several

    @property
    def default_text(self) -> str:
        """Returns the default in words; empty for nothing."""
        if self.by_data:
            return self.by_data
        if self.default is None or self.default is False or self.default == ():
            return ""
        return self.kind.write(self.default)

    def is_default(self, value: Any) -> bool:
        """Tells whether a value of the field is its default; lists count as tuples."""
        return (tuple(value) if isinstance(value, list) else value) == self.default

    def words(self, asked: Any) -> list[str]:
        """Returns the words of the command line that ask for a value; `[]` for None."""
        if asked is None or asked is False or asked == ():
            return []
        if self.kind is FLAG:
            return [self.flag]
        values = asked if self.several and isinstance(asked, list | tuple) else [asked]
        texts = [self.kind.write(value) for value in values]
        if len(texts) == 1 and texts[0].startswith("-"):  # not the name of another option
            return [f"{self.flag}={texts[0]}"]
        return [self.flag, *texts]

    def problem(self, asked: Any) -> str | None:
        """Returns what is wrong with a value that is asked for; None where nothing is."""
        values = asked if self.several and isinstance(asked, list | tuple) else [asked]
        for value in values:
            if value is None or not isinstance(value, int | float):
                continue
            if self.least is not None and value < self.least:
                return f"{self.flag} must be at least {self.least}. Received: {value}."
            if self.most is not None and value > self.most:
                return f"{self.flag} must be at most {self.most:g}. Received: {value}."
            if self.above is not None and not value > self.above:
                return f"{self.flag} must be above {self.above:g}. Received: {value}."
        return None


def option(default: Any, help: str, group: str, kind: Kind = TEXT, **others: Any) -> Any:  # noqa: A002
    """Declares an option: returns a dataclass field that carries an `Option`.

    Args:
        default: Default of the field.
        help, group, kind, **others: See `Option`.
    """
    return dataclasses.field(
        default=default, metadata={"option": Option(help, group, kind, **others)}
    )


def declared_by(owner: Any) -> tuple[Option, ...]:
    """Returns the options that a dataclass, or an instance of one, declares, in its order."""
    return _declared(owner if isinstance(owner, type) else type(owner))


@functools.cache  # asked for each record
def _declared(owner: type) -> tuple[Option, ...]:
    return tuple(
        dataclasses.replace(
            field.metadata["option"],
            name=field.name,
            default=field.default,
            asked=field.metadata["option"].asked or field.name,
        )
        for field in dataclasses.fields(owner)
        if "option" in field.metadata
    )


def command(asked: Mapping[str, Any], known: Iterable[Option]) -> str:
    """Returns the command line of `bench run` with these options, in their order.

    Args:
        asked: Values by the name that a request gives them; None is left out.
        known: All options.
    """
    by_name = {each.asked: each for each in known}
    words = [word for name, value in asked.items() for word in by_name[name].words(value)]
    return " ".join([COMMAND, *map(shlex.quote, words)])
