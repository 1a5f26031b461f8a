"""Command line: `python -m bench COMMAND`: run, report, look, compare, reproduce, scale, ..."""

import argparse
import sys
from pathlib import Path

from bench.commands import inspect
from bench.compare import command
from bench.errors import BenchError
from bench.reproduce import command as reproduce_command
from bench.runs import job, request
from bench.scaling import command as scale_command

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
  python -m bench report runs/digits-core                 pictures and a page from the records
  python -m bench look model.keras digits --layer encoder/conv1 --output maps.png
  python -m bench compare git:main . --models vae         did my changes cost speed?
  python -m bench reproduce --quick                       published numbers, measured again
  python -m bench scale --quick                           how does cost grow with size?
  python -m bench list                                    models, presets and data sets
"""


def main(arguments: list[str] | None = None) -> int:
    """Runs a command and returns its exit code: 0 done, 1 failed case, 2 wrong use, 130 Ctrl-C."""
    options = _parser().parse_args(arguments)
    try:
        return options.command(options)
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped. What is finished is kept: the same command goes on.", file=sys.stderr)
        return 130


def _run(options: argparse.Namespace) -> int:
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


def _report(options: argparse.Namespace) -> int:
    from bench.report import write

    found = write.write(options.folder, codes=options.codes, perplexity=options.perplexity)
    for path in found:
        print(path)
    return 0


def _list(options: argparse.Namespace) -> int:
    import os

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from rich.console import Console
    from rich.table import Table

    import zoo
    from bench.data import catalog
    from bench.runs import job

    console = Console()
    models = Table("model", "what it is", "presets", title="models", title_justify="left")
    for name in zoo.names(options.pattern):
        entry = zoo.get(name)
        models.add_row(name, entry.summary, ", ".join(entry.presets))
    console.print(models)
    data = Table("dataset", "what it is", "here", title="data sets", title_justify="left")
    for found in catalog.describe():
        data.add_row(found["name"], found["description"], "yes" if found["is_local"] else "no")
    console.print(data)
    for suite, members in job.SUITES.items():
        console.print(f"suite {suite}: {', '.join(members)}", highlight=False)
    console.print(
        "anomalies: any data set with classes and --normal-classes all, or one of defects_*; "
        "models that need no labels fit, the core suite by default",
        highlight=False,
    )
    return 0


def _table(options: argparse.Namespace) -> int:
    from bench.commands import docs

    root = Path()
    pages = options.pages or sorted(page for form in docs.PAGES for page in root.glob(form))
    if not pages:
        raise BenchError(f"no {' or '.join(docs.PAGES)} here. Name pages, or go to their folder.")
    changed = docs.update(pages, root)
    for page in pages:
        print(f"{page} {'written' if page in changed else 'is up to date'}")
    return 0


def _size(text: str) -> tuple[int, int]:
    try:
        height, width = (int(part) for part in text.lower().split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be HEIGHTxWIDTH, not {text!r}") from None
    return height, width


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measures the models of the zoo on your images and your machine.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser(
        "run",
        help="train and measure models, then print the leaderboard",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,  # defaults are those of `run.Request`
    )
    run.set_defaults(command=_run)
    run.add_argument(
        "experiment",
        nargs="?",
        type=Path,
        default=None,
        metavar="EXPERIMENT.yaml",
        help="file that says what runs, such as bench/experiments/digits.yaml",
    )
    run.add_argument("--dataset", help="name, folder of images, or .npz file (default: digits)")
    run.add_argument(
        "--models",
        nargs="+",
        metavar="NAME[:PRESET[:ARGUMENT=VALUE,...]]",
        help='wildcards, such as "*vae*" or "*"; vae:small:beta=4 changes an argument',
    )
    run.add_argument("--suite", help="models to run without --models (default: by the data)")
    run.add_argument("--preset", help="preset of models named without one (default: small)")
    run.add_argument("--seeds", type=int, help="trainings per model (default: 3)")
    run.add_argument("--epochs", type=int, help="default: about 270 updates, 10 to 200 epochs")
    run.add_argument(
        "--batch-size",
        type=int,
        nargs="+",
        help="default: 64 below 5,000 images, else 128; several: each model at each",
    )
    run.add_argument("--learning-rate", type=float, help="of Adam (default: 0.003)")
    run.add_argument(
        "--precision",
        nargs="+",
        choices=job.PRECISIONS,
        help="one or more; a faster one is shown only where quality stays the same",
    )
    run.add_argument("--jit", nargs="+", choices=job.JIT)
    run.add_argument("--steps-per-execution", type=int, nargs="+", help="updates per call")
    run.add_argument(
        "--normal-classes",
        nargs="+",
        metavar="CLASS",
        help='find anomalies: each class is normal in turn, the others strange; "all"',
    )
    run.add_argument(
        "--measure",
        nargs="+",
        choices=job.MEASURES,
        help="what to measure too",
    )
    run.add_argument(
        "--evaluate-every",
        type=float,
        metavar="EPOCHS",
        help="look at the validation split on this schedule, outside of the training's clock",
    )
    run.add_argument(
        "--target",
        type=float,
        metavar="VALUE",
        help="tell images and seconds until that MSE (IoU of masks) of the validation split",
    )
    run.add_argument(
        "--workers",
        type=int,
        help="cases at a time, each on its own cores; timings are then not comparable",
    )
    run.add_argument("--engine", choices=request.ENGINES, help="ray: spread over a Ray cluster")
    run.add_argument("--ray-address", help="of the cluster (default: one on this machine)")
    run.add_argument("--augment", metavar="WHAT", help="fresh in each epoch: flip,shift:0.1")
    run.add_argument(
        "--num-labels", type=int, help="training rows that keep their label (semi-supervised)"
    )
    run.add_argument("--noise", metavar="KIND:LEVEL", help="noise on all inputs: gaussian:0.2")
    run.add_argument("--resize", type=_size, metavar="HxW", help="for folders of mixed sizes")
    run.add_argument("--limit", type=int, help="number of training images to use")
    run.add_argument("--output", type=Path, help="folder of the records (default: runs/...)")
    run.add_argument(
        "--fresh", action="store_true", default=argparse.SUPPRESS, help="run finished cases again"
    )
    run.add_argument(
        "--timing-rounds",
        type=int,
        help="seeds for which speed is measured too (default: 1; 0: quality only)",
    )
    run.add_argument(
        "--sweep-batch-sizes",
        nargs="+",
        type=int,
        metavar="SIZE",
        help="batch sizes at which the speed of inference is measured too, such as 1 32 256",
    )
    run.add_argument("--timeout-seconds", type=float, help="limit of one case")

    report = commands.add_parser(
        "report", help="write Markdown, CSV, pictures and a page from the records"
    )
    report.set_defaults(command=_report)
    report.add_argument("folder", type=Path, help="folder of a run, such as runs/digits-core")
    report.add_argument(
        "--codes", default="pca", choices=("pca", "t_sne"), help="how codes are put on a plane"
    )
    report.add_argument("--perplexity", type=float, default=30.0, help="of t-SNE (default: 30)")

    inspect.add_command(commands)
    command.add_command(commands)
    reproduce_command.add_command(commands)
    scale_command.add_command(commands)

    table = commands.add_parser(
        "table", help="write the tables of README.md and docs/ from records"
    )
    table.set_defaults(command=_table)
    table.add_argument(
        "pages",
        type=Path,
        nargs="*",
        help="Markdown files with lines such as <!-- results: FILE.jsonl mse,ssim --> and "
        "<!-- end of results -->; files are named from here (default: README.md docs/*.md)",
    )

    list_ = commands.add_parser("list", help="show models, presets, data sets and suites")
    list_.set_defaults(command=_list)
    list_.add_argument("pattern", nargs="?", default="*", help='wildcard, such as "*vae*"')
    return parser


if __name__ == "__main__":
    sys.exit(main())
