"""Schedules: values by hand, their effect in training, and the error without a variable."""

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits

import zoo
from zoo.training import schedules

DIGITS = (load_digits().images[:512] / 16).astype("float32").reshape(-1, 64)


def make(name="vae", **arguments):
    keras.utils.set_random_seed(4)
    model = zoo.create(name, (64,), hidden_units=(32,), latent_dim=8, **arguments)
    model.compile(keras.optimizers.Adam(3e-3), jit_compile=False)
    return model


def values(schedule, num_epochs):
    return [schedule.value(epoch) for epoch in range(num_epochs)]


def test_linear_warm_up_values():
    assert values(schedules.LinearWarmUp(4), 7) == pytest.approx([0, 0.25, 0.5, 0.75, 1, 1, 1])
    falling = schedules.LinearWarmUp(2, start=3.0, end=1.0)
    assert values(falling, 4) == pytest.approx([3, 2, 1, 1])


def test_cyclical_annealing_values():
    cycles = schedules.CyclicalAnnealing(4, ramp_fraction=0.5, end=2.0)
    assert values(cycles, 9) == pytest.approx([0, 1, 2, 2, 0, 1, 2, 2, 0])
    whole = schedules.CyclicalAnnealing(4, ramp_fraction=1.0)
    assert values(whole, 5) == pytest.approx([0, 0.25, 0.5, 0.75, 0])


def test_capacity_increase_values():
    schedule = schedules.CapacityIncrease(5, capacity=25.0)
    assert values(schedule, 7) == pytest.approx([5, 10, 15, 20, 25, 25, 25])
    assert schedule.variable == "capacity_now"


def test_the_weight_moves_in_fit_and_is_logged():
    model = make("beta_vae", beta=2.0)
    schedule = schedules.LinearWarmUp(2)
    history = model.fit(DIGITS[:128], epochs=3, callbacks=[schedule], verbose=0).history
    assert history["kl_scale"] == pytest.approx([0, 0.5, 1])
    assert float(model.kl_scale) == 1
    # The compiled step reads the variable: the logged terms and weights add up to the loss.
    expected = [
        reconstruction + 2.0 * scale * kl
        for reconstruction, kl, scale in zip(
            history["reconstruction"], history["kl"], history["kl_scale"], strict=True
        )
    ]
    assert history["loss"] == pytest.approx(expected, rel=1e-4)


def test_training_goes_on_where_it_stopped():
    model = make()
    schedule = schedules.LinearWarmUp(10)
    history = model.fit(
        DIGITS[:64], initial_epoch=4, epochs=6, callbacks=[schedule], verbose=0
    ).history
    assert history["kl_scale"] == pytest.approx([0.4, 0.5])


def test_capacity_leads_the_kl():
    capacity = 6.0
    model = make("beta_vae", beta=20.0, capacity=25.0)
    schedule = schedules.CapacityIncrease(8, capacity)
    history = model.fit(DIGITS, epochs=20, batch_size=64, callbacks=[schedule], verbose=0).history
    assert history["capacity_now"][:3] == pytest.approx([0.75, 1.5, 2.25])
    assert history["capacity_now"][-1] == pytest.approx(capacity)
    assert history["kl"][3] < 0.75 * capacity  # on the way up
    assert history["kl"][-1] == pytest.approx(capacity, rel=0.2)


@pytest.mark.parametrize(
    ("model_name", "schedule", "message"),
    [
        (
            "autoencoder",
            schedules.LinearWarmUp(2),
            r"LinearWarmUp: the model must have a variable 'kl_scale'\. Received: Autoencoder\. "
            r"Use it with a VAE",
        ),
        (
            "beta_vae",  # without a capacity
            schedules.CapacityIncrease(2),
            r"CapacityIncrease: the model must have a variable 'capacity_now'\. Received: BetaV",
        ),
        (
            "vae",  # a number, not a variable
            schedules.CyclicalAnnealing(2, variable="beta"),
            r"CyclicalAnnealing: the model must have a variable 'beta'\. Received: VAE",
        ),
    ],
)
def test_a_model_without_the_variable(model_name, schedule, message):
    with pytest.raises(ValueError, match=message):
        make(model_name).fit(DIGITS[:32], epochs=1, callbacks=[schedule], verbose=0)


def test_a_schedule_of_ones_own():
    class Halves(schedules.Schedule):
        def value(self, epoch):
            return 0.5**epoch

    model = make()
    history = model.fit(DIGITS[:64], epochs=3, callbacks=[Halves("kl_scale")], verbose=0).history
    np.testing.assert_allclose(history["kl_scale"], [1, 0.5, 0.25])


@pytest.mark.parametrize(
    ("make_schedule", "message"),
    [
        (lambda: schedules.LinearWarmUp(0), r"LinearWarmUp: num_epochs must be an int >= 1"),
        (lambda: schedules.LinearWarmUp(2, end="x"), r"LinearWarmUp: end must be a finite number"),
        (lambda: schedules.CyclicalAnnealing(0), r"CyclicalAnnealing: cycle_epochs must be an int"),
        (
            lambda: schedules.CyclicalAnnealing(2, ramp_fraction=0.0),
            r"CyclicalAnnealing: ramp_fraction must be a number in \[1e-06, 1\]",
        ),
        (
            lambda: schedules.CyclicalAnnealing(2, end=np.nan),
            r"CyclicalAnnealing: end must be a finite number",
        ),
    ],
)
def test_arguments_out_of_range(make_schedule, message):
    with pytest.raises(ValueError, match=message):
        make_schedule()
