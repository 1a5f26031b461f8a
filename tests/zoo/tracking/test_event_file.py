"""Event files, as TensorFlow reads them."""

import math

import events

from zoo.tracking import event_file


def test_the_checksum_is_that_of_the_standard():
    """CRC-32C of "123456789" is 0xE3069283 (RFC 3720, B.4, has others of this kind)."""
    crc = 0xE3069283
    masked = (((crc >> 15) | (crc << 17)) + 0xA282EAD8) % 2**32
    assert event_file.masked_crc(b"123456789") == masked


def test_tensorflow_reads_what_was_written(tmp_path):
    file = event_file.EventFile(tmp_path / "run")
    file.text("settings", "| größe | 8 |")
    file.scalars(1, {"loss": 0.5, "val_loss": 1e-7})
    file.scalars(300, {"loss": -2.25, "large": 1e300})
    version, scalars, texts = events.read(tmp_path / "run")
    assert version == "brain.Event:2"
    assert texts == {"settings": "| größe | 8 |"}
    assert scalars["loss"] == [(1, 0.5), (300, -2.25)]
    assert math.isclose(scalars["val_loss"][0][1], 1e-7, rel_tol=1e-6)
    assert scalars["large"] == [(300, math.inf)]  # a float of 32 bits


def test_a_run_that_begins_again_leaves_one_file(tmp_path):
    first = event_file.EventFile(tmp_path)
    first.path = first.path.rename(tmp_path / f"{event_file.PREFIX}.1.there.1")
    (tmp_path / "mine.txt").write_text("stays")
    event_file.EventFile(tmp_path).scalars(1, {"loss": 1.0})
    assert events.read(tmp_path)[1] == {"loss": [(1, 1.0)]}
    assert (tmp_path / "mine.txt").exists()
