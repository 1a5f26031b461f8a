"""The autoencoder that reads and rebuilds features instead of pixels, for anomaly detection."""

from typing import ClassVar

import keras
import numpy as np
from keras import ops

from zoo import checks, losses
from zoo.inputs.batching import batched
from zoo.layers import memory
from zoo.layers.gradient_histograms import membership
from zoo.networks import features as feature_networks
from zoo.registry.entries import listed
from zoo.training import normal_images
from zoo.training.image_to_image import check_images
from zoo.training.mean_start import some_batches
from zoo.training.model import ZooModel

MAX_IMAGES = 1_000  # that features, codes and errors are measured on
UNITS, SHARED_UNITS = 64, 16
NUM_STORED = 2_000  # codes of normal images that are kept for the distance to the nearest
NUM_NEIGHBOURS = 5
ERROR_WEIGHT = 0.5  # chosen on training images of all classes: docs/study.md
SMALLEST_ERROR = 1e-6  # of scaled features, whose mean square is 1


@listed
class FeatureAutoencoder(ZooModel):
    """Learns which features normal images share.

    loss = mean over places and features of (f - r)^2,   r = decode(encode(f))
           + entropy_weight * mean over codes of sum_i -w_i log w_i, with a memory
    score = (mean over the nearest normal images i of |r - r_i|^2 + |f - r|^2 / 2) / its mean on
            normal images,   f the scaled features, r_i those of a stored code
    score = (T^2 + Q) / size with `num_neighbours=0`, T^2 / units where a network is shared

    On pixels an autoencoder measures contrast; on features it measures shape. What it rebuilds is
    compared with what it rebuilds of normal images, whose codes it keeps. `T^2` is the squared
    Mahalanobis distance of an image's code from the codes of the training images, `Q` its squared
    error, divided by the mean one of the training images for each of its degrees of freedom:
    together the distance of a Gaussian whose main axes the network has found.

    Choose it by what is normal. Objects in one pose: the default, gradient histograms of a 7 x 7
    grid, all places in one code. Textures: `shared=True`, local gradients at three scales, one
    network for all places; the code of the image is the mean over places, the logarithm of the
    spread over them, and that of the mean error. Photographs of things: the maps of a network that
    was trained on ImageNet, always shared, without the spread.

    `fit` first takes mean and spread of the features from up to 2,000 training images (1,000 where
    a network is shared), and at its end measures codes and errors on them: then `set_threshold`.

    Args:
        image_shape: `(height, width, channels)`, at least 8 x 8 pixels, 32 x 32 for networks.
        features: `"hog"`, or a network of `keras.applications`: `"mobilenet_v2"`,
            `"mobilenet_v3_small"`, `"efficientnet_b0"`, `"resnet50"` or `"vgg16"`.
        shared: Whether one network serves all places. `None` means no for `"hog"`, and yes for
            the maps of networks, which cannot be otherwise.
        latent_dim: Positive int, size of the code of the image, or of a place. `None` means 64,
            and 16 for the local gradients of a place.
        hidden_units: Dense layers between features and code, mirrored in the decoder. `()` makes
            a linear autoencoder.
        activation: Keras activation of the hidden layers.
        num_neighbours: Int from 0 to 1,999, normal images that an image is compared with. 0 takes
            the Gaussian of the codes. `None` means 5, and 0 where a network is shared, which
            cannot be otherwise.
        feature_layers: Names of the network's layers whose maps are read. `None` means the last
            ones whose maps are an eighth and a sixteenth of the image.
        feature_weights: Of the network: `"imagenet"`, which Keras downloads, a path of
            `.weights.h5`, or `None` for random ones. A saved model carries them.
        num_items: Positive int, of a memory of codes that what is decoded is read from, so that
            features of anomalies cannot be copied (see `MemoryAutoencoder`); `None` for none.
        entropy_weight: Float >= 0, of the entropy of the memory's weights.
        **kwargs: See `ZooModel`.

    Call arguments:
        x: Float tensor `(batch, *image_shape)` in `[0, 1]`.

    Returns:
        The rebuilt features, scaled, `(batch, rows, columns, numbers)`.

    Loss terms:
        `reconstruction`: mean squared error of the scaled features, `(batch,)`. With a memory
        `entropy`: of its weights, nats, the mean over the codes of an image.

    Raises:
        ValueError: for unknown features, or images that they cannot be read of.

    Differs from the paper: gradients beside maps of networks; the distance from normal images is
    part of the score. The distance to the nearest ones is that of Bergman et al., 2020
    (https://arxiv.org/abs/2002.10445), here of what is rebuilt.

    When not to use it: to get images back, or for defects smaller than a cell of its grid.

    Example:
        >>> model = zoo.create("feature_autoencoder", image_shape=(28, 28, 1))
        >>> model.feature_shape
        (7, 7, 8)

    Reference: Shi et al., 2020 (deep feature reconstruction). https://arxiv.org/abs/2012.07122
    Gong et al., 2019 (memory). https://arxiv.org/abs/1904.02639
    """

    EXCEPTIONS: ClassVar = {
        "outputs_are_named_and_shaped": "the prediction is of features, not of pixels.",
        "compiled_metrics_compare_prediction_and_target": "they compare features.",
        "loss_falls": "the first fit scales the features, and the loss with them.",
        "any_shape_that_fits": "features are read of images alone, and predicted in their shape.",
        "flat_vectors": "vectors have no gradients.",
        "divisible_shapes": "no image is halved.",
    }

    def __init__(
        self,
        image_shape,
        *,
        features="hog",
        shared=None,
        latent_dim=None,
        hidden_units=(),
        activation="relu",
        num_neighbours=None,
        feature_layers=None,
        feature_weights="imagenet",
        num_items=None,
        entropy_weight=2e-4,
        **kwargs,
    ):
        super().__init__(image_shape, **kwargs)
        owner, is_network = self.owner, features in feature_networks.BACKBONES
        feature_networks.check(owner, features, self.image_shape, shared, feature_layers)
        checks.activation(owner, "activation", activation)
        self.features = features
        self.shared = is_network if shared is None else bool(shared)
        if num_neighbours is None:
            num_neighbours = 0 if self.shared else NUM_NEIGHBOURS
        if num_neighbours != 0:
            checks.positive_int(owner, num_neighbours=num_neighbours)
            checks.number(owner, high=NUM_STORED - 1, num_neighbours=num_neighbours)
            if self.shared:
                raise ValueError(
                    f"{owner}: num_neighbours must be 0 where one network serves all places. "
                    f"Received: num_neighbours={num_neighbours!r}. Leave it out."
                )
        self.num_neighbours = num_neighbours
        if latent_dim is None:
            latent_dim = SHARED_UNITS if self.shared and not is_network else UNITS
        checks.positive_int(owner, latent_dim=latent_dim)
        self.latent_dim = latent_dim
        self.hidden_units = checks.ints(owner, "hidden_units", hidden_units, allow_empty=True)
        self.feature_layers = None if feature_layers is None else tuple(feature_layers)
        self.activation, self.feature_weights = activation, feature_weights
        if num_items is not None:
            checks.positive_int(owner, num_items=num_items)
        checks.number(owner, low=0.0, entropy_weight=entropy_weight)
        self.num_items, self.entropy_weight = num_items, entropy_weight
        self._normals = None

    def own_macs(self, input_shape) -> int:
        """Returns 0: features are scaled one by one."""
        return 0

    # --- networks ---------------------------------------------------------------------------

    def build_networks(self):
        self.extractor = feature_networks.extractor(
            self.features, self.image_shape, shared=self.shared, layer_names=self.feature_layers
        )
        if self.feature_weights is not None and self.features in feature_networks.BACKBONES:
            feature_networks.load_weights(self.extractor, self.features, self.feature_weights)
        self.feature_shape = tuple(self.extractor.output_shape[1:])
        size = self.feature_shape[-1] if self.shared else int(np.prod(self.feature_shape))
        self.encoder = self._dense(size, self.hidden_units, self.latent_dim, "encoder")
        self.decoder = self._dense(self.latent_dim, self.hidden_units[::-1], size, "decoder")
        if self.num_items is not None:
            self.memory = memory.Memory(
                self.num_items, 1 / self.num_items, name="memory", dtype="float32"
            )
            self.memory.build((None, self.latent_dim))
        per_feature = (self.feature_shape[-1],) if self.shared else self.feature_shape
        self.feature_mean = self._constant("feature_mean", per_feature, "zeros")
        self.feature_scale = self._constant("feature_scale", per_feature, "ones")
        self.normal_error = self._constant("normal_error", (), "ones")
        if self.num_neighbours:
            stored = NUM_STORED, self.latent_dim
            self.normal_codes = self._constant("normal_codes", stored, "zeros")
            self.num_normals = self._constant("num_normals", (), "zeros")
        else:
            num = self.num_distances
            self.code_mean = self._constant("code_mean", (num,), "zeros")
            self.code_precision = self._constant("code_precision", (num, num), "identity")
        if self.shared:
            units = self.latent_dim
            self.place_mean = self._constant("place_mean", (units,), "zeros")
            self.place_precision = self._constant("place_precision", (units, units), "identity")

    def _dense(self, num_inputs: int, hidden_units, num_outputs: int, name: str) -> keras.Model:
        shape = (*self.feature_shape[:-1], num_inputs) if self.shared else (num_inputs,)
        units = (*hidden_units, num_outputs)
        return feature_networks.dense(shape, units, self.activation, self.dtype_policy, name)

    def _constant(self, name: str, shape, initializer: str):
        return self.add_weight(
            shape=shape, initializer=initializer, trainable=False, name=name, dtype="float32"
        )

    @property
    def num_distances(self) -> int:
        """Numbers of an image that `T^2` is a distance of: its code; of places, see `_numbers`."""
        if not self.shared:
            return self.latent_dim
        return self.latent_dim * (2 if self.features == feature_networks.HOG else 1) + 1

    # --- the model --------------------------------------------------------------------------

    def scaled_features(self, x):
        """Returns the features less their mean, over their spread: `(batch, *feature_shape)`."""
        features = ops.cast(self.extractor(ops.cast(x, "float32")), "float32")
        return (features - self.feature_mean) / self.feature_scale

    def forward(self, x, training=False):
        features = self.scaled_features(x)
        flat = features if self.shared else ops.reshape(features, (-1, self.encoder.input_shape[1]))
        code = self.encoder(flat, training=training)
        of_memory = {}
        if self.num_items is not None:
            code, of_memory["weights"] = self.memory(code)
        rebuilt = ops.cast(self.decoder(code, training=training), "float32")
        prediction = ops.reshape(rebuilt, (-1, *self.feature_shape))
        return {"prediction": prediction, "features": features, "code": code, **of_memory}

    @property
    def term_weights(self):
        entropy = {} if self.num_items is None else {"entropy": self.entropy_weight}
        return {**super().term_weights, **entropy}

    def loss_terms(self, x, target, outputs):
        features = outputs["features"] if target is x else self.scaled_features(target)
        terms = {"reconstruction": losses.mean_squared_error(features, outputs["prediction"])}
        if self.num_items is not None:
            terms["entropy"] = memory.entropy(outputs["weights"])
        return terms

    def for_metrics(self, target, outputs):
        return self.scaled_features(target), outputs["prediction"]

    # --- what is normal ---------------------------------------------------------------------

    def start_from(self, data, source=None):
        """Takes mean and spread of the features from the data, once."""
        some, data = some_batches(data, source, self._most_images)
        self._normals = normal_images.first(some, self._most_images)
        if self._normals is not None and not self._has_scale():
            self._standardise(self._normals)
        return data

    def after_fit(self):
        """Measures codes and errors on the images that `start_from` took."""
        self.prepare_scores()
        self._normals = None

    def prepare_scores(self):
        """Measures codes and errors in the middle of a `fit`, whose images it has."""
        if self._normals is not None:
            self.measure_normals(self._normals)

    @property
    def _most_images(self) -> int:
        return NUM_STORED if self.num_neighbours else MAX_IMAGES

    def _has_scale(self) -> bool:
        return bool(np.any(ops.convert_to_numpy(self.feature_mean)))

    def _standardise(self, images) -> None:
        features = np.concatenate(
            [np.asarray(self.extractor(part), "float64") for part in normal_images.batches(images)]
        )
        axes = (0, 1, 2) if self.shared else 0
        self.feature_mean.assign(features.mean(axis=axes))
        spread = features.std(axis=axes) if self.shared else features.std(axis=0).mean()
        spread = normal_images.never_zero(spread, features)
        self.feature_scale.assign(np.broadcast_to(spread, self.feature_scale.shape))

    def measure_normals(self, images) -> None:
        """Measures how codes and errors of normal images spread; `fit` ends with it.

        Call it after a training loop of your own, with images of the training data.
        """
        checks.images(self.owner, images, self.image_shape)
        images = images[:: -(-len(images) // self._most_images)]
        parts = [self._read(part)[:2] for part in normal_images.batches(images)]
        codes, errors = (
            np.concatenate([np.asarray(p) for p in each]) for each in zip(*parts, strict=True)
        )
        keep = self._store if self.num_neighbours else self._take_gaussians
        self.normal_error.assign(max(keep(codes, errors), SMALLEST_ERROR))

    def _take_gaussians(self, codes, errors) -> float:
        """Takes how codes spread, and returns the mean error."""
        if self.shared:
            places = codes.reshape(-1, self.latent_dim)
            self._assign_gaussian(self.place_mean, self.place_precision, places)
        numbers = np.asarray(self._numbers(codes, errors))
        self._assign_gaussian(self.code_mean, self.code_precision, numbers)
        return float(errors.mean())

    def _store(self, codes, errors) -> float:
        """Keeps codes, and returns the mean score of their images: each without itself."""
        kept = np.zeros((NUM_STORED, self.latent_dim), "float32")
        kept[: len(codes)] = codes
        self.normal_codes.assign(kept)
        self.num_normals.assign(len(codes))
        rebuilt = (self._rebuilt(part) for part in normal_images.batches(codes))
        distances = [np.asarray(self._distances(part, skip=1)) for part in rebuilt]
        return float(np.concatenate(distances).mean() + ERROR_WEIGHT * errors.mean())

    def _assign_gaussian(self, mean, precision, rows) -> None:
        values = normal_images.mean_and_precision(rows)
        mean.assign(values[0])
        precision.assign(values[1])

    # --- scores -----------------------------------------------------------------------------

    def _read(self, x):
        """Returns codes, errors of cells `(batch, rows, columns)`, and the rebuilt features."""
        outputs = self.forward(x)
        rebuilt = outputs["prediction"]
        errors = ops.mean(ops.square(outputs["features"] - rebuilt), axis=-1)
        return ops.cast(outputs["code"], "float32"), errors, rebuilt

    def _rebuilt(self, codes):
        return ops.cast(self.decoder(codes, training=False), "float32")

    def _numbers(self, codes, errors):
        """Returns what `T^2` is a distance of, `(batch, num_distances)`."""
        if not self.shared:
            return codes
        with_spread = self.features == feature_networks.HOG
        return normal_images.numbers_of_places(codes, errors, with_spread)

    def _distances(self, rebuilt, skip: int = 0):
        """Returns the mean squared distance of each cell to what is rebuilt of the nearest images.

        Args:
            skip: How many of the nearest are left out, of images that are themselves stored.
        """
        normal = self._rebuilt(self.normal_codes)
        rebuilt = ops.reshape(rebuilt, (-1, normal.shape[-1]))
        counts = self.num_normals, self.num_neighbours, skip
        offsets = normal_images.offsets_to_nearest(rebuilt, normal, *counts)
        return ops.mean(ops.reshape(offsets, (-1, *self.feature_shape)), axis=-1)

    def _scores_by_cell(self, x):
        codes, errors, rebuilt = self._read(x)
        if self.num_neighbours:
            return (self._distances(rebuilt) + ERROR_WEIGHT * errors) / self.normal_error
        distance = normal_images.mahalanobis(
            self._numbers(codes, errors), self.code_mean, self.code_precision
        )
        size = self.encoder.input_shape[-1]
        error = max(1, size - self.latent_dim) * errors / self.normal_error
        if not self.shared:
            return (distance[:, None, None] + error) / size
        of_places = error + normal_images.mahalanobis(codes, self.place_mean, self.place_precision)
        of_places = of_places + keras.config.epsilon() ** 2  # where none is strange
        share = of_places / ops.mean(of_places, axis=(1, 2), keepdims=True)
        return distance[:, None, None] / self.num_distances * share

    @batched(check_images)
    def score_map(self, x):
        """Returns the score of each pixel, that of its cell, from 0: `(batch, height, width)`.

        Of a whole grid: the error of the cell and its distance from those of the nearest normal
        images; without neighbours, the error with the code's distance in equal parts for all.
        Shared: the distance of the image, divided among its cells in the shares of their own
        `T^2 + Q`, that of a place among all places.
        """
        cells = self._scores_by_cell(x)
        height, width = self.image_shape[:2]
        down, right = membership(height, cells.shape[1]), membership(width, cells.shape[2])
        return ops.einsum("brc,ri,cj->bij", cells, down, right)

    @batched(check_images)
    def anomaly_score(self, x):
        """Returns one score per image, higher for stranger ones: the mean of `score_map`."""
        return losses.mean_over_event(self.score_map(x))

    @batched(check_images)
    def feature_error(self, x):
        """Returns the mean squared error of the scaled features, `(batch,)`: `Q` alone."""
        outputs = self.forward(x)
        return losses.mean_squared_error(outputs["features"], outputs["prediction"])

    @classmethod
    def from_config(cls, config, custom_objects=None):
        # The file has the weights of the network: nothing is downloaded.
        weights = config.get("feature_weights")
        model = super().from_config({**config, "feature_weights": None}, custom_objects)
        model.feature_weights = weights
        return model
