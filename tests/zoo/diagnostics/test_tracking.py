"""The callback that tells trackers of a training."""

import events
import pytest

import zoo


def test_each_epoch_is_sent_as_the_history_has_it(tmp_path, digits):
    model = zoo.create("vae", (8, 8, 1), preset="tiny", name="mine")
    model.compile("adam")
    tracking = zoo.callbacks.Tracking("tensorboard", tmp_path, settings={"note": "first"})
    x = digits[:64]
    history = model.fit(x, epochs=2, validation_data=(x,), callbacks=[tracking], verbose=0).history
    _, scalars, texts = events.read(tmp_path / "tensorboard/mine")
    assert scalars.pop("train_seconds")[0][0] == 2
    assert set(scalars) == set(history) >= {"loss", "val_loss", "kl"}
    for name, values in history.items():
        assert [step for step, _ in scalars[name]] == [1, 2]
        assert [value for _, value in scalars[name]] == pytest.approx(values, rel=1e-5)
    assert "| note | first |" in texts["settings"]
    assert "| latent_dim | 8 |" in texts["settings"]


def test_a_training_that_was_stopped_says_so(tmp_path, digits):
    model = zoo.create("autoencoder", (8, 8, 1), preset="tiny", name="mine")
    model.compile("adam", run_eagerly=True)
    tracking = zoo.callbacks.Tracking(["tensorboard"], tmp_path, name="second")
    model.fit(digits[:8], callbacks=[tracking], verbose=0)
    tracking.on_train_begin()
    tracking.stop("stopped by hand")
    assert events.read(tmp_path / "tensorboard/second")[2]["error"] == "stopped by hand"
