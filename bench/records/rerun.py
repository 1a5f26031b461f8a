"""The command that makes records again, for reports and the tables of the documentation."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.records import config, options
from bench.records.options import Option
from bench.records.schema import Record


def command(output: Path, records: Sequence[Record]) -> str:
    """Returns the command lines that make these records again, one for each configuration.

    Options of the first records are all written; younger ones where they are not at their default.

    Args:
        output: Folder that the command names.
        records: Of one run or several.
    """
    models = [record for record in records if record.kind == "model"]
    runs: dict[tuple[Any, ...], list[Record]] = {}
    for record in [record for record in models if record.is_ok] or models:
        asked = {
            option.asked: _asked(option, record) for option in options.declared_by(record.config)
        }
        asked["normal_classes"] = None  # of all records of a configuration together
        asked["folds"] = record.config.num_folds
        settings = (*asked.items(), ("target", record.training.target))
        runs.setdefault(settings, []).append(record)
    lines = []
    for settings, members in runs.items():
        asked = {"models": tuple(sorted({model_text(record) for record in members}))}
        asked |= dict(settings)
        asked["normal_classes"] = _normal_classes(members)
        asked["seeds"] = 1 + max((record.seed or 0) for record in members)
        asked["output"] = output
        if all(record.speed.infer_images_per_second is None for record in members):
            asked["timing_rounds"] = 0
        lines.append(options.command(asked, config.all_options(type(members[0].config))))
    return "\n".join(lines)


def model_text(record: Record) -> str:
    """Returns a model as the command line writes it: `vae:small:beta=4`."""
    given = (record.model.arguments or {}).items()
    arguments = ",".join(f"{name}={value}" for name, value in given)
    if record.model.asked_as:  # of your own
        return ":".join(filter(None, (record.model.asked_as, arguments)))
    return ":".join(filter(None, (record.model.name, record.model.preset, arguments)))


def _asked(option: Option, record: Record) -> Any:
    """Returns what a request must hold for the value of a record; None for nothing."""
    value = getattr(record.config, option.name)
    if option.name == "dataset":
        return value or record.data.name
    return None if option.since and option.is_default(value) else value


def _normal_classes(members: Sequence[Record]) -> tuple[Any, ...] | None:
    """Returns the classes that were normal in turn, as the command line takes them."""
    classes = sorted({r.config.normal_class for r in members} - {None})
    whole = {record.data.num_classes for record in members} == {len(classes)}
    return (("all",) if whole else tuple(classes)) if classes else None
