"""One battery for every registered model: that of `zoo.testing`, on real images.

What Keras does with a step (optimizers that clip or average, replicas, XLA, several steps per
call) is a property of the step, not of each model: one model of each kind of step is asked. So is
what shared code answers for every model alike, but with the slow tests the others are asked too.
"""

import pytest
from kinds import KINDS_OF_STEP

import zoo
from zoo.testing import CHECKS
from zoo.testing.expect import ExcusedError

OF_THE_STEP = {
    "two_replicas_train_as_one_device",
    "gradient_accumulation_is_a_larger_batch",
    "clipping_bounds_the_update",
    "ema_is_written_at_the_end_of_fit",
    "steps_per_execution_change_nothing",
    "xla_changes_nothing",
    "any_source_of_data_gives_the_same",
}
# Answered by `ZooModel`, the networks that models share, the code of saving and Keras.
OF_SHARED_CODE = {
    "any_shape_that_fits",
    "shape_that_does_not_divide_says_how_to_pad",
    "a_model_inside_of_another_is_saved",
    "saved_models_go_on_in_another_process",
    "same_seed_same_numbers",
    "epoch_log_is_the_mean_over_the_data",
    "outputs_are_float32_in_mixed_precision",
    "compiled_metrics_compare_prediction_and_target",
    "arrays_longer_than_a_batch_equal_tensors",
    "wrong_targets_are_refused",
    "fit_needs_compile_without_a_loss",
}
# What costs seconds, and of whom it is asked quickly: of those that differ most in it.
COSTLY = {
    "two_replicas_train_as_one_device": {"factor_vae", "vq_vae", "unet"},
    "steps_per_execution_change_nothing": {"factor_vae", "vq_vae"},
    "xla_changes_nothing": {"conditional_vae"},
    "same_seed_same_numbers": {"factor_vae", "vq_vae", "debiasing_vae", "masked_autoencoder"},
    "any_source_of_data_gives_the_same": {"conditional_vae", "unet"},
}


def is_slow(name, check):
    """Tells whether another model gives the same answer in less time."""
    if check in COSTLY:
        return name not in COSTLY[check]
    return check in OF_SHARED_CODE and name not in KINDS_OF_STEP


QUESTIONS = [
    pytest.param(name, check, marks=pytest.mark.slow if is_slow(name, check) else ())
    for name in zoo.names()
    for check in CHECKS
    if check not in OF_THE_STEP or name in KINDS_OF_STEP
]


def test_the_lists_name_what_there_is():
    assert set(CHECKS) >= OF_THE_STEP | OF_SHARED_CODE | set(COSTLY)
    assert set(zoo.names()) >= set(KINDS_OF_STEP) >= set().union(*COSTLY.values())
    tasks = {zoo.get(name).task for name in zoo.names()}
    assert {zoo.get(name).task for name in KINDS_OF_STEP} == tasks


@pytest.mark.parametrize(("name", "check"), QUESTIONS)
def test_holds(kit, name, check):
    subject = kit[name]
    reason = subject.excuse(check)
    if reason is not None:
        pytest.skip(reason)
    try:
        CHECKS[check](subject)
    except ExcusedError as excuse:
        pytest.skip(str(excuse))
