"""`python -m bench list`: models with their presets, data sets, and suites."""

import argparse

from bench.errors import BenchError
from zoo import checks

_ANOMALIES = (
    "anomalies: any data set with classes and --normal-classes all, or one of defects_*; models "
    "that need no labels fit"
)
_OWN = (
    "your own: my_module:build or mine.py:build, a function that returns a keras.Model or a "
    "detector; mine.keras, a saved model, or a name that `python -m zoo pretrained` lists. "
    "docs/measure.md says what they must have"
)
EXAMPLES = """examples:
  python -m bench list
  python -m bench list "*vae*"
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `list`."""
    parser.add_argument("pattern", nargs="?", default="*", help='wildcard, such as "*vae*"')


def command(options: argparse.Namespace) -> int:
    """Prints the tables and returns the exit code 0."""
    from rich.console import Console

    import zoo
    from bench.data import catalog
    from bench.runs import suites
    from zoo import aligned
    from zoo.registry import entries

    names = zoo.names(options.pattern)
    if not names:
        raise BenchError(
            f"no model matches {options.pattern!r}."
            f"{checks.suggestion(options.pattern, zoo.names())} "
            f"A wildcard finds more: '*{options.pattern.strip('*')}*'."
        )
    console = Console()
    aligned.show(console, ("model", "what it does"), entries.by_task(names))
    print("\nPresets of each: tiny, small, base. All of one: python -m zoo list vae\n")
    rows = [
        (found["name"], "yes" if found["is_local"] else "no", found["description"])
        for found in catalog.describe()
    ]
    aligned.show(console, ("data set", "here", "what it is"), rows)
    print()
    for suite, members in suites.SUITES.items():
        print(aligned.paragraph(f"suite {suite}: {', '.join(members)}", console.width))
    for text in (_ANOMALIES, _OWN):
        print(aligned.paragraph(text, console.width))
    return 0
