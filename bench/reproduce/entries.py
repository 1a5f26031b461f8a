"""The list of published numbers, `published.yaml`: read and checked."""

import dataclasses
import fnmatch
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic

from bench.errors import BenchError
from bench.runs import yaml_file
from zoo import checks

PATH = Path(__file__).with_name("published.yaml")
_OWNER = {"encoder": "its encoder", "decoder": "its decoder", "quantizer": "its codebook"}


@dataclasses.dataclass(frozen=True)
class Entry:
    """A published number and how to get it here.

    Attributes:
        id: Name on the command line.
        what: The model and the quantity, with its unit.
        source: Name of the paper or page, `url`, and the `place` in it.
        exactness: `"exact"` for counts that follow from the layers, `"verified"` for numbers that
            were read in their source.
        published: The value; `spread`: half the range of several runs, or the source's own ±, or
            None; `text`: how it is shown.
        tolerance: Distance from the published value that still agrees, and its `reason`.
        differs: What of our recipe is not as published.
        recipe: Keys of `bench.runs.request.Request`, `prepare`, `normal_class`; of counts
            `model` and `part`. Empty where there is none here, and `why_not` tells the reason.
        field: Record field, dotted; the number is `offset + factor * field`.
        data: Name of the data set, or None; `data_files` and `data_folder`: what to put where.
        quick: Minutes on two cores, with data that Debian packages.
        is_count: Whether it is a number of parameters, found without training.
    """

    id: str
    what: str
    source: str
    url: str
    place: str
    exactness: str
    published: float
    spread: float | None
    text: str
    tolerance: float
    reason: str
    differs: str = ""
    recipe: dict[str, Any] = dataclasses.field(default_factory=dict)
    field: str = ""
    factor: float = 1.0
    offset: float = 0.0
    data: str | None = None
    data_files: str = ""
    data_folder: str = ""
    quick: bool = False
    is_count: bool = False
    why_not: str = ""

    @property
    def model(self) -> str:
        """The model as the command line writes it: `vae:small:beta=4`."""
        given = (self.recipe.get("arguments") or {}).items()
        return ":".join(
            filter(None, [self.recipe["model"], ",".join(f"{k}={as_tuple(v)!r}" for k, v in given)])
        )

    @property
    def needed(self) -> str:
        """What to put where; empty for what needs no files."""
        if not self.data_files:
            return ""
        return f"put {self.data_files} into {self.data_folder}/, and set ZOO_DATA_DIR to its parent"


def read(path: Path = PATH) -> list[Entry]:
    """Reads a list of published numbers, counts first.

    Raises:
        BenchError: for a missing file, and with file and line for an unknown or missing key, a
            value of the wrong kind, an unknown source, or an id that is there twice.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise BenchError(f"cannot read {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise BenchError(f"{path}: must be text in UTF-8.") from error
    tree = yaml_file.read(path, text)
    file = tree.check(_File, _File.keys)
    entries: dict[str, Entry] = {}
    for section in ("counts", "trainings"):
        for number, written in enumerate(getattr(file, section)):
            where = (section, number)
            if written.source not in file.sources:
                near = checks.suggestion(written.source, file.sources)
                tree.fail((*where, "source"), f"unknown source {written.source!r}.{near}")
            if written.id in entries:
                tree.fail((*where, "id"), f"{written.id} is there twice. Rename one.")
            entries[written.id] = written.entry(file)
    return list(entries.values())


class _Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")


_Text = Annotated[str, pydantic.BeforeValidator(str)]  # 0.89 as it stands


class _Source(_Strict):
    name: str
    url: str


class _Data(_Strict):
    files: str = ""
    folder: str = ""


class _Published(_Strict):
    value: float
    spread: float | None
    text: _Text


class _Tolerance(_Strict):
    value: float
    reason: str


class _Metric(_Strict):
    field: str
    factor: float = 1.0
    offset: float = 0.0


class _Recipe(_Strict):
    dataset: str
    prepare: dict[str, Any] = {}
    model: str
    arguments: dict[str, Any] = {}
    epochs: int
    batch_size: int
    learning_rate: float
    noise: str = ""
    resize: list[int] = []
    normal_class: str = ""
    num_labels: int = 0
    measure: list[str] = []
    limit: int = 0
    seeds: int = 0


class _Count(_Strict):
    """A number of parameters."""

    id: str
    source: str
    published: int
    stated: bool
    what: str = ""
    place: str = ""
    model: str = ""
    arguments: dict[str, Any] = {}
    part: Literal["encoder", "decoder", "quantizer"] | None = None
    why_not: str = ""

    @pydantic.model_validator(mode="after")
    def _is_whole(self):
        if bool(self.model) == bool(self.why_not):
            raise ValueError(f"{self.id} must have either a model or why_not.")
        return self

    def entry(self, file: "_File") -> Entry:
        given = ", ".join(f"{name}={value}" for name, value in self.arguments.items())
        owner = f", {_OWNER[self.part]}" if self.part else ""
        model = " ".join(filter(None, [self.model, given]))
        source = file.sources[self.source]
        return Entry(
            id=self.id,
            what=self.what or f"parameters of {model}{owner}",
            source=source.name,
            url=source.url,
            place="printed there" if self.stated else "added up from the layers there",
            exactness="exact",
            published=self.published,
            spread=None,
            text=f"{self.published:,}",
            tolerance=0.0,
            reason="a count",
            recipe=self.model_dump(include={"model", "arguments", "part"}, exclude_unset=True),
            field="params_trainable",
            quick=bool(self.model),
            is_count=True,
            why_not=self.why_not,
        )


class _Training(_Strict):
    """A number that training gives."""

    id: str
    what: str
    source: str
    place: str
    published: _Published
    tolerance: _Tolerance
    differs: str = ""
    recipe: _Recipe | None = None
    metric: _Metric | None = None
    quick: bool = False
    why_not: str = ""

    @pydantic.model_validator(mode="after")
    def _is_whole(self):
        if (self.recipe is None) == (not self.why_not):
            raise ValueError(f"{self.id} must have either a recipe or why_not.")
        if self.recipe is not None and self.metric is None:
            raise ValueError(f"{self.id} must have a metric.")
        return self

    def entry(self, file: "_File") -> Entry:
        source, metric = file.sources[self.source], self.metric or _Metric(field="")
        dataset = self.recipe and self.recipe.dataset
        place = file.data.get(dataset, _Data())
        return Entry(
            id=self.id,
            what=self.what,
            source=source.name,
            url=source.url,
            place=self.place,
            exactness="verified",
            published=self.published.value,
            spread=self.published.spread,
            text=self.published.text,
            tolerance=self.tolerance.value,
            reason=self.tolerance.reason,
            differs=self.differs,
            recipe=self.recipe.model_dump(exclude_unset=True) if self.recipe else {},
            field=metric.field,
            factor=metric.factor,
            offset=metric.offset,
            data=dataset,
            data_files=place.files,
            data_folder=place.folder,
            quick=self.quick,
            why_not=self.why_not,
        )


class _File(_Strict):
    sources: dict[str, _Source]
    data: dict[str, _Data] = {}
    counts: list[_Count] = []
    trainings: list[_Training] = []

    @classmethod
    def keys(cls, where: yaml_file.Place) -> tuple[str, ...]:
        """Returns the keys that are allowed beside the last part of a place."""
        models = [_MODELS[part] for part in where[:-1] if part in _MODELS]
        return tuple((models[-1] if models else cls).model_fields)


_MODELS: dict[Any, type[_Strict]] = {
    "sources": _Source,
    "data": _Data,
    "counts": _Count,
    "trainings": _Training,
    "published": _Published,
    "tolerance": _Tolerance,
    "recipe": _Recipe,
    "metric": _Metric,
}


def choose(entries: Sequence[Entry], only: Sequence[str] | None, quick: bool) -> list[Entry]:
    """Returns the entries of these ids, which may be wildcards, and of those the quick ones.

    Raises:
        BenchError: for an id that matches nothing, or where nothing is left.
    """
    chosen = list(entries)
    if only is not None:
        ids = [entry.id for entry in entries]
        for pattern in only:
            if not fnmatch.filter(ids, pattern):
                raise BenchError(
                    f"no entry matches {pattern!r}.{checks.suggestion(pattern, ids)} "
                    "See: python -m bench reproduce --list"
                )
        chosen = [e for e in entries if any(fnmatch.fnmatch(e.id, p) for p in only)]
    if quick:
        chosen = [entry for entry in chosen if entry.quick]
        if not chosen:
            raise BenchError("none of these entries is quick. Leave out --quick.")
    return chosen


def as_tuple(value: Any) -> Any:
    """Returns lists as tuples, which the constructors and the command line take."""
    return tuple(as_tuple(item) for item in value) if isinstance(value, list) else value
