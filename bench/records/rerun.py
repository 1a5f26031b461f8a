"""The command that makes records again, for reports and the tables of the documentation."""

from pathlib import Path
from typing import Any

from bench.records import config, options
from bench.records.config import RunConfig
from bench.records.options import Option


def command(
    output: Path, records: list[dict[str, Any]], config_class: type[RunConfig] = RunConfig
) -> str:
    """Returns the command lines that make these records again, one for each configuration.

    Options of the first records are all written; younger ones where they are not at their default.

    Args:
        output: Folder that the command names.
        records: Of one run or several.
        config_class: Says which options there are.
    """
    models = [record for record in records if record["kind"] == "model"]
    runs: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    known = options.of(config_class)
    for record in [r for r in models if r["status"] == "ok"] or models:
        asked = {option.asked: _asked(option, record) for option in known}
        asked["normal_classes"] = None  # of all records of a configuration together
        runs.setdefault((*asked.items(), ("target", record["target"])), []).append(record)
    lines = []
    for settings, members in runs.items():
        asked = {"models": tuple(sorted({model_text(record) for record in members}))}
        asked |= dict(settings)
        asked["normal_classes"] = _normal_classes(members)
        asked["seeds"] = 1 + max((record["seed"] or 0) for record in members)
        asked["output"] = output
        if all(record["infer_images_per_second"] is None for record in members):
            asked["timing_rounds"] = 0
        lines.append(options.command(asked, config.all_options(config_class)))
    return "\n".join(lines)


def model_text(record: dict[str, Any]) -> str:
    """Returns a model as the command line writes it: `vae:small:beta=4`."""
    given = (record["arguments"] or {}).items()
    arguments = ",".join(f"{name}={value}" for name, value in given)
    return ":".join(filter(None, (record["model"], record["preset"], arguments)))


def _asked(option: Option, record: dict[str, Any]) -> Any:
    """Returns what a request must hold for the value of a record; None for nothing."""
    value = record.get(option.name)
    if option.name == "dataset":
        return record["dataset_argument"] or record["dataset"]
    if value is None or (option.since and option.is_default(value)):
        return None
    return tuple(value) if isinstance(value, list) else value


def _normal_classes(members: list[dict[str, Any]]) -> tuple[Any, ...] | None:
    """Returns the classes that were normal in turn, as the command line takes them."""
    found = sorted({r["normal_class"] for r in members if r["normal_class"] is not None})
    whole = {record["num_classes"] for record in members} == {len(found)}
    return (("all",) if whole else tuple(found)) if found else None
