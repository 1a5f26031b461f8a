"""`python -m tuner space`: what is searched in a model."""

import argparse

from zoo import aligned

EXAMPLES = """examples:
  python -m tuner space            the models, and how many parameters of each are searched
  python -m tuner space vae        what is searched in one, with its defaults
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `space`."""
    parser.add_argument("model", nargs="?", help="registered name; all models without one")


def command(options: argparse.Namespace) -> int:
    """Prints the parameters with their values, defaults and conditions, or the models."""
    from rich.console import Console

    from tuner.space import ready

    if options.model is None:
        _show_models(Console())
    else:
        _show_parameters(Console(), ready.get(options.model))
    return 0


def _show_models(console) -> None:
    import zoo
    from tuner.space import ready

    rows = [
        (name, str(len(ready.get(name).free)), zoo.get(name).summary)
        for name in sorted(ready.SPACES)
    ]
    aligned.show(console, ("model", "free", "what it does"), rows, numeric=("free",))
    console.print("\nfree: how many parameters are searched; which: python -m tuner space vae")


def _show_parameters(console, space) -> None:
    from tuner.search import table

    rows = []
    for name, parameter in space.parameters.items():
        when = parameter.when
        only = "" if when is None else f"; with {when.parent}={','.join(map(str, when.values))}"
        rows.append((name, table.short_text(parameter.default), f"{parameter}{only}"))
    aligned.show(console, ("parameter", "default", "values"), rows)
