"""`python -m tuner space`: what is searched in a model."""

import argparse


def add_command(commands) -> None:
    """Adds `space` to the command line."""
    parser = commands.add_parser("space", help="show what is searched in a model")
    parser.set_defaults(command=command)
    parser.add_argument("model")


def command(options: argparse.Namespace) -> int:
    """Prints the parameters with their values, defaults and conditions."""
    from rich.console import Console
    from rich.table import Table

    from tuner.search import table
    from tuner.space import ready

    space = ready.get(options.model)
    shown = Table("parameter", "values", "default", "only with", title=f"space of {space.model}")
    for name, parameter in space.parameters.items():
        when = parameter.when
        condition = "" if when is None else f"{when.parent}={','.join(map(str, when.values))}"
        shown.add_row(name, str(parameter), table.short_text(parameter.default), condition)
    Console().print(shown)
    return 0
