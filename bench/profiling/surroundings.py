"""What a measurement in this process was made on, with what Keras and TensorFlow tell."""

from typing import Any

from bench.records import environment


def describe() -> dict[str, Any]:
    """Describes machine, software and device: the `environment.FIELDS` of a record.

    Without Keras or TensorFlow, as beside another framework, what they would tell is None.
    """
    fields = environment.describe() | _of_tensorflow()
    return {name: fields[name] for name in environment.FIELDS}


def _of_tensorflow() -> dict[str, Any]:
    try:
        import keras
        import tensorflow as tf
    except ImportError:
        return dict.fromkeys(environment.OF_TENSORFLOW)
    gpus = tf.config.list_physical_devices("GPU")
    names = [tf.config.experimental.get_device_details(gpu).get("device_name") for gpu in gpus]
    threads = tf.config.threading.get_intra_op_parallelism_threads()
    return {
        "backend": keras.backend.backend(),
        "device": ", ".join(name or "GPU" for name in names) or "CPU",
        "threads": threads or environment.num_cpus(),
    }
