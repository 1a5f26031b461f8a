"""Choosing among trained models, or epochs, when no anomaly is labelled.

    auroc_synthetic   AUROC of held-out normals against copies of them with drawn defects
    aucp              AUROC of held-out normals against unlabelled images, some of them anomalies

Both are higher for better models. The loss on held-out normals, which asks how well normals are
copied, is no measure of what else is copied.
"""

from collections.abc import Callable

import keras
import numpy as np

from zoo.anomalies import defects, ranking

MEASURES = ("auroc_synthetic", "aucp")
_SEED = 0  # of the defects: the same for every epoch and every model


def scores(model, images: np.ndarray) -> np.ndarray:
    """Returns the anomaly score of each image, `(n,)`, also in the middle of a `fit`.

    Raises:
        FloatingPointError: if a score is NaN or infinite.
    """
    if hasattr(model, "prepare_scores"):
        model.prepare_scores()
    values = np.asarray(model.anomaly_score(images), "float64")
    if not np.isfinite(values).all():
        raise FloatingPointError("the anomaly scores hold NaN or infinity")
    return values


def auroc_synthetic(model, normals: np.ndarray) -> float:
    """Computes the AUROC of normal images against damaged copies, see `defects.defective`.

    Args:
        normals: Images that the model was not trained on, `(n, height, width, channels)`.
    """
    damaged, _, _ = defects.defective(normals, _SEED)
    return ranking.chance(scores(model, normals), scores(model, damaged))


def aucp(model, normals: np.ndarray, unlabelled: np.ndarray) -> float:
    """Computes the AUROC of normal images against unlabelled ones, all taken for anomalies.

    It rises with the true AUROC, see `ranking.auroc_of_aucp`.

    Args:
        normals: Normal images that the model was not trained on.
        unlabelled: Images of which some, nobody knows which, are anomalies.

    Reference: Siddiquee et al., 2026. https://arxiv.org/abs/2606.08742
    """
    return ranking.chance(scores(model, normals), scores(model, unlabelled))


class Measured(keras.callbacks.Callback):
    """Writes a measure of the model into the logs of each epoch, for callbacks after it.

    Args:
        name: Of the log.
        measure: Takes the model.
    """

    looks_at_batches = False

    def __init__(self, name: str, measure: Callable[[keras.Model], float]):
        super().__init__()
        self.name, self.measure = name, measure

    def on_epoch_end(self, epoch, logs=None):
        logs[self.name] = self.measure(self.model)


def callbacks(
    monitor: str,
    patience: int,
    normals: np.ndarray | None = None,
    unlabelled: np.ndarray | None = None,
) -> list[keras.callbacks.Callback]:
    """Returns the callbacks that end a `fit` with the weights of its best epoch.

    Args:
        monitor: `"val_loss"`, or one of `MEASURES`.
        patience: Epochs without a better value after which the training ends.
        normals: Held-out normal images, for `MEASURES`.
        unlabelled: For `"aucp"`.
    """
    if monitor == "val_loss":
        return [_stopping(monitor, "min", patience)]
    measures = {
        "auroc_synthetic": lambda model: auroc_synthetic(model, normals),
        "aucp": lambda model: aucp(model, normals, unlabelled),
    }
    name = f"val_{monitor}"
    return [Measured(name, measures[monitor]), _stopping(name, "max", patience)]


def _stopping(name: str, mode: str, patience: int) -> keras.callbacks.EarlyStopping:
    return keras.callbacks.EarlyStopping(
        name, mode=mode, patience=patience, restore_best_weights=True
    )
