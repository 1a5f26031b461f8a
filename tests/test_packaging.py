"""What an installation pulls in."""

import importlib
import importlib.metadata
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.version import Version

import zoo

ROOT = Path(__file__).parent.parent
NAME = "keras-autoencoder-zoo"


@pytest.fixture(scope="module")
def requirements():
    try:
        return [Requirement(text) for text in importlib.metadata.requires(NAME)]
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("the package is not installed: pip install -e .")


def names(requirements, extra, **machine):
    environment = default_environment() | machine | {"extra": extra}
    return {
        requirement.name
        for requirement in requirements
        if requirement.marker is None or requirement.marker.evaluate(environment)
    }


LINUX = {"sys_platform": "linux", "platform_machine": "x86_64"}
ARM = {"sys_platform": "linux", "platform_machine": "aarch64"}
MACOS = {"sys_platform": "darwin", "platform_machine": "arm64"}


@pytest.mark.parametrize(
    ("extra", "machine", "expected"),
    [
        ("cpu", LINUX, {"tensorflow-cpu"}),
        ("cpu", ARM, {"tensorflow"}),
        ("cpu", MACOS, {"tensorflow"}),
        ("gpu", LINUX, {"tensorflow"}),
        ("test", LINUX, set()),
        ("tuner", LINUX, set()),
        ("dev", LINUX, set()),
        ("", LINUX, set()),
    ],
)
def test_one_tensorflow_and_never_the_other(requirements, extra, machine, expected):
    found = names(requirements, extra, **machine)
    assert {name for name in found if name.startswith("tensorflow")} == expected


def test_every_requirement_has_a_lower_and_an_upper_bound(requirements):
    for requirement in requirements:
        operators = {specifier.operator for specifier in requirement.specifier}
        assert ">=" in operators, requirement
        assert "<" in operators, requirement


@pytest.fixture(scope="module")
def distribution():
    """What `setup.py` says, without building it."""
    code = (
        "import json, setuptools; from distutils.core import run_setup\n"
        "found = run_setup('setup.py', stop_after='init')\n"
        "print(json.dumps([found.entry_points, found.packages, found.package_data, "
        "found.get_classifiers(), found.get_version(), "
        "sum(found.extras_require.values(), found.install_requires)]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_each_console_script_is_a_command_line(distribution):
    found = dict(line.split(" = ") for line in distribution[0]["console_scripts"])
    assert set(found) == {"zoo", "zoo-bench", "zoo-tune"}
    for place in found.values():
        module, _, function = place.partition(":")
        main = getattr(importlib.import_module(module), function)
        with pytest.raises(SystemExit) as end:
            main(["--help"])
        assert end.value.code == 0


def test_every_file_of_the_packages_is_installed(distribution):
    _, packages, patterns, *_ = distribution
    tops = {package.split(".")[0] for package in packages}
    for path in (path for top in tops for path in (ROOT / top).rglob("*")):
        folder = path.relative_to(ROOT).parent
        is_ours = path.is_file() and path.suffix != ".pyc" and "results" not in folder.parts
        if not is_ours:
            continue
        in_package = path.relative_to(ROOT / folder.parts[0])
        is_data = any(in_package.match(form) for form in patterns.get(folder.parts[0], ()))
        is_code = path.suffix == ".py" and ".".join(folder.parts) in packages
        assert is_code or is_data, path


def test_python_versions_are_those_that_are_required(distribution):
    found = [line.rpartition(" ")[2] for line in distribution[3] if ":: Python :: 3." in line]
    assert found[0] == re.search(r"python_requires=\">=(.+?)\"", (ROOT / "setup.py").read_text())[1]
    assert distribution[4] == zoo.__version__


def test_the_lowest_versions_that_are_tried_are_those_that_are_allowed(distribution):
    lowest = {
        requirement.name: next(s.version for s in requirement.specifier if s.operator == ">=")
        for requirement in map(Requirement, distribution[5])
    }
    lines = (ROOT / ".ci/lowest.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert {"keras", "tensorflow-cpu", "numpy"} <= set(pins)
    for name, version in pins.items():
        assert Version(version) == Version(lowest[name]), name


def test_version_is_in_the_changelog():
    assert re.search(
        rf"^## {re.escape(zoo.__version__)}", (ROOT / "CHANGELOG.md").read_text(), re.M
    )
