"""A step of training, of inference, and of inference on one image."""

from bench.profiling import steps
from bench.suites.conftest import BATCH_SIZE


def test_training_step(model, measured_step):
    step = steps.training(model.model, model.x, model.y, batch_size=BATCH_SIZE)
    measured_step(step, model.facts)


def test_inference(model, measured_step):
    measured_step(steps.inference(model.model, model.inputs, batch_size=BATCH_SIZE), model.facts)


def test_latency(model, measured_step):
    measured_step(steps.inference(model.model, model.inputs, batch_size=1), model.facts)
