"""`python -m bench.peers`: how fast others train the same network on this machine."""

import importlib.util
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from bench.errors import BenchError
from bench.peers import run, table, worker
from bench.peers.workloads import WORKLOADS
from bench.records import store
from zoo.parser import program

DESCRIPTION = """Times this package beside plain Keras (on TensorFlow, JAX and PyTorch),
PyTorch and Pythae: the same network, batch size, optimiser, data and number of
updates, in turn in one run, each in a process of its own. Ratios come with
their 95 % interval, those of bfloat16 by ours in bfloat16. Final losses are
compared, so that speed is not bought with quality. Contenders that are not
installed are left out and named.
"""
EXAMPLES = """examples:
  pip install -r bench/peers/requirements.txt     PyTorch, JAX and Pythae
  python -m bench.peers                           all of it, about an hour on 2 cores
  python -m bench.peers --workloads dense32 vae   some
  python -m bench.peers --contenders zoo keras    without PyTorch
  python -m bench.peers --contenders zoo 'zoo bfloat16' torch 'torch bfloat16'
                                                  each precision beside its own
  python -m bench.peers --what latency            one image at a time
  python -m bench.peers --show runs/peers.jsonl   the table of an earlier run
"""


def main(arguments: list[str] | None = None) -> int:
    default = run.Request()
    parser = program("python -m bench.peers", DESCRIPTION, EXAMPLES)
    parser.add_argument(
        "--workloads",
        nargs="+",
        default=default.names,
        choices=tuple(WORKLOADS),
        metavar="NAME",
        help=f"of: {', '.join(WORKLOADS)} (default: all)",
    )
    parser.add_argument(
        "--contenders",
        "--sides",  # its name before, until the next version
        dest="contenders",
        nargs="+",
        choices=tuple(worker.CONTENDERS),
        metavar="NAME",
        help=f"of: {', '.join(worker.CONTENDERS)} (default: all that are installed)",
    )
    parser.add_argument(
        "--what",
        nargs="+",
        default=default.what,
        choices=run.WHATS,
        metavar="WHAT",
        help="train by `fit`, infer by `predict`, latency: one image at a time (default: all)",
    )
    parser.add_argument("--pairs", type=int, default=default.pairs, help="double turns of a round")
    parser.add_argument(
        "--rounds", type=int, default=default.rounds, help="fresh processes, a seed each"
    )
    parser.add_argument("--output", type=Path, default=Path("runs/peers.jsonl"))
    parser.add_argument("--show", type=Path, metavar="FILE", help="only show a file's table")
    options = parser.parse_args(arguments)
    console = Console()
    try:
        if options.show is not None:
            records = store.read_lines(options.show, "python -m bench.peers")
            table.show(records, console)
            return 0
        return _measure(options, console)
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _measure(options, console: Console) -> int:
    contenders = options.contenders or [name for name in worker.CONTENDERS if _installed(name)]
    missing = [name for name in contenders if not _installed(name)]
    if missing:
        raise BenchError(
            f"{missing[0]} is not installed. Try: pip install -r bench/peers/requirements.txt"
        )
    request = run.Request(
        *map(tuple, (options.workloads, contenders, options.what)), options.pairs, options.rounds
    )
    run.check(request)
    absent = [name for name in worker.CONTENDERS if name not in contenders]
    if options.contenders is None and absent:
        console.print(
            f"without {', '.join(absent)}: pip install -r bench/peers/requirements.txt",
            highlight=False,
        )
    store.check_writable(options.output.parent)
    records = []
    columns = (TextColumn("{task.description}"), BarColumn(24), TaskProgressColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        for name in request.names:
            task = progress.add_task(name, total=1.0)

            def tell(text, share, task=task):
                progress.update(task, description=text, completed=share)

            records += run.measure(request, name, tell)
            progress.remove_task(task)
            store.write_lines(options.output, records)
    table.show(records, console)
    console.print(f"records: {options.output}", highlight=False)
    return 0


def _installed(contender: str) -> bool:
    needs = worker.CONTENDERS[contender]
    return needs is None or importlib.util.find_spec(needs) is not None


if __name__ == "__main__":
    sys.exit(main())
