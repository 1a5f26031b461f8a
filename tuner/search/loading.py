"""Reads the data of a search and checks that model and objective fit them, without Keras."""

import dataclasses

import zoo
from bench.data import cache, tasks
from bench.data.dataset import Dataset
from bench.errors import BenchError
from tuner.search.request import Request
from tuner.trials import objectives
from tuner.trials.data import Data


@dataclasses.dataclass(frozen=True)
class Loaded:
    """The data of a search.

    Attributes:
        data: How each trial gets them.
        dataset: What a trial trains and is measured on.
        notes: What was read, and what was left out.
    """

    data: Data
    dataset: Dataset
    objective: objectives.Objective
    notes: tuple[str, ...]


def load(request: Request, store: cache.DatasetCache | None = None) -> Loaded:
    """Reads the data of a request.

    Args:
        store: Where the data are kept for the trials.

    Raises:
        BenchError: for missing data, or a model, an objective or a number of labels that does not
            fit them.
    """
    data = Data(request.dataset, num_labels=request.num_labels, **request.loading)
    dataset = data.load()
    checksum, notes = dataset.checksum, dataset.notes
    if store is not None:
        store.put(dataset)
    is_one_class = request.normal_class is not None
    if is_one_class:
        label = tasks.normal_classes(dataset, (str(request.normal_class),))[0]
        wants_anomalies = request.objective in objectives.WITH_ANOMALIES
        data = dataclasses.replace(data, normal_class=label, with_anomalies=wants_anomalies)
        dataset = data.prepared(dataset)
    data = dataclasses.replace(data, checksum=checksum)
    task = zoo.get(request.model).task
    incompatibility = tasks.incompatibility(task, dataset, is_one_class=is_one_class)
    if incompatibility is not None:
        raise BenchError(f"{request.model!r} does not fit these data: it {incompatibility}.")
    tasks.check_num_labels(request.num_labels, dataset.num_train)
    objective = objectives.get(request.objective_name, request.model, dataset)
    return Loaded(data, dataset, objective, notes)
