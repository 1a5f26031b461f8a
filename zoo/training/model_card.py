"""What every model of the zoo does with its card: thresholds of anomalies, and a description."""

import dataclasses

from keras import ops

from zoo.registry import entries, model_card
from zoo.registry.model_card import ModelCard


class HasModelCard:
    """Methods that every model of the zoo gets from its card."""

    card: ModelCard

    def set_threshold(self, scores, *, quantile: float | None = None, num_sigmas=None) -> float:
        """Sets the score above which an image is an anomaly, and keeps it in `card`.

        Args:
            scores: Anomaly scores of normal images that the model was not trained on, `(n,)`.
                Scores of anomalies, or of the training images, make the threshold wrong.
            quantile: Share of the normal images that pass, in `(0, 1)`. Defaults to `0.95`.
            num_sigmas: Number in place of `quantile`: the threshold is the scores' mean plus that
                many standard deviations.

        Returns:
            The threshold.

        Raises:
            ValueError: if both rules are given, or the scores are no finite vector.
        """
        owner = f"{type(self).__name__}.set_threshold"
        threshold, rule = model_card.anomaly_threshold(
            scores, quantile=quantile, num_sigmas=num_sigmas, owner=owner
        )
        self.card = dataclasses.replace(
            self.card,
            threshold=threshold,
            threshold_rule=f"{rule} of {len(scores)} held-out scores",
        )
        return self.card.threshold

    def is_anomaly(self, x):
        """Tells for each image whether its anomaly score is above the card's threshold.

        Returns:
            Booleans, `(batch,)`.

        Raises:
            TypeError: if the model gives no anomaly scores.
            ValueError: if no threshold is set.
        """
        owner = f"{type(self).__name__}.is_anomaly"
        if not hasattr(self, "anomaly_score"):
            raise TypeError(f"{owner}: the model has no anomaly_score. Use an autoencoder.")
        if self.card.threshold is None:
            raise ValueError(
                f"{owner}: card.threshold must be set. Received: card.threshold=None. "
                "Call model.set_threshold(model.anomaly_score(held_out_normals))."
            )
        return self.anomaly_score(x) > self.card.threshold

    def describe(self) -> list[str]:
        """Returns what the model is, in two lines, and a third when it carries a threshold."""
        weights = [
            f"{float(ops.convert_to_numpy(weight)):g} * {name}"
            for name, weight in self.term_weights.items()
        ]
        name = self.registry_name or type(self).__name__
        first_line = (type(self).__doc__ or "").strip().splitlines()[:1]
        facts = [
            f"image_shape {self.image_shape}",
            f"{self.count_params():,} parameters",
            f"loss = {' + '.join(weights).replace('1 * ', '')}",
        ]
        if self.registry_name is not None:
            facts.append(entries.get(self.registry_name).paper)
        lines = [": ".join([name, *first_line]), ", ".join(facts)]
        if self.card.threshold is not None:
            rule = self.card.threshold_rule or "set by hand"
            lines.append(f"anomalies: score above {self.card.threshold:.4g} ({rule})")
        return lines

    def summary(self, line_length=None, positions=None, print_fn=None, **kwargs):
        """Prints what the model is, then Keras's table of its layers."""
        for line in self.describe():
            (print_fn or print)(line)
        super().summary(line_length, positions, print_fn, **kwargs)
