"""`python -m bench report`: Markdown, CSV, pictures and a page from the records of a run."""

import argparse
from pathlib import Path

EXAMPLES = """examples:
  python -m bench report runs/my_images-core
  python -m bench report runs/my_images-core --codes t_sne
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `report`."""
    parser.add_argument("folder", type=Path, help="folder of a run, such as runs/my_images-core")
    parser.add_argument(
        "--codes", default="pca", choices=("pca", "t_sne"), help="how codes are put on a plane"
    )
    parser.add_argument("--perplexity", type=float, default=30.0, help="of t-SNE (default: 30)")


def command(options: argparse.Namespace) -> int:
    """Writes the report, prints the path of each file, and returns the exit code 0."""
    from bench.records import reading
    from bench.report import write
    from bench.reproduce import table

    folder = reading.folder_of(options.folder)
    written = write.write(
        folder,
        codes=options.codes,
        perplexity=options.perplexity,
        sections=table.sections(folder),
        warn=reading.tell,
    )
    for path in written:
        print(path)
    return 0
