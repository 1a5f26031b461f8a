"""Cost and shares of the machine against hand counts."""

import keras
import pytest
from keras import layers

import zoo
from bench.profiling import macs as mac_counter
from bench.profiling import roofline


def counted(total=1_000_000, pointwise=500, activation_bytes=4_000, uncounted=()):
    return mac_counter.MacCount(total, pointwise, 1_000, activation_bytes, {}, tuple(uncounted))


def test_cost_of_a_hand_counted_model():
    """3 x 3 convolution 2 -> 4 on 6 x 6, then 64 -> 5."""
    model = keras.Sequential(
        [keras.Input((6, 6, 2)), layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(5)]
    )
    macs = 16 * 4 * 9 * 2 + 64 * 5
    values = (9 * 2 * 4 + 4) + (64 * 5 + 5)
    found = roofline.cost_fields(model)
    assert found == {
        "forward_macs": macs,
        "forward_flops": 2 * macs + 64 + 5,  # and the biases
        "activation_elements": 64 + 5,
        "activation_bytes": 4 * 69,
        "parameter_bytes": 4 * values,
        "arithmetic_intensity": pytest.approx((2 * macs + 69) / (4 * values + 4 * 69)),
        "uncounted_layers": [],
        "mac_counter": mac_counter.COUNTER,
    }


def test_parameters_stay_in_float32_in_mixed_precision():
    def cost(dtype):
        return roofline.cost_fields(
            zoo.create("autoencoder", (8, 8, 1), preset="tiny", dtype=dtype)
        )

    full, mixed = cost("float32"), cost("mixed_bfloat16")
    assert mixed["parameter_bytes"] == full["parameter_bytes"]
    assert mixed["forward_macs"] == full["forward_macs"]
    assert full["activation_bytes"] / 2 <= mixed["activation_bytes"] < full["activation_bytes"]


def test_a_larger_batch_shares_the_parameters():
    macs = counted()
    one = roofline.arithmetic_intensity(macs, 100_000)
    assert one == pytest.approx(2_000_500 / 104_000)
    ten = roofline.arithmetic_intensity(macs, 100_000, batch_size=10)
    assert ten == pytest.approx(20_005_000 / 140_000)


def test_shares_of_a_known_rate():
    """10^6 MACs at 500 images/s are 10^9 FLOP/s: a tenth of 10 GFLOP/s, three tenths trained."""
    assert roofline.inference_share(counted(), 500.0, 10.0) == pytest.approx(0.1)
    assert roofline.training_share(counted(), 500.0, 10.0) == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("macs", "reason"),
    [
        (counted(uncounted=("LSTM:a", "Odd:b")), "uncounted layers: LSTM:a, Odd:b"),
        (counted(total=0), "the model has no multiply-accumulates"),
    ],
)
def test_what_is_not_counted_has_no_share(macs, reason):
    assert roofline.training_share(macs, 500.0, 10.0) is None
    assert roofline.inference_share(macs, 500.0, 10.0) is None
    assert roofline.reason_unknown(macs).startswith(reason)
    assert roofline.reason_unknown(counted()) is None


def test_intensity_is_unknown_with_uncounted_layers():
    assert roofline.arithmetic_intensity(counted(uncounted=("Odd:b",)), 100) is None
    assert roofline.arithmetic_intensity(counted(activation_bytes=0), 0) is None
