"""Shared by all tests: quiet TensorFlow, two devices, real images, work for workers, processes."""

import contextlib
import ctypes
import gc
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
# Where XLA compiles a model, it is tiny and trains for a few steps: its code need not be fast.
os.environ.setdefault(
    "XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
)
# oneDNN's own allocator keeps for good what the largest model of a worker took.
os.environ.setdefault("TF_ONEDNN_USE_SYSTEM_ALLOCATOR", "1")

import keras
import pytest
import tensorflow as tf

# Half the time of a compilation, and a quarter less of the memory, which XLA never gives back. A
# version that does not know the flag, such as 2.19, would end the process.
if tf.__version__.startswith("2.21."):
    os.environ["XLA_FLAGS"] += " --xla_cpu_use_fusion_emitters=false"
if "PYTEST_XDIST_WORKER" in os.environ:  # several workers: one thread each is faster
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
# Before the runtime starts: the replica test needs two devices.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
# Optimizing a graph that runs for a few steps costs more than it gains. Processes that tests start,
# and users, have it.
tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
BUSY, SINCE_ALL = [], []  # seconds of tests since room was made, and since all was looked at


def pytest_collection_finish():
    """What the imports made stays for good: the collector need not look at it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 5, 5)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """With `--dist loadgroup`, one worker gets all of a file, or all of the battery on one model.

    Else each worker would make what the tests of a file share, such as a trained model, anew.
    Group marks cannot tell: with pytest 9.2, pytest-xdist 3.8 does not see them (its issue 1386).
    """
    if config.getoption("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadScopeScheduling

    import zoo

    class ByFileOrModel(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            path, _, test = nodeid.partition("::")
            if "test_battery_" not in path:
                return path
            parameters = test.partition("[")[2].rpartition("]")[0].split("-")
            return next((part for part in parameters if part in names), path)

    names = set(zoo.names())
    config.option.loadscopereorder = False  # long runs of tests/bench first, short files last
    return ByFileOrModel(config, log)


@pytest.fixture(autouse=True)
def seeded():
    keras.utils.set_random_seed(1)


def make_room():
    """Frees the graphs that nothing uses any more: they would fill the memory.

    TensorFlow keeps each function with a gradient of its own for good, and with it the graph that
    called it. Keras has one in every update, for replicas, but for the zoo's Adam.
    """
    with contextlib.suppress(AttributeError, KeyError):  # private: another version may differ
        kept = sys.modules["tensorflow.python.framework.ops"].gradient_registry._registry
        for name in [name for name in kept if name.startswith("CustomGradient-")]:
            del kept[name]
    keras.backend.clear_session()
    with contextlib.suppress(OSError, AttributeError, TypeError):  # other systems have none
        ctypes.CDLL(None).malloc_trim(0)


@pytest.fixture(autouse=True, scope="module")
def room_before_a_file():
    """Makes room before each file; what is left by then is set aside from the collector.

    After a file would be too early: pytest still holds what its last test was given. What is set
    aside may come to be garbage, as a model that several files shared: it is looked at again after
    each twenty seconds of tests.
    """
    if sum(SINCE_ALL) > 20:
        SINCE_ALL.clear()
        gc.unfreeze()
    BUSY.clear()
    make_room()
    gc.freeze()


@pytest.fixture(autouse=True)
def room_in_a_long_file():
    """Makes room after each ten seconds of tests."""
    start = time.process_time()
    yield
    for seconds in (BUSY, SINCE_ALL):
        seconds.append(time.process_time() - start)
    if sum(BUSY) > 10:
        BUSY.clear()
        make_room()


@pytest.fixture(scope="session")
def digits():
    """Real images, float32 `(1797, 8, 8, 1)` in `[0, 1]`."""
    from sklearn.datasets import load_digits

    return (load_digits().images[..., None] / 16).astype("float32")


@pytest.fixture(scope="session")
def descendants():
    """Returns a function from a process to the ids and names of all that it started, still alive.

    Only Linux tells; elsewhere the test is skipped.
    """
    if not Path("/proc/self/stat").exists():
        pytest.skip("needs /proc")

    def find(pid):
        children = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                name, rest = stat.read_text().split(" (", 1)[1].rsplit(") ", 1)
            except OSError:  # ended meanwhile
                continue
            state, parent = rest.split()[:2]
            if state != "Z":
                children.setdefault(int(parent), []).append((int(stat.parent.name), name))
        found, waiting = {}, [pid]
        while waiting:
            for child, name in children.get(waiting.pop(), []):
                found[child] = name
                waiting.append(child)
        return found

    return find
