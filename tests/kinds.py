"""Models that stand for the others: one of each kind of training step.

What a test asks of code that models share is asked of one model of each kind. Of the others it is
asked too, but slowly is enough: with `-m ''`, before a change is taken.
"""

import pytest

import zoo

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
    "feature_autoencoder": "features, and a look at the data before and after",
    "unet": "masks and batch statistics",
}


def every_model() -> list:
    """Returns the parameters of a test of every model, those of no new kind marked as slow."""
    return [
        pytest.param(name, marks=() if name in KINDS_OF_STEP else pytest.mark.slow)
        for name in zoo.names()
    ]
