"""`python -m bench pack`: the best weights of runs into the package, and measured again."""

import argparse
import dataclasses
import fnmatch
from pathlib import Path
from typing import Any

from bench.errors import BenchError, user_errors
from zoo.registry import pretrained

EXAMPLES = """examples:
  python -m bench run bench/experiments/full.yaml
  python -m bench pack runs/full                     of each model the best seed by validation loss
                                                     so far; again later: only what changed
  python -m bench pack runs/full --output my_weights/ --models "*vae*"
  python -m bench pack --check                       measures each shipped weight again
  python -m bench pack --check "fashion_mnist/*vae"
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `pack`."""
    parser.add_argument(
        "runs",
        nargs="*",
        metavar="RUN",
        help="folders of runs with --keep-models; with --check: wildcards over names",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=pretrained.FOLDER,
        metavar="FOLDER",
        help="of the weights and their index; default: that of the package",
    )
    parser.add_argument("--models", nargs="+", metavar="NAME", help='wildcards, such as "*vae*"')
    parser.add_argument("--licence", metavar="TEXT", help="of the data, where it is not known")
    parser.add_argument(
        "--fresh",
        action="store_true",
        help="pack all anew, and remove weights of the folder that these runs do not have; without "
        "it they stay, and a training that was packed before is not packed again",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing: load each weight and compare its test metrics with its card; exit "
        "code 1 if one lies outside of its interval",
    )


def command(options: argparse.Namespace) -> int:
    """Packs or checks; returns the exit code."""
    if options.check:
        return _check(options)
    if not options.runs:
        raise BenchError("name the folder of a run, such as: python -m bench pack runs/full")
    from bench.packing import choosing, facts
    from bench.records import store

    choices = choosing.choose([Path(run) for run in options.runs], options.models)
    about = {choice.name: facts.of(choice, options.licence) for choice in choices}
    store.check_writable(options.output)
    choices.sort(key=lambda each: (each.record.data.checksum, each.name))
    return _pack(options, choices, about)


def _problem(data: dict[str, Any]) -> str | None:
    """Returns why data cannot be read without the network, or None."""
    from bench.data import catalog

    is_local = {each["name"]: each["is_local"] for each in catalog.describe()}
    name = data["argument"]
    if is_local.get(name, Path(name).exists()):
        return None
    return f"{name} is not on this machine. See: python -m bench list"


class _Datasets:
    """Loads the data of weights; keeps the last, as weights of one data set come together."""

    def __init__(self):
        self._last: tuple[str, Any] | None = None

    def get(self, data: dict[str, Any]) -> Any:
        """Returns the data set, which has to be the one of the record.

        Raises:
            BenchError: if it is another.
        """
        from bench.data import catalog

        if self._last is None or self._last[0] != data["checksum"]:
            self._last = None
            loading = {
                name: tuple(value) if isinstance(value, list) else value
                for name, value in data["loading"].items()
            }
            dataset = catalog.load(data["argument"], **loading)
            if dataset.checksum != data["checksum"]:
                raise BenchError(
                    f"{data['argument']} holds other images than those of the training. Run it "
                    "again with --fresh."
                )
            self._last = (data["checksum"], dataset)
        return self._last[1]


def _pack(options: argparse.Namespace, choices: list, about: dict[str, dict]) -> int:
    from rich.console import Console

    from bench.packing import shelf

    console, datasets = Console(), _Datasets()
    there = {} if options.fresh else shelf.there(options.output)
    packed = {name: each for name, each in there.items() if each is not None}
    for name in there.keys() - packed.keys() - about.keys():
        print(f"left out: {name}, whose file is missing or damaged")
    anew = [
        choice
        for choice in choices
        if choice.name not in packed or not shelf.is_of(packed[choice.name], about[choice.name])
    ]
    for choice in anew:
        if problem := _problem(about[choice.name]["data"]):
            raise BenchError(problem)
    for choice in choices:
        if choice not in anew:  # what is said of it may have changed, as by further seeds
            packed[choice.name] = dataclasses.replace(packed[choice.name], facts=about[choice.name])
    for number, choice in enumerate(anew, 1):
        with console.status(f"{number} of {len(anew)}: {choice.name}"):
            from bench.packing import writing

            writing.hush()
            data = datasets.get(about[choice.name]["data"])
            packed[choice.name] = writing.pack(choice, data, about[choice.name])
    in_order = [packed[name] for name in sorted(packed)]
    shelf.write(in_order, options.output)
    _show(console, in_order, options.output)
    return 0


def _show(console: Any, packed: list, output: Path) -> None:
    from bench.packing import shelf
    from zoo import aligned

    rows = []
    for each in packed:
        name, found = next(iter(each.facts["metrics"].items()))
        size, seed = f"{len(each.content) / 1e6:.2f}", str(each.facts["training"]["seed"])
        moved = "kept" if each.difference is None else f"{each.difference:.0e}"
        measured = f"{name} {found['value']:.4g}"
        rows.append((each.name, seed, measured, size, str(each.bits), moved))
    head = ("name", "seed", "on test", "MB", "bits", "moved by")
    aligned.show(console, head, rows, numeric=("seed", "MB", "bits", "moved by"), gives_way="name")
    total = sum(len(each.content) for each in packed) / 1e6
    if any(each.difference is not None for each in packed):
        print("Moved by: the largest change of an output, a pixel in [0, 1], by so few bits.")
    if any(each.difference is None for each in packed):
        print("Kept: packed before from the same training, or from another run.")
    print(f"{len(packed)} weights, {total:.2f} of {shelf.MOST_BYTES / 1e6:g} MB: {output}")


def _check(options: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.text import Text

    with user_errors():
        shelf = pretrained.pretrained(options.output)
    patterns = options.runs or ["*"]
    names = [name for name in shelf if any(fnmatch.fnmatch(name, each) for each in patterns)]
    if not names:
        there = f"There: {', '.join(shelf)}." if shelf else pretrained.EMPTY
        raise BenchError(f"no weights match {' '.join(patterns)}. {there}")
    datasets, console, num_wrong = _Datasets(), Console(), 0
    names.sort(key=lambda name: (shelf[name].facts["data"]["checksum"], name))
    for name in names:
        data = shelf[name].facts["data"]
        if problem := _problem(data):
            console.print(Text(f"skipped  {name}: {problem}"), soft_wrap=True)
            continue
        from bench.packing import checking, writing

        writing.hush()
        for each in checking.verdicts(shelf[name], datasets.get(data)):
            num_wrong += not each.agrees
            console.print(_line(each), soft_wrap=True)
    return 1 if num_wrong else 0


def _line(verdict: Any) -> Any:
    from rich.text import Text

    again = "nothing" if verdict.again is None else f"{verdict.again:.5g}"
    bounds = "" if verdict.low is None else f" in {verdict.low:.5g} to {verdict.high:.5g}"
    word, style = ("agrees ", "green") if verdict.agrees else ("differs", "red")
    text = Text(word, style=style)
    text.append(
        f"  {verdict.name} {verdict.metric}: card {verdict.card:.5g}{bounds}, measured {again}",
        style="default",
    )
    return text
