"""The texture check: patches that do not overlap between training and test, and its table."""

import numpy as np

from bench.suites import texture_check, texture_table


def test_patches_to_train_on_and_to_test_with_come_from_two_halves(monkeypatch):
    ramp = np.tile(np.arange(100, dtype="float32"), (70, 1))
    monkeypatch.setattr(texture_check, "photograph", lambda name: ramp)
    train, test = texture_check.patches("ramp", 16, 0)
    assert train.shape == (60, 16, 16, 1)
    assert test.shape == (40, 16, 16, 1)
    assert train.max() < 50 <= test.min()
    assert len({patch.tobytes() for patch in train}) > 20
    np.testing.assert_array_equal(train, texture_check.patches("ramp", 16, 0)[0])


def test_the_table_has_means_over_seeds_and_textures():
    records = [
        {"texture": texture, "size": 32, "seed": seed, "auroc": auroc, "floor": 0.5}
        for texture, values in {"brick": (0.9, 1.0), "grass": (0.8, 0.8)}.items()
        for seed, auroc in enumerate(values)
    ]
    text = texture_table.markdown(records)
    assert "| brick | 0.950 | 0.500 |" in text
    assert "| mean | 0.875 | 0.500 |" in text
    assert "the mean over 2 seeds" in text
