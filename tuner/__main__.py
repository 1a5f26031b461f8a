"""Command line of the search: `python -m tuner search | chief | worker | show | confirm | ...`."""

import argparse
import os
import sys
from pathlib import Path

from bench.errors import BenchError
from zoo import checks

EXAMPLES = """examples:
  python -m tuner search vae --dataset digits --objective psnr --max-trials 10
  python -m tuner search vae --objective elbo --tuner bayesian --max-trials 30
  python -m tuner search autoencoder --dataset my_images/ --resize 64x64 --max-parameters 500000
  python -m tuner search vae --set latent_dim=4,8,16 --set beta=1.0 --set learning_rate=0.001..0.01
  python -m tuner search unet --dataset composed_digits --tuner hyperband --epochs 27
  python -m tuner search autoencoder --costs parameters --tuner bayesian --max-trials 40
  python -m tuner chief vae --max-trials 40               then, in other terminals or machines:
  python -m tuner worker --chief 127.0.0.1:8765
  python -m tuner show runs/search-vae-digits-psnr-random     the trials, and a picture of them
  python -m tuner export runs/search-vae-digits-psnr-random model.keras
  python -m tuner space vae                                   what is searched, with its defaults

Scores are of the validation split. Ctrl-C keeps what is finished; the same command goes on.
"""


def main(arguments: list[str] | None = None) -> int:
    """Runs a command and returns its exit code: 0 done, 1 no result, 2 wrong use, 130 Ctrl-C."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    options = make_parser().parse_args(arguments)
    try:
        return options.command(options)
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped. What is finished is kept: the same command goes on.", file=sys.stderr)
        return 130


def _search(options: argparse.Namespace) -> int:
    from rich.console import Console

    from tuner.search import search

    console = Console()
    return _end(search.search(_request(options), console).project, options, console)


def _chief(options: argparse.Namespace) -> int:
    from rich.console import Console

    from tuner.search import chief

    console = Console()
    address = chief.Address(options.host, options.port, options.allow_network)
    return _end(chief.serve(_request(options), address, console).project, options, console)


def _worker(options: argparse.Namespace) -> int:
    from rich.console import Console

    from tuner.search import worker

    num = worker.work(
        options.chief,
        Console(),
        name=options.name,
        dataset=options.dataset,
        timeout_seconds=options.timeout_seconds,
    )
    print(f"the search is over; {num} trial{'s' * (num != 1)} ran here")
    return 0


def _request(options: argparse.Namespace):
    import logging

    from tuner.search.request import Request
    from tuner.space import space

    logging.getLogger("tensorflow").setLevel("ERROR")  # not a word on each model's tracing
    settings = space.read_settings(options.space) if options.space else {}
    settings |= space.parse_settings(options.set)
    names = set(Request.__dataclass_fields__) - {"settings"}
    given = {name: getattr(options, name) for name in names if hasattr(options, name)}
    return Request(**(given | {"settings": settings, "costs": tuple(options.costs)}))


def _end(project, options: argparse.Namespace, console) -> int:
    """Shows what a search found, and measures its winner beside the defaults."""
    from tuner.report import write
    from tuner.search import confirm, table

    if not console.is_terminal:
        console.print(table.rich_table(project))
    if project.best is None:
        console.print("no trial has a score")
        return 1
    if project.identity.get("costs"):
        console.print(table.front_table(project))
    folder = project.folder
    confirmed = None
    if options.confirm:
        confirmed = confirm.confirm(project, options.confirm, console)
        _print_plain(console, confirmed.sentence)
    _print_plain(console, f"a report:            {write.write(project, confirmed)}")
    _print_plain(console, f"its model:           python -m tuner export {folder} model.keras")
    _print_plain(console, f"on the test split:   {confirm.bench_command(project)}")
    return 0


def _show(options: argparse.Namespace) -> int:
    from rich.console import Console

    from tuner.report import write
    from tuner.report.plots import basic
    from tuner.search import confirm, table
    from tuner.space import ready
    from tuner.trials.store import Project

    console = Console()
    project = Project.open(options.folder)
    for warning in project.warnings:
        _print_plain(console, f"note: {warning}")
    if not project.trials:
        console.print("no trial is finished yet")
        return 1
    console.print(table.rich_table(project, limit=options.limit))
    if project.identity.get("costs"):
        console.print(table.front_table(project))
    confirmed = confirm.read(project)
    if confirmed is not None:
        _print_plain(console, confirmed.sentence)
    path = basic.write(project, ready.get(project.identity["model"]).parameters)
    if path is not None:
        _print_plain(console, str(path))
    _print_plain(console, str(write.write(project, confirmed)))
    return 0


def _confirm(options: argparse.Namespace) -> int:
    from rich.console import Console

    from tuner.report import write
    from tuner.search import confirm
    from tuner.trials.store import Project

    console, project = Console(), Project.open(options.folder)
    found = confirm.confirm(project, options.seeds, console, options.trial)
    _print_plain(console, found.sentence)
    _print_plain(console, str(write.write(project, found)))
    return 0


def _export(options: argparse.Namespace) -> int:
    from bench.records.store import write_whole
    from tuner.search.confirm import bench_command
    from tuner.trials.store import Project

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

    from tuner.search import table
    from tuner.space import ready

    found = ready.get(options.model)
    shown = Table("parameter", "values", "default", "only with", title=f"space of {found.model}")
    for name, parameter in found.parameters.items():
        when = parameter.when
        condition = "" if when is None else f"{when.parent}={','.join(map(str, when.values))}"
        shown.add_row(name, str(parameter), table.short_text(parameter.default), condition)
    Console().print(shown)
    return 0


def _print_plain(console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def make_parser() -> argparse.ArgumentParser:
    layout = {"epilog": EXAMPLES, "formatter_class": argparse.RawDescriptionHelpFormatter}
    parser = argparse.ArgumentParser(
        prog="python -m tuner",
        description="Searches for the settings of a model that fit your images.",
        **layout,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    search = commands.add_parser("search", help="try settings and keep the best", **layout)
    search.set_defaults(command=_search)
    _add_search_options(search)
    search.add_argument(
        "--in-process",
        dest="isolated",
        action="store_false",
        help="no process per trial: starts at once, but shares memory between trials",
    )
    search.add_argument("--workers", type=int, help="trials at a time, each on its own cores")
    search.add_argument(
        "--engine", default="local", help="local, or ray for a Ray cluster (default: local)"
    )
    search.add_argument(
        "--ray-address", metavar="HOST:PORT", help="of the cluster (default: one on this machine)"
    )

    chief = commands.add_parser("chief", help="search with workers on other machines", **layout)
    chief.set_defaults(command=_chief)
    _add_search_options(chief)
    chief.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    chief.add_argument("--port", type=int, default=8765, help="(default: %(default)s)")
    chief.add_argument(
        "--allow-network",
        action="store_true",
        help="listen on another address than this machine's own: whoever reaches the port can "
        "read the search and send results, there is no password",
    )

    worker = commands.add_parser("worker", help="run trials of a chief", **layout)
    worker.set_defaults(command=_worker)
    worker.add_argument("--chief", required=True, metavar="HOST:PORT")
    worker.add_argument("--dataset", help="where the data are here, if not as the chief names them")
    worker.add_argument("--name", help="shown by the chief (default: host and process)")
    worker.add_argument("--timeout-seconds", type=float, help="limit of one trial")

    show = commands.add_parser("show", help="show the trials of a search, and draw them")
    show.set_defaults(command=_show)
    show.add_argument("folder", type=Path)
    show.add_argument("--limit", type=int, help="show the best only")

    confirm = commands.add_parser(
        "confirm", help="measure the winner and the defaults on fresh seeds, on the test split"
    )
    confirm.set_defaults(command=_confirm)
    confirm.add_argument("folder", type=Path)
    confirm.add_argument("--seeds", type=int, default=3, help="(default: %(default)s)")
    confirm.add_argument("--trial", type=int, help="another trial than the winner")

    export = commands.add_parser("export", help="copy the best model to a .keras file")
    export.set_defaults(command=_export)
    export.add_argument("folder", type=Path)
    export.add_argument("path", type=Path, help="such as model.keras")
    export.add_argument("--trial", type=int, help="another trial than the best")

    space = commands.add_parser("space", help="show what is searched in a model")
    space.set_defaults(command=_space)
    space.add_argument("model")
    return parser


def _add_search_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("model", help="registered name, such as vae; see python -m bench list")
    add("--dataset", default="digits", help="name, folder of images, or .npz file")
    add(
        "--objective",
        help="mse, psnr, ssim, elbo, nll, auroc, accuracy; of masks dice, iou "
        "(default: psnr, of masks iou)",
    )
    add(
        "--costs",
        nargs="+",
        default=[],
        metavar="COST",
        help="keep small too: parameters, macs, latency; finds the settings no other beats in all",
    )
    add("--tuner", default="random", help="random, grid, bayesian or hyperband (default: random)")
    add("--max-trials", type=int, help="default: 20; of hyperband as many as it has")
    add("--epochs", type=int, help="of each trial (default: by the data)")
    add("--patience", type=int, help="epochs without a better objective that end a training")
    add("--executions", type=int, default=1, help="trainings per trial, by seed (default: 1)")
    add("--seed", type=int, default=0)
    add(
        *("--set", "-s"),
        action="append",
        default=[],
        metavar="NAME=VALUES",
        help="narrow a parameter: latent_dim=4,8 or beta=1.0 or learning_rate=0.001..0.01",
    )
    add("--space", type=Path, help="YAML file of such settings")
    add("--max-parameters", type=_limit, help="refuse larger models: 50000, or 0.5x the default's")
    add("--max-macs", type=_limit, help="refuse more work per image: a number, or 0.5x")
    add("--max-trial-seconds", type=float, help="refuse trials that would take longer")
    add("--max-total-seconds", type=float, help="start no trial later than that")
    add("--timeout-seconds", type=float, help="end a trial that takes longer, as failed")
    add("--precision", default="float32", help="float32, mixed_bfloat16 or mixed_float16")
    add("--noise", metavar="KIND:LEVEL", help="noise on all inputs: gaussian:0.2")
    add("--resize", type=checks.size, metavar="HxW", help="for folders of mixed sizes")
    add("--limit", type=int, help="number of training images to use")
    add("--num-labels", type=int, help="training rows that keep their label")
    add("--normal-class", metavar="CLASS", help="train on this class alone; for auroc")
    add("--output", type=Path, help="folder of the search (default: runs/...)")
    add("--fresh", action="store_true", help="start over in that folder")
    add(
        "--confirm",
        type=int,
        default=3,
        metavar="SEEDS",
        help="fresh seeds for the winner and the defaults at the end; 0: none (default: 3)",
    )


def _limit(text: str) -> int | str:
    return int(text) if text.isdecimal() else text  # the search checks the text


if __name__ == "__main__":
    sys.exit(main())
