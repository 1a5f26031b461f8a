"""What tests of models share: how each model is made, and the data that its task needs."""

import gc

import pytest
from sklearn.datasets import load_digits

import zoo
from zoo.testing import Reloader, Subject

SHAPE = (8, 8, 1)
_U_NET = {"kernel_size": 5, "convs_per_stage": 3, "down": "strided"}
# Off-default values where those of `zoo.testing` do not fit a model.
CHANGED = {
    "feature_autoencoder": {
        "shared": False,
        "num_neighbours": 3,
        "feature_weights": None,
        "features": "hog",  # others need images of 32 x 32
        "feature_layers": None,
    },
    "sparse": {"latent_activation": "linear"},
    "masked_autoencoder": {"embedding_dim": 24},
    "wae_mmd": {"kernel": "gaussian"},
    **dict.fromkeys(("unet", "attention_unet", "unet_plus_plus", "unet_denoiser"), _U_NET),
    "residual_unet": {**_U_NET, "down": "maxpool", "up": "transpose", "interpolation": "nearest"},
}
# Where more than batch statistics differs between a batch and its halves.
STEADY = {"vq_vae": {"codebook": "gradient", "revive_after": None}}


# One stage of a network asks what two ask, of half as many operations; a U-Net needs two.
SMALLER = {"widths": (8,)}


class Kit(dict):
    """Gives the subject of each model, by registry name, on real images.

    The battery goes model by model. With the subject of the next, the traced graphs of the one
    before, which would fill the memory, are let go.
    """

    shape = SHAPE

    def __init__(self):
        super().__init__()
        digits = load_digits()
        self.images = (digits.images[..., None] / 16).astype("float32")
        self.labels = digits.target
        self.reloader = Reloader()

    def __missing__(self, name: str) -> Subject:
        self.clear()
        gc.collect()
        self[name] = Subject(
            zoo.get(name).model_class,
            arguments={} if "unet" in name else SMALLER,
            changed=CHANGED.get(name),
            steady=STEADY.get(name),
            images=self.images,
            labels=self.labels,
            reloader=self.reloader,
        )
        return self[name]

    def make(self, name, optimizer=None, **arguments):
        """Returns a compiled model of preset `tiny`; arguments it does not have are left out."""
        return self[name].make(optimizer, **arguments)

    def data(self, name, start, stop):
        """Returns `(x,)` or `(x, y)`, as the task of the model needs it."""
        return self[name].data(start, stop)


@pytest.fixture(scope="session")
def kit():
    return Kit()
