"""The sections of a record: what is known of a job, by what it is about, each value with a kind."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any


def leaf(kind: type, name: str = "", *, holds: Any = None) -> Any:
    """Declares a value of a section.

    Args:
        kind: Its type; None is a value of every kind: it is not known.
        name: Its name among all values, where the attribute's is not it.
        holds: Type of the members of a list or a dict, such as `float` or `dict[str, float]`,
            where what reads records counts on it; None: any.
    """
    about = {"kind": kind, "name": name, "holds": holds}
    return dataclasses.field(default=None, metadata=about)


@dataclasses.dataclass
class Data:
    """What was read, and how it was split."""

    name: str | None = leaf(str, "dataset")
    checksum: str | None = leaf(str, "dataset_checksum")
    task: str | None = leaf(str)
    image_shape: list | None = leaf(list)
    num_train: int | None = leaf(int)
    num_validation: int | None = leaf(int)
    num_test: int | None = leaf(int)
    num_classes: int | None = leaf(int)
    normal_class_name: str | None = leaf(str)


@dataclasses.dataclass
class Read:
    """What was read of your own files, as `zoo.data.contents.Description` has it."""

    layout: str | None = leaf(str, "read_layout")
    what: str | None = leaf(str, "read_what")
    shape: list | None = leaf(list, "read_shape")
    largest: list | None = leaf(list, "read_largest")
    num_sizes: int | None = leaf(int)
    num_read: dict | None = leaf(dict)
    bit_depths: str | None = leaf(str)
    classes: dict | None = leaf(dict, "read_classes")
    num_mask_classes: int | None = leaf(int)
    ignore_label: int | None = leaf(int, "read_ignore_label")
    void_share: float | None = leaf(float)
    left_out: list | None = leaf(list)
    skipped: list | None = leaf(list, "skipped_files")
    notes: list | None = leaf(list, "read_notes")


@dataclasses.dataclass
class Machine:
    """Hardware, software, and the state of both."""

    python_version: str | None = leaf(str)
    keras_version: str | None = leaf(str)
    tensorflow_version: str | None = leaf(str)
    numpy_version: str | None = leaf(str)
    backend: str | None = leaf(str)
    device: str | None = leaf(str)
    cpu_model: str | None = leaf(str)
    num_cpus: int | None = leaf(int)
    ram_gib: float | None = leaf(float)
    os: str | None = leaf(str)
    git_commit: str | None = leaf(str)
    git_dirty: bool | None = leaf(bool)
    load_average: float | None = leaf(float)
    threads: int | None = leaf(int)
    num_workers: int | None = leaf(int)
    gflops: float | None = leaf(float, "machine_gflops")
    gflops_dtype: str | None = leaf(str, "machine_dtype")
    gflops_noisy: bool | None = leaf(bool, "machine_noisy")


@dataclasses.dataclass
class Model:
    """The model, or the baseline, and its size.

    One of your own has its origin, `"function"`, `"file"` or `"detector"`, how it was asked for,
    and the hash of its files.
    """

    name: str | None = leaf(str, "model")
    preset: str | None = leaf(str)
    origin: str | None = leaf(str)
    asked_as: str | None = leaf(str)
    source_sha256: str | None = leaf(str)
    arguments: dict | None = leaf(dict)
    config: dict | None = leaf(dict, "model_config")
    paper: str | None = leaf(str)
    latent_size: int | None = leaf(int)
    params_total: int | None = leaf(int)
    params_trainable: int | None = leaf(int)
    forward_macs: int | None = leaf(int)
    forward_flops: int | None = leaf(int)
    activation_elements: int | None = leaf(int)
    activation_bytes: int | None = leaf(int)
    parameter_bytes: int | None = leaf(int)
    arithmetic_intensity: float | None = leaf(float)
    uncounted_layers: list | None = leaf(list)
    mac_counter: str | None = leaf(str)
    structure: list | None = leaf(list, holds=dict)
    loss_terms: dict | None = leaf(dict)


@dataclasses.dataclass
class Training:
    """How it was trained, and how that went; seconds, and losses in their own units.

    Losses are of the weights that were kept: those of the last epoch, or of `best_epoch`, counted
    from 1, where a training ends early.
    """

    samples_seen: int | None = leaf(int)
    num_updates: int | None = leaf(int)
    optimizer: str | None = leaf(str)
    optimizer_settings: dict | None = leaf(dict)
    jit_compile: bool | None = leaf(bool)
    precision: str | None = leaf(str, "used_precision")
    precision_reason: str | None = leaf(str)
    build_seconds: float | None = leaf(float)
    first_step_seconds: float | None = leaf(float)
    seconds: float | None = leaf(float, "train_seconds")
    train_loss: float | None = leaf(float)
    val_loss: float | None = leaf(float)
    history: dict | None = leaf(dict, holds=list)
    diagnostics: dict | None = leaf(dict)
    best_epoch: int | None = leaf(int)
    quality_metric: str | None = leaf(str)
    quality_curve: list | None = leaf(list, holds=dict)
    target: float | None = leaf(float)
    images_to_target: int | None = leaf(int)
    seconds_to_target: float | None = leaf(float)

    def curve(self, name: str = "loss") -> list[float]:
        """Returns one curve of the history; NaN for epochs without a finite number."""
        values = (self.history or {}).get(name)
        if not isinstance(values, list):
            return []
        return [float(v) if isinstance(v, int | float) else math.nan for v in values]


@dataclasses.dataclass
class Speed:
    """Images per second, and milliseconds of a call, medians with their 95 % intervals.

    `fit` is training as a user calls it, whole epochs of `model.fit`; `train` is its bare step.
    `end_to_end`, of older records, is a loop of our own over `tf.data`.
    """

    fit_images_per_second: float | None = leaf(float)
    fit_images_per_second_low: float | None = leaf(float)
    fit_images_per_second_high: float | None = leaf(float)
    fit_num_epochs: int | None = leaf(int)
    fit_images_per_epoch: int | None = leaf(int)
    train_images_per_second: float | None = leaf(float)
    train_images_per_second_low: float | None = leaf(float)
    train_images_per_second_high: float | None = leaf(float)
    train_call_ms: float | None = leaf(float)
    train_call_ms_low: float | None = leaf(float)
    train_call_ms_high: float | None = leaf(float)
    train_call_ms_iqr: float | None = leaf(float)
    train_call_ms_p90: float | None = leaf(float)
    train_call_ms_p95: float | None = leaf(float)
    train_call_ms_p99: float | None = leaf(float)
    train_num_samples: int | None = leaf(int)
    train_first_call_seconds: float | None = leaf(float)
    infer_images_per_second: float | None = leaf(float)
    infer_images_per_second_low: float | None = leaf(float)
    infer_images_per_second_high: float | None = leaf(float)
    infer_call_ms: float | None = leaf(float)
    infer_call_ms_low: float | None = leaf(float)
    infer_call_ms_high: float | None = leaf(float)
    infer_call_ms_iqr: float | None = leaf(float)
    infer_call_ms_p90: float | None = leaf(float)
    infer_call_ms_p95: float | None = leaf(float)
    infer_call_ms_p99: float | None = leaf(float)
    infer_num_samples: int | None = leaf(int)
    infer_first_call_seconds: float | None = leaf(float)
    infer_batch_size: int | None = leaf(int)
    latency_ms: float | None = leaf(float)
    latency_ms_low: float | None = leaf(float)
    latency_ms_high: float | None = leaf(float)
    latency_ms_iqr: float | None = leaf(float)
    latency_ms_p90: float | None = leaf(float)
    latency_ms_p95: float | None = leaf(float)
    latency_ms_p99: float | None = leaf(float)
    latency_num_samples: int | None = leaf(int)
    latency_first_call_seconds: float | None = leaf(float)
    end_to_end_images_per_second: float | None = leaf(float)
    end_to_end_images_per_second_low: float | None = leaf(float)
    end_to_end_images_per_second_high: float | None = leaf(float)
    end_to_end_num_epochs: int | None = leaf(int)
    end_to_end_images_per_epoch: int | None = leaf(int)
    end_to_end_stable: bool | None = leaf(bool)
    infer_sweep: list | None = leaf(list, holds=dict)
    train_sweep: list | None = leaf(list, holds=dict)
    train_mfu: float | None = leaf(float)
    infer_mfu: float | None = leaf(float)
    mfu_unknown_reason: str | None = leaf(str)
    stable: bool | None = leaf(bool, "timing_stable")
    noisy: bool | None = leaf(bool)
    disturbance_share: float | None = leaf(float)
    load_average_after: float | None = leaf(float)
    garbage_collection: str | None = leaf(str)


@dataclasses.dataclass
class Memory:
    """Peaks of training, in MiB."""

    peak_mib: float | None = leaf(float, "peak_memory_mib")
    peak_rss_mib: float | None = leaf(float)
    method: str | None = leaf(str, "memory_method")


@dataclasses.dataclass
class Quality:
    """What was measured on the test split.

    Attributes:
        metrics: Values by the names of `bench.records.metrics.METRICS`; only those that are known.
        versions: The version of each metric that a value is of.
    """

    metrics: dict[str, float] = dataclasses.field(default_factory=dict)
    versions: dict[str, int] = dataclasses.field(default_factory=dict)
    intervals: dict | None = leaf(dict, "test_intervals", holds=list[float])
    iou_per_class: list | None = leaf(list, "test_iou_per_class", holds=float)
    per_class: dict | None = leaf(dict, "test_per_class", holds=dict)
    recall_per_group: list | None = leaf(list, "test_recall_per_group", holds=float)
    auroc_by_group: dict | None = leaf(dict, "test_auroc_by_group", holds=float)
    uncertainty_curves: dict | None = leaf(dict, holds=list[float])
    scores: dict | None = leaf(dict, holds=dict[str, float])
    score_name: str | None = leaf(str)
    threshold: float | None = leaf(float)
    threshold_rule: str | None = leaf(str)
    thresholds: dict | None = leaf(dict, holds=dict)
    likelihood: str | None = leaf(str, "test_likelihood")
    likelihood_intervals: dict | None = leaf(dict, "test_likelihood_intervals")
    likelihood_noise: dict | None = leaf(dict, "test_likelihood_noise")
    num_likelihood_images: int | None = leaf(int)
    nll_by_samples: dict | None = leaf(dict, "test_nll_by_samples")
    kl_per_latent: list | None = leaf(list, "test_kl_per_latent", holds=float)
    sample_reference: dict | None = leaf(dict, "test_sample_reference")
    num_sample_images: int | None = leaf(int)
    sample_neighbours: int | None = leaf(int)
    sample_quality_reason: str | None = leaf(str)
    representation_intervals: dict | None = leaf(dict, "test_representation_intervals")
    num_probe_train_images: int | None = leaf(int)
    num_probe_test_images: int | None = leaf(int)
    representation_reason: str | None = leaf(str)
    classifier_accuracy: float | None = leaf(float)
    classifier_checksum: str | None = leaf(str)


@dataclasses.dataclass
class Artifacts:
    """Files of arrays, and the trained model, named from the folder of the records."""

    samples: str | None = leaf(str, "samples_file")
    swaps: str | None = leaf(str, "swaps_file")
    anomalies: str | None = leaf(str, "anomaly_file")
    masks: str | None = leaf(str, "masks_file")
    frames: str | None = leaf(str, "frames_file")
    layers: str | None = leaf(str, "layers_file")
    latent_plane: str | None = leaf(str, "latent_file")
    latents: str | None = leaf(str, "codes_file")
    model: str | None = leaf(str, "model_file")


SECTIONS: dict[str, type] = {
    "data": Data,
    "read": Read,
    "machine": Machine,
    "model": Model,
    "training": Training,
    "speed": Speed,
    "memory": Memory,
    "quality": Quality,
    "artifacts": Artifacts,
}


def read_fields(description: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values of `Read` by the names that all values have.

    Args:
        description: What `Description.to_json` gives.
    """
    names = {each.name: each.metadata["name"] or each.name for each in leaves(Read)}
    return {names[key]: value for key, value in description.items()}


def leaves(owner: type) -> list[dataclasses.Field]:
    """Returns the fields of a section, or of a record, that hold one value each."""
    return [field for field in dataclasses.fields(owner) if "kind" in field.metadata]
