"""The sentences at the end of a run: what is best and by how much, what is level, what is next."""

import pytest

from bench.leaderboard import rows as leaderboard_rows
from bench.records import schema
from bench.report import words


def make_records(model, values, kind="model", **changes):
    """Records of one model, a seed for each value."""
    return [
        schema.from_fields(
            {
                "job_id": f"{model}-{seed}",
                "status": "ok",
                "kind": kind,
                "model": model,
                "dataset": "digits",
                "image_shape": [8, 8, 1],
                "seed": seed,
                "epochs": 10,
                "latent_size": 4,
                "params_total": 1000 * len(model),
                "test_mse": value,
                **changes,
            }
        )
        for seed, value in enumerate(values)
    ]


def floor(value, latent_size=4, **changes):
    return make_records("pca", [value], "baseline", latent_size=latent_size, **changes)


def say(*groups):
    rows = leaderboard_rows.rows([record for group in groups for record in group])
    ((_, sentences),) = words.of_rows(rows)
    return sentences


GOOD = make_records("good", [0.010, 0.0101, 0.0099])
TWIN = make_records("bigger_twin", [0.0101, 0.0102, 0.01])
POOR = make_records("poor", [0.03, 0.031, 0.032])
FALLING = {"history": {"val_loss": [1.0, 0.8, 0.6, 0.5, 0.4]}}
SETTLED = {"history": {"val_loss": [1.0, 0.5, 0.41, 0.4, 0.4]}}


def test_the_best_is_named_with_its_distance_from_the_floor():
    best, *_ = say(GOOD, POOR, floor(0.02))
    assert best.startswith("Best is good: MSE 0.0100")
    assert "50 % below its floor, pca of 4 numbers (0.0200)" in best


def test_what_is_level_and_what_follows_is_said():
    assert "seeds: bigger_twin; then comes poor (0.0310" in say(GOOD, TWIN, POOR)[1]
    assert "No other model is level with it; next is poor" in say(GOOD, POOR)[1]
    assert say(GOOD)[1] == "No other model was measured beside it."


@pytest.mark.parametrize("value", [0.001, 0.02, 0.035, 0.057, 0.08])
def test_what_is_level_does_not_depend_on_where_a_floor_stands(value):
    """The intervals of the two, 0.03 +- 0.025 and 0.06 +- 0.015, overlap; the third's does not."""
    wide = make_records("wide", [0.02, 0.03, 0.04])
    near = make_records("near", [0.054, 0.06, 0.066])
    far = make_records("far", [0.089, 0.09, 0.091])
    _, level, _ = say(wide, near, far, floor(value))
    assert "intervals over seeds: near; then comes far" in level


def test_a_floor_that_wins_is_said_first_and_is_the_advice():
    best, _, advice = say(GOOD, floor(0.005))
    assert best.startswith("No model beats the floor pca of 4 numbers (0.00500)")
    assert "use pca of 4 numbers, which needs no training" in advice


def test_a_floor_within_the_interval_is_not_beaten():
    best, *_ = say(make_records("wide", [0.01, 0.02, 0.03]), floor(0.021))
    assert "no better than its floor, pca" in best


@pytest.mark.parametrize("latent_size", [64, 100, 5])
def test_a_code_that_is_exact_or_larger_than_the_models_is_no_floor(latent_size):
    best, *_ = say(GOOD, floor(0.0001, latent_size))
    assert best == "Best is good: MSE 0.01000 ± 0.00025."


@pytest.mark.parametrize(
    ("groups", "advice"),
    [
        ([make_records("good", [0.01, 0.0101], **FALLING)], "train longer (--epochs 20)"),
        ([make_records("good", [0.01, 0.0101], **SETTLED)], "python -m tuner search good"),
        ([make_records("good", [0.01])], "--seeds 3"),
        ([GOOD, POOR, floor(0.02)], "leave out poor"),
        ([GOOD, TWIN], "take good, the smallest (4.00 k parameters)"),
    ],
)
def test_what_to_do_next_is_what_is_most_pressing(groups, advice):
    assert advice in say(*groups)[2]


def test_a_loss_that_falls_below_zero_still_falls():
    curve = {"history": {"val_loss": [3.0, 0.5, -0.5, -1.0, -2.0]}}
    assert "train longer" in say(make_records("good", [0.01, 0.0101], **curve))[2]


def test_a_record_whose_epochs_are_not_known_has_its_advice():
    records = make_records("good", [0.01, 0.0101], epochs=None, **FALLING)
    assert "train longer (--epochs); the validation loss of good" in say(records)[2]


def test_higher_is_better_is_told_as_a_distance():
    values = {"task": "segmentation", "test_mse": None}
    records = [
        r for v in (0.8, 0.81) for r in make_records("unet", [0.1], **values, test_iou_image=v)
    ]
    records = [record | {"seed": n, "job_id": str(n)} for n, record in enumerate(records)]
    all_fore = make_records("all_foreground", [None], "baseline", **values, test_iou_image=0.3)
    best, *_ = say(records, all_fore)
    assert "0.51 above its floor, all_foreground" in best


def test_failures_alone_give_the_first_error():
    failed = make_records("huge", [None], status="failed", error="out of memory\nmore")
    assert say(failed) == ["No training succeeded. The first error: out of memory"]


def test_a_long_list_of_settings_is_cut_in_a_sentence():
    long = [
        *make_records("good", [0.01, 0.0101], model_config={"widths": list(range(40))}),
        *make_records("good", [0.02, 0.0201], model_config={"widths": [1]}),
    ]
    best, *_ = say([r | {"job_id": str(n)} for n, r in enumerate(long)])
    assert len(best) < 100
    assert best.count("(") == best.count(")")
    best, *_ = say(make_records("good", [0.01, 0.0101], preset="small_" * 20))
    assert best.count("(") == best.count(")")
