"""Long series in windows: no step is lost, no step is in two splits, scores of steps are means."""

import numpy as np
import pytest

from zoo.data import reading
from zoo.tabular import windows

SERIES = np.arange(23.0)


@pytest.mark.parametrize(
    ("length", "window", "stride", "expected"),
    [(10, 4, 3, [0, 3, 6]), (11, 4, 3, [0, 3, 6, 7]), (4, 4, 9, [0]), (9, 2, 5, [0, 5, 7])],
)
def test_the_last_window_ends_with_the_series(length, window, stride, expected):
    assert windows.starts(length, window, stride).tolist() == expected


@pytest.mark.parametrize("stride", [1, 3, 7])
def test_splits_share_no_step(stride):
    first_steps = windows.starts(100, 7, stride)
    parts, num_between = windows.split_in_time(first_steps, 7, [2, 3])
    assert [len(part) for part in parts[1:]] == [2, 3]
    assert num_between + sum(map(len, parts)) == len(first_steps)
    steps = [{s + i for s in first_steps[part] for i in range(7)} for part in parts]
    assert not (steps[0] & steps[1] or steps[1] & steps[2] or steps[0] & steps[2])
    assert max(steps[0]) < min(steps[1]) and max(steps[1]) < min(steps[2])


def test_the_score_of_a_step_is_the_mean_over_its_windows():
    scores = np.array([[1.0, 1, 1], [3, 3, 3]])
    found = windows.per_step(scores, np.array([0, 2]), 6)
    np.testing.assert_array_equal(found, [1, 1, 2, 3, 3, np.nan])


@pytest.mark.parametrize(
    ("values", "shape"),
    [
        (SERIES / 22, (7, 5, 1)),
        (np.stack([SERIES, SERIES], 1) / 22, (7, 5, 2)),
        (np.tile(SERIES[None, :, None] / 22, (3, 1, 1)), (21, 5, 1)),
    ],
)
def test_series_of_an_npz_and_of_a_table_are_cut_alike(tmp_path, values, shape):
    options = reading.Options(window=5, stride=3)
    np.savez(tmp_path / "x.npz", series=values, labels=np.zeros(23))
    found = reading.read(tmp_path / "x.npz", options)
    assert found.parts["train"].images.shape == shape
    assert any("labels" in line for line in found.said)
    steps = SERIES[found.first_steps[:7]]
    np.testing.assert_allclose(found.parts["train"].images[:7, 0, 0], steps / 22, rtol=1e-6)
    if values.ndim < 3:
        np.savetxt(tmp_path / "x.csv", values, delimiter=",")
        same = reading.read(tmp_path / "x.csv", options)
        np.testing.assert_allclose(same.parts["train"].images, found.parts["train"].images)
        assert same.said[0] == f"read: 7 windows of 5x{shape[-1]} values (train 7)"


def test_steps_between_windows_are_said(tmp_path):
    np.savetxt(tmp_path / "x.csv", SERIES / 22)
    found = reading.read(tmp_path / "x.csv", reading.Options(window=5, stride=8))
    # 0..4, 8..12, 16..20 and, the last, 18..22: without 5 to 7 and 13 to 15
    assert "left out: 6 steps between windows" in found.said


def test_a_series_of_pictures_is_no_long_series(tmp_path):
    np.savez(tmp_path / "x.npz", images=np.zeros((4, 6, 8, 1)))
    with pytest.raises(ValueError, match="must be a series"):
        reading.read(tmp_path / "x.npz", reading.Options(window=2))
    np.savez(tmp_path / "x.npz", images=np.zeros((4, 6, 8)))
    with pytest.raises(ValueError, match="--data series"):
        reading.read(tmp_path / "x.npz", reading.Options(window=2))
    found = reading.read(tmp_path / "x.npz", reading.Options(window=2, data_kind="series"))
    assert found.parts["train"].images.shape == (12, 2, 8)
