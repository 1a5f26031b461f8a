"""Models built from search spaces: seed, policy, budget, and keras-tuner's own search."""

import keras
import numpy as np
import pytest

pytest.importorskip("keras_tuner")

import keras_tuner
from keras_tuner.engine import base_tuner

from tuner.space import ready
from tuner.space.hypermodel import (
    OverBudgetError,
    RefusedError,
    ZooHyperModel,
    declare,
    hyperparameters,
)
from tuner.space.parameters import Boolean, Choice, Fixed, Float, When
from tuner.space.space import Space, narrow

IMAGE_SHAPE = (8, 8, 1)
# 64 -> 32 -> 4 -> 32 -> 64, each layer with its biases.
DENSE = {"widths": (), "hidden_layers": 1, "hidden_width": 32, "latent_dim": 4}
NUM_PARAMETERS = (64 * 32 + 32) + (32 * 4 + 4) + (4 * 32 + 32) + (32 * 64 + 64)
NUM_MACS = 64 * 32 + 32 * 4 + 4 * 32 + 32 * 64


def dense_space(model="autoencoder", **settings):
    space = ready.for_data(ready.get(model), IMAGE_SHAPE)
    return narrow(space, DENSE | settings)


def weights(model):
    return [weight.numpy() for weight in model.trainable_weights]


def build(space, **settings):
    hp = hyperparameters(space)
    return ZooHyperModel(space, IMAGE_SHAPE, **settings).build(hp)


@pytest.mark.parametrize("seed", [0, 3])
def test_weights_follow_from_the_seed_alone(seed):
    first = build(dense_space(), seed=seed)
    keras.utils.set_random_seed(77)
    keras.backend.clear_session()
    second = build(dense_space(), seed=seed)
    for a, b in zip(weights(first), weights(second), strict=True):
        np.testing.assert_array_equal(a, b)
    assert first.seed == seed


def test_seed_zero_is_a_seed_of_its_own():
    zero, one = (build(dense_space(), seed=seed) for seed in (0, 1))
    assert not np.array_equal(weights(zero)[0], weights(one)[0])


def test_noise_follows_from_the_seed(digits):
    losses = []
    for _ in range(2):
        keras.backend.clear_session()
        model = build(dense_space("vae"), seed=0)
        history = model.fit(digits[:64], epochs=2, batch_size=32, shuffle=False, verbose=0)
        losses.append(history.history["loss"])
    assert losses[0] == losses[1]


def test_the_policy_is_the_models_and_survives_a_cleared_session():
    keras.backend.clear_session()
    model = build(dense_space(), precision="mixed_bfloat16")
    assert model.dtype_policy.name == "mixed_bfloat16"
    assert model.encoder.layers[2].dtype_policy.name == "mixed_bfloat16"
    assert keras.config.dtype_policy().name == "float32"


def test_the_limit_of_parameters_is_exact():
    model = build(dense_space(), max_parameters=NUM_PARAMETERS)
    assert model.count_params() == NUM_PARAMETERS
    text = rf"Over budget: {NUM_PARAMETERS:,} parameters > limit {NUM_PARAMETERS - 1:,}\."
    with pytest.raises(OverBudgetError, match=text):
        build(dense_space(), max_parameters=NUM_PARAMETERS - 1)


def test_the_limit_of_macs_is_exact():
    build(dense_space(), max_macs=NUM_MACS)
    text = rf"Over budget: {NUM_MACS:,} MACs > limit {NUM_MACS - 1:,}\."
    with pytest.raises(OverBudgetError, match=text):
        build(dense_space(), max_macs=NUM_MACS - 1)


def test_what_the_model_does_not_take_is_refused():
    settings = {"latent_dim": 128, "num_active": 64, "num_auxiliary": 200}
    with pytest.raises(RefusedError, match="num_auxiliary must be <= latent_dim"):
        build(narrow(ready.get("top_k_sparse"), settings))


def test_learning_rate_and_arguments_reach_the_model():
    space = dense_space("conditional_vae", learning_rate=2e-3, embedding_dim=8)
    model = ZooHyperModel(space, IMAGE_SHAPE, arguments={"num_classes": 3}).build(
        hyperparameters(space)
    )
    assert float(model.optimizer.learning_rate) == pytest.approx(2e-3)
    assert (model.num_classes, model.embedding_dim) == (3, 8)
    assert model.hidden_units == (32,)


# --- parameters as the tuner has them -----------------------------------------------------------


def test_only_active_parameters_have_values():
    space = ready.get("vae")
    hp = hyperparameters(space)
    assert set(hp.values) == set(space.complete({}))
    assert "scale" not in hp.values
    hp.values["likelihood"] = "laplace"
    hp.values |= {"scale": 0.25, "learn_scale": True, "output_activation": "linear"}
    found = declare(space, hp)
    assert (found["scale"], found["learn_scale"]) == (0.25, True)


def test_values_come_back_as_they_are():
    space = Space(
        "x",
        {
            "a": Choice((None, "batch"), None),
            "b": Choice(((8,), (8, 16)), (8,)),
            "c": Boolean(True),
            "d": Float(0.0, 1.0, 0.5, when=When("c", (False,))),
            "e": Fixed((1, 2)),
        },
    )
    hp = hyperparameters(space)
    assert declare(space, hp) == {"a": None, "b": (8,), "c": True, "e": (1, 2)}
    hp.values |= {"a": "batch", "b": "(8, 16)", "c": False, "d": 0.25}
    assert declare(space, hp) == {"a": "batch", "b": (8, 16), "c": False, "d": 0.25, "e": (1, 2)}


@pytest.mark.parametrize(("likelihood", "expected"), [("bernoulli", False), ("gaussian", True)])
def test_a_fixed_parent_decides_at_once(likelihood, expected):
    space = narrow(ready.get("vae"), {"likelihood": likelihood})
    assert ("scale" in hyperparameters(space).values) is expected
    assert ("scale" in space.complete({})) is expected


def test_a_parent_may_lose_the_values_that_a_child_waits_for():
    space = narrow(ready.get("sparse"), {"penalty": ["l1", "top_k"]})
    names = {parameter.name for parameter in hyperparameters(space).space}
    assert "target_rate" not in names
    assert {"sparsity_weight", "num_active"} <= names


def test_random_settings_of_a_space_agree_with_the_space():
    space = ready.for_data(ready.get("vae"), IMAGE_SHAPE)
    oracle = keras_tuner.oracles.RandomSearchOracle(
        objective=keras_tuner.Objective("psnr", "max"),
        hyperparameters=hyperparameters(space),
        seed=1,
    )
    for number in range(20):
        hp = keras_tuner.HyperParameters()
        hp.values = oracle.populate_space(str(number))["values"]
        values = declare(space, hp)
        assert values == space.complete(values)


# --- keras-tuner itself -------------------------------------------------------------------------


class Tuner(base_tuner.BaseTuner):
    """The loop of keras-tuner; its `Tuner` needs TensorBoard."""

    def run_trial(self, trial, x, validation_data):
        hp = trial.hyperparameters
        model = self.hypermodel.build(hp)
        self.hypermodel.fit(hp, model, x, verbose=0)
        return {"val_loss": model.evaluate(validation_data, verbose=0)[0]}


def test_keras_tuners_own_loop_takes_the_model(digits, tmp_path):
    space = dense_space(batch_size=[64, 32], learning_rate=1e-3)
    oracle = keras_tuner.oracles.GridSearchOracle(
        keras_tuner.Objective("val_loss", "min"),
        max_trials=3,
        hyperparameters=hyperparameters(narrow(space, {"activation": ["relu", "elu"]})),
    )
    hypermodel = ZooHyperModel(space, IMAGE_SHAPE, max_parameters=NUM_PARAMETERS)
    tuner = Tuner(oracle, hypermodel, directory=str(tmp_path))
    oracle.verbose = 0
    tuner.search(digits[:128], digits[128:192])
    assert [trial.status for trial in oracle.trials.values()] == ["COMPLETED"] * 3
