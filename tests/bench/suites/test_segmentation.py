"""The suite of masks: what its tables say, and that a command goes on where it stopped."""

import json

import numpy as np
import pytest

from bench.data import composed
from bench.suites import segmentation, segmentation_table


def record(part="tiles", way="tiles", seed=0, **values):
    names = ("iou_dataset", "iou_image", "boundary_f1", "hausdorff_95", "recall")
    memory = {"image_mib": 4.0, "result_mib": 1.0, "beside_mib": 15.0}
    return {"part": part, "way": way, "seed": seed, **dict.fromkeys(names, 0.5), **memory, **values}


def test_a_row_is_a_mean_over_seeds():
    found = [record(iou_dataset=0.4, seed=1), record(iou_dataset=0.2), record(way="resizing")]
    lines = segmentation_table.markdown(found, "tiles").splitlines()
    assert lines[2].startswith("| tiles | 0.300 ± 1.271 |")  # 12.706 * .1414 / 2 ** .5
    assert lines[2].endswith("| 0.200, 0.400 |")
    assert lines[3].startswith("| resizing | 0.500 |")
    memory = segmentation_table.markdown([record("memory", "1024")], "memory")
    assert memory.splitlines()[2] == "| 1024 | 4 | 1 | 15 |"


def test_what_is_done_is_not_done_again(tmp_path, monkeypatch, capsys):
    file = tmp_path / "masks.jsonl"
    file.write_text(json.dumps(record()) + "\n")
    asked = []

    def measure(way, seed):
        asked.append((way, seed))
        return {k: v for k, v in record().items() if k not in ("part", "way", "seed")}

    monkeypatch.setitem(segmentation.MEASURE, "tiles", (measure, ("tiles", "resizing")))
    options = ["--parts", "tiles", "--seeds", "0", "1", "--output", str(file)]
    assert segmentation.main(options) == 0
    assert asked == [("resizing", 0), ("tiles", 1), ("resizing", 1)]
    assert segmentation.main(options) == 0 and len(asked) == 3
    assert "| resizing | 0.500 ± 0.000 |" in capsys.readouterr().out


def test_lines_are_one_pixel_wide():
    split = composed.lines("test", 12)
    assert split.targets.sum(axis=(1, 2, 3)).tolist() == [composed.LINE_LENGTH] * 12
    # A line has a width of one: along its steeper axis each row has one pixel.
    for mask in split.targets[..., 0]:
        assert min(mask.sum(axis=0).max(), mask.sum(axis=1).max()) == 1
    again = composed.lines("test", 12)
    np.testing.assert_array_equal(split.images, again.images)
    other = composed.lines("train", 12)
    assert not np.array_equal(split.targets, other.targets)


def test_large_images_hold_several_garments():
    pytest.importorskip("skimage")
    try:
        split = composed.large_foreground("test", 3, 128, per_image=4)
    except Exception as error:  # Fashion-MNIST is not on this machine
        pytest.skip(str(error))
    assert split.images.shape == (3, 128, 128, 1) and split.labels is None
    shares = split.targets.mean(axis=(1, 2, 3))
    assert ((shares > 0.01) & (shares < 0.4)).all()
    assert 0 <= split.images.min() <= split.images.max() <= 1
