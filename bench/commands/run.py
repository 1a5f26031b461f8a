"""`python -m bench run`: trains and measures models, then prints the leaderboard."""

import argparse
from pathlib import Path

from bench.runs import job, request

EXAMPLES = """examples:
  python -m bench run                                     every model of the core suite on digits
  python -m bench run --dataset fashion_mnist --models "*vae*" --epochs 5 --seeds 3
  python -m bench run --dataset my_images/ --resize 64x64
  python -m bench run --noise gaussian:0.3                noisy inputs, clean targets
  python -m bench run --dataset composed_digits           four U-Nets, beside the trivial masks
  python -m bench run --normal-classes all                each digit in turn: find all others
  python -m bench run --dataset defects_textures          find defects, and where they are
  python -m bench run --models autoencoder:tf_tutorial_dense --dataset fashion_mnist --epochs 10
  python -m bench run bench/experiments/digits.yaml       grids from a file, checked before it runs
"""


def add_command(commands) -> None:
    """Adds `run` to the command line.

    Args:
        commands: What `argparse.ArgumentParser.add_subparsers` returns.
    """
    parser = commands.add_parser(
        "run",
        help="train and measure models, then print the leaderboard",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,  # defaults are those of `Request`
    )
    parser.set_defaults(command=command)
    parser.add_argument(
        "experiment",
        nargs="?",
        type=Path,
        default=None,
        metavar="EXPERIMENT.yaml",
        help="file that says what runs, such as bench/experiments/digits.yaml",
    )
    parser.add_argument("--dataset", help="name, folder of images, or .npz file (default: digits)")
    parser.add_argument(
        "--models",
        nargs="+",
        metavar="NAME[:PRESET[:ARGUMENT=VALUE,...]]",
        help='wildcards, such as "*vae*" or "*"; vae:small:beta=4 changes an argument',
    )
    parser.add_argument("--suite", help="models to run without --models (default: by the data)")
    parser.add_argument("--preset", help="preset of models named without one (default: small)")
    parser.add_argument("--seeds", type=int, help="trainings per model (default: 3)")
    parser.add_argument("--epochs", type=int, help="default: about 270 updates, 10 to 200 epochs")
    parser.add_argument(
        "--batch-size",
        type=int,
        nargs="+",
        help="default: 64 below 5,000 images, else 128; several: each model at each",
    )
    parser.add_argument("--learning-rate", type=float, help="of Adam (default: 0.003)")
    parser.add_argument(
        "--precision",
        nargs="+",
        choices=job.PRECISIONS,
        help="one or more; a faster one is shown only where quality stays the same",
    )
    parser.add_argument("--jit", nargs="+", choices=job.JIT)
    parser.add_argument("--steps-per-execution", type=int, nargs="+", help="updates per call")
    parser.add_argument(
        "--normal-classes",
        nargs="+",
        metavar="CLASS",
        help='find anomalies: each class is normal in turn, the others strange; "all"',
    )
    parser.add_argument(
        "--measure",
        nargs="+",
        choices=job.MEASURES,
        help="what to measure too",
    )
    parser.add_argument(
        "--evaluate-every",
        type=float,
        metavar="EPOCHS",
        help="look at the validation split on this schedule, outside of the training's clock",
    )
    parser.add_argument(
        "--target",
        type=float,
        metavar="VALUE",
        help="tell images and seconds until that MSE (IoU of masks) of the validation split",
    )
    parser.add_argument(
        "--workers",
        type=int,
        help="cases at a time, each on its own cores; timings are then not comparable",
    )
    parser.add_argument("--engine", choices=request.ENGINES, help="ray: spread over a Ray cluster")
    parser.add_argument("--ray-address", help="of the cluster (default: one on this machine)")
    parser.add_argument("--augment", metavar="WHAT", help="fresh in each epoch: flip,shift:0.1")
    parser.add_argument(
        "--num-labels", type=int, help="training rows that keep their label (semi-supervised)"
    )
    parser.add_argument("--noise", metavar="KIND:LEVEL", help="noise on all inputs: gaussian:0.2")
    parser.add_argument("--resize", type=_size, metavar="HxW", help="for folders of mixed sizes")
    parser.add_argument("--limit", type=int, help="number of training images to use")
    parser.add_argument("--output", type=Path, help="folder of the records (default: runs/...)")
    parser.add_argument(
        "--fresh", action="store_true", default=argparse.SUPPRESS, help="run finished cases again"
    )
    parser.add_argument(
        "--timing-rounds",
        type=int,
        help="seeds for which speed is measured too (default: 1; 0: quality only)",
    )
    parser.add_argument(
        "--sweep-batch-sizes",
        nargs="+",
        type=int,
        metavar="SIZE",
        help="batch sizes at which the speed of inference is measured too, such as 1 32 256",
    )
    parser.add_argument("--timeout-seconds", type=float, help="limit of one case")


def _size(text: str) -> tuple[int, int]:
    try:
        height, width = (int(part) for part in text.lower().split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be HEIGHTxWIDTH, not {text!r}") from None
    return height, width


def command(options: argparse.Namespace) -> int:
    """Runs what is asked for and prints the leaderboard; returns 1 if a job failed, else 0."""
    from rich.console import Console

    from bench.execution import session
    from bench.leaderboard import rows as leaderboard_rows
    from bench.report import tables
    from bench.runs import experiment

    names = session.Request.__dataclass_fields__
    given = {name: value for name, value in vars(options).items() if name in names}
    given = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}
    console = Console()
    if options.experiment is None:
        outcome = session.run(session.Request(**given), console)
    else:
        outcome = session.run_experiment(experiment.read(options.experiment, given), console)
    rows = leaderboard_rows.rows(outcome.records)
    console.print(tables.to_rich_table(rows))
    console.print(f"pictures and a page: python -m bench report {outcome.output}")
    return 1 if outcome.num_failed else 0
