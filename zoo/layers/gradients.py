"""Gradients by hand, and sums over replicas: what Keras has no function for."""

import tensorflow as tf
from keras import ops

from zoo import losses


def squared_jacobian_norm(function, x):
    """Computes `||d function(x) / dx||_F^2` per sample, exactly.

    One vector-Jacobian product per code unit, in a loop that keeps the memory of one: the cost is
    `code size` backward passes.

    Args:
        function: Maps `(batch, ...)` to `(batch, units)`, each row from its own input row alone
            (no batch statistics), and twice differentiable.
        x: Float tensor `(batch, ...)`.

    Returns:
        Float32 tensor `(batch,)`, differentiable in the weights of `function`.
    """
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        code = function(x)
        units = [code[:, unit] for unit in range(code.shape[-1])]
    rows = [losses.sum_over_event(ops.square(tape.gradient(unit, x))) for unit in units]
    return tf.add_n(rows)


def projected_jacobian_norm(function, x, probe):
    """Computes `||J^T v||^2` per sample for a probe `v` in code space.

    For probes with `E[v v^T] = I` its mean is `||J||_F^2` (Hutchinson, 1990): one backward pass
    in place of one per code unit.

    Args:
        function: As in `squared_jacobian_norm`.
        x: Float tensor `(batch, ...)`.
        probe: Float tensor `(batch, units)`.

    Returns:
        Float32 tensor `(batch,)`.
    """
    with tf.GradientTape() as tape:
        tape.watch(x)
        projection = ops.sum(function(x) * ops.cast(probe, "float32"), axis=-1)
    return losses.sum_over_event(ops.square(tape.gradient(projection, x)))


def gradients_of(function, weights) -> list:
    """Computes the gradients of one replica's share of a loss.

    The share is the mean over the replica's batch divided by the number of replicas, because
    optimizers sum gradients over replicas.

    Args:
        function: Takes nothing and returns a scalar, the mean over the replica's batch.
        weights: List of variables.
    """
    num_replicas = tf.distribute.get_strategy().num_replicas_in_sync
    with tf.GradientTape() as tape:
        value = function() / num_replicas
    return tape.gradient(value, weights)


def sum_over_replicas(value):
    """Returns the sum of a tensor's values on all replicas; the tensor itself if there is one."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return value
    return context.all_reduce(tf.distribute.ReduceOp.SUM, value)
