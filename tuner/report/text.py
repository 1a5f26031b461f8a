"""What the report of a search says: its headline, captions, settings and commands."""

import shlex
from typing import Any

import zoo
from bench.records import config
from tuner.report import importance
from tuner.report.importance import Importance
from tuner.search import table
from tuner.trials.store import Project

PICTURES = {
    "front": (
        "Quality against cost",
        "Each point is a trial. Along the line no cheaper trial is better; of several costs, a "
        "trial on the front of all of them may lie off the line. Numbers are trials.",
    ),
    "coordinates": (
        "Settings of the trials",
        "One line per trial, through its settings to its size and score: the most important "
        "parameters first. Orange: the best trial. Where a parameter is not active, the line "
        "passes below. Trials with equal values are spread a little, the better ones above.",
    ),
    "importance": (
        "What matters",
        "How much of what a random forest explains of the scores is lost when the values of one "
        "parameter are shuffled among the trials. Lines: standard deviation over shuffles; other "
        "trials would give other shares. What goes with the score need not cause it.",
    ),
    "progress": (
        "Progress",
        "The score of each trial and the best so far; below, the scores over the parameters, "
        "the most important first. Orange: the best trial. Bands: what a Gaussian process of the "
        "trials expects with the other settings of the best one, and its standard deviation.",
    ),
}
AGAIN = (
    "The first command goes on with the search where it stopped; in another folder it starts over. "
    "The checksum tells whether the data are the same."
)
# Settings of a search that its command line takes, by their name there; those of `config.DATA`
# are beside them.
_OPTIONS = (
    *("objective", "costs", "tuner", "max_trials", "epochs", "patience", "executions"),
    *("seed", "precision", "num_labels", "normal_class"),
    *("max_parameters", "max_macs", "max_trial_seconds"),
    *("search_patience", "start_from", "enqueue"),
)
_FLAGS = {"start_from": "--from"}
SNIPPET = (
    "x_train are images in [0, 1] with the channels last; y_train, where it stands, are their "
    "labels or masks."
)
_DATA = {
    "conditional": '{"image": x_train, "label": y_train}',
    **dict.fromkeys(("semi_supervised", "debiasing", "segmentation"), "x_train, y_train"),
}
_CLASSES = {
    **dict.fromkeys(("conditional", "semi_supervised"), "int(y_train.max()) + 1"),
    "segmentation": "1 if y_train.max() < 2 else int(y_train.max()) + 1",
}
_COMMAND_DEFAULTS = {"executions": 1, "seed": 0, "precision": "float32"}


def title_of(project: Project) -> str:
    identity = project.identity
    return f"Search: {identity['model']} on {identity['dataset']}"


def headline(project: Project) -> str:
    """Returns the result of the search in one sentence, and a caution in another."""
    record, best, default = project.winner, project.best, table.default_trial(project)
    defaults = table.defaults_name(project)
    if record is None:
        return f"No trial of {len(project.trials)} has a score yet."
    count = len(project.ranked)
    scored = f"{count} trial{'s' * (count != 1)} with a score"
    name = project.identity["objective"]
    caution = (
        f"Scores are {name} on the validation split; that of the best of many is flattered by the "
        "choice."
    )
    if default is None:
        size, score = _parameters(record), amount(project, record)
        sentence = f"the best of {scored} is trial {record['number']}: {score}{size}"
    elif record["number"] == default["number"]:
        sentence = f"no setting of {scored} beats {defaults}, {amount(project, default)}"
    else:
        gain = abs(record["score"] - default["score"])
        way = "lower" if record["score"] < default["score"] else "higher"
        than = f"{with_unit(project, gain, 3)} {way} than {defaults}" if gain else f"as {defaults}"
        sentence = (
            f"trial {record['number']} has {amount(project, record)}, {than}"
            f"{_ratio(record, default)}"
        )
    if record["number"] != best["number"]:
        sentence += f"; the best score, {amount(project, best)}, is of trial {best['number']}"
    return f"{sentence[0].upper()}{sentence[1:]}. {caution}"


def tiles(project: Project) -> list[tuple[str, int, str, str]]:
    """Returns label, trial, what is said of it and its size, for what most readers look for."""
    winner, best, default = project.winner, project.best, table.default_trial(project)
    if best is None:
        return []
    defaults = table.defaults_name(project)
    label = "Lowest" if project.identity["direction"] == "min" else "Highest"
    trials = [(f"{label} {project.identity['objective']}", best)]
    if winner["number"] != best["number"]:
        trials.insert(0, (f"Cheapest that {defaults} do not beat", winner))
    if default is not None and default["number"] != best["number"]:
        trials.append((defaults.capitalize(), default))
    sized = [record for record in project.ranked if record.get("num_parameters")]
    if sized and len(trials) < 4:
        trials.append(("Smallest", min(sized, key=lambda record: record["num_parameters"])))
    return [
        (
            text,
            record["number"],
            f"trial {record['number']}: {amount(project, record)}",
            _parameters(record).removeprefix(" with "),
        )
        for text, record in trials
    ]


def amount(project: Project, record: dict[str, Any]) -> str:
    """Returns the score of a trial with its unit."""
    return with_unit(project, record["score"], 4)


def with_unit(project: Project, value: float, digits: int) -> str:
    unit = project.identity.get("unit")
    return f"{value:.{digits}g}" + (f" {unit}" if unit else "")


def no_importance(importances: Importance | None) -> str:
    """Returns why there is no picture of it."""
    if importances is None:
        return (
            f"Importance needs {importance.FEWEST_TRIALS} trials with different scores and "
            "settings."
        )
    return (
        f"A random forest cannot tell the scores of these {importances.num_trials} trials from "
        f"their settings (out-of-bag R² = {importances.explained:.2f}, at most 1), so it cannot "
        "tell which parameter matters, either."
    )


def settings_of(project: Project) -> list[tuple[str, Any]]:
    """Returns name and value of what the search was asked for."""
    data = [option.name for option in config.DATA]
    names = ("model", *data, *_OPTIONS, "dataset_checksum", "space_checksum")
    known = [(name, project.identity.get(name)) for name in names]
    return [(name, value) for name, value in known if value is not None]


# --- commands -----------------------------------------------------------------------------------


def commands(project: Project) -> list[str]:
    """Returns the commands that go on with the search, and that use its winner."""
    folder = shlex.quote(str(project.folder))
    lines = [search_command(project)]
    if project.best is not None:
        from tuner.search.confirm import bench_command

        lines.append(f"python -m tuner confirm {folder}")
        lines.append(export_command(project))
        lines.append(bench_command(project))
    return lines


def export_command(project: Project) -> str:
    """Returns the command that copies the winner's model."""
    return f"python -m tuner export {shlex.quote(str(project.folder))} model.keras"


def snippet(project: Project) -> str:
    """Returns a program that trains the winner; empty without one."""
    record = project.winner
    if record is None:
        return ""
    task = zoo.get(project.identity["model"]).model_class.task
    training, epochs = record["training"], record.get("num_epochs") or [record["epochs"]]
    arguments = {"image_shape": "x_train.shape[1:]"}
    if task in _CLASSES:
        arguments["num_classes"] = _CLASSES[task]
    arguments |= {name: repr(_plain(value)) for name, value in record["arguments"].items()}
    precision = project.identity.get("precision")
    if precision not in (None, _COMMAND_DEFAULTS["precision"]):
        arguments["dtype"] = repr(precision)
    lines = [
        "import keras",
        "",
        "import zoo",
        "",
        f"keras.utils.set_random_seed({record['seeds'][0]})",
        "model = zoo.create(",
        f"    {project.identity['model']!r},",
        *(f"    {name}={value}," for name, value in arguments.items()),
        ")",
        f"model.compile(keras.optimizers.Adam({training['learning_rate']!r}))",
        f"model.fit({_DATA.get(task, 'x_train')}, epochs={round(sum(epochs) / len(epochs))}, "
        f"batch_size={training['batch_size']})",
        'model.save("model.keras")',
    ]
    return "\n".join(lines)


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def search_command(project: Project) -> str:
    """Returns the command of the search; in its folder it goes on."""
    identity = project.identity
    parts = ["python -m tuner search", shlex.quote(identity["model"])]
    for option in config.DATA:
        parts += map(shlex.quote, option.words(identity.get(option.name)))
    for name in _OPTIONS:
        value = identity.get(name)
        is_implied = name == "executions" and identity.get("robust")
        if value is None or _COMMAND_DEFAULTS.get(name) == value or is_implied:
            continue
        values = value if isinstance(value, list) else [value]
        flag = _FLAGS.get(name, f"--{name.replace('_', '-')}")
        parts += [flag, *(shlex.quote(str(each)) for each in values)]
    parts += [f"--{name}" for name in ("robust", "prune") if identity.get(name)]
    for text in _narrowed(project):
        parts += ["--set", shlex.quote(text)]
    return " ".join([*parts, "--output", shlex.quote(str(project.folder))])


def _narrowed(project: Project) -> list[str]:
    """Returns what makes the whole space of the model that of the search, as `--set` takes it."""
    from tuner.space import ready

    whole = ready.get(project.identity["model"]).parameters
    settings = []
    for name, values in project.identity["space"].items():
        low, dots, high = values.partition("..")
        is_of_data = bool(dots) and low == high  # a range of one value is the data's doing
        if not is_of_data and (name not in whole or str(whole[name]) != values):
            settings.append(f"{name}={values.replace(', ', ',')}")
    return settings


def _ratio(record: dict[str, Any], default: dict[str, Any]) -> str:
    size, whole = record.get("num_parameters"), default.get("num_parameters")
    if not size or not whole:
        return ""
    return f", with {size / whole:.2g} times their parameters ({size:,} of {whole:,})"


def _parameters(record: dict[str, Any]) -> str:
    size = record.get("num_parameters")
    return f" with {size:,} parameters" if size else ""
