"""Files below a folder: links, hidden ones, suffixes, equal names, what is left out."""

import os
import unicodedata

import numpy as np
import pytest
from PIL import Image

from zoo.data import files


def put(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((2, 2), "uint8")).save(path, format="PNG")
    return path


def found(folder):
    return [file.relative_to(folder).as_posix() for file in files.find(folder)]


def test_what_programs_put_beside_the_images_is_hidden(tmp_path):
    put(tmp_path / "a/0.png")
    for name in (".ipynb_checkpoints/0.png", "a/._0.png", "__MACOSX/a/0.png", "@eaDir/0.png/x.jpg"):
        put(tmp_path / name)
    assert found(tmp_path) == ["a/0.png"]


def test_suffixes_in_capitals_and_rare_ones_are_read(tmp_path):
    names = ["a.JPG", "b.jpeg", "c.TIF", "d.WebP", "e.pgm", "f.bmp"]
    for name in names:
        put(tmp_path / name)
    assert found(tmp_path) == names


def test_links_to_folders_and_files_are_followed(tmp_path):
    put(tmp_path / "store/cat/0.png")
    mine = tmp_path / "mine"
    mine.mkdir()
    os.symlink(tmp_path / "store/cat", mine / "cat")
    os.symlink(tmp_path / "store/cat", mine / "again")
    os.symlink(tmp_path / "store/cat/0.png", mine / "one.png")
    os.symlink(mine, mine / "round")  # to a folder above: not followed
    assert found(mine) == ["again/0.png", "cat/0.png", "one.png"]


def test_a_link_to_nothing_is_named(tmp_path):
    put(tmp_path / "0.png")
    os.symlink(tmp_path / "gone", tmp_path / "cat")
    with pytest.raises(ValueError, match=r"cat: is a link to .*gone, which is not there"):
        files.find(tmp_path)


def test_other_files_are_counted_by_suffix(tmp_path):
    for name in ("a.png", "b.dcm", "c.dcm", "d.heic", "notes.txt"):
        put(tmp_path / name)
    (line,) = files.listing(tmp_path).said()
    assert line == "3 files of no image format: 2 .dcm, 1 .heic"


def test_a_pipe_does_not_stop_the_reading(tmp_path):
    put(tmp_path / "0.png")
    os.mkfifo(tmp_path / "1.png")
    assert found(tmp_path) == ["0.png"]


def test_composed_and_decomposed_names_are_equal(tmp_path):
    one, other = (tmp_path / unicodedata.normalize(form, "é.png") for form in ("NFC", "NFD"))
    assert one.name != other.name
    assert files.name(one) == files.name(other)
