"""What the suites share: the models, their quality and memory, and the state of the machine."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import collections
import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import pytest

import zoo
from bench.data import catalog, tasks
from bench.evaluation.build import build_compiled
from bench.profiling import macs, memory, steps, surroundings, timing
from bench.runs import models, selection, suites

BATCH_SIZE = 64
EPOCHS = 3
ROUNDS = 50
WARMUP_ROUNDS = 3
_MODEL_OPTION = "--suite-model"


@dataclasses.dataclass(frozen=True)
class Trained:
    """A model after a short training, and what is known of it.

    Attributes:
        x, y: Training data as `fit` takes them; `inputs`: test data for inference.
        facts: Quality, parameters, memory and settings, for `extra_info`.
    """

    model: Any
    x: Any
    y: Any
    inputs: Any
    facts: dict[str, Any]


def pytest_addoption(parser):
    parser.addoption(
        _MODEL_OPTION,
        action="append",
        metavar="NAME[:PRESET[:ARGUMENT=VALUE,...]]",
        help="model that the suites measure; may be given again (default: the core suite)",
    )


def pytest_configure(config):
    if getattr(config.option, "benchmark_group_by", None) == "group":  # the default
        config.option.benchmark_group_by = "param:model"
    config.option.benchmark_disable_gc = True


def pytest_generate_tests(metafunc):
    if "model" in metafunc.fixturenames:
        named = metafunc.config.getoption(_MODEL_OPTION, None) or suites.SUITES["core"]
        metafunc.parametrize("model", named, indirect=True, scope="session")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("benchmark_only", False):
        for item in items:
            if "benchmark" in item.fixturenames:
                item.add_marker(pytest.mark.skip(reason="a suite: needs --benchmark-only"))


def pytest_benchmark_group_stats(config, benchmarks, group_by):
    """Groups as `param:model` does, and what has no model by its function."""
    if group_by != "param:model":
        return None
    groups = collections.defaultdict(list)
    for benchmark in benchmarks:
        model = (benchmark["params"] or {}).get("model")
        groups[f"model={model}" if model else benchmark["name"].split("[")[0]].append(benchmark)
    return sorted(groups.items())


def pytest_benchmark_update_machine_info(config, machine_info):
    machine_info.update(surroundings.describe())
    machine_info["garbage_collection"] = "off" if config.option.benchmark_disable_gc else "on"


@pytest.fixture(scope="session")
def dataset():
    return catalog.load("digits")


@pytest.fixture(scope="session")
def model(request, dataset) -> Trained:
    """The model of a suite, trained for some epochs; its memory is measured meanwhile."""
    (choice,) = selection.select([request.param], "core", "small", models.registry())
    task = zoo.get(choice.model).model_class.task
    built = build_compiled(
        choice.model,
        dataset.image_shape,
        keras.optimizers.Adam(3e-3),
        preset=choice.preset,
        arguments=tasks.arguments(task, dataset) | dict(choice.arguments),
    )
    x, *y = tasks.pairs(task, dataset.train)
    settings = {"batch_size": BATCH_SIZE, "verbose": 0}
    with memory.PeakMemory() as peak:
        history = built.fit(x, *y, epochs=EPOCHS, **settings).history
    validation = built.evaluate(
        *tasks.pairs(task, dataset.validation), **settings, return_dict=True
    )
    facts = {
        "train_loss": history["loss"][-1],
        "val_loss": validation["loss"],
        "epochs": EPOCHS,
        "batch_size": BATCH_SIZE,
        "params_total": built.count_params(),
        "forward_macs": macs.count_macs(built).total,
        "peak_memory_mib": peak.mib,
        "peak_memory_method": peak.method,
        "jit_compile": bool(built.jit_compile),
        "precision": built.dtype_policy.name,
    }
    return Trained(built, x, y[0] if y else None, tasks.inputs(task, dataset.test), facts)


@pytest.fixture
def measured(benchmark) -> Callable[..., Any]:
    """Returns a function that warms a piece of work up and measures it."""

    def measure(call: Callable[[], Any], facts: dict[str, Any], *, rounds: int = ROUNDS):
        benchmark.extra_info.update(facts)
        return benchmark.pedantic(call, rounds=rounds, warmup_rounds=WARMUP_ROUNDS)

    return measure


@pytest.fixture
def measured_step(benchmark, measured) -> Callable[..., None]:
    """Returns a function that compiles a step, warms it up until it is steady, and measures it."""

    def measure(step: steps.Step, facts: dict[str, Any]) -> None:
        warm = timing.measure(
            step.call,
            images_per_call=step.images_per_call,
            min_samples=1,
            min_seconds=0.0,
            tracing_count=step.tracing_count,
        )
        num_traces = step.tracing_count()
        measured(lambda: timing.synchronize(step.call()), facts)
        benchmark.extra_info.update(
            images_per_call=step.images_per_call,
            first_call_seconds=warm.first_call_seconds,
            stable=warm.stable,
            num_retraces=step.tracing_count() - num_traces,
        )

    return measure
