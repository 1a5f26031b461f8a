"""First weights of a dense autoencoder from PCA, which needs no training."""

import math

import keras
import numpy as np

from zoo.training.mean_start import LEAST_MEAN

_OWNER = "start_from_pca"
_CODES = ("linear", "relu")


def start_from_pca(model, x) -> int:
    """Gives a dense autoencoder the weights of PCA, from which training goes on.

    For images `x` with the mean `m` and the components `C` (rows), the network's first
    reconstruction is `m + C^T C (x - m)`, that of PCA. A layer with ReLU carries a component `z` as
    two units, `relu(z)` and `relu(-z)`, whose difference is `z`. What a layer has beyond that keeps
    its first weights into it and gets zeros out of it, so it learns as ever. Under a sigmoid the
    logit is linear about the mean: `logit(m) + C^T C (x - m) / (m (1 - m))`, so the first
    reconstruction is that of PCA to first order.

    It pays where epochs are few: from either start, a network without hidden layers is soon better
    than PCA.

    Args:
        model: An autoencoder of dense layers (`widths=()`) and one code, without normalisation;
            activations `"relu"` or `"linear"`, output `"sigmoid"` or `"linear"`. Before `fit`.
        x: Array `(n, *image_shape)` in `[0, 1]`; some thousand images are enough.

    Returns:
        The number of components that the network carries: at most `latent_dim`, and half the units
        of each layer with ReLU.

    Raises:
        ValueError: for another kind of model, or images that do not fit it.

    Reference: Bourlard and Kamp, 1988: the optimum of a linear autoencoder is PCA.
    https://doi.org/10.1007/BF00332918

    Example:

    >>> import numpy as np
    >>> images = np.random.default_rng(0).random((100, 8, 8, 1), "float32")
    >>> model = zoo.create("autoencoder", (8, 8, 1), preset="dense", latent_dim=8)
    >>> zoo.start_from_pca(model, images)
    8
    """
    _check(model)
    model.check_inputs(x)
    layers = _dense_layers(model)
    hidden = [model.activation] * len(model.hidden_units)
    mirrored = hidden if model.mirror_hidden else []
    activations = [*hidden, model.latent_activation, *mirrored]
    carriers = list(zip(layers[:-1], activations, strict=True))
    most = [layer.units // (2 if activation == "relu" else 1) for layer, activation in carriers]
    num_components = min(len(x) - 1, math.prod(model.image_shape), *most)
    if num_components < 1:
        raise ValueError(
            f"{_OWNER}: each layer must carry a component, and there must be two images. Received: "
            f"{len(x)} images, layers of {[layer.units for layer in layers]} units."
        )
    mean, components = _pca(np.reshape(x, (len(x), -1)), num_components)
    reading = components.T  # of the components, from what the layer before gives
    offset = -mean @ reading
    one = np.eye(num_components, dtype="float32")
    for layer, activation in carriers:
        units = np.hstack([one, -one]) if activation == "relu" else one  # of the components
        num_units = units.shape[1]
        kernel, bias = map(np.array, layer.get_weights())
        kernel[:, :num_units], bias[:num_units] = reading @ units, offset @ units
        layer.set_weights([kernel, bias])
        reading = np.zeros((layer.units, num_components), "float32")
        reading[:num_units] = units.T
        offset = np.zeros(num_components, "float32")
    layers[-1].set_weights(_last(reading @ components, mean, model.output_activation))
    return num_components


def _check(model) -> None:
    from zoo.models.autoencoder import Autoencoder

    problem = None
    if not isinstance(model, Autoencoder):
        problem = f"a {type(model).__name__}"
    elif model.widths:
        problem = f"widths={model.widths}"
    elif model.normalization is not None:
        problem = f"normalization={model.normalization!r}"
    elif model.activation not in _CODES or model.latent_activation not in _CODES:
        problem = f"activation={model.activation!r}, latent_activation={model.latent_activation!r}"
    elif model.output_activation not in ("sigmoid", "linear"):
        problem = f"output_activation={model.output_activation!r}"
    elif _dense_layers(model) is None:
        problem = f"a {type(model).__name__}, which has other layers"
    if problem is not None:
        raise ValueError(
            f"{_OWNER}: model must be an autoencoder of dense layers with one code, activations "
            f"'relu' or 'linear' and no normalisation. Received: {problem}. For example "
            "zoo.create('autoencoder', image_shape, preset='dense')."
        )


def _dense_layers(model) -> list[keras.layers.Dense] | None:
    """Returns the dense layers from pixels to pixels, or None where there are others too."""
    size, num_hidden = math.prod(model.image_shape), len(model.hidden_units)
    sides = [
        [layer for layer in network.layers if isinstance(layer, keras.layers.Dense)]
        for network in (model.encoder, model.decoder)
    ]
    lengths = [num_hidden + 1, (num_hidden if model.mirror_hidden else 0) + 1]
    layers = [*sides[0], *sides[1]]
    sizes = [size, *(layer.units for layer in layers)]
    fit = [len(part) for part in sides] == lengths and sizes[-1] == size
    fit = fit and all(
        layer.kernel.shape[0] == before for layer, before in zip(layers, sizes, strict=False)
    )
    return layers if fit else None


def _pca(rows: np.ndarray, num_components: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the mean and the components, the strongest first, as rows."""
    mean = rows.mean(axis=0, dtype="float64")
    centred = rows - mean
    if len(rows) < rows.shape[1]:
        components = np.linalg.svd(centred, full_matrices=False)[2]
    else:
        components = np.linalg.eigh(centred.T @ centred)[1].T[::-1]
    return mean.astype("float32"), components[:num_components].astype("float32")


def _last(kernel: np.ndarray, mean: np.ndarray, activation: str) -> list[np.ndarray]:
    """Returns the weights of the layer that gives the pixels, of a linear one's."""
    if activation == "linear":
        return [kernel, mean]
    inside = np.clip(mean, LEAST_MEAN, 1 - LEAST_MEAN)
    return [kernel / (inside * (1 - inside)), np.log(inside / (1 - inside))]
