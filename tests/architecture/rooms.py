"""The rooms: the one list that the rules of the layout, and the page about it, are read from.

A folder is a room. A room may import only rooms above it in its package, also inside functions.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Room:
    """A folder of a package, or modules of its root.

    Attributes:
        name: The folder, a dot before one inside it; `"(root)"` for modules of the package's root.
        about: What is in it.
        without_keras: Whether it has to work without Keras and TensorFlow, also by way of what it
            imports; of a room with a few modules that need them: the names of those.
        modules: Of the package's root, that are in this room.
        is_study: Whether the folder could be removed: studies do not import each other.
        most_modules: How many it may hold; more than 20 in `models` and `report`.
    """

    name: str
    about: str
    without_keras: bool = False
    needs_keras: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    is_study: bool = False
    most_modules: int = 20


ROOMS: dict[str, tuple[Room, ...]] = {
    "zoo": (
        Room(
            "(root)",
            "arguments, files, version, watching layer calls, command lines, tables in a terminal",
            without_keras=True,
            modules=("checks", "files", "version", "inspection", "parser", "aligned"),
        ),
        Room("losses", "terms of losses, no model"),
        Room("layers", "Keras layers and operations"),
        Room("networks", "functional builders of encoders, decoders and U-Nets"),
        Room(
            "tabular",
            "tables of numbers, and long series in windows",
            without_keras=True,
        ),
        Room("data", "image files, folders, masks and .npz become arrays", without_keras=True),
        Room("inputs", "what a model is given: arrays, data sets and batches, checked"),
        Room(
            "tiles",
            "images larger than a model's: tiles, views, crops, objects",
            without_keras=True,
            needs_keras=("crop_batches",),
        ),
        Room(
            "anomalies",
            "drawn defects, how scores rank, what a training is stopped by",
            without_keras=True,
            needs_keras=("selection",),
        ),
        Room(
            "tracking",
            "where the numbers of trainings are sent: TensorBoard, MLflow, Weights & Biases",
            without_keras=True,
        ),
        Room("registry", "names, sizes, published presets, model cards", without_keras=True),
        Room("optimizers", "the optimizer that a model is compiled with, and its learning rate"),
        Room("training", "ZooModel with the one train_step, and what makes it fast"),
        Room("tuning", "how a model runs fastest on this machine: measured, and kept"),
        Room("diagnostics", "what a training shows about itself"),
        Room("models", "one file a model, read from top to bottom", most_modules=36),
        Room("persistence", "saving, loading, export"),
        Room("testing", "the battery of checks, for models of your own too"),
        Room("(root)", "the names a user imports", modules=("",)),
        Room("cli", "python -m zoo"),
        Room("(root)", "the command line", modules=("__main__",)),
    ),
    "bench": (
        Room("(root)", "the one error a user sees", without_keras=True, modules=("", "errors")),
        Room("records", "a run's options, its record, the file and its lock", without_keras=True),
        Room("stats", "intervals and pairs", without_keras=True),
        Room("leaderboard", "records become ranked rows, a Pareto front, findings", True),
        Room("data", "a name or a path becomes train, validation and test", without_keras=True),
        Room("runs", "what is asked for: jobs, suites, experiment files", without_keras=True),
        Room(
            "metrics",
            "arrays become numbers",
            True,
            needs_keras=("feature_classifier", "generative"),
        ),
        Room("profiling", "time, memory, multiply-adds of a compiled model"),
        Room("introspection", "summary and activations of a model"),
        Room("evaluation", "one job in one process: build, fit, measure, send the record"),
        Room("execution", "where jobs run; is given the function that runs one", True),
        Room("report.plots", "pictures by matplotlib, in one style", without_keras=True),
        Room("report", "records become text, pictures and a page", True, most_modules=22),
        Room("compare", "paired timing of two checkouts or settings", is_study=True),
        Room("reproduce", "published numbers, measured again", is_study=True),
        Room("scaling", "how cost grows with size", is_study=True),
        Room("peers", "other frameworks that train the same network", is_study=True),
        Room("suites", "pytest-benchmark suites", is_study=True),
        Room(
            "packing",
            "the best weights of a run into the package, and measured again",
            is_study=True,
        ),
        Room("site", "the documentation as a site, from what is committed", without_keras=True),
        Room("commands", "one thin file a sub-command"),
        Room("(root)", "the command line", modules=("__main__",)),
    ),
    "tuner": (
        Room("space", "what may vary, and a model from values"),
        Room("trials", "one trial, its objectives and costs, and the folder that keeps it"),
        Room("algorithms", "which values to try next"),
        Room("search", "the loop: resolve the request, schedule, run, re-evaluate"),
        Room("report", "text, pictures and page of a search"),
        Room("benchmark", "searches against each other where the best is known", is_study=True),
        Room("(root)", "the name a user imports", modules=("",)),
        Room("commands", "one thin file a sub-command"),
        Room("(root)", "the command line", modules=("__main__",)),
    ),
}


def as_text() -> str:
    """Returns the rooms as a page shows them, in their order."""
    lines = []
    for package, rooms in ROOMS.items():
        lines.append(f"{package}/")
        for room in rooms:
            files = "  " + ", ".join(f"{name or '__init__'}.py" for name in room.modules)
            name = files if room.modules else f"  {room.name}/"
            note = ": no Keras" if room.without_keras else ""
            only = f" but for {', '.join(room.needs_keras)}" if room.needs_keras else ""
            lines.append(f"{name:20} {room.about}{note}{only}")
    return "\n".join(lines)


# What may not be imported: imports go keras, numpy <- zoo <- bench <- tuner.
FORBIDDEN = {
    "zoo": {"bench", "tuner", "matplotlib", "sklearn", "skimage", "scipy", "keras_tuner"},
    "bench": {"tuner", "keras_tuner"},
    "tuner": set(),
}
# What the search takes from the benchmark: records, data and numbers, a job's process, and the
# style of pictures and pages; no study and no command.
TUNER_MAY_IMPORT = (
    "bench.errors",
    "bench.records",
    "bench.stats",
    "bench.data",
    "bench.runs",
    "bench.metrics",
    "bench.profiling",
    "bench.evaluation",
    "bench.execution",
    "bench.leaderboard.pareto",
    "bench.report",
)
# Files that hold the use of what a library does not promise.
CONTRACTS = ("zoo/training/keras_contract.py", "tuner/search/keras_tuner_contract.py")
# Imports against a rule, as (importing module, imported module), each with its reason.
EXCEPTIONS = {
    ("bench.execution.session", "bench.evaluation.job_runner"): (
        "the one entry of a job's process: the parent stays without Keras"
    ),
    ("zoo.tiles.objects", "scipy"): "distances in a mask, when objects are parted: an option",
    ("zoo.tiles.objects", "skimage"): "the watershed, when objects are parted: an option",
    ("zoo.checks", "keras"): (
        "to name the activations, when a model is being built: Keras is there then"
    ),
    ("bench.data.download", "keras"): "keras.datasets, when a file is to be downloaded",
    ("bench.data.segmentation", "keras"): "keras.utils.get_file, when a file is to be downloaded",
    ("bench.execution.ray_engine", "tensorflow"): (
        "on the node, where a job is about to run: limits the threads"
    ),
}
# Files longer than 400 lines, that are to shrink: their lines as they are now.
MOST_LINES = 400
LONG_FILES: dict[str, int] = {
    "zoo/registry/published.py": 470,  # a table
}
