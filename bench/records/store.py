"""The record file: one JSON object per line, written so that a killed run loses at most one line.

Reports, tables and plots are derived from these lines and from nothing else.
"""

import contextlib
import hashlib
import json
import math
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import BenchError
from bench.records import environment

try:
    import fcntl
except ImportError:  # Windows has no flock: two runs into one folder are then not noticed
    fcntl = None

SCHEMA_VERSION = 1
FILE_NAME = "records.jsonl"

_KINDS: dict[str, type] = {
    "schema_version": int,
    "case_id": str,
    "run_id": str,
    "time_utc": str,
    "status": str,
    "error": str,
    "kind": str,
    "model": str,
    "preset": str,
    "config": dict,
    "arguments": dict,
    "paper": str,
    "dataset": str,
    "dataset_checksum": str,
    "task": str,
    "image_shape": list,
    "num_train": int,
    "num_validation": int,
    "num_test": int,
    "noise": str,
    "limit": int,
    "resize": list,
    "dataset_argument": str,
    "seed": int,
    "epochs": int,
    "batch_size": int,
    "samples_seen": int,
    "optimizer": str,
    "learning_rate": float,
    "precision": str,
    "augment": str,
    "num_labels": int,
    "normal_class": int,
    "normal_class_name": str,
    "num_classes": int,
    "jit": str,
    "measures": list,
    "evaluate_every": float,
    "quality_metric": str,
    "quality_curve": list,
    "target": float,
    "images_to_target": int,
    "seconds_to_target": float,
    "experiment": str,
    "experiment_sha256": str,
    "num_workers": int,
    "jit_compile": bool,
    "steps_per_execution": int,
    "params_total": int,
    "params_trainable": int,
    "forward_macs": int,
    "forward_flops": int,
    "activation_elements": int,
    "activation_bytes": int,
    "parameter_bytes": int,
    "arithmetic_intensity": float,
    "uncounted_layers": list,
    "mac_counter": str,
    "code_size": int,
    "build_seconds": float,
    "first_step_seconds": float,
    "train_seconds": float,
    "train_images_per_second": float,
    "train_images_per_second_low": float,
    "train_images_per_second_high": float,
    "train_call_ms": float,
    "train_call_ms_low": float,
    "train_call_ms_high": float,
    "train_call_ms_iqr": float,
    "train_call_ms_p90": float,
    "train_call_ms_p95": float,
    "train_call_ms_p99": float,
    "train_num_samples": int,
    "train_first_call_seconds": float,
    "infer_images_per_second": float,
    "infer_images_per_second_low": float,
    "infer_images_per_second_high": float,
    "infer_call_ms": float,
    "infer_call_ms_low": float,
    "infer_call_ms_high": float,
    "infer_call_ms_iqr": float,
    "infer_call_ms_p90": float,
    "infer_call_ms_p95": float,
    "infer_call_ms_p99": float,
    "infer_num_samples": int,
    "infer_first_call_seconds": float,
    "infer_batch_size": int,
    "latency_ms": float,
    "latency_ms_low": float,
    "latency_ms_high": float,
    "latency_ms_iqr": float,
    "latency_ms_p90": float,
    "latency_ms_p95": float,
    "latency_ms_p99": float,
    "latency_num_samples": int,
    "latency_first_call_seconds": float,
    "end_to_end_images_per_second": float,
    "end_to_end_images_per_second_low": float,
    "end_to_end_images_per_second_high": float,
    "end_to_end_num_epochs": int,
    "end_to_end_images_per_epoch": int,
    "end_to_end_stable": bool,
    "infer_sweep": list,
    "train_sweep": list,
    "machine_gflops": float,
    "machine_dtype": str,
    "machine_noisy": bool,
    "train_mfu": float,
    "infer_mfu": float,
    "mfu_unknown_reason": str,
    "peak_memory_mib": float,
    "peak_rss_mib": float,
    "memory_method": str,
    "timing_stable": bool,
    "noisy": bool,
    "disturbance_share": float,
    "load_average_after": float,
    "garbage_collection": str,
    "test_mse": float,
    "test_mae": float,
    "test_psnr": float,
    "test_ssim": float,
    "test_ms_ssim": float,
    "test_bce": float,
    "test_intervals": dict,
    "test_iou_image": float,
    "test_iou_dataset": float,
    "test_iou_per_class": list,
    "test_dice_image": float,
    "test_dice_dataset": float,
    "test_boundary_f1": float,
    "test_pixel_accuracy": float,
    "test_accuracy": float,
    "test_recall_lowest": float,
    "test_recall_spread": float,
    "test_recall_per_group": list,
    "test_auroc": float,
    "test_average_precision": float,
    "test_f1_max": float,
    "test_f1_floor": float,
    "test_eer": float,
    "test_f1_at_eer": float,
    "test_false_positive_rate": float,
    "test_true_positive_rate": float,
    "test_pixel_auroc": float,
    "test_pixel_average_precision": float,
    "test_aupro": float,
    "test_best_dice": float,
    "test_dice_floor": float,
    "test_auroc_by_group": dict,
    "scores": dict,
    "score_name": str,
    "threshold": float,
    "threshold_rule": str,
    "thresholds": dict,
    "train_loss": float,
    "val_loss": float,
    "history": dict,
    "health": dict,
    "test_label_consistency": float,
    "test_flip_rate": float,
    "test_flip_rate_both": float,
    "test_sample_consistency": float,
    "test_mse_wrong_label": float,
    "test_likelihood": str,
    "test_elbo": float,
    "test_nll": float,
    "test_bits_per_dimension": float,
    "test_nll_by_samples": dict,
    "test_likelihood_intervals": dict,
    "num_likelihood_images": int,
    "test_kl_per_latent": list,
    "test_active_units": int,
    "test_sample_precision": float,
    "test_sample_recall": float,
    "test_sample_density": float,
    "test_sample_coverage": float,
    "test_frechet_distance": float,
    "test_sample_reference": dict,
    "num_sample_images": int,
    "sample_neighbours": int,
    "sample_quality_reason": str,
    "test_linear_probe_accuracy": float,
    "test_knn_accuracy": float,
    "test_majority_accuracy": float,
    "test_cluster_nmi": float,
    "test_cluster_ari": float,
    "test_representation_intervals": dict,
    "num_probe_train_images": int,
    "num_probe_test_images": int,
    "representation_reason": str,
    "classifier_accuracy": float,
    "classifier_checksum": str,
    "samples_file": str,
    "swaps_file": str,
    "anomaly_file": str,
    "structure": list,
    "loss_terms": dict,
    "optimizer_settings": dict,
    "frames_file": str,
    "layers_file": str,
    "latent_file": str,
    "codes_file": str,
    **environment.KINDS,
}
_REQUIRED = ("case_id", "status", "kind", "model")

RECORD_FIELDS = tuple(_KINDS)


def append(path: str | Path, record: dict[str, Any]) -> None:
    """Adds one record to the end of a record file and returns once it is on the disk.

    Fields that `record` lacks are written as null, NaN and infinities too; fields beyond
    `RECORD_FIELDS` are kept behind them. A last line that an earlier writer left without its
    newline is ended first, so that it cannot swallow this record.

    Args:
        path: The record file. Made, with its folder, if missing.
        record: Plain data; numpy scalars and arrays are converted.

    Raises:
        TypeError: if a value is not plain data.
        BenchError: if the file cannot be written.
    """
    full = {field: record.get(field) for field in RECORD_FIELDS} | record
    if full["schema_version"] is None:
        full["schema_version"] = SCHEMA_VERSION
    append_line(path, full)


def append_line(path: str | Path, record: dict[str, Any]) -> None:
    """Adds one JSON object to the end of a file, as `append` does, with its own fields alone.

    Raises:
        TypeError: if a value is not plain data.
        BenchError: if the file cannot be written.
    """
    line = json.dumps(_plain(record), allow_nan=False).encode() + b"\n"
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "ab+") as file:
            if file.seek(0, os.SEEK_END) > 0:
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    line = b"\n" + line
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise BenchError(f"cannot write records to {path}: {error.strerror}.") from error


def read(path: str | Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Reads every good line of a record file.

    Args:
        path: The record file, or the folder that holds it as `records.jsonl`.

    Returns:
        The records in file order, each with every field of `RECORD_FIELDS`, and the warnings,
        one for each line or value that had to be left out, with its line number.

    Raises:
        BenchError: if the file is missing or cannot be read.
    """
    path = Path(path)
    if path.is_dir():
        path = path / FILE_NAME
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError as error:
        raise BenchError(
            f"no records at {path}. Make some: python -m bench run --output {path.parent}"
        ) from error
    except OSError as error:
        raise BenchError(f"cannot read records from {path}: {error.strerror}.") from error
    records, warnings = [], []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        record, problems = _parse(line)
        warnings.extend(f"{path.name} line {number}: {problem}" for problem in problems)
        if record is not None:
            records.append(record)
    return records, warnings


def latest(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Keeps one record per `case_id`: the last one, but no failure in place of an earlier "ok".

    Args:
        records: Records in the order in which they were written.

    Returns:
        The kept records, in the order in which their cases first appeared.
    """
    kept: dict[str, dict[str, Any]] = {}
    for record in records:
        earlier = kept.get(record["case_id"])
        if earlier is None or record["status"] == "ok" or earlier["status"] != "ok":
            kept[record["case_id"]] = record
    return list(kept.values())


def curve(record: dict[str, Any], name: str = "loss") -> list[float]:
    """Returns one curve of a record's history; NaN for epochs without a finite number."""
    values = (record["history"] or {}).get(name)
    if not isinstance(values, list):
        return []
    return [float(v) if isinstance(v, int | float) else math.nan for v in values]


def case_id(identity: dict[str, Any]) -> str:
    """Names a case by its content.

        case_id = first 16 hex digits of sha256(canonical JSON)

    Args:
        identity: What tells this case from others, as plain data. Order of keys, tuple or list,
            and numpy or Python numbers make no difference.

    Returns:
        16 hexadecimal digits.
    """
    text = json.dumps(_plain(identity), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def check_writable(output: str | Path) -> None:
    """Makes the output folder and writes to it once, so that long work does not end in an error.

    Args:
        output: The folder of a run.

    Raises:
        BenchError: if a file is in the place, or the folder or its record file is read-only.
    """
    output = Path(output)
    try:
        output.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=output) as file:
            file.write(b"x")
        if (output / FILE_NAME).exists():
            with open(output / FILE_NAME, "ab"):
                pass
    except (FileExistsError, NotADirectoryError) as error:
        raise BenchError(
            f"cannot write to {output}: a file is in the place of the folder. "
            "Choose another --output."
        ) from error
    except OSError as error:
        raise BenchError(
            f"cannot write to {output}: {error.strerror}. Choose another --output."
        ) from error


@contextlib.contextmanager
def folder_lock(output: str | Path) -> Iterator[None]:
    """Holds `<output>/.lock`, so that two runs never write into one folder at a time.

    The system drops the lock when the process ends, however it ends; the file itself stays.

    Args:
        output: The folder of a run. Made if missing.

    Raises:
        BenchError: if another process holds the lock, or the folder cannot be written.
    """
    check_writable(output)
    with open(Path(output) / ".lock", "a+", encoding="utf-8") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                file.seek(0)
                owner = file.read().strip() or "unknown"
                raise BenchError(
                    f"another run is writing to {output} (pid {owner}). "
                    "Wait for it, or choose another --output."
                ) from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def write_whole(path: str | Path, data: bytes) -> None:
    """Writes a file so that, whatever happens, either all of it or the earlier one is there.

    Args:
        path: The file, in a folder that exists.
        data: What it shall hold.

    Raises:
        BenchError: if the file cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise BenchError(f"cannot write {path}: {error.strerror}.") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def write_lines(path: str | Path, found: Iterable[dict[str, Any]]) -> None:
    """Writes a file of JSON lines as `write_whole` does."""
    write_whole(path, "".join(json.dumps(record) + "\n" for record in found).encode())


def read_lines(path: str | Path, command: str) -> list[dict[str, Any]]:
    """Reads a file of JSON lines.

    Args:
        command: What makes the file.

    Raises:
        BenchError: if it cannot be read.
    """
    try:
        return [json.loads(line) for line in Path(path).read_text().splitlines()]
    except (OSError, ValueError) as error:
        raise BenchError(f"{path} cannot be read: {error}. Make it: {command}") from error


def _plain(value: Any) -> Any:
    """Converts to what JSON can say: numpy to Python, tuples to lists, NaN and inf to None."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Path):
        return str(value)
    raise TypeError(
        "records: a value must be plain data (numbers, strings, lists, dicts). "
        f"Received: {value!r} of type {type(value).__name__}."
    )


def _parse(line: bytes) -> tuple[dict[str, Any] | None, list[str]]:
    """One line to (record, problems); the record is None where nothing of it can be used."""
    try:
        found = json.loads(line.decode(), parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None, ["cut off or not JSON; left out."]
    if not isinstance(found, dict):
        return None, ["not a JSON object; left out."]
    version = found.get("schema_version")
    if version != SCHEMA_VERSION:
        return None, [f"schema_version {version!r} is not {SCHEMA_VERSION}; left out."]
    record = {field: found.get(field) for field in RECORD_FIELDS} | found
    problems = []
    for field, kind in _KINDS.items():
        value = record[field]
        if value is not None and not _is_kind(value, kind):
            problems.append(f"{field} is not {kind.__name__}; taken as unknown.")
            record[field] = None
    missing = [field for field in _REQUIRED if record[field] is None]
    if missing:
        return None, [f"without {', '.join(missing)}; left out."]
    return record, problems


def _is_kind(value: Any, kind: type) -> bool:
    if kind in (int, float):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and math.isfinite(value)
    return isinstance(value, kind)
