"""`python -m tuner export`: the model of a trial as a file of its own."""

import argparse
from pathlib import Path

from bench.errors import BenchError

EXAMPLES = """examples:
  python -m tuner export runs/search-vae-digits-psnr-bayesian model.keras
  python -m tuner export runs/search-vae-digits-psnr-bayesian small.keras --trial 7
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `export`."""
    parser.add_argument("folder", type=Path, help="of the search, such as runs/search-vae-...")
    parser.add_argument("path", type=Path, help="such as model.keras")
    parser.add_argument("--trial", type=int, help="another trial than the winner")
    parser.add_argument("--overwrite", action="store_true", help="replace the file")


def command(options: argparse.Namespace) -> int:
    """Copies the model and prints how to measure it."""
    from bench.records.store import write_whole
    from tuner.search.confirm import bench_command
    from tuner.trials.store import Project

    if options.path.suffix != ".keras":
        raise BenchError(f"the model's file must end in .keras. Received: {options.path}.")
    project = Project.open(options.folder)
    model = project.best_model(options.trial)
    if options.path.exists() and not options.overwrite:
        raise BenchError(f"{options.path} exists. Choose another path, or give --overwrite.")
    write_whole(options.path, model.read_bytes())
    print(options.path)
    print(f"on the test split: {bench_command(project, options.trial)}")
    return 0
