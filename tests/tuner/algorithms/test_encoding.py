"""Settings as points: there and back, and what is the same stays the same."""

import numpy as np
import pytest

from tuner.algorithms.encoding import UnitCube
from tuner.space import ready
from tuner.space.hypermodel import hyperparameters
from tuner.space.parameters import Boolean, Choice, Float, Int, When
from tuner.space.space import Space

SPACE = Space(
    "vae",
    {
        "learning_rate": Float(1e-4, 1e-2, 1e-3, log=True),
        "width": Int(8, 64, 16, step=2, log=True),
        "activation": Choice(("relu", "gelu", "elu"), "gelu"),
        "noise": Boolean(True),
        "noise_level": Choice((0.1, 0.2), 0.2, when=When("noise", (True,))),
        "depth": Int(1, 3, 3, when=When("activation", ("elu", "relu"))),
    },
)


@pytest.fixture
def cube():
    return UnitCube(hyperparameters(SPACE).space)


def test_points_by_hand(cube):
    common = {"learning_rate": 1e-3, "width": 64}
    settings = [
        common | {"activation": "elu", "noise": True, "noise_level": 0.1, "depth": 1},
        common | {"activation": "relu", "noise": False, "depth": 2},
        common | {"activation": "gelu", "noise": True, "noise_level": 0.2},
    ]
    expected = [
        [0.5, 0.875, 0, 0, 1, 0.75, 0.25, 1 / 6],
        [0.5, 0.875, 1, 0, 0, 0.25, 0.75, 1 / 2],  # the level is at its default
        [0.5, 0.875, 0, 1, 0, 0.75, 0.75, 5 / 6],  # the depth is
    ]
    np.testing.assert_allclose(cube.points(cube.rows(settings)), expected)


def test_what_is_not_active_makes_no_difference(cube):
    rows = np.full((2, 6), 0.5)
    rows[:, 3] = 0.1  # no noise
    rows[:, 4] = 0.1, 0.9
    np.testing.assert_array_equal(*cube.points(rows))
    assert cube.values(rows[0]) == cube.values(rows[1])


@pytest.mark.parametrize("model", ["vae", "vq_vae", "autoencoder", "unet"])
def test_rows_and_settings_are_the_same_points(model):
    cube = UnitCube(hyperparameters(ready.get(model)).space)
    rows = cube.draw(np.random.default_rng(0), 50)
    settings = [cube.values(row) for row in rows]
    again = cube.rows(settings)
    np.testing.assert_allclose(cube.points(rows), cube.points(again), atol=1e-9)
    for values, row in zip(settings, again, strict=True):
        back = cube.values(row)
        assert back.keys() == values.keys()
        for name, value in values.items():
            expected = pytest.approx(value) if isinstance(value, float) else value
            assert back[name] == expected


def test_changes_are_few_small_and_within_the_cube(cube):
    row = cube.rows([{"learning_rate": 5e-3, "width": 16, "activation": "relu", "noise": False}])[0]
    near = cube.near(np.random.default_rng(0), row, 2_000, 0.05)
    assert (near >= 0).all() and (near < 1).all()
    changed = near != row
    assert changed.sum(axis=1).mean() == pytest.approx(2, abs=0.2)
    assert np.abs(near - row)[:, 1].max() < 0.3  # a number
    assert np.abs(near - row)[:, 2].max() > 0.6  # a name
