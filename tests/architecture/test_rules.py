"""Each rule finds what breaks it in a small tree, with file and line, and nothing else."""

import pytest

from architecture import rules
from architecture.rooms import ROOMS, Room, as_text
from architecture.tree import Tree

HOUSE = {
    "house": (
        Room("(root)", "errors", without_keras=True, modules=("", "errors")),
        Room("data", "arrays", without_keras=True, needs_keras=("pipeline",)),
        Room("models", "networks", most_modules=2),
        Room("east", "one study", is_study=True),
        Room("west", "another", is_study=True),
    ),
    "guest": (Room("(root)", "all", modules=("", "main")),),
}


@pytest.fixture
def build(tmp_path):
    """Returns a function from texts by path to the tree of the packages `house` and `guest`."""

    def make(**texts: str) -> Tree:
        for package in HOUSE:
            (tmp_path / package).mkdir(exist_ok=True)
            (tmp_path / package / "__init__.py").touch()
        for name, text in texts.items():
            path = tmp_path / f"{name.replace('__', '/')}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        return Tree(tmp_path, tuple(HOUSE))

    return make


def test_a_module_in_no_room(build):
    tree = build(house__attic__box="", house__cellar="", house__data__a="", house__errors="")
    assert rules.homeless(tree, HOUSE) == [
        "house/attic/box.py:1 is in no room of the list",
        "house/cellar.py:1 is in no room of the list",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "import house.models.vae",
        "from house.models import vae",
        "from ..models import vae",
        "from house.models.vae import VAE",
        "def f():\n    from house.models import vae",
    ],
)
def test_a_room_that_imports_one_below(build, text):
    tree = build(house__models__vae="VAE = 1", house__data__a=text)
    line = len(text.splitlines())
    (found,) = rules.out_of_order(tree, HOUSE, {})
    assert found == f"house/data/a.py:{line} imports house.models.vae: models is below"
    assert not rules.out_of_order(tree, HOUSE, {("house.data.a", "house.models.vae"): "a reason"})


def test_a_room_may_import_those_above_and_itself_and_for_types_all(build):
    types = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import house.models.vae"
    tree = build(
        house__models__vae="import house.data.a, house.errors, numpy",
        house__models__unet="import house.models.vae",
        house__data__a=types,
        house__errors="",
    )
    assert not rules.out_of_order(tree, HOUSE, {})
    assert not rules.circles(tree)


def test_studies_that_import_each_other(build):
    tree = build(house__west__a="import house.east.b", house__east__b="import house.models.vae")
    assert rules.out_of_order(tree, HOUSE, {}) == [
        "house/west/a.py:1 imports house.east.b: studies do not import each other"
    ]


def test_a_circle_through_a_function(build):
    tree = build(
        house__data__a="import house.data.b",
        house__data__b="import house.data.c",
        house__data__c="def f():\n    from house.data import a",
        house__data__d="import house.data.a",
    )
    (found,) = rules.circles(tree)
    assert found == (
        "a circle: house/data/a.py:1 imports house.data.b; house/data/b.py:1 imports "
        "house.data.c; house/data/c.py:2 imports house.data.a"
    )


def test_a_way_to_keras_is_told_from_its_start_to_its_end(build):
    tree = build(
        house__data__a="import house.data.b",
        house__data__b="\ndef f():\n    import keras",
        house__data__c="import numpy",
        house__data__pipeline="import tensorflow as tf",
        house__models__vae="import keras",
    )
    assert rules.reaches_keras(tree, HOUSE, {}) == [
        "house/data/a.py:1 imports house.data.b; house/data/b.py:3 imports keras",
        "house/data/b.py:3 imports keras",
    ]
    assert not rules.reaches_keras(tree, HOUSE, {("house.data.b", "keras"): "a reason"})


def test_a_module_that_is_said_to_need_keras_and_does_not(build):
    assert rules.needless_keras(build(house__data__pipeline="import keras"), HOUSE, {}) == []
    assert rules.needless_keras(build(house__data__pipeline=""), HOUSE, {}) == [
        "house.data.pipeline does not need Keras"
    ]


def test_importing_a_module_runs_the_package_that_holds_it(build, tmp_path):
    build(house__data__a="")
    (tmp_path / "house/data/__init__.py").write_text("import keras")
    tree = build(house__errors="import house.data.a")
    (found,) = (way for way in rules.reaches_keras(tree, HOUSE, {}) if "errors" in way)
    assert found == (
        "house/errors.py:1 imports house.data.a; house/data/__init__.py:1 imports keras"
    )


def test_a_reader_of_records_that_measures(tmp_path):
    for path, text in (
        ("bench/report/page.py", "from bench.report import parts"),
        ("bench/report/parts.py", "def f():\n    import bench.profiling.timing"),
        ("bench/report/text.py", "import bench.records"),
        ("bench/profiling/timing.py", ""),
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    tree = Tree(tmp_path, ("bench",))
    at = "bench/report/parts.py:2 imports bench.profiling.timing"
    assert rules.reaches_measuring(tree, ("bench.report",)) == [
        f"bench/report/page.py:1 imports bench.report.parts; {at}",
        at,
    ]


def test_what_a_package_takes_of_another(build):
    tree = build(
        guest__main="import house.data.a\nfrom house.models import vae\nimport numpy",
        house__data__a="import guest",
        house__models__vae="",
    )
    assert rules.beyond_the_list(tree, "guest", "house", ("house.data",)) == [
        "guest/main.py:2 imports house.models.vae"
    ]
    assert rules.foreign_imports(tree, "house", lambda target: target == "guest") == [
        "house/data/a.py:1 imports guest"
    ]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("from house.data.b import _own", "imports _own of house.data.b"),
        ("from house.models import _vae", "imports _vae of house.models._vae"),
        ("import keras.src.ops", "imports keras.src.ops, a library's inside"),
        ("from tensorflow.python.client import device_lib", "a library's inside"),
        ("def f(x):\n    return x._momentums", "uses _momentums of x"),
        ("def f(x):\n    return getattr(x, '_momentums', None)", "uses _momentums of x"),
        ("class A(B):\n    def f(self): return self._compile_loss", "uses _compile_loss of self"),
    ],
)
def test_a_private_name_of_others(build, text, what):
    tree = build(house__data__a=text, house__data__b="_own = 1", house__models___vae="")
    (found,) = rules.private_names(tree, ())
    assert found.startswith(f"house/data/a.py:{len(text.splitlines())} ")
    assert found.endswith(what)
    assert not rules.private_names(tree, ("house/data/a.py",))


def test_own_private_names_are_free(build):
    text = (
        "from house.models import _base\nimport os\n"
        "class A(_base.Base):\n    def f(self, other):\n        self._x = other._x\n"
        "        self._of_base()\n        super()._of_base()\n        self.__dict__.clear()\n"
        "        os._exit(1)\n"
    )
    base = "class Base:\n    def _of_base(self): ..."
    assert not rules.private_names(build(house__models__vae=text, house__models___base=base), ())


def test_a_crowded_room(build):
    names = {f"house__models__{letter}": "" for letter in "abc"}
    assert rules.crowded(build(**names), HOUSE) == ["house/models:1 holds 3 modules, over 2"]


def test_a_long_file_and_an_allowance_that_is_no_longer_needed(build):
    tree = build(house__data__a="#\n" * 6, house__data__b="#\n" * 5)
    assert rules.long_files(tree, 5, {}) == ["house/data/a.py:6 has 6 lines, over 5"]
    allowed = {"house/data/a.py": 6, "house/data/b.py": 7}
    assert rules.long_files(tree, 5, allowed) == ["house/data/b.py:1 needs no allowance: 5 lines"]


def test_an_exception_that_is_no_longer_needed(build):
    tree = build(house__data__a="import house.errors", house__errors="")
    needed, not_needed = ("house.data.a", "house.errors"), ("house.data.a", "keras")
    assert rules.unused_exceptions(tree, {needed: "", not_needed: ""}) == [
        "house.data.a no longer imports keras"
    ]


def test_an_assert(build):
    assert rules.asserts(build(house__data__a="\nassert True")) == ["house/data/a.py:2 asserts"]


def test_a_test_outside_of_the_rooms():
    files = ["house/data/test_a.py", "house/test_errors.py", "test_all.py", "house/conftest.py"]
    assert not rules.tests_elsewhere(files, HOUSE)
    assert rules.tests_elsewhere(["house/attic/test_a.py", "house/test_a.py"], HOUSE) == [
        "tests/house/attic/test_a.py:1 is in attic, which is no room of house",
        "tests/house/test_a.py:1 is in no room of house",
    ]


def test_the_text_names_every_room_in_order():
    text = as_text().partition("bench/")[2].partition("tuner/")[0]
    places = [text.index(f"\n  {room.name}/") for room in ROOMS["bench"] if not room.modules]
    assert places == sorted(places)
