"""Callbacks that move the weight of a loss term during training.

A model with such a term has a variable for it: `kl_scale` of the VAEs multiplies their `beta`,
`capacity_now` of the beta-VAE is its target in nats. The callbacks set the variable at the start
of each epoch and add its value to the logs.
"""

import keras

from zoo import checks


class Schedule(keras.callbacks.Callback):
    """Sets a variable of the model to `value(epoch)` at the start of each epoch.

    Args:
        variable: Attribute name of the model's scalar variable.
    """

    def __init__(self, variable: str):
        super().__init__()
        self.variable = variable

    def value(self, epoch: int) -> float:
        """Returns the value for an epoch, counted from 0."""
        raise NotImplementedError

    def on_train_begin(self, logs=None):
        if not hasattr(getattr(self.model, self.variable, None), "assign"):
            raise ValueError(
                f"{type(self).__name__}: the model must have a variable {self.variable!r}. "
                f"Received: {type(self.model).__name__}. Use it with a VAE."
            )

    def on_epoch_begin(self, epoch, logs=None):
        getattr(self.model, self.variable).assign(self.value(epoch))

    def on_epoch_end(self, epoch, logs=None):
        if logs is not None:
            logs[self.variable] = float(getattr(self.model, self.variable))


class LinearWarmUp(Schedule):
    """Raises a weight linearly from `start` to `end` in `num_epochs`, then holds it.

    value(e) = start + (end - start) min(1, e / num_epochs)

    KL warm-up keeps a VAE from switching its code off before the decoder has learned to read it.

    Args:
        num_epochs: Epochs of the ramp, at least 1; epoch `num_epochs` is the first at `end`.
        start: Value of the first epoch.
        end: Final value.
        variable: The model's variable. Defaults to `"kl_scale"`.

    Reference: Bowman et al., 2016, section 3.1. https://arxiv.org/abs/1511.06349
    """

    def __init__(self, num_epochs: int, start=0.0, end=1.0, variable: str = "kl_scale"):
        super().__init__(variable)
        checks.positive_int("LinearWarmUp", num_epochs=num_epochs)
        checks.number("LinearWarmUp", start=start, end=end)
        self.num_epochs, self.start, self.end = num_epochs, start, end

    def value(self, epoch):
        return self.start + (self.end - self.start) * min(1.0, epoch / self.num_epochs)


class CyclicalAnnealing(Schedule):
    """Repeats a linear ramp from 0 to `end`, each cycle of `cycle_epochs`.

    value(e) = end min(1, (e mod cycle_epochs) / (ramp_fraction cycle_epochs))

    Args:
        cycle_epochs: Epochs per cycle, at least 1.
        ramp_fraction: Share of a cycle that rises, in `(0, 1]`; the paper's `R`.
        end: Value at the top.
        variable: The model's variable. Defaults to `"kl_scale"`.

    Reference: Fu et al., 2019, Eq. 6 and 7. https://arxiv.org/abs/1903.10145
    """

    def __init__(self, cycle_epochs: int, ramp_fraction=0.5, end=1.0, variable="kl_scale"):
        super().__init__(variable)
        checks.positive_int("CyclicalAnnealing", cycle_epochs=cycle_epochs)
        checks.number("CyclicalAnnealing", low=1e-6, high=1.0, ramp_fraction=ramp_fraction)
        checks.number("CyclicalAnnealing", end=end)
        self.cycle_epochs, self.ramp_fraction, self.end = cycle_epochs, ramp_fraction, end

    def value(self, epoch):
        phase = (epoch % self.cycle_epochs) / self.cycle_epochs
        return self.end * min(1.0, phase / self.ramp_fraction)


class CapacityIncrease(Schedule):
    """Raises the KL capacity of a `beta_vae` linearly from 0 to `capacity` nats.

    value(e) = capacity min(1, (e + 1) / num_epochs)

    An epoch has the capacity that a ramp over updates would reach at its end: with 0 for a whole
    one, a large `beta` would switch the code off before it is used.

    Args:
        num_epochs: Epochs of the ramp, at least 1; the last of them has the whole capacity.
        capacity: Final capacity in nats; the paper's `C`.

    Reference: Burgess et al., 2018, section 5. https://arxiv.org/abs/1804.03599
    """

    def __init__(self, num_epochs: int, capacity=25.0):
        super().__init__("capacity_now")
        checks.positive_int("CapacityIncrease", num_epochs=num_epochs)
        checks.number("CapacityIncrease", low=0.0, capacity=capacity)
        self.num_epochs, self.capacity = num_epochs, capacity

    def value(self, epoch):
        return self.capacity * min(1.0, (epoch + 1) / self.num_epochs)
