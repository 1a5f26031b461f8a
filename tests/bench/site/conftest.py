"""What the tests of the site share: the pages as Markdown, which take a second, and no HTML."""

from pathlib import Path

import pytest

from bench.site import experiments
from bench.site.models import Models
from bench.site.pages import Pages
from bench.site.reference import Reference
from bench.site.source import Source
from zoo.registry import table

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="package")
def pages():
    return Pages(ROOT, table.MODELS)


@pytest.fixture(scope="package")
def reference(pages):
    return Reference(Source(ROOT), pages.texts["ARCHITECTURE"])


@pytest.fixture(scope="package")
def found():
    return experiments.experiments(ROOT)


@pytest.fixture(scope="package")
def models(pages, reference, found):
    return Models(ROOT, reference, found, pages.guides)
