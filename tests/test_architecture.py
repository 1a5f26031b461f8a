"""The rules of the layout, checked on the syntax tree; a failure names file and line."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("zoo", "bench", "tuner")
FILES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
# What a package must not import: imports go keras, numpy <- zoo <- bench <- tuner.
FORBIDDEN = {
    "zoo": {"bench", "tuner", "matplotlib", "sklearn", "skimage", "scipy", "keras_tuner"},
    "bench": {"tuner", "keras_tuner"},
    "tuner": set(),
}
# The step, whole arrays, Jacobians, data on the device, and batches of files by tf.data.
MAY_IMPORT_TENSORFLOW = {
    *("zoo/data/batching.py", "zoo/data/pipeline.py"),
    *("zoo/layers/batch_normalization.py", "zoo/layers/gradients.py"),
    *(f"zoo/training/{name}.py" for name in ("adam", "data_checks", "device_data", "fitting")),
    *(f"zoo/training/{name}.py" for name in ("model", "predict")),
}
# Read records only: they measure nothing.
READS_RECORDS = ("report/", "leaderboard/", "records/store", "stats/")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path):
    """Yields `(top module, module, line, is it at module level?)`."""
    tree = ast.parse(path.read_text())
    top_level = set(map(id, tree.body))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [node.module or ""]
        else:
            continue
        for module in modules:
            yield module.split(".")[0], module, node.lineno, id(node) in top_level


def broken(rule):
    """Returns `file:line module` for each import that breaks a rule."""
    return [
        f"{name_of(path)}:{line} imports {module}"
        for path in FILES
        for top, module, line, at_top in imports(path)
        if rule(name_of(path), top, module, at_top)
    ]


def test_packages_import_one_way():
    assert not broken(lambda file, top, *_: top in FORBIDDEN[file.split("/")[0]])


def test_tensorflow_stays_in_few_files_of_zoo():
    def rule(file, top, *_):
        return file.startswith("zoo/") and top == "tensorflow" and file not in MAY_IMPORT_TENSORFLOW

    assert not broken(rule)


def test_rich_and_pillow_wait_for_the_command_line():
    """`import zoo` loads neither: inside functions only, rich in the command line alone."""

    def rule(file, top, _, at_top):
        is_misplaced = top == "rich" and not file.startswith("zoo/cli/")
        return file.startswith("zoo/") and top in ("rich", "PIL") and (at_top or is_misplaced)

    assert not broken(rule)


def test_nobody_reaches_into_private_keras():
    assert not broken(lambda file, top, module, _: module.startswith("keras.src"))


def test_matplotlib_is_in_the_plots_only():
    def rule(file, top, *_):
        return top == "matplotlib" and not file.startswith(
            ("bench/report/plots/", "bench/scaling/plots", "tuner/report/plots/")
        )

    assert not broken(rule)


def test_reports_do_not_measure():
    def rule(file, top, module, _):
        reads_only = file.startswith(tuple(f"bench/{name}" for name in READS_RECORDS))
        return reads_only and top in {"keras", "zoo"}

    assert not broken(rule)


def test_one_training_step():
    found = [
        f"{name_of(path)}:{node.lineno}"
        for path in FILES
        if "/peers/" not in name_of(path)  # where the ways of others are
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name in ("train_step", "test_step")
    ]
    places = sorted(place.split(":")[0] for place in found)
    # The second player's step comes after the base's.
    assert places == [
        "zoo/training/adversarial.py",
        "zoo/training/model.py",
        "zoo/training/model.py",
    ], found


def test_no_asserts_and_no_junk_drawer():
    asserts = [
        f"{name_of(path)}:{node.lineno}"
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Assert)
    ]
    assert not asserts
    assert not [name_of(path) for path in FILES if path.stem in ("utils", "helpers", "misc")]


def test_each_model_file_is_in_the_table_of_contents():
    models = ROOT / "zoo/models"
    found = {module for _, module, _, _ in imports(models / "__init__.py")}
    listed = {module for module in found if module.startswith("zoo.models.")}
    files = {f"zoo.models.{path.stem}" for path in models.glob("*.py") if path.stem[0] != "_"}
    assert files == listed


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
