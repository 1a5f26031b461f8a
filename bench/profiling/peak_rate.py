"""What the machine can do at most: its measured rate of matrix multiplication.

The rate is the denominator of every "share of the machine" in the records. It is measured, not
taken from a data sheet, so that a share says how near a model comes to what this machine, with
its present number of threads, does with one large product of matrices.
"""

import dataclasses
import json
import time
from pathlib import Path

from bench.profiling import surroundings, timing
from bench.records import store

FILE_NAME = "machine.json"
_SIZES = (256, 512, 1024, 2048, 4096, 8192)
_SECONDS_PER_SIZE = 0.08
_LONGEST_CALL_SECONDS = 0.05
_MIN_CALLS = 4
_known: dict[str, "Rate"] = {}


@dataclasses.dataclass(frozen=True)
class Rate:
    """The machine's rate of matrix multiplication.

    Attributes:
        gflops: 10^9 floating-point operations per second, two for each multiply-accumulate.
        dtype: What was multiplied: `"float32"`, `"bfloat16"`, `"float16"`, or `"tensorfloat32"`
            where the GPU takes float32 matrices in that form, as TensorFlow lets it by default.
        size: Rows of the square matrices that were fastest.
        noisy: Whether others used the machine meanwhile: the true rate is then higher.
    """

    gflops: float
    dtype: str
    size: int
    noisy: bool | None


def matmul_rate(dtype: str = "float32", folder: str | Path | None = None) -> Rate:
    """Returns the machine's rate of matrix multiplication, measured once per process and run.

    Args:
        dtype: `"float32"`, `"bfloat16"` or `"float16"`: what the models compute in.
        folder: Output folder of the run, whose `machine.json` keeps the rate for its other jobs;
            None: not kept. A rate that was taken while the machine was busy is measured again by
            the next process, and the higher one counts.

    Returns:
        The rate. See `measure` for how it is found.
    """
    effective = _effective(dtype)
    key = _key(effective)
    if key in _known:
        return _known[key]
    path = None if folder is None else Path(folder) / FILE_NAME
    kept = _read(path).get(key)
    if kept is None or kept.noisy:
        measured = measure(dtype)
        if kept is not None and kept.gflops > measured.gflops:
            measured = dataclasses.replace(kept, noisy=measured.noisy)
        kept = measured
        if path is not None:
            _write(path, key, kept)
    _known[key] = kept
    return kept


def measure(dtype: str = "float32") -> Rate:
    """Measures the rate of multiplying square matrices that lie on the device.

        rate = max over sizes of 2 size^3 / shortest seconds of a call

    Sizes go from 256 up by factors of 2, as long as a call takes less than 0.05 seconds; each
    is called for about 0.08 seconds, at least 4 times, and every call is waited for. The shortest
    call counts, as disturbance only ever lengthens one: a share of this rate is never flattered.

    Args:
        dtype: `"float32"`, `"bfloat16"` or `"float16"`.
    """
    import tensorflow as tf

    best, best_size = 0.0, 0
    with timing.Disturbance() as disturbance:
        for size in _SIZES:
            matrix = tf.cast(tf.random.stateless_uniform((size, size), (0, 1)), dtype)
            timing.synchronize(tf.matmul(matrix, matrix))  # loads the kernel
            shortest, num_calls, began = float("inf"), 0, time.perf_counter()
            while num_calls < _MIN_CALLS or time.perf_counter() - began < _SECONDS_PER_SIZE:
                started = time.perf_counter_ns()
                timing.synchronize(tf.matmul(matrix, matrix))
                shortest = min(shortest, (time.perf_counter_ns() - started) / 1e9)
                num_calls += 1
            gflops = 2 * size**3 / shortest / 1e9
            if gflops > best:
                best, best_size = gflops, size
            if 8 * shortest > _LONGEST_CALL_SECONDS:  # the next size has 8 times the work
                break
    return Rate(best, _effective(dtype), best_size, disturbance.noisy)


def _effective(dtype: str) -> str:
    """Returns what a matrix of this type is multiplied as."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if dtype != "float32" or not gpus:
        return dtype
    details = tf.config.experimental.get_device_details(gpus[0])
    has_cores = details.get("compute_capability", (0, 0)) >= (8, 0)
    is_on = tf.config.experimental.tensor_float_32_execution_enabled()
    return "tensorfloat32" if has_cores and is_on else dtype


def _key(dtype: str) -> str:
    """Names what the rate depends on."""
    fields = surroundings.describe()
    parts = (fields[name] for name in ("device", "cpu_model", "threads", "tensorflow_version"))
    return ", ".join(str(part) for part in (*parts, dtype))


def _read(path: Path | None) -> dict[str, Rate]:
    """Reads the kept rates; a file that cannot be used is as good as none."""
    if path is None:
        return {}
    try:
        return {key: Rate(**rate) for key, rate in json.loads(path.read_text()).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _write(path: Path, key: str, rate: Rate) -> None:
    rates = {name: dataclasses.asdict(kept) for name, kept in (_read(path) | {key: rate}).items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    store.write_whole(path, json.dumps(rates, indent=1).encode())
