"""Masks on the page: the table of classes, the pictures of the worst images, what is not there."""

import io

import browser
import numpy as np
import pytest
from PIL import Image

from bench.leaderboard import rows as leaderboard_rows
from bench.records import schema, store
from bench.report import masks, write
from bench.report.plots import masks as pictures

CLASS = {
    "iou": 0.5,
    "dice": 0.6667,
    "boundary_f1": 0.4,
    "surface_dice": 0.3,
    "hausdorff_95": 7.25,
    "objects": [4, 1, 2],
    "images": 5,
}
NAMES = ("background", "nerve", "vessel <of> " + "long " * 20)


def arrays(num=2):
    """Two images of another size each; the second is the worse; a void row; class 2 is missed."""
    made = {
        "iou": np.array([[1, 1, 0.5], [0.9, 0, 0.25]], "float32")[:num],
        "objects": np.array([[[0, 0, 0], [1, 0, 0], [2, 1, 0]]] * 2, "int32")[:num],
        "rows": np.arange(num)[::-1],
        "names": np.array(["a.png", "b & c.png"])[:num],
    }
    for place, size in enumerate([(12, 20), (9, 9)][:num]):
        truth = np.zeros(size, "int16")
        truth[0], truth[4:7, 4:7] = -1, 2
        made |= {f"image_{place}": np.full((*size, 1), 100, "uint8")}
        made |= {f"truth_{place}": truth, f"prediction_{place}": np.zeros(size, "int16")}
    return made


def record(folder, seed=0, fold=None, per_class=None, file="masks/a.npz", **changes):
    fields = {
        "status": "ok",
        "kind": "model",
        "model": "unet",
        "preset": "small",
        "seed": seed,
        "dataset": "cells",
        "dataset_checksum": "ab",
        "task": "segmentation",
        "test_iou_image": 0.5,
        "image_shape": [16, 16, 1],
        "fold": fold,
        "masks_file": file,
        "test_per_class": per_class or dict.fromkeys(NAMES, CLASS),
        **changes,
    }
    (folder / "masks").mkdir(exist_ok=True)
    np.savez(folder / "masks/a.npz", **arrays())
    return schema.from_fields(fields | {"job_id": store.job_id(fields)})


def test_a_class_is_a_mean_over_records_and_its_objects_a_sum_over_folds(tmp_path):
    better = {**CLASS, "iou": 0.7, "objects": [6, 0, 0]}
    made = [
        record(tmp_path, fold="1/2"),
        record(tmp_path, fold="2/2", per_class=dict.fromkeys(NAMES, better)),
    ]
    (row,) = leaderboard_rows.rows(made)
    table = masks.per_class(row)
    assert [line[0] for line in table.lines] == list(NAMES)
    assert table.lines[1][1:] == (
        *("0.600", "0.667", "0.400", "0.300", "7.2"),
        *("10", "1", "2", "10"),
    )
    assert table.lines[0][6:9] == ("-", "-", "-")  # a background has no objects


def test_the_worst_image_is_first_and_says_what_is_wrong(tmp_path):
    (row,) = leaderboard_rows.rows([record(tmp_path)])
    shown = masks.of_row(tmp_path, row, in_card=False)
    first, second = shown.worst
    assert first.caption == (
        "b & c.png: mean IoU 0.383, lowest 0.000 of nerve; objects: 3 found, 1 missed, 0 invented."
    )
    assert second.caption.startswith("a.png: mean IoU 0.833")
    assert [title for title, _ in first.images] == ["image", "truth", "prediction", "errors"]
    assert [name for _, name in shown.classes] == list(NAMES[1:])


def test_errors_have_their_colours_and_void_its_stripes():
    made = arrays()
    made["prediction_0"][4, 10] = 1  # where nothing is
    made["prediction_0"][5, 5] = 1  # another class
    four = pictures.four(made, 0, 20)
    errors = np.asarray(Image.open(io.BytesIO(four["errors"]))) / 255
    for place, color in (
        ((4, 4), pictures.MISSED),
        ((4, 10), pictures.INVENTED),
        ((5, 5), pictures.CONFUSED),
    ):
        np.testing.assert_allclose(errors[place], color, atol=0.01)
    np.testing.assert_allclose(errors[8, 12], 1 - 0.35 + 0.35 * 100 / 255, atol=0.01)
    assert set(np.unique(errors[0].round(2))) == {0.45, 0.75}
    prediction = np.asarray(Image.open(io.BytesIO(four["prediction"])))
    np.testing.assert_array_equal(prediction[0, 0], [100, 100, 100])


def test_a_page_without_its_files_says_what_it_can(tmp_path):
    made = [record(tmp_path, file="masks/gone.npz"), record(tmp_path, 1, file="../out.npz")]
    for each in made:
        store.append(tmp_path / store.FILE_NAME, each)
    write.write(tmp_path)
    page = (tmp_path / write.PAGE).read_text()
    assert "vessel &lt;of&gt;" in page and "<of>" not in page
    assert 'class="four"' not in page


def test_a_page_of_masks_names_its_worst_images(tmp_path):
    store.append(tmp_path / store.FILE_NAME, record(tmp_path))
    write.write(tmp_path)
    page = (tmp_path / write.PAGE).read_text()
    assert page.index("b &amp; c.png") < page.index("a.png: mean")
    assert page.count('class="four"') == 4  # two in the section, two in the card


LAYOUT = """
  for (const fold of document.querySelectorAll('details')) fold.open = true;
  const images = [...document.querySelectorAll('.four img')];
  await Promise.all(images.map(image => image.decode()));
  found.width = document.documentElement.scrollWidth;
  found.images = images.map(image => image.getBoundingClientRect().height);
"""


@pytest.mark.slow
@browser.needs_browser
def test_long_names_and_tall_images_keep_their_place(tmp_path):
    store.append(tmp_path / store.FILE_NAME, record(tmp_path))
    made = arrays() | {"names": np.array(["a" * 150, "b"])}
    for part, values in (("image", np.zeros((300, 9, 3), "uint8")), ("truth", None)):
        made[f"{part}_0"] = np.zeros((300, 9), "int16") if values is None else values
    np.savez(tmp_path / "masks/a.npz", **made | {"prediction_0": made["truth_0"]})
    write.write(tmp_path)
    shown = (tmp_path / write.PAGE).read_text()
    frames = [browser.Frame(shown, width) for width in (390, 1280)]
    found, console = browser.look(tmp_path / "look", frames, LAYOUT)
    assert console == [] and [each["width"] for each in found] == [390, 1280]
    for each in found:
        assert len(each["images"]) == 16 and min(each["images"]) > 0
        assert max(each["images"]) <= 321
