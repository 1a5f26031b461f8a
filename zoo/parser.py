"""The parser of the command lines of `zoo`, `bench` and `tuner`."""

import argparse
import dataclasses
import importlib
import re
import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from zoo import aligned, checks

# Scripts of the installation, and what the help is written with.
SCRIPTS = {
    "zoo": "python -m zoo",
    "zoo-bench": "python -m bench",
    "zoo-tune": "python -m tuner",
}
# What `argparse` says: a word that is none of the choices, no number, or refused by its reader.
_CHOICE = re.compile(
    r"argument (?P<what>[^:]+): invalid choice: '?(?P<word>[^']*)'? \(choose from (?P<known>.*)\)"
)
_NUMBER = re.compile(r"argument (?P<what>[^:]+): invalid (?P<kind>int|float) value: '(?P<word>.*)'")
_REFUSED = re.compile(r"argument (?P<what>[^:]+): [\w ]*(?P<text>must be .*)")
_KINDS = {"int": "a whole number", "float": "a number"}
_NEGATIVE_RANGE = re.compile(r"-[\d.]+\.\.\S+")
_OPTION_LINE = re.compile(r"^  (-.*)$", re.MULTILINE)
_MOST_IN_USAGE = 6  # options; of more, the first line says that there are some


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Keeps words whole, and leaves many options to the list of them, out of the usage."""

    def add_usage(self, usage, actions, groups, prefix=None):
        needed = [action for action in actions if action.required or not action.option_strings]
        if len(actions) - len(needed) > _MOST_IN_USAGE:
            actions = [*needed, argparse.Action([], "options", metavar="[options]")]
            groups = ()
        super().add_usage(usage, actions, groups, prefix)

    def _split_lines(self, text, width):
        return aligned.wrapped(" ".join(text.split()), width)


class CommandParser(argparse.ArgumentParser):
    """Tells wrong use in one line, and shows the name that it was started by.

    A range that starts with a minus, as in `--range -1..1`, is a value.
    """

    _commands = None

    def __init__(self, *args, description: str | None = None, **settings):
        if description is not None:
            paragraphs = re.split(r"\n\s*\n", description.strip())
            description = "\n\n".join(" ".join(each.split()) for each in paragraphs)
        super().__init__(*args, description=description, formatter_class=_Formatter, **settings)

    def parse_known_args(self, args=None, namespace=None):
        joined: list[str] = []
        for word in sys.argv[1:] if args is None else args:
            if joined and joined[-1].startswith("--") and _NEGATIVE_RANGE.fullmatch(word):
                joined[-1] += f"={word}"
            else:
                joined.append(word)
        return super().parse_known_args(joined, namespace)

    def format_help(self) -> str:
        places = shutil.get_terminal_size().columns
        lines = as_started(super().format_help()).splitlines()
        return "\n".join(_fitted(line, places) for line in lines) + "\n"

    def format_usage(self) -> str:
        return as_started(super().format_usage())

    def add_subparsers(self, **settings):
        self._commands = super().add_subparsers(**settings)
        return self._commands

    def parse_args(self, args=None, namespace=None):
        args = sys.argv[1:] if args is None else args
        options, unknown = self.parse_known_args(args, namespace)
        if unknown:
            self._of_command(args)._refuse(unknown[0])
        return options

    def _of_command(self, args) -> "CommandParser":
        """Returns the parser of the command that the arguments name, or this one."""
        known = {} if self._commands is None else self._commands.choices
        return next((known[word] for word in args if word in known), self)

    def _refuse(self, word: str) -> None:
        if not word.startswith("-"):
            self.error(f"there is one word too many: {word}")
        lines = " ".join(_OPTION_LINE.findall(self.format_help()))
        options = re.findall(r"(?<!\w)--[\w-]+", lines)
        self.error(f"unknown option {word}.{checks.suggestion(word.partition('=')[0], options)}")

    def error(self, message: str):
        """Ends the program with code 2; a slip of the pen is answered with the right word."""
        message = _in_words(message)
        end = "" if message.endswith(("?", ".")) else "."
        self.exit(2, as_started(f"error: {message}{end} See {self.prog} --help\n"))


def _fitted(line: str, places: int) -> str:
    """Returns a line that fits; what is said beside an example goes below it."""
    if len(line) <= places:
        return line
    text = line.lstrip(" ")
    indent = line[: len(line) - len(text)]
    example, _, remark = text.partition("  ")
    if not example.startswith(("python ", "pip ", *SCRIPTS)):
        if len(indent) > places // 2:  # a remark's second line
            indent = " " * 6
        lines = aligned.wrapped(" ".join(text.split()), places - len(indent))
        return "\n".join(indent + part for part in lines)
    parts = aligned.paragraph(example, places - 2, indent).splitlines()
    below = [aligned.paragraph(remark.strip(), places, f"{indent}    ")] if remark else []
    return "\n".join([" \\\n".join(parts), *below])


def _in_words(message: str) -> str:
    """Returns what `argparse` says as our other errors say it."""
    if wrong := _CHOICE.fullmatch(message):
        known = re.findall(r"'([^']+)'", wrong["known"]) or wrong["known"].split(", ")
        what = wrong["what"].lower() if wrong["what"].isupper() else wrong["what"]
        return (
            f"{what} must be one of {', '.join(known)}. Received: {wrong['word']}."
            f"{checks.suggestion(wrong['word'], known)}"
        )
    if wrong := _NUMBER.fullmatch(message):
        return f"{wrong['what']} must be {_KINDS[wrong['kind']]}. Received: {wrong['word']}."
    if wrong := _REFUSED.fullmatch(message):
        return f"{wrong['what']} {wrong['text']}"
    return message


def can_show_all_signs() -> None:
    """Makes a sign that the terminal lacks end no command: it is shown as `?`."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def as_started(text: str) -> str:
    """Returns a text with the name of the script that runs, where it is one of `SCRIPTS`."""
    script = Path(sys.argv[0]).stem
    return text.replace(SCRIPTS[script], script) if script in SCRIPTS else text


def program(name: str, description: str, examples: str) -> CommandParser:
    """Returns the parser of a program that has commands.

    Args:
        name: As `SCRIPTS` has it, `python -m zoo`.
        examples: Shown at the end of the help, as they are written.
    """
    return CommandParser(
        prog=name,
        description=description,
        epilog=examples,
    )


def new_command(
    commands,
    name: str,
    run: Callable[[argparse.Namespace], int],
    about: str,
    examples: str = "",
    description: str | None = None,
    **settings,
) -> CommandParser:
    """Adds a command to a program and returns its parser, to which its arguments are added.

    Args:
        commands: What `add_subparsers` of the program's parser returns.
        run: Takes the options and returns the exit code; it is their attribute `command`.
        about: What the command does, in a line.
        examples: Shown at the end of the help, as they are written.
        description: Stands above the arguments; None: `about`.
        **settings: What `argparse.ArgumentParser` takes beside, such as `aliases`.
    """
    parser = commands.add_parser(
        name,
        help=about,
        epilog=examples or None,
        description=description or f"{about[:1].upper()}{about[1:]}.",
        **settings,
    )
    parser.set_defaults(command=run)
    return parser


@dataclasses.dataclass(frozen=True)
class Command:
    """A command of a program whose commands are modules.

    A module has `add_arguments`, which takes the command's parser; `command`, which takes the
    options and returns the exit code; `EXAMPLES`; and perhaps a `DESCRIPTION`. It is imported for
    its own command alone, so that the others start at once.

    Attributes:
        name: What the command is called by.
        module: Full name of its module.
        about: What it does, in a line.
        aliases: Other names.
    """

    name: str
    module: str
    about: str
    aliases: tuple[str, ...] = ()


def add_commands(parser: CommandParser, known: Iterable[Command], wanted: str | None) -> None:
    """Adds commands to a program.

    Args:
        parser: Of the program.
        known: The commands.
        wanted: Name of the command that the parser is for; the others are only named, and their
            modules not imported. None: for all.
    """
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for each in known:
        if wanted not in (None, each.name, *each.aliases):
            commands.add_parser(each.name, help=each.about, aliases=each.aliases)
            continue
        module = importlib.import_module(each.module)
        own = new_command(
            commands,
            each.name,
            module.command,
            each.about,
            module.EXAMPLES,
            description=getattr(module, "DESCRIPTION", None),
            aliases=each.aliases,
        )
        module.add_arguments(own)


def exit_code(
    run: Callable[[], int], *, line_of: Callable[[Exception], str | None], stopped: str
) -> int:
    """Returns what a command returns; after an error 2, after Ctrl-C 130, each with a line.

    Args:
        run: The command.
        line_of: Returns the line of an error that the user can mend, None of any other: then
            `zoo.checks.no_defect` is asked, and a defect of the program is raised.
        stopped: What Ctrl-C leaves behind, in a sentence.
    """
    try:
        return run()
    except Exception as error:
        line = line_of(error) or checks.no_defect(error)
        if line is None:
            raise
        print(f"error: {line}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"stopped. {stopped}", file=sys.stderr)
        return 130
