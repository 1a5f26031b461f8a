"""How near a model comes to what the machine can do: cost per image, intensity, share of the rate.

Reference: Williams et al., Roofline, 2009. https://doi.org/10.1145/1498765.1498785
"""

import math
from typing import Any

from bench.profiling import macs as mac_counter
from bench.profiling.macs import MacCount

# A training step is a forward pass and a backward pass of twice its work.
PASSES_OF_TRAINING = 3


def cost_fields(model, macs: MacCount | None = None) -> dict[str, Any]:
    """Returns the fields of a record that tell what one forward pass of one image costs.

    Args:
        model: A built model.
        macs: Its count, where it is known already.

    Returns:
        `forward_macs`, `forward_flops`, `activation_elements` (outputs of convolutions and dense
        layers), `activation_bytes`, `parameter_bytes` (as stored, those that only training needs
        too), `arithmetic_intensity` of one image, `uncounted_layers` and `mac_counter`.
    """
    macs = macs or mac_counter.count_macs(model)
    parameter_bytes = sum(
        math.prod(weight.shape) * mac_counter.num_bytes(weight.dtype) for weight in model.weights
    )
    return {
        "forward_macs": macs.total,
        "forward_flops": macs.flops,
        "activation_elements": macs.activations,
        "activation_bytes": macs.activation_bytes,
        "parameter_bytes": parameter_bytes,
        "arithmetic_intensity": arithmetic_intensity(macs, parameter_bytes),
        "uncounted_layers": list(macs.uncounted_layers),
        "mac_counter": mac_counter.COUNTER,
    }


def arithmetic_intensity(macs: MacCount, parameter_bytes: int, batch_size: int = 1) -> float | None:
    """Computes the operations of a forward pass per byte that it must move at least.

        intensity = batch_size FLOPs / (parameter bytes + batch_size activation bytes)

    Parameters are read once per batch, and each output of a convolution or dense layer is written
    once. Compare it with a rate that was measured at the same batch size.

    Args:
        macs: The count of one image.
        parameter_bytes: Bytes of the weights.
        batch_size: Images in one pass.

    Returns:
        FLOPs per byte; None where some layers could not be counted or nothing is moved.
    """
    moved = parameter_bytes + batch_size * macs.activation_bytes
    if macs.uncounted_layers or moved == 0:
        return None
    return batch_size * macs.flops / moved


def training_share(macs: MacCount, images_per_second: float, machine_gflops: float) -> float | None:
    """Computes the model FLOPs utilisation (MFU) of training.

        share = 3 * 2 * forward MACs * images per second / machine rate

    The 3 stands for a forward pass and a backward pass of twice its work. A model that does more
    in a step, such as one with several samples or a second player, is credited with no more.

    Args:
        macs: The count of one image.
        images_per_second: Of training.
        machine_gflops: Rate of the machine in 10^9 FLOP/s; see `bench.profiling.peak_rate`.

    Returns:
        A share, in `[0, 1]` but for noise; None where some layers could not be counted.

    Reference: Chowdhery et al., PaLM, 2022, appendix B. https://arxiv.org/abs/2204.02311
    """
    inference = inference_share(macs, images_per_second, machine_gflops)
    return None if inference is None else PASSES_OF_TRAINING * inference


def inference_share(
    macs: MacCount, images_per_second: float, machine_gflops: float
) -> float | None:
    """Computes the share of the machine's rate that inference reaches.

        share = 2 * forward MACs * images per second / machine rate

    See `training_share` for the arguments and the returned value.
    """
    if reason_unknown(macs) is not None:
        return None
    return 2e-9 * macs.total * images_per_second / machine_gflops


def reason_unknown(macs: MacCount) -> str | None:
    """Returns why shares of the machine's rate cannot be given, None where they can."""
    if macs.uncounted_layers:
        return f"uncounted layers: {', '.join(macs.uncounted_layers)}"
    return None if macs.total else "the model has no multiply-accumulates that could be counted"
