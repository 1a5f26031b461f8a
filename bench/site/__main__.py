"""`python -m bench.site`: the documentation as a site."""

import importlib.util
import sys
import time
import webbrowser
from pathlib import Path

from bench.errors import BenchError
from zoo.parser import exit_code, program

DESCRIPTION = """Builds the documentation as a site that needs no network: the guides, a page
for each model, the leaderboard of all committed records, the API reference, and
the guides as notebooks. Nothing of it is written by hand twice: it is read from
docs/, docstrings, the registry and bench/results each time.
"""
EXAMPLES = """examples:
  pip install -e ".[docs]"                     Sphinx and what it needs
  python -m bench.site                         build/site/index.html
  python -m bench.site --open                  and show it in the browser
"""
NEEDED = ("sphinx", "myst_parser", "furo", "sphinx_copybutton", "nbformat")
MOST_SHOWN = 30  # of the warnings


def main(arguments: list[str] | None = None) -> int:
    parser = program("python -m bench.site", DESCRIPTION, EXAMPLES)
    parser.add_argument(
        "--output", type=Path, default=Path("build/site"), help="folder of the site"
    )
    parser.add_argument("--open", action="store_true", help="show the site in the browser")
    options = parser.parse_args(arguments)
    return exit_code(
        lambda: _build(options),
        line_of=lambda error: str(error) if isinstance(error, BenchError) else None,
        stopped="No site was written; an earlier one is as it was.",
    )


def _build(options) -> int:
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise BenchError(f'{missing[0]} is not installed. Try: pip install -e ".[docs]"')
    from bench.site import build

    started = time.monotonic()
    warnings = build.build(Path(), options.output, print)
    if warnings:
        print("\n".join(warnings[:MOST_SHOWN]), file=sys.stderr)
        raise BenchError(f"{len(warnings)} warnings, so no site was written. Mend what they name.")
    start = options.output / "index.html"
    print(f"{start} ({time.monotonic() - started:.0f} s)")
    if options.open:
        webbrowser.open(start.resolve().as_uri())
    return 0


if __name__ == "__main__":
    sys.exit(main())
