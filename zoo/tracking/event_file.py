"""TensorBoard's event files, written without TensorFlow and without TensorBoard.

A file is a row of records, each its length, a checksum of that, an `Event` in the encoding of
protocol buffers, and a checksum of it. Only what scalars and texts need is written here.

Reference: tensorflow/core/lib/io/record_writer.h, tensorflow/core/util/event.proto,
tensorflow/core/framework/summary.proto.
"""

import os
import socket
import struct
import time
from collections.abc import Mapping
from pathlib import Path

PREFIX = "events.out.tfevents"
_STRING_TENSOR = 7  # DT_STRING


def _table() -> tuple[int, ...]:
    """Returns the table of CRC-32C, of the polynomial 0x1EDC6F41 reflected."""
    rows = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
        rows.append(byte)
    return tuple(rows)


_CRC = _table()


def masked_crc(data: bytes) -> int:
    """Returns the checksum of TensorFlow's records.

    crc = CRC-32C;   ((crc >> 15) | (crc << 17)) + 0xA282EAD8,   in 32 bits
    """
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


class EventFile:
    """An event file that grows by whole records, each on the disk when its call returns.

    Args:
        folder: Of the run, whose name TensorBoard shows; event files that are there are removed,
            as they are of an earlier try of the same run.
    """

    def __init__(self, folder: Path):
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob(f"{PREFIX}.*"):
            old.unlink()
        host = socket.gethostname() or "here"
        self.path = folder / f"{PREFIX}.{int(time.time())}.{host}.{os.getpid()}"
        self._write(_text(3, "brain.Event:2"))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Writes numbers by name, of a step."""
        parts = (_text(1, name) + _float(2, value) for name, value in values.items())
        self._summary(step, b"".join(_bytes(1, part) for part in parts))

    def text(self, name: str, content: str) -> None:
        """Writes a text, in Markdown."""
        tensor = _varint(1, _STRING_TENSOR) + _bytes(2, b"") + _text(8, content)
        plugin = _bytes(9, _bytes(1, _text(1, "text")))
        self._summary(0, _bytes(1, _text(1, name) + plugin + _bytes(8, tensor)))

    def _summary(self, step: int, content: bytes) -> None:
        self._write(_varint(2, step) + _bytes(5, content))

    def _write(self, event: bytes) -> None:
        event = b"\x09" + struct.pack("<d", time.time()) + event  # field 1, a double
        length = struct.pack("<Q", len(event))
        record = length + struct.pack("<I", masked_crc(length)) + event
        with open(self.path, "ab") as file:
            file.write(record + struct.pack("<I", masked_crc(event)))


def _number(value: int) -> bytes:
    """Returns a whole number of seven bits a byte, the lowest first."""
    parts = bytearray()
    while True:
        value, rest = value >> 7, value & 0x7F
        parts.append(rest | (0x80 if value else 0))
        if not value:
            return bytes(parts)


def _varint(field: int, value: int) -> bytes:
    return _number(field << 3) + _number(value)


def _bytes(field: int, content: bytes) -> bytes:
    return _number(field << 3 | 2) + _number(len(content)) + content


def _text(field: int, content: str) -> bytes:
    return _bytes(field, content.encode("utf-8", "replace"))


def _float(field: int, value: float) -> bytes:
    try:
        return _number(field << 3 | 5) + struct.pack("<f", value)
    except OverflowError:
        return _number(field << 3 | 5) + struct.pack(
            "<f", float("inf") if value > 0 else -float("inf")
        )
