"""The order of the pages in the site's contents; a page that is not named here comes at an end."""

from collections.abc import Iterable

# Heading, and the pages below it, some with another title than their own.
CONTENTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "Guides",
        (
            *("docs/reconstruct", "docs/denoise", "docs/detect_anomalies", "docs/segment"),
            *("docs/generate", "docs/tune", "docs/data", "docs/pretrained", "docs/measure"),
            "docs/export",
        ),
    ),
    ("Models", ("models/index", "All on one budget <docs/models>")),
    (
        "Results",
        ("leaderboard", "docs/study", "docs/speed", "docs/published_numbers", "docs/findings"),
    ),
    ("Reference", ("api/index", "docs/options", "docs/definitions")),
    ("Project", ("CONTRIBUTING", "ARCHITECTURE", "CHANGELOG")),
)


def toctrees(pages: Iterable[str]) -> str:
    """Returns the contents in Markdown.

    Args:
        pages: Names of the pages that must be reached from here; those that `CONTENTS` does not
            name are added to the guides.
    """
    listed_pages = (page for _, listed in CONTENTS for page in listed)
    named = {page.partition("<")[2].rstrip(">") or page for page in listed_pages}
    others = [page for page in pages if page not in named]
    blocks = []
    for number, (heading, listed) in enumerate(CONTENTS):
        shown = [*listed, *(others if number == 0 else ())]
        blocks.append(
            "\n".join(["```{toctree}", ":hidden:", f":caption: {heading}", "", *shown, "```"])
        )
    return "\n\n".join(blocks)
