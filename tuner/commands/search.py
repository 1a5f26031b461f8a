"""`python -m tuner search`: tries settings of a model and keeps the best."""

import argparse
from pathlib import Path

from bench.records import config
from bench.runs import command_line
from tuner.algorithms import names as algorithms
from zoo.tracking import trackers

EXAMPLES = """examples:
  python -m tuner search vae --dataset digits --objective psnr --max-trials 10
  python -m tuner search vae --objective elbo --max-trials 30
  python -m tuner search autoencoder --dataset my_images/ --resize 64x64 --max-parameters 500000
  python -m tuner search vae --set latent_dim=4,8,16 --set beta=1.0 --set learning_rate=0.001..0.01
  python -m tuner search unet --dataset composed_digits --tuner hyperband --epochs 27
  python -m tuner search autoencoder --costs parameters --max-trials 40
  python -m tuner search vae --max-trials 40 --workers 4      four trials at a time
  python -m tuner search vae --max-trials 100 --engine ray --ray-address 192.168.1.4:6379
  python -m tuner show runs/search-vae-digits-psnr-bayesian   the best trials, and a picture of all
  python -m tuner export runs/search-vae-digits-psnr-bayesian model.keras
  python -m tuner space vae                                   what is searched, with its defaults

Scores are of the validation split. Ctrl-C keeps what is finished; the same command goes on.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `search`."""
    _add_aims(parser)
    _add_space(parser)
    _add_limits(parser)
    _add_data(parser)
    _add_engine(parser)
    add = parser.add_argument
    add("--output", type=Path, help="folder of the search (default: runs/...)")
    add("--fresh", action="store_true", help="start over in that folder")
    trackers.add_option(parser, "each trial", ", below <output>/tracking")
    add("--live", action="store_true", help="a page that refreshes while the search runs")
    add(
        "--confirm",
        type=int,
        default=3,
        metavar="SEEDS",
        help="fresh seeds for the winner and the defaults at the end; 0: none (default: 3)",
    )


def _add_aims(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("model", help="registered name, such as vae; see python -m bench list")
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
    add(
        "--tuner",
        default=algorithms.DEFAULT,
        help="random, grid, bayesian, hyperband, or Optuna's: optuna:tpe, optuna:gp, optuna:cmaes, "
        "optuna:nsgaii (default: %(default)s)",
    )
    add("--max-trials", type=int, help="default: 20; of hyperband as many as it has")
    add("--epochs", type=int, help="of each trial (default: by the data)")
    add("--patience", type=int, help="epochs without a better objective that end a training")
    add(
        "--search-patience",
        type=int,
        metavar="TRIALS",
        help="end the search after so many trials without a better score; of bayesian once it "
        "expects no improvement above the noise",
    )
    add(
        "--from",
        dest="start_from",
        nargs="+",
        type=Path,
        default=[],
        metavar="FOLDER",
        help="learn from earlier searches of this model and objective; of other data they count "
        "a tenth",
    )
    add(
        "--enqueue",
        nargs="+",
        default=[],
        metavar="NAME=VALUE,...",
        help="settings to try after the defaults: latent_dim=8,depth=2",
    )
    add("--executions", type=int, default=1, help="trainings per trial, by seed (default: 1)")
    add(
        "--robust",
        action="store_true",
        help="two seeds per trial where seeds differ more than settings, by the first trials",
    )
    add(
        "--prune",
        action="store_true",
        help="end trainings that are worse than the median of earlier ones at that epoch",
    )
    add("--seed", type=int, default=0)


def _add_space(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        *("--set", "-s"),
        action="append",
        default=[],
        metavar="NAME=VALUES",
        help="narrow a parameter: latent_dim=4,8 or beta=1.0 or learning_rate=0.001..0.01",
    )
    parser.add_argument("--space", type=Path, help="YAML file of such settings")


def _add_limits(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--max-parameters", type=_limit, help="refuse larger models: 50000, or 0.5x the default's")
    add("--max-macs", type=_limit, help="refuse more work per image: a number, or 0.5x")
    add("--max-trial-seconds", type=float, help="refuse trials that would take longer")
    add("--max-total-seconds", type=float, help="start no trial later than that")
    add("--timeout-seconds", type=float, help="end a trial that takes longer, as failed")


def _add_data(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    for option in config.DATA:
        add(option.flag, dest=option.name, **command_line.settings(option))
    add("--precision", default="float32", help="float32, mixed_bfloat16 or mixed_float16")
    add("--num-labels", type=int, help="training rows that keep their label (semi-supervised)")
    add(
        "--normal-class",
        "--normal-classes",
        metavar="CLASS",
        help="train on this class alone; for auroc",
    )


def _add_engine(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--in-process",
        dest="isolated",
        action="store_false",
        help="no process per trial: starts at once, but shares memory between trials",
    )
    add("--workers", type=int, help="trials at a time, each on its own cores")
    add("--engine", default="local", help="local, or ray for a Ray cluster (default: local)")
    add("--ray-address", metavar="HOST:PORT", help="of the cluster (default: one on this machine)")


def _limit(text: str) -> int | str:
    return int(text) if text.isdecimal() else text  # the search checks the text


def command(options: argparse.Namespace) -> int:
    """Searches, then measures the winner beside the defaults and writes the report."""
    from rich.console import Console

    from tuner.search import confirm, search

    console, request = Console(), _request(options)
    request.check()
    if options.confirm:
        confirm.check(request.objective_name, options.confirm)
    watchers = []
    if options.track:
        from rich.markup import escape

        from tuner.search.tracking import Tracking

        def warn(text: str) -> None:
            console.print(f"[yellow]warning:[/] {escape(text)}", soft_wrap=True)

        watchers.append(Tracking(options.track, request.folder, warn))
    if options.live:
        from tuner.commands.output import print_plain
        from tuner.report.live import LivePage

        print_plain(console, f"live page: {request.folder / 'report.html'}")
        watchers.append(LivePage())

    def after_trial(project) -> None:
        for watcher in watchers:
            watcher(project)

    found = search.search(request, console, after_trial)
    after_trial(found.project)  # also trials of an earlier call
    return _end(found.project, options, console)


def _request(options: argparse.Namespace):
    import logging

    from tuner.search.request import Request
    from tuner.space import space

    logging.getLogger("tensorflow").setLevel("ERROR")  # not a word on each model's tracing
    settings = space.read_settings(options.space) if options.space else {}
    settings |= space.parse_settings(options.set)
    names = set(Request.__dataclass_fields__) - {"settings"}
    given = {name: getattr(options, name) for name in names if hasattr(options, name)}
    lists = {name: tuple(getattr(options, name)) for name in ("costs", "start_from", "enqueue")}
    lists["settings"] = settings
    return Request(**(given | lists))


def _end(project, options: argparse.Namespace, console) -> int:
    from tuner.commands.output import print_plain, print_sentence
    from tuner.report import text, write
    from tuner.search import confirm, table

    if not console.is_terminal:
        console.print(table.rich_table(project))
    if project.best is None:
        console.print("no trial has a score")
        return 1
    if project.identity.get("costs"):
        console.print(table.front_table(project))
    confirmed = None
    if options.confirm:
        confirmed = confirm.confirm(project, options.confirm, console)
        print_sentence(console, confirmed.sentence)
    page = write.write(project, confirmed)
    print_plain(console, f"a report:            {page}, with the winner in Python")
    print_plain(console, f"its model:           {text.export_command(project)}")
    print_plain(console, f"on the test split:   {confirm.bench_command(project)}")
    return 0
