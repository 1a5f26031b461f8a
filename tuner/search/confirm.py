"""Measures the winner of a search on fresh seeds beside the defaults, on the test split.

The score by which a winner was chosen is too good: it is the best of many, on one seed. Only here
is the test split read, by the harness itself, for the winner and the defaults with the same seeds.
The records of the harness are in the folder `confirm` of the search.
"""

import dataclasses
import json
import math
import statistics
from typing import Any

from rich.console import Console

from bench.errors import BenchError
from bench.execution import session
from bench.records import config, reading, store
from bench.stats import intervals
from tuner.trials import objectives
from tuner.trials.store import Project

FOLDER, _FILE = "confirm", "confirmation.json"
# Far from the seeds of any search.
FIRST_SEED = 1_000


@dataclasses.dataclass(frozen=True)
class Confirmation:
    """The winner of a search beside the defaults of its model.

    Attributes:
        metric: Name of the objective.
        winner, default: Its value on the test split, one for each seed.
        difference: Mean of winner - default over the seeds.
        interval: The 95 % interval of that mean, by Student's t over the pairs.
        number: Trial of the winner.
        is_default: Whether the winner has the defaults, so that there is nothing to compare.
    """

    metric: str
    unit: str
    higher_is_better: bool
    seeds: list[int]
    winner: list[float]
    default: list[float]
    winner_parameters: int
    default_parameters: int
    number: int
    is_default: bool = False

    @property
    def _paired(self) -> intervals.Interval:
        return intervals.mean_interval(
            [w - d for w, d in zip(self.winner, self.default, strict=True)]
        )

    @property
    def difference(self) -> float:
        return self._paired.mean

    @property
    def interval(self) -> tuple[float, float]:
        paired = self._paired
        if paired.low is None:
            return (-math.inf, math.inf)
        return (paired.low, paired.high)

    @property
    def verdict(self) -> str:
        """`"better"`, `"worse"`, or `"no difference shown"` where the interval holds 0."""
        low, high = self.interval
        if low <= 0 <= high:
            return "no difference shown"
        return "better" if (low > 0) == self.higher_is_better else "worse"

    @property
    def sentence(self) -> str:
        """The result, its digits by the interval."""
        low, high = self.interval
        half = (high - low) / 2
        digits = intervals.decimals(half) if 0 < half < math.inf else 4
        unit = f" {self.unit}" if self.unit else ""
        means = (sum(values) / len(values) for values in (self.winner, self.default))
        of_winner, of_default = (f"{mean:.{digits}f}" for mean in means)
        difference, low, high = (f"{x:+.{digits}f}" for x in (self.difference, low, high))
        found = (
            f"on {len(self.seeds)} fresh seeds, test {self.metric}: trial {self.number} "
            f"{of_winner}{unit} with {self.winner_parameters:,} parameters"
        )
        if self.is_default:
            return f"{found}; it has the defaults of the model: there is nothing to compare it with"
        return (
            f"{found}, the defaults {of_default}{unit} with {self.default_parameters:,}: "
            f"{self.verdict} ({difference}, 95 % interval {low} to {high})"
        )


def confirm(
    project: Project,
    num_seeds: int = 3,
    console: Console | None = None,
    number: int | None = None,
) -> Confirmation:
    """Runs the winner and the defaults on fresh seeds; what is finished is kept.

    Args:
        number: A trial to take for the winner; None: the project's.

    Raises:
        BenchError: if the trial has no score, a case fails, or the harness does not measure the
            objective on the test split.
    """
    console = console or Console()
    record = project.scored(number)
    identity = project.identity
    check(identity["objective"], num_seeds)
    settings = {"winner": record, "default": identity["reference"]}
    roles: dict[str, Any] = {"number": record["number"]}
    for role, setting in settings.items():
        outcome = session.run(_request(project, setting, num_seeds), console)
        of_model = [each for each in outcome.records if each.kind == "model"]
        failed = [each for each in of_model if not each.is_ok]
        if failed:
            name, error = failed[0].model.name, failed[0].error
            raise BenchError(f"{name} failed on fresh seeds: {error}")
        roles[role] = [each.job_id for each in of_model]
    store.write_whole(project.folder / FOLDER / _FILE, json.dumps(roles).encode())
    confirmation = read(project)
    if confirmation is None:
        raise BenchError(f"{project.folder / FOLDER} lacks records that were just written.")
    return confirmation


def check(objective: str, num_seeds: int) -> None:
    """Checks that winners of an objective can be confirmed.

    Raises:
        BenchError: if the harness does not measure the objective on the test split, or for too
            few seeds.
    """
    if objectives.OBJECTIVES[objective].test_field is None:
        raise BenchError(
            f"the harness has no test value of {objective} to confirm a winner by. "
            "Leave it out: --confirm 0."
        )
    if num_seeds < 2:
        raise BenchError(
            f"the seeds of a confirmation must be at least 2. Received: {num_seeds}. Give 2 or "
            "more; of a search --confirm 0 leaves the confirmation out."
        )


def read(project: Project) -> Confirmation | None:
    """Returns what was confirmed last, or None; a record that cannot be read is told."""
    folder = project.folder / FOLDER
    try:
        roles = json.loads((folder / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    every, _ = reading.read(folder)
    by_id = {record.job_id: record for record in store.latest(every)}
    if not all(job_id in by_id for role in ("winner", "default") for job_id in roles[role]):
        return None
    winner, default = ([by_id[job_id] for job_id in roles[role]] for role in ("winner", "default"))
    objective = objectives.OBJECTIVES[project.identity["objective"]]
    field = objective.test_field or f"test_{objective.name}"
    return Confirmation(
        metric=objective.name,
        unit=objective.unit,
        higher_is_better=objective.direction == "max",
        seeds=[record.seed for record in winner],
        winner=[record[field] for record in winner],
        default=[record[field] for record in default],
        winner_parameters=winner[0].model.params_total,
        default_parameters=default[0].model.params_total,
        number=roles["number"],
        is_default=roles["winner"] == roles["default"],
    )


def _request(project: Project, setting: dict[str, Any], num_seeds: int) -> session.Request:
    """Returns the run of a setting: a trial's record, or the reference of the search."""
    identity, training = project.identity, setting["training"]
    epochs = setting.get("num_epochs") or [setting.get("epochs") or identity["epochs"]]
    normal = identity.get("normal_class")
    data = {option.asked: _value(option, identity) for option in config.DATA}
    return session.Request(
        **data,
        models=(f"{identity['model']}:small:{arguments_text(setting['arguments'])}",),
        seeds=tuple(range(FIRST_SEED, FIRST_SEED + num_seeds)),
        epochs=round(statistics.median(epochs)),
        batch_size=(training["batch_size"],),
        learning_rate=training["learning_rate"],
        precision=(identity["precision"],),
        num_labels=identity["num_labels"],
        normal_classes=None if normal is None else (str(normal),),
        measure=("generative",) if identity["objective"] == "elbo" else (),
        timing_rounds=0,  # only the test split is asked about
        output=project.folder / FOLDER,
    )


def _value(option: config.Option, identity: dict[str, Any]) -> Any:
    """Returns the value of an option; JSON made lists of tuples, and leaves young defaults out."""
    value = identity.get(option.name, option.default)
    return tuple(value) if isinstance(value, list) else value


def bench_command(project: Project, number: int | None = None) -> str:
    """Returns the command that measures a setting on the test split, three seeds.

    Args:
        number: Of a trial; None: the winner.
    """
    record = project.scored(number)
    request = _request(project, record, 3)
    return dataclasses.replace(request, seeds=3, output=None).command


def arguments_text(arguments: dict[str, Any]) -> str:
    """Returns constructor arguments as `bench run --models` takes them."""
    return ",".join(f"{name}={_literal(value)}" for name, value in arguments.items())


def _literal(value: Any) -> str:
    if isinstance(value, list | tuple):
        inner = ",".join(map(_literal, value))
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    return repr(value) if isinstance(value, float) else str(value)
