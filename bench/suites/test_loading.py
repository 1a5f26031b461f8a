"""Construction and loading of a model, and loading of data sets that need no network."""

import keras
import pytest

from bench.data import catalog
from bench.profiling import memory

ROUNDS = 20


def test_construction(model, measured):
    """From a configuration: what each job, trial and loaded file begins with."""
    config = model.model.get_config()
    measured(lambda: type(model.model).from_config(config), model.facts, rounds=ROUNDS)


def test_saved_model(model, measured, tmp_path):
    path = tmp_path / "model.keras"
    model.model.save(path)
    facts = model.facts | {"file_mib": path.stat().st_size / 2**20}
    measured(lambda: keras.saving.load_model(path), facts, rounds=ROUNDS)


@pytest.mark.parametrize("name", ["digits", "composed_digits"])
def test_dataset(name, measured):
    with memory.PeakMemory() as peak:
        dataset = catalog.load(name)
    facts = {
        "num_images": dataset.num_train + dataset.num_validation + dataset.num_test,
        "checksum": dataset.checksum,
        "peak_memory_mib": peak.mib,
    }
    measured(lambda: catalog.load(name), facts, rounds=ROUNDS)
