"""Limits that no setting keeps within, refused before the first trial."""

from typing import Any

from bench.errors import BenchError
from bench.execution.engine import Engine
from tuner.algorithms import constraints
from tuner.search import table
from tuner.search.resolve import ResolvedRequest
from tuner.search.scheduler import REFUSED
from tuner.space.hypermodel import labelled
from tuner.space.space import TRAINING, Space
from tuner.trials.probe import Probe
from tuner.trials.store import Project


def check(resolved: ResolvedRequest, project: Project, engine: Engine) -> None:
    """Looks for a setting within each limit, unless one was trained before.

    Args:
        engine: Runs the look as it will run the trials.

    Raises:
        BenchError: with the cheapest setting and its cost, where it breaks a limit.
    """
    is_trained = any(record["status"] not in REFUSED for record in project.trials.values())
    if is_trained or not constraints.of(project.identity).limits:
        return
    engine.start(_probe(resolved, project.identity))
    result: dict[str, Any] = {}
    while engine.num_running:
        for _, kind, content in engine.messages():
            result = content[0] if kind == "record" else result
    for field, found in result.get("cheapest", {}).items():
        raise BenchError(_text(resolved, field, found["size"], found["values"]))


def _probe(resolved: ResolvedRequest, identity: dict[str, Any]) -> Probe:
    # Rounds of Hyperband begin with fewer epochs, and not all trials of --robust have two seeds.
    is_short = identity["tuner"] == "hyperband"
    num_seeds = 1 if identity.get("robust") else identity["executions"]
    schedule = resolved.schedule
    return Probe(
        number=-1,
        space=schedule.space,
        values=labelled(schedule.space, {}),
        data=schedule.data,
        image_shape=schedule.image_shape,
        arguments=schedule.arguments,
        objective=identity["objective"],
        epochs=1 if is_short else identity["epochs"],
        precision=identity["precision"],
        seeds=tuple(range(identity["seed"], identity["seed"] + num_seeds)),
        models=(),
        max_parameters=identity["max_parameters"],
        max_macs=identity["max_macs"],
        max_seconds=identity.get("max_trial_seconds"),
    )


def _text(resolved: ResolvedRequest, field: str, size: float, values: dict[str, Any]) -> str:
    name = constraints.LIMITS[field]
    asked, limit = getattr(resolved.request, name), resolved.identity[name]
    received = f"{asked:,}" if asked == limit else f"{asked}, which is {limit:,}"
    is_timed = field == "expected_seconds"
    setting = _changes(resolved.schedule.space, values, is_timed)
    larger = "Raise it" + (", or narrow the space less." if resolved.request.settings else ".")
    return (
        f"--{name.replace('_', '-')} must be at least {constraints.amount(field, size)}, as the "
        f"cheapest setting found {'takes' if is_timed else 'has'} ({setting}). "
        f"Received: {received}. {larger}"
    )


def _changes(space: Space, values: dict[str, Any], is_timed: bool) -> str:
    """Returns in what a setting differs from the defaults, but for what costs nothing."""
    defaults, active = space.complete({}), space.complete(values)
    names = [name for name in active if is_timed or name not in TRAINING]
    changed = [name for name in names if name not in defaults or active[name] != defaults[name]]
    changes = (f"{name}={table.short_text(active[name])}" for name in changed)
    return ", ".join(changes) or "the defaults"
