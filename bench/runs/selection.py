"""Which models a run takes: names, wildcards, presets and arguments, checked against the zoo."""

import ast
import dataclasses
import fnmatch
import re
from typing import Any

from bench.errors import BenchError
from bench.runs import own, suites
from zoo import checks
from zoo.registry import entries, saved_file

_FEW_LABELS = "semi_supervised"  # the task of models that take labels of some images


@dataclasses.dataclass(frozen=True)
class ModelInfo:
    """What the choice of models needs to know of each."""

    presets: tuple[str, ...]
    arguments: tuple[str, ...]
    task: str = "reconstruction"


@dataclasses.dataclass(frozen=True)
class ModelSpec:
    """A model of a run: name, preset, and constructor arguments that differ from the preset's.

    One of your own has a source in place of a preset.

    Attributes:
        text: As it was asked for, perhaps with a wildcard.
    """

    model: str
    preset: str | None
    arguments: tuple[tuple[str, Any], ...] = ()
    source: own.Source | None = None
    text: str = dataclasses.field(default="", compare=False)


def select(
    models: list[str] | None,
    suite: str,
    preset: str,
    registry: dict[str, ModelInfo],
    incompatibilities: dict[str, str] | None = None,
) -> list[ModelSpec]:
    """Chooses the models of a run.

    Args:
        models: Wildcards over names, each with an optional `:preset` and after that optional
            arguments, `vae:small:beta=4,latent_dim=8`; or models of your own, see
            `bench.runs.own`; None takes the suite.
        suite: Name of a suite.
        preset: Preset of the models that are named without one.
        registry: Registered names and what is known of each model.
        incompatibilities: What some of the models lack in the data, by name. Wildcards pass these
            models over; to ask for one by name is an error.

    Returns:
        The choices, each once, in the order asked for.

    Raises:
        BenchError: for an unknown suite, preset or argument, or a wildcard that no model matches.
    """
    presets = dict.fromkeys(each for known in registry.values() for each in known.presets)
    if preset not in presets:
        raise BenchError(
            f"--preset must be a preset of some model. Received: {preset!r}."
            f"{checks.suggestion(preset, presets)} See: python -m bench list"
        )
    if models is None:
        models = list(suites.members(suite))
    chosen: dict[ModelSpec, None] = {}
    for pattern in models:
        if (mine := own.parse(pattern, registry)) is not None:
            source, given = mine
            choice = ModelSpec(source.name, None, _arguments(pattern, given), source, pattern)
            chosen.setdefault(choice)
            continue
        wildcard, _, rest = pattern.partition(":")
        named, _, given = rest.partition(":")
        matches = sorted(fnmatch.filter(registry, wildcard))
        if not matches:
            module = f" There is no module {wildcard!r} either." if rest else ""
            raise BenchError(
                f"no model matches {wildcard!r}.{checks.suggestion(wildcard, registry)}{module} "
                "See: python -m bench list"
            )
        if wildcard in (incompatibilities or {}):
            raise BenchError(
                f"{wildcard!r} does not fit these data: it {incompatibilities[wildcard]}."
            )
        for name in matches:
            if name in (incompatibilities or {}):
                continue
            wanted = named or preset
            known = registry[name]
            if wanted not in known.presets:
                raise BenchError(
                    f"unknown preset {wanted!r} of {name!r}."
                    f"{checks.suggestion(wanted, known.presets)} "
                    f"Its presets: {', '.join(known.presets)}."
                )
            arguments = _arguments(name, given, known.arguments)
            chosen.setdefault(ModelSpec(name, wanted, arguments, text=pattern))
    if not chosen:
        raise BenchError(f"none of the models fits these data: {', '.join(models)}.")
    return list(chosen)


def is_own(model: str, registry: dict[str, ModelInfo]) -> bool:
    """Tells whether a model is one of your own; refuses what its files lack.

    Raises:
        BenchError: see `bench.runs.own.parse`.
    """
    return own.parse(model, registry) is not None


def check_labels_are_used(chosen: list[ModelSpec]) -> None:
    """Refuses `--num-labels` where it changes nothing: no model learns from labels of some images.

    What a function or a class of your own is, is not known here: it may be such a model.

    Raises:
        BenchError: if none of the models is semi-supervised.
    """
    if any(map(_may_use_labels, chosen)):
        return
    names = ", ".join(dict.fromkeys(choice.model for choice in chosen))
    raise unused_labels(names, "Choose one of them by --models, or leave it out.")


def learns_from_few_labels(name: str) -> bool:
    """Tells whether a model of the zoo takes labels of some images: `--num-labels` is for these."""
    return entries.get(name).task == _FEW_LABELS


def unused_labels(received: str, fix: str) -> BenchError:
    """Returns the error of a `--num-labels` that changes nothing."""
    able = ", ".join(filter(learns_from_few_labels, entries.names()))
    return BenchError(
        f"--num-labels is for models that learn from few labels: {able}. Received: {received}. "
        f"{fix}"
    )


def _may_use_labels(choice: ModelSpec) -> bool:
    source = choice.source
    if source is None:
        return learns_from_few_labels(choice.model)
    if source.origin != "file" or not source.is_trained:
        return source.is_trained
    try:
        known = saved_file.entry(source.path)
    except ValueError:  # a model of Keras
        return False
    return known is None or known.task == _FEW_LABELS


def _arguments(
    name: str, text: str, allowed: tuple[str, ...] | None = None
) -> tuple[tuple[str, Any], ...]:
    """Reads `beta=4,widths=(8,16)`; what is no Python literal is a string.

    Args:
        allowed: Names; None: whatever is written like one.
    """
    if not text:
        return ()
    arguments: dict[str, Any] = {}
    parts = re.split(r",(?=\s*\w+\s*=)", text)  # not the commas within a value
    for part in parts:
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if allowed is None and not (equals and key.isidentifier()):
            raise BenchError(
                f"arguments of {name!r} must be written argument=value. Received: {part!r}."
            )
        if allowed is not None and (not equals or key not in allowed):
            raise BenchError(
                f"unknown argument {part!r} of {name!r}.{checks.suggestion(key, allowed)} "
                f"Write {name}:PRESET:argument=value, of: {', '.join(allowed)}."
            )
        try:
            arguments[key] = _hashable(ast.literal_eval(value))
        except (ValueError, SyntaxError):
            arguments[key] = value
    return tuple(sorted(arguments.items()))


def _hashable(value: Any) -> Any:
    """Returns lists as tuples, so that a job can be told from others by its hash."""
    return tuple(_hashable(item) for item in value) if isinstance(value, list | tuple) else value
