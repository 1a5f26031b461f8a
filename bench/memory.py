"""Peak memory of a piece of work."""

import resource
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
_RESET_SLACK_MIB = 16  # of growth between the reset and the look at it


class PeakMemory:
    """Measures the peak of memory inside a `with` block, above what was in use at its start.

    On a GPU, what TensorFlow allocated there; else the resident memory of this process, whose
    high-water mark Linux can reset, so that it also holds in a forked process. Afterwards `mib`
    is the peak in MiB and `method` says how it was found: `"gpu"`, `"high_water_mark"`, or
    `"max_rss"`, the fallback of other systems, which cannot see a peak below an earlier one.
    Blocks must not be nested: the inner one would reset the mark of the outer.
    """

    mib: float | None = None

    def __enter__(self):
        self.device = _gpu()
        if self.device is not None:
            import tensorflow as tf

            self.method = "gpu"
            tf.config.experimental.reset_memory_stats(self.device)
            self.start = tf.config.experimental.get_memory_info(self.device)["current"] / 2**20
            return self
        try:
            _CLEAR.write_text("5")  # sets the high-water mark to the present size
            self.start = _status_mib("VmRSS")
            was_reset = _status_mib("VmHWM") < self.start + _RESET_SLACK_MIB
        except OSError:
            was_reset = False
        self.method = "high_water_mark" if was_reset else "max_rss"
        if not was_reset:
            self.start = _max_rss_mib()
        return self

    def __exit__(self, *_):
        if self.method == "gpu":
            import tensorflow as tf

            peak = tf.config.experimental.get_memory_info(self.device)["peak"] / 2**20
        elif self.method == "high_water_mark":
            peak = _status_mib("VmHWM")
        else:
            peak = _max_rss_mib()
        self.mib = max(0.0, peak - self.start)


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
