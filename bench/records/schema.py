"""A record: what is known of one job, in sections, each value with a kind.

Names of values are unique across sections. Measuring code gives values by name, `from_fields` puts
them into their sections, and `record[name]` reads one, for tables whose columns are chosen by name.
`to_json` and `from_json` write and read a line of the file.
"""

import dataclasses
import functools
import math
import types
import typing
from collections.abc import Mapping
from typing import Any

from bench.records.config import RunConfig
from bench.records.metrics import METRICS, PREFIX
from bench.records.options import declared_by as _options
from bench.records.sections import (
    SECTIONS,
    Artifacts,
    Data,
    Machine,
    Memory,
    Model,
    Quality,
    Read,
    Speed,
    Training,
    leaf,
    leaves,
)

SCHEMA_VERSION = 2
REQUIRED = ("job_id", "status", "kind", "model")


@dataclasses.dataclass
class Record:
    """One job: what it is, how it ended, and what was found.

    Attributes:
        job_id: Names the job by its content, see `bench.runs.job`.
        run_id: Names the call of `bench run`.
        time_utc: When it began.
        status: `"ok"` or `"failed"`, then with `error`, one line.
        kind: `"model"` or `"baseline"`.
        experiment: Name of the experiment file, and the hash of its content.
        config: The options that it ran with; those of training are None for a baseline.
        further: What the sections have no place for.
    """

    job_id: str | None = leaf(str)
    run_id: str | None = leaf(str)
    time_utc: str | None = leaf(str)
    status: str | None = leaf(str)
    error: str | None = leaf(str)
    kind: str | None = leaf(str)
    seed: int | None = leaf(int)
    experiment: str | None = leaf(str)
    experiment_sha256: str | None = leaf(str)
    config: RunConfig = dataclasses.field(default_factory=RunConfig)
    data: Data = dataclasses.field(default_factory=Data)
    read: Read = dataclasses.field(default_factory=Read)
    machine: Machine = dataclasses.field(default_factory=Machine)
    model: Model = dataclasses.field(default_factory=Model)
    training: Training = dataclasses.field(default_factory=Training)
    speed: Speed = dataclasses.field(default_factory=Speed)
    memory: Memory = dataclasses.field(default_factory=Memory)
    quality: Quality = dataclasses.field(default_factory=Quality)
    artifacts: Artifacts = dataclasses.field(default_factory=Artifacts)
    further: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def is_ok(self) -> bool:
        return self.status == "ok"

    def __getitem__(self, name: str) -> Any:
        """Returns a value by its name among all; None where it is not known.

        Raises:
            KeyError: for a name that no value has.
        """
        if name in PLACES:
            section, attribute = PLACES[name]
            return getattr(getattr(self, section) if section else self, attribute)
        metric = name.removeprefix(PREFIX)
        if metric != name and metric in METRICS:
            return self.quality.metrics.get(metric)
        if name == "dataset_argument":
            return self.config.dataset
        if hasattr(self.config, name):
            return getattr(self.config, name)
        return self.further[name]

    def get(self, name: str) -> Any:
        """Returns a value by its name; None where no value has it, or it is not known."""
        try:
            return self[name]
        except KeyError:
            return None

    def fields(self) -> dict[str, Any]:
        """Returns the values that are known by their names, as `from_fields` takes them."""
        values = {name: self[name] for name in PLACES}
        values |= {PREFIX + name: value for name, value in self.quality.metrics.items()}
        asked = {option.name: getattr(self.config, option.name) for option in _options(self.config)}
        asked["dataset_argument"] = asked.pop("dataset")
        return _known(values | asked | self.further)

    def __or__(self, values: Mapping[str, Any]) -> "Record":
        """Returns a copy with some values set, by the names that `from_fields` takes."""
        return from_fields(self.fields() | dict(values), type(self.config))

    def to_json(self) -> dict[str, Any]:
        """Returns the line of the file; what is not known is left out."""
        values: dict[str, Any] = {"schema_version": SCHEMA_VERSION}
        values |= {field.name: getattr(self, field.name) for field in leaves(Record)}
        asked = {option.name: getattr(self.config, option.name) for option in _options(self.config)}
        values["config"] = {k: list(v) if isinstance(v, tuple) else v for k, v in asked.items()}
        values |= {name: vars(getattr(self, name)) for name in SECTIONS}
        values = {
            name: _known(value) if name in (*SECTIONS, "config") else value
            for name, value in _known(values).items()
        }
        if not values["read"]:  # of data that have a name
            del values["read"]
        return self.further | values


def _places() -> dict[str, tuple[str, str]]:
    """Returns section and attribute by the name of each value; the record's own have no section."""
    places = {field.name: ("", field.name) for field in leaves(Record)}
    for section, owner in SECTIONS.items():
        for field in leaves(owner):
            places[field.metadata["name"] or field.name] = (section, field.name)
    return places


PLACES = _places()
# All that measuring code may give, and that `record[name]` takes.
NAMES = (
    *PLACES,
    *(option.name for option in _options(RunConfig)),
    *(PREFIX + name for name in METRICS),
    "dataset_argument",
)


def from_fields(fields: Mapping[str, Any], config_class: type[RunConfig] = RunConfig) -> Record:
    """Returns the record of values by name.

    Args:
        fields: Names of `PLACES`, of options and, behind `test_`, of metrics, which are of the
            versions of today. `dataset_argument` is the option `dataset`, what was asked for;
            `dataset` is the name of what was read. Other names go into `further`.
        config_class: Of the options.
    """
    left = dict(fields)
    record = Record(config=_config(left, config_class, left.get("kind")))
    for name in [name for name in left if name in PLACES]:
        section, attribute = PLACES[name]
        setattr(getattr(record, section) if section else record, attribute, left.pop(name))
    for name in [name for name in left if name.removeprefix(PREFIX) in METRICS]:
        metric, value = name.removeprefix(PREFIX), left.pop(name)
        if value is not None and math.isfinite(value):
            record.quality.metrics[metric] = value
            record.quality.versions[metric] = METRICS[metric].version
    record.further = left
    return record


def from_json(
    fields: Mapping[str, Any], config_class: type[RunConfig] = RunConfig
) -> tuple[Record | None, list[str]]:
    """Reads the line of a file.

    Returns:
        The record, and what had to be left out of it, in words. None in its place where something
        is missing that every record has.
    """
    problems: list[str] = []
    left = {name: value for name, value in fields.items() if name != "schema_version"}

    def take(owner: Any, values: Mapping[str, Any], prefix: str) -> dict[str, Any]:
        """Sets the values of a section, and returns those that it has no place for."""
        others = dict(values)
        for field in leaves(type(owner)):
            value = others.pop(field.name, None)
            problem = None if value is None else _problem(value, field)
            if problem is not None:
                problems.append(f"{prefix}{field.name} {problem}; taken as unknown.")
                value = None
            setattr(owner, field.name, value)
        return others

    sections = {name: left.pop(name, None) for name in (*SECTIONS, "config")}
    for name, values in sections.items():
        if values is not None and not isinstance(values, dict):
            problems.append(f"{name} is not dict; taken as unknown.")
        if not isinstance(values, dict):
            sections[name] = {}
    record = Record()
    record.further = take(record, left, "")
    values = sections.pop("config")
    for name, kind in _config_kinds(config_class).items():
        value = values.get(name)
        if value is not None and not (is_kind(value, kind) and _is_flat(value)):
            problems.append(f"config.{name} is not {kind.__name__}; taken as unknown.")
            values = {**values, name: None}
    record.config = _config(
        {"dataset_argument": values.get("dataset"), **values}, config_class, record.kind
    )
    for name, values in sections.items():
        others = take(getattr(record, name), values, f"{name}.")
        if name == "quality":
            _take_metrics(record.quality, others, problems)
    missing = [name for name in REQUIRED if record[name] is None]
    if missing:
        return None, [f"without {', '.join(missing)}; left out."]
    return record, problems


def is_kind(value: Any, kind: type) -> bool:
    """Tells whether a value of JSON is of a kind; whole numbers count as float, and the reverse."""
    if kind in (int, float):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and math.isfinite(value)
    return isinstance(value, kind)


def _problem(value: Any, field: dataclasses.Field) -> str | None:
    """Returns why a value is not what its section declares, or None."""
    kind, holds = field.metadata["kind"], field.metadata["holds"]
    if not is_kind(value, kind):
        return f"is not {kind.__name__}"
    if holds is None or _holds(value, holds):
        return None
    return f"is not {kind.__name__} of {getattr(holds, '__name__', holds)}"


def _holds(value: list | dict, holds: Any) -> bool:
    """Tells whether all members are of a type, or not known."""
    members = value.values() if isinstance(value, dict) else value
    kind, inner = typing.get_origin(holds) or holds, typing.get_args(holds)
    return all(
        member is None or (is_kind(member, kind) and (not inner or _holds(member, inner[-1])))
        for member in members
    )


def _is_flat(value: Any) -> bool:
    """Tells whether an option's value is one, or a list of such: nothing in it holds others."""
    return not isinstance(value, list) or not any(isinstance(v, list | dict) for v in value)


def _take_metrics(quality: Quality, written: Mapping[str, Any], problems: list[str]) -> None:
    """Takes the metrics of today's versions."""
    parts = []
    for name in ("metrics", "versions"):
        part = written.get(name) or {}
        if not isinstance(part, dict):
            problems.append(f"quality.{name} is not dict; taken as unknown.")
            part = {}
        parts.append(part)
    values, versions = parts
    for name, value in values.items():
        if not is_kind(value, float):
            problems.append(f"quality.metrics.{name} is not float; taken as unknown.")
        elif name in METRICS and versions.get(name) != METRICS[name].version:
            problems.append(
                f"{name} is of version {versions.get(name)}, and {METRICS[name].version} is that "
                "of today; taken as unknown. Measure it again with --fresh."
            )
        else:
            quality.metrics[name] = value
            quality.versions[name] = versions.get(name, 1)


def _config(fields: dict[str, Any], config_class: type[RunConfig], kind: Any) -> RunConfig:
    """Takes the options out of `fields`.

    What is younger than a record had its default then. A baseline has no options of training.
    """
    values = {}
    for option in _options(config_class):
        name = "dataset_argument" if option.name == "dataset" else option.name
        value = fields.pop(name, None)
        if value is None and option.since and not (option.training_only and kind == "baseline"):
            value = option.default
        values[option.name] = tuple(value) if isinstance(value, list) else value
    return config_class(**values)


@functools.cache
def _config_kinds(config_class: type[RunConfig]) -> dict[str, type]:
    """Returns the kind of each option's value in JSON, from the types of the class."""
    kinds = {}
    for name, hint in typing.get_type_hints(config_class).items():
        parts = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
        first = next(part for part in parts if part is not type(None))
        kind = typing.get_origin(first) or first
        kinds[name] = list if kind is tuple else kind
    return kinds


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    """Leaves out what is not known."""
    return {name: value for name, value in values.items() if value is not None}
