"""Pictures and tables of anomalies, from records and files that are made."""

import io

import numpy as np
import pytest
from PIL import Image

from bench.leaderboard import rows as leaderboard_rows
from bench.records import schema, store
from bench.report import anomaly_tables
from bench.report.plots import anomaly as anomaly_plots
from bench.report.plots import anomaly_maps


def make(model="upae", normal_class=None, seed=0, auroc=0.9, **changes):
    fields = {
        "status": "ok",
        "kind": "model",
        "model": model,
        "preset": "small",
        "model_config": {"latent_dim": 8},
        "dataset": "fashion_mnist",
        "dataset_checksum": "ab",
        "task": "anomaly",
        "seed": seed,
        "normal_class": normal_class,
        "normal_class_name": None if normal_class is None else f"class {normal_class}",
        "num_classes": None if normal_class is None else 10,
        "test_auroc": auroc,
        "test_mse": 0.01,
        "score_name": "squared_error",
        "scores": {"squared_error": {"auroc": auroc}, "latent_distance": {"auroc": 1 - auroc}},
        **changes,
    }
    return schema.from_fields(fields | {"job_id": store.job_id(fields)})


def in_turn(classes, model="upae", seeds=(0,), shift=0.0):
    return [
        make(model, label, seed, 0.8 + label / 100 + seed / 1000 + shift)
        for seed in seeds
        for label in classes
    ]


class TestRows:
    def test_a_seed_s_value_is_the_mean_over_classes(self):
        (row,) = leaderboard_rows.rows(in_turn(range(10), seeds=(0, 1, 2)))
        assert row.ranked_by == "auroc"
        assert row.quality["auroc"].mean == pytest.approx(0.845 + 0.001)
        assert row.quality["auroc"].num == row.num_seeds == 3
        # The classes differ by 0.09, the seeds by 0.002: the interval is over seeds alone.
        half = leaderboard_rows.half_width(row.quality["auroc"])
        assert half == pytest.approx(4.303 * 0.001 / np.sqrt(3), rel=1e-3)
        assert row.seeds == (0, 1, 2)
        assert (row.detail, row.table) == ("", "fashion_mnist, one class")

    def test_missing_classes_are_named(self):
        (row,) = leaderboard_rows.rows(in_turn([0, 4, 7]))
        assert row.name == "upae small"  # the table names the classes, once for all rows
        assert row.table == "fashion_mnist, normal: class 0, class 4, class 7"

    def test_other_classes_are_another_table(self):
        """A mean over easy classes is not better than one over all."""
        rows = leaderboard_rows.rows([*in_turn([8, 9], "vae"), *in_turn(range(10), "upae")])
        assert [row.rank for row in rows] == [1, 1]
        assert len({row.table for row in rows}) == 2

    def test_a_seed_that_is_not_through_is_left_out(self):
        (row,) = leaderboard_rows.rows([*in_turn(range(10)), *in_turn([0, 1], seeds=(1,))])
        assert row.num_seeds == 1
        assert row.quality["auroc"].mean == pytest.approx(0.845)
        assert row.detail == ""

    def test_higher_is_better_also_among_baselines_alone(self):
        made = [
            make("pca", auroc=a, latent_size=k, kind="baseline") for a, k in ((0.7, 4), (0.8, 8))
        ]
        rows = leaderboard_rows.rows(made)
        assert [row["latent_size"] for row in rows] == [8, 4]
        assert [row.rank for row in rows] == [1, 2]

    def test_below_a_half_stays(self):
        (row,) = leaderboard_rows.rows([make(auroc=0.1)])
        assert row.quality["auroc"].mean == pytest.approx(0.1)


class TestTables:
    def test_by_class_beside_what_is_published(self):
        (table,) = anomaly_tables.per_class(in_turn(range(10), seeds=(0, 1)))
        classes = (f"class {n}" for n in range(10))
        assert table.head == ("normal class", *classes, "mean", "parameters", "s")
        lines = {line[0]: line[1:-2] for line in table.lines}
        assert lines["upae small"][0] == "0.8005"
        assert lines["upae small"][-1] == "0.8455"
        pca = lines["PCA-32, published"]
        assert pca[-1] == f"{np.mean([float(value) for value in pca[:-1]]):.4f}" == "0.9051"
        assert lines["convolutional VAE, published"] == ("-", "0.9800", *["-"] * 9)
        assert any("5 seeds" in note for note in table.notes)

    def test_of_some_classes_there_is_no_published_mean(self):
        (table,) = anomaly_tables.per_class(in_turn([0, 1]))
        lines = {line[0]: line[1:-2] for line in table.lines}
        assert lines["PCA-32, published"] == ("0.8965", "0.9853", "-")

    def test_floors_are_on_top_and_costs_at_the_end(self):
        made = in_turn(range(10))
        made = [record | {"params_total": 1234, "train_seconds": 2.5} for record in made]
        floors = [
            record
            | {"kind": "baseline", "model": "pca", "preset": None, "test_auroc": 0.1}
            | {"job_id": f"floor {record.config.normal_class}"}
            for record in made
        ]
        (table,) = anomaly_tables.per_class([*made, *floors])
        assert [line[0] for line in table.lines[:2]] == ["pca", "upae small"]
        assert table.lines[0][-2:] == ("1,234", "")
        assert table.lines[1][-2:] == ("1,234", "2.5")

    def test_by_score(self):
        (table,) = anomaly_tables.by_score(in_turn(range(10)))
        assert table.head == ("score", "squared error", "latent distance")
        assert table.lines == (("upae small", "0.8450 *", "0.1550"),)

    def test_by_kind(self):
        made = [make(seed=s, test_auroc_by_group={"scratch": 0.7 + s / 10}) for s in (0, 1)]
        (table,) = anomaly_tables.by_group(made)
        assert table.lines == (("upae small", "0.7500"),)

    def test_markdown_is_a_table(self):
        lines = anomaly_tables.markdown(in_turn(range(10))).splitlines()
        head = next(line for line in lines if line.startswith("| normal class"))
        assert head.count("|") == 15
        assert lines[lines.index(head) + 1].count("|") == 15

    def test_nothing_without_anomalies(self):
        other = make() | {"task": "reconstruction", "test_auroc": None, "scores": None}
        assert anomaly_tables.all_of([other]) == []
        assert anomaly_tables.markdown([other]) == ""


def write_file(folder, name, shape=(8, 8, 1), **changes):
    generator = np.random.default_rng(0)
    images = generator.random((6, *shape), dtype="float32")
    labels = np.arange(200) % 2
    arrays = {
        "inputs": images,
        "reconstructions": images[::-1],
        "squared_errors": images[..., 0],
        "score_maps": images[..., 0],
        "uncertainties": images[..., 0],
        "masks": (images[..., 0] > 0.8).astype("uint8"),
        "is_anomaly": np.array([0, 0, 0, 1, 1, 1]),
        "names": np.array(["normal", "normal", "normal", "a_b", "c", "d"]),
        "pixel_limit": np.array(0.5),
        "labels": labels,
        "scores": generator.random(200) + labels,
        "held_out": generator.random(50),
        "threshold": np.array(0.9),
        **changes,
    }
    np.savez(folder / name, **{key: value for key, value in arrays.items() if value is not None})
    return name


def size_of(draw, *arguments):
    target = io.BytesIO()
    drawn = draw(*arguments, target)
    return Image.open(target).size if drawn else None


class TestPictures:
    @pytest.mark.parametrize("shape", [(8, 8, 1), (8, 8, 3), (20, 1)])
    @pytest.mark.parametrize("without", [(), ("uncertainties", "masks")])
    def test_maps(self, tmp_path, shape, without):
        name = write_file(tmp_path, "a.npz", shape, **dict.fromkeys(without))
        size = size_of(anomaly_maps.score_maps, tmp_path, [make(anomaly_file=name)])
        assert min(size) > 400

    def test_uncertainty_is_a_line_of_its_own(self, tmp_path):
        whole = write_file(tmp_path, "a.npz")
        plain = write_file(tmp_path, "b.npz", uncertainties=None)
        heights = [
            size_of(anomaly_maps.score_maps, tmp_path, [make(anomaly_file=name)])[1]
            for name in (whole, plain)
        ]
        assert heights[0] > heights[1]

    def test_curves_and_histograms(self, tmp_path):
        name = write_file(tmp_path, "a.npz")
        made = [record | {"anomaly_file": name} for record in in_turn(range(10))]
        assert size_of(anomaly_plots.curves, tmp_path, made)
        ten = size_of(anomaly_plots.score_histograms, tmp_path, made)
        one = size_of(anomaly_plots.score_histograms, tmp_path, [make(anomaly_file=name)])
        assert ten[0] > one[0]

    def test_scores_below_zero(self, tmp_path):
        scores = np.linspace(-3, 1, 200)
        name = write_file(tmp_path, "a.npz", scores=scores)
        assert size_of(anomaly_plots.score_histograms, tmp_path, [make(anomaly_file=name)])

    @pytest.mark.parametrize("file", [None, "missing.npz", "../outside.npz"])
    def test_nothing_to_draw(self, tmp_path, file):
        made = [make(anomaly_file=file)]
        for draw in (
            anomaly_maps.score_maps,
            anomaly_plots.score_histograms,
            anomaly_plots.curves,
        ):
            assert size_of(draw, tmp_path, made) is None

    def test_precision_and_rates_by_hand(self):
        from bench.metrics import anomaly

        counts = anomaly.curve(np.array([1, 0, 1, 0]), np.array([4.0, 3.0, 2.0, 1.0]))
        precision, found = anomaly_plots._precision(counts), anomaly_plots._roc(counts)
        half = len(precision) // 2
        np.testing.assert_allclose([precision[1], precision[half]], 1.0)
        np.testing.assert_allclose([precision[half + 1], precision[-1]], 2 / 3)
        # From no false alarm up to one of two: one of two anomalies; then all of them.
        np.testing.assert_allclose([found[1], found[half - 1]], 0.5, atol=1e-9)
        np.testing.assert_allclose(found[-1], 1.0)


@pytest.mark.parametrize("shift", [0.0, -3.0, -0.4])
def test_a_score_map_is_drawn_from_its_lowest(tmp_path, shift):
    """Logarithms of likelihoods lie below 0, and so may what 1 % of normal pixels exceed."""
    scores = np.linspace(0, 1, 6 * 64).reshape(6, 8, 8)
    changes = {"score_maps": scores + shift, "pixel_limit": np.array(0.5 + shift)}
    record = make(anomaly_file=write_file(tmp_path, "a.npz", **changes))
    drawn = anomaly_maps._load_maps(tmp_path, record)["score_maps"]
    np.testing.assert_allclose(drawn, 2 * scores, rtol=1e-6)
