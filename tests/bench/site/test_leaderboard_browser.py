"""The leaderboard of all records in a real browser: it sorts, filters and leaves columns out."""

import browser
import pytest

from bench.report import html
from bench.site import leaderboard

pytestmark = [pytest.mark.slow, browser.needs_browser]
SCRIPT = """
  const all = selector => [...document.querySelectorAll(selector)];
  const rows = () => all('#board tbody tr').filter(row => row.offsetHeight);
  const heads = all('#board thead th');
  const shown = () => heads.filter(head => head.offsetWidth).map(head => head.innerText.trim());
  found.all = {rows: rows().length, heads: shown()};
  const select = document.querySelector('select[data-filter=experiment]');
  select.value = 'composed_foreground';
  select.dispatchEvent(new Event('input', {bubbles: true}));
  found.one = {rows: rows().length, heads: shown()};
  heads.find(head => head.innerText.startsWith('parameters')).querySelector('button').click();
  const at = heads.findIndex(head => head.innerText.startsWith('parameters'));
  found.sorted = rows().map(row => Number(row.cells[at].dataset.value));
"""


def test_it_sorts_filters_and_leaves_out_what_is_empty(found, tmp_path):
    block = leaderboard.page(found).partition("```{raw} html\n")[2].rpartition("\n```")[0]
    script = (html.FOLDER / "board.js").read_text()
    body = f"{block.partition('<script')[0]}<script>{script}</script>"
    page = f"<!DOCTYPE html><html><head><title>t</title></head><body>{body}</body></html>"
    (seen,), console = browser.look(tmp_path, [browser.Frame(page, 1200)], SCRIPT)
    assert seen["errors"] == []
    assert console == []
    assert seen["all"]["rows"] == sum(len(each.rows) for each in found)
    (masks,) = (each for each in found if each.name == "composed_foreground")
    assert seen["one"]["rows"] == len(masks.rows)
    heads = [" ".join(head.split()) for head in seen["one"]["heads"]]
    assert "IoU by image" in heads
    assert "MSE" not in heads
    assert seen["sorted"] == sorted(seen["sorted"])
    assert len(seen["sorted"]) == len(masks.rows)
