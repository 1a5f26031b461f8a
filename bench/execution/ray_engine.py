"""Jobs on a Ray cluster: each in a fresh process of some node, its record kept by the driver.

The nodes need this package and the data. The files of a job are sent along with it and come back
with its result, so no shared disk is needed. Messages and records are the same as on one machine.
"""

import os
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.execution.engine import ENVIRONMENT, Job, Message, RunJob, too_late
from bench.records import store
from zoo import checks

CPUS_PER_JOB = 1
_POLL_SECONDS = 0.2
_CONNECT_SECONDS = 10
_LOOK_SECONDS = 5  # between two looks at the nodes of the cluster


class RayEngine:
    """Runs each job as a task of a Ray cluster, in a process that ends with it.

    A task reserves one core, to which TensorFlow's threads are limited, and one GPU where the
    cluster has any. A job whose process or node dies is a failure, which the next run tries
    again.

    Args:
        run_job: Runs one job, in its process.
        output: Folder of the records, on the driver.
        run_id: Goes into each record.
        address: `HOST:PORT` or `"auto"`; None: a cluster on this machine that ends with the run,
            or the one to which this process is connected.
        num_workers: Jobs at a time; None: as many as the cluster has room for, also when nodes
            join it later or are lost.
        timeout_seconds: Limit of one job from its first message, after which it is a failure.

    Raises:
        BenchError: if Ray is not installed, the cluster does not answer, or it is too small.
    """

    def __init__(
        self,
        run_job: RunJob,
        output: Path,
        run_id: str,
        *,
        address: str | None = None,
        num_workers: int | None = None,
        timeout_seconds: float | None = None,
    ):
        self.ray = _import_ray()
        self.run_job = run_job
        self.output = output
        self.run_id = run_id
        self.timeout_seconds = timeout_seconds
        self._is_ours = not self.ray.is_initialized()
        if self._is_ours:
            _connect(self.ray, address)
        try:
            self._set_up(num_workers)
        except BaseException:
            self._leave()
            raise

    def _set_up(self, num_workers: int | None) -> None:
        from ray.util.queue import Queue

        self._gpus_per_job = 1 if self.ray.cluster_resources().get("GPU") else 0
        needed = {"num_cpus": CPUS_PER_JOB, "num_gpus": self._gpus_per_job}
        room = self._room()
        if (num_workers or 1) > room:
            raise BenchError(
                f"--workers must be at most what the Ray cluster has room for. Received: "
                f"{num_workers or 1} workers for {room}."
            )
        self.num_workers, self._follows = num_workers or room, num_workers is None
        self._looked = time.monotonic()
        self.running: dict[Any, _Running] = {}  # by the reference of the result
        self.queue = Queue(actor_options={"num_cpus": 0})
        self.task = self.ray.remote(max_calls=1, max_retries=0, **needed)(_on_node)

    def _room(self) -> int:
        """Returns how many jobs the nodes that are there now can run at a time."""
        resources = self.ray.cluster_resources()
        room = int(resources.get("CPU", 0)) // CPUS_PER_JOB
        return min(room, int(resources.get("GPU", 0))) if self._gpus_per_job else room

    @property
    def note(self) -> str:
        nodes = len({node["NodeID"] for node in self.ray.nodes() if node["Alive"]})
        return (
            f"{self.num_workers} at a time on a Ray cluster of {nodes} "
            f"node{'s' * (nodes > 1)}: speeds are not comparable with those of a run of one at a "
            "time"
        )

    @property
    def has_room(self) -> bool:
        if self._follows and time.monotonic() - self._looked > _LOOK_SECONDS:
            self.num_workers, self._looked = max(1, self._room()), time.monotonic()
        return len(self.running) < self.num_workers

    @property
    def num_running(self) -> int:
        return len(self.running)

    def start(self, job: Job) -> None:
        """Gives a job to the cluster, which chooses the node."""
        files = {name: (self.output / name).read_bytes() for name in job.needs}
        result = self.task.remote(
            self.run_job, job, files, self.run_id, self.queue, str(Path.cwd())
        )
        self.running[result] = _Running(job)

    def messages(self) -> Iterator[Message]:
        """Waits a moment and gives what has come from the running jobs."""
        if not self.running:
            return
        results = list(self.running)
        ready, _ = self.ray.wait(results, num_returns=len(results), timeout=_POLL_SECONDS)
        by_id = {running.job.id: running for running in self.running.values()}
        for job_id, kind, *content in self._told():  # all that came before the results
            if job_id in by_id:
                running = by_id[job_id]
                running.started = running.started or time.monotonic()
                yield running.job, kind, tuple(content)
        for result in ready:
            job = self.running.pop(result).job
            yield job, "record", (self._record(job, result),)
        for result in [r for r, running in self.running.items() if self._is_over_time(running)]:
            job = self.running.pop(result).job
            self.ray.cancel(result, force=True)
            yield job, "record", (self._failure(job, too_late(self.timeout_seconds)),)

    def close(self) -> None:
        """Ends all that still runs, and the cluster too if it was started for this run."""
        for result in self.running:
            self.ray.cancel(result, force=True)
        self.running.clear()
        self.queue.shutdown(force=True)
        self._leave()

    def _leave(self) -> None:
        if self._is_ours:
            self.ray.shutdown()

    def _told(self) -> list[tuple]:
        from ray.exceptions import RayError

        try:
            return self.queue.get_nowait_batch(self.queue.size())
        except RayError as error:
            raise BenchError(
                "the Ray cluster is lost. What is finished is kept: the same command goes on."
            ) from error

    def _record(self, job: Job, result) -> dict[str, Any]:
        """Returns the record that a task gave, after its files are kept."""
        from ray.exceptions import RayError

        try:
            record, files = self.ray.get(result)
        except RayError as error:
            return self._failure(job, _death(error))
        for name, data in files.items():
            path = self.output / name
            path.parent.mkdir(parents=True, exist_ok=True)
            store.write_whole(path, data)
        return record | {"num_workers": self.num_workers}

    def _failure(self, job: Job, error: str) -> dict[str, Any]:
        return job.failure(self.run_id, error) | {"num_workers": self.num_workers}

    def _is_over_time(self, running: "_Running") -> bool:
        limit = self.timeout_seconds
        if limit is None or running.started is None:
            return False
        return time.monotonic() - running.started > limit


class _Running:
    def __init__(self, job: Job):
        self.job = job
        self.started: float | None = None  # when it first told something


def _import_ray():
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_worker_niceness", "0")  # as on one machine; Ray's default is 15
    try:
        import ray
    except ImportError as error:
        raise BenchError(
            '--engine ray needs Ray. Install it: pip install "keras-autoencoder-zoo[ray]"'
        ) from error
    return ray


def _connect(ray, address: str | None) -> None:
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        if address not in (None, "auto"):
            _knock(address)
        if address is None:
            ray.init(address="local", include_dashboard=False, **quiet)
        else:
            ray.init(address=address, **quiet)
    except (OSError, ValueError, RuntimeError) as error:
        raise BenchError(
            f"--ray-address: no Ray cluster at {address or 'this machine'}: "
            f"{checks.one_line(error, with_kind=False)[:200]}."
        ) from error


def _knock(address: str) -> None:
    """Raises at once if nobody is there: Ray would try for minutes."""
    host, _, port = address.rpartition("/")[2].rpartition(":")
    if not host or not port.isdecimal():
        raise ValueError("must be HOST:PORT")
    socket.create_connection((host, int(port)), timeout=_CONNECT_SECONDS).close()


def _death(error: Exception) -> str:
    from ray import exceptions

    if isinstance(error, exceptions.OutOfMemoryError):
        return "the process was killed: the node ran out of memory"
    if isinstance(error, exceptions.NodeDiedError | exceptions.ObjectLostError):
        return "the node that ran it was lost"
    if isinstance(error, exceptions.WorkerCrashedError):
        return "the process was killed: out of memory, by hand, or its node was lost"
    return checks.one_line(error)


# --- on the node ----------------------------------------------------------------------------


class _ToDriver:
    """What a job sends its messages to; the record and the trace are kept for the result."""

    def __init__(self, job_id: str, queue):
        self.job_id = job_id
        self.queue = queue
        self.record: dict[str, Any] = {}

    def send(self, message: tuple) -> None:
        from ray.exceptions import RayError

        if message[0] == "record":
            self.record = message[1]
            return
        try:
            self.queue.put((self.job_id, *message))
        except RayError as error:  # the driver is gone
            raise BrokenPipeError from error

    def close(self) -> None:
        pass


def _on_node(
    run_job: RunJob, job: Job, needed: dict[str, bytes], run_id: str, queue, folder: str
) -> tuple[dict, dict[str, bytes]]:
    """Runs a job in this process; returns its record and its files by their names."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if Path(folder).is_dir():  # a path of data that is relative to the driver's folder
        os.chdir(folder)
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(CPUS_PER_JOB)
    tf.config.threading.set_inter_op_parallelism_threads(CPUS_PER_JOB)
    to_driver = _ToDriver(job.id, queue)
    with tempfile.TemporaryDirectory() as output:
        for name, data in needed.items():
            path = Path(output, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        run_job(job, Path(output), run_id, to_driver)
        paths = [path for path in Path(output).rglob("*") if path.is_file()]
        files = {path.relative_to(output).as_posix(): path.read_bytes() for path in paths}
    return to_driver.record, {name: files[name] for name in files if name not in needed}
