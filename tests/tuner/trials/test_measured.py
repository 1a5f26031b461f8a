"""`tuner.hypermodel`: keras-tuner's own tuners search a model by a measure that is fair."""

import keras_tuner
import numpy as np
import pytest
from keras_tuner.engine import base_tuner

import tuner
from bench.errors import BenchError
from bench.metrics import reconstruction

SMALL = {"widths": (), "hidden_layers": 0, "latent_dim": [2, 4], "learning_rate": 3e-3}


def small(name="vae", **settings):
    space = SMALL | {"batch_size": 32} | settings.pop("space", {})
    return tuner.hypermodel(name, (8, 8, 1), space=space, **settings)


class Tuner(base_tuner.BaseTuner):
    """The loop of keras-tuner without its checkpoints; its `Tuner` needs TensorBoard."""

    def run_trial(self, trial, x, **kwargs):
        model = self.hypermodel.build(trial.hyperparameters)
        return self.hypermodel.fit(trial.hyperparameters, model, x, verbose=0, **kwargs)


def test_a_tuner_scores_trials_by_the_measure_of_the_validation_data(digits, tmp_path):
    model = small(objective="mse")
    assert (model.objective.name, model.objective.direction) == ("val_mse", "min")
    oracle = keras_tuner.oracles.GridSearchOracle(model.objective, max_trials=2)
    search = Tuner(oracle, model, directory=str(tmp_path))
    oracle.verbose = 0
    search.search(digits[:96], validation_data=digits[96:128], epochs=2)
    trials = list(oracle.trials.values())
    assert [trial.status for trial in trials] == ["COMPLETED"] * 2
    hp = keras_tuner.HyperParameters()
    hp.values = dict(trials[0].hyperparameters.values)
    built = model.build(hp)
    history = model.fit(
        hp, built, digits[:96], validation_data=digits[96:128], epochs=2, verbose=0
    ).history
    expected = reconstruction.mse(digits[96:128], built.predict(digits[96:128], verbose=0)).mean()
    assert history["val_mse"][-1] == pytest.approx(expected, rel=1e-5)
    assert trials[0].score == pytest.approx(min(history["val_mse"]), rel=1e-4)


def test_keras_tuners_random_search_takes_it(digits, tmp_path):
    pytest.importorskip("tensorboard")
    model = small(num_train=96)
    search = keras_tuner.RandomSearch(
        model, model.objective, max_trials=1, directory=str(tmp_path), project_name="x"
    )
    search.search(digits[:96], validation_data=digits[96:128], epochs=1, verbose=0)
    assert np.isfinite(search.oracle.get_best_trials()[0].score)
    assert search.get_best_models()[0].latent_dim in (2, 4)


def test_what_changes_the_meaning_of_the_objective_is_held():
    free = {"likelihood": ["bernoulli", "gaussian"]}
    assert "likelihood" in small(objective="psnr", space=free).space.free
    assert "likelihood" not in small(objective="elbo").space.free
    with pytest.raises(BenchError, match="likelihood must be one value"):
        small(objective="elbo", space=free)


def test_masks_have_objectives_of_their_own():
    model = tuner.hypermodel("unet", (8, 8, 1))
    assert (model.objective.name, model.objective.direction) == ("val_iou", "max")
    with pytest.raises(BenchError, match=r"objective must be one of dice, iou for 'unet'"):
        tuner.hypermodel("unet", (8, 8, 1), objective="psnr")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"image_shape": 8.5}, r"image_shape must be .* Received: image_shape=8\.5"),
        ({"image_shape": ("a", 8, 1)}, "image_shape must be"),
        ({"image_shape": (8.5, 8, 1)}, "image_shape must be"),
        ({"image_shape": (8, -8, 1)}, "image_shape must be"),
        ({"space": 5}, r"space must be a dict such as .* Received: space=5"),
        ({"num_train": 0}, "num_train must be an int >= 1"),
        ({"num_classes": -1}, "num_classes must be an int >= 1"),
        ({"max_parameters": "0.5x"}, "max_parameters must be an int >= 1"),
        ({"max_macs": 0}, "max_macs must be an int >= 1"),
        ({"seed": -1}, "seed must be an int from 0"),
        ({"precision": "float8"}, "precision must be one of 'float32'"),
    ],
)
def test_what_no_model_could_be_built_with_is_refused_at_once(changes, error):
    arguments = {"image_shape": (8, 8, 1)} | changes
    with pytest.raises(BenchError, match=f"tuner.hypermodel: {error}"):
        tuner.hypermodel("vae", **arguments)


def test_an_unknown_argument_is_named_with_the_nearest_one():
    with pytest.raises(TypeError, match=r"'max_parameter'\. Did you mean 'max_parameters'"):
        small(max_parameter=5)


@pytest.mark.parametrize("value", [np.int64(4), np.array([4, 8])[0], 4])
def test_numbers_of_numpy_are_those_of_python(value):
    assert small(space={"latent_dim": value}).space == small(space={"latent_dim": 4}).space
    found = small(space={"latent_dim": value}).space.parameters["latent_dim"].value
    assert type(found) is int


def test_a_tuple_of_images_alone_is_images_and_one_of_three_is_refused(digits):
    model, hp = small(), keras_tuner.HyperParameters()
    built = model.build(hp)
    history = model.fit(hp, built, digits[:8], validation_data=(digits[8:12],), verbose=0)
    assert "val_psnr" in history.history
    with pytest.raises(ValueError, match="Received: a tuple of 3"):
        model.fit(hp, built, digits[:8], validation_data=(digits[8:12],) * 3)


def test_validation_data_are_asked_for(digits):
    model = small()
    hp = keras_tuner.HyperParameters()
    with pytest.raises(ValueError, match="validation_data must be given"):
        model.fit(hp, model.build(hp), digits[:8])
