"""`python -m tuner export`: the model of a trial as a file of its own."""

import argparse
from pathlib import Path

from bench.errors import BenchError


def add_command(commands) -> None:
    """Adds `export` to the command line."""
    parser = commands.add_parser("export", help="copy the winner's model to a .keras file")
    parser.set_defaults(command=command)
    parser.add_argument("folder", type=Path)
    parser.add_argument("path", type=Path, help="such as model.keras")
    parser.add_argument("--trial", type=int, help="another trial than the winner")


def command(options: argparse.Namespace) -> int:
    """Copies the model and prints how to measure it."""
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
