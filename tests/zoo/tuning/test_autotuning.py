"""Settings chosen by measuring: nothing of the model changes but how it runs."""

import json

import keras
import numpy as np
import pytest

import zoo
from zoo.tuning import autotuning, step_timing
from zoo.tuning.step_timing import Trial


def _compiled(name="autoencoder", seed=0, **arguments):
    small = {"widths": (), "hidden_units": (8,), "latent_dim": 2} | arguments
    model = zoo.create(name, image_shape=(8, 8, 1), seed=seed, **small)
    model.compile(keras.optimizers.Adam(1e-3))
    return model


_QUICK = {"_ROUNDS": 2, "_WINDOW_SECONDS": 0.01}


def _with_and_without(tune, name, images):
    """Returns what `tune` of a model gives, and losses after it beside those of a model without."""
    tuned, losses = None, []
    for tunes in (False, True):
        keras.utils.set_random_seed(0)
        model = _compiled(name)
        model.fit(images, batch_size=32, verbose=0)
        if tunes:
            tuned = tune(model)
            assert model.jit_compile == tuned.chosen.jit_compile
            assert model.steps_per_execution == tuned.chosen.steps_per_execution
            model.jit_compile, model.steps_per_execution = False, 1  # rounding apart
        keras.utils.set_random_seed(1)
        losses.append(model.fit(images, batch_size=32, epochs=2, verbose=0).history["loss"])
    return tuned, losses


def _tune(model, images, folder, **settings):
    """Returns what `autotune` finds in short rounds, also those of a process of its own."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in _QUICK.items():
            patch.setattr(step_timing, name, value)
        lines = [f"step_timing.{name} = {value}" for name, value in _QUICK.items()]
        start, call = step_timing._CHILD.rsplit("step_timing.time_saved", 1)
        child = "\n".join((start, *lines, f"step_timing.time_saved{call}"))
        patch.setattr(step_timing, "_CHILD", child)
        return zoo.autotune(model, images, batch_size=32, folder=folder, **settings)


@pytest.fixture(scope="module")
def trained(digits, tmp_path_factory):
    """What `autotune` of a model with noise finds, and how training goes on with and without."""
    folder, images = tmp_path_factory.mktemp("tuned"), digits[:64]
    return _with_and_without(lambda model: _tune(model, images, folder), "vae", images)


@pytest.fixture
def measured(monkeypatch):
    """Replaces the measuring, where that is not the question; returns the models measured."""
    models = []

    def measure(model, data, batch_size, precision="float32", others=()):
        models.append(model)
        return [_trial(1.0), _trial(0.5, steps_per_execution=8)]

    monkeypatch.setattr(step_timing, "measure", measure)
    return models


def test_training_goes_on_as_if_nothing_was(trained):
    _, losses = trained
    np.testing.assert_allclose(*losses, rtol=1e-5)


def test_where_xla_has_no_kernel_two_optimizers_go_on_too(digits, monkeypatch, tmp_path):
    class Run(step_timing.Run):
        def __init__(self, model, data, batch_size, jit_compile, num_steps):
            if jit_compile:
                raise ValueError("no kernel")
            super().__init__(model, data, batch_size, jit_compile, num_steps)

    for name, value in {**_QUICK, "Run": Run}.items():
        monkeypatch.setattr(step_timing, name, value)
    images = digits[:64]
    tuned, losses = _with_and_without(
        lambda model: zoo.autotune(model, images, batch_size=32, folder=tmp_path),
        "factor_vae",
        images,
    )
    np.testing.assert_allclose(*losses, rtol=1e-5)
    assert [trial.error for trial in tuned.trials if trial.jit_compile] == ["ValueError: no kernel"]
    assert not tuned.chosen.jit_compile


def test_every_way_is_timed(trained):
    tuned, _ = trained
    own = tuned.trials
    assert {trial.jit_compile for trial in own} == {False, True}
    assert own[0] == min(own, key=lambda t: (t.jit_compile, t.steps_per_execution))
    for trial in own:
        assert trial.error is None
        assert 0 < trial.seconds_per_update < trial.compile_seconds
    assert tuned.gain >= 1.0 or tuned.chosen == own[0]


@pytest.mark.slow
def test_precision_and_threads_are_told(digits, tmp_path):
    settings = {"precisions": ("mixed_bfloat16",), "threads": (1,)}
    tuned = _tune(_compiled("vae"), digits[:64], tmp_path, **settings)
    lower, one_thread = tuned.trials[-2:]
    assert (lower.precision, lower.threads) == ("mixed_bfloat16", None)
    assert (one_thread.precision, one_thread.threads) == ("float32", 1)
    assert lower.seconds_per_update > 0
    assert one_thread.seconds_per_update > 0
    assert tuned.chosen.threads is None
    if tuned.chosen.precision != "float32":  # then it was faster, and as good
        assert tuned.chosen == lower
        assert autotuning._is_as_good(lower)


def test_result_is_kept_by_model_and_batch_size(digits, measured, tmp_path):
    first = zoo.autotune(_compiled(), digits, batch_size=32, folder=tmp_path)
    again = zoo.autotune(_compiled(seed=5), digits, batch_size=32, folder=tmp_path)
    assert (first.is_cached, again.is_cached, len(measured)) == (False, True, 1)
    assert again.chosen == first.chosen
    for other in ({"batch_size": 16}, {"batch_size": 32, "fresh": True}):
        assert not zoo.autotune(_compiled(), digits, folder=tmp_path, **other).is_cached
    other = _compiled(latent_dim=3)
    assert not zoo.autotune(other, digits, batch_size=32, folder=tmp_path).is_cached
    assert len(measured) == 4
    assert first.path.parent == tmp_path
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("content", ["{", "[]", '{"a": [{"x": 1}]}'])
def test_damaged_file_is_made_anew(content, digits, measured, tmp_path):
    (tmp_path / "autotune.json").write_text(content)
    tuned = zoo.autotune(_compiled(), digits, batch_size=32, folder=tmp_path)
    assert not tuned.is_cached
    assert len(json.loads((tmp_path / "autotune.json").read_text())) == 1


def _trial(seconds, **settings):
    return Trial(seconds_per_update=seconds, compile_seconds=1.0, **settings)


@pytest.mark.parametrize(
    ("seconds", "loss", "becomes"),
    [
        (0.2, 1.0005, "mixed_bfloat16"),  # faster, and within 0.1 %
        (0.2, 0.9, "mixed_bfloat16"),
        (0.2, 1.002, "float32"),  # faster, and worse
        (0.97, 0.9, "float32"),  # no faster: it is not trained at all
    ],
)
def test_a_precision_is_kept_where_it_is_faster_and_as_good(
    digits, monkeypatch, tmp_path, seconds, loss, becomes
):
    def measure(model, data, batch_size, precision, others):
        assert (precision, others) == ("float32", ("mixed_bfloat16",))
        return [_trial(1.0), _trial(seconds, precision="mixed_bfloat16")]

    monkeypatch.setattr(step_timing, "measure", measure)
    monkeypatch.setattr(
        autotuning.precision, "gate", lambda *a: autotuning.precision.Gate(loss, 1.0, 300)
    )
    model = _compiled()
    tuned = zoo.autotune(
        *(model, digits[:64]),
        batch_size=32,
        precisions=("float32", "mixed_bfloat16"),
        folder=tmp_path,
    )
    assert model.dtype_policy.name == tuned.chosen.precision == becomes
    assert (becomes in tuned.summary) == (becomes != "float32")
    assert any("0.2 % higher" in text for text in tuned.advice) == (loss > 1.001)
    model.fit(digits[:64], batch_size=32, verbose=0)


def test_an_unknown_precision_is_refused(digits):
    with pytest.raises(ValueError, match="Did you mean 'mixed_bfloat16'"):
        zoo.autotune(_compiled(), digits, precisions=("mixed_bfloat6",))


def test_best_must_be_worth_its_compilation():
    plain, many = _trial(1.0), _trial(0.8, steps_per_execution=8)
    little, much = _trial(0.79, jit_compile=True), _trial(0.4, jit_compile=True)
    failed = Trial(jit_compile=True, error="no kernel")
    assert step_timing.best([plain, many, little]) is many
    assert step_timing.best([plain, many, much]) is much
    assert step_timing.best([plain, failed]) is plain


def test_advice_names_what_cannot_be_changed_here():
    chosen = _trial(1.0)
    trials = (chosen, _trial(0.5, threads=1), _trial(0.25, precision="mixed_bfloat16"))
    advice = list(autotuning._advice(trials, chosen))
    assert any("2.00 times" in text and "TF_NUM_INTRAOP_THREADS=1" in text for text in advice)
    assert any("4.00 times" in text and "mixed_bfloat16" in text for text in advice)


@pytest.mark.parametrize(("seconds", "steps"), [(1.0, 1), (0.06, 1), (0.01, 8), (1e-6, 256)])
def test_a_call_takes_about_100_ms(seconds, steps):
    assert step_timing.steps_of(seconds) == steps


def test_wrong_use_is_told(digits):
    model = zoo.create("autoencoder", image_shape=(8, 8, 1), preset="tiny")
    with pytest.raises(ValueError, match="must be compiled"):
        zoo.autotune(model, digits)
    with pytest.raises(ValueError, match="at least one batch"):
        zoo.autotune(_compiled(), digits[:8])
    with pytest.raises(ValueError, match="shape"):
        zoo.autotune(_compiled(), digits[:, :4])
    with pytest.raises(ValueError, match="must be an array"):
        zoo.autotune(_compiled(), iter([digits]))


def test_an_error_of_the_model_is_not_taken_for_one_of_a_setting(digits, tmp_path):
    def wrong(target, prediction):
        raise RuntimeError("a bug of mine")

    model = _compiled()
    model.compile("adam", metrics=[wrong])
    with pytest.raises(RuntimeError, match="a bug of mine"):
        zoo.autotune(model, digits[:64], folder=tmp_path)
    assert not list(tmp_path.iterdir())  # nor kept as its result
