"""The command line on images of many sizes: trained on crops, used tile by tile."""

import csv

import numpy as np
import pytest

import zoo
from zoo.__main__ import main
from zoo.data import images

SIZES = [(16, 16), (40, 24), (15, 33), (24, 60), (8, 20)]
NUM_IMAGES = 10


def run(*arguments) -> int:
    return main([str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Light squares on dark ground, in five sizes, with void on the left edge."""
    folder, generator = tmp_path_factory.mktemp("pairs"), np.random.default_rng(0)
    for number in range(NUM_IMAGES):
        size = SIZES[number % len(SIZES)]
        mask = np.zeros(size, "uint8")
        top, left = (generator.integers(0, extent - 5) for extent in size)
        mask[top : top + 5, left : left + 5] = 1
        images.write_png(folder / "images" / f"{number}.png", (mask * 150 + 40).astype("uint8"))
        mask[:, 0] = 255
        images.write_png(folder / "masks" / f"{number}.png", mask)
    return folder


CROPPED = ("--crop", "16x16", "--crops-per-image", 2, "--epochs", 1, "--batch-size", 10)


@pytest.fixture(scope="module")
def unet(pairs):
    path = pairs.parent / "unet.keras"
    settings = ("--set", "widths=(2,4)", "class_weights=balanced", "--ignore-label", 255)
    assert run("train", "unet", pairs, "--output", path, *CROPPED, *settings) == 0
    return path


def test_images_of_five_sizes_train_and_are_segmented_in_their_own(unet, pairs, tmp_path, capsys):
    model = zoo.load(unet)
    assert model.image_shape == (16, 16, 1) and model.ignore_label == 255
    assert (model.card.crop, model.card.resize) == ((16, 16), None)
    low, high = model.class_balance.numpy()
    assert 0 < low < 1 < high  # the square is rare
    assert run("segment", unet, pairs / "images", "--output", tmp_path / "out") == 0
    for number, size in enumerate(SIZES):
        image = images.read(pairs / "images" / f"{number}.png")
        written = images.read_mask(tmp_path / "out/masks" / f"{number}.png")
        assert written.shape == size == images.size_of(tmp_path / "out/overlays" / f"{number}.png")
        np.testing.assert_array_equal(written, model.predict_large(image) * 255)


def test_another_tile_and_views_come_with_a_map_of_doubt(unet, pairs, tmp_path):
    options = ("--tile", 24, "--overlap", 0.5, "--views", "turns", "--output", tmp_path / "out")
    assert run("segment", unet, pairs / "images", *options) == 0
    image = images.read(pairs / "images/1.png")
    mask, doubt = zoo.load(unet).predict_large(image, 24, 0.5, views="turns", with_deviation=True)
    written = images.read_mask(tmp_path / "out/masks/1.png")
    assert (written / 255 == mask).mean() > 0.999  # a place may lie at the threshold
    shown = images.read(tmp_path / "out/doubts/1.png")[..., 0]
    np.testing.assert_allclose(shown, 2 * doubt, atol=1 / 255)


def test_autoencoders_train_on_crops_and_score_and_repair_whole_images(pairs, tmp_path):
    path = tmp_path / "m.keras"
    settings = ("--preset", "tiny", "--validation-split", 0.3)
    folder = pairs / "images"
    assert run("train", "autoencoder", folder, "--output", path, *CROPPED, *settings) == 0
    model = zoo.load(path)
    assert model.card.threshold > 0
    maps = ("--output", tmp_path / "s.csv", "--maps", tmp_path / "maps")
    assert run("score", path, folder, *maps) == 0
    assert run("reconstruct", path, folder, "--output", tmp_path / "r") == 0
    image = images.read(folder / "1.png")
    with (tmp_path / "s.csv").open(newline="") as file:
        rows = {row["file"]: float(row["score"]) for row in csv.DictReader(file)}
    expected = model.predict_large(image, method="score_map").mean()
    assert rows["1.png"] == pytest.approx(expected, rel=1e-4)
    for number, size in enumerate(SIZES):
        for place in ("maps", "r"):
            assert images.size_of(tmp_path / place / f"{number}.png") == size


def test_a_threshold_judges_scores_that_were_made_alike(pairs, tmp_path, capsys):
    """Those on tiles, or over views, are others: of resized images it would flag any share."""
    path, folder = tmp_path / "m.keras", pairs / "images"
    settings = ("--preset", "tiny", "--validation-split", 0.3, "--epochs", 1, "--resize", "16x16")
    assert run("train", "autoencoder", folder, "--output", path, *settings) == 0

    def columns(*options):
        output = tmp_path / "s.csv"
        assert run("score", path, folder, "--output", output, "--overwrite", *options) == 0
        with output.open(newline="") as file:
            return next(csv.reader(file))[2:]

    judged, tiles = ["p_value", "is_anomaly"], ("--tile", 16)
    assert columns() == judged
    capsys.readouterr()
    for options, how in (
        (tiles, "on tiles of 16x16"),
        (("--views", "flips"), "averaged over flips"),
    ):
        assert columns(*options) == []
        said = " ".join(capsys.readouterr().out.split())
        assert "left out: the model's threshold" in said and f"these are {how}" in said
    assert columns(*tiles, "--threshold", 0.1) == ["is_anomaly"]
    capsys.readouterr()
    (tmp_path / "normals").mkdir()
    for number in range(2):
        image = images.read(folder / f"{number}.png")
        images.write_png(tmp_path / "normals" / f"{number}.png", image)
    assert columns(*tiles, "--normals", tmp_path / "normals", "--keep") == judged
    assert zoo.load(path).card.scored == "on tiles of 16x16"
    capsys.readouterr()
    assert columns(*tiles, "--overlap", 0.5) == judged
    assert "left out: the model's" not in capsys.readouterr().out
    assert columns() == []
    assert "scores on tiles of 16x16" in " ".join(capsys.readouterr().out.split())


def test_objects_are_labelled_and_listed(unet, pairs, tmp_path, monkeypatch):
    squares = np.zeros((40, 24), "uint8")
    squares[2:8, 2:8] = squares[20:30, 5:15] = 1

    def to_masks(self, probabilities, threshold=0.5):
        return squares[: probabilities.shape[0], : probabilities.shape[1]]

    monkeypatch.setattr("zoo.models.unet.UNet.to_masks", to_masks)
    images.write_png(tmp_path / "in/a.png", squares * 200)
    options = ("--tile", 40, "--instances", "--output", tmp_path / "out")
    assert run("segment", unet, tmp_path / "in", *options) == 0
    with (tmp_path / "out/objects.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["area"], row["row"], row["column"], row["top"]) for row in rows] == [
        ("36", "4.50", "4.50", "2"),
        ("100", "24.50", "9.50", "20"),
    ]
    labels = images.read_mask(tmp_path / "out/labels/a.png")
    assert labels[3, 3] == 1 and labels[25, 10] == 2 and labels.max() == 2


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("train", "unet", "PAIRS", "--output", "x.keras", "--crops-per-image", 3), "needs --crop"),
        (("train", "unet", "PAIRS", "--output", "x.keras"), "images must have one size"),
        (("segment", "UNET", "IMAGES", "--output", "out", "--tile", "15"), "divisible"),
        (("segment", "UNET", "IMAGES", "--output", "out", "--overlap", "1"), "--overlap must be"),
        (
            ("train", "conditional_vae", "PAIRS", "--output", "x.keras", "--crop", "8x8"),
            "masks|class|labels",
        ),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(
    unet, pairs, tmp_path, monkeypatch, capsys, arguments, text
):
    monkeypatch.chdir(tmp_path)
    known = {"PAIRS": pairs, "IMAGES": pairs / "images", "UNET": unet}
    assert run(*(known.get(each, each) for each in arguments)) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and any(word in error for word in text.split("|"))
    assert not list(tmp_path.iterdir())
