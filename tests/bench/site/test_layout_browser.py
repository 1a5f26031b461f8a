"""A page of the site in a real browser: numbers stay on their line, and only boxes scroll."""

import re
import shutil

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

```bash
python -m bench run {"--an-option-of-many " * 20}
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
    frames = [browser.Frame(re.sub(r"<script src=[^>]*>", "<script>", page), w) for w in WIDTHS]
    found, _ = browser.look(folder / "look", frames, SCRIPT)
    return dict(zip(WIDTHS, found, strict=True))


@pytest.mark.parametrize("width", WIDTHS)
def test_numbers_stay_on_a_line_and_the_page_does_not_scroll(seen, width):
    lines = dict(seen[width]["lines"])
    assert {text: lines[text] for text in NUMBERS} == dict.fromkeys(NUMBERS, 1)
    (words,) = (num for text, num in lines.items() if text.startswith("Learns classes"))
    assert words < 6  # of 102 characters
    assert seen[width]["width"] == width


def test_an_option_is_shown_as_it_is_typed(seen):
    assert "give --models" in seen[WIDTHS[0]]["text"]
