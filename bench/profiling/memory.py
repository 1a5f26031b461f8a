"""Peak memory of a piece of work."""

import resource
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
_RESET_SLACK_MIB = 16  # of growth between the reset and the look at it


class PeakMemory:
    """Measures the peak of memory inside a `with` block, above what was in use at its start.

    On a GPU this is what TensorFlow allocated there; else it is the resident memory of this
    process. Linux can reset the high-water mark of a process, so the peak is right in a forked
    process, too. Blocks must not be nested: the inner one would reset the mark of the outer.

    A job's block is its training by `fit`, in a fresh process, after data and model are made:
    the peak is what training adds. No timing of that pass counts as a speed; speeds are measured
    apart and later, by `throughput`. On a CPU the first use of TensorFlow's code in the process
    is part of it, the same some ten MiB for each job.

    Attributes:
        mib: After the block, the peak in MiB above what was in use at its start.
        rss_mib: After the block, the peak of resident memory of this process in MiB, with data,
            model and libraries, whatever the device. Less `resident_mib()` after the imports, it is
            the peak above that baseline.
        method: `"gpu"`, `"high_water_mark"`, or `"max_rss"`, the fallback of other systems, which
            cannot see a peak below an earlier one.
    """

    mib: float | None = None
    rss_mib: float | None = None

    def __enter__(self):
        self._was_reset = self._reset_mark()
        self.device = _gpu()
        if self.device is not None:
            import tensorflow as tf

            self.method = "gpu"
            tf.config.experimental.reset_memory_stats(self.device)
            self.start = tf.config.experimental.get_memory_info(self.device)["current"] / 2**20
        else:
            self.method = "high_water_mark" if self._was_reset else "max_rss"
            self.start = _status_mib("VmRSS") if self._was_reset else _max_rss_mib()
        return self

    def __exit__(self, *_):
        self.rss_mib = _status_mib("VmHWM") if self._was_reset else _max_rss_mib()
        peak = self.rss_mib
        if self.method == "gpu":
            import tensorflow as tf

            peak = tf.config.experimental.get_memory_info(self.device)["peak"] / 2**20
        self.mib = max(0.0, peak - self.start)

    def _reset_mark(self) -> bool:
        """Sets the high-water mark to the present size, and tells whether that worked."""
        try:
            _CLEAR.write_text("5")
            return _status_mib("VmHWM") < _status_mib("VmRSS") + _RESET_SLACK_MIB
        except OSError:
            return False


def resident_mib() -> float:
    """Returns the resident memory of this process in MiB, at most so far where that is unknown."""
    try:
        return _status_mib("VmRSS")
    except OSError:
        return _max_rss_mib()


def own_mib() -> float:
    """Returns the resident memory in MiB that is no page of a file, which could be taken back."""
    try:
        return _status_mib("RssAnon")
    except OSError:
        return resident_mib()


def _gpu() -> str | None:
    tf = sys.modules.get("tensorflow")  # without TensorFlow nothing can be on the GPU
    return "GPU:0" if tf is not None and tf.config.list_physical_devices("GPU") else None


def _status_mib(field: str) -> float:
    for line in _STATUS.read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise OSError(f"{_STATUS} has no {field}")


def _max_rss_mib() -> float:
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
