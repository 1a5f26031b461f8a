"""Command line of the search: `python -m tuner search | show | export`."""

import argparse
import os
import sys
from pathlib import Path

from bench.errors import BenchError

EXAMPLES = """examples:
  python -m tuner search vae --dataset digits --objective psnr --max-trials 10
  python -m tuner search vae --objective elbo --tuner bayesian --max-trials 30
  python -m tuner search autoencoder --dataset my_images/ --resize 64x64 --max-parameters 500000
  python -m tuner search vae --set latent_dim=4,8,16 --set beta=1.0 --set learning_rate=0.001..0.01
  python -m tuner search unet --dataset composed_digits --tuner hyperband --epochs 27
  python -m tuner show runs/search-vae-digits-psnr-random     the trials, and a picture of them
  python -m tuner export runs/search-vae-digits-psnr-random model.keras
  python -m tuner space vae                                   what is searched, with its defaults

Scores are of the validation split. Ctrl-C keeps what is finished; the same command goes on.
"""


def main(arguments: list[str] | None = None) -> int:
    """Runs a command and returns its exit code: 0 done, 1 no result, 2 wrong use, 130 Ctrl-C."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    options = _parser().parse_args(arguments)
    try:
        return options.command(options)
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped. What is finished is kept: the same command goes on.", file=sys.stderr)
        return 130


def _search(options: argparse.Namespace) -> int:
    import logging

    from rich.console import Console

    from tuner import search, space, table

    logging.getLogger("tensorflow").setLevel("ERROR")  # not a word on each model's tracing
    settings = space.read_settings(options.space) if options.space else {}
    settings |= space.parse_settings(options.set)
    names = set(search.Request.__dataclass_fields__) - {"settings"}
    given = {name: getattr(options, name) for name in names}
    console = Console()
    outcome = search.search(search.Request(**given, settings=settings), console)
    project = outcome.project
    if not console.is_terminal:
        console.print(table.rich_table(project))
    if project.best is None:
        console.print("no trial has a score")
        return 1
    folder = project.folder
    _print_plain(console, f"its model:           python -m tuner export {folder} model.keras")
    _print_plain(console, f"a picture:           python -m tuner show {folder}")
    _print_plain(console, f"on the test split:   {search.bench_command(project)}")
    return 0


def _show(options: argparse.Namespace) -> int:
    from rich.console import Console

    from tuner import pictures, spaces, table
    from tuner.project import Project

    console = Console()
    project = Project.open(options.folder)
    for warning in project.warnings:
        _print_plain(console, f"note: {warning}")
    if not project.trials:
        console.print("no trial is finished yet")
        return 1
    console.print(table.rich_table(project, limit=options.limit))
    path = pictures.write(project, spaces.get(project.identity["model"]).parameters)
    if path is not None:
        _print_plain(console, str(path))
    return 0


def _export(options: argparse.Namespace) -> int:
    from bench.records import write_whole
    from tuner.project import Project
    from tuner.search import bench_command

    if options.path.suffix != ".keras":
        raise BenchError(f"the model's file must end in .keras. Received: {options.path}.")
    project = Project.open(options.folder)
    write_whole(options.path, project.best_model(options.trial).read_bytes())
    print(options.path)
    print(f"on the test split: {bench_command(project, options.trial)}")
    return 0


def _space(options: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.table import Table

    from tuner import spaces, table

    found = spaces.get(options.model)
    shown = Table("parameter", "values", "default", "only with", title=f"space of {found.model}")
    for name, parameter in found.parameters.items():
        when = parameter.when
        condition = "" if when is None else f"{when.parent}={','.join(map(str, when.values))}"
        shown.add_row(name, str(parameter), table.short_text(parameter.default), condition)
    Console().print(shown)
    return 0


def _print_plain(console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _size(text: str) -> tuple[int, int]:
    try:
        height, width = (int(part) for part in text.lower().split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be HEIGHTxWIDTH, not {text!r}") from None
    return height, width


def _parser() -> argparse.ArgumentParser:
    layout = {"epilog": EXAMPLES, "formatter_class": argparse.RawDescriptionHelpFormatter}
    parser = argparse.ArgumentParser(
        prog="python -m tuner",
        description="Searches for the settings of a model that fit your images.",
        **layout,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    search = commands.add_parser("search", help="try settings and keep the best", **layout)
    search.set_defaults(command=_search)
    search.add_argument("model", help="registered name, such as vae; see python -m bench list")
    search.add_argument("--dataset", default="digits", help="name, folder of images, or .npz file")
    search.add_argument(
        "--objective",
        help="mse, psnr, ssim, elbo, accuracy; of masks dice, iou (default: psnr, of masks iou)",
    )
    search.add_argument(
        "--tuner", default="random", help="random, grid, bayesian or hyperband (default: random)"
    )
    search.add_argument(
        "--max-trials", type=int, help="default: 20; of hyperband as many as it has"
    )
    search.add_argument("--epochs", type=int, help="of each trial (default: by the data)")
    search.add_argument(
        "--executions", type=int, default=1, help="trainings per trial, by seed (default: 1)"
    )
    search.add_argument("--seed", type=int, default=0)
    search.add_argument(
        *("--set", "-s"),
        action="append",
        default=[],
        metavar="NAME=VALUES",
        help="narrow a parameter: latent_dim=4,8 or beta=1.0 or learning_rate=0.001..0.01",
    )
    search.add_argument("--space", type=Path, help="YAML file of such settings")
    search.add_argument("--max-parameters", type=int, help="refuse models with more weights")
    search.add_argument("--max-macs", type=int, help="refuse models with more work per image")
    search.add_argument(
        "--precision", default="float32", choices=("float32", "mixed_bfloat16", "mixed_float16")
    )
    search.add_argument("--noise", metavar="KIND:LEVEL", help="noise on all inputs: gaussian:0.2")
    search.add_argument("--resize", type=_size, metavar="HxW", help="for folders of mixed sizes")
    search.add_argument("--limit", type=int, help="number of training images to use")
    search.add_argument("--num-labels", type=int, help="training rows that keep their label")
    search.add_argument("--output", type=Path, help="folder of the search (default: runs/...)")
    search.add_argument("--fresh", action="store_true", help="start over in that folder")
    search.add_argument(
        "--in-process",
        dest="isolated",
        action="store_false",
        help="no process per trial: starts at once, but shares memory between trials",
    )
    search.add_argument("--timeout-seconds", type=float, help="limit of one trial")

    show = commands.add_parser("show", help="show the trials of a search, and draw them")
    show.set_defaults(command=_show)
    show.add_argument("folder", type=Path)
    show.add_argument("--limit", type=int, help="show the best only")

    export = commands.add_parser("export", help="copy the best model to a .keras file")
    export.set_defaults(command=_export)
    export.add_argument("folder", type=Path)
    export.add_argument("path", type=Path, help="such as model.keras")
    export.add_argument("--trial", type=int, help="another trial than the best")

    space = commands.add_parser("space", help="show what is searched in a model")
    space.set_defaults(command=_space)
    space.add_argument("model")
    return parser


if __name__ == "__main__":
    sys.exit(main())
