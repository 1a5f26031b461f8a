"""Whether memory stays flat over epochs, with arrays and with a file larger than is kept of it."""

import concurrent.futures
import contextlib
import ctypes
import dataclasses
import multiprocessing
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import BenchError
from bench.scaling import power_law

SOURCES = ("arrays", "mapped file")
IMAGE_SHAPE = (64, 64, 1)
ARRAY_MIB, FILE_MIB, QUICK_FILE_MIB = 32, 400, 100
NUM_EPOCHS = 12
FLAT_MIB_PER_EPOCH = 1.0
_PREFIX = ".scale-"
_BATCH_SIZE = 128
_M_MMAP_THRESHOLD = -3  # of malloc.h
_MIB_PER_IMAGE = 64 * 64 * 4 / 2**20


@dataclasses.dataclass(frozen=True)
class Flatness:
    """The memory of one training.

    Attributes:
        mib: After each epoch, what the process has for itself: files that are mapped, of which the
            system can take any page back, are left out.
        resident_mib: After each epoch, with the pages of mapped files that are in memory.
        start_mib: Before training, when the model is traced and has seen one batch.
        slope, low, high: MiB per epoch with its 95 % interval, over the second half of the epochs.
        data_mib: Size of the data.
    """

    source: str
    data_mib: float
    start_mib: float
    mib: tuple[float, ...]
    resident_mib: tuple[float, ...]
    slope: float
    low: float
    high: float

    @property
    def is_flat(self) -> bool | None:
        """Tells whether memory is flat.

        True where growth is below 1 MiB per epoch for sure, False where it is above 0 for sure;
        None where the interval is too wide to tell: more epochs would.
        """
        if self.high < FLAT_MIB_PER_EPOCH:
            return True
        return False if self.low > 0 else None

    @property
    def peak_mib(self) -> float:
        """Returns what training took at most, at the end of an epoch, above the start."""
        return max(self.mib) - self.start_mib


def measure(source: str, folder: Path, *, quick: bool, num_epochs: int = NUM_EPOCHS) -> Flatness:
    """Trains in a process of its own and looks at its memory after each epoch.

    Args:
        source: One of `SOURCES`.
        folder: Where the file lies for as long as it is needed.

    Raises:
        BenchError: if the process fails.
    """
    for left_over in folder.glob(f"{_PREFIX}*"):  # of a run that was killed
        shutil.rmtree(left_over, ignore_errors=True)
    size = ARRAY_MIB if source == "arrays" else QUICK_FILE_MIB if quick else FILE_MIB
    context = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory(dir=folder, prefix=_PREFIX) as place,
        concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool,
    ):
        try:
            readings = pool.submit(_train, source, place, size, num_epochs).result()
        except Exception as error:  # whatever the other process raised, or its death
            raise BenchError(f"memory of {source}: {type(error).__name__}: {error}") from error
    slope, low, high = slope_of(readings["mib"])
    return Flatness(source, size, slope=slope, low=low, high=high, **readings)


def slope_of(mib: list[float]) -> tuple[float, float, float]:
    """Returns the growth per epoch and its 95 % interval, over the second half of the epochs.

    The first epochs fill what the allocator keeps.
    """
    rest = mib[len(mib) // 2 :]
    if len(rest) < 3:
        raise ValueError(
            f"slope_of: mib must hold at least 5 epochs. Received: {len(mib)}. Train longer."
        )
    slope, _, half = power_law.straight(range(len(rest)), rest)
    return slope, slope - half, slope + half


def _train(source: str, place: str, size_mib: float, num_epochs: int) -> dict[str, Any]:
    import keras

    from bench.evaluation.build import build_compiled
    from bench.profiling import memory

    _return_freed_blocks()
    num_images = int(size_mib / _MIB_PER_IMAGE)
    generator = np.random.default_rng(0)
    if source == "arrays":
        images = generator.random((num_images, *IMAGE_SHAPE), dtype="float32")
    else:
        images = _written(Path(place) / "images.npy", num_images, generator)
    small = {"hidden_units": (32,)}
    model = build_compiled("autoencoder", IMAGE_SHAPE, preset="dense", arguments=small)
    model.fit(images[: 2 * _BATCH_SIZE], batch_size=_BATCH_SIZE, verbose=0)
    start_mib = memory.own_mib()
    readings: dict[str, Any] = {"mib": [], "resident_mib": []}

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            readings["mib"].append(memory.own_mib())
            readings["resident_mib"].append(memory.resident_mib())

    model.fit(images, batch_size=_BATCH_SIZE, epochs=num_epochs, callbacks=[Watch()], verbose=0)
    return {"start_mib": start_mib, **{name: tuple(each) for name, each in readings.items()}}


def _return_freed_blocks() -> None:
    """Makes glibc return blocks beyond 256 KiB to the system as soon as they are freed.

    By default glibc keeps freed blocks for some epochs, more or less by chance. That would hide
    growth of the memory in use.
    """
    with contextlib.suppress(OSError, AttributeError):  # another system, another C library
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, 2**18)


def _written(path: Path, num_images: int, generator) -> np.ndarray:
    """Writes images piece by piece, and returns them mapped."""
    made = np.lib.format.open_memmap(path, "w+", "float32", (num_images, *IMAGE_SHAPE))
    for start in range(0, num_images, 1024):
        part = made[start : start + 1024]
        part[:] = generator.random(part.shape, dtype="float32")
    made.flush()
    return np.load(path, mmap_mode="r")
