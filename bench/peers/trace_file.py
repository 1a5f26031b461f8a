"""Reads the events of a trace that TensorFlow's profiler wrote, a `.xplane.pb` file.

TensorFlow has no public reader, and the module with the message classes has another name in each
version. The field numbers of a protobuf message never change. So the fields that are needed are
declared here, and `protobuf`, on which TensorFlow depends, reads the file by these declarations.

Source: https://github.com/openxla/xla/blob/main/third_party/tsl/tsl/profiler/protobuf/xplane.proto
"""

import dataclasses
import functools
from collections.abc import Iterator
from pathlib import Path

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_PACKAGE = "bench.trace"
# Message: field, its number, its type, whether it is repeated. A map is a list of its entries.
_MESSAGES = {
    "Space": [("planes", 1, "Plane", True)],
    "Plane": [
        ("name", 2, "string", False),
        ("lines", 3, "Line", True),
        ("event_metadata", 4, "NamedEntry", True),
    ],
    "NamedEntry": [("key", 1, "int64", False), ("value", 2, "Named", False)],
    "Named": [("name", 2, "string", False)],
    "Line": [("events", 4, "Event", True)],
    "Event": [("metadata_id", 1, "int64", False), ("duration_ps", 3, "int64", False)],
}


@dataclasses.dataclass(frozen=True)
class Event:
    """Something that took time.

    Attributes:
        plane: Where: `/host:CPU`, or a device.
        name: What, such as `decoder/conv1/convolution:Conv2D`.
        seconds: How long.
    """

    plane: str
    name: str
    seconds: float


def read_events(path: Path) -> Iterator[Event]:
    """Yields the events of a trace, plane by plane and thread by thread."""
    space = _space_class()()
    space.ParseFromString(path.read_bytes())
    for plane in space.planes:
        names = {entry.key: entry.value.name for entry in plane.event_metadata}
        for line in plane.lines:
            for event in line.events:
                yield Event(plane.name, names[event.metadata_id], event.duration_ps / 1e12)


@functools.cache
def _space_class() -> type:
    """Returns the class of a whole trace."""
    field_class = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="bench/trace.proto", package=_PACKAGE, syntax="proto3"
    )
    for message, fields in _MESSAGES.items():
        declared = file.message_type.add(name=message)
        for name, number, kind, is_repeated in fields:
            field = declared.field.add(name=name, number=number)
            field.label = field_class.LABEL_REPEATED if is_repeated else field_class.LABEL_OPTIONAL
            if kind in _MESSAGES:
                field.type, field.type_name = field_class.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"
            else:
                field.type = getattr(field_class, f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Space"))
