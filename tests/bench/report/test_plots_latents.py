"""The picture of the codes."""

import io

import numpy as np
import pytest
from matplotlib.image import imread
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness

from bench.errors import BenchError
from bench.records import schema
from bench.report.plots import latents


@pytest.fixture
def generator():
    return np.random.default_rng(0)


def record_of(name="a", **fields):
    full = {
        "job_id": name,
        "status": "ok",
        "kind": "model",
        "model": f"model_{name}",
        "dataset": "made",
        "seed": 0,
        "codes_file": f"codes/{name}.npz",
    }
    return schema.from_fields(full | fields)


def keep(folder, name="a", num=60, size=5, labels=None, names=("one", "two", "three"), **arrays):
    (folder / "codes").mkdir(exist_ok=True)
    labels = np.arange(num) % 3 if labels is None else labels
    codes = np.random.default_rng(1).standard_normal((num, size)).astype("float32")
    found = {"codes": codes, "labels": labels, "class_names": np.array(names, dtype=str)}
    np.savez(folder / "codes" / f"{name}.npz", **(found | arrays))


def test_pca_is_scikit_learns(generator):
    codes = generator.standard_normal((40, 6)) * [5, 1, 1, 3, 1, 1] + 7
    points, share = latents.project(codes)
    expected = PCA(2).fit(codes)
    np.testing.assert_allclose(np.abs(points), np.abs(expected.transform(codes)), atol=1e-8)
    assert share == pytest.approx(expected.explained_variance_ratio_.sum())


def test_pca_of_a_code_of_one_or_two_numbers_keeps_distances(generator):
    for size in (1, 2):
        codes = generator.standard_normal((20, size))
        points, share = latents.project(codes)
        lengths = np.linalg.norm(codes[:, None] - codes, axis=-1)
        np.testing.assert_allclose(np.linalg.norm(points[:, None] - points, axis=-1), lengths)
        assert share == pytest.approx(1)


def test_equal_codes_are_one_point():
    points, share = latents.project(np.ones((10, 4)))
    np.testing.assert_allclose(points, 0)
    assert share == 1


def test_t_sne_keeps_neighbours_and_obeys_its_perplexity(generator):
    codes = generator.standard_normal((90, 8)) + 12 * np.eye(8)[np.arange(90) % 3]
    points, share = latents.project(codes, "t_sne", 10)
    assert share is None
    assert trustworthiness(codes, points, n_neighbors=10) > 0.85
    again, _ = latents.project(codes, "t_sne", 10)
    np.testing.assert_array_equal(points, again)
    other, _ = latents.project(codes, "t_sne", 40)
    assert np.abs(points - other).max() > 1


def test_what_does_not_fit_is_refused(tmp_path, generator):
    codes = generator.standard_normal((20, 4))
    with pytest.raises(BenchError, match="less than the 20 images"):
        latents.project(codes, "t_sne", 20)
    for perplexity in (0, -1, float("inf")):
        with pytest.raises(BenchError, match="perplexity must be a number > 0"):
            latents.codes(tmp_path, [], tmp_path / "none.png", perplexity=perplexity)
    with pytest.raises(BenchError, match="method must be one of pca, t_sne"):
        latents.codes(tmp_path, [], tmp_path / "none.png", method="umap")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_picture_has_the_colours_of_the_classes(tmp_path, theme):
    keep(tmp_path)
    target = io.BytesIO()
    assert latents.codes(tmp_path, [record_of()], target, theme)
    target.seek(0)
    pixels = imread(target)[..., :3].reshape(-1, 3)
    is_light = pixels[0].mean() > 0.5
    assert is_light == (theme == "light")
    for colour in latents._palette(3, theme):
        rgb = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
        assert (np.abs(pixels - rgb).max(axis=1) < 0.02).sum() > 20  # the legend's at least


def test_a_panel_for_each_model_and_none_for_failures(tmp_path):
    for name in "abcd":
        keep(tmp_path, name)
    heights = []
    for names in ("abc", "abcd"):
        target = io.BytesIO()
        found = [record_of(name) for name in names] + [record_of("a", model="b", status="failed")]
        assert latents.codes(tmp_path, found, target)
        target.seek(0)
        heights.append(imread(target).shape[0])
    assert heights[1] > 1.5 * heights[0]  # a second line


def test_codes_without_labels_and_of_many_classes_are_drawn(tmp_path):
    keep(tmp_path, "a", labels=np.zeros(0, "int64"), names=())
    keep(tmp_path, "b", labels=np.arange(60) % 30, names=[f"class {k}" for k in range(30)])
    for name in "ab":
        assert latents.codes(tmp_path, [record_of(name)], tmp_path / f"{name}.png")
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_the_same_records_give_the_same_picture(tmp_path):
    keep(tmp_path)
    pictures = [io.BytesIO(), io.BytesIO()]
    for target in pictures:
        latents.codes(tmp_path, [record_of()], target, method="t_sne", perplexity=5)
    assert pictures[0].getvalue() == pictures[1].getvalue()


@pytest.mark.parametrize(
    "damage",
    [
        {"codes": np.zeros((60, 0), "float32")},
        {"codes": np.full((60, 2), np.nan)},
        {"codes": np.zeros(60)},
        {"labels": np.zeros(59, "int64")},
        {"labels": np.array(["a"] * 60)},
        {"labels": np.full(60, -1)},
    ],
)
def test_damaged_files_are_left_out(tmp_path, damage):
    keep(tmp_path, **damage)
    assert not latents.codes(tmp_path, [record_of()], tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()


def test_missing_files_are_left_out(tmp_path):
    keep(tmp_path)
    for name in (None, "codes/none.npz", "../a.npz"):
        assert not latents.codes(tmp_path, [record_of(codes_file=name)], tmp_path / "none.png")
