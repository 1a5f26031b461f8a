"""A file is complete, or as it was before."""

import os

import pytest

from zoo.files import new_file, new_folder


def test_a_folder_is_made_and_the_suffix_stays(tmp_path):
    path = tmp_path / "new" / "model.keras"
    with new_file(path) as temporary:
        assert temporary.suffix == ".keras"  # Keras and NumPy go by it
        temporary.write_text("later")
        assert not path.exists()
    assert path.read_text() == "later"
    assert os.listdir(path.parent) == ["model.keras"]


@pytest.mark.parametrize("fails_in", ["block", "fsync"])
def test_a_failure_leaves_the_earlier_file(tmp_path, monkeypatch, fails_in):
    def full_disk(*args):
        raise OSError(28, "No space left on device")

    path = tmp_path / "page.html"
    path.write_text("earlier")
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"), new_file(path) as temporary:
        temporary.write_text("half")
        if fails_in == "block":
            full_disk()
    assert path.read_text() == "earlier"
    assert os.listdir(tmp_path) == ["page.html"]


def test_a_new_folder_comes_whole_or_not_at_all(tmp_path):
    target = tmp_path / "deep/out"
    with pytest.raises(RuntimeError), new_folder(target) as folder:
        (folder / "x.txt").write_text("x")
        raise RuntimeError
    assert not any(path.is_file() for path in tmp_path.rglob("*"))
    with new_folder(target) as folder:
        (folder / "sub").mkdir()
        (folder / "sub/x.txt").write_text("x")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [target / "sub/x.txt"]
