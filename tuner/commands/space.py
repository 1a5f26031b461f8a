"""`python -m tuner space`: what is searched in a model."""

import argparse

from zoo.parser import new_command

EXAMPLES = """examples:
  python -m tuner space            the models, and how many parameters of each are searched
  python -m tuner space vae        what is searched in one, with its defaults
"""


def add_command(commands) -> None:
    """Adds `space` to the command line."""
    parser = new_command(
        commands,
        "space",
        command,
        "show what is searched in a model",
        EXAMPLES,
    )
    parser.add_argument("model", nargs="?", help="registered name; all models without one")


def command(options: argparse.Namespace) -> int:
    """Prints the parameters with their values, defaults and conditions, or the models."""
    from rich.console import Console

    from tuner.space import ready

    Console().print(_models() if options.model is None else _parameters(ready.get(options.model)))
    return 0


def _models():
    from rich.table import Table

    import zoo
    from tuner.space import ready

    shown = Table("model", "parameters searched", "what it is", title="search spaces")
    for name in sorted(ready.SPACES):
        shown.add_row(name, str(len(ready.get(name).free)), zoo.get(name).summary)
    return shown


def _parameters(space):
    from rich.table import Table

    from tuner.search import table

    shown = Table("parameter", "values", "default", "only with", title=f"space of {space.model}")
    for name, parameter in space.parameters.items():
        when = parameter.when
        condition = "" if when is None else f"{when.parent}={','.join(map(str, when.values))}"
        shown.add_row(name, str(parameter), table.short_text(parameter.default), condition)
    return shown
