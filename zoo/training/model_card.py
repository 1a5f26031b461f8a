"""What every model of the zoo does with its card: thresholds of anomalies, and a description."""

import dataclasses

import numpy as np
from keras import ops

from zoo.registry import conformal, entries, model_card
from zoo.registry.model_card import ModelCard


class HasThresholds:
    """Methods of what has a `card` and gives anomaly scores: when an image is an anomaly."""

    card: ModelCard

    def set_threshold(
        self,
        scores,
        *,
        false_alarm_rate: float | None = None,
        quantile: float | None = None,
        num_sigmas: float | None = None,
    ) -> float:
        """Sets the score above which an image is an anomaly; keeps it, and the scores, in `card`.

        Args:
            scores: Anomaly scores of normal images that the model was not trained on, `(n,)`.
                Scores of anomalies, or of the training images, make the threshold wrong.
            false_alarm_rate: Share of normal images that may be flagged, on average, in `(0, 1)`;
                needs `1 / rate - 1` scores. Defaults to `0.05`. The rule in the card says what
                to expect with so many scores.
            quantile: Number in its place: the share of these scores that pass, in `(0, 1)`.
            num_sigmas: Number in its place: the threshold is the scores' mean plus that many
                standard deviations.

        Returns:
            The threshold.

        Raises:
            ValueError: if several rules are given, the scores are no finite vector, or too few.
        """
        owner = f"{type(self).__name__}.set_threshold"
        threshold, rule = model_card.anomaly_threshold(
            scores,
            false_alarm_rate=false_alarm_rate,
            quantile=quantile,
            num_sigmas=num_sigmas,
            owner=owner,
        )
        self.card = dataclasses.replace(
            self.card,
            threshold=threshold,
            threshold_rule=f"{rule} of {len(scores)} held-out scores",
            held_out_scores=tuple(np.asarray(scores, "float64").tolist()),
            scored=None,
        )
        return self.card.threshold

    def set_pixel_threshold(
        self, score_maps, *, false_alarm_rate: float = model_card.FALSE_ALARM_RATE
    ) -> float:
        """Sets the score above which a pixel is strange, and keeps it in `card`.

        By the rank of the highest score of each map: of normal images at most that share has a
        strange pixel anywhere, on average.

        Args:
            score_maps: Of normal images that the model was not trained on, `(n, height, width)`
                or `(n, length)`.
            false_alarm_rate: Of whole images, in `(0, 1)`; needs `1 / rate - 1` maps.

        Returns:
            The threshold.

        Raises:
            ValueError: as `set_threshold` does.
        """
        owner = f"{type(self).__name__}.set_pixel_threshold"
        score_maps = np.asarray(score_maps)
        if score_maps.ndim < 2:
            raise ValueError(
                f"{owner}: score_maps must have one map for each image. Received: shape "
                f"{score_maps.shape}. Use model.score_map(held_out_normals)."
            )
        highest = score_maps.reshape(len(score_maps), -1).max(axis=1)
        threshold, rule = model_card.anomaly_threshold(
            highest, false_alarm_rate=false_alarm_rate, owner=owner
        )
        rule = f"images with a strange pixel: {rule} of {len(highest)} held-out maps"
        self.card = dataclasses.replace(
            self.card, pixel_threshold=threshold, pixel_threshold_rule=rule
        )
        return self.card.pixel_threshold

    def p_values(self, x):
        """Returns how rare each image's score is among held-out normals, `(batch,)` in (0, 1].

            p = (1 + number of held-out scores >= score) / (n + 1)

        A normal image has p <= a with a probability of at most `a`. Over a batch of images,
        `zoo.benjamini_hochberg(p, 0.1)` flags those of which at most a tenth are false alarms.

        Raises:
            TypeError: if the model gives no anomaly scores.
            ValueError: if no held-out scores are kept: call `set_threshold`; or a score is NaN.
        """
        owner = f"{type(self).__name__}.p_values"
        self._check_scores(owner)
        if not self.card.held_out_scores:
            raise ValueError(
                f"{owner}: card.held_out_scores must not be empty. Received: (). "
                "Call model.set_threshold(model.anomaly_score(held_out_normals))."
            )
        scores = ops.convert_to_numpy(self.anomaly_score(x))
        return conformal.p_values(scores, self.card.held_out_scores)

    def is_anomaly(self, x):
        """Tells for each image whether its anomaly score is above the card's threshold.

        Returns:
            Booleans, `(batch,)`.

        Raises:
            TypeError: if the model gives no anomaly scores.
            ValueError: if no threshold is set, or a score is NaN.
        """
        owner = f"{type(self).__name__}.is_anomaly"
        self._check_scores(owner)
        if self.card.threshold is None:
            raise ValueError(
                f"{owner}: card.threshold must be set. Received: card.threshold=None. "
                "Call model.set_threshold(model.anomaly_score(held_out_normals))."
            )
        scores = self.anomaly_score(x)
        conformal.comparable(owner, ops.convert_to_numpy(scores))
        return scores > self.card.threshold

    def _check_scores(self, owner: str) -> None:
        if not hasattr(self, "anomaly_score"):
            raise TypeError(f"{owner}: the model has no anomaly_score. Use an autoencoder.")


class HasModelCard(HasThresholds):
    """Methods that every model of the zoo gets from its card."""

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
