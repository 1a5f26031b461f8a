"""One ranking over several data sets: who is in it, and what it can say."""

import numpy as np
import pytest

from bench.errors import BenchError
from bench.leaderboard import across
from bench.records import schema, store
from bench.report import ranking as shown


def records_of(data, values, **changes):
    """A record for each model and seed on a data set: `{model: [mse of seed 0, ...]}`."""
    found = []
    for model, of_seeds in values.items():
        for seed, value in enumerate(of_seeds):
            fields = {
                "status": "ok" if value is not None else "failed",
                "kind": "baseline" if model == "pca" else "model",
                "model": model,
                "preset": None if model == "pca" else "small",
                "latent_size": 8 if model == "pca" else None,
                "seed": seed,
                "dataset": data,
                "dataset_checksum": data,
                "task": "reconstruction",
                "model_config": {},
                "epochs": 10 + len(data),
                "test_mse": value,
                **changes,
            }
            found.append(schema.from_fields(fields | {"job_id": store.job_id(fields)}))
    return found


THREE = [
    *records_of("a", {"vae": [0.1, 0.2], "sparse": [0.3], "pca": [0.05], "upae": [0.9]}),
    *records_of("bb", {"vae": [4.0], "sparse": [2.0], "pca": [1.0]}),
    *records_of("ccc", {"vae": [0.5], "sparse": [1.0], "pca": [0.5], "upae": [None]}),
]


def test_the_models_that_all_data_sets_have_are_ranked():
    found = across.rank(THREE)
    assert (found.metric, found.sets) == ("mse", ("a", "bb", "ccc"))
    assert found.models == ("vae small", "sparse small")
    np.testing.assert_allclose(found.values, [[0.15, 0.3], [4, 2], [0.5, 1]])
    np.testing.assert_allclose([m.mean for m in found.mean_ranks], [4 / 3, 5 / 3])
    np.testing.assert_allclose(found.ratios, [[1, 2], [2, 1], [1, 2]])
    assert found.missing == (("upae small", "not on bb, failed on ccc"),)
    assert found.friedman is None
    assert not found.different
    words = " ".join(shown.sentences(found))
    assert "2 models on 3 data sets, by MSE: a, bb and ccc." in words
    assert "the smallest p that Wilcoxon can give is 0.25. It takes 6 data sets" in words
    assert "1 model, upae small (not on bb, failed on ccc)" in words


def test_closed_forms_are_ranked_where_they_are_asked_for():
    found = across.rank(THREE, with_baselines=True)
    assert found.models[0] == "pca"
    assert found.baselines == (True, False, False)
    np.testing.assert_allclose(found.ranks, [[1, 2, 3], [1, 3, 2], [1.5, 1.5, 3]])
    assert found.friedman.is_exact
    assert found.cliques == [(0, 2)]  # three data sets show nothing


def test_many_data_sets_that_agree_tell_all_models_apart():
    records = [
        record
        for number in range(8)
        for record in records_of(
            f"data{number}", {"vae": [1 + number], "sparse": [2.2 + number], "upae": [4.1 + number]}
        )
    ]
    found = across.rank(records)
    assert found.models == ("vae small", "sparse small", "upae small")
    assert len(found.different) == 3
    assert found.cliques == []
    assert "3 of 3 pairs differ: vae small before sparse small (p 0.023)" in " ".join(
        shown.sentences(found)
    )


def test_a_metric_of_which_more_is_better():
    records = [
        *records_of("a", {"vae": [1.0], "sparse": [1.0]}, test_ssim=0.5),
        *records_of("b", {"vae": [1.0]}, test_ssim=0.9),
        *records_of("b", {"sparse": [1.0]}, test_ssim=0.8),
    ]
    found = across.rank(records, "ssim")
    assert found.models[0] == "vae small"
    np.testing.assert_allclose(found.ratios, [[1, 1], [1, 2]])


def test_rows_of_one_model_are_told_apart_by_their_setting():
    records = [
        record
        for data in ("a", "b")
        for epochs in (1, 2)
        for record in records_of(data, {"vae": [epochs]}, epochs=epochs)
    ]
    found = across.rank(records)
    assert found.models == ("vae small (epochs=1)", "vae small (epochs=2)")


def test_levels_of_what_a_run_varies_are_one_data_set():
    levels = [
        record
        for share in (0.0, 0.1)
        for record in records_of(
            "a",
            {"vae": [0.1], "sparse": [0.3]},
            contamination=share,
            normal_class=0,
            test_auroc=0.9,
        )
    ]
    found = across.rank([*levels, *THREE[5:]], metric="mse")
    assert found.sets == ("a, one class", "bb", "ccc")
    with pytest.raises(BenchError, match="at least two data sets"):
        across.rank(levels)


def test_data_sets_of_one_name_are_counted_and_said():
    records = [
        *records_of("a", {"vae": [1.0], "sparse": [2.0]}),
        *records_of("a", {"vae": [1.0], "sparse": [2.0]}, dataset_checksum="other"),
    ]
    found = across.rank(records)
    assert found.sets == ("a [a]", "a [other]")
    assert "here is a 2 times" in " ".join(found.notes)


@pytest.mark.parametrize(
    ("records", "metric", "message"),
    [
        (THREE[:5], None, "at least two data sets. Received: only a"),
        ([], None, "no model that ended"),
        (THREE, "mses", "--metric must be one of"),
        (THREE, "ssim", "at least two models must be on all 3 data sets with SSIM"),
        (
            [*records_of("a", {"vae": [1.0]}), *records_of("b", {"sparse": [1.0]})],
            None,
            "Received: 0. vae small: not on b; sparse small: not on a.",
        ),
        (
            [
                *records_of("a", {"vae": [1.0], "sparse": [1.0]}),
                *records_of(
                    *("b", {"vae": [1.0], "sparse": [1.0]}), task="anomaly", test_auroc=0.5
                ),
            ],
            None,
            "Received: a by MSE and b by AUROC",
        ),
    ],
)
def test_what_cannot_be_ranked_is_refused(records, metric, message):
    with pytest.raises(BenchError) as caught:
        across.rank(records, metric)
    assert message in str(caught.value)
