"""The layout of the packages, as `architecture/rooms.py` lists it; a failure names file and line.

The rules are in `architecture/rules.py`, each tested in `architecture/test_rules.py`.
"""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from architecture import rules
from architecture.rooms import (
    CONTRACTS,
    EXCEPTIONS,
    FORBIDDEN,
    LONG_FILES,
    MOST_LINES,
    ROOMS,
    TUNER_MAY_IMPORT,
    as_text,
)
from architecture.tree import Tree

ROOT = Path(__file__).parent.parent
# The step, whole arrays, Jacobians, data on the device, and batches of files by tf.data.
MAY_IMPORT_TENSORFLOW = {
    *(f"zoo/inputs/{name}.py" for name in ("augmented_batches", "batches", "batching")),
    *(f"zoo/inputs/{name}.py" for name in ("checking", "graph_check", "order", "pipeline")),
    "zoo/inputs/sources.py",
    *(f"zoo/layers/{name}.py" for name in ("batch_normalization", "gradients", "row_noise")),
    *(f"zoo/training/{name}.py" for name in ("adam", "device_data", "fitting")),
    *(
        f"zoo/training/{name}.py"
        for name in ("faster_layers", "keras_contract", "model", "predict")
    ),
    *(f"zoo/persistence/{name}.py" for name in ("converters", "running")),
    "zoo/testing/tensors.py",
}
DRAWS = ("bench.report.plots", "bench.scaling.plots", "tuner.report.plots")


@pytest.fixture(scope="module")
def tree():
    return Tree(ROOT, tuple(ROOMS))


# --- rooms --------------------------------------------------------------------------------------


def test_every_module_is_in_a_room(tree):
    assert not rules.homeless(tree, ROOMS)


def test_rooms_import_only_rooms_above_them(tree):
    assert not rules.out_of_order(tree, ROOMS, EXCEPTIONS)


def test_there_is_no_circle(tree):
    assert not rules.circles(tree)


def test_rooms_without_keras_do_not_reach_it(tree):
    assert not rules.reaches_keras(tree, ROOMS, EXCEPTIONS)


def test_what_is_said_to_need_keras_does(tree):
    assert not rules.needless_keras(tree, ROOMS, EXCEPTIONS)


def test_rooms_without_keras_are_imported_without_it(tree):
    """As Python does it, where the rule above reads the text."""
    names = [name for name in tree.modules if rules.is_without_keras(name, ROOMS)]
    code = (
        f"import importlib, sys\n"
        f"for name in {[name for name in names if '__main__' not in name]}:\n"
        f"    importlib.import_module(name)\n"
        f"    if {rules.KERAS} & set(sys.modules): sys.exit(name)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_reports_and_leaderboards_do_not_measure(tree):
    assert not rules.reaches_measuring(tree, ("bench.report", "bench.leaderboard"))


def test_no_room_is_crowded(tree):
    assert not rules.crowded(tree, ROOMS)


def test_files_are_short(tree):
    assert not rules.long_files(tree, MOST_LINES, LONG_FILES)


def test_every_exception_is_needed(tree):
    assert not rules.unused_exceptions(tree, EXCEPTIONS)


def test_tests_have_the_rooms_of_the_code():
    tests = ROOT / "tests"
    files = [path.relative_to(tests).as_posix() for path in sorted(tests.rglob("*.py"))]
    assert not rules.tests_elsewhere(files, ROOMS)


def test_the_page_about_the_layout_shows_these_rooms():
    page = ROOT / "ARCHITECTURE.md"
    assert not page.exists() or as_text() in page.read_text()


@pytest.mark.parametrize("page", ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md"])
def test_pages_name_files_that_are_there(page):
    """Links, and names of files and folders; `my_model` stands for the reader's own."""
    text = (ROOT / page).read_text()
    links = re.findall(r"\]\((?!https?://)([^)#]+)", text)
    names = re.findall(rf"`((?:{'|'.join((*ROOMS, 'tests', 'docs'))})/[\w/.-]*)`", text)
    missing = [name for name in (*links, *names) if not (ROOT / name).exists()]
    assert not [name for name in missing if "my_model" not in name]
    assert links


# --- packages -----------------------------------------------------------------------------------


@pytest.mark.parametrize("package", ROOMS)
def test_packages_import_one_way(tree, package):
    def forbidden(target):
        return target.split(".")[0] in FORBIDDEN[package]

    assert not rules.foreign_imports(tree, package, forbidden, EXCEPTIONS)


def test_the_search_takes_little_of_the_benchmark(tree):
    assert not rules.beyond_the_list(tree, "tuner", "bench", TUNER_MAY_IMPORT)


def test_nobody_uses_private_names_of_others(tree):
    assert not rules.private_names(tree, CONTRACTS)


def test_tensorflow_stays_in_few_files_of_zoo(tree):
    places = rules.foreign_imports(tree, "zoo", lambda target: target.split(".")[0] == "tensorflow")
    assert {place.partition(":")[0] for place in places} <= MAY_IMPORT_TENSORFLOW, places


_COMMAND_LINE = ("zoo.cli.", "zoo.aligned")


def test_rich_and_pillow_wait_for_the_command_line(tree):
    """`import zoo` loads neither: inside functions only, rich in the command line alone."""
    found = [
        f"{tree.place(name, imported.line)} imports {imported.target}"
        for name in tree.modules
        if name.startswith("zoo.")
        for imported in tree.imports(name)
        if (top := imported.target.split(".")[0]) in ("rich", "PIL")
        and (not imported.in_function or (top == "rich" and not name.startswith(_COMMAND_LINE)))
    ]
    assert not found


@pytest.mark.parametrize("package", ROOMS)
def test_matplotlib_is_in_the_plots_only(tree, package):
    places = rules.foreign_imports(
        tree, package, lambda target: target.split(".")[0] == "matplotlib"
    )
    names = {path.replace("/", ".") for path in (place.partition(":")[0] for place in places)}
    assert not [name for name in names if not name.startswith(DRAWS)], places


# --- files --------------------------------------------------------------------------------------


def test_one_training_step(tree):
    places = [
        f"{module.path}:{node.lineno}"
        for module in tree.modules.values()
        if "/peers/" not in module.path  # where the ways of others are
        for node in ast.walk(module.syntax)
        if isinstance(node, ast.FunctionDef) and node.name in ("train_step", "test_step")
    ]
    assert [place.partition(":")[0] for place in sorted(places)] == [
        "zoo/training/model.py",
        "zoo/training/model.py",
    ], places


def test_no_asserts_and_no_junk_drawer(tree):
    assert not rules.asserts(tree)
    drawers = ("utils", "helpers", "misc", "common")
    assert not [name for name in tree.modules if name.split(".")[-1] in drawers]


def test_each_model_file_is_in_the_table_of_contents(tree):
    contents = tree.modules["zoo.models"].syntax  # imported for types: the classes are lazy
    listed = {node.module for node in ast.walk(contents) if isinstance(node, ast.ImportFrom)}
    files = {
        name
        for name in tree.modules
        if name.startswith("zoo.models.") and not name.split(".")[-1].startswith("_")
    }
    assert files <= listed, files - listed


@pytest.mark.parametrize("module", ["matplotlib", "sklearn", "skimage", "keras_tuner", "rich"])
def test_importing_zoo_is_light(module, loaded_by_zoo):
    assert module not in loaded_by_zoo


@pytest.fixture(scope="module")
def loaded_by_zoo():
    """Modules that `import zoo` loads beyond those that `import keras` does."""
    code = (
        "import sys, keras; known = set(sys.modules); import zoo; print(*set(sys.modules) - known)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return {module.split(".")[0] for module in result.stdout.split()}
