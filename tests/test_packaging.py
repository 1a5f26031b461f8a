"""What an installation pulls in."""

import importlib.metadata
import re
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement

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


def test_version_is_in_the_changelog():
    assert re.search(
        rf"^## {re.escape(zoo.__version__)}", (ROOT / "CHANGELOG.md").read_text(), re.M
    )
