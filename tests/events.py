"""TensorBoard's event files, read by TensorFlow, which checks every checksum."""

import tensorflow as tf
from tensorflow.core.util import event_pb2


def read(folder):
    """Returns the only event file of a folder: version, scalars by name, texts by name.

    Scalars are lists of `(step, value)`.
    """
    (path,) = folder.glob("events.out.tfevents.*")
    version, scalars, texts = "", {}, {}
    for raw in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        event = event_pb2.Event.FromString(raw)
        version = event.file_version or version
        for value in event.summary.value:
            if value.metadata.plugin_data.plugin_name == "text":
                texts[value.tag] = value.tensor.string_val[0].decode()
            else:
                scalars.setdefault(value.tag, []).append((event.step, value.simple_value))
    return version, scalars, texts
