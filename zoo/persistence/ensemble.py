"""Several trainings of one model, judged together."""

import json
from pathlib import Path

import keras
import numpy as np

from zoo import checks
from zoo.files import new_file
from zoo.optimizers import reading
from zoo.persistence.saving import load, save
from zoo.registry import entries
from zoo.registry.model_card import ModelCard
from zoo.training.model_card import HasThresholds

_CARD = "ensemble.json"


class Ensemble(HasThresholds):
    """K members of one model that differ in their seeds; what they agree on counts.

        reconstruction mu = mean of mu_k
        variance sigma^2 = mean of (sigma_k^2 + mu_k^2) - mu^2,  sigma_k^2 = 0 without prediction
        score of a pixel = exp(-s) (x' - mu')^2 + s,  s = log sigma'^2 on the scale [-1, 1], of
                           members that predict their uncertainty; else the mean of their scores

    Where members disagree about an image, they have not seen its like: the total variance has
    that beside the noise that each predicts.

    Args:
        members: At least two models of one class and image shape.

    Raises:
        ValueError: for fewer, or for models that differ.

    Example:
        >>> import zoo
        >>> ensemble = zoo.Ensemble.create("upae", (28, 28, 1), num_members=3, preset="tiny")
        >>> len(ensemble.members)
        3

    Reference: Lakshminarayanan et al., 2017. https://arxiv.org/abs/1612.01474
    """

    def __init__(self, members):
        members = list(members)
        kinds = {(type(member), member.image_shape) for member in members}
        if len(members) < 2 or len(kinds) != 1:
            raise ValueError(
                "Ensemble: members must be at least 2 models of one class and image shape. "
                f"Received: {len(members)} of {len(kinds)} kinds. Use zoo.Ensemble.create."
            )
        self.members = members
        self.card = ModelCard()

    @classmethod
    def create(
        cls, name: str, image_shape=None, *, num_members: int = 5, seed: int = 0, **arguments
    ):
        """Creates the members, as `zoo.create` does, with seeds from `seed` on."""
        checks.positive_int("Ensemble.create", num_members=num_members)
        members = []
        for number in range(num_members):
            keras.utils.set_random_seed(seed + number)
            members.append(entries.create(name, image_shape, seed=seed + number, **arguments))
        return cls(members)

    @property
    def image_shape(self) -> tuple[int, ...]:
        return self.members[0].image_shape

    def compile(self, optimizer="adam", **arguments) -> None:
        """Compiles each member, with an optimizer of its own of the same settings."""
        config = keras.optimizers.serialize(reading.read("Ensemble", optimizer))
        for member in self.members:
            member.compile(keras.optimizers.deserialize(config), **arguments)

    def fit(self, *args, **kwargs) -> list:
        """Trains the members one after the other on the same data; returns their histories."""
        return [member.fit(*args, **kwargs) for member in self.members]

    def reconstruct(self, x) -> np.ndarray:
        """Returns the mean of the members' reconstructions, `(batch, *image_shape)`."""
        return np.mean([member.reconstruct(x) for member in self.members], axis=0)

    def predict_uncertainty(self, x) -> np.ndarray:
        """Returns the total standard deviation of each pixel, in `[0, 1]` pixel units."""
        return self._mean_and_deviation(x)[1]

    def score_map(self, x) -> np.ndarray:
        """Returns the score of each pixel; shapes as the members'."""
        if not hasattr(self.members[0], "predict_uncertainty"):
            return np.mean([member.score_map(x) for member in self.members], axis=0)
        mean, deviation = self._mean_and_deviation(x)
        variance = np.square(2 * deviation)  # of pixels on the scale [-1, 1]
        score = np.square(2 * (np.asarray(x, "float64") - mean)) / variance + np.log(variance)
        return score.mean(axis=-1) if len(self.image_shape) > 1 else score

    def anomaly_score(self, x) -> np.ndarray:
        """Returns one score per image, higher for stranger ones: the mean of `score_map`."""
        scores = self.score_map(x)
        return scores.reshape(len(scores), -1).mean(axis=1)

    def _mean_and_deviation(self, x) -> tuple[np.ndarray, np.ndarray]:
        means = np.array([member.reconstruct(x) for member in self.members], "float64")
        variance = means.var(axis=0)
        if hasattr(self.members[0], "predict_uncertainty"):
            deviations = np.array([member.predict_uncertainty(x) for member in self.members])
            variance = variance + np.square(deviations.astype("float64")).mean(axis=0)
        return means.mean(axis=0), np.sqrt(variance)

    # --- files ------------------------------------------------------------------------------

    def save(self, folder) -> None:
        """Writes a `.keras` file for each member into a folder, and the card last."""
        folder = Path(folder)
        for number, member in enumerate(self.members):
            save(member, folder / f"member_{number}.keras")
        with new_file(folder / _CARD) as temporary:
            contents = {"num_members": len(self.members), "card": self.card.get_config()}
            temporary.write_text(json.dumps(contents))

    @classmethod
    def load(cls, folder) -> "Ensemble":
        """Loads what `save` wrote.

        Raises:
            FileNotFoundError: if the folder holds no ensemble.
        """
        folder = Path(folder)
        if not (folder / _CARD).exists():
            raise FileNotFoundError(
                f"Ensemble.load: folder must hold {_CARD}. Received: {folder}. "
                "It is written by ensemble.save(folder)."
            )
        contents = json.loads((folder / _CARD).read_text())
        paths = (folder / f"member_{number}.keras" for number in range(contents["num_members"]))
        ensemble = cls([load(path) for path in paths])
        ensemble.card = ModelCard.from_config(contents["card"])
        return ensemble
