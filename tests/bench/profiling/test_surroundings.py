"""What a measurement was made on, with and without TensorFlow."""

import sys

import keras

from bench.profiling import surroundings
from bench.records import environment


def test_all_fields_are_known_beside_tensorflow():
    found = surroundings.describe()
    assert tuple(found) == environment.FIELDS
    assert found["backend"] == keras.backend.backend()
    assert found["device"]
    assert found["threads"] >= 1


def test_without_tensorflow_its_fields_are_none(monkeypatch):
    for name in ("keras", "tensorflow"):
        monkeypatch.setitem(sys.modules, name, None)  # importing it fails
    found = surroundings.describe()
    assert tuple(found) == environment.FIELDS
    unknown = {name for name in environment.OF_TENSORFLOW if found[name] is None}
    assert unknown == set(environment.OF_TENSORFLOW)
