"""The options of `bench run` on the command line, as `bench.records.config` declares them."""

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from bench.records import config
from bench.records.options import FLAG, GROUPS, Option


def add_options(parser: argparse.ArgumentParser, known: Sequence[Option] | None = None) -> None:
    """Adds each option to a parser, by groups; what is not given is left out of its result.

    Args:
        known: The options; None: all of `bench run`.
    """
    known = config.all_options() if known is None else known
    for name in GROUPS:
        group = parser.add_argument_group(name)
        for option in known:
            if option.group == name:
                group.add_argument(option.flag, **settings(option))


def given(arguments: argparse.Namespace, known: Sequence[Option] | None = None) -> dict[str, Any]:
    """Returns the options that were given, as `bench.runs.request.Request` takes them."""
    known = config.all_options() if known is None else known
    values = {
        option.asked: getattr(arguments, option.asked)
        for option in known
        if hasattr(arguments, option.asked)
    }
    return {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}


def settings(option: Option) -> dict[str, Any]:
    """Returns what `argparse` is to know of an option beside its name."""
    default = f" (default: {option.default_text})" if option.default_text else ""
    found: dict[str, Any] = {"help": option.help + default, "default": argparse.SUPPRESS}
    if option.kind is FLAG:
        return found | {"action": "store_true"}
    found["type"] = _reader(option)
    if option.several:
        found["nargs"] = "+"
    if option.choices:
        found["choices"] = option.choices
    elif option.metavar is not None:
        found["metavar"] = option.metavar
    return found


def _reader(option: Option) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        try:
            return option.kind.read(text)
        except ValueError:
            raise argparse.ArgumentTypeError(
                f"must be {option.expected}. Received: {text!r}."
            ) from None

    return read
