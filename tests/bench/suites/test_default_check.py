"""The default check: what it calls a failure, and that a command goes on where it stopped."""

import json

import numpy as np
import pytest

import zoo
from bench.suites import default_check, default_table


def record(model="vae", seed=0, mse=0.02, **changes):
    return {
        "model": model,
        "seed": seed,
        "updates": 235,
        "mse": mse,
        "mse_of_mean": 0.1,
        "dead_pixels": 0.0,
        "num_units": 16,
        "active_units": 9,
        **changes,
    }


@pytest.mark.parametrize(
    ("records", "failures"),
    [
        ([record(), record(seed=1)], []),
        ([record(mse=0.041), record(seed=1, mse=0.04)], ["error at 41% of the mean image's"]),
        ([record(mse=0.02), record(seed=1, mse=0.025)], ["seeds 22% apart"]),
        ([record(active_units=0)], ["one code for all images"]),
        ([record(dead_pixels=0.3)], ["30% of the pixels are dead"]),
        ([record(mse=float("nan"))], ["error at nan% of the mean image's", "seeds nan% apart"]),
    ],
)
def test_verdict(records, failures):
    (verdict,) = default_table.verdicts(records)
    assert verdict.failures == failures


def test_table_sets_an_earlier_check_beside_this_one():
    now = default_table.verdicts([record(mse=0.02), record("unet", mse=0.01)])
    before = default_table.verdicts([record(mse=0.08, active_units=0)])
    lines = default_table.markdown(now, before).splitlines()
    assert lines[2] == "| `unet` | 235 | 1 |  |  |  | 0.0100 | 10% |  | 9 of 16 | learns |"
    assert "| 1 | 0.0800 |  | 0 of 16 | 0.0200 |" in lines[3]
    more = default_table.verdicts([record(mse=0.08), record(seed=1, mse=0.06)])
    assert "| 1 (before: 2) | 0.0700 | 29% |" in default_table.markdown(now, more)


def test_what_is_done_is_not_done_again(tmp_path, monkeypatch, capsys):
    images = np.random.default_rng(0).random((20, 28, 28, 1), dtype="float32")
    labels = np.arange(20) % 10
    monkeypatch.setattr(default_check, "garments", lambda: [(images, labels), (images, labels)])
    monkeypatch.setattr(default_check, "EPOCHS", 1)
    file = tmp_path / "check.jsonl"
    file.write_text(json.dumps(record("autoencoder", 0)) + "\n")
    options = ["--models", "autoencoder", "--seeds", "0", "1", "--output", str(file)]
    assert default_check.main(options) == 1  # one epoch of 20 images teaches nothing
    done = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(each["seed"], each["updates"]) for each in done] == [(0, 235), (1, 47)]
    assert "of the mean image's" in capsys.readouterr().out
    assert default_check.main(options) == 1
    assert len(file.read_text().splitlines()) == 2


def test_choices_with_defaults_of_their_own_are_models():
    """Each differs from the model's default, so that the check trains something else."""
    for label, (name, arguments) in default_check.VARIANTS.items():
        model = zoo.create(name, (8, 8, 1), **arguments)
        plain = zoo.create(name, (8, 8, 1))
        for argument, value in arguments.items():
            assert label == f"{name} {argument}={value}"
            assert getattr(model, argument) == value != getattr(plain, argument)
