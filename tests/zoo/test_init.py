"""Names, tables and help cost no TensorFlow, and Keras finds our classes whoever imports it."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

import zoo
from zoo.models import Autoencoder
from zoo.registry import keras_start, source, table

ROOT = Path(__file__).parents[2]
HEAVY = ("tensorflow", "keras", "matplotlib", "sklearn", "skimage", "rich", "PIL")
LIGHT_CODE = {
    "import": "import zoo",
    "registry": "import zoo; zoo.names(); [zoo.get(n).summary for n in zoo.names()]",
    "presets": "import zoo; zoo.presets.names('vae'); dir(zoo); dir(zoo.models)",
    "bench": "from bench.runs import models; models.registry()['vae'].arguments",
}
COMMANDS = {
    "zoo": ("", "list", "train", "reconstruct", "score", "segment", "sample", "export"),
    "bench": ("", "run", "report", "rank", "inspect", "compare", "reproduce", "scale", "list"),
    "tuner": ("", "search", "show", "confirm", "export", "space"),
}
_RUN_COMMANDS = """
import contextlib, importlib, io, sys
main = importlib.import_module(sys.argv[1] + ".__main__").main
for arguments in (*([c, "--help"] if c else ["--help"] for c in sys.argv[2].split(",")), ["list"]):
    if arguments == ["list"] and sys.argv[1] == "tuner":
        continue
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):
        main(arguments)
    if not out.getvalue():
        sys.exit(f"{arguments} prints nothing")
"""


def run(code, *arguments, **environment):
    """Runs code in a process of its own and returns what it did."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | environment,
    )


def heavy_modules_of(code, *arguments):
    done = run(f"{code}\nimport sys; print(*sys.modules)", *arguments)
    assert done.returncode == 0, done.stderr[-2000:]
    return {name for name in HEAVY if name in done.stdout.split()}


@pytest.mark.parametrize("code", LIGHT_CODE.values(), ids=LIGHT_CODE.keys())
def test_the_registry_loads_nothing_heavy(code):
    assert not heavy_modules_of(code)


@pytest.mark.parametrize("package", COMMANDS)
def test_help_and_lists_load_no_keras(package):
    found = heavy_modules_of(_RUN_COMMANDS, package, ",".join(COMMANDS[package]))
    assert not found & {"keras", "tensorflow"}


def test_a_contender_of_a_checkout_can_import_its_own_zoo():
    code = "import bench.compare.worker, bench.profiling.steps"
    done = run(f"{code}\nimport sys; print('zoo' in sys.modules)")
    assert done.stdout.strip() == "False", done.stderr[-2000:]


# --- the lists of names -------------------------------------------------------------------------


def type_checkers_list(path):
    """Returns what a file imports under `if TYPE_CHECKING`: name to place, as `zoo` keeps it."""
    (block,) = (
        node
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
    )
    found = {}
    for node in block.body:
        for alias in node.names:
            whole = f"{node.module}.{alias.name}"
            is_module = (ROOT / whole.replace(".", "/")).is_dir() or (
                ROOT / f"{whole.replace('.', '/')}.py"
            ).is_file()
            found[alias.asname] = whole if is_module else f"{node.module}:{alias.name}"
    return found


def test_type_checkers_see_the_names_that_there_are():
    assert type_checkers_list(ROOT / "zoo/__init__.py") == zoo._PLACES
    models = {name: f"{module}:{name}" for name, module in zoo.models._PLACES.items()}
    assert type_checkers_list(ROOT / "zoo/models/__init__.py") == models


def test_every_public_name_resolves_and_is_listed():
    assert set(zoo._PLACES) | {"__version__"} <= set(dir(zoo))
    assert all(getattr(zoo, name) is not None for name in dir(zoo))
    with pytest.raises(AttributeError, match="module 'zoo' has no attribute 'creat'"):
        zoo.creat  # noqa: B018


def test_the_table_says_what_the_classes_are():
    for name in zoo.names():
        entry = zoo.get(name)
        model_class = entry.model_class
        assert model_class.registry_name == name
        assert model_class.task == entry.task
        assert entry.argument_names == model_class.argument_names()
        assert entry.summary == model_class.__doc__.strip().splitlines()[0]


def test_every_file_of_a_model_is_in_the_table():
    files = {path.stem for path in (ROOT / "zoo/models").glob("[!_]*.py")}
    assert files == {table.module_of(name).rpartition(".")[2] for name in table.MODELS}


def test_names_that_are_not_written_out_are_refused(tmp_path, monkeypatch):
    (tmp_path / "computed.py").write_text("class A:\n    FIXED = dict.fromkeys(names(), '')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match=r"A\.FIXED: the names must be literals.*names\(\)"):
        source.argument_names("computed", "A")


# --- Keras --------------------------------------------------------------------------------------


def decorated(decorator):
    """Returns the name and module of each class of the zoo with a decorator."""
    return {
        node.name: ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in (ROOT / "zoo").rglob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef)
        and any(ast.unparse(part).startswith(decorator) for part in node.decorator_list)
    }


def test_keras_is_told_of_every_class_that_files_name():
    assert decorated("keras.saving.register_keras_serializable") == table.LAYERS
    models = {row.class_name: table.module_of(name) for name, row in table.MODELS.items()}
    assert decorated("listed") == models


_LOAD = """
import sys
for name in sys.argv[1].split(","):
    __import__(name)
import keras, numpy as np
assert not [name for name in sys.modules if name.startswith(("zoo.layers", "zoo.models."))]
load = sys.modules["zoo"].load if sys.argv[2] == "zoo.load" else keras.saving.load_model
x = np.random.RandomState(0).rand(4, 8, 8, 1).astype("float32")
for path in sys.argv[3:]:
    found = load(path + ".keras").predict(x, verbose=0)
    np.testing.assert_allclose(found, np.load(path + ".npy"), rtol=1e-4, atol=1e-5)
    print("loaded")
"""
# Made by version 0.1.0 before its modules moved: a VAE with the state of its optimizer, and a
# functional model of a user with layers of `zoo.fused` and `zoo.transformer`.
DATA = ROOT / "tests/zoo/persistence/data"
SAVED = {name: str(DATA / name) for name in ("vae_0.1.0", "own_layers_0.1.0")}


@pytest.mark.parametrize(
    ("imports", "how", "names"),
    [
        ("zoo,keras", "load_model", SAVED),
        pytest.param("keras,zoo", "load_model", SAVED, marks=pytest.mark.slow),
        pytest.param("zoo", "zoo.load", ["vae_0.1.0"], marks=pytest.mark.slow),
    ],
)
def test_files_of_the_version_before_load_in_a_fresh_process(imports, how, names):
    done = run(_LOAD, imports, how, *(SAVED[name] for name in names))
    assert done.stdout.split() == ["loaded"] * len(names), done.stderr[-2000:]


def test_stand_ins_give_way_to_the_classes():
    known = dict(keras.saving.get_custom_objects())
    try:
        keras.saving.get_custom_objects()["zoo>VAE"] = keras_start.StandIn("zoo.models.vae", "VAE")
        assert keras_start.registered("zoo>VAE") is zoo.models.VAE
        model = zoo.create("vae", (8, 8, 1), preset="tiny", seed=0)
        config = keras.saving.serialize_keras_object(model)
        again = keras.saving.deserialize_keras_object(config)
        assert type(again) is zoo.models.VAE
        assert again.get_config() == model.get_config()
    finally:
        keras.saving.get_custom_objects().update(known)


def test_what_the_user_has_registered_stays():
    known = keras.saving.get_custom_objects()
    before = known["zoo>Autoencoder"]
    keras_start._announce(keras)
    assert known["zoo>Autoencoder"] is before is Autoencoder


# --- what must be there -------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["import zoo", "import zoo; zoo.names()"])
def test_another_backend_is_refused_in_one_line(code, tmp_path):
    (tmp_path / "keras.json").write_text(json.dumps({"backend": "torch"}))
    of_file = {"KERAS_HOME": str(tmp_path), "KERAS_BACKEND": ""}
    chosen = (({"KERAS_BACKEND": "jax"}, "KERAS_BACKEND=jax"), (of_file, "keras.json=torch"))
    for environment, source_of in chosen:
        done = run(code, **environment)
        assert done.returncode
        last = done.stderr.strip().splitlines()[-1]
        assert last.startswith("ImportError: zoo needs Keras's TensorFlow backend. Received: ")
        assert source_of in last
        assert "keras/src" not in done.stderr


def test_without_tensorflow_names_are_there_and_models_say_what_to_install(tmp_path):
    code = (
        "import importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name, *more: None if name == 'tensorflow' else find(name, *more)\n"
        "import zoo; print(len(zoo.names())); zoo.create('vae', (8, 8, 1))"
    )
    done = run(code)
    assert int(done.stdout) == len(table.MODELS)
    assert (
        done.stderr.strip()
        .splitlines()[-1]
        .startswith("ImportError: zoo needs TensorFlow. Install it with: pip install")
    )


def test_looking_for_keras_is_no_import():
    code = (
        "import importlib.util, os, sys, zoo\n"
        "assert importlib.util.find_spec('keras') and importlib.util.find_spec('tensorflow')\n"
        "print('keras' in sys.modules, os.environ.get('TF_ENABLE_ONEDNN_OPTS'))"
    )
    environment = {k: v for k, v in os.environ.items() if k != "TF_ENABLE_ONEDNN_OPTS"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env=environment
    )
    assert done.stdout.split() == ["False", "None"], done.stderr[-2000:]
