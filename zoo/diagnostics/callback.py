"""Callbacks for `fit` that watch a training."""

import dataclasses
import math
import time

import keras
import numpy as np

from zoo import checks
from zoo.diagnostics import SEVERITIES, Finding, Recording, diagnose
from zoo.diagnostics.outputs import explained_variance, is_constant
from zoo.diagnostics.probe import Prober, last_activation, needs_probabilities
from zoo.diagnostics.recording import percent
from zoo.diagnostics.tracking import Tracking as Tracking

NUM_PROBE_IMAGES = 64


class HealthCheck(keras.callbacks.Callback):
    """Says after `fit` what is wrong with a training, in sentences with a number and a remedy.

    A few images, always the same, are put through the model before training, after the epochs 1,
    4, 16 and so on, and at the end: each time one forward and one backward pass, in inference
    mode. It changes nothing: the training has the same numbers with and without it. (Noise that a
    model of your own draws from Keras' or NumPy's global generator is the exception.)

    Findings have a `code`:

    - loss: `loss_not_finite`, `loss_exploded`, `loss_rose`, `loss_flat`, `still_improving`,
      `plateau`, `overfitting`, `underfitting`, `no_validation`;
    - layers: `weights_not_finite`, `weights_unchanged`, `weights_barely_changed`,
      `weights_exploded`, `layer_unchanged`, `layer_frozen`, `vanishing_gradients`, `dead_units`;
    - outputs: `outputs_outside_range`, `outputs_saturated`, `predictions_unchanged`,
      `predictions_constant`, `no_better_than_mean_image`, `constant_target`;
    - codes: `posterior_collapse`, `code_collapse`.

    Args:
        x: Training inputs, as `fit` takes them: arrays, or a dict of them. A few rows are used,
            evenly spread.
        y: Their targets, for a model that is trained with some.
        num_images: Int >= 1, rows that are used.
        verbose: `0` prints nothing, `1` prints a summary at the end.

    Attributes:
        findings: List of `zoo.diagnostics.Finding`, errors first; also there when `fit` was
            stopped by an error.
        layer_changes: Dict of each layer's path to `||w - w_0|| / ||w_0||`, `w_0` its weights
            before training.
        recording: The `zoo.diagnostics.Recording` that the findings are drawn from.
        seconds: Time that the probes took.

    Raises:
        ValueError: if `x` and `y` are not arrays of the same number of rows.

    Example:
        >>> import numpy as np
        >>> images = np.random.default_rng(0).random((64, 8, 8, 1), "float32")
        >>> model = zoo.create("autoencoder", (8, 8, 1), preset="tiny")
        >>> model.compile(keras.optimizers.SGD(0.0))
        >>> check = zoo.callbacks.HealthCheck(images, verbose=0)
        >>> _ = model.fit(images, callbacks=[check], verbose=0)
        >>> check.findings[0].code
        'loss_flat'
    """

    def __init__(self, x, y=None, *, num_images: int = NUM_PROBE_IMAGES, verbose: int = 1):
        super().__init__()
        checks.positive_int("HealthCheck", num_images=num_images)
        checks.one_of("HealthCheck", verbose=(verbose, (0, 1)))
        leaves = [np.shape(part) for part in keras.tree.flatten([x, y]) if part is not None]
        sizes = {shape[0] if shape else None for shape in leaves}
        if len(sizes) != 1 or None in sizes or 0 in sizes:
            raise ValueError(
                "HealthCheck: x and y must be arrays of the same number of rows. Received: "
                f"x={type(x).__name__}, y={type(y).__name__} of shapes {leaves}. Give what fit "
                "gets, or of a tf.data.Dataset one batch: next(iter(dataset))."
            )
        (num_rows,) = sizes
        rows = np.unique(
            np.linspace(0, num_rows - 1, min(num_images, num_rows)).round().astype(int)
        )
        self._x = keras.tree.map_structure(lambda part: _rows(part, rows), x)
        self._y = None if y is None else keras.tree.map_structure(lambda part: _rows(part, rows), y)
        self.verbose = verbose
        self.recording = Recording()
        self.seconds = 0.0
        self._prober = None

    # --- recording --------------------------------------------------------------------------

    def on_train_begin(self, logs=None):
        self._prober = Prober(self.model, _tensors(self._x), _tensors(self._y))
        layer, activation = last_activation(self.model)
        rate = getattr(self.model.optimizer, "learning_rate", None)
        self.recording = Recording(
            frozen_layers=self._prober.frozen_layers,
            learning_rate=None if rate is None else float(np.asarray(rate)),
            output_layer=layer,
            output_activation=activation,
            needs_probabilities=needs_probabilities(self.model),
        )
        self.seconds = 0.0
        self._num_epochs = 0
        self._probe()

    def on_epoch_end(self, epoch, logs=None):
        self._num_epochs += 1
        for name, value in (logs or {}).items():
            self.recording.history.setdefault(name, []).append(float(value))
        is_due = self._num_epochs in (4**power for power in range(16))
        losses = self.recording.history.get("loss", [])
        has_just_broken = [math.isfinite(loss) for loss in losses[-2:]] in ([False], [True, False])
        if has_just_broken or (is_due and epoch + 1 != self.params.get("epochs")):
            self._probe()

    def on_train_end(self, logs=None):
        self._probe()  # also after a last epoch: EarlyStopping may have put weights back
        self._prober = None  # and with it the first weights
        if self.verbose:
            print(self.summary())

    def _probe(self) -> None:
        started = time.perf_counter()
        probes = self.recording.probes
        if len(probes) > 1:  # images are kept of the first and the last probe alone
            probes[-1] = dataclasses.replace(probes[-1], prediction=None, code=None)
        probes.append(self._prober.probe(self._num_epochs))
        self.recording.target = self._prober.target
        self.seconds += time.perf_counter() - started

    # --- results ----------------------------------------------------------------------------

    @property
    def findings(self) -> list[Finding]:
        return diagnose(self.recording)

    @property
    def layer_changes(self) -> dict[str, float]:
        probes = self.recording.probes
        return dict(probes[-1].layer_changes) if probes else {}

    def summary(self) -> str:
        """Returns the findings as lines of text."""
        findings = self.findings
        counts = [
            sum(finding.severity == severity for finding in findings) for severity in SEVERITIES
        ]
        told = [f"{n} {s}{'s' * (n != 1)}" for n, s in zip(counts, SEVERITIES, strict=True) if n]
        name = getattr(self.model, "name", "model")
        lines = [f"Health of {name!r}: {', '.join(told) or 'nothing found'}.{self._good_news()}"]
        lines += [f"  {finding.severity:<8} {finding.code}: {finding}." for finding in findings]
        return "\n".join(lines)

    def _good_news(self) -> str:
        if len(self.recording.probes) < 2:
            return ""
        start, end = self.recording.losses()
        parts = [] if start is None else [f"loss {start:.4g} -> {end:.4g}"]
        target, prediction = self.recording.target, self.recording.trained.prediction
        if target is not None and prediction is not None and not is_constant(target):
            explained = explained_variance(target, prediction)
            if math.isfinite(explained):
                parts.append(f"{percent(explained)} of the variance explained")
        changes = [change for change in self.layer_changes.values() if math.isfinite(change)]
        if changes:
            low, high = percent(min(changes)), percent(max(changes))
            parts.append(f"weights of each layer changed by {low} to {high}")
        return f" {'; '.join(parts)}." if parts else ""


def _tensors(values):
    return None if values is None else keras.tree.map_structure(keras.ops.convert_to_tensor, values)


def _rows(part, rows: np.ndarray) -> np.ndarray:
    part = np.asarray(part)[rows]
    return part.astype("float32") if part.dtype.kind == "f" else part
