"""The API reference holds the public names, each once, by the name that a user imports."""

import re
from pathlib import Path

import zoo
from bench.site.source import Source

HEAD = re.compile(r"^:{5}\{py:(?:class|function)\} ([\w.]+)", re.MULTILINE)


def test_every_name_that_zoo_hands_on_is_there(reference):
    items = {item.public for item in reference.source.items.values()}
    folder = Path(zoo.__file__).parent
    names = {name for name in dir(zoo) if not name.startswith("_")}
    handed = {n for n in names if not (folder / n).exists() and not (folder / f"{n}.py").exists()}
    assert {"create", "load", "callbacks", "Ensemble"} <= handed
    for name in handed:
        is_module = any(known.startswith(f"zoo.{name}.") for known in items)
        assert f"zoo.{name}" in items or is_module, name


def test_each_public_name_is_shown_once(reference, models):
    pages = {**reference.pages(), **models.pages()}
    shown = [name for text in pages.values() for name in HEAD.findall(text)]
    assert len(shown) == len(set(shown))
    of_rooms = {
        item.public
        for item in reference.source.items.values()
        if reference.room_of(item.module) or item.public.count(".") == 1
    }
    assert of_rooms <= set(shown)


def test_a_name_has_the_place_that_a_user_imports_it_from(reference):
    items = reference.source.items
    assert items["zoo.persistence.saving.load"].public == "zoo.load"
    assert items["zoo.models.vae.VAE"].public == "zoo.models.VAE"
    assert items["zoo.diagnostics.callback.HealthCheck"].public == "zoo.callbacks.HealthCheck"
    assert items["zoo.losses.masks.dice"].public == "zoo.losses.dice"


def test_signatures_name_classes_in_full_and_private_names_are_left_out(tmp_path):
    (tmp_path / "zoo").mkdir()
    (tmp_path / "zoo/__init__.py").write_text("from zoo.a import Thing as Thing\n")
    (tmp_path / "zoo/a.py").write_text(
        'class Thing:\n    """A thing."""\n\n\nclass _Hidden:\n    """Hidden."""\n'
    )
    (tmp_path / "zoo/b.py").write_text(
        "from zoo.a import Thing\n\n\n"
        'def use(x: "Thing", *, n: int = 3) -> list[Thing]:\n    """Uses it."""\n'
    )
    source = Source(tmp_path, ("zoo",))
    assert set(source.items) == {"zoo.a.Thing", "zoo.b.use"}
    node = source.items["zoo.b.use"].node
    assert source.qualified(node.args, "zoo.b") == "x: zoo.Thing, *, n: int=3"
    assert source.qualified(node.returns, "zoo.b") == "list[zoo.Thing]"
