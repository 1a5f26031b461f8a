"""The data of a search: how they are read, and what of them a trial trains on."""

import dataclasses

from bench.data import anomaly, cache, catalog
from bench.data.dataset import Dataset
from bench.records.config import Loading


@dataclasses.dataclass(frozen=True)
class Data(Loading):
    """What to load.

    Attributes:
        num_labels: Rows that keep their label in semi-supervised models; None: all.
        normal_class: Label of the only class to train on, or None.
        with_anomalies: Whether the validation split keeps the other classes, with label 1.
        checksum: What the search began with.
    """

    num_labels: int | None = None
    normal_class: int | None = None
    with_anomalies: bool = False
    checksum: str | None = None

    def load(self, store: cache.DatasetCache | None = None) -> Dataset:
        """Takes the data from the dataset cache of the search, or loads them.

        Args:
            store: The cache; None: there is none.

        Raises:
            BenchError: see `bench.data.catalog.load`.
            ValueError: if they are not what the search began with.
        """
        if store is None or self.checksum is None:
            dataset = catalog.load(self.dataset, **self.loading)
        else:
            dataset = store.get_or_load(self.checksum, self.dataset, **self.loading)
        if self.checksum is not None and dataset.checksum != self.checksum:
            raise ValueError(f"the data of {self.dataset!r} changed while the search was going on")
        return self.prepared(dataset)

    def prepared(self, dataset: Dataset) -> Dataset:
        """Returns what is trained on of the data as they were read: all, or the normal class."""
        if self.normal_class is None:
            return dataset
        one_class = anomaly.one_class(dataset, self.normal_class)
        if not self.with_anomalies:
            return one_class
        everything = dataclasses.replace(dataset, test=dataset.validation)
        labelled = anomaly.one_class(everything, self.normal_class).test
        return dataclasses.replace(one_class, validation=labelled)
