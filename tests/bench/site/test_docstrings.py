"""Docstrings become Markdown, and nothing that stands in one can be taken for a mark."""

import textwrap

import pytest
from markdown_it import MarkdownIt

from bench.site import docstrings

TEXT = textwrap.dedent(
    """\
    Computes a mean.

        sum_i x_i / n

    The reader of `x` may be `Thing`; see https://example.org/a_b.

    Args:
        x, y: Numbers, one a
            row.
        **kwargs: Passed on.

    Returns:
        A number.

    Raises:
        ValueError: for none.

    Example:
        >>> mean([1, 3])
        2

    Differs from the paper: `n` is counted.
    Reference: Somebody, 1990. https://example.org
    """
)


def test_sections_keep_their_order_and_text():
    found = docstrings.sections(TEXT)
    titles = ["", "Args", "Returns", "Raises", "Example", "Differs from the paper", "Reference"]
    assert [part.title for part in found] == titles
    assert found[0].paragraphs[0] == "Computes a mean."
    assert found[2].text == "A number."


def test_markdown_of_each_kind_of_section():
    link = {"Thing": "[Thing](thing.md)"}.get
    text = docstrings.markdown(docstrings.sections(TEXT), link)
    assert "```text\nsum_i x_i / n\n```" in text
    assert "reader of `x` may be [Thing](thing.md); see <https://example.org/a_b>." in text
    assert "`x`, `y`\n: Numbers, one a row.\n\n`**kwargs`\n: Passed on." in text
    assert "```pycon\n>>> mean([1, 3])\n2\n```" in text
    assert "**Differs from the paper:** `n` is counted." in text
    assert "**Reference:** Somebody, 1990. <https://example.org>" in text


@pytest.mark.parametrize(
    "text",
    [
        "a * b * c, **x** and _y_ or __z__",
        "a <script>alert(1)</script> & <b>",
        "[a](b) ![c](d) [e]: f",
        "{py:obj} x | y ~ z $e^x$ a^b",
        "# no heading",
        "+ and % and :::{note}",
        "1. is no list",
        "a \\ b",
    ],
)
def test_plain_text_stays_what_it_is(text):
    """Rendered as Markdown, the text is one paragraph that says just this."""
    tokens = MarkdownIt().parse(docstrings.prose(text))
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    children = tokens[1].children
    assert {child.type for child in children} <= {"text", "text_special", "softbreak"}
    assert "".join(child.content for child in children) == text
