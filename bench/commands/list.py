"""`python -m bench list`: models with their presets, data sets, and suites."""

import argparse

from bench.errors import BenchError
from zoo import checks
from zoo.parser import new_command

EXAMPLES = """examples:
  python -m bench list
  python -m bench list "*vae*"
"""


def add_command(commands, about: str) -> None:
    """Adds `list` to the command line.

    Args:
        commands: What `argparse.ArgumentParser.add_subparsers` returns.
        about: What it does, in a line.
    """
    parser = new_command(commands, "list", command, about, EXAMPLES)
    parser.add_argument("pattern", nargs="?", default="*", help='wildcard, such as "*vae*"')


def command(options: argparse.Namespace) -> int:
    """Prints the tables and returns the exit code 0."""
    from rich.console import Console
    from rich.table import Table

    import zoo
    from bench.data import catalog
    from bench.runs import suites

    names = zoo.names(options.pattern)
    if not names:
        raise BenchError(
            f"no model matches {options.pattern!r}."
            f"{checks.suggestion(options.pattern, zoo.names())} "
            f"A wildcard finds more: '*{options.pattern.strip('*')}*'."
        )
    console = Console()
    models = Table("model", "what it is", "presets", title="models", title_justify="left")
    for name in names:
        entry = zoo.get(name)
        models.add_row(name, entry.summary, ", ".join(entry.presets))
    console.print(models)
    data = Table("dataset", "what it is", "here", title="data sets", title_justify="left")
    for dataset in catalog.describe():
        data.add_row(
            dataset["name"], dataset["description"], "yes" if dataset["is_local"] else "no"
        )
    console.print(data)
    for suite, members in suites.SUITES.items():
        console.print(f"suite {suite}: {', '.join(members)}", highlight=False)
    console.print(
        "anomalies: any data set with classes and --normal-classes all, or one of defects_*; "
        "models that need no labels fit, the core suite by default",
        highlight=False,
    )
    return 0
