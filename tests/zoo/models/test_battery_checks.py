"""One battery for every registered model: that of `zoo.testing`, on real images.

What Keras does with a step (optimizers that clip or average, replicas, XLA, several steps per
call) is a property of the step, not of each model: one model of each kind of step is asked.
"""

import pytest

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
KINDS_OF_STEP = {
    "autoencoder": "one term",
    "vae": "noise in the step",
    "factor_vae": "a second player with its own optimizer",
    "vq_vae": "variables that no gradient moves",
    "top_k_sparse": "a constraint and counters",
    "conditional_vae": "a dict of inputs",
    "semi_supervised_m2": "labels that are missing",
    "debiasing_vae": "labels, and rows drawn anew in each epoch",
    "masked_autoencoder": "patches drawn anew, sorted and gathered",
    "unet": "masks and batch statistics",
}
QUESTIONS = [
    (name, check)
    for name in zoo.names()
    for check in CHECKS
    if check not in OF_THE_STEP or name in KINDS_OF_STEP
]


def test_the_lists_name_what_there_is():
    assert set(CHECKS) >= OF_THE_STEP
    assert set(zoo.names()) >= set(KINDS_OF_STEP)
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
