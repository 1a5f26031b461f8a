"""The table of diagnoses says of made-up trainings what they were made to be."""

import pytest

from bench.leaderboard import rows
from bench.records import schema, store
from bench.report import diagnosis

FLOOR = 0.08  # MSE of the mean image


def finding(code, severity="warning", layer=None):
    text = f"{code} it is | so"
    return {"code": code, "severity": severity, "layer": layer, "number": 1.0, "text": text}


def training(seed=0, loss=(0.1, 0.02), mse=0.02, changes=(0.1, 0.6), findings=(), **changed):
    """A record of a training; `health` is what `diagnostics.from_check` returns."""
    made = {
        "kind": "model",
        "status": "ok",
        "task": "reconstruction",
        "dataset": "made_up",
        "model": "autoencoder",
        "preset": "tiny",
        "model_config": {},
        "arguments": {},
        "seed": seed,
        "history": {"loss": list(loss)},
        "test_mse": mse,
        "diagnostics": {
            "findings": list(findings),
            "layer_changes": {f"layer{n}": change for n, change in enumerate(changes)},
        },
    }
    record = made | changed
    return schema.from_fields(record | {"job_id": store.job_id(record)})


def floor():
    return training(kind="baseline", model="mean_image", preset=None, mse=FLOOR, diagnostics=None)


def cells(*found):
    """The cells of the only model."""
    _, _, line = diagnosis.markdown(rows.rows([*found, floor()])).splitlines()
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_good_training():
    found = cells(training(0), training(1, loss=(0.3, 0.06), mse=0.04, changes=(0.2, 1.5)))
    assert found == [
        "autoencoder tiny",
        "2",
        "yes: 0.2 to 0.04 (-80%)",  # means of both seeds
        "yes: by 10% to 150%",  # the least and the most of both
        "yes: 62% of the variance (MSE 0.0300)",  # 1 - 0.03 / 0.08
        "nothing found",
    ]


@pytest.mark.parametrize(
    ("changed", "column", "text"),
    [
        ({"loss": (0.1, 0.1)}, 2, "no: 0.1 to 0.1 (+0%)"),
        ({"loss": (0.1, 0.25)}, 2, "yes: 0.1 to 0.25 (+150%)"),
        ({"loss": (0.1,)}, 2, "not known"),
        ({"changes": (0.0, 0.0)}, 3, "no: by 0% to 0%"),
        ({"changes": (0.0, 0.3)}, 3, "in part: by 0% to 30%"),
        ({"changes": (None,)}, 3, "not known"),
        ({"mse": 0.079}, 4, "no: no more than the mean image (MSE 0.0790)"),
        ({"mse": 0.16}, 4, "no: worse than the mean image (MSE 0.1600)"),
        ({"diagnostics": None}, 5, "not known"),
    ],
)
def test_what_went_wrong(changed, column, text):
    assert cells(training(**changed))[column] == text


def test_findings_are_in_order_and_name_their_seeds():
    first = [finding("noted", "note"), finding("rare"), finding("often")]
    second = [finding("often"), finding("fatal", "error", "encoder/conv1")]
    text = cells(training(0, findings=first), training(1, findings=second))[-1]
    assert text == (
        "`encoder/conv1`: fatal it is / so (seed 1); often it is / so; rare it is / so (seed 0); "
        "and 1 more"
    )
    assert cells(training(findings=first[:1]))[-1] == "noted it is / so"
    many = [finding(f"number{n}") for n in range(5)]
    assert cells(training(findings=many))[-1].endswith("; and 2 more")


def test_without_a_mean_image_the_share_is_not_known():
    line = diagnosis.markdown(rows.rows([training()])).splitlines()[-1]
    assert "| not known |" in line
