"""Floors of training steps: counted by hand, and clocks that are read right."""

import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import zoo
from bench.peers import roofline_bound


def test_work_of_a_dense_network():
    model = zoo.create("autoencoder", (28, 28, 1), preset="tf_tutorial_dense")
    work = roofline_bound.work_of(model, batch_size=32)
    assert work.product_flop == 32 * 3 * 2 * (784 * 64 + 64 * 784)
    assert work.convolution_flop == 0
    assert work.num_bytes == 32 * 5 * 4 * (64 + 784) + 9 * 4 * 101_200


def test_work_of_a_convolutional_network():
    model = zoo.create("vae", (28, 28, 1), preset="keras_io")
    work = roofline_bound.work_of(model, batch_size=1)
    assert work.product_flop == 6 * (3136 * 16 + 2 * 16 * 2 + 2 * 3136)
    encoder = 14 * 14 * 9 * 32 + 7 * 7 * 9 * 32 * 64
    decoder = 7 * 7 * 9 * 64 * 64 + 14 * 14 * 9 * 64 * 32 + 28 * 28 * 9 * 32
    assert work.convolution_flop == 6 * (encoder + decoder)


def test_lower_bound_is_work_by_rate():
    rates = roofline_bound.Machine(
        matmul=100.0, convolution=50.0, kernel_gradient=30.0, bandwidth=10.0
    )
    assert roofline_bound.Work(1e9, 2e9, 5e8).lower_bound_seconds(rates) == pytest.approx(
        (0.01, 0.04, 0.05)
    )


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ("_MklNativeFusedMatMul", "products"),
        ("Conv2DBackpropFilter", "convolutions"),
        ("_FusedBatchNormEx", "normalisation"),
        ("ResourceApplyAdam", "optimizer"),
        ("GatherV2", "gathering rows"),
        ("SigmoidGrad", "elementwise"),
    ],
)
def test_kinds_of_operations(operation, kind):
    assert roofline_bound.kind_of(operation) == kind


def test_a_trace_is_read(tmp_path):
    """Products take most of a graph of products; what encloses them is not counted again."""
    matrix = tf.constant(np.random.default_rng(0).random((512, 512), "float32"))

    @tf.function
    def products(count):
        def body(index, value):
            return index + 1, tf.tanh(matrix @ value)

        return tf.while_loop(lambda index, _: index < count, body, (0, matrix))[1]

    products(tf.constant(2))
    tf.profiler.experimental.start(str(tmp_path))
    started = time.perf_counter()
    products(tf.constant(20)).numpy()
    seconds = time.perf_counter() - started
    tf.profiler.experimental.stop()
    found = roofline_bound.read_trace(Path(tmp_path))
    assert found["products"] > 2 * found["elementwise"] > 0
    assert sum(found.values()) < 1.2 * seconds  # one operation at a time


def test_table():
    record = {
        "title": "a network",
        "step_ms": 2.0,
        "floor_products_ms": 0.5,
        "floor_convolutions_ms": 0.1,
        "floor_memory_ms": 0.25,
        "share": 0.3,
        "time_of": dict.fromkeys(roofline_bound.KINDS, 0.1),
        "machine_matmul": 120.4,
        "machine_convolution": 80.0,
        "machine_kernel_gradient": 40.0,
        "machine_bandwidth": 9.87,
    }
    text = roofline_bound.markdown([record])
    assert "| a network | 2 | 0.6 | 30% | 0.25 | 10% |" in text
    assert "120 GFLOP/s for matrices, 80 for a convolution, 40 for the gradient" in text
