"""A page of the site in a real browser: numbers stay on their line, and only boxes scroll."""

import re
import shutil
from importlib import resources

import browser
import pytest

from bench.site import build

pytestmark = [pytest.mark.slow, browser.needs_browser]
WIDTHS = (390, 1280)  # pixels: a phone, a screen
NUMBERS = ("0.0189 ± 0.0019", "1.4 (0.66 to 2.4)", "MSE 0.0189 ± 0.0019", "14.370 ± 0.977")
HEAD = [f"what number {n} of them says" for n in range(len(NUMBERS))]
PAGE = f"""# Start

| model | what it does | {" | ".join(HEAD)} |
| --- | --- | ---: | --- | --- | ---: |
| `semi_supervised_vae` | {"Learns classes from a few labels. " * 3} | {" | ".join(NUMBERS)} |
| give --models | a name | 1 | 2 | 3 | 4 |

```python
import numpy as np  # a comment
print(np.zeros((2, 3)), "text", None, True, lambda x: x + 1)
```

```bash
python -m bench run --limit 64 {"--an-option-of-many " * 20}
```
"""
SCRIPT = """
  const cells = [...document.querySelectorAll('article td')];
  const lines = cell => {
    const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT), tops = [];
    while (texts.nextNode()) {
      const range = document.createRange();
      range.selectNodeContents(texts.currentNode);
      for (const box of range.getClientRects())
        if (box.width && tops.every(top => Math.abs(top - box.top) > 10)) tops.push(box.top);
    }
    return tops.length;
  };
  found.text = document.querySelector('article').textContent;
  found.lines = cells.map(cell => [cell.textContent.trim(), lines(cell)]);
  const rules = ['scrollable-region-focusable', 'color-contrast'];
  const report = await axe.run('article', {runOnly: {type: 'rule', values: rules}});
  found.passes = report.passes.map(rule => rule.id);
  found.violations = report.violations.map(rule =>
    [rule.id, ...rule.nodes.map(node => node.html.slice(0, 80))]);
  found.width = document.documentElement.scrollWidth;
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    source = folder / "source"
    shutil.copytree(build.HERE / "static", source / "static")
    shutil.copyfile(build.HERE / "conf.py", source / "conf.py")
    (source / "index.md").write_text(PAGE)
    assert build.run_sphinx(source, folder / "html", folder / "doctrees") == []

    def style(found):
        return f"<style>{(folder / 'html' / found[1]).read_text()}</style>"

    page = (folder / "html/index.html").read_text()
    page = re.sub(r'<link rel="stylesheet"[^>]* href="(_static/[^"?]*)[^>]*>', style, page)
    own = f"<script>{(folder / 'html/_static/site.js').read_text()}</script>"
    page = re.sub(r'<script src="_static/site\.js[^>]*></script>', lambda _: own, page)
    page = re.sub(r"<script src=[^>]*>", "<script>", page)
    axe = pytest.importorskip("axe_core_python", reason="the extra [test] has axe-core")
    library = (resources.files(axe) / "axe.min.js").read_text(encoding="utf-8")
    page = page.replace("</body>", f"<script>{library}</script></body>")
    found, _ = browser.look(folder / "look", [browser.Frame(page, w) for w in WIDTHS], SCRIPT)
    return dict(zip(WIDTHS, found, strict=True))


@pytest.mark.parametrize("width", WIDTHS)
def test_numbers_stay_on_a_line_and_the_page_does_not_scroll(seen, width):
    lines = dict(seen[width]["lines"])
    assert {text: lines[text] for text in NUMBERS} == dict.fromkeys(NUMBERS, 1)
    (words,) = (num for text, num in lines.items() if text.startswith("Learns classes"))
    assert words < 6  # of 102 characters
    assert seen[width]["width"] == width


@pytest.mark.parametrize("width", WIDTHS)
def test_what_scrolls_is_reached_by_keyboard_and_code_can_be_read(seen, width):
    assert seen[width]["violations"] == []
    assert "color-contrast" in seen[width]["passes"]
    if width == 390:
        assert "scrollable-region-focusable" in seen[width]["passes"]


def test_an_option_is_shown_as_it_is_typed(seen):
    assert "give --models" in seen[WIDTHS[0]]["text"]
