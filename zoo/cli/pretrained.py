"""`python -m zoo pretrained`: the weights that come with the package, and what was measured."""

import argparse

from zoo import aligned
from zoo.cli import screen
from zoo.parser import new_command
from zoo.registry import pretrained


def run(options: argparse.Namespace) -> int:
    """Prints the names with their sizes and metrics, a line each."""
    shelf = pretrained.pretrained()
    console = screen.console()
    if not shelf:
        screen.paragraph(pretrained.EMPTY)
        return 0
    rows = [
        (
            each.name,
            f"{each.facts['num_parameters']:,}",
            f"{each.num_bytes / 1e6:.2f}",
            each.summary(),
            str(max(found.get("num_seeds", 1) for found in each.metrics.values())),
        )
        for each in shelf.values()
    ]
    head = ("name", "parameters", "MB", "on test images", "seeds")
    aligned.show(console, head, rows, numeric=("parameters", "MB", "seeds"), gives_way="name")
    screen.say("Each with its card: python -m zoo card NAME. In Python: zoo.load(NAME).")
    return 0


def add_parser(commands) -> None:
    """Adds the sub-command to the parser."""
    new_command(
        commands,
        "pretrained",
        run,
        "list the trained weights that come along, with what was measured",
        "examples:\n"
        "  python -m zoo pretrained\n"
        "  python -m zoo card fashion_mnist/vae            data, budget, metrics, limits\n"
        "  python -m zoo score fashion_mnist/vae photos/ --output scores.csv\n",
    )
