"""`python -m bench.peers.roofline_bound`: least time of a training step, and the rest.

The lower bound of a step follows from the work of the network and from the measured rates of the
machine: multiply-adds of the dense layers at the rate of matrix multiplication, multiply-adds of
the convolutions at the rate of one large convolution, and bytes at the bandwidth of memory.
TensorFlow's own clock of each operation tells where the time of the step goes.
"""

import collections
import dataclasses
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import BenchError
from bench.peers.workloads import WORKLOADS, Workload
from bench.report.markdown import table
from zoo.parser import program
from zoo.registry import quiet

EXAMPLES = """examples:
  python -m bench.peers.roofline_bound                       every workload, some minutes
  python -m bench.peers.roofline_bound --workloads unet      one
"""
# Kinds of operations, by what their names hold; the first that fits counts.
KINDS = {
    "convolutions": ("conv",),
    "products": ("matmul",),
    "normalisation": ("batchnorm",),
    "optimizer": ("applyadam", "applygradient"),
    "gathering rows": ("gather",),
    "elementwise": ("",),
}
# Of an output: written, read by the next layer and in the backward pass; its gradient both too.
_TOUCHES_OF_OUTPUTS = 5
# Of a weight: read, its gradient written and read, both moments and itself read and written.
_TOUCHES_OF_WEIGHTS = 9
_WINDOW_SECONDS, _WINDOWS = 1.0, 5
_STREAM_BYTES = 64 * 2**20
# An operation's event is `name:Kind`; `Class::method` and calls of functions enclose others.
_OPERATION = re.compile(r"^[^#]*[^:#]:(?P<kind>\w+)$")
_ENCLOSING = re.compile(r"While|If|Case|PartitionedCall")


@dataclasses.dataclass(frozen=True)
class Machine:
    """Measured rates: 10^9 operations or bytes per second.

    Attributes:
        matmul: Of one large product of matrices.
        convolution: Of a 3 x 3 convolution of 64 by 64 channels at 32 x 32, forward.
        kernel_gradient: Of the gradient of that convolution's kernel.
        bandwidth: Of adding one large array to another in place, three streams.
    """

    matmul: float
    convolution: float
    kernel_gradient: float
    bandwidth: float


def measure_machine() -> Machine:
    """Measures the rates that lower bounds refer to; the fastest call counts."""
    import tensorflow as tf

    from bench.profiling import peak_rate

    images = tf.random.stateless_uniform((64, 32, 32, 64), (0, 1))
    kernel = tf.random.stateless_uniform((3, 3, 64, 64), (0, 1))
    convolution = tf.function(lambda: tf.nn.conv2d(images, kernel, 1, "SAME"))
    kernel_gradient = tf.function(
        lambda: tf.raw_ops.Conv2DBackpropFilter(
            input=images,
            filter_sizes=kernel.shape,
            out_backprop=images,
            strides=[1, 1, 1, 1],
            padding="SAME",
        )
    )
    flop = 2 * 64 * 32 * 32 * 64 * 64 * 9
    total = tf.Variable(tf.zeros(_STREAM_BYTES // 4))
    ones = tf.ones(_STREAM_BYTES // 4)
    return Machine(
        peak_rate.matmul_rate().gflops,
        flop / _shortest(lambda: convolution().numpy()[0, 0, 0, 0]) / 1e9,
        flop / _shortest(lambda: kernel_gradient().numpy()[0, 0, 0, 0]) / 1e9,
        3 * _STREAM_BYTES / _shortest(lambda: total.assign_add(ones)) / 1e9,
    )


def _shortest(call: Callable[[], Any], num: int = 20) -> float:
    seconds = []
    for _ in range(num):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


@dataclasses.dataclass(frozen=True)
class Work:
    """What a training step of a network must do.

    Attributes:
        product_flop, convolution_flop: Operations of dense layers and of convolutions.
        num_bytes: Read and written at least.
    """

    product_flop: float
    convolution_flop: float
    num_bytes: float

    def lower_bound_seconds(self, rates: Machine) -> tuple[float, float, float]:
        """Returns the least seconds of products, of convolutions and of memory."""
        return (
            self.product_flop / rates.matmul / 1e9,
            self.convolution_flop / rates.convolution / 1e9,
            self.num_bytes / rates.bandwidth / 1e9,
        )


def work_of(model, batch_size: int) -> Work:
    """Counts the work of a step.

    FLOP  = 3 * 2 * multiply-adds of the forward pass
    bytes = 5 * output bytes * batch + 9 * bytes of weights
    """
    from keras import layers

    from bench.profiling import macs, roofline
    from zoo import inspection

    count = macs.count_macs(model)
    named = inspection.named_layers(model).values()
    dense = {layer.name for layer in named if isinstance(layer, layers.Dense)}
    products = sum(n for name, n in count.by_layer.items() if name.split(" (call")[0] in dense)
    per_mac = 2 * roofline.PASSES_OF_TRAINING * batch_size
    weights = 4 * sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    return Work(
        per_mac * products,
        per_mac * (count.total - products),
        _TOUCHES_OF_OUTPUTS * count.activation_bytes * batch_size + _TOUCHES_OF_WEIGHTS * weights,
    )


def kind_of(operation: str) -> str:
    """Returns the kind of a TensorFlow operation such as `_MklNativeFusedConv2D`."""
    name = operation.lower()
    return next(kind for kind, parts in KINDS.items() if any(part in name for part in parts))


def read_trace(folder: Path) -> dict[str, float]:
    """Returns the seconds of operations of a trace by kind, added up over threads."""
    from bench.peers import trace_file

    seconds: collections.Counter[str] = collections.Counter()
    for event in trace_file.read_events(next(folder.rglob("*.xplane.pb"))):
        match = _OPERATION.match(event.name)
        if "CPU" in event.plane and match and not _ENCLOSING.search(match["kind"]):
            seconds[kind_of(match["kind"])] += event.seconds
    return dict(seconds)


def measure(workload: Workload, rates: Machine) -> dict[str, Any]:
    """Measures one workload's training step.

    Returns:
        `step_ms`: median over windows, no profiler running; `floor_products_ms`,
        `floor_convolutions_ms` and `floor_memory_ms`; `share`: the first two by the step;
        `time_of`: share of each kind in the clocked seconds of operations.
    """
    import tensorflow as tf

    from bench.peers import worker, workloads
    from bench.profiling import surroundings
    from zoo.training import device_data

    data = workloads.load(workload)
    model = worker.make("zoo", workload, data, seed=0).model
    num_rows = len(data.train) // workload.batch_size * workload.batch_size
    parts = [part[:num_rows] for part in (data.train, data.train_masks) if part is not None]
    updates = device_data.TrainingSteps(model, tuple(parts), workload.batch_size)
    updates(2)
    started = time.perf_counter()
    updates(2)
    num = int(np.clip(2 * _WINDOW_SECONDS / (time.perf_counter() - started), 2, 256))
    seconds = []
    for _ in range(_WINDOWS):
        started = time.perf_counter()
        updates(num)
        seconds.append((time.perf_counter() - started) / num)
    with tempfile.TemporaryDirectory(prefix="bench-floor-") as folder:
        tf.profiler.experimental.start(folder)
        updates(num)
        tf.profiler.experimental.stop()
        clocked = read_trace(Path(folder))
    step = float(np.median(seconds))
    bounds = work_of(model, workload.batch_size).lower_bound_seconds(rates)
    names = ("products", "convolutions", "memory")
    return {
        "workload": workload.name,
        "title": workload.title,
        "batch_size": workload.batch_size,
        "step_ms": 1e3 * step,
        **{f"floor_{n}_ms": 1e3 * s for n, s in zip(names, bounds, strict=True)},
        "share": sum(bounds[:2]) / step,
        "time_of": {kind: clocked.get(kind, 0.0) / sum(clocked.values()) for kind in KINDS},
        **{f"machine_{name}": rate for name, rate in dataclasses.asdict(rates).items()},
        **surroundings.describe(),
    }


def markdown(records: list[dict[str, Any]]) -> str:
    """Returns a Markdown table, a line per workload."""
    first = records[0]
    lines = []
    for record in records:
        bound = record["floor_products_ms"] + record["floor_convolutions_ms"]
        times = [f"{record['time_of'][kind]:.0%}" for kind in KINDS]
        cells = [record["title"], f"{record['step_ms']:.3g}", f"{bound:.3g}"]
        cells += [f"{record['share']:.0%}", f"{record['floor_memory_ms']:.3g}", *times]
        lines.append(cells)
    head = ("training step", "ms", "lower bound, ms", "share", "memory, ms", *KINDS)
    rates = (
        f"Measured on this machine: {first['machine_matmul']:.0f} GFLOP/s for matrices, "
        f"{first['machine_convolution']:.0f} for a convolution, "
        f"{first['machine_kernel_gradient']:.0f} for the gradient of its kernel, "
        f"{first['machine_bandwidth']:.1f} GB/s of memory."
    )
    return f"{table(head, lines, [False, *[True] * (len(head) - 1)])}\n\n{rates}\n"


def main(arguments: list[str] | None = None) -> int:
    description = __doc__.split("\n", 1)[1]
    parser = program("python -m bench.peers.roofline_bound", description, EXAMPLES)
    names = tuple(WORKLOADS)
    parser.add_argument("--workloads", nargs="+", default=names, choices=names)
    parser.add_argument("--output", type=Path, default=Path("runs/floor.jsonl"))
    options = parser.parse_args(arguments)
    quiet.mark()
    from rich.console import Console

    import zoo  # noqa: F401, before Keras, for its faster kernels
    from bench.records import store

    console, records = Console(), []
    try:
        store.check_writable(options.output.parent)
        with console.status("measuring the machine"):
            rates = measure_machine()
        for name in options.workloads:
            with console.status(f"measuring {name}"):
                records.append(measure(WORKLOADS[name], rates))
            store.write_lines(options.output, records)
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    console.print(markdown(records), highlight=False, soft_wrap=True)
    console.print(f"records: {options.output}", highlight=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
